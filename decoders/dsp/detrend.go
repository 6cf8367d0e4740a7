package dsp

import "github.com/neurod/neurod/decoders/internal/vector"

// Demean subtracts the mean of x and writes the rest to dst, which may be x; nil is allocated.
func Demean(dst, x []float64) []float64 {
	dst = use(dst, len(x))
	m := mean(x)
	vector.Level(dst, x, m, 0, 0)
	return dst
}

// Detrend subtracts the least-squares line of x and writes the rest to dst, which may be x; nil is allocated.
func Detrend(dst, x []float64) []float64 {
	dst = use(dst, len(x))
	n := float64(len(x))
	if len(x) < 2 {
		return Demean(dst, x)
	}
	// Centred abscissa t makes slope and offset independent; Σt² = n(n²-1)/12.
	mid := (n - 1) / 2
	m := mean(x)
	slope := vector.Slope(x, m, -mid) / (n * (n*n - 1) / 12)
	vector.Level(dst, x, m, slope, -mid)
	return dst
}

func mean(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	return vector.Sum(x) / float64(len(x))
}
