package eeg

import "strings"

// Encoding is how the bytes of a recording hold its samples. "" is Float32LE.
type Encoding string

// The encodings: bare samples, all little-endian, and files.
const (
	Float32LE Encoding = "float32le"
	Float64LE Encoding = "float64le"
	Int16LE   Encoding = "int16le"
	EDF       Encoding = "edf"
	BDF       Encoding = "bdf"
	GDF       Encoding = "gdf"
)

// Encodings lists what a decode request may send.
func Encodings() []Encoding { return []Encoding{Float32LE, Float64LE, Int16LE, EDF, BDF, GDF} }

// FloatEncodings lists those whose unit the request may name; a session takes its batches in them.
func FloatEncodings() []Encoding { return []Encoding{Float32LE, Float64LE} }

// Width returns the bytes of one value of bare samples, 0 for files and for an encoding that is not known.
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

// Bare reports whether an encoding is bare samples, of which only the request tells rate and channels.
func (e Encoding) Bare() bool { return e.Width() > 0 }

// Float reports whether an encoding is bare floats.
func (e Encoding) Float() bool { return e == "" || e == Float32LE || e == Float64LE }

// Layout is the order of bare samples. "" is SampleMajor.
type Layout string

// The layouts.
const (
	SampleMajor  Layout = "sample_major"  // all channels of the first sample, then of the second, ...
	ChannelMajor Layout = "channel_major" // all samples of the first channel, then of the second, ...
)

// Layouts lists the layouts.
func Layouts() []Layout { return []Layout{SampleMajor, ChannelMajor} }

// units are the units of voltage that samples may come in, the µV of one beside each.
var units = []struct {
	name string
	uv   float64
}{{"V", 1e6}, {"mV", 1e3}, {"uV", 1}, {"µV", 1}, {"nV", 1e-3}}

// Units lists the names of the units that samples may come in.
func Units() []string {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.name
	}
	return names
}

// Microvolts returns the µV of one unit that a caller names, and whether the unit is known; "" is µV. Names are taken as they are
// written in Units, with either of the two micro signs: a caller's "MV" may be anything.
func Microvolts(unit string) (float64, bool) {
	if unit == "" {
		return 1, true
	}
	for _, u := range units {
		if u.name == strings.ReplaceAll(unit, "μ", "µ") {
			return u.uv, true
		}
	}
	return 0, false
}
