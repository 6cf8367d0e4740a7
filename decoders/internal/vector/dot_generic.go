//go:build !amd64

package vector

import "gonum.org/v1/gonum/floats"

// Dot returns Σ x·y. It panics if y is shorter than x.
func Dot(x, y []float64) float64 { return floats.Dot(x, y[:len(x)]) }
