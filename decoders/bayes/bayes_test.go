package bayes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/internal/testkit/golden"
	"github.com/neurod/neurod/internal/testkit/race"
)

type goldenPrior struct {
	Mean  []float64   `json:"mean"`
	Kappa float64     `json:"kappa"`
	Psi   [][]float64 `json:"psi"`
	Nu    float64     `json:"nu"`
	Count float64     `json:"count"`
}

func (g goldenPrior) prior() Prior {
	p := len(g.Mean)
	psi := mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			psi.SetSym(i, j, g.Psi[i][j])
		}
	}
	return Prior{Mean: g.Mean, Kappa: g.Kappa, Psi: psi, Nu: g.Nu, Count: max(g.Count, 1)}
}

type goldens struct {
	LDA struct {
		X, Test       [][]float64
		Y             []int
		Prior         goldenPrior
		Psi           [][]float64
		Densities     [][]float64
		Probabilities [][]float64
	}
	GMM struct {
		X, Test          [][]float64
		Start            []int
		Prior            goldenPrior
		Alpha, Kappa, Nu []float64
		Means            [][]float64
		Psi              [][][]float64
		Density          []float64
	}
}

// load reads what tools/golden/bayes.py wrote.
func load(t testing.TB) goldens {
	t.Helper()
	return golden.Read[goldens](t, "bayes")
}

func dense(rows [][]float64) *mat.Dense {
	m := mat.NewDense(len(rows), len(rows[0]), nil)
	for i, r := range rows {
		m.SetRow(i, r)
	}
	return m
}

// psi returns Ψ, p × p in row-major order.
func (u root) psi(p int) []float64 {
	out := make([]float64, p*p)
	for k := range p {
		row := u[k*p : (k+1)*p]
		for i := k; i < p; i++ {
			for j := k; j < p; j++ {
				out[i*p+j] += row[i] * row[j]
			}
		}
	}
	return out
}

// near compares by the larger of 1 and the wanted size.
func near(t testing.TB, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(1, math.Abs(want))) {
		t.Errorf("%s: got %.15g, want %.15g", what, got, want)
	}
}

func TestPredictiveEqualsScipy(t *testing.T) {
	t.Parallel()
	g := load(t).LDA
	l, err := FitLDA(dense(g.X), g.Y, len(g.Densities[0]), g.Prior.prior())
	if err != nil {
		t.Fatal(err)
	}
	psi := l.root.psi(l.p)
	for i, row := range g.Psi {
		for j, want := range row {
			near(t, fmt.Sprintf("Ψ %d %d", i, j), psi[i*l.p+j], want, 1e-10)
		}
	}
	for i, x := range g.Test {
		for k, got := range l.LogDensities(nil, x) {
			near(t, fmt.Sprintf("log density of sample %d under class %d", i, k), got, g.Densities[i][k], 1e-9)
		}
		for k, got := range classify.Softmax(nil, l.Scores(nil, x)) {
			near(t, fmt.Sprintf("probability of sample %d in class %d", i, k), got, g.Probabilities[i][k], 1e-9)
		}
	}
}

func TestMixtureEqualsScikitLearn(t *testing.T) {
	t.Parallel()
	g := load(t).GMM
	mix, err := fitMixture(g.X, g.Start, len(g.Alpha), g.Prior.prior(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for j, c := range mix {
		near(t, "alpha", c.alpha, g.Alpha[j], 1e-7)
		near(t, "kappa", c.kappa, g.Kappa[j], 1e-7)
		near(t, "nu", c.nu, g.Nu[j], 1e-7)
		for i, want := range g.Means[j] {
			near(t, "mean", c.mean[i], want, 1e-6)
		}
		p := len(c.mean)
		psi := c.root.psi(p)
		for a, row := range g.Psi[j] {
			for b, want := range row {
				near(t, "Ψ", psi[a*p+b], want, 1e-6)
			}
		}
	}
	model, err := (&GMM{p: len(g.X[0]), classes: [][]component{mix, mix}, counts: []float64{1, 1}}).ready()
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range g.Test {
		near(t, "density", model.LogDensities(nil, x)[0], g.Density[i], 1e-7)
	}
}

// samples draws n samples of p correlated features whose mean and spread depend on the class.
func samples(rng *rand.Rand, n, p, classes int) (*mat.Dense, []int) {
	mixing := mat.NewDense(p, p, nil)
	for i := range p {
		for j := range p {
			mixing.Set(i, j, 0.4*rng.NormFloat64())
		}
		mixing.Set(i, i, 1+rng.Float64())
	}
	x, y := mat.NewDense(n, p, nil), make([]int, n)
	v, out := mat.NewVecDense(p, nil), mat.NewVecDense(p, nil)
	for i := range n {
		y[i] = i % classes
		for j := range p {
			v.SetVec(j, (1+0.5*float64(y[i]))*rng.NormFloat64()+float64(y[i]*((j+y[i])%2)))
		}
		out.MulVec(mixing, v)
		x.SetRow(i, out.RawVector().Data)
	}
	return x, y
}

func somePrior(p int) Prior {
	psi := mat.NewSymDense(p, nil)
	for i := range p {
		psi.SetSym(i, i, 1+0.1*float64(i))
	}
	return Prior{Mean: make([]float64, p), Kappa: 0.5, Psi: psi, Nu: float64(p) + 2, Count: 1}
}

// TestUpdatesEqualTheBatch learns the samples of a set one by one, in any order, after any number learned at once.
func TestUpdatesEqualTheBatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		p, classes := rapid.IntRange(1, 8).Draw(t, "p"), rapid.IntRange(2, 4).Draw(t, "classes")
		n := rapid.IntRange(classes+1, 80).Draw(t, "n")
		first := rapid.IntRange(classes, n-1).Draw(t, "first")
		rng := rand.New(rand.NewPCG(seed, 1))
		x, y := samples(rng, n, p, classes)
		prior := somePrior(p)
		batch, err := FitLDA(x, y, classes, prior)
		if err != nil {
			t.Fatal(err)
		}
		online, err := FitLDA(x.Slice(0, first, 0, p).(*mat.Dense), y[:first], classes, prior)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range rng.Perm(n - first) {
			if online, err = online.Update(x.RawRowView(first+i), y[first+i]); err != nil {
				t.Fatal(err)
			}
		}
		for name, want := range batch.Arrays() {
			got := online.Arrays()[name]
			for i, v := range want.Data {
				if math.Abs(got.Data[i]-v) > 1e-9*max(1, math.Abs(v)) {
					t.Fatalf("%s at %d: %.15g after single updates, %.15g at once", name, i, got.Data[i], v)
				}
			}
		}
		for range 5 {
			z := make([]float64, p)
			for j := range z {
				z[j] = 3 * rng.NormFloat64()
			}
			a, b := batch.Scores(nil, z), online.Scores(nil, z)
			for k := range a {
				if math.Abs(a[k]-b[k]) > 1e-9*max(1, math.Abs(a[k])) {
					t.Fatalf("score of class %d: %.15g online, %.15g at once", k, b[k], a[k])
				}
			}
		}
	})
}

// TestMixtureUpdatesEqualTheBatch does the same for mixtures with the shares of the components given.
func TestMixtureUpdatesEqualTheBatch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		p, m := rapid.IntRange(1, 6).Draw(t, "p"), rapid.IntRange(1, 3).Draw(t, "components")
		n := rapid.IntRange(4, 60).Draw(t, "n")
		rng := rand.New(rand.NewPCG(seed, 2))
		x, _ := samples(rng, n, p, 2)
		rows, shares := make([][]float64, n), make([][]float64, n)
		for i := range rows {
			rows[i], shares[i] = x.RawRowView(i), make([]float64, m)
			sum := 0.0
			for j := range m {
				shares[i][j] = rng.Float64()
				sum += shares[i][j]
			}
			for j := range m {
				shares[i][j] /= sum
			}
		}
		prior := somePrior(p)
		build := func(n int) *GMM {
			mix, err := posterior(rows[:n], shares[:n], m, prior, 1)
			if err != nil {
				t.Fatal(err)
			}
			g, err := (&GMM{p: p, classes: [][]component{mix, slices.Clone(mix)}, counts: []float64{float64(n), 1}}).ready()
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		batch, online := build(n), build(2)
		for i := 2; i < n; i++ {
			var err error
			if online, err = online.updateShared(rows[i], 0, shares[i]); err != nil {
				t.Fatal(err)
			}
		}
		for j, want := range batch.classes[0] {
			got := online.classes[0][j]
			for _, c := range []struct {
				name      string
				got, want []float64
			}{{"mean", got.mean, want.mean}, {"root", got.root, want.root}, {"α, κ, ν", []float64{got.alpha, got.kappa, got.nu}, []float64{want.alpha, want.kappa, want.nu}}} {
				for i, v := range c.want {
					if math.Abs(c.got[i]-v) > 1e-9*max(1, math.Abs(v)) {
						t.Fatalf("%s at %d of component %d: %.15g after single updates, %.15g at once", c.name, i, j, c.got[i], v)
					}
				}
			}
		}
	})
}

// TestEvidenceIsTheChainOfPredictions holds the two against each other: the probability of all samples is the product of
// the probability of each given those before it.
func TestEvidenceIsTheChainOfPredictions(t *testing.T) {
	t.Parallel()
	const seed, p, classes, n = 5, 3, 2, 25
	rng := rand.New(rand.NewPCG(seed, 3))
	x, y := samples(rng, n, p, classes)
	prior := somePrior(p)
	l := &LDA{p: p, nu: prior.Nu, counts: make([]float64, classes)}
	l.root, _ = prior.factor()
	for range classes {
		l.classes = append(l.classes, normal{mean: prior.Mean, kappa: prior.Kappa})
	}
	l, err := l.ready()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, k := range y {
		sum += l.LogDensities(nil, x.RawRowView(i))[k]
		if l, err = l.Update(x.RawRowView(i), k); err != nil {
			t.Fatal(err)
		}
	}
	near(t, "evidence", evidence(groups(x, y, classes), prior, true), sum, 1e-9)

	// With a covariance for each class the classes are sets of their own.
	apart := 0.0
	for k := range classes {
		var one []group
		one = append(one, groups(x, y, classes)[k])
		apart += evidence(one, prior, true)
	}
	near(t, "evidence of classes apart", evidence(groups(x, y, classes), prior, false), apart, 1e-9)
}

// classifiers trains both kinds on the same samples.
func classifiers(t testing.TB, x *mat.Dense, y []int, classes int) (*LDA, *GMM) {
	t.Helper()
	l, err := TrainLDA(x, y, classes)
	if err != nil {
		t.Fatal(err)
	}
	g, err := TrainGMM(x, y, classes, GMMConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return l, g
}

func reader(arrays map[string]decoders.Array) Reader {
	return func(name string, shape ...int) ([]float64, error) {
		a, ok := arrays[name]
		if !ok || !slices.Equal(a.Shape, shape) {
			return nil, fmt.Errorf("array %s has shape %v, want %v", name, a.Shape, shape)
		}
		return slices.Clone(a.Data), nil
	}
}

func TestArraysMakeTheSameClassifier(t *testing.T) {
	t.Parallel()
	const seed = 6
	rng := rand.New(rand.NewPCG(seed, 4))
	x, y := samples(rng, 60, 4, 3)
	l, g := classifiers(t, x, y, 3)
	// What was updated is stored as exactly as what was trained.
	var err error
	if l, err = l.Update(x.RawRowView(1), 0); err != nil {
		t.Fatal(err)
	}
	if g, err = g.Update(x.RawRowView(1), 0); err != nil {
		t.Fatal(err)
	}
	l2, err := RestoreLDA(reader(l.Arrays()), 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	g2, err := RestoreGMM(reader(g.Arrays()), 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		if a, b := l.Scores(nil, x.RawRowView(i)), l2.Scores(nil, x.RawRowView(i)); !slices.Equal(a, b) {
			t.Fatalf("LDA, sample %d: %v became %v", i, a, b)
		}
		if a, b := g.Scores(nil, x.RawRowView(i)), g2.Scores(nil, x.RawRowView(i)); !slices.Equal(a, b) {
			t.Fatalf("GMM, sample %d: %v became %v", i, a, b)
		}
	}
	if !reflect.DeepEqual(l.Arrays(), l2.Arrays()) || !reflect.DeepEqual(g.Arrays(), g2.Arrays()) {
		t.Error("the restored arrays differ")
	}
}

func TestUpdateLeavesTheOldOneAlone(t *testing.T) {
	t.Parallel()
	const seed = 7
	rng := rand.New(rand.NewPCG(seed, 5))
	x, y := samples(rng, 40, 3, 2)
	l, g := classifiers(t, x, y, 2)
	beforeL, beforeG := l.Arrays(), g.Arrays()
	for i := range 20 {
		if _, err := l.Update(x.RawRowView(i), y[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Update(x.RawRowView(i), y[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(beforeL, l.Arrays()) || !reflect.DeepEqual(beforeG, g.Arrays()) {
		t.Error("an update changed the classifier that it was made from")
	}
}

// TestMixtureFindsWhatOneNormalCannot puts one class on both sides of the other.
func TestMixtureFindsWhatOneNormalCannot(t *testing.T) {
	t.Parallel()
	const seed, n = 8, 200
	rng := rand.New(rand.NewPCG(seed, 6))
	x, y := mat.NewDense(n, 2, nil), make([]int, n)
	for i := range n {
		y[i] = i % 2
		centre := 0.0
		if y[i] == 1 {
			centre = 4 * float64(1-2*(i/2%2))
		}
		x.SetRow(i, []float64{centre + rng.NormFloat64(), rng.NormFloat64()})
	}
	l, g := classifiers(t, x, y, 2)
	right := func(scores func(dst, x []float64) []float64) (hits int, p [][]float64) {
		for i := range n {
			q := classify.Softmax(nil, scores(nil, x.RawRowView(i)))
			p = append(p, q)
			if (q[1] > q[0]) == (y[i] == 1) {
				hits++
			}
		}
		return hits, p
	}
	hitsL, _ := right(l.Scores)
	hitsG, p := right(g.Scores)
	t.Logf("seed %d: LDA %d, GMM %d of %d right, ECE of GMM %.3f", seed, hitsL, hitsG, n, classify.ECE(p, y, 10))
	if hitsG < 190 || hitsL > 140 {
		t.Errorf("seed %d: LDA %d, GMM %d of %d right", seed, hitsL, hitsG, n)
	}
	if ece := classify.ECE(p, y, 10); ece > 0.05 {
		t.Errorf("seed %d: ECE %.3f", seed, ece)
	}
	again, err := TrainGMM(x, y, 2, GMMConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again.Arrays(), g.Arrays()) {
		t.Error("the same samples and seed give another mixture")
	}
}

func TestRefusesWhatCannotBeLearned(t *testing.T) {
	t.Parallel()
	const seed = 9
	rng := rand.New(rand.NewPCG(seed, 7))
	x, y := samples(rng, 20, 2, 2)
	l, g := classifiers(t, x, y, 2)
	for name, v := range map[string][]float64{"NaN": {1, math.NaN()}, "infinite": {math.Inf(1), 0}, "absurd": {1e200, 0}} {
		if _, err := l.Update(v, 0); !errors.Is(err, ErrData) {
			t.Errorf("LDA, %s: %v", name, err)
		}
		if _, err := g.Update(v, 0); !errors.Is(err, ErrData) {
			t.Errorf("GMM, %s: %v", name, err)
		}
	}
	if _, err := l.Update([]float64{1, 2}, 2); !errors.Is(err, ErrData) {
		t.Errorf("label out of range: %v", err)
	}
	bad := mat.DenseCopyOf(x)
	bad.Set(3, 1, math.NaN())
	constant := mat.NewDense(20, 2, nil)
	for name, f := range map[string]func() error{
		"NaN":            func() error { _, err := TrainLDA(bad, y, 2); return err },
		"labels":         func() error { _, err := TrainLDA(x, y[1:], 2); return err },
		"class without":  func() error { _, err := TrainGMM(x, y, 3, GMMConfig{}); return err },
		"one class":      func() error { _, err := TrainLDA(x, make([]int, 20), 1); return err },
		"constant":       func() error { _, err := TrainLDA(constant, y, 2); return err },
		"nothing":        func() error { _, err := TrainGMM(nil, nil, 2, GMMConfig{}); return err },
		"prior too weak": func() error { pr := somePrior(2); pr.Nu = 1; _, err := FitLDA(x, y, 2, pr); return err },
		"prior of three": func() error { _, err := FitLDA(x, y, 2, somePrior(3)); return err },
	} {
		if err := f(); !errors.Is(err, ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPredictionsDoNotAllocate(t *testing.T) {
	const seed = 10
	rng := rand.New(rand.NewPCG(seed, 8))
	x, y := samples(rng, 60, 6, 2)
	l, g := classifiers(t, x, y, 2)
	dst := make([]float64, 2)
	if n := testing.AllocsPerRun(200, func() { l.Scores(dst, x.RawRowView(3)); g.Scores(dst, x.RawRowView(3)) }); n > 0 && !race.Enabled {
		t.Errorf("%v allocations a prediction", n)
	}
}

func BenchmarkScores(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 9))
	for _, p := range []int{6, 132} {
		x, y := samples(rng, 400, p, 2)
		l, g := classifiers(b, x, y, 2)
		dst := make([]float64, 2)
		b.Run(fmt.Sprintf("RxLDA/%d", p), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Scores(dst, x.RawRowView(0))
			}
		})
		b.Run(fmt.Sprintf("RxGMM/%d", p), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Scores(dst, x.RawRowView(0))
			}
		})
		b.Run(fmt.Sprintf("RxLDA update/%d", p), func(b *testing.B) {
			for b.Loop() {
				if _, err := l.Update(x.RawRowView(0), 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzRestore makes classifiers of arbitrary numbers: they are refused, or they answer and learn without a panic.
func FuzzRestore(f *testing.F) {
	rng := rand.New(rand.NewPCG(11, 10))
	x, y := samples(rng, 30, 2, 2)
	l, g := classifiers(f, x, y, 2)
	for _, c := range []struct {
		arrays map[string]decoders.Array
		order  []string // in which they are read
	}{
		{l.Arrays(), []string{"mean", "kappa", "count", "nu", "root"}},
		{g.Arrays(), []string{"components", "count", "mean", "alpha", "kappa", "nu", "root"}},
	} {
		var seed []byte
		for _, name := range c.order {
			for _, v := range c.arrays[name].Data {
				seed = binary.LittleEndian.AppendUint64(seed, math.Float64bits(v))
			}
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read := func(_ string, shape ...int) ([]float64, error) {
			n := 1
			for _, d := range shape {
				n *= d
			}
			if len(b) < 8*n {
				return nil, errors.New("no more numbers")
			}
			out := make([]float64, n)
			for i := range out {
				// As model files hold them: finite, and not beyond what products can bear.
				if out[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:])); !(math.Abs(out[i]) <= 1e60) {
					return nil, errors.New("no number")
				}
			}
			b = b[8*n:]
			return out, nil
		}
		whole := b
		if l, err := RestoreLDA(read, 2, 2); err == nil {
			l.Scores(nil, []float64{1, -2})
			if u, err := l.Update([]float64{1, -2}, 1); err == nil {
				u.Scores(nil, []float64{1e100, 3})
			}
		}
		b = whole
		if g, err := RestoreGMM(read, 2, 2); err == nil {
			g.Scores(nil, []float64{1, -2})
			if u, err := g.Update([]float64{1, -2}, 1); err == nil {
				u.Scores(nil, []float64{1e100, 3})
			}
		}
	})
}
