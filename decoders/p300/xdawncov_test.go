package p300_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/internal/testkit/golden"
)

// TestXDAWNCovariancesEqualPyRiemann holds each step on seeded epochs.
func TestXDAWNCovariancesEqualPyRiemann(t *testing.T) {
	t.Parallel()
	want := golden.Read[struct {
		X                                 [][][]float64
		Y                                 []int
		Filters, Prototype, Mean, Tangent [][]float64
		Covariances                       [][][]float64
		Decision                          []float64
	}](t, "xdawncov")
	same := func(what string, got mat.Matrix, rows [][]float64) {
		t.Helper()
		for i, r := range rows {
			for j, w := range r {
				if v := got.At(i, j); math.Abs(v-w) > 1e-6*max(1, math.Abs(w)) {
					t.Errorf("%s at %d, %d: %.12g, want %.12g", what, i, j, v, w)
				}
			}
		}
	}
	var epochs []p300.Epoch
	for i, x := range want.X {
		d := mat.NewDense(len(x), len(x[0]), nil)
		for c, row := range x {
			d.SetRow(c, row)
		}
		epochs = append(epochs, p300.Epoch{Data: d, Target: want.Y[i] == 1})
	}
	x, err := p300.FitXDAWNByClass(epochs, 2)
	if err != nil {
		t.Fatal(err)
	}
	same("filters", x.Filters, want.Filters)
	same("prototype", x.Prototype, want.Prototype)
	m, bins := x.Prototype.Dims()
	covs := make([]*mat.SymDense, len(epochs))
	for i, e := range epochs {
		stack := mat.NewDense(2*m, bins, nil)
		stack.Slice(0, m, 0, bins).(*mat.Dense).Copy(x.Prototype)
		stack.Slice(m, 2*m, 0, bins).(*mat.Dense).Mul(x.Filters, e.Data)
		covs[i] = mat.NewSymDense(2*m, nil)
		if err := riemann.OAS(covs[i], stack); err != nil {
			t.Fatal(err)
		}
		if i < len(want.Covariances) {
			same("covariance", covs[i], want.Covariances[i])
		}
	}
	space, err := riemann.FitTangentSpace(covs)
	if err != nil {
		t.Fatal(err)
	}
	same("mean", space.Reference(), want.Mean)
	vectors, err := space.ProjectAll(covs)
	if err != nil {
		t.Fatal(err)
	}
	same("tangent vector", vectors, want.Tangent)
	lr, err := classify.FitLogistic(vectors, want.Y, 2, classify.LogisticConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want.Decision {
		if got := lr.Decision(vectors.RawRowView(i)); math.Abs(got-w) > 1e-5*max(1, math.Abs(w)) {
			t.Errorf("decision of epoch %d: %.9g, want %.9g", i, got, w)
		}
	}
}
