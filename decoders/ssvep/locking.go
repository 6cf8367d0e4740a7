package ssvep

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"
)

// locking says how far the responses of the trials of a target have one phase at their onset, over all targets together.
type locking struct {
	// coherence is the inter-trial coherence, the length of the mean of the phases as unit vectors (Tallon-Baudry et al. 1996, J. Neurosci. 16,
	// 4240-4249), without what so few trials have by chance: 0 for phases by chance, 1 for one phase.
	coherence float64
	// p is the probability that phases by chance agree as much (Rayleigh; 2R²/n of each target is χ² with two degrees of freedom).
	p float64
}

// lockedBelow is the p below which phases are taken for locked without a further look.
const lockedBelow = 0.01

// lockingOf measures the phases of trials at their targets' frequencies in the lowest band, at the spatial filter in which the targets'
// frequencies have most power against the rest of the band. It does not know the phases, so it favors none.
func (d *trained) lockingOf(loaded windows, labels []int) locking {
	channels, _ := loaded[0][0].Dims()
	power := mat.NewSymDense(channels, nil)
	own := mat.NewSymDense(channels, nil)
	parts := make([][]complex128, len(loaded))
	for i, bands := range loaded {
		x := bands[0]
		power.SymRankK(power, 1, x)
		omega := 2 * math.Pi * d.cfg.Frequencies[labels[i]] / d.rate
		parts[i] = make([]complex128, channels)
		for c := range channels {
			for j, v := range x.RawRowView(c)[:d.samples] {
				sin, cos := math.Sincos(omega * float64(j))
				parts[i][c] += complex(v*cos, -v*sin)
			}
		}
		for a := range channels {
			for b := a; b < channels; b++ {
				own.SetSym(a, b, own.At(a, b)+real(parts[i][a])*real(parts[i][b])+imag(parts[i][a])*imag(parts[i][b]))
			}
		}
	}
	w, err := topDirections(own, power, 1)
	if err != nil {
		return locking{p: 1}
	}
	sums := make([]complex128, len(d.classes))
	counts := make([]float64, len(d.classes))
	for i, c := range parts {
		var v complex128
		for a, u := range c {
			v += complex(w.At(0, a), 0) * u
		}
		if r := cmplx.Abs(v); r > 0 {
			sums[labels[i]] += v / complex(r, 0)
			counts[labels[i]]++
		}
	}
	agreement, pairs, statistic, used := 0.0, 0.0, 0.0, 0
	for k, n := range counts {
		if n < 2 {
			continue
		}
		r2 := real(sums[k])*real(sums[k]) + imag(sums[k])*imag(sums[k])
		agreement, pairs = agreement+r2-n, pairs+n*n-n
		statistic += 2 * r2 / n
		used++
	}
	if used == 0 {
		return locking{p: 1}
	}
	return locking{math.Sqrt(max(0, agreement/pairs)), mathext.GammaIncRegComp(float64(used), statistic/2)}
}
