package edf_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
)

// edfOf64 is a minute of 64 channels at 160 Hz, as the motor imagery recordings are.
func edfOf64(b *testing.B) []byte {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	rec := &recording.Recording{}
	montage, _ := recording.Device("BCI2000 64")
	for _, name := range montage.Channels {
		rec.Channels = append(rec.Channels, noise(rng, name, 160, 9600, 30))
	}
	var buf bytes.Buffer
	if err := edf.Write(&buf, rec); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

func BenchmarkReadEDF(b *testing.B) {
	file := edfOf64(b)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := edf.Read(bytes.NewReader(file), int64(len(file))); err != nil {
			b.Fatal(err)
		}
	}
}
