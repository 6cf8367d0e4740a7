package dsp

import (
	"cmp"
	"math"
	"math/cmplx"
	"slices"
)

// maxOrder bounds the order of a design. Beyond it sections of a narrow band lose their precision, and no EEG
// filter needs it (8 is usual, scipy's decimate uses 8).
const maxOrder = 24

// ButterLowPass designs a Butterworth low pass with -3 dB at fc Hz.
func ButterLowPass(order int, fc, fs float64) (SOS, error) {
	return lowPass(order, butterPoles, 1, fc, fs)
}

// ButterHighPass designs a Butterworth high pass with -3 dB at fc Hz.
func ButterHighPass(order int, fc, fs float64) (SOS, error) {
	if err := checkLowHigh(order, fc, fs); err != nil {
		return nil, err
	}
	w := warp(fc, fs)
	var poles []complex128
	for _, p := range butterPoles(order) {
		poles = append(poles, bilinear(complex(w, 0)/p))
	}
	s := sections(poles, func(secondOrder bool) [3]float64 {
		if secondOrder {
			return [3]float64{1, -2, 1} // both zeros at 0 Hz
		}
		return [3]float64{1, -1, 0}
	})
	s.normalize(complex(-1, 0), 1)
	return s, nil
}

// ButterBandPass designs a Butterworth band pass with -3 dB at lo and hi Hz. order is the order of the low-pass
// prototype, as in scipy: the filter has order sections, each of second order.
func ButterBandPass(order int, lo, hi, fs float64) (SOS, error) {
	return bandPass(order, butterPoles, 1, lo, hi, fs)
}

// Cheby1LowPass designs a Chebyshev type I low pass with ripple dB of ripple up to fc Hz.
func Cheby1LowPass(order int, rippleDB, fc, fs float64) (SOS, error) {
	proto, gain, err := cheby1(order, rippleDB)
	if err != nil {
		return nil, err
	}
	return lowPass(order, proto, gain, fc, fs)
}

// Cheby1BandPass designs a Chebyshev type I band pass with rippleDB dB of ripple between lo and hi Hz. order is
// the order of the low-pass prototype, as in scipy.
func Cheby1BandPass(order int, rippleDB, lo, hi, fs float64) (SOS, error) {
	proto, gain, err := cheby1(order, rippleDB)
	if err != nil {
		return nil, err
	}
	return bandPass(order, proto, gain, lo, hi, fs)
}

// Notch designs a second-order notch at f0 Hz with the -3 dB bandwidth f0/q, as scipy's iirnotch.
func Notch(f0, q, fs float64) (SOS, error) {
	if err := checkRate(fs); err != nil {
		return nil, err
	}
	if err := checkEdge("notch", f0, fs); err != nil {
		return nil, err
	}
	if !finite(q) || q <= 0 {
		return nil, paramErrorf("quality factor %v is not a positive number", q)
	}
	w := 2 * math.Pi * f0 / fs
	if w/q >= math.Pi {
		return nil, paramErrorf("notch at %v Hz with quality factor %v is wider than the spectrum up to %v Hz", f0, q, fs/2)
	}
	g := 1 / (1 + math.Tan(w/q/2))
	c := -2 * math.Cos(w)
	return SOS{{g, g * c, g, 1, g * c, 2*g - 1}}, nil
}

// butterPoles returns the poles of the analog Butterworth low pass with cutoff 1 rad/s: the left half of the unit
// circle, evenly spaced.
func butterPoles(order int) []complex128 {
	p := make([]complex128, order)
	for k := range p {
		theta := math.Pi * float64(2*k+1-order) / float64(2*order)
		p[k] = -complex(math.Cos(theta), math.Sin(theta))
	}
	return p
}

// cheby1 returns the poles of the analog Chebyshev I low pass and its gain at 0 rad/s, which is the bottom of the
// ripple when the order is even.
func cheby1(order int, rippleDB float64) (proto func(int) []complex128, gain float64, err error) {
	if !finite(rippleDB) || rippleDB <= 0 {
		return nil, 0, paramErrorf("ripple %v dB is not a positive number", rippleDB)
	}
	eps := math.Sqrt(math.Expm1(rippleDB / 10 * math.Ln10))
	gain = 1
	if order%2 == 0 {
		gain = 1 / math.Sqrt(1+eps*eps)
	}
	return func(order int) []complex128 {
		mu := math.Asinh(1/eps) / float64(order)
		p := make([]complex128, order)
		for k := range p {
			theta := math.Pi * float64(2*k+1-order) / float64(2*order)
			p[k] = -complex(math.Sinh(mu)*math.Cos(theta), math.Cosh(mu)*math.Sin(theta))
		}
		return p
	}, gain, nil
}

func checkOrder(order int) error {
	if order < 1 || order > maxOrder {
		return paramErrorf("order %d is not between 1 and %d", order, maxOrder)
	}
	return nil
}

func checkLowHigh(order int, fc, fs float64) error {
	if err := checkOrder(order); err != nil {
		return err
	}
	if err := checkRate(fs); err != nil {
		return err
	}
	return checkEdge("cutoff", fc, fs)
}

// warp returns the analog frequency that the bilinear transform s = (z-1)/(z+1) takes to f Hz.
func warp(f, fs float64) float64 { return math.Tan(math.Pi * f / fs) }

// bilinear maps a pole of the s plane to the z plane.
func bilinear(s complex128) complex128 { return (1 + s) / (1 - s) }

func lowPass(order int, proto func(int) []complex128, gain, fc, fs float64) (SOS, error) {
	if err := checkLowHigh(order, fc, fs); err != nil {
		return nil, err
	}
	w := warp(fc, fs)
	var poles []complex128
	for _, p := range proto(order) {
		poles = append(poles, bilinear(complex(w, 0)*p))
	}
	s := sections(poles, func(secondOrder bool) [3]float64 {
		if secondOrder {
			return [3]float64{1, 2, 1} // both zeros at Nyquist
		}
		return [3]float64{1, 1, 0}
	})
	s.normalize(complex(1, 0), gain)
	return s, nil
}

func bandPass(order int, proto func(int) []complex128, gain, lo, hi, fs float64) (SOS, error) {
	if err := checkOrder(order); err != nil {
		return nil, err
	}
	if err := checkBand(lo, hi, fs); err != nil {
		return nil, err
	}
	w1, w2 := warp(lo, fs), warp(hi, fs)
	bw, w0 := w2-w1, math.Sqrt(w1*w2)
	var poles []complex128
	for _, p := range proto(order) {
		// s = (bw·p ± sqrt((bw·p)² - 4·w0²)) / 2 solves (s² + w0²)/(bw·s) = p.
		half := complex(bw/2, 0) * p
		root := cmplx.Sqrt(half*half - complex(w0*w0, 0))
		poles = append(poles, bilinear(half+root), bilinear(half-root))
	}
	s := sections(poles, func(bool) [3]float64 { return [3]float64{1, 0, -1} }) // zeros at 0 Hz and Nyquist
	omega := 2 * math.Atan(w0)
	s.normalize(cmplx.Exp(complex(0, -omega)), gain)
	return s, nil
}

// sections pairs each pole with its conjugate and real poles with each other. A lone real pole comes first, then the
// pairs by their radius, so that those closest to the unit circle, which amplify most, come last.
func sections(poles []complex128, numerator func(secondOrder bool) [3]float64) SOS {
	// A real pole comes out of the transforms with an imaginary part of a few ulp.
	const tol = 1e-12
	type den struct{ a1, a2, radius float64 }
	var dens []den
	var onAxis []float64
	for _, p := range poles {
		switch {
		case math.Abs(imag(p)) <= tol*(1+cmplx.Abs(p)):
			onAxis = append(onAxis, real(p))
		case imag(p) > 0:
			r := cmplx.Abs(p)
			dens = append(dens, den{-2 * real(p), r * r, r})
		}
	}
	slices.Sort(onAxis)
	var single []den
	for len(onAxis) >= 2 {
		p, q := onAxis[0], onAxis[len(onAxis)-1]
		onAxis = onAxis[1 : len(onAxis)-1]
		dens = append(dens, den{-(p + q), p * q, max(math.Abs(p), math.Abs(q))})
	}
	if len(onAxis) == 1 {
		single = append(single, den{-onAxis[0], 0, math.Abs(onAxis[0])})
	}
	slices.SortStableFunc(dens, func(x, y den) int { return cmp.Compare(x.radius, y.radius) })
	s := make(SOS, 0, len(dens)+len(single))
	for _, d := range single {
		b := numerator(false)
		s = append(s, [6]float64{b[0], b[1], b[2], 1, d.a1, 0})
	}
	for _, d := range dens {
		b := numerator(true)
		s = append(s, [6]float64{b[0], b[1], b[2], 1, d.a1, d.a2})
	}
	return s
}

// normalize scales the first section so that the gain where z⁻¹ = u becomes g.
func (s SOS) normalize(u complex128, g float64) {
	k := g / cmplx.Abs(s.at(u))
	for i := range 3 {
		s[0][i] *= k
	}
}
