// Package raw reads bare samples: the payload of a decode request, and buffers with a JSON header beside them. Resembles tells what bytes are
// that somebody takes for samples.
package raw

import (
	"encoding/binary"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/internal/vector"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

const formatRaw recording.Format = "raw"

// Read decodes a raw buffer into channels × samples. Every value is multiplied by scale, the µV of one unit
// of the source; 0 means 1. An empty layout is SampleMajor and an empty encoding Float32LE. NaN and Inf pass
// through: whether they are acceptable is for the decoder to say.
//
// Errors: payload_malformed where the bytes do not make whole samples of the given channels, unsupported_format
// where encoding or layout is unknown.
func Read(b []byte, enc eeg.Encoding, layout eeg.Layout, channels int, scale float64) (*mat.Dense, error) {
	return ReadTo(nil, b, enc, layout, channels, scale)
}

// ReadTo is Read into memory, whatever is in it, where that is large enough; else the samples have memory of their own.
func ReadTo(memory []float64, b []byte, enc eeg.Encoding, layout eeg.Layout, channels int, scale float64) (*mat.Dense, error) {
	width := enc.Width()
	if width == 0 {
		return nil, recording.Unsupported(formatRaw, map[string]any{"encoding": string(enc)}, "encoding %q is unknown", enc)
	}
	if layout != eeg.SampleMajor && layout != eeg.ChannelMajor && layout != "" {
		return nil, recording.Unsupported(formatRaw, map[string]any{"layout": string(layout)}, "layout %q is unknown", layout)
	}
	if channels <= 0 {
		return nil, recording.Malformed(formatRaw, map[string]any{"channels": channels}, "the channel count must be positive")
	}
	// Compared by division: channels×width may overflow.
	if len(b) == 0 || len(b)%width != 0 || (len(b)/width)%channels != 0 {
		return nil, recording.Malformed(formatRaw,
			map[string]any{"bytes": len(b), "channels": channels, "bytes_per_value": width, "encoding": string(enc)},
			"%d bytes do not make whole samples of %d channels of %d bytes", len(b), channels, width)
	}
	if math.IsNaN(scale) || math.IsInf(scale, 0) {
		return nil, recording.Malformed(formatRaw, nil, "the scale must be a finite number")
	}
	if scale == 0 {
		scale = 1
	}
	samples := len(b) / width / channels
	if cap(memory) < channels*samples {
		memory = make([]float64, channels*samples)
	}
	out := mat.NewDense(channels, samples, memory[:channels*samples])
	first := 0
	if enc != eeg.Float64LE && enc != eeg.Int16LE && layout != eeg.ChannelMajor { // nearly every request's
		for ; first+4 <= channels; first += 4 {
			rows := [4][]float64{out.RawRowView(first), out.RawRowView(first + 1), out.RawRowView(first + 2), out.RawRowView(first + 3)}
			vector.Spread(&rows, b[first*width:], channels*width, scale)
		}
	}
	for c := first; c < channels; c++ {
		row := out.RawRowView(c)
		at, step := c*width, channels*width
		if layout == eeg.ChannelMajor {
			at, step = c*samples*width, width
		}
		fill(row, b, enc, at, step, scale)
	}
	return out, nil
}

// fill reads the values of a known encoding that lie step bytes apart from one on, multiplied by scale. A loop for each: a call for each value
// takes longer than the value.
func fill(row []float64, b []byte, enc eeg.Encoding, at, step int, scale float64) {
	switch enc {
	case eeg.Float64LE:
		for i := range row {
			row[i] = scale * math.Float64frombits(binary.LittleEndian.Uint64(b[at:]))
			at += step
		}
	case eeg.Int16LE:
		for i := range row {
			row[i] = scale * float64(int16(binary.LittleEndian.Uint16(b[at:])))
			at += step
		}
	default:
		for i := range row {
			row[i] = scale * float64(math.Float32frombits(binary.LittleEndian.Uint32(b[at:])))
			at += step
		}
	}
}

// valueReader returns what reads one value of a known encoding.
func valueReader(e eeg.Encoding) func([]byte) float64 {
	switch e {
	case eeg.Float64LE:
		return func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }
	case eeg.Int16LE:
		return func(b []byte) float64 { return float64(int16(binary.LittleEndian.Uint16(b))) }
	}
	return func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }
}
