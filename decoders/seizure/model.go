package seizure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/eeg"
)

// pipelineName is the stable name of the pipeline.
const pipelineName = "ictal_score"

// ModelConfig are the options of the pipeline, as JSON in Pipeline.Train and in a stored state.
type ModelConfig struct {
	// Amplitude keeps the amplitude among the features. Without it every clip counts as scaled to unit variance
	// (per-clip z-score), so that only its shape decides. Defaults to true.
	Amplitude bool `json:"amplitude"`
	// Kernel tells clips by Gaussian functions around those of the training, over the form of the values as well, instead of by weights.
	// Defaults to true without amplitude and to false with it.
	Kernel *bool `json:"kernel,omitempty"`
	// C is the weight of the data against the penalty of the logistic regression. Defaults to 1, and to 1000 with a kernel.
	C float64 `json:"c"`
	// Folds of the cross-validation that calibrates the probabilities; 0 leaves them uncalibrated. Defaults to 5.
	Folds int `json:"folds"`
	// Seed draws the folds. Defaults to 1.
	Seed uint64 `json:"seed"`
}

// DefaultModelConfig returns the defaults.
func DefaultModelConfig() ModelConfig { return ModelConfig{Amplitude: true, Folds: 5, Seed: 1} }

func parseModelConfig(raw json.RawMessage) (ModelConfig, error) {
	cfg := DefaultModelConfig()
	if err := stored.Options(raw, &cfg); err != nil {
		return cfg, incompatible("%v", err)
	}
	if cfg.C == 0 {
		if cfg.C = 1; cfg.kernel() {
			cfg.C = kernelC
		}
	}
	switch {
	case !(cfg.C > 0) || cfg.C > 1e6:
		return cfg, incompatible("c %v is not between 0 and 1e6", cfg.C)
	case cfg.Folds < 0 || cfg.Folds == 1 || cfg.Folds > 100:
		return cfg, incompatible("folds %d is neither 0 nor between 2 and 100", cfg.Folds)
	}
	return cfg, nil
}

// kernel reports whether the model has one.
func (cfg ModelConfig) kernel() bool {
	if cfg.Kernel != nil {
		return *cfg.Kernel
	}
	return !cfg.Amplitude
}

func incompatible(format string, args ...any) error {
	return decoders.Errorf(decoders.CodeModelIncompatible, nil, "%s: %s", pipelineName, fmt.Sprintf(format, args...))
}

type pipeline struct{}

// IctalScore returns the pipeline that tells ictal-like clips from others by a logistic regression over the median
// measures of a channel. Its dataset has two classes, one of them "ictal_like"; each channel of a trial is an example.
// It works on any montage: a clip scores as its second most ictal-like channel, or its only one.
func IctalScore() decoders.Pipeline { return pipeline{} }

func (pipeline) Name() string { return pipelineName }

func (pipeline) Paradigm() eeg.Paradigm { return eeg.Seizure }

// minTrials is the least number of trials a class.
const minTrials = 4

// Train fits the model.
func (p pipeline) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	cfg, err := parseModelConfig(config)
	if err != nil {
		return nil, err
	}
	if len(ds.Classes) != 2 || !slices.Contains(ds.Classes, IctalLike) {
		return nil, incompatible("the classes are %q, two with %q among them are needed", ds.Classes, IctalLike)
	}
	counts := map[string]any{ds.Classes[0]: 0, ds.Classes[1]: 0}
	number := [2]int{}
	for i, t := range ds.Trials {
		if t.Label < 0 || t.Label > 1 {
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": i, "label": t.Label}, "trial %d has label %d of 2 classes", i, t.Label)
		}
		number[t.Label]++
		counts[ds.Classes[t.Label]] = number[t.Label]
	}
	if min(number[0], number[1]) < minTrials {
		return nil, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": len(ds.Trials), "classes": counts, "needed_per_class": minTrials},
			"2 classes of at least %d trials each are needed", minTrials)
	}
	m, err := newMeasurer(ds.Rate)
	if err != nil {
		return nil, err
	}
	ictal := slices.Index(ds.Classes, IctalLike)
	var rows [][]float64 // examples
	var labels, trials []int
	trialLabels := make([]int, len(ds.Trials))
	for i, t := range ds.Trials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if t.Label == ictal {
			trialLabels[i] = 1
		}
		sig := decoders.Signal{Data: t.Data, Channels: ds.Channels, Rate: ds.Rate}
		if sig.Samples() < m.n {
			return nil, decoders.Errorf(decoders.CodePayloadTooShort,
				map[string]any{"trial": i, "samples_needed": m.n, "samples_got": sig.Samples(), "channels": len(ds.Channels), "sample_rate": ds.Rate},
				"trial %d has %d samples, %d are needed", i, sig.Samples(), m.n)
		}
		if r, _ := t.Data.Dims(); r != len(ds.Channels) {
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": i, "channels": len(ds.Channels), "rows": r},
				"trial %d has %d rows for %d channels", i, r, len(ds.Channels))
		}
		c, err := m.clip(sig)
		if err != nil {
			return nil, &decoders.TrialError{Trial: i, Err: err}
		}
		for _, ch := range c.usable() {
			rows, labels, trials = append(rows, c.features(ch, cfg)), append(labels, trialLabels[i]), append(trials, i)
		}
	}
	all := make([]int, len(rows))
	for i := range all {
		all[i] = i
	}
	scores, err := fit(rows, labels, all, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Folds > 0 {
		t, err := temperature(ctx, cfg, rows, labels, trials, trialLabels)
		if err != nil {
			return nil, err
		}
		scores.soften(t)
	}
	full, err := json.Marshal(cfg)
	if err != nil {
		return nil, err
	}
	return p.Restore(pipelineName, "1", decoders.State{
		Pipeline: pipelineName, Classes: slices.Clone(ds.Classes), Config: full, Arrays: scores.arrays(),
	})
}

// scorer gives the log odds of ictal_like over raw features.
type scorer interface {
	logOdds(x []float64) float64
	soften(t float64)
	arrays() map[string]decoders.Array
}

// fit fits a scorer to the examples of the given indices.
func fit(rows [][]float64, labels, use []int, cfg ModelConfig) (scorer, error) {
	if cfg.kernel() {
		return fitKernel(rows, labels, use, cfg.C, cfg.Seed)
	}
	return fitLinear(rows, labels, use, cfg.C)
}

// linear is a weight for each feature.
type linear struct {
	weights []float64
	bias    float64
}

func (l *linear) logOdds(x []float64) float64 {
	sum := l.bias
	for j, v := range x {
		sum += l.weights[j] * v
	}
	return sum
}

func (l *linear) soften(t float64) {
	for j := range l.weights {
		l.weights[j] /= t
	}
	l.bias /= t
}

func (l *linear) arrays() map[string]decoders.Array {
	return map[string]decoders.Array{
		"weights": {Shape: []int{len(l.weights)}, Data: slices.Clone(l.weights)},
		"bias":    {Shape: []int{1}, Data: []float64{l.bias}},
	}
}

// fitLinear fits weights and bias over raw features, from the examples of the given indices.
func fitLinear(rows [][]float64, labels, use []int, c float64) (*linear, error) {
	if len(use) == 0 {
		return nil, decoders.Errorf(decoders.CodeTooFewTrials, nil, "no trial can be read")
	}
	x := mat.NewDense(len(use), len(rows[0]), nil)
	y := make([]int, len(use))
	for k, i := range use {
		x.SetRow(k, rows[i])
		y[k] = labels[i]
	}
	scale, err := classify.Standardize(x)
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "features: %v", err)
	}
	scale.ApplyRows(x)
	lr, err := classify.FitLogistic(x, y, 2, classify.LogisticConfig{C: c})
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeTooFewTrials, nil, "%v", err)
	}
	l := &linear{weights: make([]float64, len(rows[0])), bias: lr.Intercept[1] - lr.Intercept[0]}
	for j := range l.weights {
		l.weights[j] = (lr.Coef.At(1, j) - lr.Coef.At(0, j)) / scale.Scale[j]
		l.bias -= l.weights[j] * scale.Mean[j]
	}
	return l, nil
}

// temperature calibrates on trials that were left out of the fit.
func temperature(ctx context.Context, cfg ModelConfig, rows [][]float64, labels, trials, trialLabels []int) (float64, error) {
	k := cfg.Folds
	for class := range 2 {
		n := 0
		for _, l := range trialLabels {
			if l == class {
				n++
			}
		}
		k = min(k, n)
	}
	folds, err := classify.StratifiedKFold(trialLabels, k, cfg.Seed)
	if err != nil {
		return 0, fmt.Errorf("calibrate: %w", err)
	}
	var scores [][]float64
	var truth []int
	for _, f := range folds {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		held := make(map[int]bool, len(f.Test))
		for _, t := range f.Test {
			held[t] = true
		}
		var train, test []int
		for i, t := range trials {
			if held[t] {
				test = append(test, i)
			} else {
				train = append(train, i)
			}
		}
		found, err := fit(rows, labels, train, cfg)
		if err != nil {
			return 0, err
		}
		for _, i := range test {
			scores, truth = append(scores, []float64{0, found.logOdds(rows[i])}), append(truth, labels[i])
		}
	}
	t, err := classify.FitTemperature(scores, truth)
	if err != nil {
		return 0, fmt.Errorf("calibrate: %w", err)
	}
	// Without errors the likelihood would make the model certain; it is left as confident as it was fitted.
	return max(t.T, 1), nil
}

// featureCount is the number of features of a linear model, formCount that of those beside them with a kernel.
const featureCount, formCount = 10, 6

// features returns the medians of a channel's measures over its readable windows, on logarithmic scales.
func (c *clip) features(channel int, cfg ModelConfig) []float64 {
	var windows []*measure
	variance := 0.0
	for k := range c.windows[channel] {
		if w := &c.windows[channel][k]; !w.Unusable {
			windows = append(windows, w)
			variance += w.RawVariance
		}
	}
	variance /= float64(len(windows))
	unit := 1.0 // µV that stand for 1
	if !cfg.Amplitude {
		unit = math.Sqrt(variance)
	}
	v := make([]float64, len(windows))
	typical := func(f func(*measure) float64) float64 {
		for i, w := range windows {
			v[i] = f(w)
		}
		return median(v)
	}
	log := func(x float64) float64 { return math.Log(max(x, 1e-9)) }
	out := make([]float64, 0, featureCount+formCount)
	for b := range 5 {
		out = append(out, log(typical(func(w *measure) float64 { return w.Bands[b] / (unit * unit) })))
	}
	out = append(out,
		log(typical(func(w *measure) float64 { return w.SD / unit })),
		log(typical(func(w *measure) float64 { return w.LineLength / unit })),
		typical(func(w *measure) float64 { return w.Rhythm }),
		log(typical(func(w *measure) float64 { return w.Mobility })),
		log(typical(func(w *measure) float64 { return w.Complexity })),
	)
	if !cfg.kernel() {
		return out
	}
	return append(out,
		log(typical(func(w *measure) float64 { return w.Form.Kurtosis })),
		log(typical(func(w *measure) float64 { return w.Form.StepKurtosis })),
		typical(func(w *measure) float64 { return w.Form.Skew }),
		typical(func(w *measure) float64 { return w.Form.StepSkew }),
		log(typical(func(w *measure) float64 { return w.Form.Peak })),
		log(typical(func(w *measure) float64 { return w.Form.StepPeak })),
	)
}

// model is a trained decoder. It is immutable.
type model struct {
	name, version string
	state         decoders.State
	cfg           ModelConfig
	scores        scorer
}

var _ decoders.Trained = (*model)(nil)

// maxWeight bounds what a stored state may hold: a feature's weight is of the order of 1 to 10.
const maxWeight = 1e6

// Restore rebuilds a model from its state.
func (pipeline) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	if st.Pipeline != pipelineName {
		return nil, incompatible("the state is of pipeline %q", st.Pipeline)
	}
	if len(st.Classes) != 2 || st.Classes[0] == st.Classes[1] || slices.Contains(st.Classes, "") || !slices.Contains(st.Classes, IctalLike) {
		return nil, incompatible("the classes are %q", st.Classes)
	}
	if len(st.Channels) != 0 || st.Rate != 0 {
		return nil, incompatible("the model works on any montage and rate, the state names %d channels and %v Hz", len(st.Channels), st.Rate)
	}
	cfg, err := parseModelConfig(st.Config)
	if err != nil {
		return nil, err
	}
	m := &model{name: name, version: version, cfg: cfg}
	if m.scores, err = restoreScorer(st.Arrays, &m.cfg); err != nil {
		return nil, err
	}
	full, err := json.Marshal(m.cfg)
	if err != nil {
		return nil, err
	}
	m.state = decoders.State{Pipeline: pipelineName, Classes: slices.Clone(st.Classes), Config: full}
	return m, nil
}

// restoreScorer takes the scorer of a state. One that was made before there were kernels has weights whatever its options say by default.
func restoreScorer(arrays map[string]decoders.Array, cfg *ModelConfig) (scorer, error) {
	if _, there := arrays["examples"]; !there && cfg.Kernel == nil {
		no := false
		if cfg.Kernel = &no; cfg.Amplitude {
			cfg.Kernel = nil
		}
	}
	names := []string{"weights", "bias"}
	if cfg.kernel() {
		names = append(names, "examples", "mean", "scale")
	}
	if len(arrays) != len(names) {
		return nil, incompatible("the state has %d arrays, %d are known", len(arrays), len(names))
	}
	got := map[string][]float64{}
	for _, name := range names {
		a, ok := arrays[name]
		if !ok {
			return nil, incompatible("array %q is missing", name)
		}
		for i, v := range a.Data {
			if !(math.Abs(v) <= maxWeight) {
				return nil, incompatible("array %q holds %v at %d", name, v, i)
			}
		}
		got[name] = slices.Clone(a.Data)
	}
	shaped := func(name string, shape ...int) error {
		n := 1
		for _, d := range shape {
			n *= d
		}
		if !slices.Equal(arrays[name].Shape, shape) || len(got[name]) != n {
			return incompatible("array %q must have the shape %v", name, shape)
		}
		return nil
	}
	if !cfg.kernel() {
		if err := errors.Join(shaped("weights", featureCount), shaped("bias", 1)); err != nil {
			return nil, err
		}
		return &linear{got["weights"], got["bias"][0]}, nil
	}
	const d = featureCount + formCount
	n := len(got["weights"])
	if n < 1 || n > mostExamples {
		return nil, incompatible("array \"weights\" holds %d numbers, 1 to %d are possible", n, mostExamples)
	}
	if err := errors.Join(shaped("weights", n), shaped("bias", 1), shaped("examples", n, d), shaped("mean", d), shaped("scale", d)); err != nil {
		return nil, err
	}
	for i, v := range got["scale"] {
		if !(v > 0) {
			return nil, incompatible("array \"scale\" holds %v at %d", v, i)
		}
	}
	return &kernel{mean: got["mean"], scale: got["scale"], examples: mat.NewDense(n, d, got["examples"]), weights: got["weights"], bias: got["bias"][0]}, nil
}

func (m *model) Info() decoders.Info {
	return decoders.Info{
		Name: m.name, Version: m.version, Pipeline: pipelineName, Paradigm: eeg.Seizure,
		Classes: slices.Clone(m.state.Classes), MinSamples: minSamples,
	}
}

func (m *model) State() decoders.State {
	st := m.state
	st.Classes, st.Config = slices.Clone(st.Classes), slices.Clone(st.Config)
	st.Arrays = m.scores.arrays()
	return st
}

// ictalLike scores a window by the rules that are beside a model: those of Check, but for the share of 2-12 Hz where the channel may
// lie inside the head, as those of the training data do. Seizures there may be faster, and the model has learned their
// spectra. Without amplitude only the kind of activity counts.
func (cfg ModelConfig) ictalLike(w *measure) float64 {
	switch {
	case w.Unusable:
		return 0
	case !cfg.Amplitude:
		return w.notAlpha() * w.notMuscle()
	case w.Scalp:
		return w.ictalLike()
	}
	return w.large() * w.notAlpha() * w.notMuscle()
}

// Decode calls a clip ictal-like where the model does, on the second most ictal-like channel, and where such activity lasts by the
// rules. Either alone errs: a model trained on seizures inside the head takes any large amplitude on the scalp for one, and
// rules know no spectra. The score is the smaller of the two, and the verdict says whether it reaches the threshold, one half where
// the input names none.
func (m *model) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := measured(in.Signal)
	if err != nil {
		return nil, err
	}
	in.Step("measure")
	a := c.judge(m.cfg.ictalLike)
	in.Step("rules")
	evidence := map[string]any{"amplitude": m.cfg.Amplitude, "rules": a.SeizureEvidence}
	p, ok := m.probability(c)
	if ok {
		evidence["model_probability"] = p
	}
	in.Step("classify")
	other := m.state.Classes[0]
	if other == IctalLike {
		other = m.state.Classes[1]
	}
	a.probability, a.leaning = min(p, a.probability), p >= 0.5
	res := a.at(in.Threshold).answer(other, evidence)
	if res.Seizure != nil && !*res.Seizure && p >= a.threshold {
		res.Flags = append(res.Flags, FlagAmplitude)
	}
	return res, nil
}

// probability returns the model's probability of ictal_like for the second most ictal-like channel, or the only one; false where no
// channel can be read.
func (m *model) probability(c *clip) (float64, bool) {
	usable := slices.DeleteFunc(c.usable(), c.tooLarge)
	if len(usable) == 0 {
		return 0, false
	}
	odds := make([]float64, len(usable))
	for k, i := range usable {
		odds[k] = m.scores.logOdds(c.features(i, m.cfg))
	}
	slices.Sort(odds)
	at := odds[max(0, len(odds)-2)]
	return 1 / (1 + math.Exp(-min(max(at, -40), 40))), true
}
