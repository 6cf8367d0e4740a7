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
	for lane := range 4 {
		if lane >= lanes {
			for i := lane; i < len(buf); i += 4 {
				buf[i] = 0
			}
			continue
		}
		row := x.RawRowView(from + lane)
		first, last := row[0], row[n-1]
		for i := range pad {
			buf[4*i+lane] = 2*first - row[pad-i]
			buf[4*(pad+n+i)+lane] = 2*last - row[n-2-i]
		}
		part := buf[4*pad+lane:]
		for i, v := range row {
			part[4*i] = v
		}
	}
	f.cascade(buf, 0, 32, length)
	f.cascade(buf, 4*(length-1), -32, length)
	for lane := range lanes {
		row, part := dst.RawRowView(from+lane), buf[4*pad+lane:]
		for i := range row {
			row[i] = part[4*i]
		}
	}
	return lanes
}

// cascade runs all sections over the length groups of buf, from the sample at start on, beginning in the steady state of
// the first group.
func (f *ZeroPhase) cascade(buf []float64, start, stride, length int) {
	var first [4]float64
	copy(first[:], buf[start:])
	for s := 0; s < len(f.sos); s += 2 {
		var coef [10][4]float64
		var state [4][4]float64
		for k := range 2 {
			c, zi := [6]float64{1}, sosState{} // behind an odd last section one that changes nothing
			if s+k < len(f.sos) {
				c, zi = f.sos[s+k], f.zi[s+k]
			}
			for i, v := range [5]float64{c[0], c[1], c[2], c[4], c[5]} {
				coef[5*k+i] = [4]float64{v, v, v, v}
			}
			for lane, v := range first {
				state[2*k][lane], state[2*k+1][lane] = zi.z0*v, zi.z1*v
			}
		}
		runPair(&buf[start], stride, length, &coef, &state)
	}
}
