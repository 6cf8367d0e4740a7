package dsp

// Autocorrelation computes the sums of products of a signal with itself, shifted, through its power spectrum (Wiener and
// Khinchin): in time n·log n where the products themselves take n for each lag. It is not safe for concurrent use.
type Autocorrelation struct {
	n, most int
	fft     *RealFFT
	padded  []float64
	spec    []complex128
	out     []float64
}

// NewAutocorrelation returns one for signals of n samples and lags of 0 to most, which is less than n.
func NewAutocorrelation(n, most int) *Autocorrelation {
	// So many zeros behind the signal that nothing comes around, to a length that is fast to transform.
	size := n + most
	for !fast(size) {
		size++
	}
	return &Autocorrelation{n: n, most: most, fft: NewRealFFT(size), padded: make([]float64, size), spec: make([]complex128, size/2+1), out: make([]float64, most+1)}
}

// fast reports whether n is even and a product of 2, 3 and 5.
func fast(n int) bool {
	if n%2 != 0 {
		return false
	}
	for _, p := range [3]int{2, 3, 5} {
		for n%p == 0 {
			n /= p
		}
	}
	return n == 1
}

// Compute returns Σ x[i]·x[i+k] for each lag k; x has n samples and is kept. What it returns is overwritten by the next call. It differs
// from the sums themselves by rounding: some 10⁻¹⁵ of that at lag 0.
func (a *Autocorrelation) Compute(x []float64) []float64 {
	copy(a.padded, x[:a.n])
	clear(a.padded[a.n:])
	a.fft.Coefficients(a.spec, a.padded)
	// The power spectrum is real and even: its inverse transform is its transform, divided by the length.
	size := len(a.padded)
	for k, c := range a.spec {
		power := real(c)*real(c) + imag(c)*imag(c)
		a.padded[k] = power
		if k > 0 {
			a.padded[size-k] = power
		}
	}
	a.fft.Coefficients(a.spec, a.padded)
	for k := range a.out {
		a.out[k] = real(a.spec[k]) / float64(size)
	}
	return a.out
}
