package ssvep

import (
	"cmp"
	"math"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/eeg"
)

// gain describes how sure scores make of one target among those that are looked at: with probability q the softmax of
//
//	Gain · seconds^Window · channels^Montage · √score,  channels at most 8,
//
// and else each target alike, where q = 1/(1 + exp(-Slope·(z - Even))) is the share of responses that are there to be seen. Without
// it weak responses, of which the best of many noises is right by chance alone, would be as sure as strong ones.
//
// The constants are the fit over the exoskeleton set (Kalunga et al. 2016: subjects 1, 3 and 4) and the Muse set (four files of one
// person), with three and two targets and with three more in between, in windows of 1 to 4 s, as recorded and with 0.7, 1.2 and 2 times
// as much of the person's rest (for Muse, of the oddballs) added: people whose responses are weak. With one
// person left out at a time the log loss is 0.569 (CCA) and 0.497 (FBCCA), 0.648 and 0.601 with a softmax of the scores alone.
// TestWeakResponsesAreNotSure holds the ECE.
type gain struct{ Gain, Window, Montage, Slope, Even float64 }

var gains = map[string]gain{
	CCA:   {26.2, 1.085, -0.08, 1.27, -0.17},
	FBCCA: {34.7, 1.0, -0.40, 1.38, -0.66},
}

// among writes the probabilities of the targets to dst, given that one of them is looked at.
func (g gain) among(dst, scores []float64, seconds float64, channels int, z float64) {
	factor := g.Gain * math.Pow(seconds, g.Window) * math.Pow(float64(min(max(channels, 1), 8)), g.Montage)
	for k, s := range scores {
		dst[k] = factor * math.Sqrt(max(s, 0))
	}
	classify.Softmax(dst, dst)
	q := 1 / (1 + math.Exp(-g.Slope*(min(max(z, -3), 8)-g.Even)))
	for k := range dst {
		dst[k] = q*dst[k] + (1-q)/float64(len(dst))
	}
}

// weigh settles the verdict and the probabilities. rare is the z of how rare the evidence is without a target.
func (d *Decoder) weigh(a *analysis, rare float64) {
	det := &a.detected
	a.probabilities = make([]float64, len(a.scores))
	if a.scan {
		classify.Softmax(a.probabilities, a.scores) // which are SDs already
	} else {
		gains[d.cfg.Method].among(a.probabilities, a.scores, a.seconds, a.channels, det.Z)
	}
	det.Probability = 1 - withNone(a.probabilities, d.decide(det, rare, det.Level, det.Tested))
}

// alternatives bounds the classes that a scan names.
const alternatives = 5

// result turns an analysis into ranked classes.
func (d *Decoder) result(a *analysis) *decoders.Result {
	det := &a.detected
	classes := make([]decoders.Class, len(a.targets), len(a.targets)+1)
	for i, t := range a.targets {
		classes[i] = decoders.Class{Name: t.label, Probability: a.probabilities[i]}
	}
	classes = append(classes, decoders.Class{Name: NoTarget, Probability: 1 - det.Probability})
	slices.SortStableFunc(classes, func(x, y decoders.Class) int { return cmp.Compare(y.Probability, x.Probability) })

	var flags []string
	if classes[0].Name == NoTarget {
		flags = append(flags, NoTarget)
	}
	if det.AlphaLike {
		flags = append(flags, FlagAlphaLike)
	}
	if a.win.ignored {
		flags = append(flags, "events_ignored")
	}
	scores := make([]map[string]any, len(a.targets))
	for i, t := range a.targets {
		scores[i] = map[string]any{"label": t.label, "frequency": t.freq, "score": a.scores[i], "rho": a.rho[i]}
	}
	return &decoders.Result{
		Paradigm: eeg.SSVEP,
		Classes:  classes,
		Flags:    flags,
		From:     float64(a.win.from) / a.rate, To: float64(a.win.to) / a.rate,
		Evidence: map[string]any{
			"method": d.cfg.Method, "harmonics": d.cfg.Harmonics, "scan": a.scan,
			"window_s": a.seconds, "start_s": a.win.onset + d.cfg.Skip, "onset_from_event": a.win.byEvent,
			"best_target": det.Label, "targets": scores, "detection": *det,
		},
	}
}
