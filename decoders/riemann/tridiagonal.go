package riemann

import (
	"math"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/gonum"
)

// Half of the time of a geometric mean goes into turning the eigenvectors along with the tridiagonal iteration. LAPACK's
// dsteqr, as gonum has it, turns two columns at a time down all rows; here all rotations of a sweep go along four rows at a
// time, which are contiguous. Every element sees the same operations in the same order, so the result is the same to the
// last bit, and a test compares it with gonum's.

// Numbers of LAPACK's dlamch for float64.
const (
	machineEps = 0x1p-53
	safeMin    = 0x1p-1022
)

// sweepsPerValue limits the iterations for one eigenvalue, on average, as in dsteqr.
const sweepsPerValue = 30

// tridiagonal finds the eigenvalues, ascending, and eigenvectors of a symmetric matrix from its tridiagonal form: d is the
// diagonal, e the n-1 beside it, z (n × n) the orthogonal matrix that made it so. It is the implicit QL or QR iteration
// with Wilkinson's shift (Golub and Van Loan, section 8.3; dsteqr of LAPACK). work holds 2n numbers. It returns false where
// the iteration does not converge, and handled false where the numbers are so small or large that they must be scaled first.
//
//nolint:gocyclo // the implicit QL and QR sweeps of LAPACK dsteqr, which share their state
func tridiagonal(d, e, z, work []float64) (ok, handled bool) {
	const eps2 = machineEps * machineEps
	n := len(d)
	largest, smallest := math.Sqrt(1/safeMin)/3, math.Sqrt(safeMin)/eps2
	left := sweepsPerValue * n
	c, s := work[:n], work[n:2*n]
	var lapack gonum.Implementation
	for from := 0; from < n; {
		if from > 0 {
			e[from-1] = 0
		}
		to := from // last row of the block that nothing couples to the next
		for ; to < n-1; to++ {
			if v := math.Abs(e[to]); v == 0 || v <= math.Sqrt(math.Abs(d[to]))*math.Sqrt(math.Abs(d[to+1]))*machineEps {
				e[to] = 0
				break
			}
		}
		l, end := from, to
		from = to + 1
		if l == end {
			continue
		}
		norm := 0.0
		for i := l; i <= end; i++ {
			norm = max(norm, math.Abs(d[i]))
			if i < end {
				norm = max(norm, math.Abs(e[i]))
			}
		}
		if norm == 0 {
			continue
		}
		if !(norm <= largest && norm >= smallest) {
			return false, false
		}
		if math.Abs(d[end]) < math.Abs(d[l]) {
			l, end = end, l
		}
		if end > l { // QL
			for l <= end {
				m := l
				for ; m < end; m++ {
					if v := math.Abs(e[m]); v*v <= eps2*math.Abs(d[m])*math.Abs(d[m+1])+safeMin {
						break
					}
				}
				if m < end {
					e[m] = 0
				}
				if m == l {
					l++
					continue
				}
				if m == l+1 {
					d[l], d[l+1], c[l], s[l] = lapack.Dlaev2(d[l], e[l], d[l+1])
					rotateBackward(z, n, l, c[l:l+1], s[l:l+1])
					e[l] = 0
					l += 2
					continue
				}
				if left == 0 {
					break
				}
				left--
				p := d[l]
				g := (d[l+1] - p) / (2 * e[l])
				g = d[m] - p + e[l]/(g+math.Copysign(lapack.Dlapy2(g, 1), g))
				sn, cs := 1.0, 1.0
				var r float64
				p = 0
				for i := m - 1; i >= l; i-- {
					f, b := sn*e[i], cs*e[i]
					cs, sn, r = lapack.Dlartg(g, f)
					if i != m-1 {
						e[i+1] = r
					}
					g = d[i+1] - p
					r = (d[i]-g)*sn + 2*cs*b
					p = sn * r
					d[i+1] = g + p
					g = cs*r - b
					c[i], s[i] = cs, -sn
				}
				rotateBackward(z, n, l, c[l:m], s[l:m])
				d[l] -= p
				e[l] = g
			}
		} else { // QR
			for l >= end {
				m := l
				for ; m > end; m-- {
					if v := math.Abs(e[m-1]); v*v <= eps2*math.Abs(d[m])*math.Abs(d[m-1])+safeMin {
						break
					}
				}
				if m > end {
					e[m-1] = 0
				}
				if m == l {
					l--
					continue
				}
				if m == l-1 {
					d[l-1], d[l], c[m], s[m] = lapack.Dlaev2(d[l-1], e[l-1], d[l])
					rotateForward(z, n, l-1, c[m:m+1], s[m:m+1])
					e[l-1] = 0
					l -= 2
					continue
				}
				if left == 0 {
					break
				}
				left--
				p := d[l]
				g := (d[l-1] - p) / (2 * e[l-1])
				g = d[m] - p + e[l-1]/(g+math.Copysign(lapack.Dlapy2(g, 1), g))
				sn, cs := 1.0, 1.0
				var r float64
				p = 0
				for i := m; i < l; i++ {
					f, b := sn*e[i], cs*e[i]
					cs, sn, r = lapack.Dlartg(g, f)
					if i != m {
						e[i-1] = r
					}
					g = d[i] - p
					r = (d[i+1]-g)*sn + 2*cs*b
					p = sn * r
					d[i] = g + p
					g = cs*r - b
					c[i], s[i] = cs, sn
				}
				rotateForward(z, n, m, c[m:l], s[m:l])
				d[l] -= p
				e[l-1] = g
			}
		}
		if left == 0 {
			for _, v := range e[:n-1] {
				if v != 0 {
					return false, true
				}
			}
		}
	}
	// The fewest swaps of columns: eigenvalues mostly come out near their places.
	for i := range n - 1 {
		k := i
		for j := i + 1; j < n; j++ {
			if d[j] < d[k] {
				k = j
			}
		}
		if k != i {
			d[i], d[k] = d[k], d[i]
			blas64.Swap(blas64.Vector{N: n, Data: z[i:], Inc: n}, blas64.Vector{N: n, Data: z[k:], Inc: n})
		}
	}
	return true, true
}

// rotateBackward turns the columns at+j and at+j+1 of z (n × n) by the rotation (c, s) of each j, the last j first.
func rotateBackward(z []float64, n, at int, c, s []float64) {
	m := len(c)
	s = s[:m]
	i := 0
	for ; i+4 <= n; i += 4 {
		r0, r1, r2, r3 := z[i*n+at:][:m+1], z[(i+1)*n+at:][:m+1], z[(i+2)*n+at:][:m+1], z[(i+3)*n+at:][:m+1]
		t0, t1, t2, t3 := r0[m], r1[m], r2[m], r3[m]
		for j := m - 1; j >= 0; j-- {
			cs, sn := c[j], s[j]
			u0, u1, u2, u3 := r0[j], r1[j], r2[j], r3[j]
			r0[j+1], r1[j+1], r2[j+1], r3[j+1] = cs*t0-sn*u0, cs*t1-sn*u1, cs*t2-sn*u2, cs*t3-sn*u3
			t0, t1, t2, t3 = sn*t0+cs*u0, sn*t1+cs*u1, sn*t2+cs*u2, sn*t3+cs*u3
		}
		r0[0], r1[0], r2[0], r3[0] = t0, t1, t2, t3
	}
	for ; i < n; i++ {
		r := z[i*n+at:][:m+1]
		t := r[m]
		for j := m - 1; j >= 0; j-- {
			u := r[j]
			r[j+1] = c[j]*t - s[j]*u
			t = s[j]*t + c[j]*u
		}
		r[0] = t
	}
}

// rotateForward is rotateBackward with the first j first.
func rotateForward(z []float64, n, at int, c, s []float64) {
	m := len(c)
	s = s[:m]
	i := 0
	for ; i+4 <= n; i += 4 {
		r0, r1, r2, r3 := z[i*n+at:][:m+1], z[(i+1)*n+at:][:m+1], z[(i+2)*n+at:][:m+1], z[(i+3)*n+at:][:m+1]
		u0, u1, u2, u3 := r0[0], r1[0], r2[0], r3[0]
		for j, cs := range c {
			sn := s[j]
			t0, t1, t2, t3 := r0[j+1], r1[j+1], r2[j+1], r3[j+1]
			r0[j], r1[j], r2[j], r3[j] = sn*t0+cs*u0, sn*t1+cs*u1, sn*t2+cs*u2, sn*t3+cs*u3
			u0, u1, u2, u3 = cs*t0-sn*u0, cs*t1-sn*u1, cs*t2-sn*u2, cs*t3-sn*u3
		}
		r0[m], r1[m], r2[m], r3[m] = u0, u1, u2, u3
	}
	for ; i < n; i++ {
		r := z[i*n+at:][:m+1]
		u := r[0]
		for j, cs := range c {
			t := r[j+1]
			r[j] = s[j]*t + cs*u
			u = cs*t - s[j]*u
		}
		r[m] = u
	}
}
