package dsp

import (
	"fmt"
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/mat"
)

// SOS is an IIR filter as a cascade of second-order sections {b0, b1, b2, a0=1, a1, a2}, the row layout of scipy.
type SOS [][6]float64

// Response returns the complex gain at f Hz for the sampling rate fs.
func (s SOS) Response(f, fs float64) complex128 {
	return s.at(cmplx.Exp(complex(0, -2*math.Pi*f/fs)))
}

// at evaluates the transfer function where u is z⁻¹.
func (s SOS) at(u complex128) complex128 {
	h := complex(1, 0)
	for _, c := range s {
		num := complex(c[0], 0) + u*(complex(c[1], 0)+u*complex(c[2], 0))
		den := complex(c[3], 0) + u*(complex(c[4], 0)+u*complex(c[5], 0))
		h *= num / den
	}
	return h
}

// sosState is the memory of one section in transposed direct form II.
type sosState struct{ z0, z1 float64 }

// steadyState fills st with the state that each section has after an endless input of ones
// (Gustafsson 1996): scaled by the first sample it removes the step at the start.
func (s SOS) steadyState(st []sosState) {
	in := 1.0
	for i, c := range s {
		out := in * (c[0] + c[1] + c[2]) / (1 + c[4] + c[5])
		st[i] = sosState{z0: out - c[0]*in, z1: c[2]*in - c[5]*out}
		in = out
	}
}

// run filters x into dst (which may be x) and advances st. Sections are taken two at a time: their recurrences
// overlap in the processor, which halves the time a sample takes.
func (s SOS) run(st []sosState, dst, x []float64) {
	dst = dst[:len(x)]
	i := 0
	for ; i+1 < len(s); i += 2 {
		p, q := &s[i], &s[i+1]
		pb0, pb1, pb2, pa1, pa2 := p[0], p[1], p[2], p[4], p[5]
		qb0, qb1, qb2, qa1, qa2 := q[0], q[1], q[2], q[4], q[5]
		pz0, pz1, qz0, qz1 := st[i].z0, st[i].z1, st[i+1].z0, st[i+1].z1
		for n, v := range x {
			w := pb0*v + pz0
			pz0 = (pb1*v + pz1) - pa1*w
			pz1 = pb2*v - pa2*w
			y := qb0*w + qz0
			qz0 = (qb1*w + qz1) - qa1*y
			qz1 = qb2*w - qa2*y
			dst[n] = y
		}
		st[i], st[i+1] = sosState{pz0, pz1}, sosState{qz0, qz1}
		x = dst
	}
	if i < len(s) {
		p := &s[i]
		b0, b1, b2, a1, a2 := p[0], p[1], p[2], p[4], p[5]
		z0, z1 := st[i].z0, st[i].z1
		for n, v := range x {
			y := b0*v + z0
			z0 = (b1*v + z1) - a1*y
			z1 = b2*v - a2*y
			dst[n] = y
		}
		st[i] = sosState{z0, z1}
		x = dst
	}
	if len(s) == 0 {
		copy(dst, x)
	}
}

// SOSState is a causal filter in mid-stream. It is not safe for concurrent use.
type SOSState struct {
	sos SOS
	st  []sosState
}

// NewState returns a causal filter at rest, as if all earlier samples had been zero.
func (s SOS) NewState() *SOSState {
	return &SOSState{sos: s, st: make([]sosState, len(s))}
}

// Process filters the next samples of the stream into dst and returns it. dst may be x itself; nil is allocated.
// Cutting a stream into other chunks gives the same output to the last bit.
func (f *SOSState) Process(dst, x []float64) []float64 {
	dst = use(dst, len(x))
	f.sos.run(f.st, dst, x)
	return dst
}

// Prime sets the state as if the stream had always been at level v (µV), so that a constant offset makes no
// step response. Call it with the first sample of a DC-coupled recording.
func (f *SOSState) Prime(v float64) {
	f.sos.steadyState(f.st)
	scaleState(f.st, v)
}

// Reset puts the filter at rest again.
func (f *SOSState) Reset() { clear(f.st) }

// Memory appends what the filter remembers to dst, two numbers a section, and returns it. Another filter of the same sections that is given it by
// Recall goes on as this one would, to the last bit.
func (f *SOSState) Memory(dst []float64) []float64 {
	for _, s := range f.st {
		dst = append(dst, s.z0, s.z1)
	}
	return dst
}

// Recall takes what Memory gave. It panics where that is of another number of sections.
func (f *SOSState) Recall(memory []float64) {
	if len(memory) != 2*len(f.st) {
		panic(fmt.Sprintf("dsp: a memory of %d numbers for %d sections", len(memory), len(f.st)))
	}
	for i := range f.st {
		f.st[i] = sosState{memory[2*i], memory[2*i+1]}
	}
}

// Settles returns after how many samples the slowest pole has forgotten all but the share tol of what was before: ln tol / ln r, where r is the largest radius
// of a pole. It is 0 for a filter without poles.
func (s SOS) Settles(tol float64) int {
	radius := 0.0
	for _, c := range s {
		// The poles are the roots of z² + a1·z + a2.
		if d := c[4]*c[4] - 4*c[5]; d < 0 {
			radius = max(radius, math.Sqrt(c[5]))
		} else {
			radius = max(radius, (math.Abs(c[4])+math.Sqrt(d))/2)
		}
	}
	if radius == 0 {
		return 0
	}
	return int(math.Ceil(math.Log(tol) / math.Log(radius)))
}

func scaleState(st []sosState, v float64) {
	for i := range st {
		st[i].z0 *= v
		st[i].z1 *= v
	}
}

// ZeroPhase applies a filter forwards and backwards, with the gain |H|² and no delay, as scipy's sosfiltfilt does:
// both ends are extended by odd reflection and the states start at their steady values. A signal too short for the
// usual extension is extended by its length less one. It is not safe for concurrent use.
type ZeroPhase struct {
	sos  SOS
	pad  int
	zi   []sosState // steady state for a unit step
	st   []sosState
	buf  []float64
	four []float64 // rows side by side
}

// NewZeroPhase returns a zero-phase filter with its workspace.
func NewZeroPhase(s SOS) *ZeroPhase {
	f := &ZeroPhase{sos: s, pad: s.padLen(), zi: make([]sosState, len(s)), st: make([]sosState, len(s))}
	s.steadyState(f.zi)
	return f
}

// NewZeroPhasePadded is NewZeroPhase with another padding than scipy's, in samples. Scipy's is a number of samples, so that
// what a filter does at the edges depends on the rate; one that is a span of time does not.
func NewZeroPhasePadded(s SOS, pad int) *ZeroPhase {
	f := NewZeroPhase(s)
	f.pad = max(0, pad)
	return f
}

// padLen is scipy's default: three times the number of taps of the equivalent single-section filter.
func (s SOS) padLen() int {
	noB, noA := 0, 0
	for _, c := range s {
		if c[2] == 0 {
			noB++
		}
		if c[5] == 0 {
			noA++
		}
	}
	return 3 * (2*len(s) + 1 - min(noB, noA))
}

// Filter filters x into dst and returns it. dst may be x itself; nil is allocated.
func (f *ZeroPhase) Filter(dst, x []float64) []float64 {
	dst = use(dst, len(x))
	n := len(x)
	if n == 0 {
		return dst
	}
	pad := min(f.pad, n-1)
	f.buf = grow(f.buf, n+2*pad)
	buf := f.buf
	copy(buf[pad:], x)
	first, last := x[0], x[n-1]
	for i := range pad {
		buf[i] = 2*first - x[pad-i]
		buf[pad+n+i] = 2*last - x[n-2-i]
	}
	for range 2 {
		copy(f.st, f.zi)
		scaleState(f.st, buf[0])
		f.sos.run(f.st, buf, buf)
		reverse(buf)
	}
	copy(dst, buf[pad:pad+n])
	return dst
}

// Rows filters every row of x (channels × samples) into dst, which has the same shape and may be x. It gives what Filter
// gives for each row, faster.
func (f *ZeroPhase) Rows(dst, x *mat.Dense) {
	r, c := x.Dims()
	if dr, dc := dst.Dims(); dr != r || dc != c {
		panic(mat.ErrShape)
	}
	for i := 0; i < r; {
		k := f.atOnce(dst, x, i)
		if k == 0 {
			f.Filter(dst.RawRowView(i), x.RawRowView(i))
			k = 1
		}
		i += k
	}
}

// FiltFilt filters x with zero phase into dst and returns it; see [ZeroPhase], which reuses its workspace from call
// to call. dst may be x itself; nil is allocated.
func (s SOS) FiltFilt(dst, x []float64) []float64 { return NewZeroPhase(s).Filter(dst, x) }

// FilterRows filters every row of x (channels × samples) in place with zero phase.
func FilterRows(s SOS, x *mat.Dense) { NewZeroPhase(s).Rows(x, x) }

func reverse(x []float64) {
	for i, j := 0, len(x)-1; i < j; i, j = i+1, j-1 {
		x[i], x[j] = x[j], x[i]
	}
}
