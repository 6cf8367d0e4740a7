package vector

import "gonum.org/v1/gonum/floats"

// Wide reports whether processor and system have vectors of four float64 (AVX).
var Wide = hasAVX()

func hasAVX() bool

// dot16 returns the product of blocks of 16 numbers.
//
//go:noescape
func dot16(x, y *float64, blocks int) float64

// short is the length below which calling dot16 takes longer than it saves.
const short = 48

// Dot returns Σ x·y. It panics if y is shorter than x.
func Dot(x, y []float64) float64 {
	y = y[:len(x)]
	if !Wide || len(x) < short {
		return floats.Dot(x, y)
	}
	n := len(x) &^ 15
	return dot16(&x[0], &y[0], n/16) + floats.Dot(x[n:], y[n:])
}
