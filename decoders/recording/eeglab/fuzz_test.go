package eeglab_test

import (
	"bytes"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/eeglab"
	"github.com/neurod/neurod/decoders/recording/readertest"
)

func FuzzEEGLAB(f *testing.F) {
	_, example := eeglab.Reader.Example(eeglab.EEGLAB)
	f.Add(example)
	f.Fuzz(func(t *testing.T, b []byte) {
		readertest.Parsed(t, len(b), func() (*recording.Recording, error) {
			return eeglab.Reader.Read("x.set", bytes.NewReader(b), int64(len(b)))
		})
	})
}
