package p300

import (
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
)

// margin in s is filtered along before the first and after the last epoch, where there is signal.
const margin = 1.0

// frontend turns a clip and its flashes into epochs. It is immutable.
type frontend struct {
	cfg      Config
	channels []string // canonical
	pool     *sync.Pool
}

// scratch is the memory of one decode.
type scratch struct {
	filter   *dsp.ZeroPhase
	rate     float64 // Hz the filter is for; 0 none yet
	rows     []int
	lines    []float64 // components × samples
	sum      []float64
	features mat.Dense
	data     []float64
}

func newFrontend(cfg Config, labels []string) (*frontend, error) {
	f := &frontend{cfg: cfg, channels: epoch.CanonicalNames(labels), pool: &sync.Pool{New: func() any { return new(scratch) }}}
	if len(labels) == 0 {
		return nil, incompatible("no channels")
	}
	for i, name := range f.channels {
		if name == "" || slices.Contains(f.channels[:i], name) {
			return nil, incompatible("channel %d, %q, is empty or there twice", i, name)
		}
	}
	return f, nil
}

// minSamples is how many samples a clip must have at a rate in Hz.
func (f *frontend) minSamples(rate float64) int { return epoch.Samples(f.cfg.End, rate) }

// usable returns the onsets of the events whose epochs lie within the clip, their indices, and how many there were of
// those that do not.
func (f *frontend) usable(in *decoders.Input) (index []int, onsets []float64, dropped int) {
	// A sample may be lost to rounding at the end of a clip cut to fit.
	last := in.Seconds() - f.cfg.End + 1/in.Rate
	for i, e := range in.Events {
		if e.Onset >= 0 && e.Onset <= last {
			index, onsets = append(index, i), append(onsets, e.Onset)
		} else {
			dropped++
		}
	}
	return index, onsets, dropped
}

// epochs returns one row for each onset in s: the bins of the first channel, or of the first projection where filters
// (components × channels) are not nil, then those of the next. The matrix belongs to sc.
func (f *frontend) epochs(sig decoders.Signal, onsets []float64, filters *mat.Dense, sc *scratch) (*mat.Dense, error) {
	var err error
	if sc.rows, err = epoch.Rows(sc.rows, sig.Channels, f.channels); err != nil {
		return nil, err
	}
	n := sig.Samples()
	pad := margin * sig.Rate
	lo := max(0, int(slices.Min(onsets)*sig.Rate-pad))
	hi := min(n, int(math.Ceil((slices.Max(onsets)+f.cfg.End)*sig.Rate+pad)))
	if err := epoch.CheckValues(sig, sc.rows, lo, hi); err != nil {
		return nil, err
	}
	if sc.rate != sig.Rate {
		sos, err := dsp.ButterBandPass(f.cfg.Order, f.cfg.Low, f.cfg.High, sig.Rate)
		if err != nil {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"sample_rate": sig.Rate}, "%v", err)
		}
		sc.filter, sc.rate = dsp.NewZeroPhase(sos), sig.Rate
	}
	outputs := len(sc.rows)
	if filters != nil {
		outputs, _ = filters.Dims()
	}
	bins := f.cfg.bins()
	width := outputs * bins
	sc.data = grow(sc.data, len(onsets)*width)
	sc.lines, sc.sum = grow(sc.lines, outputs*(hi-lo)), grow(sc.sum, hi-lo+1)
	lines := mat.NewDense(outputs, hi-lo, sc.lines)
	for k := range outputs {
		row := lines.RawRowView(k)
		if filters == nil {
			copy(row, sig.Data.RawRowView(sc.rows[k])[lo:hi])
			continue
		}
		clear(row)
		for j, w := range filters.RawRowView(k) {
			floats.AddScaled(row, w, sig.Data.RawRowView(sc.rows[j])[lo:hi])
		}
	}
	sc.filter.Rows(lines, lines)
	for k := range outputs {
		// With the running sum, the mean over any segment is a difference, and segments need not end on samples.
		sc.sum[0] = 0
		for i, v := range lines.RawRowView(k) {
			sc.sum[i+1] = sc.sum[i] + v
		}
		step := sig.Rate / f.cfg.Bins
		for e, onset := range onsets {
			out := sc.data[e*width+k*bins : e*width+(k+1)*bins]
			start := onset*sig.Rate - float64(lo)
			before := at(sc.sum, start)
			for b := range out {
				after := at(sc.sum, start+float64(b+1)*step)
				out[b] = (after - before) / step
				before = after
			}
		}
	}
	sc.features = *mat.NewDense(len(onsets), width, sc.data)
	return &sc.features, nil
}

// at reads a running sum between two samples.
func at(sum []float64, x float64) float64 {
	x = min(max(x, 0), float64(len(sum)-1))
	i := min(int(x), len(sum)-2)
	return sum[i] + (x-float64(i))*(sum[i+1]-sum[i])
}

// deviation is the root mean square of an epoch's features; band-passed, they have no mean to speak of.
func deviation(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum / float64(len(x)))
}

// flat is the deviation in µV below which an epoch holds nothing an amplifier resolves.
const flat = 1e-6

// scale brings an epoch to the scale of the training: to 1 when standardizing, else down to limit where it exceeds it.
// limit 0 lets everything through. It reports whether there was any activity.
func (c Config) scale(x []float64, limit float64) bool {
	d := deviation(x)
	if !(d > flat) || math.IsInf(d, 0) {
		return false
	}
	switch {
	case c.Standardize:
		floats.Scale(1/d, x)
	case limit > 0 && d > limit:
		floats.Scale(limit/d, x)
	}
	return true
}

func grow(buf []float64, n int) []float64 {
	if cap(buf) < n {
		return make([]float64, n)
	}
	return buf[:n]
}
