// Package formats opens EEG recordings of every format that is read. Table is the registry: a row for each format, and everything
// else here follows from it. Open finds the format from the content first and from the name second.
//
// Each format has a package of its own beside this one, over the contract in package recording. To add one: write its package, give it a
// recording.Reader with an Example, and put it into Table; the conformance suite, the lists of what is supported, imports and
// evaluations take it from there.
package formats

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/brainvision"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/eeglab"
	"github.com/neurod/neurod/decoders/recording/gdf"
	"github.com/neurod/neurod/decoders/recording/raw"
	"github.com/neurod/neurod/decoders/recording/text"
	"github.com/neurod/neurod/decoders/recording/xdf"
	"github.com/neurod/neurod/eeg"
)

// Formats that are not reader's.
const (
	Unknown                  = recording.Unknown
	Gzip    recording.Format = "gzip"
	Zip     recording.Format = "zip"

	// Known, and not read:
	EyeLink recording.Format = "EyeLink EDF"
	MATLAB  recording.Format = "MATLAB"
	HDF5    recording.Format = "HDF5"
	FIF     recording.Format = "FIF"
	GitLFS  recording.Format = "Git LFS pointer"
	JSON    recording.Format = "JSON"
	NumPy   recording.Format = "NumPy"
)

// Table is the registry of formats, in the order in which a file is held against them: those with a mark in their first bytes, then
// text by its first lines.
func Table() []recording.Reader { // a function, because the archives in it come back to it
	return []recording.Reader{
		edf.Reader, edf.BDFReader, gdf.Reader, brainvision.Reader, brainvision.Markers, xdf.Reader, eeglab.Reader,
		text.MuseReader, text.MindMonitorReader, text.OpenBCIReader,
		zipReader(), gzipReader(),
		refused(EyeLink, "this is an eye tracker's file of SR Research, which only shares its extension with the European Data Format", "SR_RESEARCH"),
		refused(MATLAB, "MATLAB files of level 7.3, which are HDF5, are not supported: save the data set of EEGLAB with -v6 or -v7, or without the option for large files", "MATLAB 7.3 MAT-file", ".mat"),
		refused(HDF5, "HDF5 files are not supported: they state neither rate nor units in a standard way", "\x89HDF\r\n"),
		refused(FIF, "FIF files are not supported. Export to EDF or BrainVision", "\x00\x00\x00\x64\x00\x00\x00\x1f"),
		refused(GitLFS, "this is a pointer of Git LFS, not the recording it stands for", "version https://git-lfs"),
		refused(NumPy, "NumPy arrays are not supported: they state neither rate nor channels", "\x93NUMPY"),
		jsonText(),
		text.TableReader, raw.Reader,
	}
}

// refused is the row of a format that is known by its first bytes, and not read.
func refused(format recording.Format, why string, magic string, extensions ...string) recording.Reader {
	return recording.Reader{Formats: []recording.Format{format}, Extensions: extensions, Sniff: recording.Prefix(format, magic), Refusal: why}
}

// jsonText is the row of JSON, which may belong to a recording and is none.
func jsonText() recording.Reader {
	return recording.Reader{Formats: []recording.Format{JSON}, Refusal: "JSON holds no recording", Sniff: func(head []byte) recording.Format {
		if line, _ := recording.FirstLine(head); strings.HasPrefix(line, "{") || strings.HasPrefix(line, "[") {
			return JSON
		}
		return ""
	}}
}

// rowOf returns the row of a format.
func rowOf(format recording.Format) (row recording.Reader, known bool) {
	return first(Table(), func(r *recording.Reader) bool { return slices.Contains(r.Formats, format) })
}

// Encoded returns the reader of files in an encoding of decode requests, such as eeg.EDF.
func Encoded(encoding eeg.Encoding) (row recording.Reader, known bool) {
	return first(Table(), func(r *recording.Reader) bool { return encoding != "" && r.Encoding == encoding })
}

func first(table []recording.Reader, is func(*recording.Reader) bool) (row recording.Reader, found bool) {
	for i := range table {
		if is(&table[i]) {
			return table[i], true
		}
	}
	return recording.Reader{}, false
}

// Sniff tells the format from the first bytes (recording.HeadBytes are enough), and from the file name where the content
// leaves it open. It returns Unknown where neither tells.
func Sniff(name string, head []byte) recording.Format {
	_, format := recognize(name, head)
	return format
}

// recognize is Sniff with the row of the format; of Unknown it is empty.
func recognize(name string, head []byte) (recording.Reader, recording.Format) {
	table := Table()
	for i := range table {
		if f := table[i].Sniff(head); f != "" {
			return table[i], f
		}
	}
	if r, ok := first(table, func(r *recording.Reader) bool { return slices.Contains(r.Extensions, extension(name)) }); ok {
		return r, r.Formats[0] // its reader says what is wrong with it
	}
	return recording.Reader{}, Unknown
}

func extension(name string) string { return strings.ToLower(path.Ext(name)) }

// Supported returns the names of the formats that are read.
func Supported() []string {
	return collect(func(r *recording.Reader) []string { return r.Names })
}

// Extensions returns the file name extensions of recordings. Files that only belong to one have others.
func Extensions() []string {
	return collect(func(r *recording.Reader) []string {
		if r.Whole == nil && r.Inspect == nil && r.Files == nil {
			return nil
		}
		return slices.Concat(r.Extensions, r.Ambiguous)
	})
}

// MediaTypes returns the media types of files that are read as they come in.
func MediaTypes() []string {
	return collect(func(r *recording.Reader) []string { return r.MediaTypes })
}

// collect gathers a column of the table, each entry once.
func collect(column func(*recording.Reader) []string) []string {
	var list []string
	for _, r := range Table() {
		for _, s := range column(&r) {
			if !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

// Open reads a recording of size bytes. It finds the format from the content first and from the file name second;
// gzip is unpacked. Formats of several files (BrainVision, a .f32 buffer with its .json) need OpenFS.
//
// Errors are *decoders.Error: unsupported_format, with the reason, for what is not read; payload_malformed for
// what breaks its format. Only a failing reader gives another error.
func Open(name string, r io.ReaderAt, size int64) (*recording.Recording, error) {
	if size <= 0 {
		return nil, recording.Malformed(Unknown, map[string]any{"bytes": size}, "the file is empty")
	}
	head := make([]byte, min(size, recording.HeadBytes))
	if err := recording.ReadFull(r, head, 0, Unknown, "first bytes"); err != nil {
		return nil, err
	}
	row, format := recognize(name, head)
	if row.Whole != nil {
		return row.Read(name, r, size)
	}
	return nil, refusal(row, format, name, head)
}

// OpenFS reads the recording of the given name from a file system, with the files that belong to it: the .vhdr, .eeg
// and .vmrk of BrainVision (by any of their names), the .json and .events.csv of a .f32 buffer. Everything else
// is read as Open does.
func OpenFS(fsys fs.FS, name string) (*recording.Recording, error) {
	for _, r := range Table() {
		if r.Files == nil || !slices.Contains(slices.Concat(r.Extensions, r.Ambiguous, r.Parts), extension(name)) {
			continue
		}
		if rec, mine, err := r.Files(fsys, name); mine {
			return rec, err
		}
	}
	f, err := recording.OpenFile(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Open(path.Base(name), f, f.Size)
}

// refusal is the error of a file of a format that is not read, or not in this way.
func refusal(row recording.Reader, f recording.Format, name string, head []byte) error {
	if row.Refusal != "" {
		return recording.Unsupported(f, nil, "%s", row.Refusal)
	}
	belongs := func(r *recording.Reader) bool {
		return r.Alone != "" && slices.Contains(slices.Concat(r.Ambiguous, r.Parts), extension(name))
	}
	if row, ok := first(Table(), belongs); ok {
		return recording.Unsupported(row.Formats[0], nil, "%s", row.Alone)
	}
	return decoders.Errorf(decoders.CodeUnsupportedFormat, map[string]any{"format": string(Unknown), "first_bytes": fmt.Sprintf("%.16q", head[:min(16, len(head))]),
		"supported": Supported()}, "the content is none of the formats that are read (%s)", strings.Join(Supported(), ", "))
}
