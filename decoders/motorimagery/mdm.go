package motorimagery

import (
	"context"
	"encoding/json"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// The stable names of the pipelines of distances to class means.
const (
	MDMName   = "mdm"
	FgMDMName = "fgmdm"
)

// foldTol is the tolerance of the class means in the folds of the calibration: a temperature needs no more than
// four digits of a distance, and each mean takes half the steps. (A single step from the means of all trials would be
// faster still, but lets the trials that are left out in: probabilities get worse by 0.02 in the Brier score.)
const foldTol = 1e-4

// MDM returns the pipeline of minimum distance to the geometric mean of each class. Its options are a [Config].
func MDM() decoders.Preparer { return mdm{} }

type mdm struct{}

var _ decoders.Preparer = mdm{}

func (mdm) Name() string           { return MDMName }
func (mdm) Paradigm() eeg.Paradigm { return eeg.MotorImagery }

// mdmDecoder is a trained mdm decoder. The score of a class is -d² to its mean.
type mdmDecoder struct {
	*covModel
	means *riemann.MDM
}

var _ decoders.Trained = (*mdmDecoder)(nil)

func (p mdm) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	return train(ctx, p, ds, config)
}

func (mdm) Prepare(ds *decoders.Dataset, config json.RawMessage, memo *decoders.Memo) (decoders.Prepared, error) {
	return prepare(MDMName, ds, config, memo, shrunk, trainMDM)
}

func trainMDM(ctx context.Context, l *lesson) (decoders.Trained, error) {
	m, examples := &covModel{l.model}, l.bands[0]
	index, classes := all(len(examples)), len(l.classes)
	means, err := riemann.FitMDM(covariancesOf(examples, index), labelsOf(examples, index), classes)
	if err != nil {
		return nil, unusable(err)
	}
	m.temperature, err = calibrate(ctx, m.cfg, examples, classes, func(train []int) (func(int) []float64, error) {
		means, err := riemann.FitMDMTo(covariancesOf(examples, train), labelsOf(examples, train), classes, foldTol)
		if err != nil {
			return nil, unusable(err)
		}
		return func(i int) []float64 {
			d, err := means.Distances(nil, examples[i].cov)
			return squared(d, err)
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &mdmDecoder{m, means}, nil
}

// squared turns distances into scores -d². A matrix without distances says nothing of any class.
func squared(d []float64, err error) []float64 {
	if err != nil {
		return nil
	}
	for k, v := range d {
		d[k] = -v * v
	}
	return d
}

func (d *mdmDecoder) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	return d.decode(ctx, in, func(in *decoders.Input, s span, sc *scratch) ([]float64, error) {
		cov, err := d.covariance(in, s, sc)
		if err != nil {
			return nil, err
		}
		in.Step("features")
		distances, err := d.means.Distances(nil, cov)
		if err != nil {
			return nil, degenerate(err)
		}
		return squared(distances, nil), nil
	})
}

func (d *mdmDecoder) State() decoders.State {
	st := d.state()
	st.Arrays["means"] = stored.Matrices(d.means.Means())
	return st
}

func (mdm) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	m, err := restoreModel(MDMName, name, version, st, oneBand)
	if err != nil {
		return nil, err
	}
	list, err := stored.Symmetrics(st, "means", len(st.Classes), len(st.Channels))
	if err != nil {
		return nil, err
	}
	means, err := riemann.NewMDM(list)
	if err != nil {
		return nil, incompatible("the class means: %v", err)
	}
	return &mdmDecoder{&covModel{m}, means}, nil
}

func (d *mdmDecoder) recentred(centers []*mat.SymDense) (decoders.Trained, error) {
	m, err := d.at(centers)
	if err != nil {
		return nil, err
	}
	return &mdmDecoder{&covModel{m}, d.means}, nil
}

// FgMDM returns the pipeline of minimum distance to mean after geodesic filtering: tangent vectors are projected on the
// directions of a shrinkage LDA first. Its options are a [Config].
func FgMDM() decoders.Preparer { return fgMDM{} }

type fgMDM struct{}

var _ decoders.Preparer = fgMDM{}

func (fgMDM) Name() string           { return FgMDMName }
func (fgMDM) Paradigm() eeg.Paradigm { return eeg.MotorImagery }

// fgDecoder is a trained fgmdm decoder. The score of a class is -d² to its mean.
type fgDecoder struct {
	*covModel
	filtered *riemann.FgMDM
}

var _ decoders.Trained = (*fgDecoder)(nil)

func (p fgMDM) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	return train(ctx, p, ds, config)
}

func (fgMDM) Prepare(ds *decoders.Dataset, config json.RawMessage, memo *decoders.Memo) (decoders.Prepared, error) {
	return prepare(FgMDMName, ds, config, memo, shrunk, trainFgMDM)
}

func trainFgMDM(ctx context.Context, l *lesson) (decoders.Trained, error) {
	m, examples, classes := &covModel{l.model}, l.bands[0], len(l.classes)
	// As for ts_lr the reference needs no labels and is shared by the folds of the calibration.
	space, x, err := l.tangents()
	if err != nil {
		return nil, err
	}
	fit := func(train []int) (*riemann.FgMDM, error) {
		sub, labels := pick(x, examples, train)
		f, err := riemann.FitFgMDMAt(space, sub, labels, classes)
		if err != nil {
			return nil, unusable(err)
		}
		return f, nil
	}
	filtered, err := fit(all(len(examples)))
	if err != nil {
		return nil, err
	}
	m.temperature, err = calibrate(ctx, m.cfg, examples, classes, func(train []int) (func(int) []float64, error) {
		f, err := fit(train)
		if err != nil {
			return nil, err
		}
		return func(i int) []float64 {
			d, err := f.DistancesAt(nil, x.RawRowView(i))
			return squared(d, err)
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &fgDecoder{m, filtered}, nil
}

func (d *fgDecoder) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	return d.decode(ctx, in, func(in *decoders.Input, s span, sc *scratch) ([]float64, error) {
		cov, err := d.covariance(in, s, sc)
		if err != nil {
			return nil, err
		}
		in.Step("features")
		distances, err := d.filtered.Distances(nil, cov)
		if err != nil {
			return nil, degenerate(err)
		}
		return squared(distances, nil), nil
	})
}

func (d *fgDecoder) State() decoders.State {
	st := d.state()
	reference, basis, means := d.filtered.Parts()
	st.Arrays["reference"], st.Arrays["basis"], st.Arrays["means"] = stored.Matrix(reference), stored.Matrix(basis), stored.Matrices(means)
	return st
}

func (fgMDM) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	m, err := restoreModel(FgMDMName, name, version, st, oneBand)
	if err != nil {
		return nil, err
	}
	n := len(st.Channels)
	reference, err := stored.Symmetric(st, "reference", n)
	if err != nil {
		return nil, err
	}
	// The directions of a discriminant are fewer than the classes.
	shape := slices.Clone(st.Arrays["basis"].Shape)
	if len(shape) != 2 || shape[0] < 1 || shape[0] >= max(2, len(st.Classes)+1) {
		return nil, incompatible("array \"basis\" has shape %v, want directions × %d", shape, n*(n+1)/2)
	}
	basis, err := stored.Array(st, "basis", shape[0], n*(n+1)/2)
	if err != nil {
		return nil, err
	}
	means, err := stored.Symmetrics(st, "means", len(st.Classes), n)
	if err != nil {
		return nil, err
	}
	filtered, err := riemann.NewFgMDM(reference, mat.NewDense(shape[0], n*(n+1)/2, basis), means)
	if err != nil {
		return nil, incompatible("the filter: %v", err)
	}
	return &fgDecoder{&covModel{m}, filtered}, nil
}

func (d *fgDecoder) recentred(centers []*mat.SymDense) (decoders.Trained, error) {
	m, err := d.at(centers)
	if err != nil {
		return nil, err
	}
	return &fgDecoder{&covModel{m}, d.filtered}, nil
}
