package ssvep

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"

	"github.com/neurod/neurod/decoders/dsp"
)

// Whether something flickers at f is asked of each harmonic by itself: how far does the Fourier component at h·f, a
// complex number a channel, stand out from those of the frequencies around it? The distance is Mahalanobis', with the
// spatial covariance of the neighbours, so that a pattern counts that the background does not have.
//
// The null is that of surrogates: signals with the same background, in which the component at h·f is that of a neighbour
// with a random phase. (Randomizing only the phases would be no test: it keeps the power at the target.) The distance
// does not depend on the phase, and harmonics are drawn independently, so mean and variance of the surrogates' sum follow
// exactly from the neighbours' own distances, each measured against the other neighbours; nothing needs to be drawn.
const (
	// testHarmonics is how many harmonics are asked: the first two hold nearly all of the response's power
	// (Herrmann 2001), and each one more adds noise to the sum.
	testHarmonics = 2
	donorReach    = 5.0  // Hz on both sides of a harmonic; half the distance between 10 and 20 Hz, so f and 2f stay apart
	donorGuard    = 1.5  // bins kept clear around the target's harmonics: the main lobe of a rectangular window is ±1
	minDonors     = 6    // below that the reach is doubled
	ridge         = 0.05 // of the mean variance, added to the neighbours' covariance: there may be fewer of them than channels
)

// spectrum holds the Fourier components of a window's channels, each channel scaled to unit length.
type spectrum struct {
	fft  *dsp.RealFFT
	size int // samples transformed: n cut to a product of 2, 3 and 5
	rate float64
	p    int // channels
	coef []complex128
	bins []float64 // per bin: p real parts, p imaginary parts
	unit []float64 // 1/length of each channel
	a    []float64 // p × p
	v    []float64
	q    []float64
	wave []float64
}

// fit transforms the centred channels z (channels × samples at rate Hz).
func (s *spectrum) fit(z *mat.Dense, rate float64) {
	p, n := z.Dims()
	if size := smooth(n); s.fft == nil || s.size != size {
		s.fft, s.size = dsp.NewRealFFT(size), size
		s.coef = make([]complex128, size/2+1)
	}
	s.rate, s.p = rate, p
	s.bins, s.unit = grow(s.bins, 2*p*len(s.coef)), grow(s.unit, p)
	scale := math.Sqrt(2 / float64(s.size)) // as a product with an orthonormal sine or cosine
	for i := range p {
		row := z.RawRowView(i)
		s.unit[i] = 0
		if l := floats.Norm(row, 2); l > 0 {
			s.unit[i] = 1 / l
		}
		s.fft.Coefficients(s.coef, row[:s.size])
		k := scale * s.unit[i]
		for b, c := range s.coef {
			s.bins[2*b*p+i] = real(c) * k
			s.bins[(2*b+1)*p+i] = imag(c) * k
		}
	}
}

// at writes the component of z at f Hz, real then imaginary parts, to dst.
func (s *spectrum) at(dst []float64, z *mat.Dense, f float64) {
	_, n := z.Dims()
	s.wave = grow(s.wave, 2*n)
	cos, sin := s.wave[:n], s.wave[n:]
	for j := range n {
		sin[j], cos[j] = math.Sincos(2 * math.Pi * f / s.rate * float64(j))
	}
	scale := math.Sqrt(2 / float64(n))
	for i := range s.p {
		row := z.RawRowView(i)
		dst[i] = floats.Dot(row, cos) * scale * s.unit[i]
		dst[s.p+i] = floats.Dot(row, sin) * scale * s.unit[i]
	}
}

// distance returns the squared distance of the component of z at h·f Hz from its neighbours, and mean and variance of
// the neighbours' own. Bins near a harmonic of f are not neighbours, nor bins outside lo-hi Hz where h·f lies inside: there
// the filter has removed the background. It reports false where there are too few.
func (s *spectrum) distance(z *mat.Dense, f float64, h int, lo, hi float64) (d, mean, variance float64, ok bool) {
	center := float64(h) * f
	donors := s.donors(f, center, donorReach, lo, hi)
	if len(donors) < minDonors {
		if donors = s.donors(f, center, 2*donorReach, lo, hi); len(donors) < minDonors {
			return 0, 0, 0, false
		}
	}
	p := s.p
	s.a = grow(s.a, p*p)
	clear(s.a)
	for _, b := range donors {
		for part := range 2 {
			x := s.bins[(2*b+part)*p:][:p]
			for i, v := range x {
				floats.AddScaled(s.a[i*p:][:i+1], v, x[:i+1])
			}
		}
	}
	trace := 0.0
	for i := range p {
		trace += s.a[i*p+i]
	}
	if !(trace > 0) {
		return 0, 0, 0, false
	}
	for i := range p {
		s.a[i*p+i] += ridge * trace / float64(p)
	}
	cholesky(s.a, p)

	// With A the sum over all neighbours and V the two parts of one, V'(A-VV')⁻¹V = G(1-G)⁻¹ for G = V'A⁻¹V: each is
	// measured against the others without another factorization.
	m := float64(len(donors))
	s.v = grow(s.v, 2*p)
	s.q = s.q[:0]
	for _, b := range donors {
		copy(s.v, s.bins[2*b*p:][:2*p])
		g00, g01, g11 := s.inner()
		det := (1-g00)*(1-g11) - g01*g01
		if !(det > 1e-12) {
			continue // a neighbour that alone spans a direction has nothing to be measured against
		}
		s.q = append(s.q, (m-1)*((g00*(1-g11)+g01*g01)+(g11*(1-g00)+g01*g01))/det)
	}
	if len(s.q) < minDonors {
		return 0, 0, 0, false
	}
	for _, v := range s.q {
		mean += v / float64(len(s.q))
	}
	for _, v := range s.q {
		variance += (v - mean) * (v - mean) / float64(len(s.q)-1)
	}
	s.at(s.v, z, center)
	g00, _, g11 := s.inner()
	return m * (g00 + g11), mean, variance, true
}

// inner returns V'A⁻¹V for the two columns of s.v, which it overwrites, from the Cholesky factor in s.a.
func (s *spectrum) inner() (g00, g01, g11 float64) {
	p := s.p
	u, v := s.v[:p], s.v[p:2*p]
	for i := range p {
		row := s.a[i*p : i*p+i]
		d := s.a[i*p+i]
		u[i] = (u[i] - floats.Dot(row, u[:i])) / d
		v[i] = (v[i] - floats.Dot(row, v[:i])) / d
	}
	return floats.Dot(u, u), floats.Dot(u, v), floats.Dot(v, v)
}

// cholesky overwrites the lower triangle of a positive definite n × n matrix with its factor.
func cholesky(a []float64, n int) {
	for i := range n {
		for j := range i {
			a[i*n+j] = (a[i*n+j] - floats.Dot(a[i*n:i*n+j], a[j*n:j*n+j])) / a[j*n+j]
		}
		row := a[i*n : i*n+i]
		a[i*n+i] = math.Sqrt(max(a[i*n+i]-floats.Dot(row, row), 1e-300))
	}
}

// exceed returns the probability that surrogates stand out as much as z does at the given harmonics of f Hz, from a gamma
// distribution with the surrogates' mean and variance: distances of Gaussian components are sums of squares.
func (s *spectrum) exceed(z *mat.Dense, f float64, harmonics []int, lo, hi float64) (p float64, ok bool) {
	sum, mean, variance := 0.0, 0.0, 0.0
	for _, h := range harmonics {
		d, m, v, ok := s.distance(z, f, h, lo, hi)
		if !ok {
			continue
		}
		sum, mean, variance = sum+d, mean+m, variance+v
	}
	if !(mean > 0) || !(variance > 1e-9*mean*mean) {
		return 0, false
	}
	return mathext.GammaIncRegComp(mean*mean/variance, sum*mean/variance), true
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
		if inside && (at < lo || at > hi) || nearHarmonic(at, f, donorGuard*df) {
			continue
		}
		out = append(out, b)
	}
	return out
}

// nearHarmonic reports whether at lies within guard of one of the harmonics of f.
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
