package motorimagery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/riemann"
)

// minTrials is the least number of trials a class: with fewer, neither a covariance nor a calibration means anything.
const minTrials = 4

// example is a training trial after the front end.
type example struct {
	cov     *mat.SymDense
	label   int
	subject int
	copied  int // index of the trial this one mirrors, or its own
}

// examples returns the trials with these indices, in this order.
func (w *windows) examples(ctx context.Context, trials []int) ([]example, error) {
	subjects := map[string]int{}
	examples := make([]example, len(trials))
	for r, i := range trials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := w.covariance(i)
		switch {
		case errors.As(err, new(*decoders.Error)):
			return nil, &decoders.TrialError{Trial: r, Err: err}
		case err != nil:
			return nil, &decoders.TrialError{Trial: r, Err: decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"trial": r}, "%v", err)}
		}
		t := w.ds.Trials[i]
		name, _, _ := strings.Cut(t.Group, "/")
		if !strings.Contains(t.Group, "/") {
			name = w.ds.Subject
		}
		if _, ok := subjects[name]; !ok {
			subjects[name] = len(subjects)
		}
		examples[r] = example{cov: c, label: t.Label, subject: subjects[name], copied: r}
	}
	return examples, nil
}

// checkTrials refuses trials that cannot be trained on; least is how many trials of each class there must be.
func checkTrials(ds *decoders.Dataset, trials []int, least int) error {
	counts := make([]int, len(ds.Classes))
	for r, i := range trials {
		t := ds.Trials[i]
		switch {
		case t.Label < 0 || t.Label >= len(counts):
			return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": r, "label": t.Label}, "trial %d has label %d of %d classes", r, t.Label, len(counts))
		case t.Data == nil || t.Data.IsEmpty():
			return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": r}, "trial %d has no data", r)
		}
		counts[t.Label]++
	}
	perClass := map[string]any{}
	few := len(counts) < 2
	for k, n := range counts {
		perClass[ds.Classes[k]] = n
		few = few || n < least
	}
	if few {
		return decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": len(trials), "classes": perClass, "needed_per_class": least},
			"at least 2 classes of %d trials each are needed", least)
	}
	if math.IsNaN(ds.Cue) || math.IsInf(ds.Cue, 0) || ds.Cue < 0 {
		return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"cue": fmt.Sprint(ds.Cue)}, "the cue lies %v s into the trials", ds.Cue)
	}
	return nil
}

var errFlat = errors.New("there is no activity in the band the decoder reads")

// usable refuses a covariance without power and, if asked, scales it to unit mean variance.
func usable(c *mat.SymDense, normalize bool) error {
	n := c.SymmetricDim()
	power := mat.Trace(c) / float64(n)
	// Below 1e-6 µV no amplifier resolves anything; what is left is rounding.
	if !(power > 1e-12) || math.IsInf(power, 0) {
		return errFlat
	}
	if normalize {
		c.ScaleSym(1/power, c)
	}
	return nil
}

// align moves the examples of each subject to a common mean and returns the subjects' average mean.
func align(examples []example, center string) (*mat.SymDense, error) {
	var bySubject [][]*mat.SymDense
	for _, e := range examples {
		for e.subject >= len(bySubject) {
			bySubject = append(bySubject, nil)
		}
		bySubject[e.subject] = append(bySubject[e.subject], e.cov)
	}
	mean := riemann.EuclidMean
	if center == CenterRiemann {
		mean = riemann.Mean
	}
	means, move := make([]*mat.SymDense, len(bySubject)), make([]*mat.Dense, len(bySubject))
	for s, covs := range bySubject {
		var err error
		if means[s], err = mean(covs, nil); err != nil {
			return nil, fmt.Errorf("align: %w", err)
		}
		a, err := riemann.NewAlignerAt(means[s])
		if err != nil {
			return nil, fmt.Errorf("align: %w", err)
		}
		move[s] = a.Matrix()
	}
	average, err := mean(means, nil)
	if err != nil {
		return nil, fmt.Errorf("align: %w", err)
	}
	for i, e := range examples {
		moved := mat.NewSymDense(average.SymmetricDim(), nil)
		riemann.Congruence(moved, move[e.subject], e.cov)
		examples[i].cov = moved
	}
	return average, nil
}

// mirror adds each example with the hemispheres swapped and the other label.
func mirror(examples []example, channels []string, classes int) ([]example, error) {
	if classes != 2 {
		return nil, incompatible("mirror needs 2 classes, there are %d", classes)
	}
	swap, err := opposite(channels)
	if err != nil {
		return nil, err
	}
	for i, e := range examples[:len(examples):len(examples)] {
		c := mat.NewSymDense(len(channels), nil)
		for a := range swap {
			for b := a; b < len(swap); b++ {
				c.SetSym(a, b, e.cov.At(swap[a], swap[b]))
			}
		}
		examples = append(examples, example{cov: c, label: 1 - e.label, subject: e.subject, copied: i})
	}
	return examples, nil
}

// opposite returns for each channel the index of the one at the mirrored position: odd electrode numbers are left,
// even ones right, and the midline ends in z.
func opposite(channels []string) ([]int, error) {
	at := map[string]int{}
	for i, c := range channels {
		at[c] = i
	}
	swap := make([]int, len(channels))
	for i, c := range channels {
		j, ok := at[mirrored(c)]
		if !ok || !recording.IsElectrode(c) {
			return nil, incompatible("mirror: channel %s has no counterpart %s in the montage", c, mirrored(c))
		}
		swap[i] = j
	}
	return swap, nil
}

func mirrored(name string) string {
	letters := strings.TrimRight(name, "0123456789")
	number := 0
	for _, d := range name[len(letters):] {
		number = 10*number + int(d-'0')
	}
	switch {
	case number == 0:
		return name
	case number%2 == 1:
		return fmt.Sprintf("%s%d", letters, number+1)
	default:
		return fmt.Sprintf("%s%d", letters, number-1)
	}
}

// calibrate finds the temperature from scores of examples that were left out of fit. fit returns what scores an
// example after training on those given by index.
func calibrate(ctx context.Context, cfg Config, examples []example, classes int, fit func(train []int) (func(i int) []float64, error)) (float64, error) {
	if cfg.Folds == 0 {
		return 1, nil
	}
	folds, err := innerFolds(cfg, examples, classes)
	if err != nil {
		return 0, err
	}
	var scores [][]float64
	var labels []int
	for _, fold := range folds {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		score, err := fit(fold.Train)
		if err != nil {
			return 0, err
		}
		for _, i := range fold.Test {
			// A mirror image is not an observation of its own.
			if examples[i].copied == i {
				scores, labels = append(scores, score(i)), append(labels, examples[i].label)
			}
		}
	}
	t, err := classify.FitHumbleTemperature(scores, labels)
	if err != nil {
		return 0, fmt.Errorf("calibrate: %w", err)
	}
	return t.T, nil
}

// innerFolds leaves subjects out where there are several, else stratified trials; an example and its mirror image
// stay together.
func innerFolds(cfg Config, examples []example, classes int) ([]classify.Fold, error) {
	subjects := 0
	for _, e := range examples {
		subjects = max(subjects, e.subject+1)
	}
	if subjects > 1 {
		k := min(cfg.Folds, subjects)
		folds := make([]classify.Fold, k)
		for i, e := range examples {
			for f := range folds {
				if e.subject%k == f {
					folds[f].Test = append(folds[f].Test, i)
				} else {
					folds[f].Train = append(folds[f].Train, i)
				}
			}
		}
		return folds, nil
	}
	var labels []int
	counts := make([]int, classes)
	for i, e := range examples {
		if e.copied == i {
			labels = append(labels, e.label)
			counts[e.label]++
		}
	}
	k := cfg.Folds
	for _, n := range counts {
		k = min(k, n)
	}
	folds, err := classify.StratifiedKFold(labels, k, cfg.Seed)
	if err != nil {
		return nil, fmt.Errorf("calibrate: %w", err)
	}
	for f := range folds {
		test := make([]bool, len(labels))
		for _, i := range folds[f].Test {
			test[i] = true
		}
		for i := len(labels); i < len(examples); i++ {
			if test[examples[i].copied] {
				folds[f].Test = append(folds[f].Test, i)
			} else {
				folds[f].Train = append(folds[f].Train, i)
			}
		}
	}
	return folds, nil
}
