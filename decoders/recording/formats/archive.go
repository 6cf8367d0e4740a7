package formats

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/raw"
)

// Member is one recording of a ZIP archive. It is read when Open is called, so an archive of many needs the memory
// of one.
type Member struct {
	Name string // with the folders of the archive
	file *zip.File
}

// OpenZip lists the files of a ZIP archive of size bytes, ordered by name, without folders and hidden files.
func OpenZip(r io.ReaderAt, size int64) ([]Member, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, recording.Malformed(Zip, map[string]any{"bytes": size}, "%v", err)
	}
	var members []Member
	for _, f := range z.File {
		base := path.Base(f.Name)
		if strings.HasSuffix(f.Name, "/") || strings.HasPrefix(base, ".") || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		members = append(members, Member{Name: f.Name, file: f})
	}
	slices.SortStableFunc(members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return members, nil
}

// Open unpacks and reads the member. A member that unpacks to more than 64 times its packed size (and more than a
// mebibyte) is refused.
func (m Member) Open() (*recording.Recording, error) {
	f, err := m.file.Open()
	if err != nil {
		return nil, recording.Malformed(Zip, map[string]any{"member": m.Name}, "%s: %v", m.Name, err)
	}
	defer f.Close()
	b, err := recording.ReadLimited(f, unpackLimit(int64(min(m.file.CompressedSize64, 1<<40))), Zip)
	if err != nil {
		return nil, err
	}
	return Open(path.Base(m.Name), bytes.NewReader(b), int64(len(b)))
}

// readZip reads the one recording of a ZIP archive: a BrainVision header with the files that belong to it, a buffer with its
// header, or one file of any format that is read by itself. Other files, such as a note, are passed over.
func readZip(src *recording.Source, at io.ReaderAt, _ string) (*recording.Recording, error) {
	members, err := OpenZip(at, src.Size())
	if err != nil {
		return nil, err
	}
	files := memFS{}
	left := unpackLimit(src.Size())
	left = min(left, recording.MostHeld)
	var headers, others, notes []string
	for _, m := range members {
		ext := strings.ToLower(path.Ext(m.Name))
		switch ext {
		case ".txt", ".csv", ".tsv", ".json", ".md", ".pdf", ".html", ".tex", ".xml":
			notes = append(notes, m.Name)
		}
		b, err := m.unpack(left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(b))
		if err := src.Hold(int64(len(b)), Zip, "files of the archive"); err != nil {
			return nil, err
		}
		files[m.Name] = b
		switch {
		case ext == ".vhdr" || ext == ".ahdr":
			headers = append(headers, m.Name)
		case isRecording(m.Name, b):
			others = append(others, m.Name)
		}
	}
	for _, m := range members {
		if isBuffer(files, m.Name) {
			headers = append(headers, m.Name)
		}
	}
	found := headers
	if len(found) == 0 {
		found = others
		if len(found) > 1 { // notes and tables beside a recording
			found = slices.DeleteFunc(slices.Clone(found), func(n string) bool { return slices.Contains(notes, n) })
			if len(found) == 0 {
				found = others
			}
		}
	}
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Name
	}
	switch {
	case len(found) == 0:
		return nil, recording.Unsupported(Zip, map[string]any{"members": names}, "the archive holds no recording that is read")
	case len(found) > 1:
		return nil, recording.Unsupported(Zip, map[string]any{"members": found}, "the archive holds %d recordings (%s, %s, ...); a session is made of one", len(found), found[0], found[1])
	}
	rec, err := OpenFS(files, found[0])
	if err != nil {
		return nil, err
	}
	if len(headers) == 0 && len(members) > 1 && !partsOf(found[0], names) {
		rec.Warnf("of the archive's %d files only %s was read", len(members), found[0])
	}
	return rec, nil
}

// partsOf reports whether the files beside a recording are parts of it, as their extensions say.
func partsOf(name string, all []string) bool {
	row, ok := first(Table(), func(r *recording.Reader) bool {
		return r.Files != nil && slices.Contains(r.Extensions, extension(name))
	})
	return ok && !slices.ContainsFunc(all, func(other string) bool { return other != name && !slices.Contains(row.Parts, extension(other)) })
}

// isRecording reports whether a file of an archive is read by itself.
func isRecording(name string, b []byte) bool {
	format := Sniff(path.Base(name), b[:min(len(b), recording.HeadBytes)])
	r, known := rowOf(format)
	return known && r.Whole != nil && format != Gzip && len(b) > 0
}

// isBuffer reports whether a file of an archive is a buffer whose header is there, too.
func isBuffer(files memFS, name string) bool {
	if !slices.Contains(raw.Reader.Ambiguous, extension(name)) {
		return false
	}
	_, ok := files[strings.TrimSuffix(name, path.Ext(name))+".json"]
	return ok
}

// memFS are files in memory, by name.
type memFS map[string][]byte

// Open implements fs.FS.
func (m memFS) Open(name string) (fs.File, error) {
	b, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &memFile{Reader: bytes.NewReader(b), name: path.Base(name)}, nil
}

// memFile is one of them.
type memFile struct {
	*bytes.Reader
	name string
}

func (f *memFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *memFile) Close() error               { return nil }
func (f *memFile) Name() string               { return f.name }
func (f *memFile) Mode() fs.FileMode          { return 0o444 }
func (f *memFile) ModTime() time.Time         { return time.Time{} }
func (f *memFile) IsDir() bool                { return false }
func (f *memFile) Sys() any                   { return nil }

// unpack reads the member, and refuses what is longer than limit bytes.
func (m Member) unpack(limit int64) ([]byte, error) {
	f, err := m.file.Open()
	if err != nil {
		return nil, recording.Malformed(Zip, map[string]any{"member": m.Name}, "%s: %v", m.Name, err)
	}
	b, err := recording.ReadLimited(f, limit, Zip)
	if err = errors.Join(err, f.Close()); err != nil {
		var known *decoders.Error
		if errors.As(err, &known) {
			return nil, known
		}
		return nil, err
	}
	return b, nil
}

// Unpacking may not turn a small upload into a large allocation: recordings of noise pack to a fifth at best, and
// no text of numbers packs beyond a 64th unless it is made for that.
const (
	mostRatio  = 64
	ratioFloor = 1 << 20 // bytes that are unpacked whatever the ratio
)

func unpackLimit(packed int64) int64 { return max(ratioFloor, packed*mostRatio) }

func openGzip(name string, r io.ReaderAt, size int64) (*recording.Recording, error) {
	z, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, recording.Malformed(Gzip, nil, "%v", err)
	}
	b, err := recording.ReadLimited(z, unpackLimit(size), Gzip)
	if err != nil {
		return nil, err
	}
	inner := strings.TrimSuffix(name, path.Ext(name))
	if bytes.HasPrefix(b, []byte("\x1f\x8b")) {
		return nil, recording.Unsupported(Gzip, nil, "gzip within gzip is not unpacked")
	}
	return Open(inner, bytes.NewReader(b), int64(len(b)))
}

// zipReader is the row of ZIP archives: one that comes in holds one recording. Several are opened by OpenZip.
func zipReader() recording.Reader {
	inspect, open := recording.Held(Zip, readZip)
	return recording.Reader{
		Formats: []recording.Format{Zip}, Ambiguous: []string{".zip"}, MediaTypes: []string{"application/zip"},
		Sniff: recording.Prefix(Zip, "PK\x03\x04", "PK\x05\x06"), Inspect: inspect, Open: open,
		Refusal: "this is a ZIP archive of files; open its members",
		Example: exampleZip,
	}
}

// exampleZip is an archive of a recording of several files.
func exampleZip(recording.Format) (string, []byte) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range [][2]string{
		{"example.vhdr", "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=example.eeg\nMarkerFile=example.vmrk\n" +
			"NumberOfChannels=2\nSamplingInterval=4000\n[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\nCh1=C3,,0.5\nCh2=C4,,0.5\n"},
		{"example.vmrk", "Brain Vision Data Exchange Marker File, Version 1.0\n[Marker Infos]\nMk1=Stimulus,S  7,2,1,0\n"},
		{"example.eeg", "\x01\x00\x02\x00\x03\x00\x04\x00"},
	} {
		// Writing to memory does not fail.
		part, _ := w.Create(f[0])
		_, _ = io.WriteString(part, f[1])
	}
	_ = w.Close()
	return "example.zip", b.Bytes()
}

// gzipReader is the row of a recording that is packed by gzip. What comes in as a stream is unpacked before.
func gzipReader() recording.Reader {
	return recording.Reader{
		Formats: []recording.Format{Gzip}, MediaTypes: []string{"application/gzip", "application/x-gzip"},
		Sniff: recording.Prefix(Gzip, "\x1f\x8b"), Refusal: "gzip within gzip is not unpacked",
		Whole: func(src *recording.Source, at io.ReaderAt, name string) (*recording.Recording, error) {
			return openGzip(name, at, src.Size())
		},
	}
}
