package decode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/intent"
	"github.com/neurod/neurod/decoders/language"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/seizure"
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
	if out != nil {
		out.Warnings = l.warnings
	}
	return out, d, err
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
	return out, d, err
}

func newDiagnostics(req *eeg.Request) *eeg.Diagnostics {
	asked := eeg.Route{Paradigm: string(req.Input.Paradigm), Model: req.Input.Model}
	if asked.Paradigm == "" {
		asked.Paradigm = string(decoders.Auto)
	}
	return &eeg.Diagnostics{Routing: eeg.Routing{Asked: asked, Fallbacks: []eeg.Fallback{}}}
}

func run(ctx context.Context, req *eeg.Request, l *loaded, cat catalog.Resolver, opt Options, d *eeg.Diagnostics) (*eeg.Result, error) {
	in := &req.Input
	if in.Type != "" && in.Type != "eeg" {
		return nil, decoders.Errorf(decoders.CodeUnsupportedFormat, map[string]any{"type": in.Type}, "input of type %q is not decoded, only eeg", in.Type)
	}
	paradigm, err := paradigmOf(in)
	if err != nil {
		return nil, err
	}
	stimulus, err := stimulusOf(in)
	if err != nil {
		return nil, err
	}
	if err := checkAlignment(in); err != nil {
		return nil, err
	}
	clips := opt.Clips
	if clips == nil {
		clips = ownClips{}
	}
	several := in.Alignment != eeg.AlignmentNone && (opt.Clips != nil || len(l.events) > 1)

	// Route. Auto needs the samples for it; all else is settled before they are read.
	var choice *catalog.Choice
	need := autoSamples(l.Rate)
	if paradigm != decoders.Auto || in.Model != "" {
		if choice, err = choose(cat, paradigm, in, l, several, d); err != nil {
			return nil, err
		}
		d.Routing.Why = choice.Why
		need = minSamples(choice.Decoder, l.Rate)
	}
	if err := l.load(in, need); err != nil {
		return nil, err
	}
	if err := checkValues(l.Signal); err != nil {
		return nil, err
	}
	d.Signal = &eeg.SignalInfo{Format: l.format, Bytes: l.bytes, Channels: l.Channels, Rate: l.Rate, Samples: l.Samples(),
		Seconds: round3(l.Seconds()), Events: len(l.events)}
	opt.step("read")

	input := &decoders.Input{Signal: l.Signal, Events: l.events, Stimulus: stimulus}
	if c := req.Context; c != nil {
		input.History = c.SessionHistory
	}
	if opt.Trace != nil {
		input.Trace = func(step string) { opt.Trace("decode." + step) }
	}
	var result *decoders.Result
	if choice == nil {
		if choice, result, err = auto(ctx, cat, in, input, l, several, d); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if choice == nil {
		opt.step("route")
		out := undetermined(req.Context, l, opt, d)
		out.Clip = eeg.Clip{EndS: round3(l.Seconds()), Trial: 1, Trials: 1, Events: len(l.events)}
		return out, nil
	}
	parts, err := findTrials(in, choice, stimulus, l)
	if err != nil {
		return nil, err
	}
	if len(parts.trials) > 0 {
		input.Events = parts.cues()
	}
	decoder, alignment := choice.Decoder, eeg.Alignment{Kind: eeg.NotAligned}
	if several && choice.Entry.Aligned {
		r, err := clips.Recentring(ctx, choice, input)
		switch {
		case err != nil:
			return nil, err
		case r != nil:
			if decoder, err = r.Decoder(); err != nil {
				return nil, err
			}
			alignment = eeg.Alignment{Kind: eeg.Recentred, Clips: r.Seen()}
		case in.Model == "": // alone, another may do better
			if choice, err = alone(cat, choice, in, l, d); err != nil {
				return nil, err
			}
			decoder = choice.Decoder
			if parts, err = findTrials(in, choice, stimulus, l); err != nil {
				return nil, err
			}
			if len(parts.trials) > 0 {
				input.Events = parts.cues()
			}
		}
		opt.step("align")
	}
	parts.decoder = decoder
	d.Signal.ModelRate = choice.Entry.Rate
	if choice.Entry.Paradigm == decoders.P300 {
		input.Prior = prior(req.Context, stimulus)
	}
	opt.step("route")

	// Decode before the quality is measured: what fails, fails early.
	var list []eeg.TrialAnswer
	var summary *eeg.TrialsSummary
	at := parts.first(l.Signal)
	if parts.all {
		if list, summary, at, err = parts.each(ctx, req, choice, input, l, opt); err != nil {
			return nil, err
		}
		result = nil // auto may have looked at another
	}
	if result == nil {
		if result, err = contact.Decode(ctx, decoder, parts.input(input, at, 0)); err != nil {
			return nil, err
		}
	}
	if err := checkResult(result); err != nil {
		return nil, fmt.Errorf("decode: %s: %w", choice.Entry.ID(), err)
	}
	d.Evidence = result.Evidence
	if choice.Entry.Aligned {
		d.Evidence["alignment"] = alignment
	}
	opt.step("decode")

	f := assess(l, result)
	if at >= 0 { // the answer rests on a stretch
		lo, hi := parts.stretch(l.Signal, at)
		f.low = assessPart(l, lo, hi, result).low
	}
	switch {
	case f.unfit():
		result = decoders.Abstained(result)
	case result.Paradigm == decoders.Seizure && result.Seizure == nil:
		flags := result.Flags // they say that there is no verdict
		result = decoders.Abstained(result)
		result.Flags = flags
	}
	opt.step("quality")
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	ictal := checkSeizure(choice, result, l.Signal, f, d)
	opt.step("seizure")

	out := answer(req.Context, choice, result, l, f, ictal)
	out.Alignment, out.Clip = alignment, parts.clip(l.Signal, at, result, 0)
	out.Trials, out.TrialsSummary = list, summary
	opt.step("answer")
	return out, nil
}

// checkValues refuses samples that are no EEG, in whichever channel.
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

// checkSeizure returns whether the recording looks like a seizure, nil where that cannot be said. A request for the
// paradigm seizure has its answer; beside every other paradigm the rules of package seizure run. That nothing was found says
// nothing where nothing could be read.
func checkSeizure(choice *catalog.Choice, result *decoders.Result, sig decoders.Signal, f fitness, d *eeg.Diagnostics) *bool {
	if choice != nil && choice.Entry.Paradigm == decoders.Seizure {
		return result.Seizure
	}
	verdict, evidence := seizure.Check(sig)
	d.Seizure = &evidence
	switch {
	case verdict == nil:
	case f.units != nil:
		verdict, evidence.Reason = nil, seizure.ReasonAmplitude
	case f.low && !*verdict:
		verdict, evidence.Reason = nil, seizure.ReasonQuality
	}
	return verdict
}

// answer puts the output together.
func answer(c *eeg.Context, choice *catalog.Choice, result *decoders.Result, l *loaded, f fitness, ictal *bool) *eeg.Result {
	if c == nil {
		c = &eeg.Context{}
	}
	mode := c.UIMode
	paradigm := choice.Entry.Paradigm
	ranked := intent.Rank(mode, paradigm, result.Classes, c.Intents)
	class := decodedClass(mode, paradigm, result.Classes, c.Intents, ranked[0].Intent)
	none := noAnswer(result, f)
	if none != nil {
		ranked, class = []eeg.Ranked{{Intent: intent.Undetermined}}, string(decoders.Undetermined)
	}
	first := ranked[0]
	out := &eeg.Result{
		DecodedIntent:    first.Intent,
		Confidence:       first.Confidence,
		ParadigmDetected: string(paradigm),
		PredictedText:    predicted(c, first.Intent),
		Alternatives:     ranked[1:],
		SessionContext:   intent.SessionContext(mode, paradigm, c.SessionHistory, first.Intent),
		SeizureDetected:  ictal,
		RedFlags:         []string{},
		RedFlagDetails:   redFlags(choice, result, ranked, none, l, f, ictal),
		Disclaimer:       intent.Disclaimer,
		DecodedClass:     class,
		Undetermined:     none,
		Model: &eeg.ModelUsed{Name: choice.Entry.Name, Version: choice.Entry.Version, Pipeline: choice.Entry.Pipeline,
			Source: choice.Entry.Source, SHA256: choice.Entry.SHA256},
	}
	for _, f := range out.RedFlagDetails {
		out.RedFlags = append(out.RedFlags, f.Code)
	}
	out.Quality = qualityOf(f.summary)
	addContact(out, contact.Of(result))
	return out
}

// noAnswer says why a result has none; nil where it has one.
func noAnswer(r *decoders.Result, f fitness) *eeg.WhyUndetermined {
	if r.Classes[0].Name != string(decoders.Undetermined) {
		return nil
	}
	why := &eeg.WhyUndetermined{Tried: []eeg.Fallback{}, Evidence: map[string]any{}}
	report := contact.Of(r)
	switch {
	case f.unfit():
		why.Reason = f.reason()
		if f.summary != nil {
			why.Evidence["windows"], why.Evidence["windows_passed"] = f.summary.Windows, f.summary.Passed
		}
		if f.units != nil {
			why.Evidence["amplitude_uv"] = round3(f.units.Typical)
		}
		return why
	case report != nil && report.Undetermined:
		why.Reason, why.Evidence = whyUndetermined(report), map[string]any{"contact": *report}
		return why
	case r.Reason != "":
		why.Reason = r.Reason
	case r.Paradigm == decoders.Seizure:
		why.Reason = intent.FlagOf(intent.FlagSeizureUnknown).Message
	default:
		why.Reason = intent.FlagOf(intent.FlagUndetermined).Message
	}
	for name, v := range r.Evidence { // the lists are in the diagnostics
		switch v.(type) {
		case string, bool, int, float64:
			why.Evidence[name] = v
		}
	}
	return why
}

// undetermined is the answer to a recording of which nothing tells what the person did: no intent that anything could act on,
// but whether it looks like a seizure, how clean it is, and what was looked at.
func undetermined(c *eeg.Context, l *loaded, opt Options, d *eeg.Diagnostics) *eeg.Result {
	if c == nil {
		c = &eeg.Context{}
	}
	f := assess(l, nil)
	opt.step("quality")
	ictal := checkSeizure(nil, nil, l.Signal, f, d)
	opt.step("seizure")
	flags := slices.Clone(l.flags)
	if ictal != nil && *ictal {
		flags = append(flags, intent.FlagOf(intent.FlagPossibleSeizure))
	}
	if l.Seconds() < 2 {
		flags = append(flags, intent.FlagOf(intent.FlagShortRecording))
	}
	flags = append(flags, intent.FlagOf(intent.FlagUndetermined))
	out := &eeg.Result{
		DecodedIntent:    intent.Undetermined,
		ParadigmDetected: string(decoders.Undetermined),
		Alternatives:     []eeg.Ranked{},
		SessionContext:   intent.SessionContext(c.UIMode, decoders.Undetermined, c.SessionHistory, intent.Undetermined),
		SeizureDetected:  ictal,
		RedFlags:         []string{},
		RedFlagDetails:   intent.Sort(append(flags, f.flags()...)),
		Disclaimer:       intent.Disclaimer,
		DecodedClass:     string(decoders.Undetermined),
		Alignment:        eeg.Alignment{Kind: eeg.NotAligned},
		Quality:          qualityOf(f.summary),
		Undetermined:     &eeg.WhyUndetermined{Reason: d.Routing.Why, Tried: slices.Clone(d.Routing.Fallbacks), Evidence: d.Routing.Evidence},
	}
	for _, f := range out.RedFlagDetails {
		out.RedFlags = append(out.RedFlags, f.Code)
	}
	opt.step("answer")
	return out
}

// qualityOf is the quality as an answer has it.
func qualityOf(s *features.Summary) *eeg.Quality {
	if s == nil {
		return nil
	}
	q := &eeg.Quality{Overall: round3(s.Overall), Confidence: round3(s.Confidence), Windows: s.Windows, Passed: s.Passed,
		Artifacts: eeg.ArtifactScores{BlinkLike: round3(s.Artifacts.BlinkLike), MotionLike: round3(s.Artifacts.MotionLike),
			EMGLike: round3(s.Artifacts.EMGLike), BadContact: round3(s.Artifacts.BadContact)},
		PerChannel:  eeg.ByChannel[float64]{Names: s.PerChannel.Names, Values: slices.Clone(s.PerChannel.Values)},
		BadChannels: []eeg.BadChannel{}}
	for i, v := range q.PerChannel.Values {
		q.PerChannel.Values[i] = round3(v)
	}
	return q
}

// decodedClass returns the most probable of the classes that mean the intent.
func decodedClass(mode eeg.UIMode, paradigm decoders.Paradigm, classes []decoders.Class, own map[string]string, first string) string {
	for _, class := range classes {
		if intent.Of(mode, paradigm, class.Name, own) == first {
			return class.Name
		}
	}
	return ""
}

// predicted returns the running text with its last word completed where the intent spells, else a phrase for it.
func predicted(c *eeg.Context, first string) string {
	if first == intent.Undetermined {
		return ""
	}
	if intent.Spells(first) {
		return language.ForLocale(c.Locale).Predict(c.SessionHistory, first)
	}
	return language.Phrase(c.Locale, first)
}

// redFlags collects the warnings of an answer, gravest first.
func redFlags(choice *catalog.Choice, result *decoders.Result, ranked []eeg.Ranked, none *eeg.WhyUndetermined, l *loaded, f fitness, ictal *bool) []eeg.Flag {
	flags := slices.Clone(l.flags)
	add := func(code, format string, args ...any) {
		f := intent.FlagOf(code)
		if format != "" {
			f.Message = fmt.Sprintf(format, args...)
		}
		flags = append(flags, f)
	}
	if ictal != nil && *ictal {
		add(intent.FlagPossibleSeizure, "")
	}
	if report := contact.Of(result); report != nil {
		add(intent.FlagPoorContact, "%s", badChannels(report))
	}
	switch {
	case none != nil: // nothing is probable, and nothing close to anything
		add(intent.FlagUndetermined, "%s", none.Reason)
	case intent.LowConfidence(ranked[0].Confidence, len(ranked)):
		add(intent.FlagLowConfidence, "%s has a probability of %.2f; guessing among %d would give %.2f.",
			ranked[0].Intent, ranked[0].Confidence, len(ranked), 1/float64(len(ranked)))
	}
	if intent.Ambiguous(ranked) {
		add(intent.FlagAmbiguous, "%s (%.2f) and %s (%.2f) are close to each other.",
			ranked[0].Intent, ranked[0].Confidence, ranked[1].Intent, ranked[1].Confidence)
	}
	for _, code := range result.Flags {
		add(code, "")
	}
	if want := choice.Entry.Rate; l.Rate < 0.995*want { // nearer ones count as one, see package epoch
		add(intent.FlagRateResampled, "The recording has %g Hz and was resampled to the %g Hz that %s works at: what lies above %g Hz is missing.",
			l.Rate, want, choice.Entry.ID(), l.Rate/2)
	}
	if l.Seconds() < 2 {
		add(intent.FlagShortRecording, "")
	}
	return intent.Sort(append(flags, f.flags()...))
}
