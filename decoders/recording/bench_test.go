package recording_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
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
	if err := recording.WriteEDF(&buf, rec); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

func BenchmarkReadEDF(b *testing.B) {
	file := edfOf64(b)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := recording.ReadEDF(bytes.NewReader(file), int64(len(file))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadMuseCSV(b *testing.B) {
	csv := []byte(museCSV(256*60, 256, 5, false, func(int) float64 { return 0 }))
	b.SetBytes(int64(len(csv)))
	for b.Loop() {
		if _, err := recording.ReadMuseCSV(bytes.NewReader(csv), int64(len(csv))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadRaw(b *testing.B) {
	payload := make([]byte, 4*8*1000) // 8 channels × 4 s at 250 Hz
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := recording.ReadRaw(payload, eeg.Float32LE, eeg.SampleMajor, 8, 1); err != nil {
			b.Fatal(err)
		}
	}
}
