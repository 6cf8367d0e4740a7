package bayes

import (
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
)

// LDA is the posterior of normal classes that share one covariance, the model type RxLDA.
type LDA struct {
	p       int
	classes []normal
	counts  []float64 // Dirichlet posterior of the classes' frequencies
	nu      float64
	root    root
	predict []studentT
	shifts  []float64  // U⁻ᵀ(m_k - m_0) of each class k, for U the root; classes × features
	pool    *sync.Pool // of vectors of p numbers
}

// FitLDA returns the posterior after the samples x (samples × features) under the prior. Every class has a sample.
func FitLDA(x *mat.Dense, labels []int, classes int, prior Prior) (*LDA, error) {
	if err := check(x, labels, classes); err != nil {
		return nil, err
	}
	n, p := x.Dims()
	if err := prior.valid(p); err != nil {
		return nil, err
	}
	return fitLDA(groups(x, labels, classes), n, prior)
}

// TrainLDA is FitLDA with the prior under which the samples are most probable.
func TrainLDA(x *mat.Dense, labels []int, classes int) (*LDA, error) {
	if err := check(x, labels, classes); err != nil {
		return nil, err
	}
	gs := groups(x, labels, classes)
	prior, err := evidencePrior(gs, true)
	if err != nil {
		return nil, err
	}
	return fitLDA(gs, len(labels), prior)
}

func fitLDA(gs []group, n int, prior Prior) (*LDA, error) {
	p := len(prior.Mean)
	l := &LDA{p: p, nu: prior.Nu + float64(n)}
	psi := mat.DenseCopyOf(prior.Psi).RawMatrix().Data
	for _, g := range gs {
		l.classes = append(l.classes, g.into(psi, prior))
		l.counts = append(l.counts, prior.Count+g.n)
	}
	if l.root = newRoot(psi, p); l.root == nil {
		return nil, dataErrorf("the scatter of the samples is not positive definite")
	}
	return l.ready()
}

// ready computes what predictions need.
func (l *LDA) ready() (*LDA, error) {
	logDet := l.root.logDet(l.p)
	l.predict = make([]studentT, len(l.classes))
	for k, c := range l.classes {
		l.predict[k] = newStudentT(l.p, c.kappa, l.nu, logDet)
		if v := l.predict[k].constant; v-v != 0 {
			return nil, dataErrorf("the predictive density of class %d is beyond the range of numbers", k)
		}
	}
	p := l.p
	l.shifts = make([]float64, len(l.classes)*p)
	for k, c := range l.classes {
		shift := l.shifts[k*p : (k+1)*p]
		for i, m := range c.mean {
			shift[i] = m - l.classes[0].mean[i]
		}
		l.root.whiten(shift)
	}
	l.pool = &sync.Pool{New: func() any { v := make([]float64, p); return &v }}
	return l, nil
}

// Classes returns the number of classes.
func (l *LDA) Classes() int { return len(l.classes) }

// Features returns the number of features.
func (l *LDA) Features() int { return l.p }

// LogDensities writes the log predictive density of x under each class to dst and returns it; nil is allocated.
func (l *LDA) LogDensities(dst, x []float64) []float64 {
	if dst == nil {
		dst = make([]float64, len(l.classes))
	}
	if len(dst) != len(l.classes) || len(x) != l.p {
		panic(mat.ErrShape)
	}
	v := l.pool.Get().(*[]float64)
	// All classes share the root, so one triangular system is solved instead of one a class.
	d := *v
	for i, m := range l.classes[0].mean {
		d[i] = x[i] - m
	}
	l.root.whiten(d)
	for k := range l.classes {
		square := 0.0
		for i, s := range l.shifts[k*l.p : (k+1)*l.p] {
			z := d[i] - s
			square += z * z
		}
		dst[k] = l.predict[k].log(square)
	}
	l.pool.Put(v)
	return dst
}

// Scores writes the log probability of each class for x, up to a common constant, to dst and returns it; nil is
// allocated. Their softmax is the posterior predictive probability.
func (l *LDA) Scores(dst, x []float64) []float64 {
	dst = l.LogDensities(dst, x)
	for k, c := range l.counts {
		dst[k] += math.Log(c)
	}
	return dst
}

// Update returns the posterior after one sample more. A sample that is not finite or has no such class is an error.
func (l *LDA) Update(x []float64, label int) (*LDA, error) {
	if err := checkSample(x, label, l.p, len(l.classes)); err != nil {
		return nil, err
	}
	u := &LDA{p: l.p, classes: slices.Clone(l.classes), counts: slices.Clone(l.counts), nu: l.nu + 1, root: slices.Clone(l.root)}
	c := &u.classes[label]
	c.mean = slices.Clone(c.mean)
	c.learn(u.root, x, 1, make([]float64, l.p))
	u.counts[label]++
	if err := u.root.valid(l.p); err != nil {
		return nil, err
	}
	return u.ready()
}

func checkSample(x []float64, label, p, classes int) error {
	if len(x) != p {
		panic(mat.ErrShape)
	}
	if label < 0 || label >= classes {
		return dataErrorf("label %d is not between 0 and %d", label, classes-1)
	}
	for i, v := range x {
		// The square root of the largest number leaves room for squares.
		if !(math.Abs(v) < 1e150) {
			return dataErrorf("feature %d is %v", i, v)
		}
	}
	return nil
}

// Arrays returns the posterior as arrays: mean (classes × features), kappa and count (classes), nu, and root, the upper
// Cholesky factor of Ψ (features × features).
func (l *LDA) Arrays() map[string]decoders.Array {
	k := len(l.classes)
	mean, kappa := make([]float64, 0, k*l.p), make([]float64, k)
	for i, c := range l.classes {
		mean = append(mean, c.mean...)
		kappa[i] = c.kappa
	}
	return map[string]decoders.Array{
		"mean":  {Shape: []int{k, l.p}, Data: mean},
		"kappa": {Shape: []int{k}, Data: kappa},
		"count": {Shape: []int{k}, Data: slices.Clone(l.counts)},
		"nu":    {Shape: []int{1}, Data: []float64{l.nu}},
		"root":  {Shape: []int{l.p, l.p}, Data: slices.Clone([]float64(l.root))},
	}
}

// Reader gives a copy of a stored array of the shape, or says why there is none.
type Reader func(name string, shape ...int) ([]float64, error)

// RestoreLDA makes the posterior again whose Arrays read returns. Errors are those of read or wrap ErrData.
func RestoreLDA(read Reader, classes, features int) (*LDA, error) {
	mean, err := read("mean", classes, features)
	if err != nil {
		return nil, err
	}
	kappa, err := read("kappa", classes)
	if err != nil {
		return nil, err
	}
	counts, err := read("count", classes)
	if err != nil {
		return nil, err
	}
	nu, err := read("nu", 1)
	if err != nil {
		return nil, err
	}
	factor, err := read("root", features, features)
	if err != nil {
		return nil, err
	}
	l := &LDA{p: features, counts: counts, nu: nu[0], root: factor}
	if err := l.root.valid(features); err != nil {
		return nil, err
	}
	if !(l.nu > float64(features)-1) {
		return nil, dataErrorf("ν is %v for %d features", l.nu, features)
	}
	for k := range classes {
		if !(kappa[k] > 0) || !(counts[k] > 0) {
			return nil, dataErrorf("κ is %v and the count %v for class %d", kappa[k], counts[k], k)
		}
		l.classes = append(l.classes, normal{mean: mean[k*features : (k+1)*features : (k+1)*features], kappa: kappa[k]})
	}
	return l.ready()
}
