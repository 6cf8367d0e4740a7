package motorimagery_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/testkit/golden"
)

func sym(rows [][]float64) *mat.SymDense {
	m := mat.NewSymDense(len(rows), nil)
	for i, row := range rows {
		for j := i; j < len(row); j++ {
			m.SetSym(i, j, row[j])
		}
	}
	return m
}

func close(a, b, tol float64) bool { return math.Abs(a-b) <= tol*max(1, math.Abs(b)) }

func TestCSPEqualsMNE(t *testing.T) {
	t.Parallel()
	type reference struct {
		Covs        [][][]float64 `json:"covs"`
		Filters     [][]float64   `json:"filters"`
		Eigenvalues []float64     `json:"eigenvalues"`
		Trial       [][]float64   `json:"trial"`
		LogPower    []float64     `json:"log_power"`
	}
	cases := golden.Read[struct{ Two, Referenced, Three, Four reference }](t, "csp")
	for name, ref := range map[string]reference{
		"two classes": cases.Two, "average reference": cases.Referenced, "three classes": cases.Three, "four classes": cases.Four,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			covs := make([]*mat.SymDense, len(ref.Covs))
			for k, c := range ref.Covs {
				covs[k] = sym(c)
			}
			csp, err := motorimagery.FitCSP(covs, nil, 4)
			if err != nil {
				t.Fatal(err)
			}
			// Two classes are an eigenvalue problem; joint diagonalization stops at 1e-6 by the criterion.
			tol := 1e-6
			if len(covs) > 2 {
				tol = 1e-4
			}
			for i, want := range ref.Eigenvalues {
				if got := csp.Eigenvalues[i]; !close(got, want, 1e-9) {
					t.Errorf("eigenvalue %d = %v, MNE has %v", i, got, want)
				}
			}
			for i, want := range ref.Filters {
				got := csp.Filters.RawRowView(i)
				sign, largest := 0.0, 0.0
				for j := range want {
					sign += got[j] * want[j]
					largest = max(largest, math.Abs(want[j]))
				}
				for j := range want {
					if g := math.Copysign(got[j], got[j]*sign); math.Abs(g-want[j]) > tol*largest && math.Abs(-g-want[j]) > tol*largest {
						t.Errorf("filter %d channel %d = %v, MNE has %v", i, j, got[j], want[j])
					}
				}
			}
			for i, got := range csp.LogPower(nil, sym(ref.Trial)) {
				if !close(got, ref.LogPower[i], tol) {
					t.Errorf("log power %d = %v, MNE has %v", i, got, ref.LogPower[i])
				}
			}
		})
	}
}

// TestCSPDiagonalizes holds what the filters are defined by: unit power over the sum of the classes, the eigenvalue
// as the share of class 0, no correlation between components.
func TestCSPDiagonalizes(t *testing.T) {
	t.Parallel()
	const n = 10
	rng := rand.New(rand.NewPCG(5, 5))
	random := func() *mat.SymDense {
		a := mat.NewDense(n, 40, nil)
		a.Apply(func(int, int, float64) float64 { return rng.NormFloat64() }, a)
		var c mat.SymDense
		c.SymOuterK(1, a)
		return &c
	}
	a, b := random(), random()
	csp, err := motorimagery.FitCSP([]*mat.SymDense{a, b}, nil, n)
	if err != nil {
		t.Fatal(err)
	}
	power := func(c *mat.SymDense) *mat.Dense {
		var m mat.Dense
		m.Product(csp.Filters, c, csp.Filters.T())
		return &m
	}
	pa, pb := power(a), power(b)
	for i := range n {
		for j := range n {
			wantA, wantB := 0.0, 0.0
			if i == j {
				wantA, wantB = csp.Eigenvalues[i], 1-csp.Eigenvalues[i]
			}
			if math.Abs(pa.At(i, j)-wantA) > 1e-10 || math.Abs(pb.At(i, j)-wantB) > 1e-10 {
				t.Errorf("components %d and %d: %v of class 0 and %v of class 1, want %v and %v", i, j, pa.At(i, j), pb.At(i, j), wantA, wantB)
			}
		}
	}
	for i := 1; i < n; i++ {
		if math.Abs(csp.Eigenvalues[i]-0.5) > math.Abs(csp.Eigenvalues[i-1]-0.5) {
			t.Errorf("eigenvalues %v are not ordered by their distance to ½", csp.Eigenvalues)
		}
	}
}

func TestCSPKeepsToTheRank(t *testing.T) {
	t.Parallel()
	// Rank 3 of 6: three sources seen by six electrodes, as after removing three independent components.
	rng := rand.New(rand.NewPCG(6, 6))
	mix := mat.NewDense(6, 3, nil)
	mix.Apply(func(int, int, float64) float64 { return rng.NormFloat64() }, mix)
	class := func(gains ...float64) *mat.SymDense {
		m := mat.DenseCopyOf(mix)
		for j, g := range gains {
			for i := range 6 {
				m.Set(i, j, g*m.At(i, j))
			}
		}
		var c mat.SymDense
		c.SymOuterK(1, m)
		return &c
	}
	csp, err := motorimagery.FitCSP([]*mat.SymDense{class(1, 1, 3), class(1, 3, 1)}, nil, 6)
	if err != nil {
		t.Fatal(err)
	}
	if k, _ := csp.Filters.Dims(); k != 3 {
		t.Fatalf("%d filters from data of rank 3", k)
	}
	want := []float64{0.9, 0.1, 0.5} // 3²/(3²+1²), 1²/(1²+3²), equal
	for i, v := range csp.Eigenvalues {
		if math.Abs(v-want[i]) > 1e-9 && math.Abs(1-v-want[i]) > 1e-9 {
			t.Errorf("eigenvalues %v, want %v", csp.Eigenvalues, want)
		}
	}
	if _, err := motorimagery.FitCSP([]*mat.SymDense{mat.NewSymDense(3, nil), mat.NewSymDense(3, nil)}, nil, 2); err == nil {
		t.Error("covariances of zeros were accepted")
	}
}

func TestMutualInformationEqualsScipy(t *testing.T) {
	t.Parallel()
	want := golden.Read[struct {
		Information []struct {
			X      []float64
			Labels []int
			Bits   float64
		}
	}](t, "csp")
	if len(want.Information) == 0 {
		t.Fatal("the golden file lacks a part")
	}
	for i, w := range want.Information {
		if got := motorimagery.MutualInformation(w.X, w.Labels, 2); !close(got, w.Bits, 1e-9) {
			t.Errorf("case %d: %v bit, scipy has %v", i, got, w.Bits)
		}
	}
}
