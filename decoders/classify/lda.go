package classify

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/internal/shrinkage"
)

// LDAConfig tunes the linear discriminant analysis.
type LDAConfig struct {
	// Shrinkage is the fixed share of the identity in each class covariance, between 0 and 1.
	// Defaults to the Ledoit-Wolf share of the standardized features of each class.
	Shrinkage *float64
	// Priors are the class probabilities. Defaults to the shares of the training set.
	Priors []float64
}

// LDA is a linear discriminant analysis: w_k = Σ⁻¹m_k, b_k = -½·m_kᵀΣ⁻¹m_k + log π_k.
type LDA struct {
	Linear
	Means *mat.Dense    // classes × features
	Cov   *mat.SymDense // pooled shrunk covariance, features × features
}

// FitLDA fits the analysis to x (samples × features), as scikit-learn's LinearDiscriminantAnalysis(solver="lsqr",
// shrinkage="auto"): the features of each class are standardized, their covariance is shrunk and scaled back, and
// the classes are pooled by their priors. Features that hold nothing but rounding next to the others count as constant.
func FitLDA(x *mat.Dense, labels []int, classes int, cfg LDAConfig) (*LDA, error) {
	counts, err := check(x, labels, classes)
	if err != nil {
		return nil, err
	}
	if s := cfg.Shrinkage; s != nil && !(*s >= 0 && *s <= 1) {
		return nil, dataErrorf("shrinkage %v is not between 0 and 1", *s)
	}
	priors, err := classPriors(cfg.Priors, counts, len(labels))
	if err != nil {
		return nil, err
	}
	x = withoutRounding(x)
	_, p := x.Dims()
	l := &LDA{Means: mat.NewDense(classes, p, nil), Cov: mat.NewSymDense(p, nil)}
	one := mat.NewSymDense(p, nil)
	var work shrinkage.Workspace
	for k := range classes {
		group := columns(x, labels, k, counts[k])
		for j := range p {
			l.Means.Set(k, j, meanOf(group.RawRowView(j)))
		}
		if err := classCovariance(one, group, cfg.Shrinkage, &work); err != nil {
			return nil, err
		}
		for i := range p {
			for j := i; j < p; j++ {
				l.Cov.SetSym(i, j, l.Cov.At(i, j)+priors[k]*one.At(i, j))
			}
		}
	}
	l.Coef = mat.NewDense(classes, p, nil)
	if err := solve(l.Coef, l.Cov, l.Means); err != nil {
		return nil, err
	}
	l.Intercept = make([]float64, classes)
	for k := range classes {
		l.Intercept[k] = -0.5*dot(l.Means.RawRowView(k), l.Coef.RawRowView(k)) + math.Log(priors[k])
	}
	return l, nil
}

func classPriors(given []float64, counts []int, n int) ([]float64, error) {
	priors := make([]float64, len(counts))
	if given == nil {
		for k, c := range counts {
			priors[k] = float64(c) / float64(n)
		}
		return priors, nil
	}
	if len(given) != len(counts) {
		return nil, dataErrorf("%d priors for %d classes", len(given), len(counts))
	}
	sum := 0.0
	for k, v := range given {
		if !(v > 0) || math.IsInf(v, 0) {
			return nil, dataErrorf("prior of class %d is %v", k, v)
		}
		sum += v
	}
	for k, v := range given {
		priors[k] = v / sum
	}
	return priors, nil
}

// columns returns the samples of one class as features × samples, the layout covariances are taken from.
func columns(x *mat.Dense, labels []int, class, count int) *mat.Dense {
	_, p := x.Dims()
	g := mat.NewDense(p, count, nil)
	c := 0
	for i, l := range labels {
		if l == class {
			g.SetCol(c, x.RawRowView(i))
			c++
		}
	}
	return g
}

func meanOf(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

// classCovariance writes the shrunk covariance of one class (features × samples) to dst. group is overwritten.
func classCovariance(dst *mat.SymDense, group *mat.Dense, fixed *float64, work *shrinkage.Workspace) error {
	p, _ := group.Dims()
	if fixed != nil {
		if _, err := work.Estimate(dst, group, shrinkage.None); err != nil {
			return err
		}
		mu := mat.Trace(dst) / float64(p)
		for i := range p {
			for j := i; j < p; j++ {
				v := (1 - *fixed) * dst.At(i, j)
				if i == j {
					v += *fixed * mu
				}
				dst.SetSym(i, j, v)
			}
		}
		return nil
	}
	s, err := Standardize(mat.DenseCopyOf(group.T()))
	if err != nil {
		return err
	}
	for j := range p {
		row := group.RawRowView(j)
		for i, v := range row {
			row[i] = (v - s.Mean[j]) / s.Scale[j]
		}
	}
	if _, err := work.Estimate(dst, group, shrinkage.LedoitWolf); err != nil {
		return err
	}
	for i := range p {
		for j := i; j < p; j++ {
			dst.SetSym(i, j, dst.At(i, j)*s.Scale[i]*s.Scale[j])
		}
	}
	return nil
}

// solve writes the least-squares solution of cov·wᵀ = meansᵀ to dst (classes × features). Where cov lacks rank
// it is the solution of least norm.
func solve(dst *mat.Dense, cov *mat.SymDense, means *mat.Dense) error {
	var chol mat.Cholesky
	// Beyond a condition of 1e12 fewer than four digits are left: take the eigenvalues instead.
	if chol.Factorize(cov) && chol.Cond() < 1e12 {
		var w mat.Dense
		if err := chol.SolveTo(&w, means.T()); err == nil {
			dst.Copy(w.T())
			return nil
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(cov, true) {
		return dataErrorf("the eigenvalues of the class covariance did not converge")
	}
	val := eig.Values(nil)
	var vec, rot mat.Dense
	eig.VectorsTo(&vec)
	rot.Mul(means, &vec)
	k, p := rot.Dims()
	// Singular values below eps times the largest count as zero, as in LAPACK's least squares.
	floor := 0x1p-52 * val[p-1]
	for j := range p {
		for i := range k {
			if val[j] <= floor {
				rot.Set(i, j, 0)
			} else {
				rot.Set(i, j, rot.At(i, j)/val[j])
			}
		}
	}
	dst.Mul(&rot, vec.T())
	return nil
}
