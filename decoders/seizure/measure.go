package seizure

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/internal/vector"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

const (
	windowSeconds = 2.0
	hopSeconds    = 1.0
	minRate       = 64.0 // Hz: the band ends at 30 Hz
)

// The measures of a window of one channel. Amplitudes are those of 1-30 Hz.
type measure struct {
	LineLength  float64 // µV/s: the path of the curve, which grows with amplitude and frequency
	SD          float64 // µV
	Alpha       float64 // share of 8-13 Hz in 1-30 Hz
	Slow        float64 // share of 2-12 Hz in 0.5-45 Hz
	Muscle      float64 // log10 of 30-45 Hz over 4-30 Hz
	Line        float64 // share of the power line in all above 0.5 Hz
	Rhythm      float64 // highest autocorrelation at lags of 1/12-1/2 s, -1..1
	Frequency   float64 // Hz, of that lag; 0 where there is no peak
	Mobility    float64 // Hz, Hjorth
	Complexity  float64 // Hjorth
	Bands       [5]float64
	Unusable    bool // flat, on the amplifier's rails, or drowned in the power line
	Scalp       bool // the channel has the name of an electrode; else nobody knows where it lies
	Implausible bool // larger than EEG of its kind can be
	RawVariance float64
	Form        form
}

// form is what the values and the steps of a window look like whatever their size: a discharge has spikes, steep flanks and slow backs.
type form struct {
	Kurtosis, StepKurtosis float64 // of values and of steps from sample to sample; 3 of noise
	Skew, StepSkew         float64 // absolute
	Peak, StepPeak         float64 // largest over the standard deviation
}

// formOf looks at a window of 1-30 Hz.
func formOf(x []float64) (f form) {
	f.Kurtosis, f.Skew, f.Peak = moments(x, 0)
	f.StepKurtosis, f.StepSkew, f.StepPeak = moments(x, 1)
	return f
}

// moments returns kurtosis, absolute skewness and the largest deviation in standard deviations of the values, or of the steps over so many
// samples; 0 where they do not vary.
func moments(x []float64, over int) (kurtosis, skew, peak float64) {
	n := len(x) - over
	at := func(i int) float64 {
		if over == 0 {
			return x[i]
		}
		return x[i+over] - x[i]
	}
	mean := 0.0
	for i := range n {
		mean += at(i)
	}
	mean /= float64(n)
	var m2, m3, m4 float64
	for i := range n {
		d := at(i) - mean
		q := d * d
		m2, m3, m4, peak = m2+q, m3+q*d, m4+q*q, max(peak, math.Abs(d))
	}
	m2, m3, m4 = m2/float64(n), m3/float64(n), m4/float64(n)
	if !(m2 > 0) {
		return 0, 0, 0
	}
	sd := math.Sqrt(m2)
	return m4 / (m2 * m2), math.Abs(m3) / (m2 * sd), peak / sd
}

// bandEdges of Bands in Hz. The last ends at 40 Hz, where the Bonn recordings end.
var bandEdges = [6]float64{1, 4, 8, 13, 30, 40}

// clip holds the measures of all windows and channels.
type clip struct {
	channels []string
	seconds  float64
	hop      float64     // s between the starts of windows: a whole number of samples, at most hopSeconds
	windows  [][]measure // channels × windows
}

// start returns the time of a window in s.
func (c *clip) start(window int) float64 { return float64(window) * c.hop }

// measurer computes measures at one rate.
type measurer struct {
	rate    float64
	n, hop  int
	filter  *dsp.ZeroPhase
	welch   *dsp.Welch
	psd     []float64
	df      float64
	lagLo   int
	lagHi   int
	auto    []float64
	lags    *dsp.Autocorrelation // nil where single products are faster
	bands   [5]span
	alpha   span
	slow    span
	broad   span // 1-30 Hz
	wide    span // 0.5-45 Hz
	high    span // 30-45 Hz
	mid     span // 4-30 Hz
	total   span
	lines   []span
	scratch []float64
}

// span is a half-open range of bins.
type span struct{ lo, hi int }

func newMeasurer(rate float64) (*measurer, error) {
	if !(rate >= minRate && rate <= eeg.MaxSampleRate) {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"sample_rate_needed": minRate, "sample_rate_most": float64(eeg.MaxSampleRate)},
			"the seizure check needs a sampling rate between %g and %d Hz", minRate, eeg.MaxSampleRate)
	}
	n := int(math.Round(windowSeconds * rate))
	sos, err := dsp.ButterBandPass(4, 1, 30, rate)
	if err != nil {
		return nil, err
	}
	// A transform of a length with large prime factors, such as the 347 samples of Bonn's rate, would take 50 times as
	// long; zeros behind the window change no power.
	size := n
	for !smooth(size) {
		size++
	}
	welch, err := dsp.NewWelchConfig(dsp.WelchConfig{Segment: n, Rate: rate, NFFT: size})
	if err != nil {
		return nil, err
	}
	m := &measurer{
		rate: rate, n: n, hop: int(hopSeconds * rate),
		filter: dsp.NewZeroPhase(sos), welch: welch, psd: make([]float64, welch.Bins()), df: rate / float64(size),
		lagLo: int(rate / 12), lagHi: int(rate/2) + 1,
		scratch: make([]float64, n),
	}
	m.auto = make([]float64, m.lagHi-m.lagLo+1)
	if n*len(m.auto) > mostProducts {
		m.lags = dsp.NewAutocorrelation(n, m.lagHi)
	}
	bins := func(lo, hi float64) span {
		at := func(f float64) int { return min(len(m.psd), int(math.Ceil(f/m.df-1e-9))) }
		return span{at(lo), at(hi)}
	}
	for i := range m.bands {
		m.bands[i] = bins(bandEdges[i], bandEdges[i+1])
	}
	m.alpha, m.slow, m.broad, m.wide = bins(8, 13), bins(2, 12), bins(1, 30), bins(0.5, 45)
	m.high, m.mid, m.total = bins(30, 45), bins(4, 30), bins(0.5, rate)
	for _, f := range [2]float64{50, 60} {
		if f < rate/2 {
			m.lines = append(m.lines, bins(f-1, f+1+m.df/2))
		}
	}
	return m, nil
}

func (m *measurer) power(s span) float64 { return floats.Sum(m.psd[s.lo:s.hi]) * m.df }

// clip measures a whole signal, which has at least one window.
func (m *measurer) clip(sig decoders.Signal) (*clip, error) {
	rows, n := sig.Data.Dims()
	all := make([]int, rows)
	for i := range all {
		all[i] = i
	}
	if err := epoch.CheckValues(sig, all, 0, n); err != nil {
		return nil, err
	}
	c := &clip{channels: sig.Channels, seconds: sig.Seconds(), hop: float64(m.hop) / m.rate, windows: make([][]measure, rows)}
	// A few channels at a time: the filter takes them side by side, and a long recording is not copied whole.
	const group = 4
	flat, band := mat.NewDense(min(group, rows), n, nil), mat.NewDense(min(group, rows), n, nil)
	for first := 0; first < rows; first += group {
		some := min(group, rows-first)
		for k := range some {
			dsp.Demean(flat.RawRowView(k), sig.Data.RawRowView(first+k))
		}
		m.filter.Rows(band.Slice(0, some, 0, n).(*mat.Dense), flat.Slice(0, some, 0, n).(*mat.Dense))
		for k := range some {
			x, y := flat.RawRowView(k), band.RawRowView(k)
			windows := make([]measure, (n-m.n)/m.hop+1)
			scalp := recording.IsElectrode(sig.Channels[first+k])
			for w := range windows {
				from := w * m.hop
				m.window(&windows[w], x[from:from+m.n], y[from:from+m.n])
				windows[w].Scalp = scalp
				windows[w].Implausible = windows[w].tooLarge()
			}
			c.windows[first+k] = windows
		}
	}
	return c, nil
}

// window measures one window from the centred samples and those of 1-30 Hz.
func (m *measurer) window(out *measure, x, band []float64) {
	m.welch.PSD(m.psd, x)
	total := m.power(m.total)
	for _, s := range m.lines {
		out.Line = max(out.Line, ratio(m.power(s), total))
	}
	for i, s := range m.bands {
		out.Bands[i] = m.power(s)
	}
	out.Alpha = ratio(m.power(m.alpha), m.power(m.broad))
	out.Slow = ratio(m.power(m.slow), m.power(m.wide))
	out.Muscle = math.Log10(max(m.power(m.high), 1e-12) / max(m.power(m.mid), 1e-12))

	var path, sq, dsq, ddsq float64
	last, lastDiff := band[0], 0.0
	for i, v := range band {
		d := v - last
		path += math.Abs(d)
		sq += v * v
		dsq += d * d
		if i > 1 {
			dd := d - lastDiff
			ddsq += dd * dd
		}
		last, lastDiff = v, d
	}
	n := float64(m.n)
	out.LineLength = path / windowSeconds
	out.SD = math.Sqrt(sq / n)
	if sq > 0 && dsq > 0 {
		out.Mobility = math.Sqrt(dsq/sq) * m.rate / (2 * math.Pi)
		out.Complexity = math.Sqrt(ddsq/dsq) * m.rate / (2 * math.Pi) / out.Mobility
	}
	out.Rhythm, out.Frequency = m.rhythm(band)
	out.Form = formOf(band)

	lo, hi, raw := x[0], x[0], 0.0
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
		raw += v * v
	}
	out.RawVariance = raw / n
	out.Unusable = hi-lo < 1 || out.SD < 0.5 || // as bad contact in package features: nothing so small is EEG
		features.Clipped(x, lo, hi, m.rate) || out.Line > 0.6
}

const (
	// largestOngoing is the SD of 1-30 Hz, in µV, that no activity of the scalp exceeds but a discharge: of 2-s windows of
	// healthy people's EEG without artifacts none does, and package features calls a channel bad from there on.
	largestOngoing = 90.0
	// largestScalp and largestInside are those of a seizure on the scalp and inside the head: the marked one of CHB-MIT
	// chb01_26 reaches 400 µV, those of Bonn's set S, measured inside, 630 µV.
	largestScalp  = 420.0
	largestInside = 650.0
	// slowest is the ratio of line length to SD, in 1/s, of a wave of 5.3 Hz (a sine of f Hz has 4·√2·f): large seizures on
	// the scalp are slow, 20-29 in chb01_26, where healthy EEG has 33-104 however it is scaled.
	slowest = 30.0
	// rhythmical is the autocorrelation from which a window repeats itself; ongoing EEG without alpha stays below 0.4.
	rhythmical = 0.5
)

// tooLarge reports whether the amplitude cannot be that of EEG in µV. On the scalp what is large is either a discharge, which is slow
// or repeats itself, or no EEG.
func (w *measure) tooLarge() bool {
	switch {
	case w.Unusable || w.SD <= largestOngoing:
		return false
	case !w.Scalp:
		return w.SD > largestInside
	case w.SD > largestScalp:
		return true
	}
	return w.LineLength > slowest*w.SD && w.Rhythm*w.notAlpha() < rhythmical
}

// mostProducts is from how many products on the autocorrelation of a window goes through its spectrum: their number grows with the
// square of the sampling rate, and reaches this at 2.2 kHz.
const mostProducts = 4 << 20

// rhythm returns the highest peak of the autocorrelation at lags of 1/12-1/2 s and its frequency: a curve that repeats
// itself 2-12 times a second is near 1, noise near 0.
func (m *measurer) rhythm(x []float64) (peak, frequency float64) {
	var products []float64
	if m.lags != nil {
		products = m.lags.Compute(x)
	}
	// Energies of the two overlapping parts, from lag to lag.
	head, tail := vector.Dot(x[:len(x)-m.lagLo], x[:len(x)-m.lagLo]), vector.Dot(x[m.lagLo:], x[m.lagLo:])
	for k := range m.auto {
		lag := m.lagLo + k
		m.auto[k] = 0
		if e := head * tail; e > 0 {
			var product float64
			if products != nil {
				product = products[lag]
			} else {
				product = vector.Dot(x[:len(x)-lag], x[lag:])
			}
			m.auto[k] = product / math.Sqrt(e)
		}
		last, first := x[len(x)-lag-1], x[lag]
		head -= last * last
		tail -= first * first
	}
	for k := 1; k+1 < len(m.auto); k++ {
		if v := m.auto[k]; v > m.auto[k-1] && v >= m.auto[k+1] && v > peak {
			peak, frequency = v, m.rate/float64(m.lagLo+k)
		}
	}
	return peak, frequency
}

func ratio(a, b float64) float64 {
	if b > 0 {
		return a / b
	}
	return 0
}

// ramp is clip((x-a)/(b-a), 0, 1).
func ramp(x, a, b float64) float64 { return min(max((x-a)/(b-a), 0), 1) }

// median returns the median of v, which it sorts; 0 for none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}

// smooth reports whether n is a product of 2, 3 and 5.
func smooth(n int) bool {
	for _, p := range [3]int{2, 3, 5} {
		for n%p == 0 {
			n /= p
		}
	}
	return n == 1
}
