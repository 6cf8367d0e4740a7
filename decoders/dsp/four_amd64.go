package dsp

import (
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/internal/vector"
)

// runPair filters n groups of four samples in place through two sections, one group after the other, stride bytes apart
// from buf on. coef holds b0, b1, b2, a1, a2 of both sections, state their z0 and z1, each number four times over.
//
//go:noescape
func runPair(buf *float64, stride, n int, coef *[10][4]float64, state *[4][4]float64)

// These are runPair for all sections of a band pass at once. coef holds a1 and a2 of each section, and in its last place the gain of the
// first; state holds -z0 and -z1 of each section. n is at least 1.
//
//go:noescape
func runTwo(buf *float64, stride, n int, coef *[13][4]float64, state *[12][4]float64)

//go:noescape
func runFour(buf *float64, stride, n int, coef *[13][4]float64, state *[12][4]float64)

//go:noescape
func runSix(buf *float64, stride, n int, coef *[13][4]float64, state *[12][4]float64)

// weave4 writes four rows of 4·blocks numbers side by side to dst, and unweave4 such numbers to four rows. There is at least one block.
//
//go:noescape
func weave4(dst, a, b, c, d *float64, blocks int)

//go:noescape
func unweave4(a, b, c, d, src *float64, blocks int)

// taps4 writes the sum of n groups of four numbers, each group times its tap, to the four places of dst.
//
//go:noescape
func taps4(dst, x, taps *float64, n int)

// weave writes rows side by side to dst, four numbers each; the numbers of rows beyond the fourth do not count, and 0 stands for those that are not there.
func weave(dst []float64, rows [][]float64) {
	n, from := len(rows[0]), 0
	if len(rows) == 4 && n >= 4 {
		weave4(&dst[0], &rows[0][0], &rows[1][:n][0], &rows[2][:n][0], &rows[3][:n][0], n/4)
		from = n &^ 3
	}
	for lane := range 4 {
		if lane >= len(rows) {
			for i := from; i < n; i++ {
				dst[4*i+lane] = 0
			}
			continue
		}
		for i, v := range rows[lane][from:n] {
			dst[4*(from+i)+lane] = v
		}
	}
}

// unweave writes numbers that lie side by side to rows, of which there are at most four.
func unweave(rows [][]float64, src []float64) {
	n, from := len(rows[0]), 0
	if len(rows) == 4 && n >= 4 {
		unweave4(&rows[0][0], &rows[1][:n][0], &rows[2][:n][0], &rows[3][:n][0], &src[0], n/4)
		from = n &^ 3
	}
	for lane, row := range rows {
		for i := from; i < n; i++ {
			row[i] = src[4*i+lane]
		}
	}
}

// atOnce filters rows of x from the given one on into dst, four at a time, and returns how many: 0 where the processor
// cannot or one row is left. The numbers are those of Filter to the last bit. A recurrence waits for its own last result;
// four of them side by side wait no longer than one.
func (f *ZeroPhase) atOnce(dst, x *mat.Dense, from int) int {
	rows, n := x.Dims()
	lanes := min(4, rows-from)
	if !vector.Wide || lanes < 2 || n == 0 {
		return 0
	}
	pad := min(f.pad, n-1)
	length := n + 2*pad
	f.four = grow(f.four, 4*length)
	buf := f.four
	var lists [4][]float64
	for lane := range 4 {
		if lane >= lanes {
			for i := range pad {
				buf[4*i+lane], buf[4*(pad+n+i)+lane] = 0, 0
			}
			continue
		}
		row := x.RawRowView(from + lane)
		lists[lane] = row
		first, last := row[0], row[n-1]
		for i := range pad {
			buf[4*i+lane] = 2*first - row[pad-i]
			buf[4*(pad+n+i)+lane] = 2*last - row[n-2-i]
		}
	}
	weave(buf[4*pad:], lists[:lanes])
	f.cascade(buf, 0, 32, length)
	f.cascade(buf, 4*(length-1), -32, length)
	for lane := range lanes {
		lists[lane] = dst.RawRowView(from + lane)
	}
	unweave(lists[:lanes], buf[4*pad:])
	return lanes
}

// cascade runs all sections over the length groups of buf, from the sample at start on, beginning in the steady state of
// the first group.
func (f *ZeroPhase) cascade(buf []float64, start, stride, length int) {
	var first [4]float64
	copy(first[:], buf[start:])
	if f.bandPass() {
		var coef [13][4]float64
		var state [12][4]float64
		for s, c := range f.sos {
			coef[2*s], coef[2*s+1] = four(c[4]), four(c[5])
			for lane, v := range first {
				state[2*s][lane], state[2*s+1][lane] = -(f.zi[s].z0 * v), -(f.zi[s].z1 * v)
			}
		}
		coef[12] = four(f.sos[0][0])
		switch len(f.sos) {
		case 2:
			runTwo(&buf[start], stride, length, &coef, &state)
		case 4:
			runFour(&buf[start], stride, length, &coef, &state)
		default:
			runSix(&buf[start], stride, length, &coef, &state)
		}
		return
	}
	for s := 0; s < len(f.sos); s += 2 {
		var coef [10][4]float64
		var state [4][4]float64
		for k := range 2 {
			c, zi := [6]float64{1}, sosState{} // behind an odd last section one that changes nothing
			if s+k < len(f.sos) {
				c, zi = f.sos[s+k], f.zi[s+k]
			}
			for i, v := range [5]float64{c[0], c[1], c[2], c[4], c[5]} {
				coef[5*k+i] = four(v)
			}
			for lane, v := range first {
				state[2*k][lane], state[2*k+1][lane] = zi.z0*v, zi.z1*v
			}
		}
		runPair(&buf[start], stride, length, &coef, &state)
	}
}

func four(v float64) [4]float64 { return [4]float64{v, v, v, v} }

// bandPass reports whether the sections are two, four or six of a band pass.
func (f *ZeroPhase) bandPass() bool {
	for i, c := range f.sos {
		if c[1] != 0 || c[2] != -c[0] || i > 0 && c[0] != 1 {
			return false
		}
	}
	return len(f.sos) == 2 || len(f.sos) == 4 || len(f.sos) == 6
}

// atOnce resamples two to four rows of one length into dst, which has as many; false where the processor cannot.
func (r *Resampler) atOnce(dst, x [][]float64) bool {
	if !vector.Wide || len(x) < 2 || len(x) > 4 || len(x[0]) == 0 || r.phases == nil {
		return false
	}
	length, outputs := len(x[0])+2*r.edge(), len(dst[0])
	r.buf, r.in, r.out = grow(r.buf, 4*length), grow(r.in, 4*length), grow(r.out, 4*outputs)
	var rows [4][]float64
	var means [4]float64
	for k, row := range x {
		rows[k] = r.buf[k*length:][:length]
		means[k] = r.extend(rows[k], row)
	}
	weave(r.in, rows[:len(x)])
	at := r.first()
	for i := range outputs {
		taps := r.phases[at.phase]
		taps4(&r.out[4*i], &r.in[4*(at.last-len(taps))], &taps[0], len(taps))
		at = r.after(at)
	}
	unweave(dst, r.out)
	for k, row := range dst {
		vector.Level(row, row, -means[k], 0, 0)
	}
	return true
}
