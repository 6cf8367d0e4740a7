// Package vector holds the sums that most of the time of a decode goes into. A sum that is added up one number after the
// other waits for each addition; these keep several parts side by side, in the processor's vectors where it has them. A
// result does not depend on where in memory the numbers lie.
package vector

import (
	"encoding/binary"
	"math"
)

// The same one number after the other, for processors without vectors and for what is left of blocks.

func sum(x []float64) float64 {
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

func slope(x []float64, mean, at float64) float64 {
	var even, odd float64
	for len(x) >= 2 {
		even += at * (x[0] - mean)
		odd += (at + 1) * (x[1] - mean)
		at += 2
		x = x[2:]
	}
	for _, v := range x {
		even += at * (v - mean)
	}
	return even + odd
}

func level(dst, x []float64, mean, slope, at float64) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = v - mean - slope*(at+float64(i))
	}
}

func mix(dst, w []float64, x [][]float64) {
	for k, row := range x[:len(w)] {
		row = row[:len(dst)]
		for i, v := range row {
			dst[i] += w[k] * v
		}
	}
}

func count(x []float64, a, b float64) int {
	n := 0
	for _, v := range x {
		if v == a || v == b {
			n++
		}
	}
	return n
}

// spread is Spread from a sample on.
func spread(rows *[4][]float64, b []byte, from, step int, scale float64) {
	for k, row := range rows {
		for i := from; i < len(rows[0]); i++ {
			row[i] = scale * float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i*step+4*k:])))
		}
	}
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
