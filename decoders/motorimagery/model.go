package motorimagery

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/stored"
)

// model is what both pipelines share once trained: the front end, a linear classifier and its temperature.
type model struct {
	*frontend
	name, version string
	pipeline      string
	labels        []string // channels as the training data spelled them
	classes       []string
	linear        classify.Linear
	temperature   float64
	raw           json.RawMessage // options, all filled in
}

// describe writes the features of a clip's window to sc.features; each pipeline has its own.
type describe func(in *decoders.Input, s span, sc *scratch) ([]float64, error)

func (m *model) Info() decoders.Info {
	return decoders.Info{
		Name: m.name, Version: m.version, Pipeline: m.pipeline, Paradigm: decoders.MotorImagery,
		Classes: slices.Clone(m.classes), Channels: slices.Clone(m.labels), Rate: m.rate, MinSamples: m.minSamples,
	}
}

// decode runs the front end, the features and the classifier.
func (m *model) decode(ctx context.Context, in *decoders.Input, features describe) (*decoders.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := epoch.Check(in.Signal, m.minSamples(in.Rate), m.minRate()); err != nil {
		return nil, err
	}
	s, err := m.locate(in)
	if err != nil {
		return nil, err
	}
	sc := m.pool.Get().(*scratch)
	defer m.pool.Put(sc)
	x, err := features(in, s, sc)
	if err != nil {
		return nil, err
	}
	in.Step("features")
	scores := m.linear.Scores(nil, x)
	for _, v := range scores {
		if v-v != 0 {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the amplitudes are beyond what the model can compare")
		}
	}
	p := classify.Temperature{T: m.temperature}.Probabilities(nil, scores)
	res := &decoders.Result{Paradigm: decoders.MotorImagery, Classes: make([]decoders.Class, len(p)), Evidence: s.evidence(in.Rate)}
	for k, v := range p {
		res.Classes[k] = decoders.Class{Name: m.classes[k], Probability: v}
	}
	slices.SortStableFunc(res.Classes, func(a, b decoders.Class) int { return cmp.Compare(b.Probability, a.Probability) })
	res.Evidence["scores"] = scores
	in.Step("classify")
	return res, nil
}

// state returns the parts of a stored decoder that both pipelines have.
func (m *model) state() decoders.State {
	return decoders.State{
		Pipeline: m.pipeline, Classes: slices.Clone(m.classes), Channels: slices.Clone(m.labels), Rate: m.rate, Config: slices.Clone(m.raw),
		Arrays: map[string]decoders.Array{
			"coef":        stored.Matrix(m.linear.Coef),
			"intercept":   {Shape: []int{len(m.linear.Intercept)}, Data: slices.Clone(m.linear.Intercept)},
			"temperature": {Shape: []int{1}, Data: []float64{m.temperature}},
		},
	}
}

// newModel starts a model for a dataset's montage.
func newModel(pipeline, name, version string, classes, labels []string, rate float64, config json.RawMessage) (*model, error) {
	cfg, err := parseConfig(config, rate)
	if err != nil {
		return nil, err
	}
	for i, c := range classes {
		if c == "" || slices.Contains(classes[:i], c) {
			return nil, incompatible("class %d, %q, is empty or there twice", i, c)
		}
	}
	if len(classes) < 2 {
		return nil, incompatible("%d classes, need at least 2", len(classes))
	}
	front, err := newFrontend(cfg, labels, rate)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(cfg)
	if err != nil {
		return nil, incompatible("options: %v", err)
	}
	return &model{
		frontend: front, name: name, version: version, pipeline: pipeline, labels: slices.Clone(labels), classes: slices.Clone(classes),
		temperature: 1, raw: raw,
	}, nil
}

// restoreModel rebuilds the shared parts and checks them; features is the length of a feature vector.
func restoreModel(pipeline, name, version string, st decoders.State, features int) (*model, error) {
	if st.Pipeline != pipeline {
		return nil, incompatible("the state is of pipeline %q, not %q", st.Pipeline, pipeline)
	}
	m, err := newModel(pipeline, name, version, st.Classes, st.Channels, st.Rate, st.Config)
	if err != nil {
		return nil, err
	}
	coef, err := stored.Array(st, "coef", len(st.Classes), features)
	if err != nil {
		return nil, err
	}
	intercept, err := stored.Array(st, "intercept", len(st.Classes))
	if err != nil {
		return nil, err
	}
	temperature, err := stored.Array(st, "temperature", 1)
	if err != nil {
		return nil, err
	}
	if !(temperature[0] > 0) {
		return nil, incompatible("temperature is %v", temperature[0])
	}
	m.linear = classify.Linear{Coef: mat.NewDense(len(st.Classes), features, coef), Intercept: intercept}
	m.temperature = temperature[0]
	return m, nil
}
