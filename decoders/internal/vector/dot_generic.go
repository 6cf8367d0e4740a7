//go:build !amd64

package vector

import "gonum.org/v1/gonum/floats"

// Dot returns Σ x·y. It panics if y is shorter than x.
func Dot(x, y []float64) float64 { return floats.Dot(x, y[:len(x)]) }

// Sum returns Σ x.
func Sum(x []float64) float64 { return sum(x) }

// Slope returns Σ (at+i)·(x[i]-mean).
func Slope(x []float64, mean, at float64) float64 { return slope(x, mean, at) }

// Level writes x[i] - mean - slope·(at+i) to dst, which may be x. It panics if dst is shorter than x.
func Level(dst, x []float64, mean, slope, at float64) { level(dst[:len(x)], x, mean, slope, at) }

// Mix adds Σ w·x to dst, one of the numbers of w for each of the rows x. It panics if a row is shorter than dst.
func Mix(dst, w []float64, x ...[]float64) { mix(dst, w, x) }

// Count returns how many numbers of x equal a or b.
func Count(x []float64, a, b float64) int { return count(x, a, b) }

// Spread writes scale times the four little-endian float32 that lie side by side in b, step bytes apart from each other, to four rows of one length. It
// panics if b or a row is too short.
func Spread(rows *[4][]float64, b []byte, step int, scale float64) { spread(rows, b, 0, step, scale) }

// Extremes returns the least and the largest of x, NaN where one is none. It panics if x is empty.
func Extremes(x []float64) (lo, hi float64) { return extremes(x) }
