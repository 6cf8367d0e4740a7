package recording

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/neurod/neurod/decoders"
)

// Source is what every reader reads from, and the one place where memory for a file is granted: nothing that a file
// claims is believed before the bytes are there.
//
//   - Bytes reads what a header announces into memory that grows with what has come, never ahead of it.
//   - Hold takes memory out of the budget of the reading, for what is made of the bytes.
//
// No reader makes a slice of a length that is in a file by other means; the conformance suite measures it.
type Source struct {
	r    io.Reader
	at   int64 // bytes read so far
	size int64 // UnknownSize until the end was seen
	left int64 // bytes of memory that may still be held
}

// UnknownSize stands for the size of a source whose end has not been seen.
const UnknownSize = math.MaxInt64

// What one reading may hold. A whole recording is float64: eight times a file of bytes, and the time stamps of an XDF file
// of one channel as much again. What is read as a stream holds one data record and what the inspection learned.
const (
	wholeMemory  = 64 << 20
	wholeFactor  = 24
	streamMemory = 64 << 20
)

// WholeSource reads a file that will be held as a whole.
func WholeSource(r io.ReaderAt, size int64) *Source {
	return &Source{r: io.NewSectionReader(r, 0, size), size: size, left: wholeMemory + wholeFactor*min(size, 1<<50)}
}

// StreamSource reads a file of which no more than a block is held. size may be UnknownSize.
func StreamSource(r io.Reader, size int64) *Source {
	return &Source{r: r, size: size, left: streamMemory}
}

// At returns how many bytes were read so far.
func (s *Source) At() int64 { return s.at }

// Size returns the size of the file; UnknownSize until the end was seen.
func (s *Source) Size() int64 { return s.size }

// Read passes bytes on.
func (s *Source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.at += int64(n)
	return n, err
}

// Hold takes n bytes of memory out of the budget. Error: unsupported_format, where the file is sound and would need more.
func (s *Source) Hold(n int64, format Format, what string) error {
	if n < 0 || n > s.left {
		return Unsupported(format, map[string]any{"bytes_needed": n, "bytes_limit": s.left},
			"the %s need %d bytes of memory; %d are left of what one file may take, read as a whole or as a stream", what, n, s.left)
	}
	s.left -= n
	return nil
}

// Bytes reads n bytes. A source that ends early is malformed input, and has not cost more than what was there.
func (s *Source) Bytes(n int64, format Format, what string) ([]byte, error) {
	const step = 64 << 10
	start := s.at
	if n < 0 || s.size != UnknownSize && n > s.size-s.at {
		return nil, endsInside(format, what, start, n, max(0, s.size-s.at))
	}
	if err := s.Hold(n, format, what); err != nil {
		// Most announce what is not there: say so, where it is so.
		if got, copyErr := io.CopyN(io.Discard, s, s.left+1); errors.Is(copyErr, io.EOF) {
			return nil, endsInside(format, what, start, n, got)
		}
		return nil, err
	}
	b := make([]byte, 0, min(n, step))
	for int64(len(b)) < n {
		if len(b) == cap(b) { // grows with what has come
			b = append(make([]byte, 0, min(n, 2*int64(cap(b)))), b...)
		}
		part := b[len(b):min(int64(cap(b)), n)]
		got, err := io.ReadFull(s, part)
		b = b[:len(b)+got]
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, endsInside(format, what, start, n, int64(len(b)))
		default:
			return nil, fmt.Errorf("reading the %s: %w", what, err)
		}
	}
	return b, nil
}

// endsInside is the error of a source that ends before what it announces.
func endsInside(format Format, what string, at, needed, got int64) error {
	return Malformed(format, map[string]any{"offset": at, "bytes_needed": needed, "bytes_got": got},
		"ends inside the %s: %d bytes are announced from byte %d on, and %d are there", what, needed, at, got)
}

// EndsEarly reports whether an error is of endsInside.
func EndsEarly(err error) bool {
	var bad *decoders.Error
	return errors.As(err, &bad) && bad.Code == decoders.CodePayloadMalformed && bad.Details["bytes_got"] != nil
}

// Full reads len(p) bytes into memory that was granted before. A source that ends early is malformed input.
func (s *Source) Full(p []byte, format Format, what string) error {
	start := s.at
	n, err := io.ReadFull(s, p)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return endsInside(format, what, start, int64(len(p)), int64(n))
	}
	return fmt.Errorf("reading the %s: %w", what, err)
}

// Skip passes over n bytes.
func (s *Source) Skip(n int64, format Format, what string) error {
	start := s.at
	got, err := io.CopyN(io.Discard, s, n)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return endsInside(format, what, start, n, got)
	}
	return fmt.Errorf("reading the %s: %w", what, err)
}

// End passes over the rest, whose size is then known.
func (s *Source) End() error {
	if _, err := io.Copy(io.Discard, s); err != nil {
		return err
	}
	s.size = s.at
	return nil
}

// MostColumns is above any amplifier; a column of a hostile header costs one byte there and a channel here.
const MostColumns = 4096

// CheckColumns refuses more columns than MostColumns.
func CheckColumns(format Format, n int) error {
	if n > MostColumns {
		return Malformed(format, map[string]any{"columns": n, "columns_limit": MostColumns},
			"%d columns are more than the limit of %d", n, MostColumns)
	}
	return nil
}
