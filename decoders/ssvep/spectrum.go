package ssvep

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"
)

// Surrogates answer how large the correlation with a target would be if nothing flickered at it: each harmonic's
// product with the channels is replaced by the Fourier component of a bin nearby, drawn at random. That keeps the
// spatial pattern and the slope of the background and destroys the line at the target. (Random phases are part of it:
// the correlation does not depend on the phase of a component, so drawing one would change nothing. Randomising the
// phases alone would be no test, because it keeps the power at the target.)
const (
	surrogates    = 64  // their mean is known to an eighth of their SD
	donorReach    = 5.0 // Hz on both sides of a harmonic; half the distance between 10 and 20 Hz, so f and 2f stay apart
	donorGuard    = 1.5 // bins kept clear around the target's harmonics: the main lobe of a rectangular window is ±1
	minDonors     = 6   // below that the reach is doubled
	surrogateSeed = 1998
)

// spectrum holds the Fourier components of a window's channels, whitened.
type spectrum struct {
	fft   *fourier.FFT
	size  int // samples transformed: n cut to a product of 2, 3 and 5
	rate  float64
	rank  int
	coef  []complex128
	raw   []complex128 // bins × channels
	white []float64    // per requested bin: rank real parts, rank imaginary parts
	ready []bool       // bins already whitened
	buf   []float64
	m     []float64
}

// fit transforms the centred channels z (channels × samples).
func (s *spectrum) fit(z *mat.Dense, w *whitener, rate float64) {
	p, n := z.Dims()
	size := smooth(n)
	if s.fft == nil || s.size != size {
		s.fft, s.size = fourier.NewFFT(size), size
	}
	bins := size/2 + 1
	s.rate, s.rank = rate, len(w.rows)
	if cap(s.coef) < bins {
		s.coef = make([]complex128, bins)
	}
	s.coef = s.coef[:bins]
	if cap(s.raw) < bins*p {
		s.raw = make([]complex128, bins*p)
	}
	s.raw = s.raw[:bins*p]
	scale := complex(math.Sqrt(2/float64(size)), 0) // as a product with an orthonormal sine or cosine
	for i := range p {
		s.fft.Coefficients(s.coef, z.RawRowView(i)[:size])
		for b, c := range s.coef {
			s.raw[b*p+i] = c * scale
		}
	}
	s.white = grow(s.white, bins*2*s.rank)
	if cap(s.ready) < bins {
		s.ready = make([]bool, bins)
	}
	s.ready = s.ready[:bins]
	clear(s.ready)
	s.buf = grow(s.buf, p)
}

// component returns the whitened real and imaginary parts of a bin.
func (s *spectrum) component(b int, w *whitener) []float64 {
	r := s.rank
	out := s.white[b*2*r : (b+1)*2*r]
	if s.ready[b] {
		return out
	}
	p := len(s.buf)
	for i, c := range s.raw[b*p : (b+1)*p] {
		s.buf[i] = real(c)
	}
	w.apply(out[:r], s.buf)
	for i, c := range s.raw[b*p : (b+1)*p] {
		s.buf[i] = imag(c)
	}
	w.apply(out[r:], s.buf)
	s.ready[b] = true
	return out
}

// exceed returns the probability that a surrogate's squared correlation with a target of the given harmonics reaches
// rhoSq, from a gamma distribution with the surrogates' mean and variance: the power of noise in one bin of one channel
// is exponential, and sums of such powers are gamma to second order. Bins near a harmonic of the target are not drawn,
// nor bins outside lo-hi Hz where the harmonic itself lies inside: there the filter has removed the background. It
// reports false where there are too few bins to draw from.
func (s *spectrum) exceed(w *whitener, rhoSq, f float64, harmonics []int, lo, hi float64) (p float64, ok bool) {
	donors := make([][]int, 0, maxHarmonics)
	for _, h := range harmonics {
		d := s.donors(f, float64(h)*f, donorReach, lo, hi)
		if len(d) < minDonors {
			d = s.donors(f, float64(h)*f, 2*donorReach, lo, hi)
		}
		if len(d) < minDonors {
			return 0, false
		}
		donors = append(donors, d)
	}
	if len(donors) == 0 {
		return 0, false
	}
	rng := rand.New(rand.NewPCG(surrogateSeed, uint64(len(harmonics))))
	s.m = grow(s.m, len(donors)*2*s.rank)
	sum, sumSq := 0.0, 0.0
	for range surrogates {
		for k, d := range donors {
			copy(s.m[k*2*s.rank:], s.component(d[rng.IntN(len(d))], w))
		}
		v := correlation(s.m, s.rank, 2*len(donors))
		v *= v
		sum += v
		sumSq += v * v
	}
	mean := sum / surrogates
	variance := (sumSq - surrogates*mean*mean) / (surrogates - 1)
	if !(variance > 1e-12*mean*mean) {
		return 0, false
	}
	return mathext.GammaIncRegComp(mean*mean/variance, rhoSq*mean/variance), true
}

// donors lists the bins within reach Hz of center.
func (s *spectrum) donors(f, center, reach, lo, hi float64) []int {
	df := s.rate / float64(s.size)
	inside := center > lo && center < hi
	var out []int
	first := max(1, int(math.Ceil((center-reach)/df)))
	last := min(len(s.coef)-2, int((center+reach)/df)) // the Nyquist bin has no imaginary part
	for b := first; b <= last; b++ {
		at := float64(b) * df
		if inside && (at < lo || at > hi) {
			continue
		}
		if nearHarmonic(at, f, donorGuard*df) {
			continue
		}
		out = append(out, b)
	}
	return out
}

// nearHarmonic tells whether at lies within guard of one of the harmonics of f.
func nearHarmonic(at, f, guard float64) bool {
	h := math.Round(at / f)
	return h >= 1 && h <= maxHarmonics && math.Abs(at-h*f) < guard
}

// smooth returns the largest product of 2, 3 and 5 up to n, for which the transform is fast.
func smooth(n int) int {
	for ; n > 1; n-- {
		m := n
		for _, p := range [3]int{2, 3, 5} {
			for m%p == 0 {
				m /= p
			}
		}
		if m == 1 {
			return n
		}
	}
	return 1
}
