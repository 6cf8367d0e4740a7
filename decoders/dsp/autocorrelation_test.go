package dsp_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/neurod/neurod/decoders/dsp"
)

// TestAutocorrelation compares it with the sums of products.
func TestAutocorrelation(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range [][2]int{{1, 0}, {2, 1}, {7, 3}, {100, 99}, {347, 100}, {4096, 1024}, {5000, 2501}} {
		n, most := size[0], size[1]
		x := make([]float64, n)
		for i := range x {
			x[i] = 50*r.NormFloat64() + 100*math.Sin(0.05*float64(i))
		}
		a := dsp.NewAutocorrelation(n, most)
		for range 2 { // it may be used again
			got := a.Compute(x)
			if len(got) != most+1 {
				t.Fatalf("%d lags, want %d", len(got), most+1)
			}
			for k := range got {
				want := 0.0
				for i := range n - k {
					want += x[i] * x[i+k]
				}
				if math.Abs(got[k]-want) > 1e-13*got[0] {
					t.Fatalf("n %d, lag %d: %g, want %g", n, k, got[k], want)
				}
			}
		}
	}
}
