package vector

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

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

// extremes16 returns the least and the largest number of blocks of 16, and whether one of them is none.
//
//go:noescape
func extremes16(x *float64, blocks int) (lo, hi float64, nan bool)

// Extremes returns the least and the largest of x, NaN where one is none. It panics if x is empty.
func Extremes(x []float64) (lo, hi float64) {
	if !Wide || len(x) < short {
		return extremes(x)
	}
	n := len(x) &^ 15
	lo, hi, nan := extremes16(&x[0], n/16)
	if nan {
		return math.NaN(), math.NaN()
	}
	if n == len(x) {
		return lo, hi
	}
	restLo, restHi := extremes(x[n:])
	switch {
	case restLo != restLo:
		return restLo, restLo
	case restLo < lo:
		lo = restLo
	}
	if restHi > hi {
		hi = restHi
	}
	return lo, hi
}
