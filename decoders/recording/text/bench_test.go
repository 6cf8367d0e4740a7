package text_test

import (
	"bytes"
	"testing"

	"github.com/neurod/neurod/decoders/recording/text"
)

func BenchmarkReadMuseCSV(b *testing.B) {
	csv := []byte(museCSV(256*60, 256, 5, false, func(int) float64 { return 0 }))
	b.SetBytes(int64(len(csv)))
	for b.Loop() {
		if _, err := text.ReadMuse(bytes.NewReader(csv), int64(len(csv))); err != nil {
			b.Fatal(err)
		}
	}
}
