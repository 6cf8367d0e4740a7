package motorimagery

import (
	"context"
	"encoding/json"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// TSLRName is the stable name of the pipeline of tangent space and logistic regression.
const TSLRName = "ts_lr"

// TSLR returns the pipeline of covariance with oracle shrinkage, tangent space and logistic regression. Its options
// are a [Config].
func TSLR() decoders.Preparer { return tsLR{} }

type tsLR struct{}

var _ decoders.Preparer = tsLR{}

func (tsLR) Name() string           { return TSLRName }
func (tsLR) Paradigm() eeg.Paradigm { return eeg.MotorImagery }

// tsDecoder is a trained ts_lr decoder.
type tsDecoder struct {
	*covModel
	linear *classify.Linear
	space  *riemann.TangentSpace
}

var _ decoders.Trained = (*tsDecoder)(nil)

func (p tsLR) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	return train(ctx, p, ds, config)
}

func (tsLR) Prepare(ds *decoders.Dataset, config json.RawMessage, memo *decoders.Memo) (decoders.Prepared, error) {
	return prepare(TSLRName, ds, config, memo, shrunk, trainTSLR)
}

func trainTSLR(ctx context.Context, l *lesson) (decoders.Trained, error) {
	m, examples, classes := &covModel{l.model}, l.bands[0], len(l.classes)
	// The reference is found once, without labels; the folds of the calibration share it.
	space, x, err := l.tangents()
	if err != nil {
		return nil, err
	}
	fit := func(train []int) (*classify.Linear, error) {
		sub, labels := pick(x, examples, train)
		lr, err := classify.FitLogistic(sub, labels, classes, classify.LogisticConfig{C: m.cfg.C})
		if err != nil {
			return nil, unusable(err)
		}
		return &lr.Linear, nil
	}
	linear, err := fit(all(len(examples)))
	if err != nil {
		return nil, err
	}
	m.temperature, err = calibrate(ctx, m.cfg, examples, classes, func(train []int) (func(int) []float64, error) {
		linear, err := fit(train)
		if err != nil {
			return nil, err
		}
		return func(i int) []float64 { return linear.Scores(nil, x.RawRowView(i)) }, nil
	})
	if err != nil {
		return nil, err
	}
	return &tsDecoder{m, linear, space}, nil
}

// tangents returns the tangent space at the mean of the examples and their tangent vectors as rows.
func tangents(examples []example) (*riemann.TangentSpace, *mat.Dense, error) {
	covs := covariancesOf(examples, all(len(examples)))
	space, err := riemann.FitTangentSpace(covs)
	if err != nil {
		return nil, nil, unusable(err)
	}
	x, err := space.ProjectAll(covs)
	if err != nil {
		return nil, nil, unusable(err)
	}
	return space, x, nil
}

// pick returns the rows of x and the labels of some examples.
func pick(x *mat.Dense, examples []example, train []int) (*mat.Dense, []int) {
	_, p := x.Dims()
	sub, labels := mat.NewDense(len(train), p, nil), make([]int, len(train))
	for r, i := range train {
		sub.SetRow(r, x.RawRowView(i))
		labels[r] = examples[i].label
	}
	return sub, labels
}

func (d *tsDecoder) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	return d.decode(ctx, in, func(in *decoders.Input, s span, sc *scratch) ([]float64, error) {
		cov, err := d.covariance(in, s, sc)
		if err != nil {
			return nil, err
		}
		sc.features = grow(sc.features, d.space.Dim())
		x, err := d.space.Project(sc.features, cov)
		if err != nil {
			return nil, degenerate(err)
		}
		in.Step("features")
		return d.linear.Scores(nil, x), nil
	})
}

func (d *tsDecoder) State() decoders.State {
	st := linearState(d.state(), d.linear)
	st.Arrays["reference"] = stored.Matrix(d.space.Reference())
	return st
}

func (tsLR) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	m, err := restoreModel(TSLRName, name, version, st, oneBand)
	if err != nil {
		return nil, err
	}
	n := len(st.Channels)
	d := &tsDecoder{covModel: &covModel{m}}
	if d.linear, err = restoreLinear(st, n*(n+1)/2); err != nil {
		return nil, err
	}
	ref, err := stored.Symmetric(st, "reference", n)
	if err != nil {
		return nil, err
	}
	if d.space, err = riemann.NewTangentSpace(ref); err != nil {
		return nil, incompatible("the reference covariance: %v", err)
	}
	return d, nil
}

func (d *tsDecoder) recentred(centers []*mat.SymDense) (decoders.Trained, error) {
	m, err := d.at(centers)
	if err != nil {
		return nil, err
	}
	return &tsDecoder{&covModel{m}, d.linear, d.space}, nil
}
