package recording

import (
	"encoding/binary"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Encoding is how a raw buffer holds one sample.
type Encoding string

// The encodings of raw buffers, all little-endian.
const (
	Float32LE Encoding = "float32le"
	Float64LE Encoding = "float64le"
	Int16LE   Encoding = "int16le"
)

// Width returns the bytes of one value, 0 for an encoding that is not known. An empty one is Float32LE.
func (e Encoding) Width() int {
	switch e {
	case Float32LE, "":
		return 4
	case Float64LE:
		return 8
	case Int16LE:
		return 2
	}
	return 0
}

// Layout is the order of the samples in a raw buffer.
type Layout string

// The layouts of raw buffers.
const (
	SampleMajor  Layout = "sample_major"  // all channels of the first sample, then of the second, ...
	ChannelMajor Layout = "channel_major" // all samples of the first channel, then of the second, ...
)

const formatRaw Format = "raw"

// ReadRaw decodes a raw buffer into channels × samples. Every value is multiplied by scale, the µV of one unit
// of the source; 0 means 1. An empty layout is SampleMajor and an empty encoding Float32LE. NaN and Inf pass
// through: whether they are acceptable is for the decoder to say.
//
// Errors: payload_malformed where the bytes do not make whole samples of the given channels, unsupported_format
// where encoding or layout is unknown.
func ReadRaw(b []byte, enc Encoding, layout Layout, channels int, scale float64) (*mat.Dense, error) {
	width := enc.Width()
	if width == 0 {
		return nil, unsupported(formatRaw, map[string]any{"encoding": string(enc)}, "encoding %q is unknown", enc)
	}
	if layout != SampleMajor && layout != ChannelMajor && layout != "" {
		return nil, unsupported(formatRaw, map[string]any{"layout": string(layout)}, "layout %q is unknown", layout)
	}
	if channels <= 0 {
		return nil, malformed(formatRaw, map[string]any{"channels": channels}, "the channel count must be positive")
	}
	// Compared by division: channels×width may overflow.
	if len(b) == 0 || len(b)%width != 0 || (len(b)/width)%channels != 0 {
		return nil, malformed(formatRaw,
			map[string]any{"bytes": len(b), "channels": channels, "bytes_per_value": width, "encoding": string(enc)},
			"%d bytes do not make whole samples of %d channels of %d bytes", len(b), channels, width)
	}
	if math.IsNaN(scale) || math.IsInf(scale, 0) {
		return nil, malformed(formatRaw, nil, "the scale must be a finite number")
	}
	if scale == 0 {
		scale = 1
	}
	samples := len(b) / width / channels
	out := mat.NewDense(channels, samples, nil)
	for c := range channels {
		row := out.RawRowView(c)
		at, step := c*width, channels*width
		if layout == ChannelMajor {
			at, step = c*samples*width, width
		}
		read := enc.reader()
		for i := range row {
			row[i] = scale * read(b[at:])
			at += step
		}
	}
	return out, nil
}

// reader returns what reads one value of a known encoding.
func (e Encoding) reader() func([]byte) float64 {
	switch e {
	case Float64LE:
		return func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }
	case Int16LE:
		return func(b []byte) float64 { return float64(int16(binary.LittleEndian.Uint16(b))) }
	}
	return func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }
}
