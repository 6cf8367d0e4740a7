package ssvep

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/internal/vector"
)

// whitener maps channel vectors to coordinates in which the channels are uncorrelated with variance 1: the inverse of
// the Cholesky factor of the channels' covariance, restricted to the channels that are linearly independent.
type whitener struct {
	rows []int     // independent channels, in pivot order
	l    []float64 // len(rows) × stride, lower triangular over rows
	n    int       // stride
	c    []float64
	perm []int
	norm []float64
}

// rankTolerance is the share of a channel's variance that must be left after the others are projected out. A smaller
// rest is rounding, not signal: filters leave errors near 1e-13 of the amplitude, 1e-10 is the square root's margin.
const rankTolerance = 1e-10

// fit factors the Gram matrix of z (channels × samples) by pivoted Cholesky and returns the rank.
func (w *whitener) fit(z *mat.Dense) int {
	p, _ := z.Dims()
	w.n = p
	w.c, w.l = grow(w.c, p*p), grow(w.l, p*p)
	w.norm = grow(w.norm, p)
	w.perm = w.perm[:0]
	w.rows = w.rows[:0]
	for i := range p {
		xi := z.RawRowView(i)
		v := vector.Dot(xi, xi)
		w.norm[i] = v
		w.c[i*p+i] = v
		if v > 0 {
			w.perm = append(w.perm, i)
		}
	}
	for a, i := range w.perm {
		for _, j := range w.perm[:a] {
			v := vector.Dot(z.RawRowView(i), z.RawRowView(j))
			w.c[i*p+j], w.c[j*p+i] = v, v
		}
	}
	for len(w.rows) < p && len(w.perm) > 0 {
		// Pivot: the channel with the largest share of its variance left.
		best, at := rankTolerance, -1
		for k, i := range w.perm {
			if share := w.c[i*p+i] / w.norm[i]; share > best {
				best, at = share, k
			}
		}
		if at < 0 {
			break
		}
		r := len(w.rows)
		piv := w.perm[at]
		w.perm = append(w.perm[:at], w.perm[at+1:]...)
		// l holds, for every channel i, its coordinates along the pivots chosen so far.
		d := math.Sqrt(w.c[piv*p+piv])
		w.l[piv*p+r] = d
		for _, i := range w.perm {
			v := w.c[i*p+piv] / d
			w.l[i*p+r] = v
			for _, j := range w.perm {
				if j <= i {
					w.c[i*p+j] -= v * w.c[j*p+piv] / d
					w.c[j*p+i] = w.c[i*p+j]
				}
			}
		}
		w.rows = append(w.rows, piv)
	}
	return len(w.rows)
}

// apply overwrites b, one value a channel, with its whitened coordinates in the first len(rows) places of dst.
func (w *whitener) apply(dst, b []float64) {
	for a, i := range w.rows {
		v := b[i]
		for k := range a {
			v -= w.l[i*w.n+k] * dst[k]
		}
		dst[a] = v / w.l[i*w.n+a]
	}
}

// maxSide bounds the smaller side of a correlation matrix: two columns for each of 5 harmonics.
const maxSide = 2 * maxHarmonics

// correlation returns the largest singular value of m, which is kept as columns of height rank: the largest canonical
// correlation when the columns are whitened projections on orthonormal references.
func correlation(m []float64, rank, columns int) float64 {
	if rank == 0 || columns == 0 {
		return 0
	}
	var a [maxSide * maxSide]float64
	n := min(rank, columns)
	if columns <= rank {
		for i := range n {
			for j := range i + 1 {
				v := 0.0
				for k := range rank {
					v += m[i*rank+k] * m[j*rank+k]
				}
				a[i*n+j], a[j*n+i] = v, v
			}
		}
	} else {
		for c := range columns {
			col := m[c*rank : (c+1)*rank]
			for i, v := range col {
				for j := range i + 1 {
					a[i*n+j] += v * col[j]
				}
			}
		}
		for i := range n {
			for j := range i {
				a[j*n+i] = a[i*n+j]
			}
		}
	}
	return math.Sqrt(min(1, largestEigenvalue(a[:n*n], n)))
}

// largestEigenvalue returns the largest eigenvalue of a symmetric positive semidefinite matrix, which it destroys:
// Householder reduction to tridiagonal form, then Newton's iteration on the characteristic polynomial from above, which
// decreases to the largest root because all roots are real.
func largestEigenvalue(a []float64, n int) float64 {
	var d, e2 [maxSide]float64 // diagonal, squared off-diagonal (e2[i] between i-1 and i)
	var v, w [maxSide]float64
	for k := 0; k+2 < n; k++ {
		// Reflect column k below the diagonal onto its first element.
		sum := 0.0
		for i := k + 1; i < n; i++ {
			sum += a[i*n+k] * a[i*n+k]
		}
		e2[k+1] = sum
		first := a[(k+1)*n+k]
		if sum == first*first {
			continue // already tridiagonal here
		}
		alpha := -math.Copysign(math.Sqrt(sum), first)
		h := sum - first*alpha // |v|²/2 for v = x - alpha·e1
		v[k+1] = first - alpha
		for i := k + 2; i < n; i++ {
			v[i] = a[i*n+k]
		}
		// A ← A - v wᵀ - w vᵀ with w = Av/h - v (vᵀAv)/(2h²).
		dot := 0.0
		for i := k + 1; i < n; i++ {
			s := 0.0
			for j := k + 1; j < n; j++ {
				s += a[i*n+j] * v[j]
			}
			w[i] = s / h
			dot += w[i] * v[i]
		}
		for i := k + 1; i < n; i++ {
			w[i] -= dot / (2 * h) * v[i]
		}
		for i := k + 1; i < n; i++ {
			for j := k + 1; j <= i; j++ {
				t := a[i*n+j] - v[i]*w[j] - w[i]*v[j]
				a[i*n+j], a[j*n+i] = t, t
			}
		}
	}
	trace := 0.0
	for i := range n {
		d[i] = a[i*n+i]
		trace += d[i]
	}
	if n > 1 {
		e := a[(n-1)*n+n-2]
		e2[n-1] = e * e
	}
	if !(trace > 0) {
		return 0
	}
	x := trace * (1 + 1e-12) // above every root
	for range 300 {
		// q_i is the i-th quotient of leading minors of T - x; above the largest root all are negative.
		q := d[0] - x
		r := -1 / q // (dq/dx)/q
		sum := r
		above := q < 0
		for i := 1; i < n; i++ {
			t := e2[i] / q
			dq := -1 + t*r
			q = d[i] - x - t
			above = above && q < 0
			r = dq / q
			sum += r
		}
		if !above || !(sum > 0) {
			break // rounding has stepped onto the root
		}
		step := 1 / sum
		x -= step
		if step <= 1e-15*x {
			break
		}
	}
	return max(x, 0)
}

// grow returns buf with length n, reusing its memory where it is large enough; the values are not kept.
func grow(buf []float64, n int) []float64 {
	if cap(buf) < n {
		return make([]float64, n)
	}
	return buf[:n]
}
