package recording

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/neurod/neurod/decoders"
)

// Format names a file format.
type Format string

// The formats that Sniff tells apart besides those beside their readers.
const (
	Unknown Format = "unknown"
	Gzip    Format = "gzip"
	Zip     Format = "zip"

	// Known, and not read:
	EyeLink   Format = "EyeLink EDF"
	MATLAB    Format = "MATLAB"
	HDF5      Format = "HDF5"
	FIF       Format = "FIF"
	GitLFS    Format = "Git LFS pointer"
	JSON      Format = "JSON"
	NumPy     Format = "NumPy"
	BrainMark Format = "BrainVision markers"
)

// refusals says why a known format is not read.
var refusals = map[Format]string{
	EyeLink:   "this is an eye tracker's file of SR Research, which only shares its extension with the European Data Format",
	MATLAB:    "MATLAB files are not read: they name neither rate nor units in a standard way",
	HDF5:      "HDF5 files are not read: they name neither rate nor units in a standard way",
	FIF:       "FIF files are not read. Export to EDF or BrainVision",
	GitLFS:    "this is a pointer of Git LFS, not the recording it stands for",
	JSON:      "JSON holds no recording",
	NumPy:     "NumPy arrays are not read: they name neither rate nor channels",
	BrainMark: "this is the marker file of a BrainVision recording; open its .vhdr file",
	Zip:       "this is a ZIP archive of files; open its members",
}

const headBytes = 4096 // what Sniff wants to see of a file

// Sniff tells the format from the first bytes (4096 are enough), and from the file name where the content
// leaves it open. It returns Unknown where neither tells.
func Sniff(name string, head []byte) Format {
	magic := []struct {
		prefix string
		format Format
	}{
		{"\xffBIOSEMI", BDF}, {"GDF ", GDF1}, {"XDF:", XDF}, {"SR_RESEARCH", EyeLink}, {"version https://git-lfs", GitLFS},
		{"PK\x03\x04", Zip}, {"PK\x05\x06", Zip}, {"\x1f\x8b", Gzip}, {"MATLAB 5.0 MAT-file", MATLAB}, {"\x89HDF\r\n", HDF5},
		{"\x93NUMPY", NumPy}, {"\x00\x00\x00\x64\x00\x00\x00\x1f", FIF},
	}
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.prefix)) {
			if m.format == GDF1 && len(head) > 4 && head[4] == '2' {
				return GDF2
			}
			return m.format
		}
	}
	if isEDF(head) {
		return EDF
	}
	if f := sniffText(head); f != Unknown {
		return f
	}
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".edf", ".rec":
		return EDF // its reader says what is wrong with it
	case ".bdf":
		return BDF
	case ".gdf":
		return GDF1
	case ".vhdr", ".ahdr":
		return BrainVision
	case ".xdf", ".xdfz":
		return XDF
	case ".mat":
		return MATLAB
	}
	return Unknown
}

// isEDF recognizes the version field of EDF: "0" padded to eight bytes, with the printable header behind it.
func isEDF(head []byte) bool {
	if len(head) < 8 || head[0] != '0' {
		return false
	}
	for _, c := range head[1:8] {
		if c != ' ' && c != 0 {
			return false
		}
	}
	return len(head) < 256 || bytes.IndexByte(head[8:256], '\n') < 0
}

// sniffText recognizes the text formats by their first line.
func sniffText(head []byte) Format {
	if len(head) > 0 && bytes.IndexByte(head, 0) >= 0 {
		head = plainText(head) // UTF-16
	}
	if len(head) == 0 || bytes.IndexByte(head, 0) >= 0 {
		return Unknown
	}
	s := strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n")
	line, _, _ := strings.Cut(s, "\n")
	line = strings.TrimSpace(line)
	fields := dialectOf(line).split(line)
	if len(fields) == 0 { // white space
		return Unknown
	}
	switch bare := strings.TrimLeft(line, `"`); {
	case strings.HasPrefix(bare, "%OpenBCI"), strings.HasPrefix(bare, "%OBCI"):
		return OpenBCI
	case strings.HasPrefix(bare, "Sample Index") && len(fields) > 1 && strings.Contains(line, "EXG Channel"):
		return OpenBCI
	case strings.HasPrefix(line, "Brain Vision") || strings.HasPrefix(line, "BrainVision"):
		if strings.Contains(line, "Marker") {
			return BrainMark
		}
		return BrainVision
	case strings.EqualFold(fields[0], "TimeStamp") && strings.Contains(line, "RAW_"):
		return MindMonitor
	case strings.EqualFold(fields[0], "timestamps") && len(fields) > 1:
		return MuseCSV
	case strings.HasPrefix(line, "{"), strings.HasPrefix(line, "["):
		return JSON
	}
	if looksTabular(s, len(head) >= headBytes) {
		return Table
	}
	return Unknown
}

// Open reads a recording of size bytes. It finds the format from the content first and from the file name second;
// gzip is unpacked. Formats of several files (BrainVision, a .f32 buffer with its .json) need OpenFS.
//
// Errors are *decoders.Error: unsupported_format, with the reason, for what is not read; payload_malformed for
// what breaks its format. Only a failing reader gives another error.
func Open(name string, r io.ReaderAt, size int64) (*Recording, error) {
	if size <= 0 {
		return nil, Malformed(Unknown, map[string]any{"bytes": size}, "the file is empty")
	}
	head := make([]byte, min(size, headBytes))
	if err := ReadFull(r, head, 0, Unknown, "first bytes"); err != nil {
		return nil, err
	}
	format := Sniff(name, head)
	if _, known := readers[format]; known && format != Zip { // an archive may hold many: see OpenZip
		return readWhole(format, name, r, size)
	}
	if format == Gzip {
		return openGzip(name, r, size)
	}
	return nil, refusal(format, name, head)
}

// refusal is the error of a file of a format that Open does not read.
func refusal(f Format, name string, head []byte) error {
	if f == BrainVision {
		return Unsupported(f, nil, "a BrainVision header alone holds no samples: its .eeg and .vmrk files are needed too, for an import in one ZIP archive")
	}
	if reason, known := refusals[f]; known {
		return Unsupported(f, nil, "%s", reason)
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".f32", ".raw", ".bin":
		return Unsupported(formatRaw, nil, "a raw buffer tells neither rate nor channels: a .json file beside it must")
	case ".eeg":
		return Unsupported(BrainVision, nil, "the samples of a BrainVision recording cannot be read without its .vhdr file")
	}
	return decoders.Errorf(decoders.CodeUnsupportedFormat, map[string]any{"format": string(Unknown), "first_bytes": fmt.Sprintf("%.16q", head[:min(16, len(head))]),
		"supported": Supported()}, "the content is none of the formats that are read (%s)", strings.Join(Supported(), ", "))
}

// Supported returns the names of the formats that are read.
func Supported() []string {
	return []string{"EDF", "EDF+", "BDF", "BDF+", "GDF 1.x and 2.x", "BrainVision", "XDF", "Muse CSV", "Mind Monitor CSV", "OpenBCI text",
		"tables of numbers", "raw float32 or int16 with JSON"}
}
