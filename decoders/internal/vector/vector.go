// Package vector holds the sums that most of the time of a decode goes into. A sum that is added up one number after the
// other waits for each addition; these keep several parts side by side, in the processor's vectors where it has them. A
// result does not depend on where in memory the numbers lie.
package vector

// Sum returns Σ x.
func Sum(x []float64) float64 {
	var a, b, c, d float64
	for len(x) >= 4 {
		a += x[0]
		b += x[1]
		c += x[2]
		d += x[3]
		x = x[4:]
	}
	for _, v := range x {
		a += v
	}
	return a + b + (c + d)
}

// extremes is Extremes one number after the other. Plain comparisons: the min and max built-ins order NaN and -0 too, which takes several times
// as long.
func extremes(x []float64) (lo, hi float64) {
	lo, hi = x[0], x[0]
	for _, v := range x {
		switch {
		case v < lo:
			lo = v
		case v > hi:
			hi = v
		case v != v:
			return v, v
		}
	}
	return lo, hi
}
