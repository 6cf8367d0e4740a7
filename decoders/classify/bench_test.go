package classify_test

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/classify"
)

// clouds returns samples × features noise whose first feature shifts with the label.
func clouds(samples, features, classes int, shift float64, seed uint64) (*mat.Dense, []int) {
	rng := rand.New(rand.NewPCG(seed, 3))
	x, y := mat.NewDense(samples, features, nil), make([]int, samples)
	for i := range samples {
		y[i] = i % classes
		row := x.RawRowView(i)
		for j := range row {
			row[j] = rng.NormFloat64()
		}
		row[0] += shift * float64(y[i])
	}
	return x, y
}

func BenchmarkFitLDA(b *testing.B) {
	x, y := clouds(600, 208, 2, 1, 1)
	for b.Loop() {
		if _, err := classify.FitLDA(x, y, 2, classify.LDAConfig{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFitLogistic(b *testing.B) {
	for _, bm := range []struct {
		name                       string
		samples, features, classes int
	}{{"tangent22", 90, 253, 2}, {"tangent64", 90, 2080, 2}, {"four classes", 288, 253, 4}} {
		b.Run(bm.name, func(b *testing.B) {
			x, y := clouds(bm.samples, bm.features, bm.classes, 1, 1)
			for b.Loop() {
				if _, err := classify.FitLogistic(x, y, bm.classes, classify.LogisticConfig{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkProbabilities(b *testing.B) {
	x, y := clouds(90, 253, 2, 1, 1)
	l, err := classify.FitLogistic(x, y, 2, classify.LogisticConfig{})
	if err != nil {
		b.Fatal(err)
	}
	p := make([]float64, 2)
	b.ReportAllocs()
	for b.Loop() {
		l.Probabilities(p, x.RawRowView(0))
	}
}
