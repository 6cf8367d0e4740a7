package ssvep

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/stored"
)

// tdca is task-discriminant component analysis (Liu et al. 2021). The channels are joined by copies of themselves that
// are delayed by 1..Delays samples (zero where the window ends); behind the samples stands their projection on the sines of the class.
// A linear discriminant of these matrices gives spatial filters common to all classes, and the score is the correlation
// of a filtered window, augmented for the class, with the class's filtered template. Means are not taken out there: they are
// next to nothing, and would make the score depend on the arbitrary signs of the filters.
type tdca struct {
	delays    int
	filters   []*mat.Dense // by band: components × channels·(delays+1)
	templates templates
	sines     []*mat.Dense // by class: samples × columns, orthonormal
	projected [][]*mat.Dense
	powers    [][]float64 // Σ of squares of the augmented projection
	onSines   [][][]float64
}

// delayed writes the channels of x and their delayed copies to dst, channels·(delays+1) × samples.
func delayed(dst, x *mat.Dense, delays int) {
	channels, n := x.Dims()
	for l := range delays + 1 {
		for i := range channels {
			row := dst.RawRowView(l*channels + i)
			clear(row[max(0, n-l):])
			if l < n {
				copy(row, x.RawRowView(i)[l:])
			}
		}
	}
}

// sinesOf returns an orthonormal basis of sines and cosines at the harmonics of f below Nyquist, samples × columns.
func sinesOf(f float64, harmonics, n int, rate float64) *mat.Dense {
	var columns [][]float64
	for h := 1; h <= harmonics && float64(h)*f < rate/2; h++ {
		for _, wave := range []func(float64) float64{math.Sin, math.Cos} {
			v := make([]float64, n)
			for j := range v {
				v[j] = wave(2 * math.Pi * float64(h) * f * float64(j) / rate)
			}
			before := floats.Norm(v, 2)
			for range 2 { // Gram-Schmidt twice is orthogonal to rounding
				for _, c := range columns {
					floats.AddScaled(v, -floats.Dot(v, c), c)
				}
			}
			if after := floats.Norm(v, 2); after > 1e-6*before {
				floats.Scale(1/after, v)
				columns = append(columns, v)
			}
		}
	}
	q := mat.NewDense(n, len(columns), nil)
	for c, v := range columns {
		q.SetCol(c, v)
	}
	return q
}

func newTDCA(d *trained, filters []*mat.Dense, t templates) *tdca {
	m := &tdca{delays: d.cfg.Delays, filters: filters, templates: t}
	for _, f := range d.cfg.Frequencies {
		q := sinesOf(f, d.cfg.Harmonics, d.samples, d.rate)
		m.sines = append(m.sines, q)
	}
	channels, n := t[0][0].Dims()
	wide := mat.NewDense(channels*(m.delays+1), n, nil)
	for b, band := range t {
		var projected []*mat.Dense
		var powers []float64
		var onSines [][]float64
		for k, x := range band {
			delayed(wide, x, m.delays)
			z := new(mat.Dense)
			z.Mul(filters[b], wide)
			rows, _ := z.Dims()
			zq := make([]float64, rows*m.sines[k].RawMatrix().Cols)
			projected, onSines = append(projected, z), append(onSines, zq)
			powers = append(powers, m.augment(zq, k, z, squares(z)))
		}
		m.projected, m.onSines = append(m.projected, projected), append(m.onSines, onSines)
		m.powers = append(m.powers, powers)
	}
	return m
}

// augment writes the products of the rows of z with the sines of class k to zq, and returns Σ of the squares of z and its
// projection, given that of z alone.
func (m *tdca) augment(zq []float64, k int, z *mat.Dense, power float64) float64 {
	rows, _ := z.Dims()
	_, columns := m.sines[k].Dims()
	mat.NewDense(rows, columns, zq).Mul(z, m.sines[k])
	return power + floats.Dot(zq, zq)
}

func fitTDCA(d *trained, trials [][][]*mat.Dense) (*tdca, error) {
	delays, components := d.cfg.Delays, d.cfg.Components
	var filters []*mat.Dense
	var t templates
	for _, band := range trials {
		channels, n := band[0][0].Dims()
		dim := channels * (delays + 1)
		within, between := mat.NewSymDense(dim, nil), mat.NewSymDense(dim, nil)
		augmented := func(x *mat.Dense, q *mat.Dense) *mat.Dense {
			out := mat.NewDense(dim, 2*n, nil)
			wide := out.Slice(0, dim, 0, n).(*mat.Dense)
			delayed(wide, x, delays)
			var zq, p mat.Dense
			zq.Mul(wide, q)
			p.Mul(&zq, q.T())
			out.Slice(0, dim, n, 2*n).(*mat.Dense).Copy(&p)
			return out
		}
		var means, classes []*mat.Dense
		count := 0
		for k, class := range band {
			q := sinesOf(d.cfg.Frequencies[k], d.cfg.Harmonics, n, d.rate)
			means = append(means, meanOf(class))
			// Augmenting is linear: the mean of the augmented is the augmented mean.
			center := augmented(means[k], q)
			classes = append(classes, center)
			for _, x := range class {
				a := augmented(x, q)
				a.Sub(a, center)
				within.SymRankK(within, 1, a)
				count++
			}
		}
		within.ScaleSym(1/float64(count), within)
		all := meanOf(classes)
		for _, c := range classes {
			var a mat.Dense
			a.Sub(c, all)
			between.SymRankK(between, 1/float64(len(classes)), &a)
		}
		w, err := topDirections(between, within, components)
		if err != nil {
			return nil, err
		}
		filters, t = append(filters, w), append(t, means)
	}
	return newTDCA(d, filters, t), nil
}

func (m *tdca) load(b int, x *mat.Dense, sc *scoring) {
	channels, n := x.Dims()
	sc.segment = x
	sc.wide = shaped(sc.wide, channels*(m.delays+1), n)
	delayed(sc.wide, x, m.delays)
	rows, _ := m.filters[b].Dims()
	sc.long = shaped(sc.long, rows, n)
	sc.long.Mul(m.filters[b], sc.wide)
	sc.mean = grow(sc.mean, channels)
}

// shift filters a window from the filtered segment. Its channels are centred first and its delayed copies end in zeros, so
// the means are taken off what the filters made of them, and the last samples are filtered by themselves.
func (m *tdca) shift(b, s int, sc *scoring) {
	n := m.samples()
	channels, _ := sc.segment.Dims()
	rows, _ := m.filters[b].Dims()
	for i := range channels {
		sc.mean[i] = floats.Sum(sc.segment.RawRowView(i)[s:s+n]) / float64(n)
	}
	sc.z = shaped(sc.z, rows, n)
	whole := max(0, n-m.delays) // samples that all delayed copies have
	for r := range rows {
		w, z := m.filters[b].RawRowView(r), sc.z.RawRowView(r)
		offset := 0.0
		for l := range m.delays + 1 {
			offset += floats.Dot(w[l*channels:(l+1)*channels], sc.mean)
		}
		for j, v := range sc.long.RawRowView(r)[s : s+whole] {
			z[j] = v - offset
		}
		for j := whole; j < n; j++ {
			z[j] = 0
			for l := range min(m.delays+1, n-j) {
				for i := range channels {
					z[j] += w[l*channels+i] * (sc.segment.RawRowView(i)[s+j+l] - sc.mean[i])
				}
			}
		}
	}
	sc.power = squares(sc.z)
}

func (m *tdca) samples() int {
	_, n := m.templates[0][0].Dims()
	return n
}

func (m *tdca) score(b, k int, sc *scoring) float64 {
	rows, _ := sc.z.Dims()
	_, columns := m.sines[k].Dims()
	sc.zq = grow(sc.zq, rows*columns)
	power := m.augment(sc.zq, k, sc.z, sc.power)
	dot := floats.Dot(sc.zq, m.onSines[b][k])
	for i := range rows {
		dot += floats.Dot(sc.z.RawRowView(i), m.projected[b][k].RawRowView(i))
	}
	return cosine(dot, power, m.powers[b][k])
}

func (m *tdca) arrays() map[string]decoders.Array {
	return map[string]decoders.Array{"filters": stored.Matrices(m.filters), "templates": m.templates.array()}
}

// restore rebuilds a pipeline's method from a state.
func (p calibrated) restore(d *trained, st decoders.State) (method, error) {
	t, err := restoreTemplates(d, st)
	if err != nil {
		return nil, err
	}
	switch p.name {
	case ECCAName:
		m, err := newECCA(d, t)
		if err != nil {
			return nil, incompatible("%v", err)
		}
		return m, nil
	case TDCAName:
		filters, err := restoreFilters(d, st, d.cfg.Components, len(d.channels)*(d.cfg.Delays+1))
		if err != nil {
			return nil, err
		}
		return newTDCA(d, filters, t), nil
	case TRCAName, ETRCAName:
		filters, err := restoreFilters(d, st, len(d.classes), len(d.channels))
		if err != nil {
			return nil, err
		}
		return newTRCA(filters, t, p.name == ETRCAName), nil
	}
	return nil, fmt.Errorf("ssvep: unknown pipeline %q", p.name)
}

// fit fits a pipeline's method to windows by band, class and trial.
func (p calibrated) fit(d *trained, trials [][][]*mat.Dense) (method, error) {
	switch p.name {
	case ECCAName:
		return fitECCA(d, trials)
	case TDCAName:
		return fitTDCA(d, trials)
	case TRCAName, ETRCAName:
		return fitTRCA(trials, p.name == ETRCAName)
	}
	return nil, fmt.Errorf("ssvep: unknown pipeline %q", p.name)
}
