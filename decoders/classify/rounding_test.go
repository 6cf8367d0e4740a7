package classify_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/classify"
)

// TestRoundingIsNoFeature trains with a feature that holds nothing but the rounding of a flat channel: once the channel comes
// to life it must count for no more than the others do.
func TestRoundingIsNoFeature(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	const n, p, dead = 20, 50, 3
	x, labels := mat.NewDense(n, p, nil), make([]int, n)
	for i := range n {
		labels[i] = i % 2
		for j := range p {
			x.Set(i, j, rng.NormFloat64()+float64(labels[i]))
		}
		x.Set(i, dead, 1e-15*rng.NormFloat64())
	}
	wide, err := classify.FitWideLDA(x, labels, 2)
	if err != nil {
		t.Fatal(err)
	}
	lda, err := classify.FitLDA(x, labels, 2, classify.LDAConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]*classify.Linear{"wide": wide, "pooled": &lda.Linear} {
		largest, weight := 0.0, math.Abs(l.Coef.At(1, dead)-l.Coef.At(0, dead))
		for j := range p {
			if j != dead {
				largest = max(largest, math.Abs(l.Coef.At(1, j)-l.Coef.At(0, j)))
			}
		}
		if weight > largest {
			t.Errorf("%s: the weight of rounding is %g, the largest of a feature %g", name, weight, largest)
		}
	}
}
