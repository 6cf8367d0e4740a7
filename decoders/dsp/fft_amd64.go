package dsp

import "github.com/neurod/neurod/decoders/internal/vector"

// The passes of RealFFT over four signals side by side: parts of x of so many complex numbers, a multiple of stride.
//
//go:noescape
func pass2(y, x *float64, stride, part int, turns *complex128)

//go:noescape
func pass3(y, x *float64, stride, part int, turns *complex128)

//go:noescape
func pass4(y, x *float64, stride, part int, turns *complex128)

//go:noescape
func pass5(y, x *float64, stride, part int, turns *complex128)

// powers4 adds to p the squares of the coefficients k and half-k for k = 1 .. n, at least 1.
//
//go:noescape
func powers4(p, z *float64, half, n int, turn *complex128)

// window4 multiplies each of n groups of four by its weight. n is at least 1.
//
//go:noescape
func window4(x, w *float64, n int)

// sideBySide is the memory of transforms of four signals side by side.
type sideBySide struct {
	a, b   []float64
	powers []float64
	rows   [4][]float64
	level  [4][]float64 // rows without their trend
}

// addPowers adds the squares of the coefficients of four signals side by side, in s.a, to s.powers.
func (f *RealFFT) addPowers(s *sideBySide) {
	from, to := s.a, s.b
	half := f.n / 2
	for i := range f.passes {
		p := &f.passes[i]
		switch part := half / p.radix; p.radix {
		case 2:
			pass2(&to[0], &from[0], p.stride, part, &p.turns[0])
		case 3:
			pass3(&to[0], &from[0], p.stride, part, &p.turns[0])
		case 4:
			pass4(&to[0], &from[0], p.stride, part, &p.turns[0])
		case 5:
			pass5(&to[0], &from[0], p.stride, part, &p.turns[0])
		}
		from, to = to, from
	}
	for lane := range 4 {
		re, im := from[lane], from[4+lane]
		s.powers[lane] += (re + im) * (re + im)
		s.powers[4*half+lane] += (re - im) * (re - im)
	}
	if pairs := (half - 1) / 2; pairs > 0 {
		powers4(&s.powers[0], &from[0], half, pairs, &f.turn[0])
	}
	if half%2 == 0 { // the coefficient in the middle is its own partner: that of z turned by a quarter
		z := from[8*(half/2):][:8]
		for lane := range 4 {
			s.powers[4*(half/2)+lane] += z[lane]*z[lane] + z[4+lane]*z[4+lane]
		}
	}
}

// atOnce writes the densities of two to four signals of one length to dst, which has as many rows, before they are scaled; false where the processor
// cannot or the signals are shorter than a segment.
func (w *Welch) atOnce(dst, x [][]float64) bool {
	if !vector.Wide || w.fft.other != nil || len(x) < 2 || len(x) > 4 || len(x[0]) < len(w.win) {
		return false
	}
	s := &w.four
	s.a, s.b, s.powers = grow(s.a, 4*w.cfg.NFFT), grow(s.b, 4*w.cfg.NFFT), grow(s.powers, 4*len(w.freqs))
	clear(s.powers)
	size := len(w.win)
	for start := 0; start+size <= len(x[0]); start += w.cfg.Segment - w.cfg.Overlap {
		for k, row := range x {
			s.rows[k] = row[start : start+size]
			if w.cfg.Trend != TrendNone {
				s.level[k] = grow(s.level[k], size)
				w.detrend(s.level[k], s.rows[k])
				s.rows[k] = s.level[k]
			}
		}
		weave(s.a, s.rows[:len(x)])
		window4(&s.a[0], &w.win[0], size)
		clear(s.a[4*size:])
		w.fft.addPowers(s)
	}
	unweave(dst, s.powers)
	clear(s.rows[:])
	return true
}
