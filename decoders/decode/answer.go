package decode

import (
	"context"
	"fmt"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/intent"
	"github.com/neurod/neurod/decoders/language"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/eeg"
)

// answerOf says what a finding is worth, looks for a seizure beside it, and puts the answer together.
func answerOf(ctx context.Context, q *question, p *plan, found *finding) (*eeg.Result, error) {
	l, result := q.rec, found.result
	f := assess(l, result)
	if found.at >= 0 { // the answer rests on a segment
		if lo, hi := p.parts.segment(l.Signal, found.at); lo > 0 || hi < l.Samples() {
			f.low = assessPart(l, lo, hi, result).low
		}
	}
	switch {
	case f.unfit():
		result = decoders.Abstained(result)
	case result.Paradigm == eeg.Seizure && result.Seizure == nil:
		flags := result.Flags // they say that there is no verdict
		result = decoders.Abstained(result)
		result.Flags = flags
	}
	q.opt.step("quality")
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	ictal := checkSeizure(p.choice, result, l.Signal, f, q.d)
	q.opt.step("seizure")

	out := answer(q.Context, p.choice, result, l, f, ictal)
	out.Alignment, out.Clip = p.alignment, p.parts.clip(l.Signal, found.at, result, 0)
	out.Trials, out.TrialsSummary = found.list, found.summary
	q.opt.step("answer")
	return out, nil
}

// checkSeizure returns whether the recording looks like a seizure, nil where that cannot be said. A request for the
// paradigm seizure has its answer; beside every other paradigm the rules of package seizure run. That nothing was found says
// nothing where nothing could be read.
func checkSeizure(choice *catalog.Choice, result *decoders.Result, sig decoders.Signal, f fitness, d *eeg.Diagnostics) *bool {
	if choice != nil && choice.Entry.Paradigm == eeg.Seizure {
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
		ranked, class = []eeg.Ranked{{Intent: intent.Undetermined}}, string(eeg.Undetermined)
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
	if r.Classes[0].Name != string(eeg.Undetermined) {
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
	case r.Paradigm == eeg.Seizure:
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

// undetermined is the answer to a recording of which nothing shows what the person did: no intent that anything could act on,
// but whether it looks like a seizure, how clean it is, and what was looked at.
func undetermined(q *question) *eeg.Result {
	c, l := q.Context, q.rec
	if c == nil {
		c = &eeg.Context{}
	}
	f := assess(l, nil)
	q.opt.step("quality")
	ictal := checkSeizure(nil, nil, l.Signal, f, q.d)
	q.opt.step("seizure")
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
		ParadigmDetected: string(eeg.Undetermined),
		Alternatives:     []eeg.Ranked{},
		SessionContext:   intent.SessionContext(c.UIMode, eeg.Undetermined, c.SessionHistory, intent.Undetermined),
		SeizureDetected:  ictal,
		RedFlags:         []string{},
		RedFlagDetails:   intent.Sort(append(flags, f.flags()...)),
		Disclaimer:       intent.Disclaimer,
		DecodedClass:     string(eeg.Undetermined),
		Alignment:        eeg.Alignment{Kind: eeg.NotAligned},
		Clip:             eeg.Clip{EndS: round3(l.Seconds()), Trial: 1, Trials: 1, Events: len(l.events)},
		Quality:          qualityOf(f.summary),
		Undetermined:     &eeg.WhyUndetermined{Reason: q.d.Routing.Why, Tried: slices.Clone(q.d.Routing.Fallbacks), Evidence: q.d.Routing.Evidence},
	}
	for _, f := range out.RedFlagDetails {
		out.RedFlags = append(out.RedFlags, f.Code)
	}
	q.opt.step("answer")
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
func decodedClass(mode eeg.UIMode, paradigm eeg.Paradigm, classes []decoders.Class, own map[string]string, first string) string {
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
