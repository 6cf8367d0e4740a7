package bayes

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Prior is what is believed before any sample.
type Prior struct {
	Mean  []float64     // m₀
	Kappa float64       // κ₀, the samples that the belief about the mean is worth
	Psi   *mat.SymDense // Ψ₀
	Nu    float64       // ν₀, above p-1
	Count float64       // samples of each class that the belief about their frequency is worth; above 0
}

// valid refuses a prior that does not fit p features.
func (pr Prior) valid(p int) error {
	switch {
	case len(pr.Mean) != p || pr.Psi == nil || pr.Psi.SymmetricDim() != p:
		return dataErrorf("the prior is not for %d features", p)
	case !(pr.Kappa > 0) || math.IsInf(pr.Kappa, 0):
		return dataErrorf("κ₀ is %v", pr.Kappa)
	case !(pr.Nu > float64(p)-1) || math.IsInf(pr.Nu, 0):
		return dataErrorf("ν₀ is %v for %d features", pr.Nu, p)
	case !(pr.Count > 0) || math.IsInf(pr.Count, 0):
		return dataErrorf("the prior count of a class is %v", pr.Count)
	}
	for i, v := range pr.Mean {
		if v-v != 0 {
			return dataErrorf("the prior mean of feature %d is %v", i, v)
		}
	}
	return nil
}

func (pr Prior) factor() (root, error) {
	p := len(pr.Mean)
	u := newRoot(mat.DenseCopyOf(pr.Psi).RawMatrix().Data, p)
	if u == nil {
		return nil, dataErrorf("Ψ₀ is not positive definite")
	}
	return u, nil
}

// group is the sufficient statistics of one class: how many samples, their mean and their scatter about it.
type group struct {
	n       float64
	mean    []float64
	scatter []float64 // p × p
}

// check refuses features and labels that make no training set.
func check(x *mat.Dense, labels []int, classes int) error {
	if x == nil || x.IsEmpty() {
		return dataErrorf("no samples")
	}
	n, p := x.Dims()
	if len(labels) != n {
		return dataErrorf("%d labels for %d samples", len(labels), n)
	}
	if classes < 2 {
		return dataErrorf("%d classes, need at least 2", classes)
	}
	counts := make([]int, classes)
	for i, l := range labels {
		if l < 0 || l >= classes {
			return dataErrorf("label %d of sample %d is not between 0 and %d", l, i, classes-1)
		}
		counts[l]++
		for j, v := range x.RawRowView(i)[:p] {
			if v-v != 0 {
				return dataErrorf("feature %d of sample %d is %v", j, i, v)
			}
		}
	}
	for k, c := range counts {
		if c == 0 {
			return dataErrorf("class %d has no sample", k)
		}
	}
	return nil
}

// groups returns the statistics of each class.
func groups(x *mat.Dense, labels []int, classes int) []group {
	_, p := x.Dims()
	out := make([]group, classes)
	for k := range out {
		out[k] = group{mean: make([]float64, p), scatter: make([]float64, p*p)}
	}
	for i, l := range labels {
		out[l].n++
		for j, v := range x.RawRowView(i) {
			out[l].mean[j] += v
		}
	}
	for k := range out {
		for j := range out[k].mean {
			out[k].mean[j] /= max(out[k].n, 1)
		}
	}
	d := make([]float64, p)
	for i, l := range labels {
		g := &out[l]
		for j, v := range x.RawRowView(i) {
			d[j] = v - g.mean[j]
		}
		for a, v := range d {
			row := g.scatter[a*p : (a+1)*p]
			for b := a; b < p; b++ {
				row[b] += v * d[b]
			}
		}
	}
	return out
}

// into adds the group to a posterior scatter psi (upper triangle) that began at the prior and returns the mean's
// posterior.
func (g group) into(psi []float64, prior Prior) normal {
	p := len(g.mean)
	post := normal{mean: make([]float64, p), kappa: prior.Kappa + g.n}
	size := prior.Kappa * g.n / post.kappa
	for a := range p {
		post.mean[a] = (prior.Kappa*prior.Mean[a] + g.n*g.mean[a]) / post.kappa
		for b := a; b < p; b++ {
			psi[a*p+b] += g.scatter[a*p+b] + size*(g.mean[a]-prior.Mean[a])*(g.mean[b]-prior.Mean[b])
		}
	}
	return post
}

// strengths are the degrees of freedom that a prior covariance can be worth beyond the least.
var strengths = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192}

// evidencePrior is the prior under which the samples are most probable. Its mean is that of all samples, worth one of
// them; its covariance holds the variances within the classes and no correlation, and is worth as many samples as the
// evidence says. shared reports whether the classes have one covariance.
func evidencePrior(gs []group, shared bool) (Prior, error) {
	p := len(gs[0].mean)
	prior := Prior{Mean: make([]float64, p), Kappa: 1, Count: 1}
	total, variance := 0.0, make([]float64, p)
	for _, g := range gs {
		total += g.n
		for j := range p {
			prior.Mean[j] += g.n * g.mean[j]
			variance[j] += g.scatter[j*p+j]
		}
	}
	largest := 0.0
	for j := range p {
		prior.Mean[j] /= total
		variance[j] /= total
		largest = max(largest, variance[j])
	}
	if !(largest > 0) || math.IsInf(largest, 0) {
		return Prior{}, dataErrorf("no feature varies within the classes")
	}
	for j := range variance {
		variance[j] = max(variance[j], 1e-12*largest) // a constant feature tells nothing and must not divide
	}
	best := math.Inf(-1)
	for _, s := range strengths {
		trial := prior
		trial.Nu = float64(p) + 1 + s // the prior mean of Σ is then Ψ₀/s
		trial.Psi = mat.NewSymDense(p, nil)
		for j, v := range variance {
			trial.Psi.SetSym(j, j, s*v)
		}
		if e := evidence(gs, trial, shared); e > best {
			best, prior.Nu, prior.Psi = e, trial.Nu, trial.Psi
		}
	}
	if prior.Psi == nil {
		return Prior{}, dataErrorf("the samples have no probability under any prior")
	}
	return prior, nil
}

// evidence returns the log probability of the samples with mean and covariance integrated out (Murphy 2007, eq. 266, per
// covariance), NaN where numbers are beyond precision.
func evidence(gs []group, prior Prior, shared bool) float64 {
	p := len(prior.Mean)
	half := float64(p) / 2
	u, err := prior.factor()
	if err != nil {
		return math.NaN()
	}
	before := u.logDet(p)
	sum, n := 0.0, 0.0
	psi := mat.DenseCopyOf(prior.Psi).RawMatrix().Data
	add := func() {
		after := newRoot(psi, p)
		if after == nil {
			sum = math.NaN()
			return
		}
		nu := prior.Nu + n
		sum += logGamma(nu/2, p) - logGamma(prior.Nu/2, p) + prior.Nu/2*before - nu/2*after.logDet(p) - n*half*math.Log(math.Pi)
	}
	for _, g := range gs {
		post := g.into(psi, prior)
		sum += half * math.Log(prior.Kappa/post.kappa)
		n += g.n
		if !shared {
			add()
			n = 0
			psi = mat.DenseCopyOf(prior.Psi).RawMatrix().Data
		}
	}
	if shared {
		add()
	}
	return sum
}

// logGamma is the logarithm of the multivariate gamma function of p dimensions without the factor that cancels.
func logGamma(a float64, p int) float64 {
	sum := 0.0
	for j := range p {
		v, _ := math.Lgamma(a - float64(j)/2)
		sum += v
	}
	return sum
}
