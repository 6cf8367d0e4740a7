package riemann

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
)

// TestEigenEqualsLAPACK compares eigenvalues and eigenvectors with gonum's own symmetric solver, bit for bit: of matrices
// of full and of lower rank, that fall apart into blocks, with equal eigenvalues, and of all magnitudes.
func TestEigenEqualsLAPACK(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 7))
	random := func(n, rank int) *mat.SymDense {
		x := mat.NewDense(n, rank, nil)
		for i := range n {
			for j := range rank {
				x.Set(i, j, rng.NormFloat64()*math.Exp(-float64(j)/8))
			}
		}
		a := mat.NewSymDense(n, nil)
		a.SymOuterK(1, x)
		return a
	}
	cases := map[string]*mat.SymDense{"one": mat.NewSymDense(1, []float64{3}), "zero": mat.NewSymDense(4, nil), "identity": mat.NewSymDense(5, nil)}
	for i := range 5 {
		cases["identity"].SetSym(i, i, 1)
	}
	for _, n := range []int{2, 3, 5, 8, 17, 22, 33, 64} {
		for name, rank := range map[string]int{"full": 2 * n, "low": max(1, n/2)} {
			a := random(n, rank)
			cases[name+string(rune('A'+n))] = a
			blocks := mat.NewSymDense(n, nil)
			for i := range n {
				for j := i; j < n; j++ {
					if (i < n/2) == (j < n/2) {
						blocks.SetSym(i, j, a.At(i, j))
					}
				}
			}
			cases["blocks "+name+string(rune('A'+n))] = blocks
			for label, k := range map[string]float64{"tiny": 1e-170, "small": 1e-120, "large": 1e120, "huge": 1e170} {
				scaled := mat.NewSymDense(n, nil)
				scaled.ScaleSym(k, a)
				cases[label+name+string(rune('A'+n))] = scaled
			}
		}
	}
	for name, a := range cases {
		n := a.SymmetricDim()
		e := newEigen(n)
		if err := e.factor(a, true); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := newEigen(n)
		want.load(a)
		if !lapack64.Syev(lapack.EVCompute, want.sym(), want.val, want.work, len(want.work)) {
			t.Fatalf("%s: gonum does not converge", name)
		}
		for i := range want.val {
			if math.Float64bits(e.val[i]) != math.Float64bits(want.val[i]) {
				t.Fatalf("%s: eigenvalue %d is %v, gonum has %v", name, i, e.val[i], want.val[i])
			}
		}
		for i := range want.vec {
			if e.vec[i] != want.vec[i] {
				t.Fatalf("%s: element %d of the eigenvectors is %v, gonum has %v", name, i, e.vec[i], want.vec[i])
			}
		}
	}
}

func TestTimesSymmetricEqualsBLAS(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for _, shape := range [][2]int{{1, 1}, {2, 5}, {4, 4}, {7, 3}, {9, 22}, {64, 64}} {
		m, n := shape[0], shape[1]
		w, a := mat.NewDense(m, n, nil), mat.NewSymDense(n, nil)
		for i := range n {
			for k := range m {
				w.Set(k, i, rng.NormFloat64())
			}
			for j := i; j < n; j++ {
				a.SetSym(i, j, rng.NormFloat64())
			}
		}
		got, want := mat.NewDense(m, n, nil), mat.NewDense(m, n, nil)
		timesSymmetric(got.RawMatrix(), w.RawMatrix(), a.RawSymmetric())
		blas64.Symm(blas.Right, 1, a.RawSymmetric(), w.RawMatrix(), 0, want.RawMatrix())
		if !mat.Equal(got, want) {
			t.Errorf("%d × %d differs from gonum's", m, n)
		}
	}
}

func BenchmarkCongruence(b *testing.B) {
	const n = 64
	a, w, dst := mat.NewSymDense(n, nil), mat.NewDense(n, n, nil), mat.NewSymDense(n, nil)
	for i := range n {
		a.SetSym(i, i, 1)
		w.Set(i, i, 2)
	}
	tmp := make([]float64, n*n)
	for b.Loop() {
		congruence(dst.RawSymmetric(), w.RawMatrix(), a.RawSymmetric(), tmp)
	}
}

func BenchmarkEigen(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 64
	a := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			a.SetSym(i, j, rng.NormFloat64())
		}
	}
	e := newEigen(n)
	for name, factor := range map[string]func(){
		"ours":  func() { _ = e.factor(a, true) },
		"gonum": func() { e.load(a); lapack64.Syev(lapack.EVCompute, e.sym(), e.val, e.work, len(e.work)) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				factor()
			}
		})
	}
}
