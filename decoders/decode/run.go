package decode

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/language"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// Options are the caller's wishes about a run.
type Options struct {
	// Trace is called at the end of each step with its name, so that a caller with a clock can time the steps.
	// Defaults to none.
	Trace func(step string)
	// Clips knows other clips of the person and recording, for models that were trained with alignment. Defaults to the clips
	// around the events of the request itself, where it has several.
	Clips Clips
	// MostTrials is how many trials are decoded where all are asked for. Defaults to eeg.MaxTrials.
	MostTrials int
	// MostWork bounds what the trials of a recording are decoded of together, in units of eeg.Work; those beyond it are left out
	// and counted. Defaults to no bound beside MostTrials.
	MostWork int64
	// Latest decodes the last trial instead of the first: events are those of a session that runs, of which the recording is a window,
	// and may lie before it. Where codes are decoded (c-VEP), there must be one.
	Latest bool
	// Trial, when not nil, is told each trial of several that is done.
	Trial func(done, of int)
}

func (o Options) step(name string) {
	if o.Trace != nil {
		o.Trace(name)
	}
}

// Run decodes a request. payload holds the bytes of the recording; where it is nil, the request's own data is taken.
// The diagnostics are never nil and tell how far a failed decode came. Neither the request nor the payload is
// changed or kept.
//
// Errors that are *decoders.Error are about the request or the recording and come again if it is repeated: the
// codes of package decoders. Others are a canceled context or a fault of the program.
func Run(ctx context.Context, req *eeg.Request, payload []byte, cat catalog.Resolver, opt Options) (*eeg.Result, *eeg.Diagnostics, error) {
	d := newDiagnostics(req)
	if payload == nil {
		var err error
		if payload, err = dataOf(&req.Input); err != nil {
			return nil, d, err
		}
	}
	l, err := open(&req.Input, payload)
	if err != nil {
		return nil, d, err
	}
	opt.step("open")
	out, err := run(ctx, req, l, cat, opt, d)
	if opt.Clips == nil { // which may keep them
		l.release()
	}
	if out != nil {
		out.Warnings = l.warnings
	}
	return out, d, l.explain(err)
}

// RunRecording is Run on a recording that was read before, of any format. The request's encoding, layout and data do
// not count; its channels, where they are names, pick channels, and its events go before the recording's.
func RunRecording(ctx context.Context, req *eeg.Request, rec *recording.Recording, cat catalog.Resolver, opt Options) (*eeg.Result, *eeg.Diagnostics, error) {
	d := newDiagnostics(req)
	l, err := fromRecording(&req.Input, rec)
	if err != nil {
		return nil, d, err
	}
	opt.step("open")
	out, err := run(ctx, req, l, cat, opt, d)
	if out != nil {
		out.Warnings = l.warnings
	}
	return out, d, l.explain(err)
}

func newDiagnostics(req *eeg.Request) *eeg.Diagnostics {
	asked := eeg.Route{Paradigm: string(req.Input.Paradigm), Model: req.Input.Model}
	if asked.Paradigm == "" {
		asked.Paradigm = string(eeg.Auto)
	}
	return &eeg.Diagnostics{Routing: eeg.Routing{Asked: asked, Fallbacks: []eeg.Fallback{}}}
}

// run walks a request down to its answer: ask, route, load, align, decode, answer. Each step is given what the ones before it found.
func run(ctx context.Context, req *eeg.Request, l *loaded, cat catalog.Resolver, opt Options, d *eeg.Diagnostics) (*eeg.Result, error) {
	q, err := ask(req, l, cat, opt, d)
	if err != nil {
		return nil, err
	}
	p, err := route(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return described(q, undetermined(q)), nil
	}
	if err := align(ctx, q, p); err != nil {
		return nil, err
	}
	f, err := find(ctx, q, p)
	if err != nil {
		return nil, err
	}
	out, err := answerOf(ctx, q, p, f)
	if err != nil {
		return nil, err
	}
	return described(q, out), nil
}

// described adds the features that were asked for. A recording that is too short for a spectrum has none.
func described(q *question, out *eeg.Result) *eeg.Result {
	if q.Output == nil || len(q.Output.Features) == 0 {
		return out
	}
	if found, err := features.Describe(q.rec.Signal, q.Output.Features); err == nil {
		out.Features = found
	}
	q.opt.step("features")
	return out
}

// question is a request with everything that is at hand to answer it.
type question struct {
	*eeg.Request
	paradigm eeg.Paradigm
	stimulus decoders.Stimulus
	rec      *loaded
	clips    Clips
	several  bool // several clips of the person are at hand
	cat      catalog.Resolver
	opt      Options
	d        *eeg.Diagnostics
}

// ask reads what a request says beside its samples.
func ask(req *eeg.Request, l *loaded, cat catalog.Resolver, opt Options, d *eeg.Diagnostics) (*question, error) {
	q := &question{Request: req, rec: l, clips: opt.Clips, cat: cat, opt: opt, d: d}
	in := &req.Input
	if in.Type != "" && in.Type != "eeg" {
		return nil, decoders.Errorf(decoders.CodeUnsupportedFormat, map[string]any{"type": in.Type}, "input of type %q cannot be decoded, only eeg", in.Type)
	}
	var err error
	if q.paradigm, err = paradigmOf(in); err != nil {
		return nil, err
	}
	if q.stimulus, err = Stimulus(in.Stimulus); err != nil {
		return nil, err
	}
	if err := checkAlignment(in); err != nil {
		return nil, err
	}
	if q.clips == nil {
		q.clips = ownClips{}
	}
	q.several = in.Alignment != eeg.AlignmentNone && (opt.Clips != nil || len(l.events) > 1)
	return q, nil
}

// plan is who answers a question, and of what.
type plan struct {
	choice    *catalog.Choice
	decoder   decoders.Decoder // of the choice, as it is used
	input     *decoders.Input
	parts     *trialed
	alignment eeg.Alignment
	result    *decoders.Result // where finding the paradigm took the whole decode
}

// take lets a model of the catalog answer, of the trials that the recording has for it.
func (p *plan) take(q *question, choice *catalog.Choice) error {
	parts, err := findTrials(&q.Input, choice, q.stimulus, q.rec)
	if err != nil {
		return err
	}
	parts.latest = q.opt.Latest
	if parts.latest && choice.Entry.Paradigm == eeg.CVEP && len(parts.trials) == 0 {
		return decoders.Errorf(decoders.CodeNoEvents, map[string]any{"events": 0}, "a window begins anywhere in the codes: an event of the session must say when they began, and be there before the samples after it")
	}
	if p.input.Threshold, err = Threshold(q.Input.Seizure, &choice.Entry); err != nil {
		return err
	}
	p.choice, p.decoder, p.parts = choice, choice.Decoder, parts
	if len(parts.trials) > 0 {
		p.input.Events = parts.cues()
	}
	return nil
}

// finding is what a decoder found.
type finding struct {
	result  *decoders.Result
	at      int // the trial that it is the answer of; -1 for the whole recording
	list    []eeg.TrialAnswer
	summary *eeg.TrialsSummary
}

// find decodes, before the quality is measured: what fails, fails early.
func find(ctx context.Context, q *question, p *plan) (*finding, error) {
	f := &finding{result: p.result, at: p.parts.first(q.rec.Signal)}
	var err error
	if p.parts.all {
		if f.list, f.summary, f.at, err = p.parts.each(ctx, q.Request, p.choice, p.input, q.rec, q.opt); err != nil {
			return nil, err
		}
		f.result = nil // auto may have looked at another
	}
	if f.result == nil {
		if f.result, err = contact.Decode(ctx, p.decoder, p.parts.input(p.input, f.at, 0)); err != nil {
			return nil, err
		}
	}
	if err := checkResult(f.result); err != nil {
		return nil, fmt.Errorf("decode: %s: %w", p.choice.Entry.ID(), err)
	}
	f.result = p.parts.balance.Apply(f.result)
	q.d.Evidence = f.result.Evidence
	if p.choice.Entry.Aligned || p.parts.balance != nil {
		q.d.Evidence["alignment"] = p.alignment
	}
	q.opt.step("decode")
	return f, nil
}

// checkValues refuses samples that are not EEG, in whichever channel.
func checkValues(sig decoders.Signal) error {
	rows, n := sig.Data.Dims()
	all := make([]int, rows)
	for i := range all {
		all[i] = i
	}
	return epoch.CheckValues(sig, all, 0, n)
}

// checkResult catches a decoder that breaks its contract before its numbers reach anyone.
func checkResult(r *decoders.Result) error {
	if r == nil || len(r.Classes) == 0 {
		return errors.New("the decoder gave no classes")
	}
	var sum float64
	for _, c := range r.Classes {
		if !(c.Probability >= 0) {
			return fmt.Errorf("class %q has probability %v", c.Name, c.Probability)
		}
		sum += c.Probability
	}
	if math.Abs(sum-1) > 1e-6 {
		return fmt.Errorf("the probabilities sum to %v", sum)
	}
	return nil
}

// priorShare is the weight of the language model in the prior of a speller; the rest is flat. It bounds what the
// model alone can do: with 36 symbols a letter that it holds certain starts 36 times as probable as another, less
// than two clear responses of the brain, so that a text it does not expect can still be spelled.
const priorShare = 0.5

// prior returns the prior of a speller's symbols, nil for a flat one.
func prior(c *eeg.Context, st decoders.Stimulus) func(string) float64 {
	symbols := map[string]bool{}
	for _, row := range st.Matrix {
		for _, s := range row {
			symbols[s] = true
		}
	}
	for _, list := range st.Flashes {
		for _, s := range list {
			symbols[s] = true
		}
	}
	if len(symbols) < 2 {
		return nil
	}
	var locale string
	var history []string
	if c != nil {
		locale, history = c.Locale, c.SessionHistory
	}
	model := language.ForLocale(locale).Prior(history)
	if model == nil {
		return nil
	}
	flat := 1 / float64(len(symbols))
	return func(symbol string) float64 {
		return math.Log(priorShare*math.Exp(model(symbol)) + (1-priorShare)*flat)
	}
}
