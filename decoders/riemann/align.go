package riemann

import (
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// Aligner moves the signals of one subject or session to a common place: x becomes R^-½·x, where R is the mean
// covariance of that subject's trials. It needs no labels. It is immutable and safe for concurrent use.
type Aligner struct {
	w *mat.Dense
}

// NewAligner returns the Euclidean alignment (He and Wu 2020) of trials (channels × samples each): R is the
// arithmetic mean of x·xᵀ/samples. Where R lacks rank, the inverse root is taken on its range.
func NewAligner(trials []*mat.Dense) (*Aligner, error) {
	if len(trials) == 0 {
		return nil, fmt.Errorf("%w: no trials", ErrData)
	}
	covs := make([]*mat.SymDense, len(trials))
	for i, x := range trials {
		if x == nil || x.IsEmpty() {
			return nil, fmt.Errorf("trial %d: %w: no data", i, ErrData)
		}
		covs[i] = mat.NewSymDense(x.RawMatrix().Rows, nil)
		if err := Cov(covs[i], x); err != nil {
			return nil, fmt.Errorf("trial %d: %w", i, err)
		}
	}
	r, err := EuclidMean(covs, nil)
	if err != nil {
		return nil, err
	}
	return NewAlignerAt(r)
}

// NewAlignerAt returns the alignment with reference r, positive semidefinite and not zero.
func NewAlignerAt(r *mat.SymDense) (*Aligner, error) {
	n := r.SymmetricDim()
	e := newEigen(n)
	if err := e.factor(r, true); err != nil {
		return nil, err
	}
	largest := e.val[n-1]
	if largest <= 0 {
		return nil, fmt.Errorf("%w: no positive eigenvalue", ErrNotPositiveDefinite)
	}
	s := mat.NewSymDense(n, nil)
	e.apply(s.RawSymmetric(), func(v float64) float64 {
		if v <= rankTol*largest {
			return 0
		}
		return inverseSqrt(v)
	})
	return &Aligner{w: full(s)}, nil
}

// Matrix returns a copy of R^-½ (channels × channels).
func (a *Aligner) Matrix() *mat.Dense { return mat.DenseCopyOf(a.w) }

// Apply writes R^-½·x to dst (channels × samples), which is not x.
func (a *Aligner) Apply(dst, x *mat.Dense) { dst.Mul(a.w, x) }

// EuclideanAlign returns the aligned trials (channels × samples each) of one subject; see [NewAligner].
func EuclideanAlign(trials []*mat.Dense) ([]*mat.Dense, error) {
	a, err := NewAligner(trials)
	if err != nil {
		return nil, err
	}
	out := make([]*mat.Dense, len(trials))
	for i, x := range trials {
		out[i] = new(mat.Dense)
		a.Apply(out[i], x)
	}
	return out, nil
}

// Recenter returns M^-½·C·M^-½ for each of covs, which moves the positive definite reference m to the identity:
// with m their [Mean], subjects and sessions come to lie around the same point. Nil m takes the Mean of covs.
func Recenter(covs []*mat.SymDense, m *mat.SymDense) ([]*mat.SymDense, error) {
	if m == nil {
		var err error
		if m, err = Mean(covs, nil); err != nil {
			return nil, err
		}
	}
	n := m.SymmetricDim()
	half := mat.NewSymDense(n, nil)
	if err := InvSqrtm(half, m); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	w := full(half)
	out := make([]*mat.SymDense, len(covs))
	for i, c := range covs {
		out[i] = mat.NewSymDense(n, nil)
		Congruence(out[i], w, c)
	}
	return out, nil
}
