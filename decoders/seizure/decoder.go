package seizure

import (
	"context"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/eeg"
)

// The classes of a result.
const (
	IctalLike = "ictal_like"
	NoPattern = "no_ictal_pattern"
)

// Flags of a result.
const (
	FlagPossible  = "possible_seizure" // the verdict is true
	FlagNoVerdict = "seizure_unknown"  // there is no verdict; the evidence says why
	FlagAmplitude = "amplitude_only"   // the model finds the clip ictal-like, but the rules do not, and so the answer does not
)

// Rules is the decoder of the rules of Check, which needs no training. It is safe for concurrent use.
type Rules struct{}

var _ decoders.Decoder = (*Rules)(nil)

// New returns the decoder of the rules.
func New() *Rules { return &Rules{} }

// Info describes the decoder: any montage, any rate from 64 Hz.
func (*Rules) Info() decoders.Info {
	return decoders.Info{
		Name: "seizure-rules", Version: "1", Pipeline: "ictal_rules", Paradigm: eeg.Seizure,
		Classes: []string{IctalLike, NoPattern}, MinSamples: minSamples,
	}
}

func minSamples(rate float64) int { return epoch.Samples(windowSeconds, rate) }

// Decode judges the whole clip. The probability of ictal_like is the ictal_like_score, kept off 0 and 1 because rules
// cannot be certain; it is a score with its threshold at one half, to which another threshold is moved, not a calibrated frequency. Errors:
// payload_too_short, payload_malformed, invalid_signal.
func (*Rules) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, err := check(in.Signal)
	if err != nil {
		return nil, err
	}
	in.Step("rules")
	return a.at(in.Threshold).answer(NoPattern, map[string]any{"rules": a.SeizureEvidence}), nil
}

// doubt is what is left for the other class however clear a clip is: of 350 clips of Bonn that were held out 9 are called wrongly,
// and nobody has measured more clips than that.
const doubt = 0.02

// at moves the line between ictal-like and other to a score; 0 leaves it at one half. The odds are divided by those of the threshold, so
// that one half is where the line is and verdict, class and confidence follow from one number still. The evidence keeps the score.
func (a *assessment) at(threshold float64) *assessment {
	a.score, a.threshold = a.probability, 0.5
	if threshold > 0 {
		a.threshold = threshold
		yes, no := a.probability*(1-threshold), (1-a.probability)*threshold
		a.probability = yes / (yes + no)
	}
	return a
}

// answer makes a result; other is the name of the class that is not ictal_like. Without a verdict both are equally
// probable, and the order says no more than to which a model leans.
func (a *assessment) answer(other string, evidence map[string]any) *decoders.Result {
	verdict := a.verdict()
	if verdict != nil {
		evidence["score"], evidence["threshold"] = a.score, a.threshold
	}
	p, first := 0.5, a.leaning
	if verdict != nil {
		p, first = doubt+(1-2*doubt)*a.probability, *verdict
	}
	classes := []decoders.Class{{Name: other, Probability: 1 - p}, {Name: IctalLike, Probability: p}}
	if first {
		slices.Reverse(classes)
	}
	var flags []string
	switch {
	case verdict == nil:
		flags = append(flags, FlagNoVerdict)
	case *verdict:
		flags = append(flags, FlagPossible)
	}
	return &decoders.Result{Paradigm: eeg.Seizure, Classes: classes, Seizure: verdict, Flags: flags, Evidence: evidence}
}
