package recording

import (
	"math"
	"strings"
	"unicode/utf8"
)

// SignalMemory is more than a signal takes in memory beside its samples: its header, its channel and their names.
const SignalMemory = 1 << 10

// HeaderText returns a header field without its padding. Fields are ASCII; what is not is taken for Latin-1.
func HeaderText(b []byte) string {
	s := strings.Trim(string(b), "\x00 \t\r\n")
	if utf8.ValidString(s) {
		return s
	}
	return Latin1(s)
}

// ValidText returns s as UTF-8, taking what is not for Latin-1.
func ValidText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return Latin1(s)
}

// Latin1 returns the text that bytes are in Latin-1.
func Latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// CleanRate removes the rounding of a division: 59 samples in 0.236 s are 250 Hz.
func CleanRate(hz float64) float64 {
	if near := math.Round(hz*1e6) / 1e6; math.Abs(near-hz) < 1e-12*hz {
		return near
	}
	return hz
}

// IsFinite reports whether no value is NaN or Inf.
func IsFinite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// Outside counts the samples of a channel beyond the digital range that the header states.
type Outside struct {
	count int64
	first int64
	seen  int64
	most  float64
}

// Check looks at samples, and puts NaN in place of those Outside where clear says so.
func (o *Outside) Check(row []float64, low, high float64, clear bool) {
	for i, v := range row {
		if v < low || v > high {
			if o.count++; o.count == 1 {
				o.first = o.seen + int64(i)
			}
			o.most = max(o.most, math.Abs(v))
			if clear {
				row[i] = math.NaN()
			}
		}
	}
	o.seen += int64(len(row))
}

// Warn warns of them.
func (o *Outside) Warn(rec *Recording, label, what string) {
	if o.count > 0 {
		rec.Warnf("channel %s: %d samples lie outside the digital range that the header states, up to %.6g, the first is sample %d; %s", label, o.count, o.most, o.first, what)
	}
}

// DigitalLimits are the ends of the physical range of samples as they are scaled, with half a digital step around.
func DigitalLimits(low, high, gain, offset float64) (float64, float64) {
	a, b := gain*(low-0.5)+offset, gain*(high+0.5)+offset
	return min(a, b), max(a, b)
}
