package recording

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders"
)

// mostHeld is the largest file, unpacked, that is read as it comes in and cannot be used before its end is there: the clocks of
// XDF stand throughout the file, a ZIP archive's list at its end. Such a file is held in memory, and its samples.
const mostHeld = 64 << 20

// held makes a reader of a format that must be held: it surveys and streams what it reads as a whole.
func held(format Format, whole func(src *source, at io.ReaderAt, name string) (*Recording, error)) reader {
	read := func(src *source, name string) (*Recording, error) {
		b, err := io.ReadAll(io.LimitReader(src, mostHeld+1))
		if err != nil {
			return nil, err
		}
		if len(b) > mostHeld {
			return nil, unsupported(format, map[string]any{"bytes_limit": mostHeld},
				"a file of this format is held in memory while it is imported, so it may have at most %d bytes; convert it to EDF or BDF, or cut it", mostHeld)
		}
		src.size = int64(len(b))
		return whole(wholeSource(bytes.NewReader(b), int64(len(b))), bytes.NewReader(b), name)
	}
	return reader{
		whole: whole,
		survey: func(src *source, name string, plan *Plan) (*Recording, error) {
			rec, err := read(src, name)
			if err != nil {
				return nil, err
			}
			plan.Name = name
			rec.Events, rec.Targets, rec.Annotations, rec.Gaps = nil, nil, nil, nil
			for i := range rec.Channels {
				rec.Channels[i].Samples = nil
			}
			return rec, nil
		},
		open: func(src *source, plan Plan) (*Stream, error) {
			rec, err := read(src, plan.Name)
			if err != nil {
				return nil, err
			}
			return streamOf(src, rec), nil
		},
	}
}

// heldStream gives a recording that is in memory as blocks.
type heldStream struct {
	rec    *Recording // with samples
	skip   []bool
	at     float64 // s of samples that were given
	gap    int     // of rec.Gaps, that comes next
	marked int     // events that were given
	noted  int     // annotations
	before float64 // s of gaps before at
	end    float64 // s of samples
	step   float64 // s of a block
	events []decoders.Event
}

// streamOf takes the samples out of a recording and gives them as a stream.
func streamOf(src *source, rec *Recording) *Stream {
	head := *rec
	head.Channels = slices.Clone(rec.Channels)
	head.Gaps, head.Events, head.Annotations, head.Targets = nil, nil, nil, nil
	s := &heldStream{rec: rec, skip: make([]bool, len(rec.Channels)), end: rec.Seconds()}
	perSecond := 1.0
	for i := range head.Channels {
		head.Channels[i].Samples = nil
		perSecond += head.Channels[i].Rate
	}
	s.step = max((1<<16)/perSecond, s.end/4096) // a rate of next to nothing makes no endless row of blocks
	// Every annotation has made an event, which would come twice.
	type key struct {
		onset float64
		label string
	}
	noted := map[key]int{}
	for _, a := range rec.Annotations {
		noted[key{a.Onset, a.Label}]++
	}
	for _, e := range rec.Events {
		if k := (key{e.Onset, e.Label}); noted[k] > 0 {
			noted[k]--
			continue
		}
		s.events = append(s.events, e)
	}
	return &Stream{src: src, rec: &head, skip: s.skip, source: s}
}

func (s *heldStream) next(b *Block) error {
	if s.at >= s.end {
		return io.EOF
	}
	b.At = s.at
	if s.gap < len(s.rec.Gaps) && s.at >= s.rec.Gaps[s.gap].At {
		b.Gap = s.rec.Gaps[s.gap].Length
		s.before += b.Gap
		s.gap++
	}
	to := s.at + s.step
	if s.gap < len(s.rec.Gaps) {
		to = min(to, s.rec.Gaps[s.gap].At)
	}
	last := to >= s.end
	for i := range s.rec.Channels {
		c := &s.rec.Channels[i]
		if s.skip[i] || c.Rate <= 0 {
			continue
		}
		index := func(at float64) int { return min(len(c.Samples), int(math.Round(at*c.Rate))) }
		from, end := index(s.at), index(to)
		if last {
			end = len(c.Samples)
		}
		b.Samples[i] = append(b.Samples[i], c.Samples[from:max(from, end)]...)
	}
	for ; s.marked < len(s.events) && (last || s.events[s.marked].Onset < to); s.marked++ {
		b.Events = append(b.Events, s.events[s.marked])
	}
	for ; s.noted < len(s.rec.Annotations) && (last || s.rec.Annotations[s.noted].Onset < to); s.noted++ {
		a := s.rec.Annotations[s.noted]
		a.Onset += s.before
		b.Annotations = append(b.Annotations, a)
	}
	if s.at = to; last {
		s.at = s.end
	}
	return nil
}

// readZip reads the one recording of a ZIP archive: a BrainVision header with the files that belong to it, a buffer with its
// header, or one file of any format that is read by itself. Other files, such as a note, are passed over.
func readZip(src *source, at io.ReaderAt, _ string) (*Recording, error) {
	members, err := OpenZip(at, src.size)
	if err != nil {
		return nil, err
	}
	files := memFS{}
	left := unpackLimit(src.size)
	left = min(left, mostHeld)
	var headers, others, left0 []string
	for _, m := range members {
		ext := strings.ToLower(path.Ext(m.Name))
		switch ext {
		case ".txt", ".csv", ".tsv", ".json", ".md", ".pdf", ".html", ".tex", ".xml":
			left0 = append(left0, m.Name)
		}
		b, err := m.unpack(left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(b))
		if err := src.hold(int64(len(b)), Zip, "files of the archive"); err != nil {
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
	found := headers
	if len(found) == 0 {
		found = others
		if len(found) > 1 { // notes and tables beside a recording
			found = slices.DeleteFunc(slices.Clone(found), func(n string) bool { return slices.Contains(left0, n) })
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
		return nil, unsupported(Zip, map[string]any{"members": names}, "the archive holds no recording that is read")
	case len(found) > 1:
		return nil, unsupported(Zip, map[string]any{"members": found}, "the archive holds %d recordings (%s, %s, ...); a session is made of one", len(found), found[0], found[1])
	}
	rec, err := OpenFS(files, found[0])
	if err != nil {
		return nil, err
	}
	if len(headers) == 0 && len(members) > 1 {
		rec.warn("of the archive's %d files only %s was read", len(members), found[0])
	}
	return rec, nil
}

// isRecording tells whether a file of an archive is read by itself.
func isRecording(name string, b []byte) bool {
	format := Sniff(path.Base(name), b[:min(len(b), headBytes)])
	r, known := readers[format]
	return known && r.whole != nil && format != Zip && len(b) > 0
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
		return nil, malformed(Zip, map[string]any{"member": m.Name}, "%s: %v", m.Name, err)
	}
	b, err := readLimited(f, limit, Zip)
	if err = errors.Join(err, f.Close()); err != nil {
		var known *decoders.Error
		if errors.As(err, &known) {
			return nil, known
		}
		return nil, err
	}
	return b, nil
}
