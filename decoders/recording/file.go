package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/neurod/neurod/decoders"
)

// MostHeader is the most bytes that a header in a file of its own may have; a .vhdr of 256 channels has 30 kB.
const MostHeader = 8 << 20

// File is an open file of any file system as a ReaderAt.
type File struct {
	io.ReaderAt
	Size  int64
	close func() error
}

// Close closes it.
func (f *File) Close() error { return f.close() }

// OpenFile opens a file. What cannot be read at any place, such as a member of an archive, is read into memory,
// no more than the size that it was listed with.
func OpenFile(fsys fs.FS, name string) (*File, error) {
	opened, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := opened.Stat()
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	if info.IsDir() {
		return nil, errors.Join(fmt.Errorf("%s is a folder", name), opened.Close())
	}
	if at, ok := opened.(io.ReaderAt); ok {
		return &File{ReaderAt: at, Size: info.Size(), close: opened.Close}, nil
	}
	b, err := ReadLimited(opened, info.Size(), Unknown)
	if err = errors.Join(err, opened.Close()); err != nil {
		return nil, err
	}
	return &File{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), close: func() error { return nil }}, nil
}

// ReadSmall reads a file of up to limit bytes.
func ReadSmall(fsys fs.FS, name string, limit int64, format Format) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := ReadLimited(f, limit, format)
	return b, errors.Join(err, f.Close())
}

// ReadLimited reads all of r, and refuses what is longer than limit bytes.
func ReadLimited(r io.Reader, limit int64, format Format) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		var known *decoders.Error
		if errors.As(err, &known) {
			return nil, err
		}
		return nil, Malformed(format, nil, "cannot be unpacked: %v", err)
	}
	if int64(len(b)) > limit {
		return nil, Malformed(format, map[string]any{"bytes_limit": limit}, "unpacks to more than %d bytes", limit)
	}
	return b, nil
}
