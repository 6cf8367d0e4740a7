package quality

import (
	"math"
	"slices"
	"sync"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/internal/vector"
	"github.com/neurod/neurod/decoders/recording"
)

// Units is what speaks against the samples of a clip being µV.
type Units struct {
	// Typical is the amplitude of the median channel in its median window, the SD of 0.5-40 Hz as if in µV.
	Typical float64 `json:"typical_uv"`
	// LooksLike is the unit in which the amplitude would be that of EEG: "V", "mV", "nV"; "" where it is too large by no power of
	// a thousand, as the numbers of a converter are.
	LooksLike string `json:"looks_like,omitempty"`
}

// The amplitudes that EEG in µV has, as the SD of 0.5-40 Hz of the median channel.
const (
	// Smallest is where package features calls a channel bad.
	Smallest = 0.5
	// LargestScalp is where it is certain that one is: the largest median of a cap among the recordings that we have is below 100.
	LargestScalp = 150.0
	// LargestAny is beyond seizures inside the head: of 4-s clips of Bonn's set S none reaches it. It holds for channels that are no
	// known electrodes, and for those that repeat themselves as a discharge does.
	LargestAny = 1000.0
)

const (
	unitSeconds = 2.0 // of a window
	discharge   = 0.5 // autocorrelation from which a channel repeats itself, as in package seizure
)

// SuspectUnits returns what speaks against µV, nil for nothing. Channels that never move count for nothing. The signal is finite.
func SuspectUnits(sig decoders.Signal) *Units {
	n := sig.Samples()
	if n < 16 || !(sig.Rate > 0) || math.IsInf(sig.Rate, 0) {
		return nil
	}
	rows, _ := sig.Data.Dims()
	if len(sig.Channels) != rows {
		return nil
	}
	// As they are, but for drift, most clips are beyond doubt, and nothing needs a filter.
	if a := Amplitude(sig); a == 0 || a >= Smallest && a <= LargestScalp {
		return nil
	}
	sos, err := dsp.ButterBandPass(2, low, math.Min(high, 0.45*sig.Rate), sig.Rate)
	if err != nil {
		return nil
	}
	zero := dsp.NewZeroPhase(sos)
	flat := make([]float64, n)
	band := amplitudes(sig, func(dst, x []float64) {
		dsp.Demean(flat, x)
		zero.Filter(dst, flat)
	})
	a := median(band)
	switch {
	case !(a > 0):
		return nil
	case a < Smallest:
		u := &Units{Typical: a, LooksLike: "mV"}
		if a < 1e-3*Smallest {
			u.LooksLike = "V"
		}
		return u
	case a <= LargestScalp, a <= LargestAny && !scalp(sig, zero):
		return nil
	}
	u := &Units{Typical: a}
	if a >= 1e3*Smallest && a > LargestAny {
		u.LooksLike = "nV"
	}
	return u
}

// Amplitude returns the SD of the median channel in its median window without drift, of the channels that move; 0 where none does.
func Amplitude(sig decoders.Signal) float64 {
	return median(amplitudes(sig, func(dst, x []float64) { dsp.Detrend(dst, x) }))
}

// memories are those of amplitudes, one after the other: every decode needs one.
var memories = sync.Pool{New: func() any { return new([]float64) }}

// mostKept is how many samples a memory that nobody uses may hold on to: a minute at 1 kHz.
const mostKept = 1 << 16

// amplitudes returns the median SD over windows of each channel that moves, after prepare.
func amplitudes(sig decoders.Signal, prepare func(dst, x []float64)) []float64 {
	rows, n := sig.Data.Dims()
	size := min(n, max(1, int(unitSeconds*sig.Rate)))
	memory := memories.Get().(*[]float64)
	defer func() {
		if cap(*memory) <= mostKept {
			memories.Put(memory)
		}
	}()
	if cap(*memory) < n+size {
		*memory = make([]float64, n+size)
	}
	y, level := (*memory)[:n], (*memory)[n:n+size]
	var out, windows []float64
	for i := range rows {
		x := sig.Data.RawRowView(i)
		if lo, hi := vector.Extremes(x); lo == hi {
			continue
		}
		prepare(y, x)
		windows = windows[:0]
		for from := 0; from+size <= n; from += size {
			dsp.Demean(level, y[from:from+size])
			windows = append(windows, math.Sqrt(vector.Dot(level, level)/float64(size)))
		}
		out = append(out, median(windows))
	}
	return out
}

// scalp reports whether the channels are known electrodes on which nothing is as large as a discharge may be: most do not
// repeat themselves 2 to 12 times a second.
func scalp(sig decoders.Signal, zero *dsp.ZeroPhase) bool {
	rows, n := sig.Data.Dims()
	from, to := int(sig.Rate/12), min(int(sig.Rate/2)+1, n/2)
	flat := make([]float64, n)
	named, repeating := 0, 0
	for i := range rows {
		if !recording.IsElectrode(sig.Channels[i]) {
			continue
		}
		named++
		dsp.Demean(flat, sig.Data.RawRowView(i))
		zero.Filter(flat, flat)
		best, last, rising := 0.0, math.Inf(-1), false
		for lag := max(1, from); lag <= to; lag++ {
			head, tail := flat[:n-lag], flat[lag:]
			r := vector.Dot(head, tail)
			if e := vector.Dot(head, head) * vector.Dot(tail, tail); e > 0 {
				r /= math.Sqrt(e)
			}
			if rising && r < last {
				best = max(best, last)
			}
			rising, last = r >= last, r
		}
		if best >= discharge {
			repeating++
		}
	}
	return 2*named > rows && 2*repeating <= named
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}
