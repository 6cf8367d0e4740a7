package ssvep

import (
	"math"
	"sync"

	"gonum.org/v1/gonum/floats"

	"github.com/neurod/neurod/decoders/internal/vector"
)

// maxHarmonics bounds the harmonics of a reference. Responses above the fifth are below the noise (Chen 2015, fig. 3).
const maxHarmonics = 5

// A window of n samples is folded about its middle: cosines about the middle are even and sines odd, so that a channel's
// product with a cosine needs only the even half of the channel, and with a sine only the odd half. The space that sine
// and cosine span does not depend on where time starts, so this is exact, and it halves the work.

// foldEven writes x[mid+j] + x[mid-j] to dst, which has (n+1)/2 samples; the middle sample of an odd window stays as is.
func foldEven(dst, x []float64) {
	n := len(x)
	h := n / 2
	for j := range h {
		dst[j] = x[n-h+j] + x[h-1-j]
	}
	if n%2 == 1 {
		dst[h] = x[h]
	}
}

// foldOdd writes x[mid+j] - x[mid-j] to dst, which has n/2 samples.
func foldOdd(dst, x []float64) {
	n := len(x)
	h := n / 2
	for j := range h {
		dst[j] = x[n-h+j] - x[h-1-j]
	}
}

// reference is an orthonormal basis of the centred sines and cosines of one frequency and its harmonics, folded.
type reference struct {
	even [][]float64
	odd  [][]float64
}

func (r *reference) columns() int { return len(r.even) + len(r.odd) }

// newReference makes the basis for the given harmonics of f Hz over n samples at rate Hz.
func newReference(f float64, harmonics []int, n int, rate float64) *reference {
	return referenceIn(make([]float64, len(harmonics)*n), f, harmonics, n, rate)
}

// referenceIn is newReference in room for len(harmonics)·n numbers.
func referenceIn(room []float64, f float64, harmonics []int, n int, rate float64) *reference {
	h := n / 2
	r := &reference{}
	// In half-window coordinates the full inner product is twice the half's; the middle sample counts once.
	for _, k := range harmonics {
		w := 2 * math.Pi * f * float64(k) / rate
		even, odd := room[:n-h:n-h], room[n-h:n:n]
		room = room[n:]
		mean := 0.0
		for j := range h {
			t := float64(j) + 0.5
			if n%2 == 1 {
				t = float64(j + 1)
			}
			odd[j], even[j] = math.Sincos(w * t)
			mean += 2 * even[j]
		}
		if n%2 == 1 {
			even[h] = 1
			mean++
		}
		mean /= float64(n)
		for j := range even {
			even[j] -= mean
		}
		r.even = extend(r.even, even, n)
		r.odd = extend(r.odd, odd, n)
	}
	return r
}

// extend adds to an orthonormal basis what is new in v; what is in its span already (the sine at Nyquist, an alias) is
// left out. Basis and v are folded halves of windows of n samples.
func extend(basis [][]float64, v []float64, n int) [][]float64 {
	full := func(a, b []float64) float64 {
		d := 2 * floats.Dot(a, b)
		if len(a) > n/2 { // an odd window's middle sample
			d -= a[n/2] * b[n/2]
		}
		return d
	}
	before := math.Sqrt(full(v, v))
	for range 2 { // Gram-Schmidt twice is orthogonal to rounding
		for _, b := range basis {
			floats.AddScaled(v, -full(v, b), b)
		}
	}
	after := math.Sqrt(full(v, v))
	if !(after > 1e-6*before) || !(before > 0) {
		return basis
	}
	floats.Scale(1/after, v)
	return append(basis, v)
}

// project writes the products of every channel with every column to dst, column by column: dst[c·p+i] belongs to column
// c and channel i. even and odd are the folded channels.
func (r *reference) project(dst []float64, even, odd [][]float64) {
	p := len(even)
	c := 0
	for _, b := range r.even {
		for i, x := range even {
			dst[c*p+i] = vector.Dot(x, b)
		}
		c++
	}
	for _, b := range r.odd {
		for i, x := range odd {
			dst[c*p+i] = vector.Dot(x, b)
		}
		c++
	}
}

// bank holds the references of a set of frequencies for one window length.
type bank struct {
	rate        float64
	n           int
	frequencies []float64
	harmonics   int
	skipLine    bool
	refs        []*reference // nil where the set is too large to keep
	room        []float64    // of the one reference that there is then
}

// harmonicsOf returns the harmonics of f below Nyquist, at most count. With skipLine those within 0.5 Hz of 50 and
// 60 Hz are left out: there the power line looks like a response.
func harmonicsOf(f float64, count int, rate float64, skipLine bool) []int {
	var out []int
	for h := 1; h <= count && float64(h)*f < rate/2; h++ {
		hf := float64(h) * f
		if skipLine && (math.Abs(hf-50) <= 0.5 || math.Abs(hf-60) <= 0.5) {
			continue
		}
		out = append(out, h)
	}
	return out
}

// reference returns the basis of frequency k. Where the set is too large to keep it is made anew, in the place of the one
// before: such a bank is one call's alone.
func (b *bank) reference(k int) *reference {
	if b.refs != nil {
		return b.refs[k]
	}
	harmonics := harmonicsOf(b.frequencies[k], b.harmonics, b.rate, b.skipLine)
	b.room = grow(b.room, b.harmonics*b.n)
	return referenceIn(b.room[:len(harmonics)*b.n], b.frequencies[k], harmonics, b.n, b.rate)
}

// Limits of the cache: a screen of 40 targets at 250 Hz and 4 s takes 3.2 MB, and the scan of a clip of 4 s 16 MB. Callers
// choose frequencies and lengths, so what is kept is bounded together.
const (
	maxBankBytes  = 16 << 20
	maxBanks      = 8
	maxBanksBytes = 24 << 20
)

// bankCache keeps the banks last used. It is safe for concurrent use.
type bankCache struct {
	mu    sync.Mutex
	banks []*bank // most recently used first
}

// get returns the bank for these parameters.
func (c *bankCache) get(frequencies []float64, harmonics, n int, rate float64, skipLine bool) *bank {
	c.mu.Lock()
	for i, b := range c.banks {
		if b.n == n && b.rate == rate && b.harmonics == harmonics && b.skipLine == skipLine && floats.Equal(b.frequencies, frequencies) {
			copy(c.banks[1:i+1], c.banks[:i])
			c.banks[0] = b
			c.mu.Unlock()
			return b
		}
	}
	c.mu.Unlock()

	b := &bank{rate: rate, n: n, frequencies: append([]float64(nil), frequencies...), harmonics: harmonics, skipLine: skipLine}
	if b.bytes() > maxBankBytes {
		return b
	}
	b.refs = make([]*reference, len(frequencies))
	for k, f := range frequencies {
		b.refs[k] = newReference(f, harmonicsOf(f, harmonics, rate, skipLine), n, rate)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.banks = append([]*bank{b}, c.banks...)
	kept := 0
	for i, k := range c.banks {
		if kept += k.bytes(); i >= maxBanks || kept > maxBanksBytes {
			clear(c.banks[i:])
			c.banks = c.banks[:i]
			break
		}
	}
	return b
}

// bytes is what the references of a bank take at most.
func (b *bank) bytes() int { return len(b.frequencies) * 2 * b.harmonics * b.n / 2 * 8 }
