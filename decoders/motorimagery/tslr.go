package motorimagery

import (
	"context"
	"encoding/json"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/riemann"
)

// TSLRName is the stable name of the pipeline of tangent space and logistic regression.
const TSLRName = "ts_lr"

// TSLR returns the pipeline of covariance with oracle shrinkage, tangent space and logistic regression. Its options
// are a [Config].
func TSLR() decoders.Pipeline { return tsLR{} }

type tsLR struct{}

var _ decoders.Pipeline = tsLR{}

func (tsLR) Name() string                { return TSLRName }
func (tsLR) Paradigm() decoders.Paradigm { return decoders.MotorImagery }

// tsDecoder is a trained ts_lr decoder.
type tsDecoder struct {
	*model
	space *riemann.TangentSpace
	move  *mat.Dense // channels × channels, applied to each clip's covariance; nil for none
}

var _ decoders.Trained = (*tsDecoder)(nil)

func (tsLR) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	m, err := newModel(TSLRName, TSLRName, "", ds.Classes, ds.Channels, ds.Rate, config)
	if err != nil {
		return nil, err
	}
	examples, err := prepare(ctx, ds, m.frontend, riemann.OAS)
	if err != nil {
		return nil, err
	}
	examples, move, err := augment(examples, m.frontend, len(ds.Classes))
	if err != nil {
		return nil, err
	}
	covs := make([]*mat.SymDense, len(examples))
	for i, e := range examples {
		covs[i] = e.cov
	}
	// The reference is found once, without labels; the folds of the calibration share it.
	space, err := riemann.FitTangentSpace(covs)
	if err != nil {
		return nil, unusable(err)
	}
	x, err := space.ProjectAll(covs)
	if err != nil {
		return nil, unusable(err)
	}
	fit := func(train []int) (*classify.Linear, error) {
		_, p := x.Dims()
		sub, labels := mat.NewDense(len(train), p, nil), make([]int, len(train))
		for r, i := range train {
			sub.SetRow(r, x.RawRowView(i))
			labels[r] = examples[i].label
		}
		lr, err := classify.FitLogistic(sub, labels, len(ds.Classes), classify.LogisticConfig{C: m.cfg.C})
		if err != nil {
			return nil, unusable(err)
		}
		return &lr.Linear, nil
	}
	linear, err := fit(all(len(examples)))
	if err != nil {
		return nil, err
	}
	m.linear = *linear
	m.temperature, err = calibrate(ctx, m.cfg, examples, len(ds.Classes), func(train []int) (func(int) []float64, error) {
		linear, err := fit(train)
		if err != nil {
			return nil, err
		}
		return func(i int) []float64 { return linear.Scores(nil, x.RawRowView(i)) }, nil
	})
	if err != nil {
		return nil, err
	}
	return &tsDecoder{m, space, move}, nil
}

func (d *tsDecoder) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	return d.decode(ctx, in, func(in *decoders.Input, s span, sc *scratch) ([]float64, error) {
		w, err := d.window(in, s, nil, sc)
		if err != nil {
			return nil, err
		}
		in.Step("filter")
		n := len(d.channels)
		if sc.cov == nil {
			sc.cov = mat.NewSymDense(n, nil)
			sc.estimate = riemann.NewCovariance(riemann.KindOAS)
		}
		if _, err := sc.estimate.Estimate(sc.cov, w); err != nil {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "%v", err)
		}
		if err := usable(sc.cov, d.cfg.Normalize); err != nil {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "%v", err)
		}
		cov := sc.cov
		if d.move != nil {
			cov = mat.NewSymDense(n, nil)
			riemann.Congruence(cov, d.move, sc.cov)
		}
		sc.features = grow(sc.features, d.space.Dim())
		x, err := d.space.Project(sc.features, cov)
		if err != nil {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the covariance of the channels is degenerate: %v", err)
		}
		return x, nil
	})
}

func (d *tsDecoder) State() decoders.State {
	st := d.state()
	st.Arrays["reference"] = stored.Matrix(d.space.Reference())
	if d.move != nil {
		st.Arrays["align"] = stored.Matrix(d.move)
	}
	return st
}

func (tsLR) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	n := len(st.Channels)
	if n < 1 || n > 1024 {
		return nil, incompatible("%d channels", n)
	}
	m, err := restoreModel(TSLRName, name, version, st, n*(n+1)/2)
	if err != nil {
		return nil, err
	}
	d := &tsDecoder{model: m}
	ref, err := stored.Symmetric(st, "reference", n)
	if err != nil {
		return nil, err
	}
	if d.space, err = riemann.NewTangentSpace(ref); err != nil {
		return nil, incompatible("the reference covariance: %v", err)
	}
	if m.cfg.Align {
		move, err := stored.Array(st, "align", n, n)
		if err != nil {
			return nil, err
		}
		d.move = mat.NewDense(n, n, move)
	}
	return d, nil
}
