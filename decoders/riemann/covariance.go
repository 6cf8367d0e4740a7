package riemann

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/internal/shrinkage"
)

// Kind is a way to estimate a covariance matrix.
type Kind int

// The estimators.
const (
	KindSCM        Kind = iota // sample covariance of the centred signal, divided by the number of samples
	KindOAS                    // oracle approximating shrinkage (Chen et al. 2010, as scikit-learn)
	KindLedoitWolf             // Ledoit and Wolf 2004
)

func (k Kind) shrinkage() shrinkage.Kind {
	switch k {
	case KindSCM:
		return shrinkage.None
	case KindOAS:
		return shrinkage.OAS
	case KindLedoitWolf:
		return shrinkage.LedoitWolf
	}
	panic(fmt.Sprintf("riemann: unknown covariance kind %d", k))
}

// Covariance estimates covariances one after the other without allocating. It belongs to one goroutine at a time.
type Covariance struct {
	kind shrinkage.Kind
	work shrinkage.Workspace
}

// NewCovariance returns an estimator.
func NewCovariance(kind Kind) *Covariance { return &Covariance{kind: kind.shrinkage()} }

// Estimate writes the covariance of x (channels × samples) to dst (channels × channels) and returns the shrinkage
// between 0 and 1. It refuses an empty signal and one that is not finite.
func (c *Covariance) Estimate(dst *mat.SymDense, x *mat.Dense) (shrinkage float64, err error) {
	return c.work.Estimate(dst, x, c.kind)
}

// SCM writes the sample covariance of x (channels × samples, centred, divided by the number of samples) to dst.
func SCM(dst *mat.SymDense, x *mat.Dense) error { return estimate(dst, x, KindSCM) }

// OAS writes the oracle approximating shrinkage covariance of x (channels × samples) to dst.
func OAS(dst *mat.SymDense, x *mat.Dense) error { return estimate(dst, x, KindOAS) }

// LedoitWolf writes the Ledoit-Wolf covariance of x (channels × samples) to dst.
func LedoitWolf(dst *mat.SymDense, x *mat.Dense) error { return estimate(dst, x, KindLedoitWolf) }

// Cov writes the covariance of x (channels × samples) without centring and without shrinkage, x·xᵀ/samples, to dst:
// what a band-passed signal needs, whose mean is zero by design.
func Cov(dst *mat.SymDense, x *mat.Dense) error {
	var w shrinkage.Workspace
	_, err := w.EstimateUncentred(dst, x, shrinkage.None)
	return err
}

func estimate(dst *mat.SymDense, x *mat.Dense, kind Kind) error {
	_, err := NewCovariance(kind).Estimate(dst, x)
	return err
}

// Covariances returns the covariance of each trial (channels × samples). All trials have the same channels.
func Covariances(trials []*mat.Dense, kind Kind) ([]*mat.SymDense, error) {
	c := NewCovariance(kind)
	out := make([]*mat.SymDense, len(trials))
	for i, x := range trials {
		if x == nil || x.IsEmpty() {
			return nil, fmt.Errorf("trial %d: %w: no data", i, ErrData)
		}
		out[i] = mat.NewSymDense(x.RawMatrix().Rows, nil)
		if _, err := c.Estimate(out[i], x); err != nil {
			return nil, fmt.Errorf("trial %d: %w", i, err)
		}
	}
	return out, nil
}
