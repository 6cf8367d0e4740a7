package riemann

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/gonum"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
)

// eigen is a symmetric eigendecomposition with its memory.
type eigen struct {
	n    int
	vec  []float64 // n × n, eigenvectors in columns
	val  []float64 // ascending
	off  []float64 // beside the diagonal of the tridiagonal form
	tau  []float64 // of the reflections that make it
	work []float64
	tmp  []float64
}

func newEigen(n int) *eigen {
	e := &eigen{n: n, vec: make([]float64, n*n), val: make([]float64, n), tmp: make([]float64, n*n), off: make([]float64, n), tau: make([]float64, n)}
	size := []float64{0}
	lapack64.Syev(lapack.EVCompute, e.sym(), e.val, size, -1)
	e.work = make([]float64, max(int(size[0]), 2*n))
	return e
}

func (e *eigen) sym() blas64.Symmetric {
	return blas64.Symmetric{N: e.n, Stride: e.n, Data: e.vec, Uplo: blas.Upper}
}

// factor decomposes a. A matrix that is not finite is an error.
func (e *eigen) factor(a *mat.SymDense, vectors bool) error {
	if a.SymmetricDim() != e.n {
		panic(mat.ErrShape)
	}
	largest := e.load(a)
	if !(largest <= math.MaxFloat64) {
		return fmt.Errorf("%w: it holds NaN or infinite values", ErrNotPositiveDefinite)
	}
	if vectors && e.n > 1 && (largest == 0 || largest > unscaledMin && largest < unscaledMax) {
		var impl gonum.Implementation
		impl.Dsytrd(blas.Upper, e.n, e.vec, e.n, e.val, e.off, e.tau, e.work, len(e.work))
		impl.Dorgtr(blas.Upper, e.n, e.vec, e.n, e.tau, e.work, len(e.work))
		ok, handled := tridiagonal(e.val, e.off, e.vec, e.work)
		if ok {
			return nil
		}
		if handled {
			return fmt.Errorf("%w: its eigenvalues did not converge", ErrNotPositiveDefinite)
		}
		e.load(a)
	}
	job := lapack.EVCompute
	if !vectors {
		job = lapack.EVNone
	}
	if !lapack64.Syev(job, e.sym(), e.val, e.work, len(e.work)) {
		return fmt.Errorf("%w: its eigenvalues did not converge", ErrNotPositiveDefinite)
	}
	return nil
}

// Syev scales matrices whose largest element lies outside these, the roots of the numbers that can be divided by safely.
var (
	unscaledMin = math.Sqrt(safeMin / (2 * machineEps))
	unscaledMax = 1 / unscaledMin
)

// load copies the upper triangle of a to vec and returns the largest magnitude, NaN or Inf where an element is not finite.
func (e *eigen) load(a *mat.SymDense) float64 {
	raw := a.RawSymmetric()
	largest, bad := 0.0, 0.0
	for i := range e.n {
		row := raw.Data[i*raw.Stride : i*raw.Stride+e.n]
		copy(e.vec[i*e.n+i:(i+1)*e.n], row[i:])
		for _, v := range row[i:] {
			bad += v - v // NaN as soon as one value is not finite
			if v < 0 {
				v = -v
			}
			if v > largest {
				largest = v
			}
		}
	}
	return largest + bad
}

// positive refuses eigenvalues that are not above zero by more than rounding.
func (e *eigen) positive() error {
	// n·eps·λmax is the size of the rounding error in an eigenvalue that is exactly zero.
	largest := e.val[e.n-1]
	if smallest := e.val[0]; !(smallest > float64(e.n)*0x1p-52*largest) || largest <= 0 {
		return fmt.Errorf("%w: eigenvalues from %.3g to %.3g", ErrNotPositiveDefinite, smallest, largest)
	}
	return nil
}

// apply writes V·f(Λ)·Vᵀ to dst.
func (e *eigen) apply(dst blas64.Symmetric, f func(float64) float64) {
	n := e.n
	for j, v := range e.val {
		w := f(v)
		for i := range n {
			e.tmp[i*n+j] = e.vec[i*n+j] * w
		}
	}
	for i := range n {
		row := e.tmp[i*n : (i+1)*n]
		for j := i; j < n; j++ {
			dst.Data[i*dst.Stride+j] = dot(row, e.vec[j*n:(j+1)*n])
		}
	}
}

func dot(x, y []float64) float64 {
	return blas64.Dot(blas64.Vector{N: len(x), Data: x, Inc: 1}, blas64.Vector{N: len(y), Data: y, Inc: 1})
}

func inverseSqrt(v float64) float64 { return 1 / math.Sqrt(v) }

func function(dst, a *mat.SymDense, definite bool, f func(float64) float64) error {
	if dst.SymmetricDim() != a.SymmetricDim() {
		panic(mat.ErrShape)
	}
	e := newEigen(a.SymmetricDim())
	if err := e.factor(a, true); err != nil {
		return err
	}
	if definite {
		if err := e.positive(); err != nil {
			return err
		}
	}
	e.apply(dst.RawSymmetric(), f)
	return nil
}

// Sqrtm writes the symmetric square root of the positive definite a to dst, which may be a.
func Sqrtm(dst, a *mat.SymDense) error { return function(dst, a, true, math.Sqrt) }

// InvSqrtm writes the inverse of the symmetric square root of the positive definite a to dst, which may be a.
func InvSqrtm(dst, a *mat.SymDense) error { return function(dst, a, true, inverseSqrt) }

// Logm writes the logarithm of the positive definite a to dst, which may be a.
func Logm(dst, a *mat.SymDense) error { return function(dst, a, true, math.Log) }

// Expm writes the exponential of the symmetric a to dst, which may be a.
func Expm(dst, a *mat.SymDense) error { return function(dst, a, false, math.Exp) }

// Powm writes the power t of the positive definite a to dst, which may be a.
func Powm(dst, a *mat.SymDense, t float64) error {
	return function(dst, a, true, func(v float64) float64 { return math.Pow(v, t) })
}

// Whitener returns W (rank × n) with W·a·Wᵀ = I on the range of the positive semidefinite a: rows are eigenvectors
// over the square root of their eigenvalue, largest first. Eigenvalues up to tol times the largest count as zero;
// tol 0 takes 1e-10, far above rounding and far below what a sensor contributes. A zero matrix is an error.
func Whitener(a *mat.SymDense, tol float64) (*mat.Dense, error) {
	if tol == 0 {
		tol = rankTol
	}
	n := a.SymmetricDim()
	e := newEigen(n)
	if err := e.factor(a, true); err != nil {
		return nil, err
	}
	if e.val[n-1] <= 0 {
		return nil, fmt.Errorf("%w: no positive eigenvalue", ErrNotPositiveDefinite)
	}
	rank := 0
	for rank < n && e.val[n-1-rank] > tol*e.val[n-1] {
		rank++
	}
	w := mat.NewDense(rank, n, nil)
	for r := range rank {
		k := n - 1 - r
		s := inverseSqrt(e.val[k])
		for i := range n {
			w.Set(r, i, s*e.vec[i*n+k])
		}
	}
	return w, nil
}

const rankTol = 1e-10

// Congruence writes w·a·wᵀ to dst; w is m × n, a n × n, dst m × m and not a.
func Congruence(dst *mat.SymDense, w *mat.Dense, a *mat.SymDense) {
	m, n := w.Dims()
	if a.SymmetricDim() != n || dst.SymmetricDim() != m {
		panic(mat.ErrShape)
	}
	congruence(dst.RawSymmetric(), w.RawMatrix(), a.RawSymmetric(), make([]float64, m*n))
}

// congruence writes w·a·wᵀ to the upper triangle of dst; tmp holds m × n numbers.
func congruence(dst blas64.Symmetric, w blas64.General, a blas64.Symmetric, tmp []float64) {
	wa := blas64.General{Rows: w.Rows, Cols: w.Cols, Stride: w.Cols, Data: tmp[:w.Rows*w.Cols]}
	timesSymmetric(wa, w, a)
	for i := range w.Rows {
		row := wa.Data[i*wa.Stride : i*wa.Stride+w.Cols]
		for j := i; j < w.Rows; j++ {
			dst.Data[i*dst.Stride+j] = dot(row, w.Data[j*w.Stride:j*w.Stride+w.Cols])
		}
	}
}

// timesSymmetric writes w·a to dst, four rows at a time, with the sums in the order in which gonum's dsymm has them.
func timesSymmetric(dst, w blas64.General, a blas64.Symmetric) {
	n := a.N
	i := 0
	for ; i+4 <= w.Rows; i += 4 {
		w0, w1, w2, w3 := w.Data[i*w.Stride:][:n], w.Data[(i+1)*w.Stride:][:n], w.Data[(i+2)*w.Stride:][:n], w.Data[(i+3)*w.Stride:][:n]
		d0, d1, d2, d3 := dst.Data[i*dst.Stride:][:n], dst.Data[(i+1)*dst.Stride:][:n], dst.Data[(i+2)*dst.Stride:][:n], dst.Data[(i+3)*dst.Stride:][:n]
		for j := n - 1; j >= 0; j-- {
			row := a.Data[j*a.Stride:][:n]
			t0, t1, t2, t3 := w0[j], w1[j], w2[j], w3[j]
			var s0, s1, s2, s3 float64
			for k := j + 1; k < len(row); k++ {
				v := row[k]
				d0[k] += t0 * v
				d1[k] += t1 * v
				d2[k] += t2 * v
				d3[k] += t3 * v
				s0 += w0[k] * v
				s1 += w1[k] * v
				s2 += w2[k] * v
				s3 += w3[k] * v
			}
			v := row[j]
			d0[j], d1[j], d2[j], d3[j] = t0*v+s0, t1*v+s1, t2*v+s2, t3*v+s3
		}
	}
	if i < w.Rows {
		rest := blas64.General{Rows: w.Rows - i, Cols: n, Stride: w.Stride, Data: w.Data[i*w.Stride:]}
		blas64.Symm(blas.Right, 1, a, rest, 0, blas64.General{Rows: w.Rows - i, Cols: n, Stride: dst.Stride, Data: dst.Data[i*dst.Stride:]})
	}
}

// full copies both triangles of a symmetric matrix into a dense one.
func full(a *mat.SymDense) *mat.Dense {
	return mat.DenseCopyOf(a)
}
