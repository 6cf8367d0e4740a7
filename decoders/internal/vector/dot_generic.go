//go:build !amd64

package vector

import "gonum.org/v1/gonum/floats"

// Dot returns Σ x·y. It panics if y is shorter than x.
func Dot(x, y []float64) float64 { return floats.Dot(x, y[:len(x)]) }

// Extremes returns the least and the largest of x, NaN where one is none. It panics if x is empty.
func Extremes(x []float64) (lo, hi float64) { return extremes(x) }
