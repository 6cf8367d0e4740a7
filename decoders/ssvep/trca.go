package ssvep

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/riemann"
)

// scoring is the memory of the methods for one segment and one window of it.
type scoring struct {
	segment *mat.Dense // channels × samples
	wide    *mat.Dense // tdca: channels and their delayed copies
	long    *mat.Dense // the segment, spatially filtered
	from    int        // trca: where the window starts
	z       *mat.Dense // tdca: the window, spatially filtered
	powers  []float64  // Σz² of each row
	power   float64    // Σz² of all
	mean    []float64
	zq      []float64 // tdca: products of z with the sines
	ecca    eccaScratch
}

// templates are the mean windows of each class in each band, channels × samples.
type templates [][]*mat.Dense // band, class

func (t templates) array() decoders.Array {
	channels, samples := t[0][0].Dims()
	a := decoders.Array{Shape: []int{len(t), len(t[0]), channels, samples}}
	for _, band := range t {
		for _, m := range band {
			a.Data = append(a.Data, m.RawMatrix().Data...)
		}
	}
	return a
}

func restoreTemplates(d *trained, st decoders.State) (templates, error) {
	bands, classes, channels := len(d.sos), len(d.classes), len(d.channels)
	data, err := stored.Array(st, "templates", bands, classes, channels, d.samples)
	if err != nil {
		return nil, err
	}
	t := make(templates, bands)
	for b := range t {
		for range classes {
			t[b] = append(t[b], mat.NewDense(channels, d.samples, data[:channels*d.samples:channels*d.samples]))
			data = data[channels*d.samples:]
		}
	}
	return t, nil
}

// meanOf returns the mean of windows of one shape.
func meanOf(trials []*mat.Dense) *mat.Dense {
	r, c := trials[0].Dims()
	m := mat.NewDense(r, c, nil)
	for _, x := range trials {
		m.Add(m, x)
	}
	m.Scale(1/float64(len(trials)), m)
	return m
}

// topDirections returns up to count vectors w as rows, of wᵀbw = 1, that maximize wᵀaw, best first: the solutions of
// a·w = λ·b·w over the range of b. Missing ones, where the range is smaller, are zero.
func topDirections(a, b *mat.SymDense, count int) (*mat.Dense, error) {
	n := a.SymmetricDim()
	// Directions without power in any trial cannot be divided by; 1e-10 is as for covariances.
	white, err := riemann.Whitener(b, 1e-10)
	if err != nil {
		return nil, err
	}
	rank, _ := white.Dims()
	inner := mat.NewSymDense(rank, nil)
	riemann.Congruence(inner, white, a)
	var eig mat.EigenSym
	if !eig.Factorize(inner, true) {
		return nil, fmt.Errorf("ssvep: eigenvalues did not converge")
	}
	var vectors mat.Dense
	eig.VectorsTo(&vectors)
	out := mat.NewDense(count, n, nil)
	for r := range min(count, rank) {
		w := mat.NewVecDense(n, out.RawRowView(r))
		w.MulVec(white.T(), vectors.ColView(rank-1-r))
	}
	return out, nil
}

// taskRelated returns the spatial filter whose output agrees most between the trials of one class: it maximizes the
// covariance between trials, Σ_{i≠j} wᵀX_iX_jᵀw, against the variance Σ_i wᵀX_iX_iᵀw (Nakanishi et al. 2018, eq. 3-6).
func taskRelated(trials []*mat.Dense) ([]float64, error) {
	n, _ := trials[0].Dims()
	variance, between := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
	var sum mat.Dense
	sum.CloneFrom(trials[0])
	for i, x := range trials {
		variance.SymRankK(variance, 1, x)
		if i > 0 {
			sum.Add(&sum, x)
		}
	}
	between.SymOuterK(1, &sum)
	var own mat.SymDense
	own.ScaleSym(-1, variance)
	between.AddSym(between, &own)
	w, err := topDirections(between, variance, 1)
	if err != nil {
		return nil, err
	}
	return w.RawRowView(0), nil
}

// trca scores by the correlation of the filtered window with the filtered template: with the class's own filter, or in
// an ensemble with all filters at once.
type trca struct {
	filters   []*mat.Dense // by band: classes × channels
	templates templates
	ensemble  bool
	projected [][]*mat.Dense // band, class: filters × samples
	power     [][]float64    // Σ of squares of the projected
}

func newTRCA(filters []*mat.Dense, t templates, ensemble bool) *trca {
	m := &trca{filters: filters, templates: t, ensemble: ensemble}
	for b, band := range t {
		var projected []*mat.Dense
		var power []float64
		for k, x := range band {
			w := filters[b]
			if !ensemble {
				w = w.Slice(k, k+1, 0, w.RawMatrix().Cols).(*mat.Dense)
			}
			p := new(mat.Dense)
			p.Mul(w, x)
			projected, power = append(projected, p), append(power, squares(p))
		}
		m.projected, m.power = append(m.projected, projected), append(m.power, power)
	}
	return m
}

func fitTRCA(trials [][][]*mat.Dense, ensemble bool) (*trca, error) {
	var filters []*mat.Dense
	var t templates
	for _, band := range trials {
		n, _ := band[0][0].Dims()
		w := mat.NewDense(len(band), n, nil)
		var means []*mat.Dense
		for k, class := range band {
			row, err := taskRelated(class)
			if err != nil {
				return nil, err
			}
			w.SetRow(k, row)
			means = append(means, meanOf(class))
		}
		filters, t = append(filters, w), append(t, means)
	}
	return newTRCA(filters, t, ensemble), nil
}

func (m *trca) load(b int, x *mat.Dense, sc *scoring) {
	r, _ := m.filters[b].Dims()
	_, n := x.Dims()
	sc.long = shaped(sc.long, r, n)
	sc.long.Mul(m.filters[b], x)
	sc.powers = grow(sc.powers, r)
}

// shift leaves the mean of the window in place: templates have none, so no product feels it, and the power is corrected.
func (m *trca) shift(b, s int, sc *scoring) {
	_, n := m.projected[b][0].Dims()
	sc.from, sc.power = s, 0
	for i := range sc.powers {
		z := sc.long.RawRowView(i)[s : s+n]
		sum := floats.Sum(z)
		sc.powers[i] = max(0, floats.Dot(z, z)-sum*sum/float64(n))
		sc.power += sc.powers[i]
	}
}

func (m *trca) score(b, k int, sc *scoring) float64 {
	t := m.projected[b][k]
	rows, n := t.Dims()
	if !m.ensemble {
		z := sc.long.RawRowView(k)[sc.from : sc.from+n]
		return cosine(floats.Dot(z, t.RawRowView(0)), sc.powers[k], m.power[b][k])
	}
	sum := 0.0
	for i := range rows {
		sum += floats.Dot(sc.long.RawRowView(i)[sc.from:sc.from+n], t.RawRowView(i))
	}
	return cosine(sum, sc.power, m.power[b][k])
}

func (m *trca) arrays() map[string]decoders.Array {
	return map[string]decoders.Array{"filters": stored.Matrices(m.filters), "templates": m.templates.array()}
}

// restoreFilters reads the spatial filters of a state, rows × columns for each band.
func restoreFilters(d *trained, st decoders.State, rows, columns int) ([]*mat.Dense, error) {
	data, err := stored.Array(st, "filters", len(d.sos), rows, columns)
	if err != nil {
		return nil, err
	}
	filters := make([]*mat.Dense, len(d.sos))
	for b := range filters {
		filters[b] = mat.NewDense(rows, columns, data[b*rows*columns:(b+1)*rows*columns])
	}
	return filters, nil
}

func squares(m *mat.Dense) float64 {
	rows, _ := m.Dims()
	sum := 0.0
	for i := range rows {
		r := m.RawRowView(i)
		sum += floats.Dot(r, r)
	}
	return sum
}

// cosine is dot/√(a·b), 0 where there is nothing to compare.
func cosine(dot, a, b float64) float64 {
	if !(a > 0) || !(b > 0) {
		return 0
	}
	// Roots first: products of large squares would overflow.
	return dot / math.Sqrt(a) / math.Sqrt(b)
}
