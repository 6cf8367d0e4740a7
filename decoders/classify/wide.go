package classify

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// FitWideLDA is [FitLDA] with the automatic shrinkage for features that outnumber the samples, such as the tangent
// vectors of a cap: the same classifier without the covariance of the features, which has p² numbers. The shrunk
// covariance is a diagonal plus one rank for each sample, so it is inverted by Woodbury's identity in samples²·p steps.
func FitWideLDA(x *mat.Dense, labels []int, classes int) (*Linear, error) {
	counts, err := check(x, labels, classes)
	if err != nil {
		return nil, err
	}
	x = withoutRounding(x)
	n, p := x.Dims()
	diagonal := make([]float64, p)
	centred := mat.NewDense(n, p, nil) // rows times the root of their weight in the covariance
	means := mat.NewDense(classes, p, nil)
	row := 0
	for k, count := range counts {
		group := centred.Slice(row, row+count, 0, p).(*mat.Dense)
		row += count
		r := 0
		for i, l := range labels {
			if l == k {
				group.SetRow(r, x.RawRowView(i))
				r++
			}
		}
		s, err := Standardize(group)
		if err != nil {
			return nil, err
		}
		means.SetRow(k, s.Mean)
		for i := range count {
			axpy(group.RawRowView(i), -1, s.Mean)
		}
		share, level := wideShrinkage(group, s.Scale)
		prior := float64(count) / float64(n)
		for j, v := range s.Scale {
			diagonal[j] += prior * share * level * v * v
		}
		group.Scale(math.Sqrt(prior*(1-share)/float64(count)), group)
	}
	for _, d := range diagonal {
		if !(d > 0) {
			// No shrinkage, nothing to divide by: the covariance itself has to show its rank.
			l, err := FitLDA(x, labels, classes, LDAConfig{})
			if err != nil {
				return nil, err
			}
			return &l.Linear, nil
		}
	}
	// (A + BᵀB)⁻¹m = A⁻¹m - A⁻¹Bᵀ(I + BA⁻¹Bᵀ)⁻¹BA⁻¹m with A the diagonal and B the weighted rows.
	var scaled mat.Dense
	scaled.Apply(func(_, j int, v float64) float64 { return v / diagonal[j] }, centred)
	inner := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			v := dot(centred.RawRowView(i), scaled.RawRowView(j))
			if i == j {
				v++
			}
			inner.SetSym(i, j, v)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(inner) {
		return nil, fmt.Errorf("%w: the covariance of the samples is not positive definite", ErrData)
	}
	l := &Linear{Coef: mat.NewDense(classes, p, nil), Intercept: make([]float64, classes)}
	for k := range classes {
		mean, coef := means.RawRowView(k), l.Coef.RawRowView(k)
		b := mat.NewVecDense(n, nil)
		for i := range n {
			b.SetVec(i, dot(scaled.RawRowView(i), mean))
		}
		if err := chol.SolveVecTo(b, b); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrData, err)
		}
		for j, d := range diagonal {
			coef[j] = mean[j] / d
		}
		for i := range n {
			axpy(coef, -b.AtVec(i), scaled.RawRowView(i))
		}
		l.Intercept[k] = -0.5*dot(mean, coef) + math.Log(float64(counts[k])/float64(n))
	}
	return l, nil
}

// wideShrinkage returns the Ledoit-Wolf share of the identity for centred samples (samples × features) whose features
// are divided by scale, and the mean variance of those features. It needs only products of samples: tr S² = ||ZZᵀ||²/n².
func wideShrinkage(group *mat.Dense, scale []float64) (share, level float64) {
	count, p := group.Dims()
	n := float64(count)
	z := mat.NewDense(count, p, nil)
	z.Apply(func(_, j int, v float64) float64 { return v / scale[j] }, group)
	var trace, square, fourth float64
	for i := range count {
		for j := i; j < count; j++ {
			v := dot(z.RawRowView(i), z.RawRowView(j))
			if i == j {
				trace += v / n
				fourth += v * v
				square += v * v / (n * n)
			} else {
				square += 2 * v * v / (n * n)
			}
		}
	}
	level = trace / float64(p)
	delta := (square - 2*level*trace + level*level*float64(p)) / float64(p)
	beta := (fourth/n - square) / (n * float64(p))
	if !(delta > 0) {
		return 0, level
	}
	return min(max(beta, 0), delta) / delta, level
}
