// Package shrinkage estimates covariance matrices, plain and shrunk towards a multiple of the identity.
//
// Data are variables × observations (channels × samples, or features × trials). With S the covariance of the centred
// data (divided by n), μ = tr S/p and a shrinkage s between 0 and 1, the estimate is Σ = (1-s)·S + s·μ·I.
//
// Sources: O. Ledoit and M. Wolf, J. Multivariate Anal. 88 (2004) 365-411; Y. Chen, A. Wiesel, Y. C. Eldar and
// A. O. Hero, IEEE Trans. Signal Process. 58 (2010) 5016-5029 (OAS, in scikit-learn's form, which leaves out the
// term 2/p).
package shrinkage

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/internal/vector"
)

// Kind is a rule for the amount of shrinkage.
type Kind int

// The rules.
const (
	None Kind = iota
	LedoitWolf
	OAS
)

// ErrData is wrapped by errors about data that have no covariance.
var ErrData = errors.New("no covariance")

// Workspace is reused memory. The zero value is ready; it belongs to one goroutine at a time.
type Workspace struct {
	centred []float64
	energy  []float64
}

// Estimate writes the covariance of x (variables × observations) to dst and returns the shrinkage. It refuses data
// that are empty or not finite and panics if dst does not fit x.
func (w *Workspace) Estimate(dst *mat.SymDense, x *mat.Dense, kind Kind) (float64, error) {
	return w.estimate(dst, x, kind, true)
}

// EstimateUncentred is Estimate without taking out the means: it shrinks x·xᵀ/n.
func (w *Workspace) EstimateUncentred(dst *mat.SymDense, x *mat.Dense, kind Kind) (float64, error) {
	return w.estimate(dst, x, kind, false)
}

func (w *Workspace) estimate(dst *mat.SymDense, x *mat.Dense, kind Kind, centre bool) (float64, error) {
	if x == nil || x.IsEmpty() {
		return 0, fmt.Errorf("%w: no data", ErrData)
	}
	p, n := x.Dims()
	if dst.SymmetricDim() != p {
		panic(mat.ErrShape)
	}
	if cap(w.centred) < p*n {
		w.centred = make([]float64, p*n)
	}
	c := w.centred[:p*n]
	for i := range p {
		row := x.RawRowView(i)
		m := 0.0
		if centre {
			m = vector.Sum(row) / float64(n)
		}
		out := c[i*n:][:n]
		for j, v := range row {
			out[j] = v - m
		}
	}
	s := dst.RawSymmetric()
	for i := range p {
		for j := i; j < p; j++ {
			s.Data[i*s.Stride+j] = vector.Dot(c[i*n:][:n], c[j*n:][:n]) / float64(n)
		}
	}

	trace, frobenius := moments(s)
	if frobenius-frobenius != 0 {
		return 0, fmt.Errorf("%w: the data hold NaN, infinite or absurdly large values", ErrData)
	}
	if kind == None || p == 1 {
		return 0, nil
	}
	// ||S-μI||² = tr S² - tr²S/p.
	spread := frobenius - trace*trace/float64(p)
	var amount float64
	switch kind {
	case LedoitWolf:
		amount = w.ledoitWolf(c, p, n, frobenius, spread)
	case OAS:
		amount = oracle(trace, frobenius, p, n)
	default:
		panic("shrinkage: unknown kind")
	}
	shrink(s, amount, trace)
	return amount, nil
}

// OASOf shrinks a covariance of n observations in place, as OAS does that finds it itself: the amount follows from the matrix
// and n alone. It refuses a matrix that is not finite.
func OASOf(c *mat.SymDense, n int) (float64, error) {
	s := c.RawSymmetric()
	trace, frobenius := moments(s)
	switch {
	case frobenius-frobenius != 0:
		return 0, fmt.Errorf("%w: the matrix holds NaN, infinite or absurdly large values", ErrData)
	case s.N == 1:
		return 0, nil
	}
	amount := oracle(trace, frobenius, s.N, n)
	shrink(s, amount, trace)
	return amount, nil
}

// LedoitWolfOf shrinks a covariance of n observations in place, as Ledoit and Wolf's rule does that sees them: beside the matrix it takes the sum over the
// observations of the fourth power of the length of each. It refuses a matrix that is not finite.
func LedoitWolfOf(c *mat.SymDense, n int, fourth float64) (float64, error) {
	s := c.RawSymmetric()
	trace, frobenius := moments(s)
	switch {
	case frobenius-frobenius != 0 || fourth-fourth != 0:
		return 0, fmt.Errorf("%w: the matrix holds NaN, infinite or absurdly large values", ErrData)
	case s.N == 1:
		return 0, nil
	}
	amount := amountOf(fourth, s.N, n, frobenius, frobenius-trace*trace/float64(s.N))
	shrink(s, amount, trace)
	return amount, nil
}

// moments returns tr S and tr S².
func moments(s blas64.Symmetric) (trace, frobenius float64) {
	for i := range s.N {
		row := s.Data[i*s.Stride : i*s.Stride+s.N]
		trace += row[i]
		frobenius += row[i] * row[i]
		for _, v := range row[i+1:] {
			frobenius += 2 * v * v
		}
	}
	return trace, frobenius
}

// oracle is the amount of OAS for a p × p covariance of n observations.
func oracle(trace, frobenius float64, p, n int) float64 {
	if den := float64(n+1) * (frobenius - trace*trace/float64(p)); den > 0 {
		return min(1, (frobenius+trace*trace)/den)
	}
	return 1
}

// shrink writes (1-amount)·S + amount·μ·I over S.
func shrink(s blas64.Symmetric, amount, trace float64) {
	mu := trace / float64(s.N)
	for i := range s.N {
		row := s.Data[i*s.Stride : i*s.Stride+s.N]
		for j := i; j < s.N; j++ {
			row[j] *= 1 - amount
		}
		row[i] += amount * mu
	}
}

// ledoitWolf returns min(β,δ)/δ of the centred data c. β = Σ||xxᵀ-S||²/(n²p) needs only the energy of each
// observation, because Σ||xxᵀ-S||² = Σ||x||⁴ - n·||S||².
func (w *Workspace) ledoitWolf(c []float64, p, n int, frobenius, spread float64) float64 {
	if cap(w.energy) < n {
		w.energy = make([]float64, n)
	}
	e := w.energy[:n]
	clear(e)
	for i := range p {
		for j, v := range c[i*n : (i+1)*n] {
			e[j] += v * v
		}
	}
	fourth := 0.0
	for _, v := range e {
		fourth += v * v
	}
	return amountOf(fourth, p, n, frobenius, spread)
}

// amountOf is min(β,δ)/δ of n observations of p variables.
func amountOf(fourth float64, p, n int, frobenius, spread float64) float64 {
	beta := (fourth/float64(n) - frobenius) / (float64(n) * float64(p))
	delta := spread / float64(p)
	if beta = min(beta, delta); beta <= 0 {
		return 0
	}
	return beta / delta
}
