package dsp

import (
	"fmt"
	"math"
	"slices"

	"github.com/neurod/neurod/decoders/internal/vector"
)

// Decimator keeps every q-th sample after a zero-phase Chebyshev I low pass of order 8 with 0.05 dB of ripple at
// 0.8 of the new Nyquist frequency, as scipy.signal.decimate. It is not safe for concurrent use.
type Decimator struct {
	q   int
	lp  *ZeroPhase
	buf []float64
}

// NewDecimator returns a decimator by q >= 1.
func NewDecimator(q int) (*Decimator, error) {
	if q < 1 {
		return nil, paramErrorf("decimation by %d", q)
	}
	d := &Decimator{q: q}
	if q > 1 {
		sos, err := Cheby1LowPass(8, 0.05, 0.8/float64(q), 2)
		if err != nil {
			return nil, err
		}
		d.lp = NewZeroPhase(sos)
	}
	return d, nil
}

// Len returns the number of samples that n samples become.
func (d *Decimator) Len(n int) int { return (n + d.q - 1) / d.q }

// Decimate writes the decimated x to dst, of length Len(len(x)), and returns it; nil is allocated.
func (d *Decimator) Decimate(dst, x []float64) []float64 {
	dst = use(dst, d.Len(len(x)))
	if d.q == 1 {
		copy(dst, x)
		return dst
	}
	d.buf = d.lp.Filter(grow(d.buf, len(x)), x)
	for i := range dst {
		dst[i] = d.buf[i*d.q]
	}
	return dst
}

// Decimate is [Decimator.Decimate] for a single call. It panics if q < 1.
func Decimate(dst, x []float64, q int) []float64 {
	d, err := NewDecimator(q)
	if err != nil {
		panic(err)
	}
	return d.Decimate(dst, x)
}

// Resampler changes the sampling rate by a rational factor with a polyphase filter: the mean is set aside, the ends
// are extended by odd reflection, and the low pass is a Kaiser (β = 5) windowed sinc of 20·max(up, down)+1 taps,
// as scipy.signal.resample_poly(padtype="antireflect") of the signal without its mean.
// It is not safe for concurrent use.
type Resampler struct {
	up, down int
	phases   [][]float64 // phases[p] are the taps p, p+up, p+2·up, ... last first, so that an output is one dot product
	half     int
	buf      []float64
	in, out  []float64 // rows side by side
}

// maxFactor bounds up and down, and so the length of the filter.
const maxFactor = 4096

// NewResampler returns a resampler between two rates in Hz. The ratio is taken as the first convergent of its
// continued fraction within 1e-6 of it (4 µs in a clip of 4 s); rates that need factors beyond 4096 are refused.
func NewResampler(from, to float64) (*Resampler, error) {
	if err := checkRate(from); err != nil {
		return nil, err
	}
	if err := checkRate(to); err != nil {
		return nil, err
	}
	up, down := rational(to/from, 1e-6)
	if up < 1 || up > maxFactor || down > maxFactor {
		return nil, paramErrorf("resampling from %v Hz to %v Hz: the ratio is not a fraction of numbers up to %d", from, to, maxFactor)
	}
	r := &Resampler{up: up, down: down}
	if up == 1 && down == 1 {
		return r, nil
	}
	longest := max(up, down)
	r.half = 10 * longest
	n := 2*r.half + 1
	i0 := besselI0(5)
	h := windowedSinc(n, 1/float64(longest), func(k int) float64 {
		t := float64(k-r.half) / float64(r.half)
		return besselI0(5*math.Sqrt(1-t*t)) / i0
	})
	r.phases = make([][]float64, up)
	for p := range r.phases {
		for k := p; k < n; k += up {
			r.phases[p] = append(r.phases[p], h[k]*float64(up))
		}
		slices.Reverse(r.phases[p])
	}
	return r, nil
}

// Factors returns the rate change as a reduced fraction up/down.
func (r *Resampler) Factors() (up, down int) { return r.up, r.down }

// Len returns the number of samples that n samples become.
func (r *Resampler) Len(n int) int { return (n*r.up + r.down - 1) / r.down }

// Resample writes the resampled x to dst, of length Len(len(x)), and returns it; nil is allocated.
func (r *Resampler) Resample(dst, x []float64) []float64 {
	dst = use(dst, r.Len(len(x)))
	if len(x) == 0 {
		return dst
	}
	if r.phases == nil {
		copy(dst, x)
		return dst
	}
	r.buf = grow(r.buf, len(x)+2*r.edge())
	m := r.extend(r.buf, x)
	at := r.first()
	for i := range dst {
		taps := r.phases[at.phase]
		dst[i] = vector.Dot(taps, r.buf[at.last-len(taps):at.last]) + m
		at = r.after(at)
	}
	return dst
}

// Rows writes the resampled rows of x, of one length, to dst, which has as many of Len samples. They are what Resample gives for each, faster, and differ by
// rounding. It panics where Resample does, and if the rows differ in length.
func (r *Resampler) Rows(dst, x [][]float64) {
	for k, row := range x {
		if len(row) != len(x[0]) || len(dst[k]) != r.Len(len(row)) {
			panic(fmt.Sprintf("dsp: rows of %d and %d samples", len(row), len(dst[k])))
		}
	}
	for len(x) > 0 {
		some := min(4, len(x))
		if !r.atOnce(dst[:some], x[:some]) {
			for k, row := range x[:some] {
				r.Resample(dst[k], row)
			}
		}
		dst, x = dst[some:], x[some:]
	}
}

// edge is how many samples the filter reaches beyond each end: half/up.
func (r *Resampler) edge() int { return r.half/r.up + 1 }

// extend writes x without its mean to dst, continued beyond both ends, and returns the mean.
func (r *Resampler) extend(dst, x []float64) float64 {
	edge, n, m := r.edge(), len(x), mean(x)
	for i := range edge {
		dst[i] = oddExtension(x, i-edge) - m
		dst[edge+n+i] = oddExtension(x, n+i) - m
	}
	vector.Level(dst[edge:edge+n], x, m, 0, 0)
	return m
}

// place is where the taps of an output lie: those of a phase, before the sample last of the extended input. Output i sits at i·down on the upsampled
// grid; tap k reads the grid at i·down + half - k, which holds input only at multiples of up.
type place struct{ last, phase int }

// first returns the place of output 0.
func (r *Resampler) first() place { return place{r.half/r.up + r.edge() + 1, r.half % r.up} }

// after returns the place of the output after that of p.
func (r *Resampler) after(p place) place {
	p.last += r.down / r.up
	if p.phase += r.down % r.up; p.phase >= r.up {
		p.phase -= r.up
		p.last++
	}
	return p
}

// oddExtension returns sample i of x continued beyond its ends by point reflection about the end samples.
func oddExtension(x []float64, i int) float64 {
	n := len(x)
	if n == 1 {
		return x[0]
	}
	add, sign := 0.0, 1.0
	for i < 0 || i >= n {
		if i < 0 {
			add += sign * 2 * x[0]
			i = -i
		} else {
			add += sign * 2 * x[n-1]
			i = 2*(n-1) - i
		}
		sign = -sign
	}
	return add + sign*x[i]
}

// Resample is [Resampler.Resample] for a single call: x from one rate to another, both in Hz.
func Resample(x []float64, from, to float64) ([]float64, error) {
	r, err := NewResampler(from, to)
	if err != nil {
		return nil, fmt.Errorf("resample: %w", err)
	}
	return r.Resample(nil, x), nil
}

// rational returns the first convergent p/q of the continued fraction of v with |v - p/q| <= tol·v.
func rational(v, tol float64) (p, q int) {
	p0, q0, p1, q1 := 0.0, 1.0, 1.0, 0.0
	rest := v
	for {
		a := math.Floor(rest)
		p0, q0, p1, q1 = p1, q1, a*p1+p0, a*q1+q0
		if p1 > 1e9 || q1 > 1e9 {
			return math.MaxInt32, math.MaxInt32
		}
		if math.Abs(v-p1/q1) <= tol*v {
			return int(p1), int(q1)
		}
		rest = 1 / (rest - a)
	}
}

// besselI0 is the modified Bessel function of the first kind and order 0, by its power series.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	q := x * x / 4
	for k := 1.0; term > sum*1e-17; k++ {
		term *= q / (k * k)
		sum += term
	}
	return sum
}
