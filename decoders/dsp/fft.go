package dsp

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
)

// RealFFT transforms real signals of one length. Even lengths that are products of 2, 3 and 5 take less than a third of the
// time of gonum's transform, which serves the others. It is not safe for concurrent use.
//
// Pairs of samples are taken as complex numbers, half as many are transformed in place of the signal (Cooley and Tukey
// 1965, in Stockham's self-sorting order), and the spectrum of the even and odd samples is unravelled.
type RealFFT struct {
	n      int
	passes []pass
	turn   []complex128 // exp(-2πik/n)
	a, b   []complex128
	other  *fourier.FFT
}

// pass is one step of the transform: butterflies of the given radix over parts of stride numbers that belong together.
type pass struct {
	radix  int
	stride int
	turns  []complex128 // radix-1 for each butterfly
}

// NewRealFFT returns the transform of n samples, at least 1.
func NewRealFFT(n int) *RealFFT {
	f := &RealFFT{n: n}
	half := n / 2
	var radices []int
	rest := half
	for _, r := range [4]int{5, 3, 4, 2} {
		for rest%r == 0 && rest > 1 {
			radices = append(radices, r)
			rest /= r
		}
	}
	if n%2 != 0 || rest != 1 {
		f.other = fourier.NewFFT(n)
		return f
	}
	size, stride := half, 1
	for _, r := range radices {
		m := size / r
		p := pass{radix: r, stride: stride, turns: make([]complex128, 0, m*(r-1))}
		for i := range m {
			for k := 1; k < r; k++ {
				p.turns = append(p.turns, root(i*k, size))
			}
		}
		f.passes = append(f.passes, p)
		size, stride = m, stride*r
	}
	f.turn = make([]complex128, half+1)
	for k := range f.turn {
		f.turn[k] = root(k, n)
	}
	f.a, f.b = make([]complex128, half), make([]complex128, half)
	return f
}

// root returns exp(-2πik/n).
func root(k, n int) complex128 { return cmplx.Rect(1, -2*math.Pi*float64(k%n)/float64(n)) }

// Len returns the number of samples.
func (f *RealFFT) Len() int { return f.n }

// Coefficients writes Σ x[j]·exp(-2πijk/n) for k = 0 .. n/2 to dst, which has n/2+1 places, and returns it; nil is allocated.
// x has n samples and is kept.
func (f *RealFFT) Coefficients(dst []complex128, x []float64) []complex128 {
	if dst == nil {
		dst = make([]complex128, f.n/2+1)
	}
	if len(x) != f.n || len(dst) != f.n/2+1 {
		panic("dsp: transform of another length")
	}
	if f.other != nil {
		return f.other.Coefficients(dst, x)
	}
	from, to := f.a, f.b
	for i := range from {
		from[i] = complex(x[2*i], x[2*i+1])
	}
	for i := range f.passes {
		p := &f.passes[i]
		switch p.radix {
		case 2:
			p.two(to, from)
		case 3:
			p.three(to, from)
		case 4:
			p.four(to, from)
		case 5:
			p.five(to, from)
		}
		from, to = to, from
	}
	// Z is the transform of x[even] + i·x[odd]; half of Z(k) ± Z*(-k) are the transforms of both.
	half := len(from)
	z := from[0]
	dst[0], dst[half] = complex(real(z)+imag(z), 0), complex(real(z)-imag(z), 0)
	for k := 1; 2*k <= half; k++ {
		u, v := from[k], from[half-k]
		er, ei := real(u)+real(v), imag(u)-imag(v)
		or, oi := imag(u)+imag(v), real(v)-real(u)
		t := f.turn[k]
		wr, wi := or*real(t)-oi*imag(t), or*imag(t)+oi*real(t)
		dst[k] = complex(0.5*(er+wr), 0.5*(ei+wi))
		dst[half-k] = complex(0.5*(er-wr), 0.5*(wi-ei))
	}
	return dst
}

// Each pass takes one number from each of radix equal parts of x, transforms them and writes them, turned, side by side.

func (p *pass) two(y, x []complex128) {
	s, m := p.stride, len(x)/2
	for i, w := range p.turns {
		a, b := x[i*s:][:s], x[m+i*s:][:s]
		c, d := y[2*i*s:][:s], y[(2*i+1)*s:][:s]
		for q, u := range a {
			v := b[q]
			c[q], d[q] = u+v, (u-v)*w
		}
	}
}

const sin60 = 0.866025403784438646763723170752936183

func (p *pass) three(y, x []complex128) {
	s, m := p.stride, len(x)/3
	for i := 0; i < m/s; i++ {
		w1, w2 := p.turns[2*i], p.turns[2*i+1]
		a, b, c := x[i*s:][:s], x[m+i*s:][:s], x[2*m+i*s:][:s]
		d, e, f := y[3*i*s:][:s], y[(3*i+1)*s:][:s], y[(3*i+2)*s:][:s]
		for q, u := range a {
			sum, diff := b[q]+c[q], b[q]-c[q]
			t := complex(real(u)-0.5*real(sum), imag(u)-0.5*imag(sum))
			r := complex(sin60*imag(diff), -sin60*real(diff))
			d[q], e[q], f[q] = u+sum, (t+r)*w1, (t-r)*w2
		}
	}
}

func (p *pass) four(y, x []complex128) {
	s, m := p.stride, len(x)/4
	for i := 0; i < m/s; i++ {
		w1, w2, w3 := p.turns[3*i], p.turns[3*i+1], p.turns[3*i+2]
		a, b, c, d := x[i*s:][:s], x[m+i*s:][:s], x[2*m+i*s:][:s], x[3*m+i*s:][:s]
		e, f, g, h := y[4*i*s:][:s], y[(4*i+1)*s:][:s], y[(4*i+2)*s:][:s], y[(4*i+3)*s:][:s]
		for q, u := range a {
			ac, dac, bd, dbd := u+c[q], u-c[q], b[q]+d[q], b[q]-d[q]
			r := complex(imag(dbd), -real(dbd))
			e[q], f[q], g[q], h[q] = ac+bd, (dac+r)*w1, (ac-bd)*w2, (dac-r)*w3
		}
	}
}

const (
	cos72  = 0.309016994374947424102293417182819059
	cos144 = -0.809016994374947424102293417182819059
	sin72  = 0.951056516295153572116439333379382143
	sin144 = 0.587785252292473129168705954639072769
)

func (p *pass) five(y, x []complex128) {
	s, m := p.stride, len(x)/5
	for i := 0; i < m/s; i++ {
		w := p.turns[4*i:][:4]
		w1, w2, w3, w4 := w[0], w[1], w[2], w[3]
		a, b, c, d, e := x[i*s:][:s], x[m+i*s:][:s], x[2*m+i*s:][:s], x[3*m+i*s:][:s], x[4*m+i*s:][:s]
		ya, yb, yc, yd, ye := y[5*i*s:][:s], y[(5*i+1)*s:][:s], y[(5*i+2)*s:][:s], y[(5*i+3)*s:][:s], y[(5*i+4)*s:][:s]
		for q, u := range a {
			be, dbe, cd, dcd := b[q]+e[q], b[q]-e[q], c[q]+d[q], c[q]-d[q]
			ya[q] = u + be + cd
			t1 := complex(real(u)+cos72*real(be)+cos144*real(cd), imag(u)+cos72*imag(be)+cos144*imag(cd))
			t2 := complex(real(u)+cos144*real(be)+cos72*real(cd), imag(u)+cos144*imag(be)+cos72*imag(cd))
			r1 := complex(sin72*imag(dbe)+sin144*imag(dcd), -sin72*real(dbe)-sin144*real(dcd))
			r2 := complex(sin144*imag(dbe)-sin72*imag(dcd), -sin144*real(dbe)+sin72*real(dcd))
			yb[q], ye[q] = (t1+r1)*w1, (t1-r1)*w4
			yc[q], yd[q] = (t2+r2)*w2, (t2-r2)*w3
		}
	}
}
