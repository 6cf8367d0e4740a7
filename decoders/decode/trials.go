package decode

import (
	"context"
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/cue"
	"github.com/neurod/neurod/decoders/intent"
	"github.com/neurod/neurod/eeg"
)

// mostConfused bounds the classes of a confusion matrix: a speller has 36.
const mostConfused = 64

// everyTrial reports whether a request wants an answer for each trial.
func everyTrial(in *eeg.Input) (bool, error) {
	switch in.Trials {
	case "", eeg.TrialsFirst:
		return in.Events.All(), nil
	case eeg.TrialsAll:
		return true, nil
	}
	return false, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trials": in.Trials}, "trials %q is unknown; the choices are %s", in.Trials, and(eeg.TrialChoices()))
}

// trialed is a recording as its trials for one model.
type trialed struct {
	all     bool
	trials  []cue.Trial // none: the whole recording is one clip
	events  int
	decoder decoders.Decoder
	latest  bool     // the last trial is the one of a single answer
	balance *Balance // nil takes the decoder's own even odds
}

// findTrials finds what the recording asks of a model.
func findTrials(in *eeg.Input, choice *catalog.Choice, st decoders.Stimulus, l *loaded) (*trialed, error) {
	all, err := everyTrial(in)
	if err != nil {
		return nil, err
	}
	if all && choice.Entry.Paradigm == eeg.Seizure {
		return nil, decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"model": choice.Entry.ID(), "paradigm": choice.Entry.Paradigm, "trials": eeg.TrialsAll},
			"%s judges the recording as a whole: it has no trials to decode one by one", choice.Entry.ID())
	}
	trials, err := cue.Find(cue.Query{Paradigm: choice.Entry.Paradigm, Classes: choice.Entry.Classes, Known: choice.Entry.Events(), Given: in.EventClasses,
		Stimulus: st, Targets: l.targets, Each: all}, l.events)
	if err != nil {
		return nil, err
	}
	if all && len(trials) == 0 {
		return nil, decoders.Errorf(decoders.CodeNoEvents, map[string]any{"events": 0}, "every trial is asked for, and the recording has no events")
	}
	return &trialed{all: all, trials: trials, events: len(l.events), decoder: choice.Decoder}, nil
}

// cues are the events of all trials.
func (t *trialed) cues() []eeg.Event {
	var out []eeg.Event
	for _, trial := range t.trials {
		out = append(out, trial.Events...)
	}
	return out
}

// reach returns how far before and after its events a decoder reads, and how much further it filters along; known is false
// where it does not tell.
func (t *trialed) reach() (start, end, along float64, known bool) {
	if w, ok := t.decoder.(decoders.Windowed); ok {
		start, end, along = w.Window()
		return start, end, along, true
	}
	return 0, 0, 0, false
}

// first returns the trial that a request for one answer gets: the first of which the recording has all that the decoder reads,
// else the one of which it has most; -1 where it has nothing of any.
func (t *trialed) first(sig decoders.Signal) int {
	if t.latest {
		for i := len(t.trials) - 1; i >= 0; i-- {
			if t.trials[i].Events[0].Onset < sig.Seconds() {
				return i
			}
		}
		return -1
	}
	start, end, _, known := t.reach()
	need := end - start
	if !known {
		need = float64(minSamples(t.decoder, sig.Rate)) / sig.Rate
	}
	best, most := -1, 0.0
	for i, trial := range t.trials {
		onset := trial.Events[0].Onset
		if !(onset >= 0 && onset < sig.Seconds()) {
			continue
		}
		limit := sig.Seconds()
		if !known {
			limit = min(limit, trial.End)
		}
		there := limit - max(0, onset+start)
		if there >= need-1/sig.Rate { // a sample may be lost to rounding at the end of a clip cut to fit
			return i
		}
		if there > most {
			best, most = i, there
		}
	}
	return best
}

// input returns what is decoded for trial i, without what lies before from s; -1 takes all cues.
func (t *trialed) input(in *decoders.Input, i int, from float64) *decoders.Input {
	view := *in
	if len(t.trials) == 0 {
		return &view
	}
	if i < 0 {
		view.Events = t.cues()
		return &view
	}
	trial := t.trials[i]
	_, _, _, known := t.reach()
	lo, hi := int(max(0, from*in.Rate)), in.Samples()
	if !known && trial.End < in.Seconds() { // the decoder would read on into what comes next
		hi = max(lo+1, int(math.Round(trial.End*in.Rate)))
	}
	if lo > 0 || hi < in.Samples() {
		rows, _ := in.Data.Dims()
		view.Data = in.Data.Slice(0, rows, min(lo, hi-1), hi).(*mat.Dense)
	}
	view.Events = slices.Clone(trial.Events)
	for k := range view.Events {
		view.Events[k].Onset -= float64(lo) / in.Rate
	}
	return &view
}

// clip describes what a result rests on; from in s is where its input begins.
func (t *trialed) clip(sig decoders.Signal, i int, result *decoders.Result, from float64) eeg.Clip {
	c := eeg.Clip{EndS: round3(sig.Seconds()), Trial: 1, Trials: max(1, len(t.trials)), Events: t.events}
	if result != nil && result.To > 0 {
		c.StartS, c.EndS = round3(from+result.From), round3(from+result.To)
	}
	if len(t.trials) > 0 {
		c.EventsPassedOver = t.events - len(t.cues())
	}
	if i >= 0 && i < len(t.trials) {
		trial := t.trials[i]
		c.Trial = i + 1
		c.Event = &eeg.ClipEvent{Number: trial.Index + 1, OnsetS: round3(trial.Event.Onset), Code: trial.Event.Code, Label: trial.Event.Label, Announced: trial.Announced}
	}
	return c
}

// segment is the part of the recording around trial i that its answer is judged by, in samples: what the decoder reads and
// filters along.
func (t *trialed) segment(sig decoders.Signal, i int) (lo, hi int) {
	trial := t.trials[i]
	start, end, along, known := t.reach()
	last := trial.Events[len(trial.Events)-1].Onset
	from, to := trial.Events[0].Onset+min(start, 0)-along-0.1, last+end+along+0.1
	if !known {
		from, to = trial.Events[0].Onset-2.2, min(trial.End, last+20) // package ssvep filters along 2 s and reads 10 s
	}
	n := sig.Samples()
	lo = int(math.Floor(min(max(0, from*sig.Rate), float64(n))))
	hi = int(math.Ceil(min(max(0, to*sig.Rate), float64(n))))
	return lo, hi
}

// each decodes every trial, and returns the first that has an answer; -1 where none has.
//
//nolint:gocyclo // one exit for each way in which a trial gives no answer
func (t *trialed) each(ctx context.Context, req *eeg.Request, choice *catalog.Choice, in *decoders.Input, l *loaded, opt Options) ([]eeg.TrialAnswer, *eeg.TrialsSummary, int, error) {
	var list []eeg.TrialAnswer
	most := opt.MostTrials
	if most <= 0 {
		most = eeg.MaxTrials
	}
	s := &eeg.TrialsSummary{Trials: len(t.trials), Classes: []string{}, Confusion: [][]int{}}
	c := req.Context
	firstAnswered := -1
	budget, work := eeg.MaxTrialOverlap*in.Samples(), int64(0)
	channels, _ := in.Data.Dims()
	targets := len(in.Stimulus.Targets)
	if choice.Entry.Paradigm == eeg.CVEP {
		targets = len(choice.Entry.Classes)
	}
	for i, trial := range t.trials {
		if err := ctx.Err(); err != nil {
			return nil, nil, -1, err
		}
		lo, hi := t.segment(in.Signal, i)
		work += eeg.Work(choice.Entry.Paradigm, targets, int64(hi-lo)*int64(channels))
		if budget -= hi - lo; len(list) == most || budget < 0 || opt.MostWork > 0 && work > opt.MostWork && i > 0 {
			s.LeftOut = len(t.trials) - len(list)
			break
		}
		answer, err := t.one(ctx, c, choice, in, l, i, lo, hi)
		if err != nil {
			return nil, nil, -1, err
		}
		if answer.Error == nil {
			s.Answered++
			if firstAnswered < 0 {
				firstAnswered = i
			}
			if choice.Entry.Paradigm == eeg.P300 && len(in.Stimulus.Matrix) > 0 && answer.DecodedIntent != intent.Undetermined { // what was spelled so far makes the next letter more or less probable
				c = spelled(c, answer.DecodedIntent)
			}
		} else {
			s.Failed++
		}
		if trial.Class != "" {
			label := trial.Class
			answer.Label = &label
		}
		if answer.Label != nil && answer.Error == nil && answer.DecodedIntent != intent.Undetermined {
			right := answer.DecodedClass == trial.Class
			answer.Right = &right
		}
		list = append(list, answer)
		if opt.Trial != nil {
			opt.Trial(len(list), min(len(t.trials), most))
		}
	}
	if firstAnswered < 0 && len(list) > 0 {
		e := list[0].Error
		details := map[string]any{"trials": len(list)}
		for k, v := range e.Details {
			details[k] = v
		}
		return nil, nil, -1, decoders.Errorf(e.Code, details, "none of the %d trials has an answer; the first: %s", len(list), e.Message)
	}
	countLabels(s, choice.Entry.Classes, list)
	return list, s, firstAnswered, nil
}

// spelled returns the context after one more letter.
func spelled(c *eeg.Context, letter string) *eeg.Context {
	next := eeg.Context{}
	if c != nil {
		next = *c
	}
	next.SessionHistory = append(slices.Clone(next.SessionHistory), letter)
	return &next
}

// one decodes one of several trials. What is wrong with it is in the answer; an error is of the program or the context.
func (t *trialed) one(ctx context.Context, c *eeg.Context, choice *catalog.Choice, in *decoders.Input, l *loaded, i, lo, hi int) (eeg.TrialAnswer, error) {
	a := eeg.TrialAnswer{Clip: t.clip(in.Signal, i, nil, 0), Alternatives: []eeg.Ranked{}, RedFlags: []string{}}
	onset := t.trials[i].Events[0].Onset
	a.Clip.StartS, a.Clip.EndS = round3(float64(lo)/in.Rate), round3(float64(hi)/in.Rate)
	fail := func(err error) (eeg.TrialAnswer, error) {
		var fault *decoders.Error
		if !errors.As(err, &fault) {
			return a, err
		}
		a.Error = &eeg.TrialError{Code: fault.Code, Message: fault.Message, Details: fault.Details}
		return a, nil
	}
	if !(onset >= 0 && onset < in.Seconds()) || hi-lo < 1 {
		return fail(decoders.Errorf(decoders.CodeNoEvents, map[string]any{"onset_s": onset, "seconds": in.Seconds()},
			"the event at %g s lies outside the %.3g s of signal", onset, in.Seconds()))
	}
	part := *in
	rows, _ := in.Data.Dims()
	part.Data = in.Data.Slice(0, rows, 0, hi).(*mat.Dense)
	if c != nil {
		part.History = c.SessionHistory
	}
	if choice.Entry.Paradigm == eeg.P300 {
		part.Prior = prior(c, in.Stimulus)
	}
	part.Trace = nil
	from := float64(lo) / in.Rate
	view := t.input(&part, i, from)
	if b, ok := t.decoder.(decoders.Backward); ok {
		for k := max(0, i-b.Earlier()); k < i; k++ {
			if first, last := t.segment(in.Signal, k); last > first {
				view.Earlier = append(view.Earlier, *t.input(&part, k, float64(first)/in.Rate))
			}
		}
	}
	result, err := contact.Decode(ctx, t.decoder, view)
	if err != nil {
		return fail(err)
	}
	if err := checkResult(result); err != nil {
		return a, err
	}
	result = t.balance.Apply(result)
	own := &loaded{Signal: view.Signal, strangeUnit: l.strangeUnit}
	f := assess(own, result)
	if f.unfit() {
		result = decoders.Abstained(result)
	}
	out := answer(c, choice, result, own, f, nil)
	a.Clip = t.clip(in.Signal, i, result, from)
	a.DecodedIntent, a.DecodedClass, a.Confidence, a.Alternatives, a.RedFlags = out.DecodedIntent, out.DecodedClass, out.Confidence, out.Alternatives, out.RedFlags
	if out.Quality != nil {
		a.QualityOverall = &out.Quality.Overall
	}
	return a, nil
}

// countLabels fills in what the labels tell.
func countLabels(s *eeg.TrialsSummary, classes []string, list []eeg.TrialAnswer) {
	labels := map[string]int{}
	names := slices.Clone(classes)
	note := func(name string) {
		if !slices.Contains(names, name) && len(names) <= mostConfused {
			names = append(names, name)
		}
	}
	for _, a := range list {
		if a.Right == nil {
			continue
		}
		s.Labelled++
		labels[*a.Label]++
		if *a.Right {
			s.Right++
		}
		note(*a.Label)
		note(a.DecodedClass)
	}
	if s.Labelled == 0 {
		return
	}
	accuracy, most := round3(float64(s.Right)/float64(s.Labelled)), 0
	for _, n := range labels {
		most = max(most, n)
	}
	chance := round3(float64(most) / float64(s.Labelled))
	s.Accuracy, s.Chance = &accuracy, &chance
	if len(names) > mostConfused {
		return
	}
	s.Classes = names
	for range names {
		s.Confusion = append(s.Confusion, make([]int, len(names)))
	}
	for _, a := range list {
		if a.Right != nil {
			s.Confusion[slices.Index(names, *a.Label)][slices.Index(names, a.DecodedClass)]++
		}
	}
}
