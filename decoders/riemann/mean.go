package riemann

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// Mean steps of the gradient descent: stop when the gradient or the step is this small, or after so many.
const (
	meanTol   = 1e-8
	meanSteps = 50
)

func checkSet(covs []*mat.SymDense, weights []float64) (n int, w []float64, err error) {
	if len(covs) == 0 {
		return 0, nil, fmt.Errorf("%w: no matrices", ErrData)
	}
	n = covs[0].SymmetricDim()
	for _, c := range covs {
		if c.SymmetricDim() != n {
			panic(mat.ErrShape)
		}
	}
	w = make([]float64, len(covs))
	if weights == nil {
		for i := range w {
			w[i] = 1 / float64(len(w))
		}
		return n, w, nil
	}
	if len(weights) != len(covs) {
		panic(mat.ErrShape)
	}
	sum := 0.0
	for i, v := range weights {
		if !(v >= 0) || math.IsInf(v, 0) {
			return 0, nil, fmt.Errorf("%w: weight %d is %v", ErrData, i, v)
		}
		sum += v
	}
	if sum <= 0 {
		return 0, nil, fmt.Errorf("%w: the weights are all zero", ErrData)
	}
	for i, v := range weights {
		w[i] = v / sum
	}
	return n, w, nil
}

// EuclidMean returns the weighted arithmetic mean of the matrices. Nil weights are equal.
func EuclidMean(covs []*mat.SymDense, weights []float64) (*mat.SymDense, error) {
	n, w, err := checkSet(covs, weights)
	if err != nil {
		return nil, err
	}
	m := mat.NewSymDense(n, nil)
	for i, c := range covs {
		addScaled(m.RawSymmetric(), w[i], c.RawSymmetric())
	}
	return m, nil
}

func addScaled(dst blas64.Symmetric, k float64, a blas64.Symmetric) {
	for i := range dst.N {
		d := dst.Data[i*dst.Stride : i*dst.Stride+dst.N]
		s := a.Data[i*a.Stride : i*a.Stride+a.N]
		for j := i; j < dst.N; j++ {
			d[j] += k * s[j]
		}
	}
}

// LogEuclidMean returns exp of the weighted mean of the logarithms of the positive definite matrices.
func LogEuclidMean(covs []*mat.SymDense, weights []float64) (*mat.SymDense, error) {
	n, w, err := checkSet(covs, weights)
	if err != nil {
		return nil, err
	}
	e := newEigen(n)
	sum, log := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
	for i, c := range covs {
		if err := e.factor(c, true); err != nil {
			return nil, fmt.Errorf("matrix %d: %w", i, err)
		}
		if err := e.positive(); err != nil {
			return nil, fmt.Errorf("matrix %d: %w", i, err)
		}
		e.apply(log.RawSymmetric(), math.Log)
		addScaled(sum.RawSymmetric(), w[i], log.RawSymmetric())
	}
	if err := Expm(sum, sum); err != nil {
		return nil, err
	}
	return sum, nil
}

// Mean returns the weighted geometric (Karcher) mean of the positive definite matrices, the point that minimizes
// Σ w·d². Nil weights are equal. Gradient steps start at the arithmetic mean; a step of length ν moves along
// J = Σ w·log(M^-½ C M^-½), and ν shrinks by 0.95 when ν·||J|| fell, else by half. It stops when ||J|| or ν is below
// 1e-8, or after 50 steps with what it has then.
func Mean(covs []*mat.SymDense, weights []float64) (*mat.SymDense, error) {
	return mean(covs, weights, meanTol)
}

func mean(covs []*mat.SymDense, weights []float64, tol float64) (*mat.SymDense, error) {
	n, w, err := checkSet(covs, weights)
	if err != nil {
		return nil, err
	}
	m, err := EuclidMean(covs, weights)
	if err != nil {
		return nil, err
	}
	e := newEigen(n)
	root, inv := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
	grad, log := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
	tmp := make([]float64, n*n)
	step, best := 1.0, math.Inf(1)
	for range meanSteps {
		if err := e.factor(m, true); err != nil {
			return nil, err
		}
		if err := e.positive(); err != nil {
			return nil, err
		}
		e.apply(root.RawSymmetric(), math.Sqrt)
		e.apply(inv.RawSymmetric(), inverseSqrt)
		rootFull, invFull := full(root).RawMatrix(), full(inv).RawMatrix()

		grad.Zero()
		for i, c := range covs {
			congruence(log.RawSymmetric(), invFull, c.RawSymmetric(), tmp)
			if err := e.factor(log, true); err != nil {
				return nil, fmt.Errorf("matrix %d: %w", i, err)
			}
			if err := e.positive(); err != nil {
				return nil, fmt.Errorf("matrix %d: %w", i, err)
			}
			e.apply(log.RawSymmetric(), math.Log)
			addScaled(grad.RawSymmetric(), w[i], log.RawSymmetric())
		}
		norm := mat.Norm(grad, 2)
		if err := e.factor(grad, true); err != nil {
			return nil, err
		}
		e.apply(log.RawSymmetric(), func(v float64) float64 { return math.Exp(step * v) })
		congruence(m.RawSymmetric(), rootFull, log.RawSymmetric(), tmp)

		if h := step * norm; h < best {
			step, best = 0.95*step, h
		} else {
			step *= 0.5
		}
		if norm <= tol || step <= tol {
			break
		}
	}
	return m, nil
}

// Distance returns the affine-invariant Riemannian distance of two positive definite matrices,
// the root of Σ log² λ over the eigenvalues λ of A⁻¹B.
func Distance(a, b *mat.SymDense) (float64, error) {
	n := a.SymmetricDim()
	if b.SymmetricDim() != n {
		panic(mat.ErrShape)
	}
	inv := mat.NewSymDense(n, nil)
	if err := InvSqrtm(inv, a); err != nil {
		return 0, err
	}
	d := newDistance(n)
	return d.whitened(full(inv).RawMatrix(), b)
}

// Geodesic writes the point at t between the positive definite a (t = 0) and b (t = 1) on the shortest path,
// a^½(a^-½ b a^-½)^t a^½, to dst, which may be a or b.
func Geodesic(dst, a, b *mat.SymDense, t float64) error {
	n := a.SymmetricDim()
	if b.SymmetricDim() != n || dst.SymmetricDim() != n {
		panic(mat.ErrShape)
	}
	e := newEigen(n)
	if err := e.factor(a, true); err != nil {
		return err
	}
	if err := e.positive(); err != nil {
		return err
	}
	root, inv, y := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
	e.apply(root.RawSymmetric(), math.Sqrt)
	e.apply(inv.RawSymmetric(), inverseSqrt)
	Congruence(y, full(inv), b)
	if err := e.factor(y, true); err != nil {
		return err
	}
	if err := e.positive(); err != nil {
		return err
	}
	e.apply(y.RawSymmetric(), func(v float64) float64 { return math.Pow(v, t) })
	Congruence(dst, full(root), y)
	return nil
}

// distance computes distances to a point whose inverse square root is known.
type distance struct {
	e   *eigen
	y   *mat.SymDense
	tmp []float64
}

func newDistance(n int) *distance {
	return &distance{e: newEigen(n), y: mat.NewSymDense(n, nil), tmp: make([]float64, n*n)}
}

func (d *distance) whitened(inv blas64.General, b *mat.SymDense) (float64, error) {
	congruence(d.y.RawSymmetric(), inv, b.RawSymmetric(), d.tmp)
	if err := d.e.factor(d.y, false); err != nil {
		return 0, err
	}
	if err := d.e.positive(); err != nil {
		return 0, err
	}
	sum := 0.0
	for _, v := range d.e.val {
		l := math.Log(v)
		sum += l * l
	}
	return math.Sqrt(sum), nil
}
