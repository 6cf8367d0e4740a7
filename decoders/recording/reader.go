package recording

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/neurod/neurod/eeg"
)

// Format names a file format.
type Format string

// Reader is all that is known of a format: one row of the registry in package formats, from which everything else follows
// (what is recognized, opened, streamed, listed as supported, taken by an import). A format that is known and not read has a
// Refusal and neither Whole nor Inspect nor Files.
//
// A reader gets its bytes and its memory from a Source and from nothing else. The conformance suite (package readertest) starts from
// Example and holds every row to the same promises.
type Reader struct {
	Formats []Format // that Sniff tells apart and the reader reads; the first is what a file is by its name alone
	Names   []string // in lists of what is supported, such as "EDF", "EDF+"

	Extensions []string     // that name the format where the content leaves it open: ".edf"
	Ambiguous  []string     // extensions that its files have and those of other formats too: ".csv"
	Parts      []string     // extensions of files that belong to a recording and are not listed as one: ".vmrk"
	MediaTypes []string     // of an upload
	Encoding   eeg.Encoding // of a decode request that carries it; "" where a request cannot

	// Sniff tells the format from the first bytes of a file (HeadBytes of them, or all of a shorter one); "" where it is another.
	// Rows are asked in their order.
	Sniff func(head []byte) Format
	// Whole reads a recording into memory. at gives the same bytes as src at any place. name is the file's, without folders.
	// Nil where a format is read by Files or as a stream alone.
	Whole func(src *Source, at io.ReaderAt, name string) (*Recording, error)
	// Inspect reads a recording to its end without its samples. It fills in what Open must know before the first sample.
	// Nil where a format is not read as it comes in.
	Inspect func(src *Source, name string, plan *Plan) (*Recording, error)
	// Open begins to read the samples of a recording that was inspected.
	Open func(src *Source, plan Plan) (*Stream, error)
	// Files reads a recording of several files, given one of them (with one of the extensions above). mine is false where the others
	// are not there: the file is then judged by itself.
	Files func(fsys fs.FS, name string) (rec *Recording, mine bool, err error)
	// Refusal says why a file of the format is not read by itself.
	Refusal string
	// Alone says why a file with an extension of Ambiguous or Parts is refused whose content tells nothing.
	Alone string
	// Example makes a small file of each of Formats that Sniff tells apart, with its name. Nil where a format is not read from one
	// file.
	Example func(format Format) (name string, content []byte)
}

// HeadBytes is what Sniff wants to see of a file.
const HeadBytes = 4096

// Prefix makes the Sniff of a format whose files begin with one of the given bytes.
func Prefix(format Format, magic ...string) func([]byte) Format {
	return func(head []byte) Format {
		if slices.ContainsFunc(magic, func(m string) bool { return bytes.HasPrefix(head, []byte(m)) }) {
			return format
		}
		return ""
	}
}

// Read reads a file of size bytes by the row, whatever Sniff says of it.
func (r Reader) Read(name string, at io.ReaderAt, size int64) (*Recording, error) {
	return r.Whole(WholeSource(at, size), at, path.Base(name))
}

// Unknown is the format of what no reader recognizes.
const Unknown Format = "unknown"
