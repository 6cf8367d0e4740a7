package cvep

import (
	"cmp"
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/eeg"
)

// longestAgo in s is how long before a clip codes may have begun that are shown in it.
const longestAgo = 3600.0

// segment says what of an input a decode reads.
type segment struct {
	onset    float64 // s: when the codes began; negative before the clip
	byEvent  bool
	ignored  bool // there are events, none of which leaves enough signal
	lo       int  // first sample that the filter may see
	from, to int  // samples of the input
}

// space is the memory of one decode.
type space struct {
	rows      []int
	filter    *dsp.ZeroPhase
	resampler *dsp.Resampler
	rate      float64 // the resampler is for; 0 none yet
	line, mix []float64
	out       []float64
}

func newSpace(d *trained) *space {
	sp := &space{}
	if d.sos != nil {
		sp.filter = dsp.NewZeroPhase(d.sos)
	}
	return sp
}

// find chooses the segment: from the first event that leaves enough signal; else from the beginning of the clip, which is where
// the codes began, or later than that where the last event lies before it.
func (d *trained) find(in *decoders.Input) segment {
	n := in.Samples()
	need := epoch.Samples(leastSeconds, in.Rate)
	g := segment{ignored: len(in.Events) > 0}
	first, last := math.Inf(1), math.Inf(-1)
	for _, e := range in.Events {
		switch {
		case e.Onset >= 0 && e.Onset < first && int(min(math.Round(e.Onset*in.Rate), 1e15))+need <= n:
			first = e.Onset
		case e.Onset < 0 && e.Onset >= -longestAgo && e.Onset > last:
			last = e.Onset
		}
	}
	switch {
	case !math.IsInf(first, 1):
		g.onset, g.byEvent, g.ignored = first, true, false
	case !math.IsInf(last, -1):
		g.onset, g.byEvent, g.ignored = last, true, false
	}
	g.from = int(math.Round(max(0, g.onset) * in.Rate))
	g.to = min(n, g.from+epoch.Samples(d.cfg.Seconds, in.Rate))
	g.lo = max(0, g.from-int(filterMargin*in.Rate))
	return g
}

// load readies the space for an input and finds its segment. Errors: payload_too_short, payload_malformed, invalid_signal,
// montage_mismatch.
func (sp *space) load(d *trained, in *decoders.Input) (segment, error) {
	if err := epoch.Check(in.Signal, d.minSamples(in.Rate), minRate); err != nil {
		return segment{}, err
	}
	g := d.find(in)
	var err error
	if sp.rows, err = epoch.Rows(sp.rows, in.Channels, d.channels); err != nil {
		return g, err
	}
	if err := epoch.CheckValues(in.Signal, sp.rows, g.lo, g.to); err != nil {
		return g, err
	}
	if sp.rate != in.Rate {
		if sp.resampler, err = epoch.Resampler(in.Rate, d.rate); err != nil {
			return g, err
		}
		sp.rate = in.Rate
	}
	return g, nil
}

// centred writes a channel's part of a segment, without its mean, to the line of the space, and reports whether there is anything
// in it: an electrode that is off leaves the rounding of its mean.
func (sp *space) centred(in *decoders.Input, row int, g segment) ([]float64, bool) {
	sp.line = grow(sp.line, g.to-g.lo)
	src := in.Data.RawRowView(row)[g.lo:g.to]
	dsp.Demean(sp.line, src)
	if largest := floats.Norm(sp.line, math.Inf(1)); largest <= 1e-9*math.Abs(src[0]) || largest < 1e-150 {
		clear(sp.line)
		return sp.line, false
	}
	return sp.line, true
}

// bandPassed brings a line of a segment to the decoder's rate, filters it and returns what lies within the segment. The result belongs
// to the space.
func (sp *space) bandPassed(x []float64, g segment) []float64 {
	start := g.from - g.lo
	if sp.resampler != nil {
		up, down := sp.resampler.Factors()
		sp.out = grow(sp.out, sp.resampler.Len(len(x)))
		sp.resampler.Resample(sp.out, x)
		start = int(math.Round(float64(start) * float64(up) / float64(down)))
	} else {
		sp.out = grow(sp.out, len(x))
		copy(sp.out, x)
	}
	if sp.filter != nil {
		sp.filter.Filter(sp.out, sp.out)
	}
	return sp.out[min(start, len(sp.out)):]
}

// project returns the spatially filtered segment. The error is invalid_signal where there is nothing in any channel.
func (sp *space) project(d *trained, in *decoders.Input, g segment) ([]float64, error) {
	sp.mix = grow(sp.mix, g.to-g.lo)
	clear(sp.mix)
	alive := false
	for i, r := range sp.rows {
		x, ok := sp.centred(in, r, g)
		alive = alive || ok
		floats.AddScaled(sp.mix, d.filter[i], x)
	}
	z := sp.bandPassed(sp.mix, g)
	if !alive || len(z) < 2 {
		return nil, epoch.Flat(in.Channels)
	}
	return z[:min(len(z), d.most())], nil
}

// Decode ranks the targets of the request's codes, or of those that the decoder was trained on. The segment starts where an event
// says that the codes began, or with the clip. Errors: payload_too_short, payload_malformed, invalid_signal, invalid_stimulus,
// montage_mismatch.
func (d *trained) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	shown := d.screen
	if in.Stimulus.Codes != nil {
		var err error
		if shown, err = d.other(in.Stimulus.Codes); err != nil {
			return nil, err
		}
	}
	sp := d.pool.Get().(*space)
	defer d.pool.Put(sp)
	g, err := sp.load(d, in)
	if err != nil {
		return nil, err
	}
	z, err := sp.project(d, in, g)
	if err != nil {
		return nil, err
	}
	in.Step("filter")
	from := shown.at(max(0, -g.onset) * d.rate)
	r := make([]float64, len(shown.responses))
	p := make([]float64, len(r))
	step := epoch.Samples(d.cfg.Step, d.rate)
	stopped := -1.0
	choice := 0
	shown.correlate(z, from, step, r, func(samples int) {
		seconds := float64(samples) / d.rate
		if stopped >= 0 || seconds < leastSeconds || !d.sure(r, seconds) {
			return
		}
		d.probabilities(p, r, seconds)
		if k := best(p); p[k] >= d.cfg.Threshold {
			stopped, choice = seconds, k
		}
	})
	d.probabilities(p, r, float64(len(z))/d.rate)
	for _, v := range p {
		if v-v != 0 {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the amplitudes are beyond what the model can compare")
		}
	}
	in.Step("correlate")
	res := d.result(shown.book, r, p, g)
	res.From, res.To = float64(g.from)/in.Rate, float64(g.to)/in.Rate
	res.Evidence["window_s"] = float64(len(z)) / d.rate
	if stopped >= 0 {
		res.Evidence["stopped_at_s"], res.Evidence["stopped_target"] = stopped, shown.book.Labels[choice]
	}
	return res, nil
}

// other returns the screen of a book that is not the model's own. Error: invalid_stimulus.
func (d *trained) other(c *eeg.CodeBook) (*screen, error) {
	b, err := Expand(c)
	if err != nil {
		return nil, err
	}
	if n := len(b.Codes) * d.horizon(b); n > maxValues {
		return nil, invalid(map[string]any{"numbers": n, "numbers_most": maxValues}, "the responses to %d codes of %.3g s are %d numbers, at most %d are possible", len(b.Codes), b.Seconds(), n, maxValues)
	}
	if d.pipeline == TemplateName && !d.book.shows(b) {
		return nil, invalid(map[string]any{"pipeline": d.pipeline}, "the model knows the responses to the codes that it was trained with alone; those of the request differ. A model of the pipeline %s knows others, too", RCCAName)
	}
	return d.predict(b, &d.fitted)
}

// shows reports whether b has the codes of another book, whatever they are called.
func (b *Book) shows(other *Book) bool {
	return b.Rate == other.Rate && slices.EqualFunc(b.Codes, other.Codes, slices.Equal)
}

func (d *trained) result(b *Book, r, p []float64, g segment) *decoders.Result {
	classes := make([]decoders.Class, len(p))
	targets := make([]map[string]any, len(p))
	for k, v := range p {
		classes[k] = decoders.Class{Name: b.Labels[k], Probability: v}
		targets[k] = map[string]any{"label": b.Labels[k], "score": r[k]}
	}
	slices.SortStableFunc(classes, func(x, y decoders.Class) int { return cmp.Compare(y.Probability, x.Probability) })
	res := &decoders.Result{Paradigm: eeg.CVEP, Classes: classes, Evidence: map[string]any{
		"method": d.pipeline, "start_s": g.onset, "onset_from_event": g.byEvent, "best_target": classes[0].Name, "targets": targets,
		"threshold": d.cfg.Threshold, "stopped_at_s": nil, "stopped_target": nil,
	}}
	if g.ignored {
		res.Flags = append(res.Flags, "events_ignored")
	}
	return res
}

// grow returns x with n numbers, in its own memory where that suffices; they are not kept.
func grow(x []float64, n int) []float64 {
	if cap(x) < n {
		return make([]float64, n)
	}
	return x[:n]
}
