package vector

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// Wide reports whether processor and system have vectors of four float64 (AVX).
var Wide = hasAVX()

func hasAVX() bool

// Products of n numbers, and work on blocks of 16 of them. There is at least one block.
//
//go:noescape
func dot(x, y *float64, n int) float64

//go:noescape
func sum16(x *float64, blocks int) float64

//go:noescape
func mix16(dst *float64, blocks int, w *[4]float64, a, b, c, d *float64)

//go:noescape
func slope16(x *float64, blocks int, mean, at float64) float64

//go:noescape
func level16(dst, x *float64, blocks int, mean, slope, at float64)

//go:noescape
func count16(x *float64, blocks int, a, b float64) int

//go:noescape
func spread4(a, b, c, d *float64, src *byte, step, blocks int, scale float64)

// short is the length below which a call takes longer than it saves.
const short = 16

// Dot returns Σ x·y. It panics if y is shorter than x.
func Dot(x, y []float64) float64 {
	y = y[:len(x)]
	if !Wide || len(x) < short {
		return floats.Dot(x, y)
	}
	return dot(&x[0], &y[0], len(x))
}

// Sum returns Σ x.
func Sum(x []float64) float64 {
	if !Wide || len(x) < short {
		return sum(x)
	}
	n := len(x) &^ 15
	return sum16(&x[0], n/16) + sum(x[n:])
}

// Slope returns Σ (at+i)·(x[i]-mean).
func Slope(x []float64, mean, at float64) float64 {
	n := 0
	total := 0.0
	if Wide && len(x) >= short {
		n = len(x) &^ 15
		total = slope16(&x[0], n/16, mean, at)
	}
	return total + slope(x[n:], mean, at+float64(n))
}

// Level writes x[i] - mean - slope·(at+i) to dst, which may be x. It panics if dst is shorter than x.
func Level(dst, x []float64, mean, slope, at float64) {
	dst = dst[:len(x)]
	n := 0
	if Wide && len(x) >= short {
		n = len(x) &^ 15
		level16(&dst[0], &x[0], n/16, mean, slope, at)
	}
	level(dst[n:], x[n:], mean, slope, at+float64(n))
}

// Mix adds Σ w·x to dst, one of the numbers of w for each of the rows x. It panics if a row is shorter than dst.
func Mix(dst, w []float64, x ...[]float64) {
	for ; len(w) >= 4; w, x = w[4:], x[4:] {
		mixFour(dst, (*[4]float64)(w), (*[4][]float64)(x))
	}
	mix(dst, w, x)
}

func mixFour(dst []float64, w *[4]float64, x *[4][]float64) {
	a, b, c, d := x[0][:len(dst)], x[1][:len(dst)], x[2][:len(dst)], x[3][:len(dst)]
	n := 0
	if Wide && len(dst) >= short {
		n = len(dst) &^ 15
		mix16(&dst[0], n/16, w, &a[0], &b[0], &c[0], &d[0])
	}
	for i := n; i < len(dst); i++ {
		dst[i] = dst[i] + w[0]*a[i] + w[1]*b[i] + w[2]*c[i] + w[3]*d[i]
	}
}

// Count returns how many numbers of x equal a or b.
func Count(x []float64, a, b float64) int {
	n, found := 0, 0
	if Wide && len(x) >= short {
		n = len(x) &^ 15
		found = count16(&x[0], n/16, a, b)
	}
	return found + count(x[n:], a, b)
}

// Spread writes scale times the four little-endian float32 that lie side by side in b, step bytes apart from each other, to four rows of one length. It
// panics if b or a row is too short.
func Spread(rows *[4][]float64, b []byte, step int, scale float64) {
	n := len(rows[0])
	if n == 0 {
		return
	}
	_, _, _, _ = b[(n-1)*step+15], rows[1][n-1], rows[2][n-1], rows[3][n-1]
	from := 0
	if Wide && n >= 4 {
		from = n &^ 3
		spread4(&rows[0][0], &rows[1][0], &rows[2][0], &rows[3][0], &b[0], step, n/4, scale)
	}
	spread(rows, b, from, step, scale)
}

// extremes16 returns the least and the largest number of blocks of 16, and whether one of them is none.
//
//go:noescape
func extremes16(x *float64, blocks int) (lo, hi float64, nan bool)

// shortExtremes is the length below which calling extremes16 takes longer than it saves.
const shortExtremes = 48

// Extremes returns the least and the largest of x, NaN where one is none. It panics if x is empty.
func Extremes(x []float64) (lo, hi float64) {
	if !Wide || len(x) < shortExtremes {
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
