package synthetic

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
)

// Remix returns a signal as the head and the electrodes of another person would give it: channel i is
//
//	exp(gain·g_i)·x_i + cross·Σ_{j≠i} m_ij·x_j
//
// with g and m standard normal, drawn by the seed. The signal is not changed.
func Remix(sig decoders.Signal, seed uint64, gain, cross float64) decoders.Signal {
	rng := Config{Seed: seed}.rng("remix")
	rows, _ := sig.Data.Dims()
	mix := mat.NewDense(rows, rows, nil)
	mix.Apply(func(i, j int, _ float64) float64 {
		v := rng.NormFloat64()
		if i == j {
			return math.Exp(gain * v)
		}
		return cross * v
	}, mix)
	var out mat.Dense
	out.Mul(mix, sig.Data)
	sig.Data = &out
	return sig
}
