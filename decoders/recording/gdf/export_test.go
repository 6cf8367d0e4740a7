package gdf

import (
	"io"

	"github.com/neurod/neurod/decoders/recording"
)

// Read reads GDF of size bytes.
func Read(r io.ReaderAt, size int64) (*recording.Recording, error) { return Reader.Read("", r, size) }
