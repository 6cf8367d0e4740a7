package features

import (
	"cmp"
	"math"
	"slices"
)

// The 1/f part of a spectrum and its peaks, after T. Donoghue et al., Nat. Neurosci. 23 (2020) 1655-1665:
//
//	log10 P(f) = offset - exponent·log10 f + Σ height·exp(-(f-frequency)²/(2·sd²))
//
// A first line takes the points that no peak can have raised, peaks are guessed from the highest point down until one does not stand out
// of what is left, all are fitted together, and the line is fitted once more to what they leave. The constants are the method's own.
const (
	mostPeaks     = 6    // no scalp EEG of 2-40 Hz shows more; it bounds the cost
	peakThreshold = 2.0  // standard deviations of the flattened spectrum that a peak stands out by
	leastSD       = 0.25 // Hz: half of the narrowest width of 0.5 Hz
	mostSD        = 6.0  // Hz: half of the widest, 12 Hz
	flatShare     = 2.5e-4
	overlapSD     = 0.75 // peaks whose centers ± so many SD meet are one
	centerSD      = 1.5  // a center moves by twice as many SD at most while it is fitted
)

// fwhm is the full width of a Gaussian at half of its height, in SD.
var fwhm = 2 * math.Sqrt(2*math.Ln2)

// gauss is a peak over the 1/f part: log10 units, Hz.
type gauss struct{ center, height, sd float64 }

func byCenter(a, b gauss) int { return cmp.Compare(a.center, b.center) }

func (g gauss) at(f float64) float64 { return g.height * bell((f-g.center)/g.sd) }

// bell is exp(-z²/2), and 0 where that is below 2e-8: a peak costs as much as it is wide.
func bell(z float64) float64 {
	if z > 6 || z < -6 {
		return 0
	}
	return math.Exp(-z * z / 2)
}

// parametrizer fits spectra of one grid of frequencies. It owns its workspace; it is not safe for concurrent use.
type parametrizer struct {
	freqs []float64 // Hz, evenly spaced, above 0
	step  float64   // Hz
	logf  []float64
	spec  []float64 // log10 of the spectrum
	flat  []float64 // without the 1/f part
	left  []float64 // of flat, without the peaks that were found
	sort  []float64
	peaks []gauss
	fit   peakFit
}

// parameters are what a spectrum is made of.
type parameters struct {
	offset, exponent float64
	peaks            []gauss // by frequency; shared with the parametrizer
}

func newParametrizer(freqs []float64) *parametrizer {
	n := len(freqs)
	p := &parametrizer{freqs: freqs, step: freqs[1] - freqs[0], logf: make([]float64, n), spec: make([]float64, n), flat: make([]float64, n),
		left: make([]float64, n), sort: make([]float64, n), peaks: make([]gauss, 0, mostPeaks)}
	for i, f := range freqs {
		p.logf[i] = math.Log10(f)
	}
	return p
}

// of takes a spectrum apart, given as log10 of its density at the parametrizer's frequencies; peaks below the least height are noise. It
// reports false where a value is not finite: a flat line has no spectrum.
func (p *parametrizer) of(spec []float64, least float64) (parameters, bool) {
	for _, v := range spec {
		if v-v != 0 {
			return parameters{}, false
		}
	}
	copy(p.spec, spec)
	offset, exponent := p.robustLine()
	for i, v := range p.spec {
		p.flat[i] = v - (offset - exponent*p.logf[i])
	}
	copy(p.left, p.flat)
	p.guess(least)
	if len(p.peaks) > 0 {
		p.fit.run(p.freqs, p.flat, p.peaks)
		slices.SortStableFunc(p.peaks, byCenter)
		for i, f := range p.freqs {
			for _, g := range p.peaks {
				p.spec[i] -= g.at(f)
			}
		}
	}
	offset, exponent = line(p.logf, p.spec, nil, 0)
	return parameters{offset: offset, exponent: exponent, peaks: p.peaks}, true
}

// robustLine fits a line to the points that lie lowest over the line through all.
func (p *parametrizer) robustLine() (offset, exponent float64) {
	offset, exponent = line(p.logf, p.spec, nil, 0)
	for i, v := range p.spec {
		p.flat[i] = max(v-(offset-exponent*p.logf[i]), 0)
	}
	copy(p.sort, p.flat)
	slices.Sort(p.sort)
	at := flatShare * float64(len(p.sort)-1)
	k := int(at)
	limit := p.sort[k]
	if k+1 < len(p.sort) {
		limit += (at - float64(k)) * (p.sort[k+1] - p.sort[k])
	}
	return line(p.logf, p.spec, p.flat, limit)
}

// line fits y = offset - exponent·x by least squares to the points whose rank is at most limit; a nil rank takes all.
func line(x, y, rank []float64, limit float64) (offset, exponent float64) {
	var n, sx, sy float64
	for i := range x {
		if rank == nil || rank[i] <= limit {
			n, sx, sy = n+1, sx+x[i], sy+y[i]
		}
	}
	mx, my := sx/n, sy/n
	var sxx, sxy float64
	for i := range x {
		if rank == nil || rank[i] <= limit {
			sxx += (x[i] - mx) * (x[i] - mx)
			sxy += (x[i] - mx) * (y[i] - my)
		}
	}
	if sxx == 0 {
		return my, 0
	}
	exponent = -sxy / sxx
	return my + exponent*mx, exponent
}

// guess finds peaks from the highest down, and drops those that lie at an end of the band or on each other.
func (p *parametrizer) guess(least float64) {
	p.peaks = p.peaks[:0]
	for len(p.peaks) < mostPeaks {
		at := 0
		for i, v := range p.left {
			if v > p.left[at] {
				at = i
			}
		}
		height := p.left[at]
		if height <= peakThreshold*deviation(p.left) || height <= least {
			break
		}
		g := gauss{center: p.freqs[at], height: height, sd: (2*leastSD + 2*mostSD) / 2}
		if side := p.halfWidth(at, height/2); side > 0 {
			g.sd = float64(2*side) * p.step / fwhm
		}
		g.sd = min(max(g.sd, leastSD), mostSD)
		p.peaks = append(p.peaks, g)
		for i, f := range p.freqs {
			p.left[i] -= g.at(f)
		}
	}
	lo, hi := p.freqs[0], p.freqs[len(p.freqs)-1]
	p.peaks = slices.DeleteFunc(p.peaks, func(g gauss) bool { return g.center-lo <= g.sd || hi-g.center <= g.sd })
	slices.SortStableFunc(p.peaks, byCenter)
	var dropped [mostPeaks]bool
	for i := 1; i < len(p.peaks); i++ {
		if a, b := p.peaks[i-1], p.peaks[i]; a.center+overlapSD*a.sd > b.center-overlapSD*b.sd {
			if a.height > b.height {
				dropped[i] = true
			} else {
				dropped[i-1] = true
			}
		}
	}
	kept := p.peaks[:0]
	for i, g := range p.peaks {
		if !dropped[i] {
			kept = append(kept, g)
		}
	}
	p.peaks = kept
}

// halfWidth returns how many bins lie between a peak and the nearer of the points beside it that are at most half as high; 0 where there
// are none.
func (p *parametrizer) halfWidth(at int, half float64) int {
	for d := 1; d < len(p.left); d++ {
		if at-d > 0 && p.left[at-d] <= half || at+d < len(p.left) && p.left[at+d] <= half {
			return d
		}
	}
	return 0
}

// deviation is the standard deviation, with 1/n.
func deviation(x []float64) float64 {
	mean := 0.0
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	sum := 0.0
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)))
}

// mostParameters is the number of parameters of mostPeaks peaks.
const mostParameters = 3 * mostPeaks

// peakFit fits peaks to a flattened spectrum by least squares, each parameter strictly within its bounds: the damped Gauss-Newton steps of
// Levenberg and Marquardt in the scaling of T. F. Coleman and Y. Li, SIAM J. Optim. 6 (1996) 418-445, in which a bound is far off for
// who comes near it.
type peakFit struct {
	n          int // parameters
	at, trial  [mostParameters]float64
	lo, hi     [mostParameters]float64
	downhill   [mostParameters]float64 // half of the negative gradient of the sum of squares
	scale      [mostParameters]float64
	step       [mostParameters]float64 // scaled
	normal     [mostParameters][mostParameters]float64
	factor     [mostParameters][mostParameters]float64
	derivative [mostParameters]float64
}

// mostSteps bounds the steps of a fit; most end within 20.
const mostSteps = 50

// run moves the peaks to where they fit best.
func (f *peakFit) run(freqs, flat []float64, peaks []gauss) {
	f.n = 3 * len(peaks)
	for i, g := range peaks {
		f.at[3*i], f.at[3*i+1], f.at[3*i+2] = g.center, g.height, min(max(g.sd, leastSD*(1+1e-6)), mostSD*(1-1e-6))
		reach := 2 * centerSD * g.sd
		f.lo[3*i], f.hi[3*i] = max(g.center-reach, freqs[0]), min(g.center+reach, freqs[len(freqs)-1])
		f.lo[3*i+1], f.hi[3*i+1] = 0, math.Inf(1)
		f.lo[3*i+2], f.hi[3*i+2] = leastSD, mostSD
	}
	cost := f.linearize(freqs, flat)
	damping, grow := 0.0, 2.0
	for j := range f.n {
		damping = max(damping, 1e-2*f.normal[j][j])
	}
	for range mostSteps {
		f.rescale()
		if !f.solve(damping) {
			damping, grow = damping*grow+1e-12, grow*2
			continue
		}
		f.tryStep()
		next := residual(freqs, flat, f.trial[:f.n])
		expected := f.expected(damping)
		if !(next < cost) {
			if expected <= 1e-9*cost || damping > 1e12 {
				break
			}
			damping, grow = damping*grow, grow*2
			continue
		}
		gain := 2*(cost-next)/expected - 1
		damping, grow = damping*min(max(1.0/3, 1-gain*gain*gain), 3), 2
		f.at = f.trial
		done := cost-next <= 1e-7*cost
		if cost = f.linearize(freqs, flat); done {
			break
		}
	}
	for i := range peaks {
		peaks[i] = gauss{f.at[3*i], f.at[3*i+1], f.at[3*i+2]}
	}
}

// residual is the sum of squares of what the peaks leave.
func residual(freqs, flat, p []float64) float64 {
	sum := 0.0
	for i, x := range freqs {
		r := flat[i]
		for j := 0; j < len(p); j += 3 {
			r -= gauss{p[j], p[j+1], p[j+2]}.at(x)
		}
		sum += r * r
	}
	return sum
}

// linearize fills the normal equations at the current parameters and returns the sum of squares.
func (f *peakFit) linearize(freqs, flat []float64) float64 {
	n := f.n
	for j := range n {
		f.downhill[j] = 0
		clear(f.normal[j][:n])
	}
	sum := 0.0
	d := f.derivative[:n]
	for i, x := range freqs {
		r := flat[i]
		for j := 0; j < n; j += 3 {
			height, sd := f.at[j+1], f.at[j+2]
			z := (x - f.at[j]) / sd
			e := bell(z)
			d[j], d[j+1], d[j+2] = height*e*z/sd, e, height*e*z*z/sd
			r -= height * e
		}
		sum += r * r
		for j, v := range d {
			if v == 0 {
				continue
			}
			f.downhill[j] += v * r
			row := f.normal[j][:j+1]
			for k := range row {
				row[k] += v * d[k]
			}
		}
	}
	return sum
}

// rescale measures each parameter by its way to the bound that it is heading for.
func (f *peakFit) rescale() {
	for j := range f.n {
		f.scale[j] = 1
		switch g := f.downhill[j]; {
		case g > 0 && !math.IsInf(f.hi[j], 1):
			f.scale[j] = math.Sqrt(f.hi[j] - f.at[j])
		case g < 0:
			f.scale[j] = math.Sqrt(f.at[j] - f.lo[j])
		}
	}
}

// bounded reports whether a parameter is heading for a bound.
func (f *peakFit) bounded(j int) bool { return f.downhill[j] < 0 || !math.IsInf(f.hi[j], 1) }

// solve finds the scaled step of the damped normal equations by Cholesky's factors; false where they have none.
func (f *peakFit) solve(damping float64) bool {
	n := f.n
	for j := range n {
		for k := 0; k <= j; k++ {
			v := f.normal[j][k] * f.scale[j] * f.scale[k]
			if j == k {
				v += damping
				if f.bounded(j) {
					v += math.Abs(f.downhill[j])
				}
			}
			for m := range k {
				v -= f.factor[j][m] * f.factor[k][m]
			}
			if j != k {
				f.factor[j][k] = v / f.factor[k][k]
				continue
			}
			if !(v > 0) {
				return false
			}
			f.factor[j][j] = math.Sqrt(v)
		}
	}
	for j := range n {
		v := f.downhill[j] * f.scale[j]
		for k := range j {
			v -= f.factor[j][k] * f.step[k]
		}
		f.step[j] = v / f.factor[j][j]
	}
	for j := n - 1; j >= 0; j-- {
		v := f.step[j]
		for k := j + 1; k < n; k++ {
			v -= f.factor[k][j] * f.step[k]
		}
		f.step[j] = v / f.factor[j][j]
	}
	return true
}

// tryStep sets trial to where the step leads; each parameter goes nearly to its bound at most.
func (f *peakFit) tryStep() {
	for j := range f.n {
		at := f.at[j]
		f.trial[j] = at + min(max(f.step[j]*f.scale[j], 0.995*(f.lo[j]-at)), 0.995*(f.hi[j]-at))
	}
}

// expected is by how much the linear model lets the sum of squares fall.
func (f *peakFit) expected(damping float64) float64 {
	sum := 0.0
	for j := range f.n {
		sum += f.step[j] * (damping*f.step[j] + f.downhill[j]*f.scale[j])
	}
	return sum
}
