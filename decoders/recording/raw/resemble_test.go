package raw_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders/recording/raw"
	"github.com/neurod/neurod/eeg"
)

// eegLike returns channels × samples that go on as EEG does, in units of the given size.
func eegLike(seed uint64, channels, n int, size float64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 5))
	rows := make([][]float64, channels)
	for c := range rows {
		rows[c] = make([]float64, n)
		slow := 0.0
		for i := range rows[c] {
			slow = 0.97*slow + rng.NormFloat64()
			rows[c][i] = size * (5*slow + rng.NormFloat64())
		}
	}
	return rows
}

// interleave writes the rows sample by sample.
func interleave(rows [][]float64, put func([]byte, float64) []byte) []byte {
	var b []byte
	for i := range rows[0] {
		for _, row := range rows {
			b = put(b, row[i])
		}
	}
	return b
}

func float32le(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
}

func float32be(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint32(b, math.Float32bits(float32(v)))
}

func float64le(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func float64be(b []byte, v float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(v))
}

func int16le(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint16(b, uint16(int16(v)))
}

func TestResembles(t *testing.T) {
	t.Parallel()
	rows := eegLike(1, 8, 1000, 1)
	as := func(put func([]byte, float64) []byte) []byte { return interleave(rows, put) }
	whole := interleave(rows, func(b []byte, v float64) []byte { return float64le(b, math.Round(v)) })
	single := interleave(rows, func(b []byte, v float64) []byte { return float64le(b, float64(float32(v))) })
	counts := interleave(rows, func(b []byte, v float64) []byte { return int16le(b, 50*v) })
	for _, tc := range []struct {
		name  string
		bytes []byte
		enc   eeg.Encoding
		want  string
	}{
		{"float64 as float32", as(float64le), eeg.Float32LE, "float64le"},
		{"by default", as(float64le), "", "float64le"},
		{"float64 that was float32 once", single, eeg.Float32LE, "float64le"},
		{"float64 of whole numbers", whole, eeg.Float32LE, "float64le"},
		{"float64 in volts", interleave(eegLike(2, 3, 400, 1e-6), float64le), eeg.Float32LE, "float64le"},
		{"float32 as float64", as(float32le), eeg.Float64LE, "float32le"},
		{"big-endian", as(float32be), eeg.Float32LE, "float32be"},
		{"big-endian float64", as(float64be), eeg.Float64LE, "float64be"},
		{"int16 as float32", counts, eeg.Float32LE, "int16le"},
		{"EDF", append([]byte("0       X X X X Startdate"), make([]byte, 2000)...), eeg.Float32LE, "EDF"},
		{"BDF as int16", append([]byte("\xffBIOSEMI"), make([]byte, 2000)...), eeg.Int16LE, "BDF"},
		{"gzip", append([]byte{0x1f, 0x8b, 8, 0}, as(float32le)...), eeg.Float32LE, "gzip"},
		{"text", []byte(strings.Repeat("0.5,1.25,-3\n", 400)), eeg.Float32LE, "text"},
		{"base64 of base64", []byte(strings.Repeat("QUJDREVG", 400)), eeg.Float32LE, "text"},
		{"samples", as(float32le), eeg.Float32LE, ""},
		{"samples as float64", as(float64le), eeg.Float64LE, ""},
		{"counts", counts, eeg.Int16LE, ""},
		{"nothing", nil, eeg.Float32LE, ""},
		{"a word", []byte("test"), eeg.Float32LE, ""},
		{"zeros", make([]byte, 32000), eeg.Float32LE, ""},
	} {
		if got := raw.Resembles(tc.bytes, tc.enc, 8); got != tc.want {
			t.Errorf("%s: looks like %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestSamplesResembleNothing holds that EEG in any unit, with dead channels and single bad values, is not refused.
func TestSamplesResembleNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 9).Draw(t, "channels")
		n := rapid.IntRange(32, 600).Draw(t, "samples")
		size := rapid.SampledFrom([]float64{1e-6, 1e-3, 1, 1e3, 1e5}).Draw(t, "size")
		rows := eegLike(rapid.Uint64().Draw(t, "seed"), channels, n, size)
		if rapid.Bool().Draw(t, "whole") && size >= 1 {
			for _, row := range rows {
				for i := range row {
					row[i] = math.Round(row[i])
				}
			}
		}
		if dead := rapid.IntRange(-1, channels-1).Draw(t, "dead"); dead >= 0 {
			clear(rows[dead])
		}
		if rapid.Bool().Draw(t, "bad") && channels*n > 200 {
			rows[0][n/2] = rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), 3e30}).Draw(t, "value")
		}
		for enc, put := range map[eeg.Encoding]func([]byte, float64) []byte{eeg.Float32LE: float32le, eeg.Float64LE: float64le} {
			if got := raw.Resembles(interleave(rows, put), enc, channels); got != "" {
				t.Errorf("%s of %d channels looks like %s", enc, channels, got)
			}
		}
	})
}

// TestFloat64IsRecognized holds that float64 in any unit sent as float32 is known for what it is.
func TestFloat64IsRecognized(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := eegLike(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 9).Draw(t, "channels"), rapid.IntRange(64, 600).Draw(t, "samples"),
			rapid.SampledFrom([]float64{1e-6, 1e-3, 1, 1e3}).Draw(t, "size"))
		if got := raw.Resembles(interleave(rows, float64le), eeg.Float32LE, len(rows)); got != "float64le" {
			t.Errorf("looks like %q", got)
		}
	})
}

func FuzzResembles(f *testing.F) {
	f.Add(interleave(eegLike(1, 2, 64, 1), float64le), 2)
	f.Add([]byte("0       "), 1)
	f.Add([]byte(strings.Repeat("1;2\n", 20)), 3)
	f.Fuzz(func(t *testing.T, b []byte, channels int) {
		for _, enc := range []eeg.Encoding{"", eeg.Float32LE, eeg.Float64LE, eeg.Int16LE, "other"} {
			if got := raw.Resembles(b, enc, channels); got == string(enc) && got != "" {
				t.Errorf("%d bytes sent as %s look like %s", len(b), enc, got)
			}
		}
	})
}
