package shrinkage_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/internal/shrinkage"
)

// TestOASOfAMatrix is that of the signal whose covariance it is, for all of it and for some of its rows.
func TestOASOfAMatrix(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 5))
	for _, p := range []int{1, 2, 7} {
		x := mat.NewDense(p, 90, nil)
		x.Apply(func(i, _ int, _ float64) float64 { return float64(i+1) * rng.NormFloat64() }, x)
		var w shrinkage.Workspace
		got, want := mat.NewSymDense(p, nil), mat.NewSymDense(p, nil)
		if _, err := w.Estimate(got, x, shrinkage.None); err != nil {
			t.Fatal(err)
		}
		a, err := shrinkage.OASOf(got, 90)
		if err != nil {
			t.Fatal(err)
		}
		b, err := w.Estimate(want, x, shrinkage.OAS)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(a-b) > 1e-12 || !mat.EqualApprox(got, want, 1e-12) {
			t.Errorf("%d rows: %v with %v, the signal has %v with %v", p, got, a, want, b)
		}
	}
	if _, err := shrinkage.OASOf(mat.NewSymDense(2, []float64{math.NaN(), 0, 0, 1}), 5); err == nil {
		t.Error("a matrix that is not finite is shrunk")
	}
}

// TestLedoitWolfOfAMatrix is that of the observations whose covariance it is.
func TestLedoitWolfOfAMatrix(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 5))
	for _, p := range []int{1, 2, 7} {
		const n = 40
		x := mat.NewDense(p, n, nil)
		x.Apply(func(i, _ int, _ float64) float64 { return float64(i+1) * rng.NormFloat64() }, x)
		fourth := 0.0
		for j := range n {
			col := mat.Col(nil, j, x)
			length := 0.0
			for i, v := range col {
				mean := mat.Sum(x.RowView(i)) / n
				length += (v - mean) * (v - mean)
			}
			fourth += length * length
		}
		var w shrinkage.Workspace
		got, want := mat.NewSymDense(p, nil), mat.NewSymDense(p, nil)
		if _, err := w.Estimate(got, x, shrinkage.None); err != nil {
			t.Fatal(err)
		}
		a, err := shrinkage.LedoitWolfOf(got, n, fourth)
		if err != nil {
			t.Fatal(err)
		}
		b, err := w.Estimate(want, x, shrinkage.LedoitWolf)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(a-b) > 1e-12 || !mat.EqualApprox(got, want, 1e-12) {
			t.Errorf("%d rows: %v with %v, the observations have %v with %v", p, got, a, want, b)
		}
	}
	if _, err := shrinkage.LedoitWolfOf(mat.NewSymDense(2, []float64{1, 0, 0, 1}), 5, math.NaN()); err == nil {
		t.Error("a moment that is not finite shrinks")
	}
}
