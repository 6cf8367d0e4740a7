package dsp

import (
	"fmt"
	"math"
)

// Trend says what is taken out of a segment before its spectrum.
type Trend int

// The trends that can be taken out.
const (
	TrendLinear   Trend = iota // least-squares line
	TrendConstant              // mean
	TrendNone                  // nothing
)

// WelchConfig describes a power spectrum.
type WelchConfig struct {
	Segment int     // samples a segment
	Overlap int     // samples that neighbouring segments share, below Segment
	Rate    float64 // Hz
	Trend   Trend   // taken out of each segment. Defaults to TrendLinear.
	NFFT    int     // transform length, zero-padded beyond Segment. Defaults to Segment.
}

// Welch estimates one-sided power spectral densities (µV²/Hz) by averaging Hann-windowed segments, as
// scipy.signal.welch does. It is not safe for concurrent use.
type Welch struct {
	cfg    WelchConfig
	win    []float64
	winSq  float64 // Σ window²
	fft    *RealFFT
	seg    []float64
	coef   []complex128
	freqs  []float64
	short  []float64 // window of the last signal that was shorter than a segment
	shortN int
	four   sideBySide
}

// NewWelch returns a spectrum with linear detrending, segments of nperseg samples that share noverlap.
func NewWelch(nperseg, noverlap int, fs float64) (*Welch, error) {
	return NewWelchConfig(WelchConfig{Segment: nperseg, Overlap: noverlap, Rate: fs})
}

// NewWelchConfig returns a spectrum with its workspace.
func NewWelchConfig(cfg WelchConfig) (*Welch, error) {
	if err := checkRate(cfg.Rate); err != nil {
		return nil, err
	}
	if cfg.Segment < 2 {
		return nil, paramErrorf("segment of %d samples is shorter than 2", cfg.Segment)
	}
	if cfg.Overlap < 0 || cfg.Overlap >= cfg.Segment {
		return nil, paramErrorf("overlap of %d samples is not between 0 and the segment's %d", cfg.Overlap, cfg.Segment)
	}
	if cfg.Trend < TrendLinear || cfg.Trend > TrendNone {
		return nil, paramErrorf("trend %d is unknown", cfg.Trend)
	}
	if cfg.NFFT == 0 {
		cfg.NFFT = cfg.Segment
	}
	if cfg.NFFT < cfg.Segment {
		return nil, paramErrorf("transform of %d samples is shorter than the segment's %d", cfg.NFFT, cfg.Segment)
	}
	w := &Welch{
		cfg:  cfg,
		win:  make([]float64, cfg.Segment),
		fft:  NewRealFFT(cfg.NFFT),
		seg:  make([]float64, cfg.NFFT),
		coef: make([]complex128, cfg.NFFT/2+1),
	}
	w.winSq = hann(w.win)
	w.freqs = make([]float64, len(w.coef))
	for i := range w.freqs {
		w.freqs[i] = float64(i) * cfg.Rate / float64(cfg.NFFT)
	}
	return w, nil
}

// hann fills win with the periodic Hann window and returns the sum of its squares.
func hann(win []float64) float64 {
	sum := 0.0
	for i := range win {
		win[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(len(win)))
		sum += win[i] * win[i]
	}
	return sum
}

// Freqs returns the frequencies of the bins in Hz, from 0 to Nyquist. The caller must not change them.
func (w *Welch) Freqs() []float64 { return w.freqs }

// Bins returns the number of frequencies.
func (w *Welch) Bins() int { return len(w.freqs) }

// PSD writes the density of x (µV²/Hz, one value a bin) to dst and returns it; nil is allocated. A signal shorter
// than a segment is taken as one segment of its own length, zero-padded to the same bins. It panics if x has fewer
// than 2 samples.
func (w *Welch) PSD(dst, x []float64) []float64 {
	dst = use(dst, len(w.freqs))
	win, winSq := w.win, w.winSq
	if len(x) < len(win) {
		if len(x) < 2 {
			panic(fmt.Sprintf("dsp: spectrum of %d samples", len(x)))
		}
		if w.shortN != len(x) {
			w.short = grow(w.short, len(x))
			hann(w.short)
			w.shortN = len(x)
		}
		win, winSq = w.short[:len(x)], 0
		for _, v := range win {
			winSq += v * v
		}
	}
	clear(dst)
	step := w.cfg.Segment - w.cfg.Overlap
	count := 0
	for start := 0; start+len(win) <= len(x); start += step {
		seg := w.seg[:len(win)]
		w.detrend(seg, x[start:start+len(win)])
		for i, v := range win {
			seg[i] *= v
		}
		clear(w.seg[len(win):])
		w.fft.Coefficients(w.coef, w.seg)
		for i, c := range w.coef {
			dst[i] += real(c)*real(c) + imag(c)*imag(c)
		}
		count++
	}
	w.scale(dst, winSq, count)
	return dst
}

// PSDs writes the densities of signals of one length to dst, which has as many rows of Bins numbers. They are what PSD gives for each, faster, and differ
// by rounding. It panics where PSD does, and if the signals differ in length.
func (w *Welch) PSDs(dst, x [][]float64) {
	for k, row := range x {
		if len(row) != len(x[0]) || len(dst[k]) != len(w.freqs) {
			panic(fmt.Sprintf("dsp: %d samples and %d bins, %d and %d are needed", len(row), len(dst[k]), len(x[0]), len(w.freqs)))
		}
	}
	for len(x) > 0 {
		some := min(4, len(x))
		if w.atOnce(dst[:some], x[:some]) {
			count := (len(x[0])-w.cfg.Segment)/(w.cfg.Segment-w.cfg.Overlap) + 1
			for _, row := range dst[:some] {
				w.scale(row, w.winSq, count)
			}
		} else {
			for k, row := range x[:some] {
				w.PSD(dst[k], row)
			}
		}
		dst, x = dst[some:], x[some:]
	}
}

// detrend takes out of a segment what the configuration says.
func (w *Welch) detrend(dst, x []float64) {
	switch w.cfg.Trend {
	case TrendLinear:
		Detrend(dst, x)
	case TrendConstant:
		Demean(dst, x)
	default:
		copy(dst, x)
	}
}

// scale makes densities of the sums of count segments.
func (w *Welch) scale(dst []float64, winSq float64, count int) {
	// One-sided: every bin but 0 and Nyquist stands for two.
	scale := 2 / (w.cfg.Rate * winSq * float64(count))
	for i := range dst {
		dst[i] *= scale
	}
	dst[0] /= 2
	if w.cfg.NFFT%2 == 0 {
		dst[len(dst)-1] /= 2
	}
}

// BandPower integrates a density (µV²/Hz) over the half-open band lo <= f < hi and returns µV²: the sum of the bins
// times their spacing, so that neighbouring bands add up without counting a bin twice. freqs is evenly spaced.
// It panics if freqs and psd differ in length.
func BandPower(freqs, psd []float64, lo, hi float64) float64 {
	if len(freqs) != len(psd) {
		panic(fmt.Sprintf("dsp: %d frequencies for %d densities", len(freqs), len(psd)))
	}
	if len(freqs) < 2 {
		return 0
	}
	sum := 0.0
	for i, f := range freqs {
		if f >= lo && f < hi {
			sum += psd[i]
		}
	}
	return sum * (freqs[1] - freqs[0])
}
