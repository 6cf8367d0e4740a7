package riemann_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/internal/testkit/golden"
)

type goldens struct {
	X                [][][]float64 // trials × channels × samples
	Y                []int
	Covariances      map[string][][][]float64
	CovariancesShort map[string][][][]float64 `json:"covariances_short"`
	Shrinkage        map[string][]float64
	Functions        map[string][][]float64
	Mean             [][]float64
	MeanWeighted     [][]float64 `json:"mean_weighted"`
	Weights          []float64
	MeanEuclid       [][]float64 `json:"mean_euclid"`
	MeanLogEuclid    [][]float64 `json:"mean_logeuclid"`
	Distances        []float64
	Tangent          [][]float64
	Untangent        [][]float64
	Geodesic         [][]float64
	MDM              struct{ Distances, Probabilities [][]float64 }
	FgMDM            struct {
		Distances    [][]float64
		DistancesTwo [][]float64 `json:"distances_two"`
	}
	AJD         [][]float64
	AJDWeighted [][]float64 `json:"ajd_weighted"`
	Aligned     [][]float64
	Recentred   [][]float64
}

func load(t testing.TB) goldens {
	t.Helper()
	return golden.Read[goldens](t, "riemann")
}

func dense(rows [][]float64) *mat.Dense {
	m := mat.NewDense(len(rows), len(rows[0]), nil)
	for i, r := range rows {
		m.SetRow(i, r)
	}
	return m
}

func (g goldens) trials() []*mat.Dense {
	out := make([]*mat.Dense, len(g.X))
	for i, x := range g.X {
		out[i] = dense(x)
	}
	return out
}

func (g goldens) covs(t testing.TB) []*mat.SymDense {
	t.Helper()
	covs, err := riemann.Covariances(g.trials(), riemann.KindOAS)
	if err != nil {
		t.Fatal(err)
	}
	return covs
}

// equal holds got to want within 1e-6 of each value; near zeros, within 1e-8 of the largest value.
func equal(t *testing.T, what string, got mat.Matrix, want [][]float64) {
	t.Helper()
	r, c := got.Dims()
	if r != len(want) || c != len(want[0]) {
		t.Fatalf("%s: %d × %d, want %d × %d", what, r, c, len(want), len(want[0]))
	}
	largest := mat.Norm(dense(want), math.Inf(1))
	for i := range want {
		for j, w := range want[i] {
			if v := got.At(i, j); !(math.Abs(v-w) <= 1e-6*math.Abs(w)+1e-8*largest) {
				t.Fatalf("%s: element %d,%d is %.12g, want %.12g", what, i, j, v, w)
			}
		}
	}
}

func vector(x []float64) *mat.Dense { return mat.NewDense(1, len(x), x) }

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestCovariancesEqualScikitLearn(t *testing.T) {
	t.Parallel()
	g := load(t)
	kinds := map[string]riemann.Kind{"scm": riemann.KindSCM, "oas": riemann.KindOAS, "ledoit_wolf": riemann.KindLedoitWolf}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := riemann.NewCovariance(kind)
			for i, want := range g.Covariances[name] {
				c := mat.NewSymDense(len(want), nil)
				s, err := e.Estimate(c, dense(g.X[i]))
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "covariance", c, want)
				if kind != riemann.KindSCM {
					equal(t, "shrinkage", vector([]float64{s}), [][]float64{{g.Shrinkage[name][i]}})
				}
			}
			for i, want := range g.CovariancesShort[name] {
				x := mat.DenseCopyOf(dense(g.X[i]).Slice(0, len(want), 0, 4))
				c := mat.NewSymDense(len(want), nil)
				if _, err := e.Estimate(c, x); err != nil {
					t.Fatal(err)
				}
				equal(t, "covariance of 4 samples", c, want)
			}
		})
	}
}

func TestFunctionsEqualPyRiemann(t *testing.T) {
	t.Parallel()
	g := load(t)
	c := g.covs(t)[0]
	for name, f := range map[string]func(dst, a *mat.SymDense) error{
		"sqrtm":    riemann.Sqrtm,
		"invsqrtm": riemann.InvSqrtm,
		"logm":     riemann.Logm,
		"expm": func(dst, a *mat.SymDense) error {
			dst.ScaleSym(1.0/50, a)
			return riemann.Expm(dst, dst)
		},
		"powm": func(dst, a *mat.SymDense) error { return riemann.Powm(dst, a, 0.3) },
	} {
		dst := mat.NewSymDense(c.SymmetricDim(), nil)
		if err := f(dst, c); err != nil {
			t.Fatal(err)
		}
		equal(t, name, dst, g.Functions[name])
	}
}

func TestMeansAndDistancesEqualPyRiemann(t *testing.T) {
	t.Parallel()
	g := load(t)
	covs := g.covs(t)
	m := must[*mat.SymDense](t)
	equal(t, "mean", m(riemann.Mean(covs, nil)), g.Mean)
	equal(t, "weighted mean", m(riemann.Mean(covs, g.Weights)), g.MeanWeighted)
	equal(t, "Euclidean mean", m(riemann.EuclidMean(covs, nil)), g.MeanEuclid)
	equal(t, "log-Euclidean mean", m(riemann.LogEuclidMean(covs, nil)), g.MeanLogEuclid)
	d := make([]float64, len(covs)-1)
	for i, b := range covs[1:] {
		d[i] = must[float64](t)(riemann.Distance(covs[0], b))
	}
	equal(t, "distance", vector(d), [][]float64{g.Distances})
}

func TestTangentSpaceEqualsPyRiemann(t *testing.T) {
	t.Parallel()
	g := load(t)
	covs := g.covs(t)
	ts := must[*riemann.TangentSpace](t)(riemann.FitTangentSpace(covs))
	v := must[*mat.Dense](t)(ts.ProjectAll(covs))
	equal(t, "tangent vectors", v, g.Tangent)
	half := v.RawRowView(2)
	for i := range half {
		half[i] /= 2
	}
	back := mat.NewSymDense(covs[0].SymmetricDim(), nil)
	if err := ts.Unproject(back, half); err != nil {
		t.Fatal(err)
	}
	equal(t, "back from the tangent space", back, g.Untangent)
	between := mat.NewSymDense(back.SymmetricDim(), nil)
	if err := riemann.Geodesic(between, covs[0], covs[1], 0.3); err != nil {
		t.Fatal(err)
	}
	equal(t, "point on the geodesic", between, g.Geodesic)
}

func TestMinimumDistanceEqualsPyRiemann(t *testing.T) {
	t.Parallel()
	g := load(t)
	covs := g.covs(t)
	mdm := must[*riemann.MDM](t)(riemann.FitMDM(covs, g.Y, 3))
	n := len(covs) - 2 // see numerics.py
	fg := must[*riemann.FgMDM](t)(riemann.FitFgMDM(covs[:n], g.Y[:n], 3))
	var two []*mat.SymDense
	var labels []int
	for i, y := range g.Y {
		if y < 2 {
			two, labels = append(two, covs[i]), append(labels, y)
		}
	}
	fg2 := must[*riemann.FgMDM](t)(riemann.FitFgMDM(two, labels, 2))
	vec := must[[]float64](t)
	for i, c := range covs {
		equal(t, "MDM distance", vector(vec(mdm.Distances(nil, c))), g.MDM.Distances[i:i+1])
		equal(t, "MDM probability", vector(vec(mdm.Probabilities(nil, c))), g.MDM.Probabilities[i:i+1])
		equal(t, "FgMDM distance", vector(vec(fg.Distances(nil, c))), g.FgMDM.Distances[i:i+1])
		equal(t, "FgMDM distance, two classes", vector(vec(fg2.Distances(nil, c))), g.FgMDM.DistancesTwo[i:i+1])
	}
}

func TestAlignmentEqualsPyRiemann(t *testing.T) {
	t.Parallel()
	g := load(t)
	aligned := must[[]*mat.Dense](t)(riemann.EuclideanAlign(g.trials()))
	equal(t, "aligned signal", aligned[4], g.Aligned)
	moved := must[[]*mat.SymDense](t)(riemann.Recenter(g.covs(t), nil))
	equal(t, "re-centred covariance", moved[3], g.Recentred)
}

func TestAJDEqualsPyRiemann(t *testing.T) {
	t.Parallel()
	g := load(t)
	covs := g.covs(t)
	means := make([]*mat.SymDense, 3)
	for k := range means {
		var group []*mat.SymDense
		for i, y := range g.Y {
			if y == k {
				group = append(group, covs[i])
			}
		}
		means[k] = must[*mat.SymDense](t)(riemann.EuclidMean(group, nil))
	}
	v := must[*mat.Dense](t)
	equal(t, "diagonalizer", v(riemann.AJD(means, nil, riemann.AJDConfig{})), g.AJD)
	w := []float64{1, 2, 3}
	equal(t, "weighted diagonalizer", v(riemann.AJD(means, w, riemann.AJDConfig{Tol: 1e-9, Sweeps: 100})), g.AJDWeighted)
}
