package motorimagery

import (
	"context"
	"encoding/json"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/bayes"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// Names of the pipelines of common spatial patterns with a Bayesian classifier.
const (
	CSPRxLDAName = "csp_rxlda"
	CSPRxGMMName = "csp_rxgmm"
)

// CSPRxLDA returns the pipeline of common spatial patterns, log power and Bayesian LDA. Its decoders are
// decoders.Adaptive: they keep learning with the spatial filters and the temperature of their training. Its options are
// a [Config].
func CSPRxLDA() decoders.Preparer {
	return cspRx{
		name: CSPRxLDAName,
		fit: func(x *mat.Dense, labels []int, classes int, _ uint64) (posterior, error) {
			l, err := bayes.TrainLDA(x, labels, classes)
			return ldaPosterior{l}, err
		},
		restore: func(read bayes.Reader, classes, features int) (posterior, error) {
			l, err := bayes.RestoreLDA(read, classes, features)
			return ldaPosterior{l}, err
		},
	}
}

// CSPRxGMM is CSPRxLDA with a mixture of two normal distributions for each class.
func CSPRxGMM() decoders.Preparer {
	return cspRx{
		name: CSPRxGMMName,
		fit: func(x *mat.Dense, labels []int, classes int, seed uint64) (posterior, error) {
			g, err := bayes.TrainGMM(x, labels, classes, bayes.GMMConfig{Seed: seed})
			return gmmPosterior{g}, err
		},
		restore: func(read bayes.Reader, classes, features int) (posterior, error) {
			g, err := bayes.RestoreGMM(read, classes, features)
			return gmmPosterior{g}, err
		},
	}
}

// posterior is what package bayes knows of the classes.
type posterior interface {
	Scores(dst, x []float64) []float64
	Arrays() map[string]decoders.Array
	learn(x []float64, label int) (posterior, error)
}

type ldaPosterior struct{ *bayes.LDA }

func (l ldaPosterior) learn(x []float64, label int) (posterior, error) {
	u, err := l.Update(x, label)
	return ldaPosterior{u}, err
}

type gmmPosterior struct{ *bayes.GMM }

func (g gmmPosterior) learn(x []float64, label int) (posterior, error) {
	u, err := g.Update(x, label)
	return gmmPosterior{u}, err
}

type cspRx struct {
	name    string
	fit     func(x *mat.Dense, labels []int, classes int, seed uint64) (posterior, error)
	restore func(read bayes.Reader, classes, features int) (posterior, error)
}

var _ decoders.Preparer = cspRx{}

func (p cspRx) Name() string         { return p.name }
func (cspRx) Paradigm() eeg.Paradigm { return eeg.MotorImagery }

// rxDecoder is a trained decoder of these pipelines.
type rxDecoder struct {
	*model
	posterior posterior
	filters   *mat.Dense // components × aligned channels
	project   *mat.Dense // components × channels: filters after the alignment
}

var (
	_ decoders.Adaptive = (*rxDecoder)(nil)
	_ recentrable       = (*rxDecoder)(nil)
)

func (p cspRx) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	return train(ctx, p, ds, config)
}

func (p cspRx) Prepare(ds *decoders.Dataset, config json.RawMessage, memo *decoders.Memo) (decoders.Prepared, error) {
	return prepare(p.name, ds, config, memo, plain, p.train)
}

func (p cspRx) train(ctx context.Context, l *lesson) (decoders.Trained, error) {
	m, examples, classes := l.model, l.bands[0], len(l.classes)
	fit := func(train []int) (*CSP, posterior, error) {
		covs, err := classCovariances(examples, train, labelsOf(examples, train), classes)
		if err != nil {
			return nil, nil, err
		}
		csp, err := FitCSP(covs, nil, m.cfg.Components)
		if err != nil {
			return nil, nil, unusable(err)
		}
		k, _ := csp.Filters.Dims()
		x, labels := mat.NewDense(len(train), k, nil), make([]int, len(train))
		for r, i := range train {
			x.SetRow(r, logPower(m.cfg, csp, examples[i].cov))
			labels[r] = examples[i].label
		}
		post, err := p.fit(x, labels, classes, m.cfg.Seed)
		if err != nil {
			return nil, nil, unusable(err)
		}
		return csp, post, nil
	}
	csp, post, err := fit(all(len(examples)))
	if err != nil {
		return nil, err
	}
	m.temperature, err = calibrate(ctx, m.cfg, examples, classes, func(train []int) (func(int) []float64, error) {
		csp, post, err := fit(train)
		if err != nil {
			return nil, err
		}
		return func(i int) []float64 { return post.Scores(nil, logPower(m.cfg, csp, examples[i].cov)) }, nil
	})
	if err != nil {
		return nil, err
	}
	return newRxDecoder(m, post, csp.Filters), nil
}

func newRxDecoder(m *model, post posterior, filters *mat.Dense) *rxDecoder {
	return &rxDecoder{m, post, filters, after(filters, m.move(0))}
}

// powers writes the log power of each component in a clip's window to sc.features.
func (d *rxDecoder) powers(in *decoders.Input, s span, sc *scratch) ([]float64, error) {
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
	return sc.features, nil
}

func (d *rxDecoder) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	return d.decode(ctx, in, func(in *decoders.Input, s span, sc *scratch) ([]float64, error) {
		x, err := d.powers(in, s, sc)
		if err != nil {
			return nil, err
		}
		return d.posterior.Scores(nil, x), nil
	})
}

// Update learns the clip's window, found as in Decode, as one more trial of the class label.
func (d *rxDecoder) Update(ctx context.Context, in *decoders.Input, label string) (decoders.Adaptive, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k := slices.Index(d.classes, label)
	if k < 0 {
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"label": label, "classes": slices.Clone(d.classes)},
			"the model has no class %q", label)
	}
	if err := epoch.Check(in.Signal, d.minSamples(in.Rate), d.minRate()); err != nil {
		return nil, err
	}
	s, err := d.locate(in)
	if err != nil {
		return nil, err
	}
	sc := d.pool.Get().(*scratch)
	defer d.pool.Put(sc)
	x, err := d.powers(in, s, sc)
	if err != nil {
		return nil, err
	}
	post, err := d.posterior.learn(x, k)
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the trial cannot be learned: %v", err)
	}
	next := *d
	next.posterior = post
	return &next, nil
}

// State holds the posterior's arrays under their names in package bayes.
func (d *rxDecoder) State() decoders.State {
	st := d.state()
	st.Arrays["filters"] = stored.Matrix(d.filters)
	for name, a := range d.posterior.Arrays() {
		st.Arrays[name] = a
	}
	return st
}

func (p cspRx) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	m, err := restoreModel(p.name, name, version, st, oneBand)
	if err != nil {
		return nil, err
	}
	filters, err := restoreFilters(st)
	if err != nil {
		return nil, err
	}
	components, _ := filters.Dims()
	read := func(name string, shape ...int) ([]float64, error) { return stored.Array(st, name, shape...) }
	post, err := p.restore(read, len(st.Classes), components)
	if err != nil {
		return nil, incompatible("%v", err)
	}
	return newRxDecoder(m, post, filters), nil
}

// recentred returns the decoder for people or moments whose trials lie around other centers.
func (d *rxDecoder) recentred(centers []*mat.SymDense) (decoders.Trained, error) {
	m, err := d.at(centers)
	if err != nil {
		return nil, err
	}
	return newRxDecoder(m, d.posterior, d.filters), nil
}

func (d *rxDecoder) covariances(in *decoders.Input) ([]*mat.SymDense, error) {
	return d.locationOf(in, riemann.KindSCM)
}
