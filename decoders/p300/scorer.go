package p300

import (
	"fmt"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/bayes"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/riemann"
)

// scorer is the classifier of a pipeline. It is immutable.
type scorer interface {
	// decision returns the score of target over other for the features of an epoch.
	decision(x []float64) (float64, error)
	// store adds what was learned to the arrays of a state.
	store(arrays map[string]decoders.Array)
}

// linearScorer is the discriminant of erp_lda and xdawn_lda.
type linearScorer struct{ classify.Linear }

func (s linearScorer) decision(x []float64) (float64, error) { return s.Decision(x), nil }

func (s linearScorer) store(arrays map[string]decoders.Array) {
	arrays["coef"] = stored.Matrix(s.Coef)
	arrays["intercept"] = stored.Vector(s.Intercept...)
}

func restoreLinear(st decoders.State, features int) (classify.Linear, error) {
	coef, err := stored.Array(st, "coef", 2, features)
	if err != nil {
		return classify.Linear{}, err
	}
	intercept, err := stored.Array(st, "intercept", 2)
	if err != nil {
		return classify.Linear{}, err
	}
	return classify.Linear{Coef: mat.NewDense(2, features, coef), Intercept: intercept}, nil
}

// posterior is what package bayes knows of the two kinds of flashes.
type posterior interface {
	LogDensities(dst, x []float64) []float64
	Arrays() map[string]decoders.Array
	learn(x []float64, class int) (posterior, error)
}

type ldaPosterior struct{ *bayes.LDA }

func (l ldaPosterior) learn(x []float64, class int) (posterior, error) {
	u, err := l.Update(x, class)
	return ldaPosterior{u}, err
}

type gmmPosterior struct{ *bayes.GMM }

func (g gmmPosterior) learn(x []float64, class int) (posterior, error) {
	u, err := g.Update(x, class)
	return gmmPosterior{u}, err
}

// bayesScorer is the posterior of xdawn_rxlda and xdawn_rxgmm. The share of targets in training is not part of the score.
type bayesScorer struct{ posterior }

func (s bayesScorer) decision(x []float64) (float64, error) {
	var dst [2]float64
	s.LogDensities(dst[:], x)
	return dst[1] - dst[0], nil
}

func (s bayesScorer) store(arrays map[string]decoders.Array) {
	for name, a := range s.Arrays() {
		arrays[name] = a
	}
}

// covarianceScorer is the classifier of xdawncov_ts_lr: the covariance of an epoch's components together with what they
// look like on average after each kind of flash, in the tangent space. What matters is how an epoch covaries with the
// prototypes, so the latency of the response is in the covariance too (Barachant and Congedo 2014).
type covarianceScorer struct {
	prototype *mat.Dense // components × bins
	space     *riemann.TangentSpace
	linear    classify.Linear
	pool      *sync.Pool
}

// covarianceWork is the memory of one epoch.
type covarianceWork struct {
	stack    *mat.Dense // prototypes, then the epoch; 2·components × bins
	cov      *mat.SymDense
	estimate *riemann.Covariance
	tangent  []float64
}

func newCovarianceScorer(prototype *mat.Dense) *covarianceScorer {
	m, bins := prototype.Dims()
	return &covarianceScorer{prototype: prototype, pool: &sync.Pool{New: func() any {
		w := &covarianceWork{stack: mat.NewDense(2*m, bins, nil), cov: mat.NewSymDense(2*m, nil), estimate: riemann.NewCovariance(riemann.KindOAS)}
		w.stack.Slice(0, m, 0, bins).(*mat.Dense).Copy(prototype)
		return w
	}}}
}

// covariance writes the covariance of prototypes and epoch to w.
func (s *covarianceScorer) covariance(w *covarianceWork, x []float64) error {
	m, bins := s.prototype.Dims()
	for i := range m {
		copy(w.stack.RawRowView(m+i), x[i*bins:(i+1)*bins])
	}
	_, err := w.estimate.Estimate(w.cov, w.stack)
	return err
}

func (s *covarianceScorer) decision(x []float64) (float64, error) {
	w := s.pool.Get().(*covarianceWork)
	defer s.pool.Put(w)
	if err := s.covariance(w, x); err != nil {
		return 0, err
	}
	if w.tangent == nil {
		w.tangent = make([]float64, s.space.Dim())
	}
	if _, err := s.space.Project(w.tangent, w.cov); err != nil {
		return 0, err
	}
	return s.linear.Decision(w.tangent), nil
}

// fitCovariances fits tangent space and regression to epochs of features (epochs × components·bins). quick takes the
// log-Euclidean mean for the reference, one pass instead of some ten.
func fitCovariances(x [][]float64, labels []int, prototype *mat.Dense, quick bool) (*covarianceScorer, error) {
	s := newCovarianceScorer(prototype)
	w := s.pool.Get().(*covarianceWork)
	defer s.pool.Put(w)
	covs := make([]*mat.SymDense, len(x))
	for i, row := range x {
		if err := s.covariance(w, row); err != nil {
			return nil, fmt.Errorf("epoch %d: %w", i, err)
		}
		covs[i] = mat.NewSymDense(w.cov.SymmetricDim(), nil)
		covs[i].CopySym(w.cov)
	}
	mean := riemann.Mean
	if quick {
		mean = riemann.LogEuclidMean
	}
	reference, err := mean(covs, nil)
	if err != nil {
		return nil, err
	}
	if s.space, err = riemann.NewTangentSpace(reference); err != nil {
		return nil, err
	}
	tangent, err := s.space.ProjectAll(covs)
	if err != nil {
		return nil, err
	}
	lr, err := classify.FitLogistic(tangent, labels, 2, classify.LogisticConfig{})
	if err != nil {
		return nil, err
	}
	s.linear = lr.Linear
	return s, nil
}

func (s *covarianceScorer) store(arrays map[string]decoders.Array) {
	linearScorer{s.linear}.store(arrays)
	arrays["prototype"] = stored.Matrix(s.prototype)
	arrays["reference"] = stored.Matrix(s.space.Reference())
}

func restoreCovariances(st decoders.State, components, bins int) (*covarianceScorer, error) {
	prototype, err := stored.Array(st, "prototype", components, bins)
	if err != nil {
		return nil, err
	}
	ref, err := stored.Symmetric(st, "reference", 2*components)
	if err != nil {
		return nil, err
	}
	s := newCovarianceScorer(mat.NewDense(components, bins, prototype))
	if s.space, err = riemann.NewTangentSpace(ref); err != nil {
		return nil, incompatible("the reference covariance: %v", err)
	}
	if s.linear, err = restoreLinear(st, s.space.Dim()); err != nil {
		return nil, err
	}
	return s, nil
}
