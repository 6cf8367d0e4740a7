package ssvep

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/riemann"
)

// ecca is extended canonical correlation analysis (Chen et al. 2015, PNAS 112, E6058-E6067): beside the canonical
// correlation of the window X with the sines Y, the correlations of X with the person's template T after three spatial
// filters, those of CCA between X and T, X and Y, and T and Y; the score is Σ sign(r)·r².
type ecca struct {
	templates templates
	sines     []*mat.Dense      // by class: samples × columns, orthonormal and centred
	white     [][]*mat.Dense    // band, class: rank × channels; white·T has orthonormal rows
	power     [][]*mat.SymDense // T·Tᵀ
	filter    [][][]float64     // of CCA between T and Y
}

// eccaScratch is what a window needs.
type eccaScratch struct {
	gram                *mat.SymDense
	bySines, byTemplate []float64
	white               *mat.Dense // rank × channels; nil where the window is empty
	x                   *mat.Dense
	cross               mat.Dense // X·Tᵀ
	side                mat.Dense
	inner               mat.Dense
	sq                  *mat.SymDense
	top                 topEigen
}

// centredSines is sinesOf without the mean, as windows are without theirs.
func centredSines(f float64, harmonics, n int, rate float64) *mat.Dense {
	ref := newReference(f, harmonicsOf(f, harmonics, rate, false), n, rate)
	q := mat.NewDense(n, ref.columns(), nil)
	h := n / 2
	c := 0
	for _, half := range ref.even {
		for j := range h {
			q.Set(n-h+j, c, half[j])
			q.Set(h-1-j, c, half[j])
		}
		if n%2 == 1 {
			q.Set(h, c, half[h])
		}
		c++
	}
	for _, half := range ref.odd {
		for j := range h {
			q.Set(n-h+j, c, half[j])
			q.Set(h-1-j, c, -half[j])
		}
		c++
	}
	return q
}

func newECCA(d *trained, t templates) (*ecca, error) {
	m := &ecca{templates: t}
	for _, f := range d.cfg.Frequencies {
		m.sines = append(m.sines, centredSines(f, d.cfg.Harmonics, d.samples, d.rate))
	}
	for b, band := range t {
		var whites []*mat.Dense
		var power []*mat.SymDense
		var filter [][]float64
		for k, x := range band {
			n, _ := x.Dims()
			gram := mat.NewSymDense(n, nil)
			gram.SymOuterK(1, x)
			white, err := riemann.Whitener(gram, 1e-10)
			if err != nil {
				return nil, fmt.Errorf("template of class %d in band %d: %w", k, b, err)
			}
			var sc eccaScratch
			sc.side.Mul(x, m.sines[k])
			w, _, err := sc.direction(nil, white, &sc.side)
			if err != nil {
				return nil, fmt.Errorf("template of class %d in band %d: %w", k, b, err)
			}
			whites, power, filter = append(whites, white), append(power, gram), append(filter, w)
		}
		m.white, m.power, m.filter = append(m.white, whites), append(m.power, power), append(m.filter, filter)
	}
	return m, nil
}

func fitECCA(d *trained, trials [][][]*mat.Dense) (*ecca, error) {
	var t templates
	for _, band := range trials {
		var means []*mat.Dense
		for _, class := range band {
			means = append(means, meanOf(class))
		}
		t = append(t, means)
	}
	return newECCA(d, t)
}

// direction writes the spatial filter of the largest canonical correlation of a window, whose whitener is given, with an
// orthonormal basis to dst and returns it with the correlation; nil is allocated. side are the products of the window's
// channels with the basis.
func (sc *eccaScratch) direction(dst []float64, white, side *mat.Dense) ([]float64, float64, error) {
	rank, channels := white.Dims()
	_, columns := side.Dims()
	sc.inner = *shaped(&sc.inner, rank, columns)
	sc.inner.Mul(white, side)
	if sc.sq == nil || sc.sq.SymmetricDim() != rank {
		sc.sq = mat.NewSymDense(rank, nil)
	}
	sc.sq.SymOuterK(1, &sc.inner)
	value, ok := sc.top.factor(sc.sq)
	if !ok {
		return nil, 0, fmt.Errorf("the eigenvalues did not converge")
	}
	if dst == nil {
		dst = make([]float64, channels)
	}
	clear(dst)
	for r := range rank {
		floats.AddScaled(dst, sc.top.vector(r), white.RawRowView(r))
	}
	return dst, math.Sqrt(min(1, max(0, value))), nil
}

// topEigen finds the largest eigenvalue of small symmetric matrices without allocating anew.
type topEigen struct {
	n               int
	a, values, work []float64
}

// factor returns the largest eigenvalue of m.
func (t *topEigen) factor(m *mat.SymDense) (float64, bool) {
	n := m.SymmetricDim()
	if t.n != n {
		t.n, t.a, t.values = n, make([]float64, n*n), make([]float64, n)
		size := []float64{0}
		lapack64.Syev(lapack.EVCompute, t.symmetric(), t.values, size, -1)
		t.work = make([]float64, int(size[0]))
	}
	raw := m.RawSymmetric()
	for i := range n {
		copy(t.a[i*n+i:(i+1)*n], raw.Data[i*raw.Stride+i:i*raw.Stride+n])
	}
	if !lapack64.Syev(lapack.EVCompute, t.symmetric(), t.values, t.work, len(t.work)) {
		return 0, false
	}
	return t.values[n-1], true
}

func (t *topEigen) symmetric() blas64.Symmetric {
	return blas64.Symmetric{N: t.n, Stride: t.n, Data: t.a, Uplo: blas.Upper}
}

// vector returns element r of the eigenvector of the largest eigenvalue.
func (t *topEigen) vector(r int) float64 { return t.a[r*t.n+t.n-1] }

func (m *ecca) load(_ int, x *mat.Dense, sc *scoring) { sc.segment = x }

func (m *ecca) shift(b, s int, sc *scoring) {
	e := &sc.ecca
	channels, n := m.templates[b][0].Dims()
	e.x = shaped(e.x, channels, n)
	for i := range channels {
		dsp.Demean(e.x.RawRowView(i), sc.segment.RawRowView(i)[s:s+n])
	}
	if e.gram == nil {
		e.gram = mat.NewSymDense(channels, nil)
		e.bySines, e.byTemplate = make([]float64, channels), make([]float64, channels)
	}
	e.gram.SymOuterK(1, e.x)
	var err error
	if e.white, err = riemann.Whitener(e.gram, 1e-10); err != nil {
		e.white = nil
	}
}

func (m *ecca) score(b, k int, sc *scoring) float64 {
	e := &sc.ecca
	if e.white == nil {
		return 0
	}
	n, _ := e.x.Dims()
	e.cross = *shaped(&e.cross, n, n)
	e.cross.Mul(e.x, m.templates[b][k].T())
	rank, _ := m.white[b][k].Dims()
	e.side = *shaped(&e.side, n, rank)
	e.side.Mul(&e.cross, m.white[b][k].T())
	if _, _, err := e.direction(e.byTemplate, e.white, &e.side); err != nil {
		return math.NaN()
	}
	_, columns := m.sines[k].Dims()
	e.side = *shaped(&e.side, n, columns)
	e.side.Mul(e.x, m.sines[k])
	_, rho, err := e.direction(e.bySines, e.white, &e.side)
	if err != nil {
		return math.NaN()
	}
	score := rho * rho
	for _, w := range [][]float64{e.byTemplate, e.bySines, m.filter[b][k]} {
		v := mat.NewVecDense(n, w)
		r := cosine(mat.Inner(v, &e.cross, v), mat.Inner(v, e.gram, v), mat.Inner(v, m.power[b][k], v))
		score += math.Copysign(r*r, r)
	}
	return score
}

func (m *ecca) arrays() map[string]decoders.Array {
	return map[string]decoders.Array{"templates": m.templates.array()}
}
