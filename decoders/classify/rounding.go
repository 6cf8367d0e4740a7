package classify

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// roundingTol is the share of the largest standard deviation of a feature below which another's is taken for rounding: a matrix
// function or a filter leaves some 1e-13 of its largest output where the truth is 0.
const roundingTol = 1e-10

// withoutRounding returns x (samples × features) with the features that hold nothing but rounding, next to the others, at their
// means. A channel that is flat in all of the training gives such features. Standardized they would look like any other, and
// a weight that is right for rounding of 1e-16 outweighs everything once weights are compared with each other, or once the
// channel comes to life. x itself is returned where there are none, and never changed.
func withoutRounding(x *mat.Dense) *mat.Dense {
	n, p := x.Dims()
	mean, spread := make([]float64, p), make([]float64, p)
	for i := range n {
		for j, v := range x.RawRowView(i) {
			mean[j] += v / float64(n)
		}
	}
	largest := 0.0
	for i := range n {
		for j, v := range x.RawRowView(i) {
			spread[j] = max(spread[j], math.Abs(v-mean[j]))
		}
	}
	for _, s := range spread {
		largest = max(largest, s)
	}
	out := x
	for j, s := range spread {
		if s == 0 || s > roundingTol*largest {
			continue
		}
		if out == x {
			out = mat.DenseCopyOf(x)
		}
		for i := range n {
			out.Set(i, j, mean[j])
		}
	}
	return out
}
