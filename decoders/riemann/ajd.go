package riemann

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// AJDConfig tunes the joint diagonalization.
type AJDConfig struct {
	Tol    float64 // stop when a sweep lowers the criterion by less than n·(n-1)·Tol. Defaults to 1e-6.
	Sweeps int     // most sweeps over all pairs. Defaults to 20.
}

// AJD returns V (n × n) that makes V·C·Vᵀ as diagonal as one matrix can for all positive definite covs at once
// (Pham 2001): Jacobi-like sweeps over pairs of rows lower Σ w·(log det diag - log det). Nil weights are equal.
// Rows of V are spatial filters. For covariances that lack rank, whiten on the range first (see [Whitener]).
func AJD(covs []*mat.SymDense, weights []float64, cfg AJDConfig) (*mat.Dense, error) {
	n, w, err := checkSet(covs, weights)
	if err != nil {
		return nil, err
	}
	if cfg.Tol == 0 {
		cfg.Tol = 1e-6
	}
	if cfg.Sweeps == 0 {
		cfg.Sweeps = 20
	}
	e := newEigen(n)
	d := make([]*mat.Dense, len(covs))
	for i, c := range covs {
		if err := e.factor(c, false); err != nil {
			return nil, fmt.Errorf("matrix %d: %w", i, err)
		}
		if err := e.positive(); err != nil {
			return nil, fmt.Errorf("matrix %d: %w", i, err)
		}
		d[i] = full(c)
	}
	v := mat.NewDense(n, n, nil)
	for i := range n {
		v.Set(i, i, 1)
	}
	stop := float64(n*(n-1)) * cfg.Tol
	for range cfg.Sweeps {
		fall := 0.0
		for i := 1; i < n; i++ {
			for j := range i {
				fall += float64(len(d)) * rotate(d, w, v, i, j)
			}
		}
		if fall < stop {
			break
		}
	}
	return v, nil
}

// rotate applies the 2 × 2 transform that diagonalizes rows i and j of all d best to first order, and returns by how
// much it lowers the criterion.
func rotate(d []*mat.Dense, w []float64, v *mat.Dense, i, j int) float64 {
	var gij, gji, oij, oji float64
	for k, m := range d {
		ii, jj, ij := m.At(i, i), m.At(j, j), m.At(i, j)
		gij += w[k] * ij / ii
		gji += w[k] * ij / jj
		oij += w[k] * jj / ii
		oji += w[k] * ii / jj
	}
	omega := math.Sqrt(oij * oji)
	ratio := math.Sqrt(oji / oij)
	sum := (ratio*gij + gji) / (omega + 1)
	// Where the matrices are proportional on this pair omega is 1 and the difference is undetermined;
	// the floor keeps it finite.
	diff := (ratio*gij - gji) / max(omega-1, 1e-9)
	hij, hji := sum+diff, (sum-diff)/ratio
	fall := (gij*hij + gji*hji) / 2

	scale := 1 + math.Sqrt(max(0, 1-hij*hji))
	tij, tji := -hij/scale, -hji/scale
	for _, m := range d {
		mix(m.RawRowView(i), m.RawRowView(j), tij, tji)
		for r := range m.RawMatrix().Rows {
			row := m.RawRowView(r)
			a, b := row[i], row[j]
			row[i], row[j] = a+tij*b, b+tji*a
		}
	}
	mix(v.RawRowView(i), v.RawRowView(j), tij, tji)
	return fall
}

func mix(x, y []float64, txy, tyx float64) {
	for k, a := range x {
		b := y[k]
		x[k], y[k] = a+txy*b, b+tyx*a
	}
}
