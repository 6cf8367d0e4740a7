package edf

import (
	"io"

	"github.com/neurod/neurod/decoders/recording"
)

// Read reads EDF or EDF+ of size bytes.
func Read(r io.ReaderAt, size int64) (*recording.Recording, error) { return Reader.Read("", r, size) }

// ReadBDF reads BDF or BDF+ of size bytes.
func ReadBDF(r io.ReaderAt, size int64) (*recording.Recording, error) {
	return BDFReader.Read("", r, size)
}
