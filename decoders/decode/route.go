package decode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/cue"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/eeg"
)

const (
	maxFlashSOA = 1.0  // s: slower stimuli are cues, not flashes
	minFlashes  = 6    // two codes, three times each: fewer events that follow each other closely are not a train of flashes
	maxP        = 0.01 // of the SSVEP surrogates, see package ssvep
	// minAutoSeconds is the shortest clip that auto looks at: five periods of the slowest flicker in use.
	minAutoSeconds = 1.0
)

// route says who answers a question, and reads its samples, of which auto needs some to tell; nil where nothing shows what the person did.
func route(ctx context.Context, q *question) (*plan, error) {
	p := &plan{alignment: eeg.Alignment{Kind: eeg.NotAligned}}
	var choice *catalog.Choice
	need := autoSamples(q.rec.Rate)
	if q.paradigm != eeg.Auto || q.Input.Model != "" { // settled before the samples are read
		var err error
		if choice, err = q.choose(q.paradigm, q.several); err != nil {
			return nil, err
		}
		q.d.Routing.Why = choice.Why
		need = minSamples(choice.Decoder, q.rec.Rate)
	}
	var err error
	if p.input, err = load(q, need); err != nil {
		return nil, err
	}
	if choice == nil {
		if choice, p.result, err = auto(ctx, q, p.input); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if choice == nil {
		q.opt.step("route")
		return nil, nil
	}
	return p, p.take(q, choice)
}

// load reads the samples; need is the fewest a channel.
func load(q *question, need int) (*decoders.Input, error) {
	l := q.rec
	if err := l.load(&q.Input, need); err != nil {
		return nil, err
	}
	if err := checkValues(l.Signal); err != nil {
		return nil, err
	}
	q.d.Signal = &eeg.SignalInfo{Format: l.format, Bytes: l.bytes, Channels: l.Channels, Rate: l.Rate, Samples: l.Samples(),
		Seconds: round3(l.Seconds()), Events: len(l.events)}
	q.opt.step("read")
	in := &decoders.Input{Signal: l.Signal, Events: l.events, Stimulus: q.stimulus}
	if q.Context != nil {
		in.History = q.Context.SessionHistory
	}
	if trace := q.opt.Trace; trace != nil {
		in.Trace = func(step string) { trace("decode." + step) }
	}
	return in, nil
}

// choose picks the model for a paradigm that is settled; clips tells that several clips of the person are at hand.
func (q *question) choose(p eeg.Paradigm, clips bool) (*catalog.Choice, error) {
	choice, err := q.cat.Resolve(catalog.Query{Model: q.Input.Model, Paradigm: p, Channels: q.rec.Channels, Rate: q.rec.Rate, Clips: clips})
	if err != nil {
		return nil, err
	}
	q.d.Routing.Used = eeg.Route{Paradigm: string(choice.Entry.Paradigm), Model: choice.Entry.ID()}
	q.d.Routing.Passed = choice.Passed
	return choice, nil
}

// alone picks the model again for a clip of which there are no others.
func (q *question) alone(first *catalog.Choice) (*catalog.Choice, error) {
	choice, err := q.choose(first.Entry.Paradigm, false)
	if err != nil {
		return nil, err
	}
	if choice.Entry.ID() != first.Entry.ID() {
		q.d.Routing.Fallbacks = append(q.d.Routing.Fallbacks, eeg.Fallback{From: first.Entry.ID(), Why: "there are no other clips of the person to move it to"})
		q.d.Routing.Why = strings.TrimSuffix(q.d.Routing.Why, first.Why) + choice.Why
	}
	return choice, nil
}

// auto settles the paradigm by what the request declares and by the evidence, in the order that the package comment gives. The
// signal is loaded. The choice is nil where nothing shows the paradigm; the diagnostics then say what was looked at. The result is not nil
// where finding out took the whole decode.
func auto(ctx context.Context, q *question, input *decoders.Input) (*catalog.Choice, *decoders.Result, error) {
	f := &finder{question: q, input: input, train: flashTrain(q.rec.events)}
	q.d.Routing.Evidence = map[string]any{"events": f.train}
	for _, look := range []func(context.Context) (*catalog.Choice, *decoders.Result, error){f.codes, f.flashes, f.flicker, f.imagery} {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		choice, result, err := look(ctx)
		if err != nil || choice != nil {
			return choice, result, err
		}
		q.d.Routing.Used, q.d.Routing.Passed = eeg.Route{}, nil
	}
	q.d.Routing.Why = f.reason()
	return nil, nil, nil
}

// finder looks for the paradigm of a recording. Each of its looks returns a nil choice where it found nothing, and the reason
// is then among the fallbacks; an error is one of the request or of the samples, whatever the paradigm.
type finder struct {
	*question
	input *decoders.Input
	train train

	screen *screen // once it was asked for
}

func (f *finder) pass(p eeg.Paradigm, format string, args ...any) (*catalog.Choice, *decoders.Result, error) {
	f.d.Routing.Fallbacks = append(f.d.Routing.Fallbacks, eeg.Fallback{From: string(p), Why: fmt.Sprintf(format, args...)})
	return nil, nil, nil
}

// noModel passes over a paradigm that no model fits: what the person did is then not known, and the recording is not at fault.
func (f *finder) noModel(p eeg.Paradigm, fault *decoders.Error) (*catalog.Choice, *decoders.Result, error) {
	f.d.Routing.Evidence[string(p)] = map[string]any{"error": fault.Code, "details": fault.Details}
	return f.pass(p, "%s", fault.Message)
}

// fits reports whether an error is that no model of the catalog can be asked.
func fits(err error) (*decoders.Error, bool) {
	var fault *decoders.Error
	if errors.As(err, &fault) && (fault.Code == decoders.CodeMontageMismatch || fault.Code == decoders.CodeModelNotFound) {
		return fault, false
	}
	return nil, true
}

// codes takes a request that declares the codes of a c-VEP screen at its word.
func (f *finder) codes(context.Context) (*catalog.Choice, *decoders.Result, error) {
	if f.input.Stimulus.Codes == nil {
		return nil, nil, nil // nobody would expect it to be looked at
	}
	choice, err := f.choose(eeg.CVEP, false)
	if fault, ok := fits(err); !ok {
		return f.noModel(eeg.CVEP, fault)
	}
	if err != nil {
		return nil, nil, err
	}
	f.d.Routing.Why = "the request declares the codes of a c-VEP screen; " + choice.Why
	return choice, nil, nil
}

// flashes looks for a speller: a matrix or a table of flashes in the request, else events that follow each other as flashes do.
// Declared flickers go before events, of which an SSVEP screen has some, too.
func (f *finder) flashes(ctx context.Context) (*catalog.Choice, *decoders.Result, error) {
	st := f.input.Stimulus
	declared := len(st.Matrix)+len(st.Flashes) > 0
	switch {
	case len(st.Targets) > 0 && declared && f.train.isP300():
		// Both are on the screen: the one that the person answers to counts, and a flicker shows by itself.
		s, err := f.flickers(ctx)
		if _, ok := fits(err); ok && err != nil {
			return nil, nil, err
		}
		if err == nil && s.speaks() {
			return f.pass(eeg.P300, "the request declares a speller and flickers, of which %g Hz stands out, p = %.3g", s.found.Frequency, s.found.P)
		}
	case len(st.Targets) > 0:
		return f.pass(eeg.P300, "the request declares the flickers of an SSVEP screen")
	case declared && len(f.rec.events) == 0:
		return f.pass(eeg.P300, "the request declares a speller, and there are no events to tell when it flashed")
	case !declared && !f.train.isP300():
		return f.pass(eeg.P300, "%s", f.train.why())
	case !declared && len(cue.Movements(f.rec.events, nil)) > 0:
		return f.pass(eeg.P300, "the events are cues of movements")
	}
	choice, err := f.choose(eeg.P300, false)
	if fault, ok := fits(err); !ok {
		return f.noModel(eeg.P300, fault)
	}
	if err != nil {
		return nil, nil, err
	}
	what := "flashes"
	if declared {
		what = "flashes of the declared speller"
	}
	f.d.Routing.Why = fmt.Sprintf("%d events of %d codes are %s; %s", f.train.Events, f.train.Codes, what, choice.Why)
	if f.train.MedianSOA != nil {
		f.d.Routing.Why = fmt.Sprintf("%d events of %d codes, a median of %.3g s apart, are %s; %s", f.train.Events, f.train.Codes, *f.train.MedianSOA, what, choice.Why)
	}
	return choice, nil, nil
}

// flicker takes a request that declares flickers at its word. Whether the person follows one is the decoder's to say: it knows
// the answer no_target.
func (f *finder) flicker(ctx context.Context) (*catalog.Choice, *decoders.Result, error) {
	if len(f.input.Stimulus.Targets) == 0 {
		return f.pass(eeg.SSVEP, "the request names no stimulus frequencies")
	}
	s, err := f.flickers(ctx)
	if fault, ok := fits(err); !ok {
		return f.noModel(eeg.SSVEP, fault)
	}
	if err != nil {
		return nil, nil, err
	}
	f.d.Routing.Used, f.d.Routing.Passed = eeg.Route{Paradigm: string(eeg.SSVEP), Model: s.choice.Entry.ID()}, s.choice.Passed
	f.d.Routing.Evidence["ssvep"] = s.found
	why := "the request declares flickers, of which none stands out"
	if s.speaks() {
		why = fmt.Sprintf("the request declares flickers, and the response at %g Hz beats its surrogates, p = %.3g", s.found.Frequency, s.found.P)
	}
	f.d.Routing.Why = why + "; " + s.choice.Why
	return s.choice, s.result, nil
}

// imagery looks for cues of movements. A montage over the motor cortex alone says nothing: every clinical recording has one.
func (f *finder) imagery(ctx context.Context) (*catalog.Choice, *decoders.Result, error) {
	choice, err := f.choose(eeg.MotorImagery, f.several)
	var classes []string
	if err == nil {
		classes = choice.Entry.Classes
	}
	cues := len(cue.Movements(f.rec.events, classes))
	if err == nil {
		told, err := f.told(choice)
		if err != nil {
			return nil, nil, err
		}
		cues = max(cues, told)
	}
	f.d.Routing.Evidence["imagery_cues"] = cues
	if cues == 0 {
		return f.pass(eeg.MotorImagery, "no event is the cue of a movement, by a label such as left_hand or T1 or a code from 769 to 774")
	}
	if fault, ok := fits(err); !ok {
		return f.noModel(eeg.MotorImagery, fault)
	}
	if err != nil {
		return nil, nil, err
	}
	if need := minSamples(choice.Decoder, f.rec.Rate); f.rec.Samples() < need {
		return f.pass(eeg.MotorImagery, "%d samples a channel, %s needs %d", f.rec.Samples(), choice.Entry.ID(), need)
	}
	f.d.Routing.Why = fmt.Sprintf("%d of %d events are cues of movements; %s", cues, len(f.rec.events), choice.Why)
	return choice, nil, nil
}

// told counts the events of which the caller, or a card, tells which class they stand for: neither a time alone nor a code that
// might be any experiment's is evidence of imagery.
func (f *finder) told(choice *catalog.Choice) (int, error) {
	if f.Input.EventClasses == nil && choice.Entry.Card.Events == nil {
		return 0, nil
	}
	parts, err := findTrials(&f.Input, choice, f.input.Stimulus, f.rec)
	var fault *decoders.Error
	if errors.As(err, &fault) && fault.Code == decoders.CodeNoEvents {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for _, t := range parts.trials {
		if t.Class != "" || f.Input.EventClasses != nil {
			n++
		}
	}
	return n, nil
}

// reason sums up what was looked at.
func (f *finder) reason() string {
	var tried []string
	for _, p := range f.d.Routing.Fallbacks {
		tried = append(tried, fmt.Sprintf("%s (%s)", p.From, p.Why))
	}
	return "nothing in the recording tells the paradigm; name it in the request. Looked at: " + strings.Join(tried, ", ")
}

// screen is what the catalog's SSVEP model says of the declared flickers.
type screen struct {
	choice *catalog.Choice
	result *decoders.Result
	found  ssvep.Detection
}

// speaks reports whether the best of the flickers stands out.
func (s *screen) speaks() bool { return s.found.Tested && s.found.P < maxP && !s.found.AlphaLike }

// flickers decodes with the catalog's SSVEP model, once.
func (f *finder) flickers(ctx context.Context) (*screen, error) {
	if f.screen != nil {
		return f.screen, nil
	}
	choice, err := f.choose(eeg.SSVEP, false)
	if err != nil {
		return nil, err
	}
	parts, err := findTrials(&f.Input, choice, f.input.Stimulus, f.rec)
	if err != nil {
		return nil, err
	}
	first := parts.input(f.input, parts.first(f.rec.Signal), 0)
	result, err := contact.Decode(ctx, choice.Decoder, first)
	if err != nil {
		return nil, err
	}
	found, ok := result.Evidence["detection"].(ssvep.Detection)
	if !ok { // a model of another making, which does not say how sure it is that there is a flicker
		if found, err = ssvep.Detect(first); err != nil {
			return nil, err
		}
	}
	f.screen = &screen{choice, result, found}
	return f.screen, nil
}

// train is what the events look like as flashes.
type train struct {
	Events    int      `json:"events"`
	Codes     int      `json:"codes"`
	MedianSOA *float64 `json:"median_soa_s"` // s between the onsets of neighbors; null with fewer than two events
}

func flashTrain(events []eeg.Event) train {
	t := train{Events: len(events)}
	codes := map[int]bool{}
	for _, e := range events {
		codes[e.Code] = true
	}
	t.Codes = len(codes)
	if len(events) < 2 {
		return t
	}
	onsets := make([]float64, len(events))
	for i, e := range events {
		onsets[i] = e.Onset
	}
	slices.Sort(onsets)
	gaps := make([]float64, len(onsets)-1)
	for i := range gaps {
		gaps[i] = onsets[i+1] - onsets[i]
	}
	slices.Sort(gaps)
	median := gaps[len(gaps)/2]
	if len(gaps)%2 == 0 {
		median = (gaps[len(gaps)/2-1] + median) / 2
	}
	if !math.IsNaN(median) && !math.IsInf(median, 0) {
		t.MedianSOA = &median
	}
	return t
}

func (t train) isP300() bool {
	return t.Codes >= 2 && t.Events >= minFlashes && t.MedianSOA != nil && *t.MedianSOA <= maxFlashSOA
}

func (t train) why() string {
	switch {
	case t.Events == 0:
		return "there are no events"
	case t.Codes < 2:
		return decoders.Counted(t.Events, "event") + " of a single code"
	case t.Events < minFlashes:
		return fmt.Sprintf("%s, fewer than the %d of a train of flashes", decoders.Counted(t.Events, "event"), minFlashes)
	case t.MedianSOA == nil:
		return "the events have no usable times"
	}
	return fmt.Sprintf("the events are %.3g s apart, flashes are at most %g s", *t.MedianSOA, maxFlashSOA)
}

// minSamples returns how many samples a channel a decoder needs, at least 1.
func minSamples(d decoders.Decoder, rate float64) int {
	if f := d.Info().MinSamples; f != nil {
		return max(1, f(rate))
	}
	return 1
}

func autoSamples(rate float64) int { return epoch.Samples(minAutoSeconds, rate) }
