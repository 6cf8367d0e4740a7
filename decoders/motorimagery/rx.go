package motorimagery

import (
	"context"
	"encoding/json"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/bayes"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/riemann"
)

// Names of the pipelines of common spatial patterns with a Bayesian classifier.
const (
	CSPRxLDAName = "csp_rxlda"
	CSPRxGMMName = "csp_rxgmm"
)

// CSPRxLDA returns the pipeline of common spatial patterns, log power and Bayesian LDA. Its decoders are
// decoders.Adaptive: they go on learning with the spatial filters and the temperature of their training. Its options are
// a [Config].
func CSPRxLDA() decoders.Pipeline {
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
func CSPRxGMM() decoders.Pipeline {
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

var _ decoders.Pipeline = cspRx{}

func (p cspRx) Name() string              { return p.name }
func (cspRx) Paradigm() decoders.Paradigm { return decoders.MotorImagery }

// rxDecoder is a trained decoder of these pipelines. The scores of its posterior are the features of the model, whose
// linear classifier passes them through.
type rxDecoder struct {
	*model
	filters   *mat.Dense // components × channels
	posterior posterior
}

var _ decoders.Adaptive = (*rxDecoder)(nil)

func (p cspRx) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	classes := len(ds.Classes)
	m, err := newModel(p.name, p.name, "", ds.Classes, ds.Channels, ds.Rate, config)
	if err != nil {
		return nil, err
	}
	m.linear = identity(classes)
	examples, err := prepare(ctx, ds, m.frontend, riemann.Cov)
	if err != nil {
		return nil, err
	}
	examples, move, err := augment(examples, m.frontend, classes)
	if err != nil {
		return nil, err
	}
	fit := func(train []int) (*CSP, posterior, error) {
		csp, _, err := fitCSPLDA(m.cfg, examples, train, classes)
		if err != nil {
			return nil, nil, err
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
	filters := csp.Filters
	if move != nil {
		filters = new(mat.Dense)
		filters.Mul(csp.Filters, move)
	}
	return &rxDecoder{m, filters, post}, nil
}

// identity passes the scores of the posterior through.
func identity(classes int) classify.Linear {
	l := classify.Linear{Coef: mat.NewDense(classes, classes, nil), Intercept: make([]float64, classes)}
	for k := range classes {
		l.Coef.Set(k, k, 1)
	}
	return l
}

// powers writes the log power of each component in a clip's window to sc.features.
func (d *rxDecoder) powers(in *decoders.Input, s span, sc *scratch) ([]float64, error) {
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
	return &rxDecoder{d.model, d.filters, post}, nil
}

// State holds the posterior's arrays under their names in package bayes.
func (d *rxDecoder) State() decoders.State {
	st := d.state()
	delete(st.Arrays, "coef")
	delete(st.Arrays, "intercept")
	st.Arrays["filters"] = denseArray(d.filters)
	for name, a := range d.posterior.Arrays() {
		st.Arrays[name] = a
	}
	return st
}

func (p cspRx) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	if st.Pipeline != p.name {
		return nil, incompatible("the state is of pipeline %q, not %q", st.Pipeline, p.name)
	}
	m, err := newModel(p.name, name, version, st.Classes, st.Channels, st.Rate, st.Config)
	if err != nil {
		return nil, err
	}
	shape := st.Arrays["filters"].Shape
	if len(shape) != 2 || shape[0] < 1 || shape[0] > 1024 {
		return nil, incompatible("array \"filters\" has shape %v, want components × channels", shape)
	}
	filters, err := array(st, "filters", shape[0], len(st.Channels))
	if err != nil {
		return nil, err
	}
	temperature, err := array(st, "temperature", 1)
	if err != nil {
		return nil, err
	}
	if !(temperature[0] > 0) {
		return nil, incompatible("temperature is %v", temperature[0])
	}
	m.linear, m.temperature = identity(len(st.Classes)), temperature[0]
	read := func(name string, shape ...int) ([]float64, error) { return array(st, name, shape...) }
	post, err := p.restore(read, len(st.Classes), shape[0])
	if err != nil {
		return nil, incompatible("%v", err)
	}
	return &rxDecoder{m, mat.NewDense(shape[0], len(st.Channels), filters), post}, nil
}
