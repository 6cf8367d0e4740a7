package text

import (
	"io"

	"github.com/neurod/neurod/decoders/recording"
)

// ReadMuse reads a file of size bytes.
func ReadMuse(r io.ReaderAt, size int64) (*recording.Recording, error) {
	return MuseReader.Read("", r, size)
}

// ReadMindMonitor reads a file of size bytes.
func ReadMindMonitor(r io.ReaderAt, size int64) (*recording.Recording, error) {
	return MindMonitorReader.Read("", r, size)
}

// ReadOpenBCI reads a file of size bytes.
func ReadOpenBCI(r io.ReaderAt, size int64) (*recording.Recording, error) {
	return OpenBCIReader.Read("", r, size)
}

// ReadTable reads a file of size bytes.
func ReadTable(r io.ReaderAt, size int64) (*recording.Recording, error) {
	return TableReader.Read("", r, size)
}
