package ssvep

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
)

// space is the memory of one decode with calibration data.
type space struct {
	rows      []int
	filters   []*dsp.ZeroPhase
	resampler *dsp.Resampler
	from      float64 // rate the resampler is for; 0 none yet
	loaded    *mat.Dense
	line      []float64
	bands     []*mat.Dense // channels × samples before shifting, one a band
	x         *mat.Dense   // the window looked at
	sums      []float64
	scoring   scoring
}

func newSpace(d *trained) *space {
	sp := &space{bands: make([]*mat.Dense, len(d.sos))}
	for b, sos := range d.sos {
		sp.filters = append(sp.filters, dsp.NewZeroPhase(sos))
		sp.bands[b] = mat.NewDense(len(d.channels), d.length(), nil)
	}
	sp.x = mat.NewDense(len(d.channels), d.samples, nil)
	return sp
}

// window fills the bands of the space from a request. Filters see up to 2 s before the window and nothing behind it, so
// that an answer does not depend on how long a client waited before asking.
func (sp *space) window(d *trained, in *decoders.Input) (window, error) {
	if err := epoch.Check(in.Signal, d.minSamples(in.Rate), minRate); err != nil {
		return window{}, err
	}
	n := in.Samples()
	length := epoch.Samples(float64(d.length())/d.rate, in.Rate)
	win := window{ignored: len(in.Events) > 0}
	at := math.Inf(1)
	for _, e := range in.Events {
		if e.Onset >= 0 && e.Onset < at && int(min(math.Round((e.Onset+d.cfg.Skip)*in.Rate), 1e15))+length <= n {
			at = e.Onset
		}
	}
	if !math.IsInf(at, 1) {
		win.onset, win.byEvent, win.ignored = at, true, false
	}
	win.from = int(math.Round((win.onset + d.cfg.Skip) * in.Rate))
	win.to = win.from + length
	var err error
	if sp.rows, err = epoch.Rows(sp.rows, in.Channels, d.channels); err != nil {
		return win, err
	}
	lo := max(0, win.from-int(filterMargin*in.Rate))
	if err := epoch.CheckValues(in.Signal, sp.rows, lo, win.to); err != nil {
		return win, err
	}
	if sp.from != in.Rate {
		if sp.resampler, err = epoch.Resampler(in.Rate, d.rate); err != nil {
			return win, err
		}
		sp.from = in.Rate
	}
	size, scale := win.to-lo, 1.0
	if sp.resampler != nil {
		size = sp.resampler.Len(win.to - lo)
		up, down := sp.resampler.Factors()
		scale = float64(up) / float64(down)
	}
	// Rounding of the rates may leave the window a sample short at its end.
	start := max(0, min(int(math.Round(float64(win.from-lo)*scale)), size-d.length()))
	sp.loaded = shaped(sp.loaded, len(sp.rows), size)
	sp.line = grow(sp.line, max(size, win.to-lo))
	flat := true
	for i, r := range sp.rows {
		src := sp.line[:win.to-lo]
		dsp.Demean(src, in.Data.RawRowView(r)[lo:win.to])
		if largest := floats.Norm(src, math.Inf(1)); largest <= 1e-9*math.Abs(in.Data.At(r, lo)) || largest < 1e-150 {
			clear(src) // an electrode that is off: what is left is the rounding of its mean
		} else {
			flat = false
		}
		if sp.resampler != nil {
			sp.resampler.Resample(sp.loaded.RawRowView(i), src)
		} else {
			copy(sp.loaded.RawRowView(i), src)
		}
	}
	if flat || size < d.length() {
		return win, epoch.Flat(in.Channels)
	}
	for b, f := range sp.filters {
		for i := range sp.rows {
			line := sp.line[:size]
			f.Filter(line, sp.loaded.RawRowView(i))
			copy(sp.bands[b].RawRowView(i), line[start:start+d.length()])
		}
	}
	return win, nil
}

// cut returns n samples of x from shift on, each channel centred. They belong to the space.
func (sp *space) cut(x *mat.Dense, shift, n int) *mat.Dense {
	rows, _ := x.Dims()
	for i := range rows {
		dsp.Demean(sp.x.RawRowView(i), x.RawRowView(i)[shift:shift+n])
	}
	return sp.x
}
