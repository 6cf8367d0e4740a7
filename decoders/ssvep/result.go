package ssvep

import (
	"cmp"
	"math"
	"slices"

	"github.com/neurod/neurod/decoders"
)

// Calibration of the probabilities. The constants are the fit over all trials of the exoskeleton set (Kalunga et al. 2016:
// subjects 1, 3 and 4, 72 trials with a flicker and 24 at rest) and the Muse set (four files of one person, 128 trials).
// Fitted with one file left out at a time, the probabilities of the files left out have an ECE of 0.023 (CCA) and 0.015
// (FBCCA). TestCalibration fits them again and prints these figures.
const (
	// Among targets: softmax of score × seconds × gain.
	gainCCA   = 11.43
	gainFBCCA = 7.58
	// Whether there is a target: logistic function of z with the fitted slope. Even odds are put at p = 0.05 (z = 1.645)
	// instead of the fit's z = 1.22, so that rest is taken for a target one time in twenty: the stated false-accept rate.
	presenceSlope = 1.40
	presenceEven  = 1.645
)

// alternatives bounds the classes that a scan names.
const alternatives = 5

// result turns an analysis into ranked classes.
func (d *Decoder) result(a *analysis) *decoders.Result {
	det := &a.detected
	gain := gainFBCCA
	if d.cfg.Method == CCA {
		gain = gainCCA
	}
	if a.scan {
		gain = 1 / a.seconds // the scores of a scan are SDs already
	}
	classes := make([]decoders.Class, len(a.targets), len(a.targets)+1)
	sum := 0.0
	for i, t := range a.targets {
		classes[i] = decoders.Class{Name: t.label, Probability: math.Exp(gain * a.seconds * (a.scores[i] - a.scores[a.best]))}
		sum += classes[i].Probability
	}
	for i := range classes {
		classes[i].Probability *= det.Probability / sum
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
		Paradigm: decoders.SSVEP,
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
