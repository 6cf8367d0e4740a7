package riemann_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/internal/testkit/race"
)

// spd draws a positive definite matrix with a condition below about 1e4.
func spd(t *rapid.T, n int, label string) *mat.SymDense {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, label), 4))
	return randomSPD(rng, n)
}

func randomSPD(rng *rand.Rand, n int) *mat.SymDense {
	b := randomDense(rng, n)
	s := mat.NewSymDense(n, nil)
	s.SymOuterK(1, b)
	for i := range n {
		s.SetSym(i, i, s.At(i, i)+0.1)
	}
	return s
}

func randomDense(rng *rand.Rand, n int) *mat.Dense {
	b := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n {
			b.Set(i, j, rng.NormFloat64())
		}
	}
	return b
}

func invertible(t *rapid.T, n int) *mat.Dense {
	w := randomDense(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "map"), 5)), n)
	for i := range n {
		w.Set(i, i, w.At(i, i)+4) // away from singular
	}
	return w
}

func averageReference(x *mat.Dense) {
	r, c := x.Dims()
	for j := range c {
		m := 0.0
		for i := range r {
			m += x.At(i, j) / float64(r)
		}
		for i := range r {
			x.Set(i, j, x.At(i, j)-m)
		}
	}
}

func agree(a, b, tol float64) bool { return math.Abs(a-b) <= tol*max(1, math.Abs(b)) }

func TestDistanceIsAMetricThatLinearMapsKeep(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		a, b, c := spd(t, n, "a"), spd(t, n, "b"), spd(t, n, "c")
		dist := func(x, y *mat.SymDense) float64 {
			d, err := riemann.Distance(x, y)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		d := dist(a, b)
		if !agree(dist(b, a), d, 1e-8) {
			t.Fatalf("d(a,b) = %v, d(b,a) = %v", d, dist(b, a))
		}
		if z := dist(a, a); z > 1e-7 {
			t.Fatalf("d(a,a) = %v", z)
		}
		if d > dist(a, c)+dist(c, b)+1e-8 {
			t.Fatalf("d(a,b) = %v exceeds the way over c, %v", d, dist(a, c)+dist(c, b))
		}
		w := invertible(t, n)
		wa, wb := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
		riemann.Congruence(wa, w, a)
		riemann.Congruence(wb, w, b)
		if !agree(dist(wa, wb), d, 1e-6) {
			t.Fatalf("d = %v, after a linear map %v", d, dist(wa, wb))
		}
	})
}

func TestMeanOfTwoIsTheMidpoint(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		a, b := spd(t, n, "a"), spd(t, n, "b")
		m, err := riemann.Mean([]*mat.SymDense{a, b}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ab, _ := riemann.Distance(a, b)
		am, err1 := riemann.Distance(a, m)
		mb, err2 := riemann.Distance(m, b)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if !agree(am, ab/2, 1e-5) || !agree(mb, ab/2, 1e-5) {
			t.Fatalf("distance %v, to the mean %v and %v", ab, am, mb)
		}
	})
}

func TestMeanMovesWithItsMatrices(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 5).Draw(t, "n")
		w := invertible(t, n)
		var covs, moved []*mat.SymDense
		for range 6 {
			c, m := spd(t, n, "c"), mat.NewSymDense(n, nil)
			riemann.Congruence(m, w, c)
			covs, moved = append(covs, c), append(moved, m)
		}
		mean, err1 := riemann.Mean(covs, nil)
		movedMean, err2 := riemann.Mean(moved, nil)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		want := mat.NewSymDense(n, nil)
		riemann.Congruence(want, w, mean)
		if d, err := riemann.Distance(movedMean, want); err != nil || d > 1e-4 {
			t.Fatalf("the mean of the moved matrices is %v from the moved mean (%v)", d, err)
		}
	})
}

func TestEqualWeightsAreNoWeights(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	covs := []*mat.SymDense{randomSPD(rng, 4), randomSPD(rng, 4), randomSPD(rng, 4)}
	m := must[*mat.SymDense](t)
	a, b := m(riemann.Mean(covs, nil)), m(riemann.Mean(covs, []float64{5, 5, 5}))
	if !mat.EqualApprox(a, b, 1e-10) {
		t.Error("weights 5, 5, 5 move the mean")
	}
	only := m(riemann.Mean(covs, []float64{0, 2, 0}))
	if !mat.EqualApprox(only, covs[1], 1e-7) {
		t.Error("the mean of one matrix is not that matrix")
	}
}

func TestFunctionsInvertEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "n")
		a := spd(t, n, "a")
		got, other := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
		check := func(what string, err error, want mat.Matrix, product mat.Matrix) {
			if err != nil {
				t.Fatal(what, err)
			}
			if !mat.EqualApprox(product, want, 1e-7*max(1, mat.Norm(a, math.Inf(1)))) {
				t.Fatalf("%s does not give the matrix back", what)
			}
		}
		check("exp of log", errors.Join(riemann.Logm(got, a), riemann.Expm(got, got)), a, got)
		err := riemann.Sqrtm(got, a)
		var p mat.Dense
		p.Mul(got, got)
		check("square of root", err, a, &p)
		err = riemann.InvSqrtm(other, a)
		p.Mul(got, other)
		eye := mat.NewDiagDense(n, nil)
		for i := range n {
			eye.SetDiag(i, 1)
		}
		check("root times inverse root", err, eye, &p)
	})
}

func TestTangentVectorIsAsLongAsTheDistance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "n")
		ref, c := spd(t, n, "ref"), spd(t, n, "c")
		ts, err := riemann.NewTangentSpace(ref)
		if err != nil {
			t.Fatal(err)
		}
		v, err := ts.Project(nil, c)
		if err != nil {
			t.Fatal(err)
		}
		length := 0.0
		for _, x := range v {
			length += x * x
		}
		d, err := riemann.Distance(ref, c)
		if err != nil {
			t.Fatal(err)
		}
		if !agree(math.Sqrt(length), d, 1e-8) {
			t.Fatalf("length %v, distance %v", math.Sqrt(length), d)
		}
		back := mat.NewSymDense(n, nil)
		if err := ts.Unproject(back, v); err != nil {
			t.Fatal(err)
		}
		if gap, err := riemann.Distance(c, back); err != nil || gap > 1e-6 {
			t.Fatalf("back from the tangent space it is %v away (%v)", gap, err)
		}
	})
}

func TestLostRankDoesNotFail(t *testing.T) {
	t.Parallel()
	trials := mixed(12, 8, 200, 3)
	for _, x := range trials {
		averageReference(x)
	}
	for name, kind := range map[string]riemann.Kind{"OAS": riemann.KindOAS, "Ledoit-Wolf": riemann.KindLedoitWolf} {
		covs := must[[]*mat.SymDense](t)(riemann.Covariances(trials, kind))
		ts := must[*riemann.TangentSpace](t)(riemann.FitTangentSpace(covs))
		for _, v := range must[*mat.Dense](t)(ts.ProjectAll(covs)).RawMatrix().Data {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%s: tangent vectors hold %v", name, v)
			}
		}
	}
	c := mat.NewSymDense(8, nil)
	if err := riemann.SCM(c, trials[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := riemann.Distance(c, c); !errors.Is(err, riemann.ErrNotPositiveDefinite) {
		t.Errorf("plain covariance after average reference: error %v, want ErrNotPositiveDefinite", err)
	}
	w := must[*mat.Dense](t)(riemann.Whitener(c, 0))
	if r, _ := w.Dims(); r != 7 {
		t.Fatalf("rank %d after average reference of 8 channels, want 7", r)
	}
	white := mat.NewSymDense(7, nil)
	riemann.Congruence(white, w, c)
	for i := range 7 {
		for j := range 7 {
			want := 0.0
			if i == j {
				want = 1
			}
			if math.Abs(white.At(i, j)-want) > 1e-8 {
				t.Fatalf("whitened element %d,%d is %v", i, j, white.At(i, j))
			}
		}
	}
	for _, x := range must[[]*mat.Dense](t)(riemann.EuclideanAlign(trials)) {
		if c, s, found := finite(x); !found {
			t.Fatalf("aligned signal is not finite at %d,%d", c, s)
		}
	}
}

func finite(x *mat.Dense) (int, int, bool) {
	r, c := x.Dims()
	for i := range r {
		for j := range c {
			if v := x.At(i, j); math.IsNaN(v) || math.IsInf(v, 0) {
				return i, j, false
			}
		}
	}
	return 0, 0, true
}

func TestAlignmentBringsTheMeanCovarianceToTheIdentity(t *testing.T) {
	t.Parallel()
	aligned := must[[]*mat.Dense](t)(riemann.EuclideanAlign(mixed(10, 6, 300, 4)))
	covs := make([]*mat.SymDense, len(aligned))
	for i, x := range aligned {
		covs[i] = mat.NewSymDense(6, nil)
		if err := riemann.Cov(covs[i], x); err != nil {
			t.Fatal(err)
		}
	}
	m := must[*mat.SymDense](t)(riemann.EuclidMean(covs, nil))
	for i := range 6 {
		for j := range 6 {
			want := 0.0
			if i == j {
				want = 1
			}
			if math.Abs(m.At(i, j)-want) > 1e-9 {
				t.Fatalf("element %d,%d of the mean is %v", i, j, m.At(i, j))
			}
		}
	}
}

func TestRecentringRemovesALinearShift(t *testing.T) {
	t.Parallel()
	covs := must[[]*mat.SymDense](t)(riemann.Covariances(mixed(8, 5, 300, 5), riemann.KindOAS))
	w := randomDense(rand.New(rand.NewPCG(8, 8)), 5)
	other := make([]*mat.SymDense, len(covs))
	for i, c := range covs {
		other[i] = mat.NewSymDense(5, nil)
		riemann.Congruence(other[i], w, c)
	}
	a := must[[]*mat.SymDense](t)(riemann.Recenter(covs, nil))
	b := must[[]*mat.SymDense](t)(riemann.Recenter(other, nil))
	for i := range a {
		// Both sets lie around the identity; they may differ by a rotation, which keeps the distance to it.
		eye := mat.NewSymDense(5, nil)
		for k := range 5 {
			eye.SetSym(k, k, 1)
		}
		da, db := must[float64](t)(riemann.Distance(eye, a[i])), must[float64](t)(riemann.Distance(eye, b[i]))
		if !agree(da, db, 1e-5) {
			t.Errorf("matrix %d is %v from the centre in one set, %v in the other", i, da, db)
		}
	}
}

func TestAJDFindsACommonMixing(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 6))
	mixing := randomDense(rng, 6)
	var covs []*mat.SymDense
	for range 4 {
		d := mat.NewSymDense(6, nil)
		for i := range 6 {
			d.SetSym(i, i, 0.5+5*rng.Float64())
		}
		c := mat.NewSymDense(6, nil)
		riemann.Congruence(c, mixing, d)
		covs = append(covs, c)
	}
	v := must[*mat.Dense](t)(riemann.AJD(covs, nil, riemann.AJDConfig{Tol: 1e-14, Sweeps: 200}))
	for _, c := range covs {
		d := mat.NewSymDense(6, nil)
		riemann.Congruence(d, v, c)
		for i := range 6 {
			for j := range i {
				if r := math.Abs(d.At(i, j)) / math.Sqrt(d.At(i, i)*d.At(j, j)); r > 1e-5 {
					t.Fatalf("sources %d and %d still correlate by %v", i, j, r)
				}
			}
		}
	}
}

func TestClassesThatDifferAreTold(t *testing.T) {
	t.Parallel()
	var covs []*mat.SymDense
	var labels []int
	for i, x := range mixed(40, 6, 200, 7) {
		label := i % 2
		for j := range 200 {
			x.Set(label, j, 2*x.At(label, j))
		}
		c := mat.NewSymDense(6, nil)
		if err := riemann.OAS(c, x); err != nil {
			t.Fatal(err)
		}
		covs, labels = append(covs, c), append(labels, label)
	}
	mdm := must[*riemann.MDM](t)(riemann.FitMDM(covs[:20], labels[:20], 2))
	fg := must[*riemann.FgMDM](t)(riemann.FitFgMDM(covs[:20], labels[:20], 2))
	for name, classify := range map[string]func([]float64, *mat.SymDense) ([]float64, error){
		"MDM": mdm.Probabilities, "FgMDM": fg.Probabilities,
	} {
		right := 0
		for i, c := range covs[20:] {
			p := must[[]float64](t)(classify(nil, c))
			if !agree(p[0]+p[1], 1, 1e-12) {
				t.Fatalf("%s: probabilities %v", name, p)
			}
			if p[labels[20+i]] > 0.5 {
				right++
			}
		}
		if right < 18 {
			t.Errorf("%s: %d of 20 right", name, right)
		}
	}
}

func TestBadDataIsAnError(t *testing.T) {
	t.Parallel()
	good := mat.NewSymDense(2, []float64{2, 1, 1, 2})
	nan := mat.NewSymDense(2, []float64{2, math.NaN(), math.NaN(), 2})
	inf := mat.NewSymDense(2, []float64{math.Inf(1), 0, 0, 2})
	indefinite := mat.NewSymDense(2, []float64{1, 2, 2, 1})
	zero := mat.NewSymDense(2, nil)
	signal := mat.NewDense(2, 3, []float64{1, 2, math.NaN(), 4, 5, 6})
	huge := mat.NewDense(2, 2, []float64{1e200, -1e200, 1, 2})
	dst := mat.NewSymDense(2, nil)
	err2 := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"covariance of NaN":              riemann.OAS(dst, signal),
		"covariance of numbers too big":  riemann.LedoitWolf(dst, huge),
		"covariance of nothing":          riemann.SCM(dst, new(mat.Dense)),
		"covariances of a nil trial":     err2(riemann.Covariances([]*mat.Dense{nil}, riemann.KindOAS)),
		"root of NaN":                    riemann.Sqrtm(dst, nan),
		"exponential of infinity":        riemann.Expm(dst, inf),
		"log of indefinite":              riemann.Logm(dst, indefinite),
		"inverse root of zero":           riemann.InvSqrtm(dst, zero),
		"whitener of zero":               err2(riemann.Whitener(zero, 0)),
		"whitener of NaN":                err2(riemann.Whitener(nan, 0)),
		"distance to indefinite":         err2(riemann.Distance(good, indefinite)),
		"distance from NaN":              err2(riemann.Distance(nan, good)),
		"mean of nothing":                err2(riemann.Mean(nil, nil)),
		"mean with NaN":                  err2(riemann.Mean([]*mat.SymDense{good, nan}, nil)),
		"mean with indefinite":           err2(riemann.Mean([]*mat.SymDense{good, good, indefinite}, nil)),
		"mean with negative weights":     err2(riemann.Mean([]*mat.SymDense{good, good}, []float64{1, -1})),
		"mean with zero weights":         err2(riemann.EuclidMean([]*mat.SymDense{good}, []float64{0})),
		"log-Euclidean mean with zero":   err2(riemann.LogEuclidMean([]*mat.SymDense{good, zero}, nil)),
		"tangent space at indefinite":    err2(riemann.NewTangentSpace(indefinite)),
		"alignment of nothing":           err2(riemann.EuclideanAlign(nil)),
		"alignment of flat trials":       err2(riemann.NewAligner([]*mat.Dense{mat.NewDense(2, 5, nil)})),
		"alignment of NaN":               err2(riemann.NewAligner([]*mat.Dense{signal})),
		"re-centring on zero":            err2(riemann.Recenter([]*mat.SymDense{good}, zero)),
		"diagonalization of zero":        err2(riemann.AJD([]*mat.SymDense{good, zero}, nil, riemann.AJDConfig{})),
		"MDM of one class":               err2(riemann.FitMDM([]*mat.SymDense{good}, []int{0}, 1)),
		"MDM with a label too high":      err2(riemann.FitMDM([]*mat.SymDense{good, good}, []int{0, 2}, 2)),
		"MDM with an empty class":        err2(riemann.FitMDM([]*mat.SymDense{good, good}, []int{0, 0}, 2)),
		"MDM with too few labels":        err2(riemann.FitMDM([]*mat.SymDense{good, good}, []int{0}, 2)),
		"MDM with an indefinite mean":    err2(riemann.NewMDM([]*mat.SymDense{good, indefinite})),
		"FgMDM of classes that are same": err2(riemann.FitFgMDM([]*mat.SymDense{good, good, good, good}, []int{0, 1, 0, 1}, 2)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if !errors.Is(err, riemann.ErrData) && !errors.Is(err, riemann.ErrNotPositiveDefinite) && !errors.Is(err, riemann.ErrLabels) {
			t.Errorf("%s: error %v wraps none of the package's", name, err)
		}
	}
	ts := must[*riemann.TangentSpace](t)(riemann.NewTangentSpace(good))
	if _, err := ts.Project(nil, nan); !errors.Is(err, riemann.ErrNotPositiveDefinite) {
		t.Errorf("projection of NaN: %v", err)
	}
	if err := ts.Unproject(dst, []float64{0, math.NaN(), 0}); !errors.Is(err, riemann.ErrNotPositiveDefinite) {
		t.Errorf("back projection of NaN: %v", err)
	}
}

func TestWrongShapesPanic(t *testing.T) {
	t.Parallel()
	two, three := mat.NewSymDense(2, []float64{2, 0, 0, 2}), mat.NewSymDense(3, nil)
	ts := must[*riemann.TangentSpace](t)(riemann.NewTangentSpace(two))
	for name, f := range map[string]func(){
		"covariance": func() { _ = riemann.OAS(three, mat.NewDense(2, 5, nil)) },
		"root":       func() { _ = riemann.Sqrtm(three, two) },
		"distance":   func() { _, _ = riemann.Distance(two, three) },
		"mean":       func() { _, _ = riemann.Mean([]*mat.SymDense{two, three}, nil) },
		"weights":    func() { _, _ = riemann.Mean([]*mat.SymDense{two, two}, []float64{1}) },
		"projection": func() { _, _ = ts.Project(make([]float64, 2), two) },
		"congruence": func() { riemann.Congruence(two, mat.NewDense(2, 3, nil), two) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestModelsRestoredFromTheirPartsAreTheSame(t *testing.T) {
	t.Parallel()
	covs := must[[]*mat.SymDense](t)(riemann.Covariances(mixed(9, 4, 100, 12), riemann.KindOAS))
	labels := []int{0, 1, 2, 0, 1, 2, 0, 1, 0}
	mdm := must[*riemann.MDM](t)(riemann.FitMDM(covs, labels, 3))
	fg := must[*riemann.FgMDM](t)(riemann.FitFgMDM(covs, labels, 3))
	ts := must[*riemann.TangentSpace](t)(riemann.FitTangentSpace(covs))
	mdm2 := must[*riemann.MDM](t)(riemann.NewMDM(mdm.Means()))
	fg2 := must[*riemann.FgMDM](t)(riemann.NewFgMDM(fg.Parts()))
	ts2 := must[*riemann.TangentSpace](t)(riemann.NewTangentSpace(ts.Reference()))
	vec := must[[]float64](t)
	for _, c := range covs {
		for name, pair := range map[string][2][]float64{
			"MDM":           {vec(mdm.Probabilities(nil, c)), vec(mdm2.Probabilities(nil, c))},
			"FgMDM":         {vec(fg.Distances(nil, c)), vec(fg2.Distances(nil, c))},
			"tangent space": {vec(ts.Project(nil, c)), vec(ts2.Project(nil, c))},
		} {
			for i, v := range pair[0] {
				if pair[1][i] != v {
					t.Fatalf("%s: value %d is %v, before it was %v", name, i, pair[1][i], v)
				}
			}
		}
	}
}

func TestFittedModelsAreShared(t *testing.T) {
	t.Parallel()
	covs := must[[]*mat.SymDense](t)(riemann.Covariances(mixed(8, 6, 100, 9), riemann.KindOAS))
	labels := []int{0, 1, 0, 1, 0, 1, 0, 1}
	ts := must[*riemann.TangentSpace](t)(riemann.FitTangentSpace(covs))
	mdm := must[*riemann.MDM](t)(riemann.FitMDM(covs, labels, 2))
	want := must[[]float64](t)(ts.Project(nil, covs[3]))
	wantP := must[[]float64](t)(mdm.Probabilities(nil, covs[3]))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				got, err := ts.Project(nil, covs[3])
				p, err2 := mdm.Probabilities(nil, covs[3])
				if err != nil || err2 != nil {
					t.Error(err, err2)
					return
				}
				for i := range want {
					if got[i] != want[i] {
						t.Errorf("element %d is %v, alone it was %v", i, got[i], want[i])
						return
					}
				}
				if p[0] != wantP[0] {
					t.Errorf("probability %v, alone it was %v", p[0], wantP[0])
					return
				}
			}
		})
	}
	wg.Wait()
}

// Not parallel: AllocsPerRun counts the allocations of the whole process.
func TestWarmCallsDoNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates by itself")
	}
	trials := mixed(6, 22, 300, 10)
	covs := must[[]*mat.SymDense](t)(riemann.Covariances(trials, riemann.KindOAS))
	ts := must[*riemann.TangentSpace](t)(riemann.FitTangentSpace(covs))
	mdm := must[*riemann.MDM](t)(riemann.FitMDM(covs, []int{0, 1, 0, 1, 0, 1}, 2))
	v, p, c := make([]float64, ts.Dim()), make([]float64, 2), mat.NewSymDense(22, nil)
	var err error
	for _, kind := range []riemann.Kind{riemann.KindSCM, riemann.KindOAS, riemann.KindLedoitWolf} {
		e := riemann.NewCovariance(kind)
		if n := testing.AllocsPerRun(20, func() { _, err = e.Estimate(c, trials[0]) }); n != 0 || err != nil {
			t.Errorf("covariance kind %d: %v allocations a call, error %v", kind, n, err)
		}
	}
	for name, f := range map[string]func(){
		"TangentSpace.Project":   func() { _, err = ts.Project(v, covs[0]) },
		"TangentSpace.Unproject": func() { err = ts.Unproject(c, v) },
		"MDM.Probabilities":      func() { _, err = mdm.Probabilities(p, covs[0]) },
	} {
		if n := testing.AllocsPerRun(20, f); n != 0 || err != nil {
			t.Errorf("%s: %v allocations a call, error %v", name, n, err)
		}
	}
}
