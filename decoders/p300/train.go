package p300

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/bayes"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/eeg"
)

// Names of the pipelines.
const (
	ERPLDAName     = "erp_lda"
	XDAWNLDAName   = "xdawn_lda"
	XDAWNRxLDAName = "xdawn_rxlda"
	XDAWNRxGMMName = "xdawn_rxgmm"
	XDAWNCovName   = "xdawncov_ts_lr"
)

// Classes of a training set, in this order. A dataset's classes may be in any order but must have these names.
const (
	NonTarget = "non_target"
	Target    = "target"
)

// minTargets and minOthers are the fewest epochs of each kind that a response and its calibration can be had from.
const (
	minTargets = 10
	minOthers  = 20
)

// ERPLDA returns the pipeline of shrinkage LDA on the epochs of all channels. Its options are a [Config].
func ERPLDA() decoders.Pipeline { return pipeline{ERPLDAName} }

// XDAWNLDA returns the pipeline of xDAWN filters and shrinkage LDA. Its options are a [Config].
func XDAWNLDA() decoders.Pipeline { return pipeline{XDAWNLDAName} }

// XDAWNRxLDA returns the pipeline of xDAWN filters and Bayesian LDA. Its decoders are decoders.Adaptive: they go on
// learning with the spatial filters and the likelihoods of their training. Its options are a [Config].
func XDAWNRxLDA() decoders.Pipeline { return pipeline{XDAWNRxLDAName} }

// XDAWNRxGMM is XDAWNRxLDA with a mixture of two normal distributions for each kind of flash.
func XDAWNRxGMM() decoders.Pipeline { return pipeline{XDAWNRxGMMName} }

// XDAWNCov returns the pipeline of the covariances of xDAWN components with their prototypes, tangent space and logistic
// regression. Its options are a [Config].
func XDAWNCov() decoders.Pipeline { return pipeline{XDAWNCovName} }

type pipeline struct{ name string }

var _ decoders.Pipeline = pipeline{}

func (p pipeline) Name() string         { return p.name }
func (pipeline) Paradigm() eeg.Paradigm { return eeg.P300 }

var _ decoders.Demanding = pipeline{}

// Least is the fewest epochs of a kind that a response and its calibration can be had from.
func (pipeline) Least(class string) int {
	if class == Target {
		return minTargets
	}
	return minOthers
}

// fitted is what one training gives: filters, the scale of epochs, and the classifier.
type fitted struct {
	filters *mat.Dense // components × channels, nil for all channels
	limit   float64    // deviation above which an epoch of features is scaled down; 0 none
	scorer
}

// Train fits a decoder to epochs: Trial.Data from before the flash, which lies Dataset.Cue s into it, to at least
// Config.End s after it; a second of margin on both sides lets the filter settle. Trial.Onset and Trial.Group let
// overlapping responses be told apart.
func (p pipeline) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	cfg, err := parseConfig(config, p.name)
	if err != nil {
		return nil, err
	}
	front, err := newFrontend(cfg, ds.Channels)
	if err != nil {
		return nil, err
	}
	epochs, err := front.prepare(ctx, ds)
	if err != nil {
		return nil, err
	}
	labels, positive, targets := make([]int, len(epochs)), make([]bool, len(epochs)), 0
	for i, e := range epochs {
		if e.Target {
			labels[i], positive[i] = 1, true
			targets++
		}
	}
	// Likelihood ratios from scores of epochs that were left out. Folds take epochs in turn, not runs: the scale of the
	// scores is what is sought, not the accuracy.
	folds, err := classify.StratifiedKFold(labels, calibrationFolds(cfg, targets, len(epochs)-targets), cfg.Seed)
	if err != nil {
		return nil, unusable(err)
	}
	scores, err := p.leftOut(ctx, cfg, epochs, labels, folds)
	if err != nil {
		return nil, err
	}
	if p.name == ERPLDAName && cfg.Toeplitz == nil && cfg.Shrinkage == nil && !cfg.Standardize && len(front.channels) <= mostToeplitz {
		half, share := cfg, halfToeplitz
		half.Toeplitz = &share
		others, err := p.leftOut(ctx, half, epochs, labels, folds)
		if err != nil {
			return nil, err
		}
		if classify.AUC(others, positive) > classify.AUC(scores, positive) {
			cfg, scores = half, others
		}
	}
	m, err := newModel(p.name, p.name, "", cfg, front, ds.Channels, ds.Rate)
	if err != nil {
		return nil, err
	}
	all := make([]int, len(epochs))
	for i := range all {
		all[i] = i
	}
	f, err := p.fit(cfg, epochs, labels, all, false)
	if err != nil {
		return nil, unusable(err)
	}
	m.fitted = *f
	platt, err := classify.FitPlatt(scores, positive)
	if err != nil {
		return nil, unusable(err)
	}
	// Scores that point the wrong way tell nothing: every flash is as likely as the share of targets, but for its rank.
	platt = platt.Rising(scores, math.Log(float64(len(epochs)-targets)/float64(targets)))
	m.odds = math.Log(float64(targets) / float64(len(epochs)-targets))
	m.slope, m.offset = -platt.A, -platt.B-m.odds
	return p.decoder(m), nil
}

// leftOut returns the score of each epoch by a classifier of the fold that leaves it out.
func (p pipeline) leftOut(ctx context.Context, cfg Config, epochs []Epoch, labels []int, folds []classify.Fold) ([]float64, error) {
	scores := make([]float64, len(epochs))
	var x []float64
	for _, fold := range folds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part, err := p.fit(cfg, epochs, labels, fold.Train, true)
		if err != nil {
			return nil, unusable(err)
		}
		for _, i := range fold.Test {
			x = part.features(cfg, x, epochs[i].Data)
			if scores[i], err = part.decision(x); err != nil {
				return nil, unusable(err)
			}
		}
	}
	return scores, nil
}

// Below fewEpochs every epoch that is left out of a fold is missed: the classifiers that are scored separate less than the one
// that saw all epochs, and its probabilities are too low. Trained on few flashes of each kind of three people
// (TestFewFlashesOfSpellers) 40 flashes have an ECE of 0.064 (erp_lda) and 0.056 (xdawn_lda) with 5 folds, 0.038 and 0.023 with 20.
const (
	fewEpochs    = 200
	fewestMissed = 20 // folds
)

// calibrationFolds returns how many folds give the scores of the calibration.
func calibrationFolds(cfg Config, targets, others int) int {
	if targets+others < fewEpochs {
		return max(cfg.Folds, min(fewestMissed, targets, others))
	}
	return cfg.Folds
}

// prepare refuses a dataset that cannot be trained on and returns its epochs.
func (f *frontend) prepare(ctx context.Context, ds *decoders.Dataset) ([]Epoch, error) {
	target := slices.Index(ds.Classes, Target)
	if len(ds.Classes) != 2 || target < 0 || slices.Index(ds.Classes, NonTarget) < 0 {
		return nil, incompatible("classes are %q, want %q and %q", ds.Classes, NonTarget, Target)
	}
	if !(ds.Cue >= 0 && ds.Cue < 1e6) {
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"cue": fmt.Sprint(ds.Cue)}, "the flash lies %v s into the trials", ds.Cue)
	}
	counts := [2]int{}
	for i, t := range ds.Trials {
		switch {
		case t.Label < 0 || t.Label > 1:
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": i, "label": t.Label}, "trial %d has label %d of 2 classes", i, t.Label)
		case t.Data == nil || t.Data.IsEmpty():
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": i}, "trial %d has no data", i)
		case math.IsNaN(t.Onset) || math.IsInf(t.Onset, 0):
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": i}, "trial %d has its onset at %v s", i, t.Onset)
		}
		counts[t.Label]++
	}
	if counts[target] < minTargets || counts[1-target] < minOthers {
		return nil, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{
			"trials": len(ds.Trials), "classes": map[string]any{Target: counts[target], NonTarget: counts[1-target]},
			"needed": map[string]any{Target: minTargets, NonTarget: minOthers},
		}, "%d target and %d other epochs, at least %d and %d are needed", counts[target], counts[1-target], minTargets, minOthers)
	}
	sc := f.pool.Get().(*scratch)
	defer f.pool.Put(sc)
	bins := f.cfg.bins()
	epochs := make([]Epoch, len(ds.Trials))
	for i, t := range ds.Trials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in := &decoders.Input{
			Signal: decoders.Signal{Data: t.Data, Channels: ds.Channels, Rate: ds.Rate},
			Events: []eeg.Event{{Onset: ds.Cue}},
		}
		if err := epoch.Check(in.Signal, f.minSamples(ds.Rate), f.cfg.minRate()); err != nil {
			return nil, &decoders.TrialError{Trial: i, Err: err}
		}
		_, onsets, _ := f.usable(in)
		if len(onsets) == 0 {
			return nil, &decoders.TrialError{Trial: i, Err: epoch.TooShort(in.Signal, epoch.Samples(ds.Cue+f.cfg.End, ds.Rate), in.Samples(), "too little signal after the flash")}
		}
		x, err := f.epochs(in.Signal, onsets, nil, sc)
		if err != nil {
			return nil, &decoders.TrialError{Trial: i, Err: err}
		}
		data := mat.NewDense(len(f.channels), bins, slices.Clone(x.RawRowView(0)))
		if d := deviation(data.RawMatrix().Data); !(d > flat) {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"trial": i}, "trial %d is flat", i)
		}
		epochs[i] = Epoch{Data: data, Target: t.Label == target, Onset: t.Onset, Run: t.Group}
	}
	return epochs, nil
}

// decoder gives the decoder of an adaptive pipeline what it needs to learn.
func (p pipeline) decoder(d *decoder) decoders.Trained {
	if _, learns := d.scorer.(bayesScorer); learns {
		return &adaptive{d}
	}
	return d
}

// fit trains on the epochs given by index; quick is for the folds of the calibration.
func (p pipeline) fit(cfg Config, epochs []Epoch, labels, train []int, quick bool) (*fitted, error) {
	f := new(fitted)
	var prototype *mat.Dense
	switch p.name {
	case XDAWNLDAName, XDAWNRxLDAName, XDAWNRxGMMName:
		filters, err := XDAWN(calm(cfg, epochs, train), cfg.Bins, cfg.Components)
		if err != nil {
			return nil, err
		}
		f.filters = filters
	case XDAWNCovName:
		both, err := FitXDAWNByClass(calm(cfg, epochs, train), cfg.Components)
		if err != nil {
			return nil, err
		}
		f.filters, prototype = both.Filters, both.Prototype
	}
	raw := make([][]float64, len(train))
	deviations := make([]float64, len(train))
	y := make([]int, len(train))
	for r, i := range train {
		raw[r] = f.project(nil, epochs[i].Data)
		deviations[r] = deviation(raw[r])
		y[r] = labels[i]
	}
	f.limit = cfg.Limit * median(deviations)
	for r := range raw {
		cfg.scale(raw[r], f.limit)
	}
	if p.name == XDAWNCovName {
		s, err := fitCovariances(raw, y, prototype, quick)
		f.scorer = s
		return f, err
	}
	x := mat.NewDense(len(train), len(raw[0]), nil)
	for r := range raw {
		x.SetRow(r, raw[r])
	}
	switch p.name {
	case XDAWNRxLDAName:
		l, err := bayes.TrainLDA(x, y, 2)
		f.scorer = bayesScorer{ldaPosterior{l}}
		return f, err
	case XDAWNRxGMMName:
		g, err := bayes.TrainGMM(x, y, 2, bayes.GMMConfig{Seed: cfg.Seed})
		f.scorer = bayesScorer{gmmPosterior{g}}
		return f, err
	}
	if share := cfg.Toeplitz; share != nil && *share > 0 {
		channels, bins := epochs[0].Data.Dims()
		linear, err := fitToeplitz(x, y, channels, bins, cfg.Shrinkage, *share)
		f.scorer = linearScorer{linear}
		return f, err
	}
	lda, err := classify.FitLDA(x, y, 2, classify.LDAConfig{Shrinkage: cfg.Shrinkage})
	if err != nil {
		return nil, err
	}
	f.scorer = linearScorer{lda.Linear}
	return f, nil
}

// calm returns the epochs given by index with the outliers among them scaled as for the classifier.
func calm(cfg Config, epochs []Epoch, train []int) []Epoch {
	deviations := make([]float64, len(train))
	for r, i := range train {
		deviations[r] = deviation(epochs[i].Data.RawMatrix().Data)
	}
	limit := cfg.Limit * median(deviations)
	out := make([]Epoch, len(train))
	for r, i := range train {
		out[r] = epochs[i]
		out[r].Data = mat.DenseCopyOf(epochs[i].Data)
		cfg.scale(out[r].Data.RawMatrix().Data, limit)
	}
	return out
}

// project writes the projection of an epoch (channels × bins) to dst, row by row.
func (f *fitted) project(dst []float64, data *mat.Dense) []float64 {
	c, b := data.Dims()
	if f.filters == nil {
		dst = grow(dst, c*b)
		copy(dst, data.RawMatrix().Data)
		return dst
	}
	k, _ := f.filters.Dims()
	dst = grow(dst, k*b)
	clear(dst)
	for i := range k {
		for j, w := range f.filters.RawRowView(i) {
			floats.AddScaled(dst[i*b:(i+1)*b], w, data.RawRowView(j))
		}
	}
	return dst
}

// features is the classifier's view of an epoch.
func (f *fitted) features(cfg Config, dst []float64, data *mat.Dense) []float64 {
	dst = f.project(dst, data)
	cfg.scale(dst, f.limit)
	return dst
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// unusable turns a fault of the numerics into the error for training data that cannot be fitted.
func unusable(err error) error {
	if errors.As(err, new(*decoders.Error)) {
		return err
	}
	return decoders.Errorf(decoders.CodeInvalidSignal, nil, "the epochs cannot be fitted: %v", err)
}
