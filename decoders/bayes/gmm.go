package bayes

import (
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
)

// GMMConfig tunes the mixtures.
type GMMConfig struct {
	// Components is the number of normal distributions of each class. A class with too few samples gets one for every
	// four of them, and at least one. Defaults to 2.
	Components int
	// Seed draws the starting points of k-means. Defaults to 1.
	Seed uint64
}

// GMM is the posterior of classes that are mixtures of normal distributions, each with a covariance of its own, the
// model type RxGMM.
type GMM struct {
	p       int
	classes [][]component
	counts  []float64
	pool    *sync.Pool
}

// component is one normal distribution of a class.
type component struct {
	normal
	alpha   float64 // Dirichlet posterior of its share in the class
	nu      float64
	root    root
	logRate float64 // log of its expected share
	predict studentT
}

// TrainGMM fits the mixtures to x (samples × features) under the prior of which the samples are most probable, each
// class by variational inference from k-means.
func TrainGMM(x *mat.Dense, labels []int, classes int, cfg GMMConfig) (*GMM, error) {
	if cfg.Components <= 0 {
		cfg.Components = 2
	}
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	if err := check(x, labels, classes); err != nil {
		return nil, err
	}
	gs := groups(x, labels, classes)
	prior, err := evidencePrior(gs, false)
	if err != nil {
		return nil, err
	}
	_, p := x.Dims()
	g := &GMM{p: p}
	for k := range classes {
		var rows [][]float64
		for i, l := range labels {
			if l == k {
				rows = append(rows, x.RawRowView(i))
			}
		}
		m := max(1, min(cfg.Components, len(rows)/4))
		// Distances count each feature by its variance within the classes, which the prior's diagonal is proportional to.
		scale := make([]float64, p)
		for j := range scale {
			scale[j] = 1 / math.Sqrt(prior.Psi.At(j, j))
		}
		mix, err := fitMixture(rows, kmeans(rows, scale, m, cfg.Seed+uint64(k)), m, prior, 1)
		if err != nil {
			return nil, err
		}
		g.classes = append(g.classes, mix)
		g.counts = append(g.counts, prior.Count+float64(len(rows)))
	}
	return g.ready()
}

func (g *GMM) ready() (*GMM, error) {
	for k, mix := range g.classes {
		total := 0.0
		for _, c := range mix {
			total += c.alpha
		}
		for j := range mix {
			c := &mix[j]
			c.logRate = math.Log(c.alpha / total)
			c.predict = newStudentT(g.p, c.kappa, c.nu, c.root.logDet(g.p))
			if v := c.predict.constant + c.logRate; v-v != 0 {
				return nil, dataErrorf("the predictive density of class %d is beyond the range of numbers", k)
			}
		}
	}
	p := g.p
	g.pool = &sync.Pool{New: func() any { v := make([]float64, p); return &v }}
	return g, nil
}

// Classes returns the number of classes.
func (g *GMM) Classes() int { return len(g.classes) }

// Features returns the number of features.
func (g *GMM) Features() int { return g.p }

// log returns the log predictive density of x under the component, weighted by its share. tmp has the length of x.
func (c *component) log(x, tmp []float64) float64 {
	for i, m := range c.mean {
		tmp[i] = x[i] - m
	}
	return c.logRate + c.predict.log(c.root.square(tmp))
}

// LogDensities writes the log predictive density of x under each class to dst and returns it; nil is allocated.
func (g *GMM) LogDensities(dst, x []float64) []float64 {
	if dst == nil {
		dst = make([]float64, len(g.classes))
	}
	if len(dst) != len(g.classes) || len(x) != g.p {
		panic(mat.ErrShape)
	}
	v := g.pool.Get().(*[]float64)
	for k, mix := range g.classes {
		sum := math.Inf(-1)
		for j := range mix {
			sum = logAdd(sum, mix[j].log(x, *v))
		}
		dst[k] = sum
	}
	g.pool.Put(v)
	return dst
}

// logAdd returns log(eᵃ+eᵇ).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// Scores writes the log probability of each class for x, up to a common constant, to dst and returns it; nil is
// allocated. Their softmax is the posterior predictive probability.
func (g *GMM) Scores(dst, x []float64) []float64 {
	dst = g.LogDensities(dst, x)
	for k, c := range g.counts {
		dst[k] += math.Log(c)
	}
	return dst
}

// Update returns the posterior after one sample more, of which each component of its class learns the share that it is
// responsible for by what is known so far.
func (g *GMM) Update(x []float64, label int) (*GMM, error) {
	if err := checkSample(x, label, g.p, len(g.classes)); err != nil {
		return nil, err
	}
	tmp := make([]float64, g.p)
	mix := g.classes[label]
	shares, sum := make([]float64, len(mix)), math.Inf(-1)
	for j := range mix {
		shares[j] = mix[j].log(x, tmp)
		sum = logAdd(sum, shares[j])
	}
	for j := range shares {
		shares[j] = math.Exp(shares[j] - sum)
	}
	return g.updateShared(x, label, shares)
}

// updateShared is Update with the shares of the components given; they sum to 1.
func (g *GMM) updateShared(x []float64, label int, shares []float64) (*GMM, error) {
	u := &GMM{p: g.p, counts: slices.Clone(g.counts)}
	tmp := make([]float64, g.p)
	for k, mix := range g.classes {
		copied := slices.Clone(mix)
		if k == label {
			for j := range copied {
				if shares[j] == 0 {
					continue
				}
				c := &copied[j]
				c.mean, c.root = slices.Clone(c.mean), slices.Clone(c.root)
				c.learn(c.root, x, shares[j], tmp)
				c.alpha += shares[j]
				c.nu += shares[j]
				if err := c.root.valid(g.p); err != nil {
					return nil, err
				}
			}
		}
		u.classes = append(u.classes, copied)
	}
	u.counts[label]++
	return u.ready()
}

// Arrays returns the posterior as arrays: components and count (classes), then for the components of all classes one
// after another mean (components × features), alpha, kappa and nu (components), and root, the upper Cholesky factors
// (components × features × features).
func (g *GMM) Arrays() map[string]decoders.Array {
	var number, mean, alpha, kappa, nu, factors []float64
	for _, mix := range g.classes {
		number = append(number, float64(len(mix)))
		for _, c := range mix {
			mean, factors = append(mean, c.mean...), append(factors, c.root...)
			alpha, kappa, nu = append(alpha, c.alpha), append(kappa, c.kappa), append(nu, c.nu)
		}
	}
	k, m := len(g.classes), len(alpha)
	return map[string]decoders.Array{
		"components": {Shape: []int{k}, Data: number},
		"count":      {Shape: []int{k}, Data: slices.Clone(g.counts)},
		"mean":       {Shape: []int{m, g.p}, Data: mean},
		"alpha":      {Shape: []int{m}, Data: alpha},
		"kappa":      {Shape: []int{m}, Data: kappa},
		"nu":         {Shape: []int{m}, Data: nu},
		"root":       {Shape: []int{m, g.p, g.p}, Data: factors},
	}
}

// maxComponents bounds the components of a class in a file.
const maxComponents = 64

// RestoreGMM makes the posterior again whose Arrays read returns. Errors are those of read or wrap ErrData.
func RestoreGMM(read Reader, classes, features int) (*GMM, error) {
	number, err := read("components", classes)
	if err != nil {
		return nil, err
	}
	m := 0
	for k, v := range number {
		if !(v >= 1 && v <= maxComponents) || v != math.Trunc(v) {
			return nil, dataErrorf("class %d has %v components", k, v)
		}
		m += int(v)
	}
	g := &GMM{p: features}
	if g.counts, err = read("count", classes); err != nil {
		return nil, err
	}
	var mean, alpha, kappa, nu, factors []float64
	for _, a := range []struct {
		name  string
		to    *[]float64
		shape []int
	}{
		{"mean", &mean, []int{m, features}}, {"alpha", &alpha, []int{m}}, {"kappa", &kappa, []int{m}}, {"nu", &nu, []int{m}},
		{"root", &factors, []int{m, features, features}},
	} {
		if *a.to, err = read(a.name, a.shape...); err != nil {
			return nil, err
		}
	}
	at := 0
	for k, v := range number {
		if !(g.counts[k] > 0) {
			return nil, dataErrorf("the count of class %d is %v", k, g.counts[k])
		}
		mix := make([]component, int(v))
		for j := range mix {
			size := features * features
			c := component{
				normal: normal{mean: mean[at*features : (at+1)*features : (at+1)*features], kappa: kappa[at]},
				alpha:  alpha[at], nu: nu[at], root: factors[at*size : (at+1)*size : (at+1)*size],
			}
			if !(c.kappa > 0) || !(c.alpha > 0) || !(c.nu > float64(features)-1) {
				return nil, dataErrorf("component %d has κ %v, α %v and ν %v", at, c.kappa, c.alpha, c.nu)
			}
			if err := c.root.valid(features); err != nil {
				return nil, err
			}
			mix[j] = c
			at++
		}
		g.classes = append(g.classes, mix)
	}
	return g.ready()
}
