package contact

import (
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/internal/head"
	"github.com/neurod/neurod/decoders/internal/vector"
	"github.com/neurod/neurod/eeg"
)

const (
	// The band in which channels are compared, Hz: above drift, below the power line. Real clips of caps with one reference
	// correlate there by 0.9 at 20° and 0.4 at 100°.
	low, high = 2.0, 30.0
	order     = 6 // leaves nothing of 50 Hz: (50/30)^12, twice

	flatShare  = 0.25 // of the windows
	weak       = 0.1  // of the median of the other channels; of clean clips none is below 0.16
	loud       = 10.0 // times that median; of 20,000 channels in clean clips two are
	heldShare  = 0.04 // of the samples on one of their two extremes: of whole microvolts some 0.005 are
	lineShare  = 3.0  // times the activity of the band, and
	lineRatio  = 3.0  // times the median of the others
	lineLarge  = 8.0  // the same where it is larger still
	lineTwice  = 2.0
	lineAlone  = 20.0 // the same where there is nothing to compare with
	windowSecs = 0.5
)

// Assess says of every row of a signal what is wrong with it. The rules compare channels with each other, so they hold for any unit
// and gain that all share; of a single channel only flat, clipped and line can be told. expected, where not nil, returns the covariance that a
// model expects of the first rows, nil for none: where only two channels are alive that should covary and do not, both are noise, since nobody can say which. Rows with samples that
// are not numbers are left to the decoders, which refuse them.
func Assess(sig decoders.Signal, expected func() *mat.SymDense) []eeg.ChannelFault {
	n := sig.Samples()
	if n == 0 || !(sig.Rate > 0) || math.IsInf(sig.Rate, 0) {
		return nil
	}
	rows, _ := sig.Data.Dims()
	faults := make([]eeg.ChannelFault, rows)
	a := assessor{sig: sig, n: n, activity: make([]float64, rows), line: make([]float64, rows), band: make([][]float64, rows)}
	var alive []int
	for i := range rows {
		x := sig.Data.RawRowView(i)
		lo, hi := vector.Extremes(x)
		if !(lo >= -epoch.MaxAmplitude && hi <= epoch.MaxAmplitude) {
			continue
		}
		switch {
		case a.constant(x) >= flatShare:
			faults[i] = eeg.FaultFlat
		case features.Clipped(x, lo, hi, sig.Rate), held(x, lo, hi) > heldShare:
			faults[i] = eeg.FaultClipped
		default:
			alive = append(alive, i)
		}
	}
	if len(alive) == 0 {
		return faults
	}
	w := workspaces.Get().(*workspace)
	defer w.put()
	if !w.prepare(sig) {
		return faults
	}
	a.measure(alive, w)
	activity, line := ordered(a.activity, alive), ordered(a.line, alive)
	var left []int
	for _, i := range alive {
		switch f := a.amplitude(i, activity, line); f {
		case "":
			left = append(left, i)
		default:
			faults[i] = f
		}
	}
	a.strangers(left, faults, w, expected)
	return faults
}

// assessor is the memory of one assessment.
type assessor struct {
	sig      decoders.Signal
	n        int
	activity []float64   // of the band in a typical window, µV
	line     []float64   // of the power line, µV
	band     [][]float64 // of each channel that was measured, its samples in the band
	sorted   []float64
}

// measure finds what channels are compared by.
func (a *assessor) measure(alive []int, w *workspace) {
	level := mat.NewDense(len(alive), a.n, w.samples(len(alive)*a.n))
	for k, i := range alive {
		row := level.RawRowView(k)
		dsp.Detrend(row, a.sig.Data.RawRowView(i))
		a.line[i] = mains(row, w.lines)
	}
	w.wave.Rows(level, level)
	for k, i := range alive {
		a.band[i] = level.RawRowView(k)
		a.activity[i] = a.typical(a.band[i])
	}
}

// workspace is the memory of assessments, one after the other: every decode makes one.
type workspace struct {
	rate   float64 // that the rest is for
	window int     // samples of the lines
	wave   *dsp.ZeroPhase
	lines  []phasor
	buf    []float64
	names  []string // that near is for
	near   *mat.SymDense
}

// places returns the correlations that channels have by their places.
func (w *workspace) places(names []string) *mat.SymDense {
	if w.near == nil || !slices.Equal(w.names, names) {
		w.names, w.near = names, head.Correlations(names)
	}
	return w.near
}

var workspaces = sync.Pool{New: func() any { return &workspace{} }}

// mostKept is how many samples a workspace that nobody uses may hold on to: 64 channels for a minute at 256 Hz.
const mostKept = 1 << 20

func (w *workspace) put() {
	if cap(w.buf) <= mostKept {
		workspaces.Put(w)
	}
}

// samples returns memory for n samples with anything in it.
func (w *workspace) samples(n int) []float64 {
	if cap(w.buf) < n {
		w.buf = make([]float64, n)
	}
	return w.buf[:n]
}

// prepare designs the filters for a signal, false where clip or rate are too short for them.
func (w *workspace) prepare(sig decoders.Signal) bool {
	if sig.Seconds() < 1 || sig.Rate < 20 {
		return false
	}
	window := min(int(math.Round(sig.Rate)), sig.Samples())
	if w.wave != nil && w.rate == sig.Rate && w.window == window {
		return true
	}
	w.wave = nil
	sos, err := dsp.ButterBandPass(order, low, top(sig.Rate), sig.Rate)
	if err != nil {
		return false
	}
	w.rate, w.window, w.wave, w.lines = sig.Rate, window, dsp.NewZeroPhase(sos), lines(sig.Rate, window)
	return true
}

// top is the upper edge of the band in Hz.
func top(rate float64) float64 { return min(high, 0.4*rate) }

func (a *assessor) window() int { return max(1, int(windowSecs*a.sig.Rate)) }

// constant returns the share of windows in which nothing moves.
func (a *assessor) constant(x []float64) float64 {
	w := min(a.window(), len(x))
	still, windows := 0, 0
	for from := 0; from+w <= len(x); from += w {
		part := x[from : from+w]
		windows++
		if moves(part[:min(2, w)]) { // as nearly every window does at once
			continue
		}
		if lo, hi := vector.Extremes(part); hi-lo <= stillness*max(math.Abs(lo), math.Abs(hi)) {
			still++
		}
	}
	return float64(still) / float64(windows)
}

// stillness is what samples may differ by, relative to the largest, where nothing moves.
const stillness = 1e-9

// moves reports whether numbers differ by so much that no others beside them could make them still.
func moves(x []float64) bool {
	lo, hi := vector.Extremes(x)
	return hi-lo > 2*stillness*max(math.Abs(lo), math.Abs(hi)) // beside a larger one the difference is larger, too
}

// held returns the share of samples on one of their two extremes, lo and hi.
func held(x []float64, lo, hi float64) float64 {
	return float64(vector.Count(x, lo, hi)) / float64(len(x))
}

// typical returns the root mean square that a quarter of the windows stay below: a blink or a movement says nothing of an electrode, and a
// channel that is dead for a quarter of the clip has none.
func (a *assessor) typical(x []float64) float64 {
	w := min(a.window(), len(x))
	rms := a.sorted[:0]
	for from := 0; from+w <= len(x); from += w {
		part := x[from : from+w]
		rms = append(rms, math.Sqrt(vector.Dot(part, part)/float64(w)))
	}
	slices.Sort(rms)
	a.sorted = rms
	return rms[int(flatShare*float64(len(rms)))]
}

// phasor is a frequency of the power line behind a Hann window of a second.
type phasor struct{ cos, sin []float64 }

// lines returns what signals of a rate can hold of 50 and 60 Hz, for windows of w samples.
func lines(rate float64, w int) []phasor {
	var out []phasor
	for _, f := range [2]float64{50, 60} {
		if f >= 0.48*rate {
			continue
		}
		p := phasor{make([]float64, w), make([]float64, w)}
		for j := range w {
			hann := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(j)+0.5)/float64(w))
			s, c := math.Sincos(2 * math.Pi * f * float64(j) / rate)
			p.cos[j], p.sin[j] = hann*c, hann*s
		}
		out = append(out, p)
	}
	return out
}

// mains returns the root mean square of the line that is strongest, over windows of a second.
func mains(x []float64, lines []phasor) float64 {
	most := 0.0
	for _, p := range lines {
		w := len(p.cos)
		power, windows := 0.0, 0
		for from := 0; from+w <= len(x); from += w {
			re, im := vector.Dot(x[from:from+w], p.cos), vector.Dot(x[from:from+w], p.sin)
			power += re*re + im*im
			windows++
		}
		// A sine of amplitude A gives A·w/4 behind a Hann window.
		most = max(most, math.Sqrt(8*power/float64(windows))/float64(w))
	}
	return most
}

// others are numbers in order without one of them.
type others struct {
	sorted []float64
	out    int // the place of the one that does not count
}

// ordered returns the numbers of some channels in order.
func ordered(of []float64, channels []int) []float64 {
	out := make([]float64, len(channels))
	for k, i := range channels {
		out[k] = of[i]
	}
	slices.Sort(out)
	return out
}

func without(sorted []float64, v float64) others {
	out, _ := slices.BinarySearch(sorted, v)
	return others{sorted, out}
}

func (o others) len() int { return len(o.sorted) - 1 }

func (o others) at(k int) float64 {
	if k >= o.out {
		k++
	}
	return o.sorted[k]
}

// amplitude compares channel i with the others; all are the numbers of the channels that are alive, in order.
func (a *assessor) amplitude(i int, allActivity, allLines []float64) eeg.ChannelFault {
	if len(allActivity) < 2 {
		if a.line[i] > lineAlone*a.activity[i] {
			return eeg.FaultLine
		}
		return ""
	}
	activity, line := without(allActivity, a.activity[i]), without(allLines, a.line[i])
	// Of an even number of others each rule takes the middle one that finds less. Of two channels that differ as much both are at fault: nobody
	// can say which.
	lower, upper := activity.at((activity.len()-1)/2), activity.at(activity.len()/2)
	switch {
	case a.line[i] > lineShare*a.activity[i] && a.line[i] > lineRatio*line.at(line.len()/2),
		a.line[i] > lineLarge*a.activity[i] && a.line[i] > lineTwice*line.at(line.len()/2),
		a.line[i] > lineAlone*a.activity[i]:
		return eeg.FaultLine
	case a.activity[i] < weak*lower:
		return eeg.FaultFlat
	case a.activity[i] > loud*upper:
		return eeg.FaultLoud
	}
	return ""
}

// strangers finds the channels that share nothing with the others. Differences from sample to sample make the spectrum of EEG flat, so
// that a few seconds hold many independent values: 2·(30-2) a second, and correlations of noise have a standard
// deviation of 1/√ of their number.
func (a *assessor) strangers(left []int, faults []eeg.ChannelFault, w *workspace, expected func() *mat.SymDense) {
	if len(left) < 2 {
		return
	}
	free := 2 * (top(a.sig.Rate) - low) * a.sig.Seconds()
	// Of so many correlations of noise the largest stays below this but once in 500 clips.
	chance := math.Sqrt(2*math.Log(500*float64(len(left)-1))) / math.Sqrt(free)
	norm := make([]float64, len(left))
	shared := mat.NewSymDense(len(left), nil)
	for p, i := range left {
		x, last := a.band[i], a.band[i][0]
		for j, v := range x {
			x[j] = v - last
			last = v
		}
		if norm[p] = math.Sqrt(vector.Dot(x, x)); norm[p] == 0 {
			norm[p] = 1
		}
		for q := range p {
			shared.SetSym(p, q, math.Abs(vector.Dot(x, a.band[left[q]])/norm[p]/norm[q]))
		}
	}
	// The strangest first: the neighbor of one that is lost has its nearest farther away.
	alive := make([]int, len(left)) // positions in left
	for p := range alive {
		alive[p] = p
	}
	for {
		strangest, least := -1, 1.0
		closest, near := a.nearest(left, alive, shared, w)
		share := make([]float64, len(alive))
		for k := range share {
			share[k] = closest[k] / near[k]
		}
		all := slices.Clone(share)
		slices.Sort(all)
		for k, p := range alive {
			if limit := limitOf(near[k], without(all, share[k]), chance, func() float64 { return closestExpected(expected, left[p]) }); closest[k] < least*limit {
				strangest, least = k, closest[k]/limit
			}
		}
		switch {
		case strangest < 0:
			return
		case len(alive) == 2: // they are as strange to each other
			faults[left[alive[0]]], faults[left[alive[1]]] = eeg.FaultNoise, eeg.FaultNoise
			return
		}
		faults[left[alive[strangest]]] = eeg.FaultNoise
		alive = slices.Delete(alive, strangest, strangest+1)
	}
}

// limitOf returns the correlation below which a channel is a stranger: what it usually shares with its nearest is what its place lets expect, by as much
// more or less as the others share.
func limitOf(near float64, share others, chance float64, expected func() float64) float64 {
	if share.len() == 1 { // the only other one is not a measure of itself
		e := expected()
		if e < 0.5 {
			return 0
		}
		return min(chance, 0.4*e)
	}
	switch usual := near * share.at(share.len()/2); {
	case usual >= 4*chance:
		return chance
	case usual >= 0.3: // a clip too short to tell by chance alone
		return min(chance, 0.4*usual)
	}
	return 0 // electrodes too far apart
}

// nearest returns the largest correlation that each of the channels that are alive has with another, and the largest by their places.
func (a *assessor) nearest(left, alive []int, shared *mat.SymDense, w *workspace) (closest, near []float64) {
	names := make([]string, len(alive))
	for k, p := range alive {
		if i := left[p]; i < len(a.sig.Channels) {
			names[k] = a.sig.Channels[i]
		}
	}
	c := w.places(names)
	closest, near = make([]float64, len(alive)), make([]float64, len(alive))
	for k, p := range alive {
		for l, q := range alive {
			if l != k {
				closest[k], near[k] = max(closest[k], shared.At(p, q)), max(near[k], c.At(k, l))
			}
		}
	}
	return closest, near
}

// closestExpected returns the largest correlation with another channel that a model expects of channel i, 0 where it says nothing.
func closestExpected(expected func() *mat.SymDense, i int) float64 {
	if expected == nil {
		return 0
	}
	c := expected()
	if c == nil || i >= c.SymmetricDim() {
		return 0
	}
	most := 0.0
	for j := range c.SymmetricDim() {
		if d := c.At(i, i) * c.At(j, j); j != i && d > 0 {
			most = max(most, math.Abs(c.At(i, j))/math.Sqrt(d))
		}
	}
	return most
}
