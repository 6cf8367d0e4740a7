package features

import (
	"math"

	"github.com/neurod/neurod/decoders/dsp"
)

// tapers is how many sine tapers the spectrum for 1/f and peaks is the mean of; docs/04-decoders.md has what was compared.
const tapers = 3

// sineTapers estimates spectra by sine tapers (K. S. Riedel and A. Sidorenko, IEEE Trans. Signal Process. 43 (1995) 188-195): of a single
// window of 2 s one Hann window leaves each value with a spread as large as itself, which hides peaks and tilts lines; the mean of
// the spectra under several orthogonal tapers has less, and looks (tapers+1)/2 bins far.
type sineTapers struct {
	n      int
	tapers [][]float64
	fft    *dsp.RealFFT
	seg    []float64
	coef   []complex128
	df     float64 // Hz
	lo, hi int     // bins that are computed
	scale  float64
}

// newSineTapers returns an estimator for windows of n samples and the bins of lo..hi Hz, both included.
func newSineTapers(n int, rate, lo, hi float64) *sineTapers {
	size := n
	for !smooth(size) { // zeros behind the window change no power, and a large prime factor costs much
		size++
	}
	t := &sineTapers{n: n, fft: dsp.NewRealFFT(size), seg: make([]float64, size), coef: make([]complex128, size/2+1), df: rate / float64(size),
		scale: 2 / (rate * tapers)}
	t.lo, t.hi = int(math.Ceil(lo/t.df-1e-9)), min(int(math.Floor(hi/t.df+1e-9)), len(t.coef)-1)
	for k := range tapers {
		taper := make([]float64, n)
		for i := range taper {
			taper[i] = math.Sqrt(2/float64(n+1)) * math.Sin(math.Pi*float64(k+1)*float64(i+1)/float64(n+1))
		}
		t.tapers = append(t.tapers, taper)
	}
	return t
}

// freqs returns the frequencies of the bins, in Hz.
func (t *sineTapers) freqs() []float64 {
	f := make([]float64, max(0, t.hi-t.lo+1))
	for i := range f {
		f[i] = float64(t.lo+i) * t.df
	}
	return f
}

// psd writes the one-sided density of a window (µV²/Hz) to dst, a value a bin.
func (t *sineTapers) psd(dst, x []float64) {
	clear(dst)
	for _, taper := range t.tapers {
		for i, v := range taper {
			t.seg[i] = v * x[i]
		}
		t.fft.Coefficients(t.coef, t.seg)
		for i := range dst {
			c := t.coef[t.lo+i]
			dst[i] += t.scale * (real(c)*real(c) + imag(c)*imag(c))
		}
	}
}

// byChance is the height, in log10 units, that one of a thousand values of the mean of so many windows' spectra has over the expected one:
// such a value is chi-square with 2·tapers·windows degrees of freedom, whose quantile is Wilson's and Hilferty's.
func byChance(windows int) float64 {
	const z = 3.0902
	dof := float64(2 * tapers * windows)
	return 3 * math.Log10(1-2/(9*dof)+z*math.Sqrt(2/(9*dof)))
}

// smooth reports whether n is a product of 2, 3 and 5.
func smooth(n int) bool {
	for _, p := range [3]int{2, 3, 5} {
		for n%p == 0 {
			n /= p
		}
	}
	return n == 1
}
