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
	"github.com/neurod/neurod/decoders/riemann"
)

// CSPLDAName is the stable name of the pipeline of common spatial patterns and shrinkage LDA.
const CSPLDAName = "csp_lda"

// CSPLDA returns the pipeline of common spatial patterns, log power and shrinkage LDA. Its options are a [Config].
func CSPLDA() decoders.Pipeline { return cspLDA{} }

type cspLDA struct{}

var _ decoders.Pipeline = cspLDA{}

func (cspLDA) Name() string                { return CSPLDAName }
func (cspLDA) Paradigm() decoders.Paradigm { return decoders.MotorImagery }

// cspDecoder is a trained csp_lda decoder.
type cspDecoder struct {
	*model
	filters *mat.Dense // components × channels
}

var _ decoders.Trained = (*cspDecoder)(nil)

func (cspLDA) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	m, err := newModel(CSPLDAName, CSPLDAName, "", ds.Classes, ds.Channels, ds.Rate, config)
	if err != nil {
		return nil, err
	}
	examples, err := prepare(ctx, ds, m.frontend, riemann.Cov)
	if err != nil {
		return nil, err
	}
	examples, move, err := augment(examples, m.frontend, len(ds.Classes))
	if err != nil {
		return nil, err
	}
	csp, linear, err := fitCSPLDA(m.cfg, examples, all(len(examples)), len(ds.Classes))
	if err != nil {
		return nil, err
	}
	m.linear = *linear
	m.temperature, err = calibrate(ctx, m.cfg, examples, len(ds.Classes), func(train []int) (func(int) []float64, error) {
		csp, linear, err := fitCSPLDA(m.cfg, examples, train, len(ds.Classes))
		if err != nil {
			return nil, err
		}
		return func(i int) []float64 { return linear.Scores(nil, logPower(m.cfg, csp, examples[i].cov)) }, nil
	})
	if err != nil {
		return nil, err
	}
	filters := csp.Filters
	if move != nil {
		filters = new(mat.Dense)
		filters.Mul(csp.Filters, move)
	}
	return &cspDecoder{m, filters}, nil
}

// augment aligns and mirrors the examples as the options say. move is the matrix that takes a new clip along, nil
// for none.
func augment(examples []example, f *frontend, classes int) (out []example, move *mat.Dense, err error) {
	if f.cfg.Align {
		average, err := align(examples)
		if err != nil {
			return nil, nil, unusable(err)
		}
		a, err := riemann.NewAlignerAt(average)
		if err != nil {
			return nil, nil, unusable(err)
		}
		move = a.Matrix()
	}
	if f.cfg.Mirror {
		if examples, err = mirror(examples, f.channels, classes); err != nil {
			return nil, nil, err
		}
	}
	return examples, move, nil
}

// unusable turns a fault of the numerics into the error for training data that cannot be fitted.
func unusable(err error) error {
	if errors.As(err, new(*decoders.Error)) {
		return err
	}
	return decoders.Errorf(decoders.CodeInvalidSignal, nil, "the trials cannot be fitted: %v", err)
}

func fitCSPLDA(cfg Config, examples []example, train []int, classes int) (*CSP, *classify.Linear, error) {
	n := examples[0].cov.SymmetricDim()
	covs, counts := make([]*mat.SymDense, classes), make([]float64, classes)
	for k := range covs {
		covs[k] = mat.NewSymDense(n, nil)
	}
	for _, i := range train {
		e := examples[i]
		covs[e.label].AddSym(covs[e.label], e.cov)
		counts[e.label]++
	}
	for k, c := range covs {
		if counts[k] == 0 {
			return nil, nil, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": len(train), "class": k}, "class %d has no trial to train on", k)
		}
		c.ScaleSym(1/counts[k], c)
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
		w, err := d.window(in, s, d.filters, sc)
		if err != nil {
			return nil, err
		}
		in.Step("filter")
		k, n := w.Dims()
		sc.features = grow(sc.features, k)
		for i := range k {
			sum := 0.0
			for _, v := range w.RawRowView(i) {
				sum += v * v
			}
			power := sum / float64(n)
			if !(power > 1e-30) || math.IsInf(power, 0) {
				return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"component": i}, "%v", errFlat)
			}
			sc.features[i] = math.Log(power)
		}
		if d.cfg.Normalize {
			relative(sc.features)
		}
		return sc.features, nil
	})
}

func (d *cspDecoder) State() decoders.State {
	st := d.state()
	st.Arrays["filters"] = stored.Matrix(d.filters)
	return st
}

func (cspLDA) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	shape := st.Arrays["filters"].Shape
	if len(shape) != 2 || shape[0] < 1 || shape[0] > 1024 {
		return nil, incompatible("array \"filters\" has shape %v, want components × channels", shape)
	}
	m, err := restoreModel(CSPLDAName, name, version, st, shape[0])
	if err != nil {
		return nil, err
	}
	filters, err := stored.Array(st, "filters", shape[0], len(st.Channels))
	if err != nil {
		return nil, err
	}
	return &cspDecoder{m, mat.NewDense(shape[0], len(st.Channels), filters)}, nil
}
