package dsp

// Demean subtracts the mean of x and writes the rest to dst, which may be x; nil is allocated.
func Demean(dst, x []float64) []float64 {
	dst = use(dst, len(x))
	m := mean(x)
	for i, v := range x {
		dst[i] = v - m
	}
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
	st := 0.0
	for i, v := range x {
		st += (float64(i) - mid) * (v - m)
	}
	slope := st / (n * (n*n - 1) / 12)
	for i, v := range x {
		dst[i] = v - m - slope*(float64(i)-mid)
	}
	return dst
}

func mean(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}
