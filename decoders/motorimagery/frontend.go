package motorimagery

import (
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/vector"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// margin in s is filtered along on both sides of the window, where there is signal, so that the window does not feel
// the filter's start: the 8 Hz edge of the default band settles within half a second.
const margin = 1.0

// frontend turns a clip into the band-passed window of a model's channels or components. It is immutable.
type frontend struct {
	cfg      Config
	channels []string // canonical
	rate     float64  // Hz
	sos      dsp.SOS
	pool     *sync.Pool
}

// scratch is the memory of one decode.
type scratch struct {
	filter    *dsp.ZeroPhase
	rows      []int
	resampler *dsp.Resampler
	from      float64 // rate the resampler is for; 0 none yet
	data      []float64
	lines     [][]float64 // the rows of data
	sources   [][]float64 // the rows of the clip, and
	mixed     [][]float64 // their projection, in
	mixture   []float64
	window    mat.Dense
	cov       *mat.SymDense
	moved     *mat.SymDense
	estimate  *riemann.Covariance
	features  []float64
}

// newFrontend returns the front end of a model; labels are its channels.
func newFrontend(cfg Config, labels []string, rate float64) (*frontend, error) {
	sos, err := dsp.ButterBandPass(cfg.Order, cfg.Low, cfg.High, rate)
	if err != nil {
		return nil, incompatible("%v", err)
	}
	f := &frontend{cfg: cfg, channels: epoch.CanonicalNames(labels), rate: rate, sos: sos}
	if len(labels) == 0 {
		return nil, incompatible("no channels")
	}
	for i, name := range f.channels {
		if name == "" || slices.Contains(f.channels[:i], name) {
			return nil, incompatible("channel %d, %q, is empty or there twice", i, name)
		}
	}
	f.pool = &sync.Pool{New: func() any { return &scratch{filter: dsp.NewZeroPhase(sos)} }}
	return f, nil
}

// minSamples is how many samples a clip must have at a rate in Hz.
func (f *frontend) minSamples(rate float64) int { return epoch.Samples(f.cfg.MinSeconds, rate) }

// minRate in Hz leaves a tenth of room above the band's upper edge.
func (f *frontend) minRate() float64 { return 2.2 * f.cfg.High }

// span is the part of a clip that is decoded, in samples of the clip.
type span struct {
	from, to int        // window
	cue      *eeg.Event // nil: whole clip
}

func (s span) evidence(rate float64) map[string]any {
	ev := map[string]any{"window_start_s": float64(s.from) / rate, "window_end_s": float64(s.to) / rate, "cue": "none"}
	if s.cue != nil {
		ev["cue"], ev["cue_onset_s"], ev["cue_code"] = "event", s.cue.Onset, s.cue.Code
	}
	return ev
}

// locate finds the window: after the first event that has all of it, else after the event that has most of it.
func (f *frontend) locate(in *decoders.Input) (span, error) {
	n := in.Samples()
	if len(in.Events) == 0 {
		return span{from: 0, to: n}, nil
	}
	var best span
	inside := false
	for i := range in.Events {
		e := &in.Events[i]
		if !(e.Onset >= 0 && e.Onset < in.Seconds()) {
			continue
		}
		inside = true
		from := int(math.Round((e.Onset + f.cfg.Start) * in.Rate))
		full := epoch.Samples(f.cfg.End-f.cfg.Start, in.Rate)
		s := span{from: max(from, 0), to: min(from+full, n), cue: e}
		if s.to-s.from > best.to-best.from {
			best = s
		}
		// A sample may be lost to rounding at the end of a clip cut to fit.
		if s.to-s.from >= full-1 {
			break
		}
	}
	need := f.minSamples(in.Rate)
	switch {
	case !inside:
		return span{}, decoders.Errorf(decoders.CodeNoEvents, map[string]any{"events": len(in.Events), "seconds": in.Seconds()},
			"none of the %d events lies within the %.3g s of signal", len(in.Events), in.Seconds())
	case best.to-best.from < need:
		return span{}, epoch.TooShort(in.Signal, need, max(0, best.to-best.from), "too little signal after the cue")
	}
	return best, nil
}

// window returns the band-passed window of the model's channels, or of their projection by filters (components ×
// channels) where that is not nil, at the model's rate. The matrix belongs to sc.
func (f *frontend) window(in *decoders.Input, s span, filters *mat.Dense, sc *scratch) (*mat.Dense, error) {
	var err error
	if sc.rows, err = epoch.Rows(sc.rows, in.Channels, f.channels); err != nil {
		return nil, err
	}
	pad := int(margin * in.Rate)
	lo, hi := max(0, s.from-pad), min(in.Samples(), s.to+pad)
	if err := epoch.CheckValues(in.Signal, sc.rows, lo, hi); err != nil {
		return nil, err
	}
	if sc.from != in.Rate {
		if sc.resampler, err = epoch.Resampler(in.Rate, f.rate); err != nil {
			return nil, err
		}
		sc.from = in.Rate
	}
	outputs := len(sc.rows)
	if filters != nil {
		outputs, _ = filters.Dims()
	}
	// Indices of the window at the model's rate. Without a resampler the two rates count as one.
	length, scale := hi-lo, 1.0
	if sc.resampler != nil {
		length = sc.resampler.Len(hi - lo)
		up, down := sc.resampler.Factors()
		scale = float64(up) / float64(down)
	}
	a := min(int(math.Round(float64(s.from-lo)*scale)), length-1)
	b := max(a+1, min(length, int(math.Round(float64(s.to-lo)*scale))))

	sc.data = grow(sc.data, outputs*length)
	lines := mat.NewDense(outputs, length, sc.data)
	sc.sources = sc.sources[:0]
	for _, row := range sc.rows {
		sc.sources = append(sc.sources, in.Data.RawRowView(row)[lo:hi])
	}
	defer clear(sc.sources) // the caller's
	sc.lines = sc.lines[:0]
	for k := range outputs {
		sc.lines = append(sc.lines, lines.RawRowView(k))
	}
	rows := sc.sources
	if filters != nil {
		rows = sc.lines
		if sc.resampler != nil {
			sc.mixture = grow(sc.mixture, outputs*(hi-lo))
			rows = sc.mixed[:0]
			for k := range outputs {
				rows = append(rows, sc.mixture[k*(hi-lo):][:hi-lo])
			}
			sc.mixed = rows
		}
		for k, row := range rows {
			clear(row)
			vector.Mix(row, filters.RawRowView(k), sc.sources...)
		}
	}
	switch {
	case sc.resampler != nil:
		sc.resampler.Rows(sc.lines, rows)
	case filters == nil:
		for k, row := range rows {
			copy(sc.lines[k], row)
		}
	}
	sc.filter.Rows(lines, lines)
	sc.window = *lines.Slice(0, outputs, a, b).(*mat.Dense)
	return &sc.window, nil
}

// trial returns the window of a training trial with the same steps as a request.
func (f *frontend) trial(ds *decoders.Dataset, i int, sc *scratch) (*mat.Dense, error) {
	in := &decoders.Input{
		Signal: decoders.Signal{Data: ds.Trials[i].Data, Channels: ds.Channels, Rate: ds.Rate},
		Events: []eeg.Event{{Onset: ds.Cue}},
	}
	if err := epoch.Check(in.Signal, f.minSamples(ds.Rate), f.minRate()); err != nil {
		return nil, err
	}
	s, err := f.locate(in)
	if err != nil {
		return nil, err
	}
	return f.window(in, s, nil, sc)
}

func grow(buf []float64, n int) []float64 {
	if cap(buf) < n {
		return make([]float64, n)
	}
	return buf[:n]
}
