package motorimagery

import (
	"context"
	"encoding/json"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/internal/vector"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// CSPLDAName is the stable name of the pipeline of common spatial patterns and shrinkage LDA.
const CSPLDAName = "csp_lda"

// CSPLDA returns the pipeline of common spatial patterns, log power and shrinkage LDA. Its options are a [Config].
func CSPLDA() decoders.Preparer { return cspLDA{} }

type cspLDA struct{}

var _ decoders.Preparer = cspLDA{}

func (cspLDA) Name() string           { return CSPLDAName }
func (cspLDA) Paradigm() eeg.Paradigm { return eeg.MotorImagery }

// cspDecoder is a trained csp_lda decoder.
type cspDecoder struct {
	*model
	linear  *classify.Linear
	filters *mat.Dense // components × aligned channels
	project *mat.Dense // components × channels: filters after the alignment
}

var _ decoders.Trained = (*cspDecoder)(nil)

func (p cspLDA) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	return train(ctx, p, ds, config)
}

func (cspLDA) Prepare(ds *decoders.Dataset, config json.RawMessage, memo *decoders.Memo) (decoders.Prepared, error) {
	return prepare(CSPLDAName, ds, config, memo, plain, trainCSPLDA)
}

func trainCSPLDA(ctx context.Context, l *lesson) (decoders.Trained, error) {
	m, examples, classes := l.model, l.bands[0], len(l.classes)
	csp, linear, err := fitCSPLDA(m.cfg, examples, all(len(examples)), classes)
	if err != nil {
		return nil, err
	}
	m.temperature, err = calibrate(ctx, m.cfg, examples, classes, func(train []int) (func(int) []float64, error) {
		csp, linear, err := fitCSPLDA(m.cfg, examples, train, classes)
		if err != nil {
			return nil, err
		}
		return func(i int) []float64 { return linear.Scores(nil, logPower(m.cfg, csp, examples[i].cov)) }, nil
	})
	if err != nil {
		return nil, err
	}
	return newCSPDecoder(m, linear, csp.Filters), nil
}

func newCSPDecoder(m *model, linear *classify.Linear, filters *mat.Dense) *cspDecoder {
	return &cspDecoder{m, linear, filters, after(filters, m.move(0))}
}

// after returns the filters as they apply to channels that are not aligned yet.
func after(filters, move *mat.Dense) *mat.Dense {
	if move == nil {
		return filters
	}
	project := new(mat.Dense)
	project.Mul(filters, move)
	return project
}

// augment aligns and mirrors the examples as the options say, and keeps the center that takes a new clip along.
func (m *model) augment(examples []example) ([]example, error) {
	if m.cfg.Align {
		center, err := align(examples, m.cfg.Center)
		if err != nil {
			return nil, unusable(err)
		}
		if err := m.setCenters(append(m.centers, center)); err != nil {
			return nil, unusable(err)
		}
	}
	if m.cfg.Mirror {
		return mirror(examples, m.channels, len(m.classes))
	}
	return examples, nil
}

// unusable turns a fault of the numerics into the error for training data that cannot be fitted.
func unusable(err error) error {
	if errors.As(err, new(*decoders.Error)) {
		return err
	}
	return decoders.Errorf(decoders.CodeInvalidSignal, nil, "the trials cannot be fitted: %v", err)
}

func fitCSPLDA(cfg Config, examples []example, train []int, classes int) (*CSP, *classify.Linear, error) {
	covs, err := classCovariances(examples, train, labelsOf(examples, train), classes)
	if err != nil {
		return nil, nil, err
	}
	// Classes count alike in the ranking, as for MNE's pooled covariances.
	csp, err := FitCSP(covs, nil, cfg.Components)
	if err != nil {
		return nil, nil, unusable(err)
	}
	k, _ := csp.Filters.Dims()
	x, labels := mat.NewDense(len(train), k, nil), make([]int, len(train))
	for r, i := range train {
		x.SetRow(r, logPower(cfg, csp, examples[i].cov))
		labels[r] = examples[i].label
	}
	lda, err := classify.FitLDA(x, labels, classes, classify.LDAConfig{Shrinkage: cfg.Shrinkage})
	if err != nil {
		return nil, nil, unusable(err)
	}
	return csp, &lda.Linear, nil
}

func logPower(cfg Config, csp *CSP, cov *mat.SymDense) []float64 {
	x := csp.LogPower(nil, cov)
	if cfg.Normalize {
		relative(x)
	}
	return x
}

// relative takes the mean off logarithms of power: what is left does not change with a common gain.
func relative(x []float64) {
	mean := 0.0
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for i := range x {
		x[i] -= mean
	}
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func (d *cspDecoder) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	return d.decode(ctx, in, func(in *decoders.Input, s span, sc *scratch) ([]float64, error) {
		w, err := d.window(in, s, d.project, sc)
		if err != nil {
			return nil, err
		}
		in.Step("filter")
		k, _ := w.Dims()
		sc.features = grow(sc.features, k)
		if err := logPowers(sc.features, w); err != nil {
			return nil, err
		}
		if d.cfg.Normalize {
			relative(sc.features)
		}
		in.Step("features")
		return d.linear.Scores(nil, sc.features), nil
	})
}

// logPowers writes the logarithm of each row's mean square to dst.
func logPowers(dst []float64, w *mat.Dense) error {
	_, n := w.Dims()
	for i := range dst {
		row := w.RawRowView(i)
		power := vector.Dot(row, row) / float64(n)
		if !(power > 1e-30) || math.IsInf(power, 0) {
			return decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"component": i}, "%v", errFlat)
		}
		dst[i] = math.Log(power)
	}
	return nil
}

func (d *cspDecoder) State() decoders.State {
	st := linearState(d.state(), d.linear)
	st.Arrays["filters"] = stored.Matrix(d.filters)
	return st
}

func (cspLDA) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	m, err := restoreModel(CSPLDAName, name, version, st, oneBand)
	if err != nil {
		return nil, err
	}
	filters, err := restoreFilters(st)
	if err != nil {
		return nil, err
	}
	components, _ := filters.Dims()
	linear, err := restoreLinear(st, components)
	if err != nil {
		return nil, err
	}
	return newCSPDecoder(m, linear, filters), nil
}

// restoreFilters reads the spatial filters of a state, components × channels.
func restoreFilters(st decoders.State) (*mat.Dense, error) {
	shape := st.Arrays["filters"].Shape
	if len(shape) != 2 || shape[0] < 1 || shape[0] > 1024 {
		return nil, incompatible("array \"filters\" has shape %v, want components × channels", shape)
	}
	filters, err := stored.Array(st, "filters", shape[0], len(st.Channels))
	if err != nil {
		return nil, err
	}
	return mat.NewDense(shape[0], len(st.Channels), filters), nil
}

// recentred returns the decoder for people or moments whose trials lie around other centers.
func (d *cspDecoder) recentred(centers []*mat.SymDense) (decoders.Trained, error) {
	m, err := d.at(centers)
	if err != nil {
		return nil, err
	}
	return newCSPDecoder(m, d.linear, d.filters), nil
}

func (d *cspDecoder) covariances(in *decoders.Input) ([]*mat.SymDense, error) {
	return d.locationOf(in, riemann.KindSCM)
}
