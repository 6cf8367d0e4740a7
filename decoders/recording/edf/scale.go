package edf

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/neurod/neurod/decoders/recording"
)

// calibration is that of a channel: value = gain × digital + offset. The physical range is symmetric.
type calibration struct {
	limit  string  // physical maximum as the header states it; the minimum is its negative
	top    int     // digital maximum
	low    int     // digital minimum: -top, so that 0 is exact, or one less, where no value is 0
	gain   float64 // of one digital step, in the unit that the samples have
	offset float64
}

// digitalMax is the largest sample of so many bytes in a symmetric range.
func digitalMax(width int) int { return 1<<(8*width-1) - 1 }

// firstValues is how many values are looked at to find a common step.
const firstValues = 4096

// valueRange gathers, a part at a time, what the calibration of a channel needs to know of its values: the largest, and
// whether all are multiples of one step.
//
// A step that is a power of two is seen from the values' bits and is exact. Any other step reaches us rounded: a value v that
// was k steps lies within half a unit in the last place of float32 of it, so each value bounds the step from both sides, and what
// satisfies all bounds is the step (lo ≤ step ≤ hi) or there is none.
type valueRange struct {
	top     float64
	largest float64
	lowBit  int       // exponent of the lowest bit that is set in any value
	first   []float64 // no value twice in a row
	sought  bool
	lo, hi  float64 // 0, 0: no common step
	odd     bool    // all values are odd multiples of it
}

func newValueRange(width int) *valueRange {
	return &valueRange{top: float64(digitalMax(width)), lowBit: math.MaxInt}
}

// add looks at values. It returns the index of the first that is NaN or Inf, -1 for none.
func (r *valueRange) add(values []float64) int {
	for i, v := range values {
		a := math.Abs(v)
		if a == 0 {
			r.odd = false
			if !r.sought {
				r.keep(v)
			}
			continue
		}
		if !(a <= math.MaxFloat64) {
			return i
		}
		r.largest = max(r.largest, a)
		b := math.Float64bits(a)
		r.lowBit = min(r.lowBit, int(b>>52)-1075+bits.TrailingZeros64(b|1<<52))
		switch {
		case !r.sought:
			r.keep(v)
		case r.hi > 0:
			r.odd = r.narrow(a, halfUnit(a)) && r.odd
		}
	}
	return -1
}

func (r *valueRange) keep(v float64) {
	if n := len(r.first); n > 0 && r.first[n-1] == v {
		return
	}
	if r.first = append(r.first, v); len(r.first) == firstValues {
		r.seek()
	}
}

// seek looks for a step in the first values. Two that are neighbors in size differ by few steps, so the smallest difference
// is divided by one number after the other, until all values are multiples.
func (r *valueRange) seek() {
	r.sought = true
	x := r.first
	r.first = nil
	slices.Sort(x)
	if x = slices.Compact(x); len(x) == 0 || x[0] == x[len(x)-1] && x[0] == 0 {
		return
	}
	noise := 2 * halfUnit(max(-x[0], x[len(x)-1])) // of a difference
	least := math.Inf(1)
	for i := range x[1:] {
		least = min(least, x[i+1]-x[i])
	}
	if len(x) == 1 {
		least = math.Abs(x[0])
	}
	sized := slices.SortedFunc(slices.Values(x), func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	const most = 64 // with few values the smallest difference may be many steps
	for parts := 1.; parts <= most; parts++ {
		if step := least / parts; step*(2*r.top+1) < r.largest*(1-1e-6) || step < 4*noise {
			return // would not fit, or cannot be told from rounding
		}
		r.lo, r.hi = (least-noise)/parts, (least+noise)/parts
		// Long differences tell the step better than short ones, and values better than differences.
		for _, v := range x[1:] {
			r.narrow(v-x[0], noise)
		}
		r.odd = true
		for _, v := range sized {
			a := math.Abs(v)
			r.odd = a > 0 && r.narrow(a, halfUnit(a)) && r.odd
		}
		if r.hi > 0 {
			return
		}
	}
}

// halfUnit is half a unit in the last place of float32 at a, which is above 1e-38.
func halfUnit(a float64) float64 {
	return math.Float64frombits((max(math.Float64bits(a)>>52, 25) - 24) << 52)
}

// narrow bounds the step by a number that is a multiple of it, give or take half, and reports whether the multiple is odd.
func (r *valueRange) narrow(a, half float64) (odd bool) {
	k := math.RoundToEven(2 * a / (r.lo + r.hi))
	if k == 0 || r.hi == 0 {
		r.lo, r.hi = 0, 0
		return false
	}
	if low := a - half; low > k*r.lo {
		r.lo = low / k
	}
	if high := a + half; high < k*r.hi {
		r.hi = high / k
	}
	if r.lo > r.hi {
		r.lo, r.hi = 0, 0
	}
	return int64(k)&1 == 1
}

// scale chooses the calibration. ok is false where the header cannot state one.
func (r *valueRange) scale() (s calibration, ok bool) {
	if !r.sought {
		r.seek()
	}
	if r.largest > 0 && r.lowBit >= 0 && r.largest <= r.top { // integers stay what they are
		return calibration{limit: strconv.FormatFloat(r.top, 'f', -1, 64), top: int(r.top), low: -int(r.top), gain: 1}, true
	}
	if r.largest > 0 {
		if step := math.Ldexp(1, r.lowBit); step > 0 {
			if s, ok := r.stepped(step, step); ok {
				return s, true
			}
		}
		if r.hi > 0 {
			if s, ok := r.stepped(r.lo, r.hi); ok {
				return s, true
			}
		}
	}
	limit := ceiling8(r.largest)
	v, err := strconv.ParseFloat(limit, 64)
	if err != nil || v < r.largest || len(limit) > 7 {
		return calibration{}, false
	}
	return calibration{limit: limit, top: int(r.top), low: -int(r.top), gain: v / r.top}, true
}

// stepped looks for limits whose ratio is a step between lo and hi and that the header can state, those with the
// fewest digits.
func (r *valueRange) stepped(lo, hi float64) (calibration, bool) {
	step := lo + (hi-lo)/2
	need := math.Round(r.largest / step)
	// Where all multiples are odd, a digital step is two of them, from -top-1 to top: what files with digital limits of
	// -32768 and 32767 hold.
	halves := need > r.top && lo < hi && r.odd && need <= 2*r.top+1
	if need > r.top && !halves {
		return calibration{}, false
	}
	last := r.top
	if halves {
		last, need = 2*r.top+1, need+1-math.Mod(need, 2)
	}
	const most = 1 << 16 // enough for every step with a denominator of 16 bits
	for digits := range 6 {
		scale := math.Pow(10, float64(digits))
		// Seven characters, one is left for the sign; a point takes another.
		limit := 1e7
		if digits > 0 {
			limit = math.Pow(10, float64(6-digits))
		}
		for d := last; d >= max(need, last-most, 1); d-- {
			p := math.Round(step*d*scale) / scale
			if p <= 0 || p >= limit || p < lo*d || p > hi*d {
				continue
			}
			s := calibration{limit: strconv.FormatFloat(p, 'f', digits, 64), top: int(d), low: -int(d), gain: p / d}
			if !halves {
				return s, true
			}
			if math.Mod(d, 2) == 1 {
				s.top, s.low, s.gain, s.offset = (int(d)-1)/2, -(int(d)+1)/2, 2*s.gain, s.gain
				return s, true
			}
		}
	}
	return calibration{}, false
}

// millivolts is the largest value in µV that the header can state; beyond it a channel is written in mV.
const millivolts = 9_999_999

// calibrate chooses what one digital step of the channel is worth.
func (c *channel) calibrate(r *valueRange, format recording.Format) error {
	if c.unit == "uV" && r.largest > millivolts && r.largest < 1000*millivolts {
		limit := ceiling8(r.largest / 1000)
		if v, err := strconv.ParseFloat(limit, 64); err == nil && 1000*v >= r.largest {
			c.unit, c.scale = "mV", calibration{limit: limit, top: int(r.top), low: -int(r.top), gain: 1000 * v / r.top}
			return nil
		}
	}
	s, ok := r.scale()
	if !ok {
		return recording.Unsupported(format, map[string]any{"channel": c.label, "largest": r.largest},
			"channel %s has values of %g, which the header cannot state", c.label, r.largest)
	}
	c.scale = s
	return nil
}

// ceiling8 writes the smallest number of seven characters (one is left for the sign) that is not below v.
func ceiling8(v float64) string {
	if v == 0 {
		return "1"
	}
	for digits := 5; digits >= 0; digits-- {
		scale := math.Pow(10, float64(digits))
		if s := strconv.FormatFloat(math.Ceil(v*scale)/scale, 'f', digits, 64); len(s) <= 7 && s != "+Inf" {
			return s
		}
	}
	return strconv.FormatFloat(math.Ceil(v), 'f', 0, 64)
}
