package contact

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/internal/vector"
)

// gainSpread is the standard deviation of the logarithm of a channel's amplitude around what its neighbors tell: 0.15 to 0.3 between
// the channels of a recording, and as much again for what differs between the heads of the training and this one.
const gainSpread = .5

// imputer draws what bad channels may have held.
type imputer struct {
	good, bad   []int      // rows of the signal
	weights     *mat.Dense // bad × good, for channels of unit power: Σ_bg Σ_gg⁻¹
	rest        *mat.Dense // bad × bad, lower: the root of what the good ones do not tell
	activity    []float64  // root mean square in the decoder's band, µV; by row, that of bad ones by what the good ones tell
	unexplained float64    // the largest share of the power of a bad channel that the good ones do not tell
}

var errDegenerate = errors.New("contact: the good channels do not tell of the bad ones")

// newImputer takes the correlations of a covariance and the activity of the good rows, and fills in that of the bad ones.
func newImputer(cov *mat.SymDense, activity []float64, good, bad []int) (*imputer, error) {
	n, m := len(good), len(bad)
	if n == 0 {
		return nil, errDegenerate
	}
	for _, i := range slices.Concat(good, bad) {
		if !(cov.At(i, i) > 0) {
			return nil, errDegenerate
		}
	}
	p := &imputer{good: good, bad: bad, activity: slices.Clone(activity), rest: mat.NewDense(m, m, nil)}
	r := func(i, j int) float64 { return cov.At(i, j) / math.Sqrt(cov.At(i, i)) / math.Sqrt(cov.At(j, j)) }
	gg, cross := mat.NewSymDense(n, nil), mat.NewDense(n, m, nil)
	for a, i := range good {
		for b := a; b < n; b++ {
			gg.SetSym(a, b, r(i, good[b]))
		}
		for b, j := range bad {
			cross.Set(a, b, r(i, j))
		}
	}
	var chol mat.Cholesky
	var w mat.Dense // good × bad
	if !chol.Factorize(gg) || chol.Cond() > 1e12 || chol.SolveTo(&w, cross) != nil {
		return nil, errDegenerate
	}
	p.weights = mat.DenseCopyOf(w.T())
	left := mat.NewSymDense(m, nil)
	for a, i := range bad {
		for b := a; b < m; b++ {
			v := r(i, bad[b])
			for k := range n {
				v -= w.At(k, a) * cross.At(k, b)
			}
			if a == b { // never less than a hundredth: no electrode is the sum of others
				v = max(v, 0) + 0.01
				p.unexplained = max(p.unexplained, v)
			}
			left.SetSym(a, b, v)
		}
		gain, weight := 0.0, 0.0
		for _, k := range good {
			q := r(i, k) * r(i, k)
			gain, weight = gain+q*math.Log(activity[k]/math.Sqrt(cov.At(k, k))), weight+q
		}
		if weight > 0 {
			gain /= weight
		}
		p.activity[i] = math.Exp(gain) * math.Sqrt(cov.At(i, i))
	}
	var root mat.Cholesky
	if !root.Factorize(left) {
		return nil, errDegenerate
	}
	var lower mat.TriDense
	root.LTo(&lower)
	p.rest.Copy(&lower)
	return p, nil
}

// draw writes one possible course of the bad channels to the rows of sig in the samples lo to hi; f measures from to to.
func (p *imputer) draw(sig decoders.Signal, f *band, lo, hi, from, to int, number uint64) {
	rng := rand.New(rand.NewPCG(number, 0x6e6575726f64))
	n := hi - lo
	sources := make([][]float64, len(p.bad))
	for l := range sources {
		k := p.good[rng.IntN(len(p.good))]
		sources[l] = shifted(sig.Data.RawRowView(k)[lo:hi], n/8+rng.IntN(max(1, n*3/4)), float64(1-2*rng.IntN(2))/p.activity[k])
	}
	for i, row := range p.bad {
		out := sig.Data.RawRowView(row)[lo:hi]
		clear(out)
		for a, w := range p.weights.RawRowView(i) {
			k := p.good[a]
			floats.AddScaled(out, w/p.activity[k], sig.Data.RawRowView(k)[lo:hi])
		}
		for l, s := range sources[:i+1] {
			floats.AddScaled(out, p.rest.At(i, l), s)
		}
		if rms := f.rms(out[from-lo : to-lo]); rms > 0 {
			floats.Scale(p.activity[row]*math.Exp(gainSpread*rng.NormFloat64())/rms, out)
		}
	}
}

// band measures the activity that a decoder reads.
type band struct {
	wave *dsp.ZeroPhase // nil takes all
	row  []float64
}

func newBand(lo, hi, rate float64) *band {
	sos, err := dsp.ButterBandPass(2, lo, min(hi, 0.45*rate), rate)
	if err != nil {
		return &band{}
	}
	return &band{wave: dsp.NewZeroPhase(sos)}
}

// rms returns the root mean square of x in the band.
func (b *band) rms(x []float64) float64 {
	if cap(b.row) < len(x) {
		b.row = make([]float64, len(x))
	}
	row := b.row[:len(x)]
	dsp.Detrend(row, x)
	if b.wave != nil {
		b.wave.Filter(row, row)
	}
	return math.Sqrt(vector.Dot(row, row) / float64(len(row)))
}

// shifted returns k·x, freed of the line through its ends and turned by some samples, so that what ran off the end comes in at the
// start without a step.
func shifted(x []float64, by int, k float64) []float64 {
	n := len(x)
	edge := max(1, min(n/16, n))
	first, last := floats.Sum(x[:edge])/float64(edge), floats.Sum(x[n-edge:])/float64(edge)
	out := make([]float64, n)
	for j, v := range x {
		trend := first
		if n > edge {
			trend += (last - first) * (float64(j) - float64(edge-1)/2) / float64(n-edge)
		}
		out[(j+by)%n] = k * (v - trend)
	}
	return out
}
