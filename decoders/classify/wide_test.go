package classify_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/classify"
)

// TestWideLDAIsLDA holds the inverse by samples to the one by features, for more features than samples, for fewer, and
// with a feature that does not change.
func TestWideLDAIsLDA(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{24, 90}, {30, 31}, {60, 7}} {
		for classes := 2; classes <= 3; classes++ {
			n, p := size[0], size[1]
			rng := rand.New(rand.NewPCG(7, uint64(p)))
			x, labels := mat.NewDense(n, p, nil), make([]int, n)
			for i := range n {
				labels[i] = i * i % 7 % classes
				for j := range p {
					x.Set(i, j, 100+float64(labels[i]*(j%3))+math.Exp(float64(j%5))*rng.NormFloat64())
				}
				x.Set(i, 2, 5)
			}
			want, err := classify.FitLDA(x, labels, classes, classify.LDAConfig{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := classify.FitWideLDA(x, labels, classes)
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				a, b := want.Probabilities(nil, x.RawRowView(i)), got.Probabilities(nil, x.RawRowView(i))
				for k := range a {
					if math.Abs(a[k]-b[k]) > 1e-8 {
						t.Fatalf("%d × %d, %d classes, sample %d: %v by samples, %v by features", n, p, classes, i, b, a)
					}
				}
			}
		}
	}
}
