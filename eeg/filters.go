package eeg

import (
	"fmt"
	"math"
)

// Filters are those of a live stream: what is shown of it, never what is stored. They are causal: a value depends on what came before it alone.
//
//	notch      takes a power line out: second order, -3 dB at ±1/60 of its frequency
//	highpass   Butterworth of second order, -3 dB at the frequency
//	lowpass    Butterworth of fourth order, -3 dB at the frequency
//	bandpass   [lo, hi] is highpass lo and lowpass hi
//
// The zero value filters nothing. Frequencies in Hz; 0 is none.
type Filters struct {
	Notch    float64   `json:"notch,omitempty"`
	HighPass float64   `json:"highpass,omitempty"`
	LowPass  float64   `json:"lowpass,omitempty"`
	BandPass []float64 `json:"bandpass,omitempty"`
}

// Limits of the filters of a stream. The upper ones are shares of the sampling rate.
const (
	MinHighPass = 0.1 // Hz: a filter settles within 5 of its cycles (to 1e-9), and who joins a stream waits for that to be read
	MinNotch    = 1.0 // Hz
	MinLowPass  = 1.0 // Hz
	// MaxFilterShare of the sampling rate is the highest frequency of a filter: just below Nyquist, where the bilinear transform has room for it.
	MaxFilterShare = 0.49
)

// FilterFault says which filter cannot be met and what can.
type FilterFault struct {
	Field    string  // notch, highpass, lowpass or bandpass
	Value    float64 // that was asked for
	Min, Max float64 // what is possible, Hz
	Message  string
}

// Error implements error.
func (f *FilterFault) Error() string { return f.Field + " " + f.Message }

// Any tells whether anything is filtered.
func (f Filters) Any() bool {
	return f.Notch != 0 || f.HighPass != 0 || f.LowPass != 0 || len(f.BandPass) > 0
}

// Check returns what of the filters cannot be met at a sampling rate, nil for nothing.
func (f Filters) Check(rateHz float64) []*FilterFault {
	var faults []*FilterFault
	most := math.Floor(MaxFilterShare*rateHz*1000) / 1000
	add := func(field string, v, least, most float64, format string, args ...any) {
		faults = append(faults, &FilterFault{Field: field, Value: v, Min: least, Max: most, Message: fmt.Sprintf(format, args...)})
	}
	within := func(field string, v, least float64) bool {
		if v == 0 || v >= least && v <= most {
			return true
		}
		if most < least {
			add(field, v, 0, 0, "is %g Hz; at %g samples a second none is possible: 0 is none", v, rateHz)
			return false
		}
		add(field, v, least, most, "is %g Hz; at %g samples a second %g to %g Hz are possible, and 0 is none", v, rateHz, least, most)
		return false
	}
	within("notch", f.Notch, MinNotch)
	high, low := within("highpass", f.HighPass, MinHighPass), within("lowpass", f.LowPass, MinLowPass)
	if high && low && f.HighPass != 0 && f.LowPass != 0 && f.HighPass >= f.LowPass {
		add("highpass", f.HighPass, MinHighPass, f.LowPass, "is %g Hz and must be below the lowpass of %g Hz", f.HighPass, f.LowPass)
	}
	switch b := f.BandPass; {
	case len(b) == 0:
	case len(b) != 2:
		add("bandpass", 0, MinHighPass, most, "has %d numbers; it is [lowest, highest] in Hz", len(b))
	case f.HighPass != 0 || f.LowPass != 0:
		add("bandpass", b[0], MinHighPass, most, "is given beside highpass or lowpass, which say the same")
	case !(b[0] >= MinHighPass && b[1] >= MinLowPass && b[1] <= most && b[0] < b[1]):
		add("bandpass", b[0], MinHighPass, most, "is %g to %g Hz; at %g samples a second the lowest is %g Hz or more, the highest %g to %g Hz, and above the lowest",
			b[0], b[1], rateHz, MinHighPass, MinLowPass, most)
	}
	return faults
}

// Edges returns the filters with bandpass written as highpass and lowpass.
func (f Filters) Edges() Filters {
	if len(f.BandPass) == 2 {
		f.HighPass, f.LowPass = f.BandPass[0], f.BandPass[1]
	}
	f.BandPass = nil
	return f
}
