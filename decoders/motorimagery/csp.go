package motorimagery

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/riemann"
)

// CSP are spatial filters whose output differs most in power between classes.
type CSP struct {
	Filters *mat.Dense // components × channels, most telling first
	// Eigenvalues λ of C1·w = λ(C1+C2)·w for two classes: the share of class 0 in the power of each component.
	// Nil for more classes.
	Eigenvalues []float64
	// MutualInformation between each component and the class in nats, for more than two classes. Nil for two.
	MutualInformation []float64
}

// rankTol is the share of the largest variance below which a direction counts as absent. Single precision data with
// an average reference leave 1e-14 there, the weakest real EEG components some 1e-8.
const rankTol = 1e-11

// FitCSP finds the filters from the covariance of each class (channels × channels, not centred), at most components
// of them and no more than the rank. weights are the class shares in the ranking of more than two classes; nil is
// equal. Filters have unit power over the sum (two classes) or weighted mean (more) of the covariances.
func FitCSP(covs []*mat.SymDense, weights []float64, components int) (*CSP, error) {
	if len(covs) < 2 || components < 1 {
		return nil, fmt.Errorf("csp: %d classes and %d components", len(covs), components)
	}
	n := covs[0].SymmetricDim()
	sum := mat.NewSymDense(n, nil)
	for _, c := range covs {
		if c.SymmetricDim() != n {
			return nil, fmt.Errorf("csp: covariances of %d and %d channels", n, c.SymmetricDim())
		}
		sum.AddSym(sum, c)
	}
	// Whitening restricted to the range: what is absent in all classes cannot be divided by.
	white, err := riemann.Whitener(sum, rankTol)
	if err != nil {
		return nil, fmt.Errorf("csp: %w", err)
	}
	rank, _ := white.Dims()
	inner := make([]*mat.SymDense, len(covs))
	for k, c := range covs {
		inner[k] = mat.NewSymDense(rank, nil)
		riemann.Congruence(inner[k], white, c)
	}
	csp := new(CSP)
	var rows *mat.Dense // candidates × rank
	var order []int
	if len(covs) == 2 {
		var eig mat.EigenSym
		if !eig.Factorize(inner[0], true) {
			return nil, fmt.Errorf("csp: eigenvalues did not converge")
		}
		values := eig.Values(nil)
		var vectors mat.Dense
		eig.VectorsTo(&vectors)
		rows = mat.DenseCopyOf(vectors.T())
		order = ranked(rank, func(i int) float64 { return math.Abs(values[i] - 0.5) })
		csp.Eigenvalues = make([]float64, 0, components)
		for _, i := range order[:min(components, rank)] {
			csp.Eigenvalues = append(csp.Eigenvalues, values[i])
		}
	} else {
		var info []float64
		rows, info, err = joint(inner, weights)
		if err != nil {
			return nil, err
		}
		order = ranked(rank, func(i int) float64 { return info[i] })
		for _, i := range order[:min(components, rank)] {
			csp.MutualInformation = append(csp.MutualInformation, info[i])
		}
	}
	kept := min(components, rank)
	pick := mat.NewDense(kept, rank, nil)
	for i, r := range order[:kept] {
		pick.SetRow(i, rows.RawRowView(r))
	}
	csp.Filters = mat.NewDense(kept, n, nil)
	csp.Filters.Mul(pick, white)
	return csp, nil
}

// joint diagonalizes the class covariances together and estimates, for each row, the mutual information of the
// class and the component (Grosse-Wentrup and Buss 2008, eq. 12): -Σ P log √v - 3/16 (Σ P (v²-1))², where v is the
// component's variance in a class and the weighted mean of the variances is 1.
func joint(covs []*mat.SymDense, weights []float64) (rows *mat.Dense, info []float64, err error) {
	share := make([]float64, len(covs))
	total := 0.0
	for k := range share {
		share[k] = 1
		if weights != nil {
			share[k] = weights[k]
		}
		total += share[k]
	}
	n := covs[0].SymmetricDim()
	// Joint diagonalization needs positive definite matrices; a class with fewer samples than channels may lack
	// rank of its own, which a trace of its mean variance mends without moving the others.
	regular := make([]*mat.SymDense, len(covs))
	for k, c := range covs {
		share[k] /= total
		regular[k] = mat.NewSymDense(n, nil)
		regular[k].CopySym(c)
		ridge := 1e-10 * mat.Trace(c) / float64(n)
		for i := range n {
			regular[k].SetSym(i, i, c.At(i, i)+ridge)
		}
	}
	rows, err = riemann.AJD(regular, nil, riemann.AJDConfig{})
	if err != nil {
		return nil, nil, fmt.Errorf("csp: %w", err)
	}
	info = make([]float64, n)
	for i := range n {
		w := mat.NewVecDense(n, rows.RawRowView(i))
		v := make([]float64, len(covs))
		mean := 0.0
		for k, c := range covs {
			v[k] = mat.Inner(w, c, w)
			mean += share[k] * v[k]
		}
		w.ScaleVec(1/math.Sqrt(mean), w)
		var entropy, fourth float64
		for k := range covs {
			u := v[k] / mean
			entropy += share[k] * math.Log(math.Sqrt(u))
			fourth += share[k] * (u*u - 1)
		}
		info[i] = -(entropy + 3.0/16*fourth*fourth)
	}
	return rows, info, nil
}

// ranked returns 0..n-1 by falling score, the first of equals first.
func ranked(n int, score func(int) float64) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score(b), score(a)) })
	return order
}

// LogPower writes log mean((w·x)²) of each filter for a signal with the uncentred covariance cov to dst and returns
// it; nil is allocated.
func (c *CSP) LogPower(dst []float64, cov *mat.SymDense) []float64 {
	k, n := c.Filters.Dims()
	if dst == nil {
		dst = make([]float64, k)
	}
	for i := range k {
		w := mat.NewVecDense(n, c.Filters.RawRowView(i))
		dst[i] = math.Log(mat.Inner(w, cov, w))
	}
	return dst
}
