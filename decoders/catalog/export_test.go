package catalog

import (
	"io"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// WriteFloat32 is Write with arrays of half the size, rounded to float32.
func WriteFloat32(w io.Writer, paradigm eeg.Paradigm, name, version string, card ModelCard, st decoders.State) error {
	return write(w, paradigm, name, version, card, st, "float32")
}

// Load is Parse of a file that is read to its end.
func Load(r io.Reader) (*Model, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return Parse(b)
}
