// Package dsp has the signal processing that every decoder uses: filters, spectra, detrending and resampling.
//
// Signals are in µV, rates and frequencies in Hz, matrices channels × samples.
//
// Invariants:
//
//   - What designs a filter returns an error for parameters that cannot be met (a band beyond Nyquist, an order
//     below 1, a number that is not finite). Errors wrap [ErrParameter].
//   - What applies a filter takes any finite samples. A wrong shape (a destination of another length) is a mistake
//     of the program and panics, as in gonum. NaN in gives NaN out; [FirstNonFinite] finds it beforehand.
//   - Functions with a dst argument write there and return it; a nil dst is allocated. dst and x may be the same
//     slice where the comment says so.
//   - Types with a workspace (ZeroPhase, SOSState, Welch, Resampler, Decimator, FIRFilter) do not allocate once warm
//     and belong to one goroutine at a time. SOS and FIR are plain values and may be shared.
//   - Offline filters are zero phase. Streaming filters are causal and give the same output to the last bit
//     whatever the chunking.
//
// Sources: A. V. Oppenheim and R. W. Schafer, Discrete-Time Signal Processing, 3rd ed., ch. 7 (bilinear transform,
// window method); T. W. Parks and C. S. Burrus, Digital Filter Design (Butterworth and Chebyshev prototypes);
// P. D. Welch, IEEE Trans. Audio Electroacoust. 15 (1967) 70-73; F. Gustafsson, IEEE Trans. Signal Process. 44
// (1996) 988-992 (initial states of forward-backward filters); A. Widmann et al., J. Neurosci. Methods 250 (2015)
// 34-46 (transition bandwidths of EEG filters). Conventions are those of scipy.signal and MNE-Python.
package dsp

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// ErrParameter is wrapped by every error about a parameter that no filter or spectrum can be made from.
var ErrParameter = errors.New("dsp: invalid parameter")

func paramErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrParameter, fmt.Sprintf(format, args...))
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// checkRate refuses a sampling rate that is not a positive finite number of Hz.
func checkRate(fs float64) error {
	if !finite(fs) || fs <= 0 {
		return paramErrorf("sampling rate %v Hz is not a positive number", fs)
	}
	return nil
}

// checkEdge refuses a band edge that is not strictly between 0 and Nyquist.
func checkEdge(name string, f, fs float64) error {
	if !finite(f) || f <= 0 || f >= fs/2 {
		return paramErrorf("%s %v Hz is not between 0 and the Nyquist frequency %v Hz", name, f, fs/2)
	}
	return nil
}

// checkBand refuses a band that is empty or leaves the range from 0 to Nyquist.
func checkBand(lo, hi, fs float64) error {
	if err := checkRate(fs); err != nil {
		return err
	}
	if err := checkEdge("lower edge", lo, fs); err != nil {
		return err
	}
	if err := checkEdge("upper edge", hi, fs); err != nil {
		return err
	}
	if lo >= hi {
		return paramErrorf("band %v-%v Hz is empty", lo, hi)
	}
	return nil
}

// FirstNonFinite returns the row and column of the first NaN or infinity of x (channels × samples).
func FirstNonFinite(x mat.RawMatrixer) (channel, sample int, found bool) {
	raw := x.RawMatrix()
	for r := range raw.Rows {
		for c, v := range raw.Data[r*raw.Stride : r*raw.Stride+raw.Cols] {
			// v-v is 0 for every finite number and NaN otherwise.
			if v-v != 0 {
				return r, c, true
			}
		}
	}
	return 0, 0, false
}

// use returns dst with length n, allocating when dst is nil, and panics when dst has another length.
func use(dst []float64, n int) []float64 {
	if dst == nil {
		return make([]float64, n)
	}
	if len(dst) != n {
		panic(fmt.Sprintf("dsp: dst has length %d, want %d", len(dst), n))
	}
	return dst
}

// grow returns buf with length n, reusing its memory where it is large enough.
func grow(buf []float64, n int) []float64 {
	if cap(buf) < n {
		return make([]float64, n)
	}
	return buf[:n]
}
