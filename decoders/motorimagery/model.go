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
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// model is what all pipelines share once trained: the front end, the alignment and the temperature.
type model struct {
	*frontend
	name, version string
	pipeline      string
	labels        []string // channels as the training data spelled them
	classes       []string
	centers       []*mat.SymDense // mean covariance that Config.Align moves to the identity, one a band; nil for none
	moves         []*mat.Dense    // centers^-½
	temperature   float64
	raw           json.RawMessage // options, all filled in
}

// scorer writes the score of each class for a clip's window; each pipeline has its own.
type scorer func(in *decoders.Input, s span, sc *scratch) ([]float64, error)

func (m *model) Info() decoders.Info {
	return decoders.Info{
		Name: m.name, Version: m.version, Pipeline: m.pipeline, Paradigm: eeg.MotorImagery,
		Classes: slices.Clone(m.classes), Channels: slices.Clone(m.labels), Rate: m.rate, MinSamples: m.minSamples,
		Aligned: m.centers != nil,
	}
}

// Window is that of the front end.
func (m *model) Window() (start, end, along float64) { return m.cfg.Start, m.cfg.End, margin }

// decode runs the front end and the classifier and calibrates its scores.
func (m *model) decode(ctx context.Context, in *decoders.Input, score scorer) (*decoders.Result, error) {
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
	scores, err := score(in, s, sc)
	if err != nil {
		return nil, err
	}
	for _, v := range scores {
		if v-v != 0 {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the amplitudes are beyond what the model can compare")
		}
	}
	p := classify.Temperature{T: m.temperature}.Probabilities(nil, scores)
	res := &decoders.Result{Paradigm: eeg.MotorImagery, Classes: make([]decoders.Class, len(p)), Evidence: s.evidence(in.Rate),
		From: float64(s.from) / in.Rate, To: float64(s.to) / in.Rate}
	for k, v := range p {
		res.Classes[k] = decoders.Class{Name: m.classes[k], Probability: v}
	}
	slices.SortStableFunc(res.Classes, func(a, b decoders.Class) int { return cmp.Compare(b.Probability, a.Probability) })
	res.Evidence["scores"] = scores
	in.Step("classify")
	return res, nil
}

// state returns the parts of a stored decoder that all pipelines have.
func (m *model) state() decoders.State {
	st := decoders.State{
		Pipeline: m.pipeline, Classes: slices.Clone(m.classes), Channels: slices.Clone(m.labels), Rate: m.rate, Config: slices.Clone(m.raw),
		Arrays: map[string]decoders.Array{"temperature": stored.Vector(m.temperature)},
	}
	if m.centers != nil {
		st.Arrays["center"] = stored.Matrices(m.centers)
	}
	return st
}

// setCenters makes the model move the covariances of its bands by these means.
func (m *model) setCenters(centers []*mat.SymDense) error {
	m.centers, m.moves = centers, make([]*mat.Dense, len(centers))
	for b, c := range centers {
		a, err := riemann.NewAlignerAt(c)
		if err != nil {
			return err
		}
		m.moves[b] = a.Matrix()
	}
	return nil
}

// move returns the alignment of band b, nil for none.
func (m *model) move(b int) *mat.Dense {
	if m.moves == nil {
		return nil
	}
	return m.moves[b]
}

// linearState adds a linear classifier to a state.
func linearState(st decoders.State, l *classify.Linear) decoders.State {
	st.Arrays["coef"], st.Arrays["intercept"] = stored.Matrix(l.Coef), stored.Vector(l.Intercept...)
	return st
}

// restoreLinear reads the linear classifier of a state; features is the length of a feature vector.
func restoreLinear(st decoders.State, features int) (*classify.Linear, error) {
	coef, err := stored.Array(st, "coef", len(st.Classes), features)
	if err != nil {
		return nil, err
	}
	intercept, err := stored.Array(st, "intercept", len(st.Classes))
	if err != nil {
		return nil, err
	}
	return &classify.Linear{Coef: mat.NewDense(len(st.Classes), features, coef), Intercept: intercept}, nil
}

// newModel starts a model for a dataset's montage.
func newModel(pipeline, name, version string, classes, labels []string, rate float64, config json.RawMessage) (*model, error) {
	cfg, err := parseConfig(pipeline, config, rate)
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

// restoreModel rebuilds the shared parts and checks them; bands is how many alignments there are.
func restoreModel(pipeline, name, version string, st decoders.State, bands func(Config) int) (*model, error) {
	if st.Pipeline != pipeline {
		return nil, incompatible("the state is of pipeline %q, not %q", st.Pipeline, pipeline)
	}
	if n := len(st.Channels); n > 1024 {
		return nil, incompatible("%d channels", n)
	}
	m, err := newModel(pipeline, name, version, st.Classes, st.Channels, st.Rate, st.Config)
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
	m.temperature = temperature[0]
	if !m.cfg.Align {
		return m, nil
	}
	centers, err := stored.Symmetrics(st, "center", bands(m.cfg), len(st.Channels))
	if err != nil {
		return nil, err
	}
	if err := m.setCenters(centers); err != nil {
		return nil, incompatible("the center of the alignment: %v", err)
	}
	return m, nil
}

// oneBand is the number of alignments of a pipeline with a single band.
func oneBand(Config) int { return 1 }
