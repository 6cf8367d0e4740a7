package riemann

import (
	"fmt"
	"math"
	"sync"

	"gonum.org/v1/gonum/mat"
)

// TangentSpace maps covariances to vectors in the tangent space at a reference point, where the Riemannian distance
// is close to the Euclidean one and linear classifiers apply. It is immutable and safe for concurrent use.
type TangentSpace struct {
	n    int
	ref  *mat.SymDense
	root *mat.Dense // ref^½
	inv  *mat.Dense // ref^-½
	pool *sync.Pool
}

// tangentWork is the memory of one projection.
type tangentWork struct {
	e   *eigen
	y   *mat.SymDense
	tmp []float64
}

// NewTangentSpace returns the tangent space at the positive definite ref, usually the [Mean] of the training set.
func NewTangentSpace(ref *mat.SymDense) (*TangentSpace, error) {
	n := ref.SymmetricDim()
	ts := &TangentSpace{n: n, ref: mat.NewSymDense(n, nil)}
	ts.ref.CopySym(ref)
	half := mat.NewSymDense(n, nil)
	if err := Sqrtm(half, ref); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	ts.root = full(half)
	if err := InvSqrtm(half, ref); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	ts.inv = full(half)
	ts.pool = &sync.Pool{New: func() any {
		return &tangentWork{e: newEigen(n), y: mat.NewSymDense(n, nil), tmp: make([]float64, n*n)}
	}}
	return ts, nil
}

// FitTangentSpace returns the tangent space at the geometric mean of covs.
func FitTangentSpace(covs []*mat.SymDense) (*TangentSpace, error) {
	m, err := Mean(covs, nil)
	if err != nil {
		return nil, err
	}
	return NewTangentSpace(m)
}

// Reference returns a copy of the point the space touches.
func (ts *TangentSpace) Reference() *mat.SymDense {
	c := mat.NewSymDense(ts.n, nil)
	c.CopySym(ts.ref)
	return c
}

// Dim returns the length of a tangent vector, n·(n+1)/2.
func (ts *TangentSpace) Dim() int { return ts.n * (ts.n + 1) / 2 }

// Project writes the tangent vector of the positive definite c to dst, of length Dim, and returns it; nil is
// allocated. The vector is the upper triangle, row by row, of log(M^-½ c M^-½) with off-diagonals times √2, so that
// its length is the distance of c to the reference.
func (ts *TangentSpace) Project(dst []float64, c *mat.SymDense) ([]float64, error) {
	if dst == nil {
		dst = make([]float64, ts.Dim())
	}
	if len(dst) != ts.Dim() || c.SymmetricDim() != ts.n {
		panic(mat.ErrShape)
	}
	w := ts.pool.Get().(*tangentWork)
	defer ts.pool.Put(w)
	congruence(w.y.RawSymmetric(), ts.inv.RawMatrix(), c.RawSymmetric(), w.tmp)
	if err := w.e.factor(w.y, true); err != nil {
		return nil, err
	}
	if err := w.e.positive(); err != nil {
		return nil, err
	}
	raw := w.y.RawSymmetric()
	w.e.apply(raw, math.Log)
	k := 0
	for i := range ts.n {
		row := raw.Data[i*raw.Stride : i*raw.Stride+ts.n]
		dst[k] = row[i]
		k++
		for _, v := range row[i+1:] {
			dst[k] = math.Sqrt2 * v
			k++
		}
	}
	return dst, nil
}

// ProjectAll returns the tangent vectors of covs as rows (matrices × Dim).
func (ts *TangentSpace) ProjectAll(covs []*mat.SymDense) (*mat.Dense, error) {
	if len(covs) == 0 {
		return nil, fmt.Errorf("%w: no matrices", ErrData)
	}
	x := mat.NewDense(len(covs), ts.Dim(), nil)
	for i, c := range covs {
		if _, err := ts.Project(x.RawRowView(i), c); err != nil {
			return nil, fmt.Errorf("matrix %d: %w", i, err)
		}
	}
	return x, nil
}

// Unproject writes the positive definite matrix with tangent vector v, of length Dim, to dst: the inverse of Project.
func (ts *TangentSpace) Unproject(dst *mat.SymDense, v []float64) error {
	if len(v) != ts.Dim() || dst.SymmetricDim() != ts.n {
		panic(mat.ErrShape)
	}
	w := ts.pool.Get().(*tangentWork)
	defer ts.pool.Put(w)
	raw := w.y.RawSymmetric()
	k := 0
	for i := range ts.n {
		row := raw.Data[i*raw.Stride : i*raw.Stride+ts.n]
		row[i] = v[k]
		k++
		for j := i + 1; j < ts.n; j++ {
			row[j] = v[k] / math.Sqrt2
			k++
		}
	}
	if err := w.e.factor(w.y, true); err != nil {
		return err
	}
	w.e.apply(raw, math.Exp)
	congruence(dst.RawSymmetric(), ts.root.RawMatrix(), raw, w.tmp)
	return nil
}
