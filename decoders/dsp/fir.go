package dsp

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/mat"
)

// FIR is a linear-phase filter of odd length, symmetric about its middle tap.
type FIR []float64

// hammingLengthFactor times fs over the transition bandwidth is the length of a Hamming-windowed filter
// (Widmann et al. 2015, table 3).
const hammingLengthFactor = 3.3

// FIRBandPass designs the Hamming-windowed band pass that MNE's filter(lo, hi, fir_design="firwin") uses: pass band
// lo to hi Hz, transition bands min(max(lo/4, 2), lo) below and min(max(hi/4, 2), fs/2-hi) above it, each edge as
// long as its own transition needs.
func FIRBandPass(lo, hi, fs float64) (FIR, error) {
	if err := checkBand(lo, hi, fs); err != nil {
		return nil, err
	}
	below := min(max(lo/4, 2), lo)
	above := min(max(hi/4, 2), fs/2-hi)
	n := hammingLengthFactor / min(below, above) * fs
	// Longer than half a minute at 5 kHz means that an edge all but touches 0 or Nyquist.
	if n > 1<<17 {
		return nil, paramErrorf("band %v-%v Hz at %v Hz needs %.0f taps", lo, hi, fs, n)
	}
	length := max(int(math.Ceil(n)), 1)
	length += 1 - length%2
	h := make(FIR, length)
	// Band pass = low pass at the upper edge less low pass at the lower edge.
	addLowPass(h, hi+above/2, above, fs, 1)
	addLowPass(h, lo-below/2, below, fs, -1)
	return h, nil
}

// addLowPass adds sign times a Hamming-windowed sinc of unit DC gain with -6 dB at fc Hz to the middle of h.
func addLowPass(h FIR, fc, transition, fs, sign float64) {
	n := int(math.RoundToEven(hammingLengthFactor / (transition / fs)))
	n += 1 - n%2
	n = min(n, len(h))
	lp := windowedSinc(n, 2*fc/fs, func(k int) float64 {
		if n == 1 {
			return 1
		}
		return 0.54 - 0.46*math.Cos(2*math.Pi*float64(k)/float64(n-1))
	})
	off := (len(h) - n) / 2
	for i, v := range lp {
		h[off+i] += sign * v
	}
}

// windowedSinc returns n taps of a low pass with cutoff c (1 is Nyquist) and unit gain at DC.
func windowedSinc(n int, c float64, window func(int) float64) []float64 {
	h := make([]float64, n)
	mid := float64(n-1) / 2
	sum := 0.0
	for k := range h {
		t := math.Pi * c * (float64(k) - mid)
		v := c
		if t != 0 {
			v = c * math.Sin(t) / t
		}
		h[k] = v * window(k)
		sum += h[k]
	}
	for k := range h {
		h[k] /= sum
	}
	return h
}

// Filter filters x with zero phase into dst and returns it; see [FIRFilter], which reuses its workspace. dst may be
// x itself; nil is allocated.
func (h FIR) Filter(dst, x []float64) []float64 { return NewFIRFilter(h).Filter(dst, x) }

// FilterRows filters every row of x (channels × samples) in place with zero phase.
func (h FIR) FilterRows(x *mat.Dense) {
	f := NewFIRFilter(h)
	for i := range x.RawMatrix().Rows {
		f.Filter(x.RawRowView(i), x.RawRowView(i))
	}
}

// FIRFilter applies a FIR filter with its delay removed, by overlap-add. Both ends are extended by odd reflection
// of up to a filter length and then zeros (MNE's "reflect_limited"). It is not safe for concurrent use.
type FIRFilter struct {
	h    FIR
	fft  *fourier.FFT
	n    int          // block length of the transform
	hf   []complex128 // spectrum of h, scaled by 1/n
	coef []complex128
	seg  []float64
	ext  []float64
	out  []float64
}

// NewFIRFilter returns a zero-phase filter with its workspace. It panics if h has an even length.
func NewFIRFilter(h FIR) *FIRFilter {
	if len(h)%2 == 0 {
		panic("dsp: FIR length is even")
	}
	// A block of four filter lengths keeps the share of wasted samples near a quarter.
	n := 64
	for n < 4*len(h) {
		n *= 2
	}
	f := &FIRFilter{h: h, fft: fourier.NewFFT(n), n: n, seg: make([]float64, n), coef: make([]complex128, n/2+1)}
	for i, v := range h {
		f.seg[i] = v / float64(n)
	}
	f.hf = f.fft.Coefficients(nil, f.seg)
	return f
}

// Filter filters x into dst and returns it. dst may be x itself; nil is allocated.
func (f *FIRFilter) Filter(dst, x []float64) []float64 {
	dst = use(dst, len(x))
	n := len(x)
	if n == 0 {
		return dst
	}
	if len(f.h) == 1 {
		for i, v := range x {
			dst[i] = v * f.h[0]
		}
		return dst
	}
	// The extension is never longer than the signal less one sample, so it holds no zeros of its own;
	// what lies beyond it is zero by the convolution.
	edge := min(len(f.h), n) - 1
	f.ext = grow(f.ext, n+2*edge)
	first, last := x[0], x[n-1]
	copy(f.ext[edge:], x)
	for i := range edge {
		f.ext[i] = 2*first - x[edge-i]
		f.ext[edge+n+i] = 2*last - x[n-2-i]
	}
	f.out = grow(f.out, len(f.ext)+f.n)
	clear(f.out)
	step := f.n - len(f.h) + 1
	for start := 0; start < len(f.ext); start += step {
		k := copy(f.seg, f.ext[start:min(start+step, len(f.ext))])
		clear(f.seg[k:])
		f.fft.Coefficients(f.coef, f.seg)
		for i, v := range f.hf {
			f.coef[i] *= v
		}
		f.fft.Sequence(f.seg, f.coef)
		for i, v := range f.seg {
			f.out[start+i] += v
		}
	}
	copy(dst, f.out[edge+len(f.h)/2:])
	return dst
}
