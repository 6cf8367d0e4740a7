package raw_test

import (
	"encoding/binary"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording/raw"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/eeg"
)

func TestReadRaw(t *testing.T) {
	t.Parallel()
	want := mat.NewDense(2, 3, []float64{1, -2, 3, 40, 50, -60})
	for _, enc := range []eeg.Encoding{eeg.Float32LE, eeg.Int16LE, ""} {
		for _, layout := range []eeg.Layout{eeg.SampleMajor, eeg.ChannelMajor, ""} {
			var b []byte
			put := func(v float64) {
				if enc == eeg.Int16LE {
					b = binary.LittleEndian.AppendUint16(b, uint16(int16(v*2)))
					return
				}
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v*2)))
			}
			if layout == eeg.ChannelMajor {
				for c := range 2 {
					for s := range 3 {
						put(want.At(c, s))
					}
				}
			} else {
				for s := range 3 {
					for c := range 2 {
						put(want.At(c, s))
					}
				}
			}
			got, err := raw.Read(b, enc, layout, 2, 0.5)
			if err != nil || !mat.Equal(got, want) {
				t.Errorf("%q %q: %v, %v", enc, layout, got, err)
			}
		}
	}
}

func TestReadRawRefuses(t *testing.T) {
	t.Parallel()
	b := make([]byte, 24)
	for _, tt := range []struct {
		name     string
		b        []byte
		enc      eeg.Encoding
		layout   eeg.Layout
		channels int
		scale    float64
		code     string
	}{
		{"empty", nil, eeg.Float32LE, "", 1, 1, decoders.CodePayloadMalformed},
		{"half a value", b[:23], eeg.Float32LE, "", 1, 1, decoders.CodePayloadMalformed},
		{"half a sample", b, eeg.Float32LE, "", 4, 1, decoders.CodePayloadMalformed},
		{"no channels", b, eeg.Float32LE, "", 0, 1, decoders.CodePayloadMalformed},
		{"negative channels", b, eeg.Int16LE, "", -3, 1, decoders.CodePayloadMalformed},
		{"absurd channels", b, eeg.Int16LE, "", math.MaxInt, 1, decoders.CodePayloadMalformed},
		{"infinite scale", b, eeg.Int16LE, "", 1, math.Inf(1), decoders.CodePayloadMalformed},
		{"encoding", b, "float64be", "", 1, 1, decoders.CodeUnsupportedFormat},
		{"layout", b, eeg.Float32LE, "diagonal", 1, 1, decoders.CodeUnsupportedFormat},
		{"document's own example", []byte("test"), eeg.Float32LE, "", 8, 1, decoders.CodePayloadMalformed},
	} {
		got, err := raw.Read(tt.b, tt.enc, tt.layout, tt.channels, tt.scale)
		if got != nil || readertest.CodeOf(err) != tt.code {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}

func FuzzReadRaw(f *testing.F) {
	f.Add([]byte("test"), 1, true, true)
	f.Add(make([]byte, 64), 8, false, false)
	f.Fuzz(func(t *testing.T, b []byte, channels int, wide, bySample bool) {
		enc, layout, width := eeg.Int16LE, eeg.ChannelMajor, 2
		if wide {
			enc, width = eeg.Float32LE, 4
		}
		if bySample {
			layout = eeg.SampleMajor
		}
		m, err := raw.Read(b, enc, layout, channels, 1)
		if err != nil {
			if readertest.CodeOf(err) == "" {
				t.Fatalf("error without code: %v", err)
			}
			return
		}
		if r, c := m.Dims(); r*c*width != len(b) {
			t.Fatalf("%d×%d values of %d bytes from %d bytes", r, c, width, len(b))
		}
	})
}

func BenchmarkReadRaw(b *testing.B) {
	payload := make([]byte, 4*8*1000) // 8 channels × 4 s at 250 Hz
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := raw.Read(payload, eeg.Float32LE, eeg.SampleMajor, 8, 1); err != nil {
			b.Fatal(err)
		}
	}
}
