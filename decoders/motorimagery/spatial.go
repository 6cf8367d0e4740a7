package motorimagery

import (
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/head"
	"github.com/neurod/neurod/decoders/riemann"
)

var (
	_ decoders.Spatial = (*cspDecoder)(nil)
	_ decoders.Spatial = (*rxDecoder)(nil)
	_ decoders.Spatial = (*tsDecoder)(nil)
	_ decoders.Spatial = (*mdmDecoder)(nil)
	_ decoders.Spatial = (*fgDecoder)(nil)
	_ decoders.Spatial = (*fbcspDecoder)(nil)
)

// Covariance is the mean that the decoder is aligned to, where it is; else what the pipeline was trained around.

func (d *tsDecoder) Covariance() *mat.SymDense { return d.around(d.space.Reference) }

func (d *fgDecoder) Covariance() *mat.SymDense {
	return d.around(func() *mat.SymDense { reference, _, _ := d.filtered.Parts(); return reference })
}

func (d *mdmDecoder) Covariance() *mat.SymDense {
	return d.around(func() *mat.SymDense {
		mean, err := riemann.EuclidMean(d.means.Means(), nil)
		if err != nil {
			return nil
		}
		return mean
	})
}

func (d *cspDecoder) Covariance() *mat.SymDense {
	return d.around(func() *mat.SymDense { return whitened(d.filters, d.labels) })
}

func (d *rxDecoder) Covariance() *mat.SymDense {
	return d.around(func() *mat.SymDense { return whitened(d.filters, d.labels) })
}

// Covariance of a bank is that of its first aligned band; its filters are too few a band to tell.
func (d *fbcspDecoder) Covariance() *mat.SymDense {
	return d.around(func() *mat.SymDense { return nil })
}

// Band is that of the front end.
func (m *model) Band() (low, high float64) { return m.cfg.Low, m.cfg.High }

func (m *model) around(reference func() *mat.SymDense) *mat.SymDense {
	if m.centers != nil {
		return m.centers[0]
	}
	return reference()
}

// whitened returns the covariance nearest to that of electrodes at their places (in Kullback and Leibler's sense, between normal
// distributions) whose filters give unit power and do not covary, as spatial patterns do in their training: with K the covariance by
// places, A = WKWᵀ,
//
//	C = K + KWᵀA⁻¹(I - A)A⁻¹WK
//
// Six filters of eight channels leave little to the places.
func whitened(w *mat.Dense, channels []string) *mat.SymDense {
	k := head.Correlations(channels)
	f, n := w.Dims()
	var wk, a mat.Dense
	wk.Mul(w, k)
	a.Mul(&wk, w.T())
	trace := mat.Trace(&a)
	if !(trace > 0) {
		return nil
	}
	scale := float64(f) / trace // the places at the filters' mean power
	k.ScaleSym(scale, k)
	wk.Scale(scale, &wk)
	a.Scale(scale, &a)
	sym := mat.NewSymDense(f, nil)
	for i := range f {
		for j := i; j < f; j++ {
			sym.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(sym) || chol.Cond() > 1e10 {
		return nil
	}
	var gain, part mat.Dense // A⁻¹WK, filters × channels
	if err := chol.SolveTo(&gain, &wk); err != nil {
		return nil
	}
	part.Mul(sym, &gain)
	part.Sub(&gain, &part) // (I - A)A⁻¹WK
	var update mat.Dense
	update.Mul(gain.T(), &part)
	out := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			out.SetSym(i, j, k.At(i, j)+(update.At(i, j)+update.At(j, i))/2)
		}
	}
	return out
}
