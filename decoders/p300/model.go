package p300

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/bayes"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/eeg"
)

// decoder is a trained P300 decoder.
type decoder struct {
	*frontend
	fitted
	name, version, pipeline string
	labels                  []string // channels as the training data spelled them
	rate                    float64  // Hz of the training data; any other will do
	// log Λ of a score is slope·score + offset; odds is the log ratio of target to other flashes in training.
	slope, offset, odds float64
	raw                 json.RawMessage // options, all filled in
}

var _ decoders.Trained = (*decoder)(nil)

// maxLogRatio is log Λ of the flash that may count most: 100, and 1/100.
var maxLogRatio = math.Log(100)

func newModel(pipeline, name, version string, cfg Config, front *frontend, labels []string, rate float64) (*decoder, error) {
	if !(rate >= cfg.minRate()) || math.IsInf(rate, 0) {
		return nil, incompatible("sampling rate %v Hz", rate)
	}
	raw, err := json.Marshal(cfg)
	if err != nil {
		return nil, incompatible("options: %v", err)
	}
	return &decoder{frontend: front, pipeline: pipeline, name: name, version: version, labels: slices.Clone(labels), rate: rate, raw: raw}, nil
}

// Info names no classes: a request's stimulus does. Rate is 0, since the filters are designed for each request's.
func (d *decoder) Info() decoders.Info {
	return decoders.Info{
		Name: d.name, Version: d.version, Pipeline: d.pipeline, Paradigm: eeg.P300,
		Channels: slices.Clone(d.labels), MinSamples: d.minSamples,
	}
}

// Window is the epoch after a flash, with what is filtered along.
func (d *decoder) Window() (start, end, along float64) { return 0, d.cfg.End, margin }

// Decode answers with symbols ("letter_H") where the stimulus has a matrix or says what each code flashes, with codes
// ("select_7", "select_row_2" by label) where several codes flash, and else with target and non_target.
func (d *decoder) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := epoch.Check(in.Signal, d.minSamples(in.Rate), d.cfg.minRate()); err != nil {
		return nil, err
	}
	sel, err := newSelection(in)
	if err != nil {
		return nil, err
	}
	flashes, err := d.flashes(in, sel)
	if err != nil {
		return nil, err
	}
	in.Step("classify")
	res, err := sel.result(in, flashes, d)
	if err != nil {
		return nil, err
	}
	res.From, res.To = flashes[0].onset, min(in.Seconds(), flashes[len(flashes)-1].onset+d.cfg.End)
	in.Step("posterior")
	return res, nil
}

// flash is one event and its evidence.
type flash struct {
	onset float64
	code  int
	ratio float64 // log Λ, within ±maxLogRatio
}

// rows returns the features of the usable events, one row each, and the events. The matrix belongs to sc.
func (d *decoder) rows(in *decoders.Input, sel *selection, sc *scratch) (*mat.Dense, []eeg.Event, error) {
	events := in.Events
	if len(events) == 0 {
		if sel.needsEvents() {
			return nil, nil, decoders.Errorf(decoders.CodeNoEvents, map[string]any{"events": 0}, "the selection of a symbol needs the events of the flashes")
		}
		// A clip without events is one epoch that starts at its flash.
		events = []eeg.Event{{Onset: 0}}
	}
	relevant := make([]eeg.Event, 0, len(events))
	for _, e := range events {
		if sel.flashed(e.Code) {
			relevant = append(relevant, e)
		}
	}
	view := *in
	view.Events = relevant
	index, onsets, dropped := d.usable(&view)
	if len(onsets) == 0 {
		return nil, nil, decoders.Errorf(decoders.CodeNoEvents,
			map[string]any{"events": len(in.Events), "codes_unknown": len(events) - len(relevant), "outside": dropped, "seconds": in.Seconds(), "seconds_after": d.cfg.End},
			"of %d events none is a flash of the stimulus with %g s of signal after it", len(events), d.cfg.End)
	}
	sel.ignored, sel.outside = len(events)-len(relevant), dropped
	used := make([]eeg.Event, len(onsets))
	for i := range onsets {
		used[i] = relevant[index[i]]
	}
	if d.cfg.Reject {
		var err error
		if sc.rows, err = epoch.Rows(sc.rows, in.Channels, d.channels); err != nil {
			return nil, nil, err
		}
		bad, overruled := d.reject(in.Signal, onsets, sc.rows)
		sel.overruled = overruled
		kept := onsets[:0]
		for i, b := range bad {
			if b {
				sel.rejected++
				continue
			}
			used[len(kept)] = used[i]
			kept = append(kept, onsets[i])
		}
		onsets, used = kept, used[:len(kept)]
		in.Step("quality")
	}
	x, err := d.epochs(in.Signal, onsets, d.filters, sc)
	if err != nil {
		return nil, nil, err
	}
	in.Step("epochs")
	for i := range onsets {
		if !d.cfg.scale(x.RawRowView(i), d.limit) {
			return nil, nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"onset_s": onsets[i], "channels": slices.Clone(d.labels)},
				"the signal is flat after the flash at %g s", onsets[i])
		}
	}
	return x, used, nil
}

// flashes scores the usable events in order of time.
func (d *decoder) flashes(in *decoders.Input, sel *selection) ([]flash, error) {
	sc := d.pool.Get().(*scratch)
	defer d.pool.Put(sc)
	x, events, err := d.rows(in, sel, sc)
	if err != nil {
		return nil, err
	}
	out := make([]flash, len(events))
	for i, e := range events {
		score, err := d.decision(x.RawRowView(i))
		if err != nil {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"onset_s": e.Onset}, "the response to the flash at %g s: %v", e.Onset, err)
		}
		ratio := d.slope*score + d.offset
		if math.IsNaN(ratio) {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the amplitudes are beyond what the model can compare")
		}
		out[i] = flash{e.Onset, e.Code, min(max(ratio, -maxLogRatio), maxLogRatio)}
	}
	slices.SortStableFunc(out, func(a, b flash) int { return cmp.Compare(a.onset, b.onset) })
	return out, nil
}

// State holds everything; the classes are those of the training epochs.
func (d *decoder) State() decoders.State {
	st := decoders.State{
		Pipeline: d.pipeline, Channels: slices.Clone(d.labels), Config: slices.Clone(d.raw),
		Arrays: map[string]decoders.Array{
			"limit":       {Shape: []int{1}, Data: []float64{d.limit}},
			"likelihood":  {Shape: []int{3}, Data: []float64{d.slope, d.offset, d.odds}},
			"sample_rate": {Shape: []int{1}, Data: []float64{d.rate}},
		},
	}
	d.store(st.Arrays)
	if d.filters != nil {
		st.Arrays["filters"] = stored.Matrix(d.filters)
	}
	return st
}

// Restore rebuilds a decoder. Errors are model_incompatible.
func (p pipeline) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	if st.Pipeline != p.name {
		return nil, incompatible("the state is of pipeline %q, not %q", st.Pipeline, p.name)
	}
	if st.Rate != 0 {
		return nil, incompatible("the state has a sampling rate of %v Hz; this pipeline takes any", st.Rate)
	}
	cfg, err := parseConfig(st.Config, p.name)
	if err != nil {
		return nil, err
	}
	front, err := newFrontend(cfg, st.Channels)
	if err != nil {
		return nil, err
	}
	rate, err := stored.Array(st, "sample_rate", 1)
	if err != nil {
		return nil, err
	}
	d, err := newModel(p.name, name, version, cfg, front, st.Channels, rate[0])
	if err != nil {
		return nil, err
	}
	outputs := len(st.Channels)
	if p.name != ERPLDAName {
		shape := st.Arrays["filters"].Shape
		if len(shape) != 2 || shape[0] < 1 || shape[0] > 1024 {
			return nil, incompatible("array \"filters\" has shape %v, want components × channels", shape)
		}
		filters, err := stored.Array(st, "filters", shape[0], len(st.Channels))
		if err != nil {
			return nil, err
		}
		outputs = shape[0]
		d.filters = mat.NewDense(outputs, len(st.Channels), filters)
	}
	if d.scorer, err = p.restoreScorer(st, outputs, cfg.bins()); err != nil {
		return nil, err
	}
	limit, err := stored.Array(st, "limit", 1)
	if err != nil {
		return nil, err
	}
	likelihood, err := stored.Array(st, "likelihood", 3)
	if err != nil {
		return nil, err
	}
	if limit[0] < 0 {
		return nil, incompatible("limit is %v", limit[0])
	}
	d.limit = limit[0]
	d.slope, d.offset, d.odds = likelihood[0], likelihood[1], likelihood[2]
	return p.decoder(d), nil
}

// restoreScorer rebuilds the classifier for epochs of so many components (or channels) and bins.
func (p pipeline) restoreScorer(st decoders.State, outputs, bins int) (scorer, error) {
	read := func(name string, shape ...int) ([]float64, error) { return stored.Array(st, name, shape...) }
	switch p.name {
	case XDAWNCovName:
		return restoreCovariances(st, outputs, bins)
	case XDAWNRxLDAName:
		l, err := bayes.RestoreLDA(read, 2, outputs*bins)
		if err != nil {
			return nil, incompatible("%v", err)
		}
		return bayesScorer{ldaPosterior{l}}, nil
	case XDAWNRxGMMName:
		g, err := bayes.RestoreGMM(read, 2, outputs*bins)
		if err != nil {
			return nil, incompatible("%v", err)
		}
		return bayesScorer{gmmPosterior{g}}, nil
	}
	linear, err := restoreLinear(st, outputs*bins)
	return linearScorer{linear}, err
}
