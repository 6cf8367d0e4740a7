package features

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/vector"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// GoodSQI is the quality from which a channel counts as usable.
const GoodSQI = 0.6

// stepSeconds is the time within which a step of motion_like happens: the interval of a headset of 125 Hz. Within 10 ms the
// 20-40 Hz of ordinary scalp EEG already changes by as much as an electrode that moves: 7 of 60 windows of EEGMMIDB S001 at
// rest failed the gate with it, 2 fail with 8 ms.
const stepSeconds = 0.008

// minSamples is the fewest samples from which a spectrum of any use can be made.
const minSamples = 16

// Config describes the windows.
type Config struct {
	Rate     float64  // Hz. Required.
	Channels []string // one name a row. Required.
	// Seconds is the length of a window. Defaults to 2.
	Seconds float64
	// Line lists the power-line frequencies to look for, in Hz; the stronger counts. Defaults to 50 and 60.
	Line []float64
	// Frontal lists the channels on which blinks are looked for. Defaults to those named Fp* and AF* (and TP9 and TP10 of
	// a Muse, which are measured against Fpz and show blinks upside down), else the outer and middle F electrodes, and
	// all channels where no name is a known electrode.
	Frontal []string
	// MinGood is the share of channels that must have SQI >= 0.6 for the gate to pass. Defaults to 0.5.
	MinGood float64
	// Features are computed beside those that every window has. Defaults to none.
	Features []eeg.Feature
}

// Extractor computes feature windows of one montage and rate. It owns its workspace: after the first window it does
// not allocate. It is not safe for concurrent use.
type Extractor struct {
	cfg     Config
	n       int // samples a window
	welch   *dsp.Welch
	df      float64   // Hz a bin
	psd     []float64 // of the channel at hand
	flat    []float64 // the detrended channel
	group   group
	bands   [5]span // delta .. gamma
	entropy span    // 1-45 Hz
	wide    span    // 0.5-45 Hz
	slow    span    // 0.5-2 Hz
	mid     span    // 4-30 Hz
	total   span    // 0.5 Hz - Nyquist
	line    []span
	clipped []string
	frontal []bool
	blink   *blinkFinder
	step    float64 // samples in stepSeconds
	hold    int     // samples of the shortest stay on a rail
	sorted  []float64
	reasons [8]string
	asked   *asker   // nil where nothing is asked for
	kept    *spectra // of the last window, for a clip's mean; nil where each window stands for itself
}

// groupSize is how many channels have their spectra and filters side by side, as many as a vector of the processor holds.
const groupSize = 4

// group is what is found of some channels together.
type group struct {
	psds, flats [][]float64
	lo, hi      [groupSize]float64
	blinks      [groupSize]float64
	waves       [][]float64 // of those that are frontal, and
	eyes        []int       // which they are
}

// span is a range of bins, half-open; it is empty where the band lies above the Nyquist frequency.
type span struct{ lo, hi int }

func (s span) empty() bool { return s.lo >= s.hi }

var bandNames = [5]string{"delta", "theta", "alpha", "beta", "gamma"}

// bandEdges are the edges of the five bands in Hz.
var bandEdges = [6]float64{1, 4, 8, 13, 30, 45}

// New returns an extractor. Errors are about the configuration: a rate or length that is not a positive number, a
// window of fewer than 16 samples, no channels.
func New(cfg Config) (*Extractor, error) {
	if cfg.Seconds == 0 {
		cfg.Seconds = 2
	}
	if cfg.Line == nil {
		cfg.Line = []float64{50, 60}
	}
	if cfg.MinGood == 0 {
		cfg.MinGood = 0.5
	}
	if !(cfg.Rate > 0) || math.IsInf(cfg.Rate, 0) {
		return nil, fmt.Errorf("features: sampling rate %v Hz is not a positive number", cfg.Rate)
	}
	if !(cfg.Seconds > 0) || cfg.Seconds > 600 {
		return nil, fmt.Errorf("features: window of %v s is not between 0 and 600 s", cfg.Seconds)
	}
	if !(cfg.MinGood > 0) || cfg.MinGood > 1 {
		return nil, fmt.Errorf("features: share of good channels %v is not between 0 and 1", cfg.MinGood)
	}
	if len(cfg.Channels) == 0 {
		return nil, fmt.Errorf("features: no channels")
	}
	for _, f := range cfg.Features {
		if !f.Known() {
			return nil, fmt.Errorf("features: %q cannot be asked for", f)
		}
	}
	return newExtractor(cfg, int(math.Round(cfg.Seconds*cfg.Rate)))
}

func newExtractor(cfg Config, n int) (*Extractor, error) {
	if n < minSamples {
		return nil, fmt.Errorf("features: window of %d samples is shorter than %d", n, minSamples)
	}
	cfg.Channels = slices.Clone(cfg.Channels)
	welch, err := dsp.NewWelchConfig(dsp.WelchConfig{Segment: n, Rate: cfg.Rate, Trend: dsp.TrendNone})
	if err != nil {
		return nil, fmt.Errorf("features: %w", err)
	}
	e := &Extractor{
		cfg: cfg, n: n, welch: welch, df: cfg.Rate / float64(n),
		step:   stepSeconds * cfg.Rate,
		hold:   holdSamples(cfg.Rate),
		sorted: make([]float64, len(cfg.Channels)),
	}
	for range min(groupSize, len(cfg.Channels)) {
		e.group.psds, e.group.flats = append(e.group.psds, make([]float64, welch.Bins())), append(e.group.flats, make([]float64, n))
	}
	e.psd, e.flat = e.group.psds[0], e.group.flats[0]
	nyquist := cfg.Rate / 2
	for i := range e.bands {
		e.bands[i] = e.bins(bandEdges[i], bandEdges[i+1])
		if bandEdges[i+1] > nyquist {
			e.clipped = append(e.clipped, bandNames[i])
		}
	}
	e.entropy, e.wide, e.slow, e.mid = e.bins(1, 45), e.bins(0.5, 45), e.bins(0.5, 2), e.bins(4, 30)
	e.total = e.bins(0.5, math.Inf(1))
	for _, f := range cfg.Line {
		// The main lobe of a 2-s Hann window is ±1 Hz wide.
		s := e.bins(f-1, f+1+e.df/2)
		if f >= nyquist {
			s = span{}
		}
		if f+1 > nyquist {
			e.clipped = append(e.clipped, "line_"+strconv.FormatFloat(f, 'g', -1, 64)+"hz")
		}
		e.line = append(e.line, s)
	}
	e.asked = newAsker(cfg, n)
	e.frontal = frontalChannels(cfg.Channels, cfg.Frontal)
	e.blink = newBlinkFinder(cfg.Rate, n)
	return e, nil
}

// bins returns the bins with lo <= f < hi.
func (e *Extractor) bins(lo, hi float64) span {
	s := span{-1, 0}
	for i, f := range e.welch.Freqs() {
		if f >= lo && f < hi {
			if s.lo < 0 {
				s.lo = i
			}
			s.hi = i + 1
		}
	}
	if s.lo < 0 {
		return span{}
	}
	return s
}

// Samples returns the number of samples a channel of a window.
func (e *Extractor) Samples() int { return e.n }

// Compute fills dst with the features of x (channels × samples, µV), which has as many rows as the configuration has
// channels and Samples() columns. dst may be reused from window to window; its slices are then overwritten, and those
// of constants (names, reasons) are shared with the extractor. A wrong shape, NaN, an infinity or an amplitude beyond
// epoch.MaxAmplitude is a *decoders.Error that names the channel and sample.
func (e *Extractor) Compute(dst *Window, x *mat.Dense) error {
	rows, cols := x.Dims()
	if rows != len(e.cfg.Channels) || cols != e.n {
		return decoders.Errorf(decoders.CodePayloadMalformed,
			map[string]any{"channels_needed": len(e.cfg.Channels), "channels_got": rows, "samples_needed": e.n, "samples_got": cols},
			"window of %d × %d samples does not fit an extractor for %d × %d", rows, cols, len(e.cfg.Channels), e.n)
	}
	dst.Channels = resize(dst.Channels, rows)
	if e.asked != nil {
		e.asked.begin(&dst.asked, e.cfg.Channels, 1)
	}
	for first := 0; first < rows; first += groupSize {
		if err := e.channels(dst, x, first, min(groupSize, rows-first)); err != nil {
			return err
		}
	}
	e.combine(dst)
	return nil
}

// Compute fills dst with the features of a whole signal taken as one window. It makes an extractor for it; use New
// where there are many windows.
func Compute(dst *Window, sig decoders.Signal) error {
	n := sig.Samples()
	if n < minSamples {
		return tooShort(sig, minSamples)
	}
	e, err := newExtractor(Config{Rate: sig.Rate, Channels: names(sig), Line: []float64{50, 60}, MinGood: 0.5}, n)
	if err != nil {
		return decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"sample_rate": sig.Rate}, "%v", err)
	}
	return e.Compute(dst, sig.Data)
}

func tooShort(sig decoders.Signal, need int) error {
	return decoders.Errorf(decoders.CodePayloadTooShort,
		map[string]any{"samples_needed": need, "samples_got": sig.Samples(), "channels": len(sig.Channels), "sample_rate": sig.Rate},
		"%d samples a channel are too few: at least %d are needed", sig.Samples(), need)
}

// channels computes the numbers of some rows, at most groupSize.
func (e *Extractor) channels(dst *Window, x *mat.Dense, first, some int) error {
	g := &e.group
	g.eyes, g.waves = g.eyes[:0], g.waves[:0]
	for k := range some {
		var err error
		if g.lo[k], g.hi[k], err = extremes(x.RawRowView(first+k), e.cfg.Channels[first+k]); err != nil {
			return err
		}
		dsp.Detrend(g.flats[k], x.RawRowView(first+k))
		if e.frontal[first+k] {
			g.eyes, g.waves = append(g.eyes, k), append(g.waves, g.flats[k])
		}
	}
	e.welch.PSDs(g.psds[:some], g.flats[:some])
	g.blinks = [groupSize]float64{}
	for j, score := range e.blink.scores(g.waves) {
		g.blinks[g.eyes[j]] = score
	}
	for k := range some {
		e.psd, e.flat = g.psds[k], g.flats[k]
		e.channel(dst, first+k, x.RawRowView(first+k), k)
	}
	return nil
}

// channel computes the numbers of row i, the k-th of the group.
func (e *Extractor) channel(dst *Window, i int, x []float64, k int) {
	c := &dst.Channels[i]
	*c = Channel{Name: e.cfg.Channels[i]}
	c.BandPower = e.bandPower()
	c.SpectralEntropy = e.spectralEntropy()

	swing := swingOf(e.flat, e.step)
	c.SD = math.Sqrt(swing.sumSq / float64(e.n))
	c.PeakToPeak = swing.hi - swing.lo

	wide := e.power(e.wide)
	total := e.power(e.total)
	if total > 0 {
		for _, s := range e.line {
			c.LineShare = max(c.LineShare, e.power(s)/total)
		}
	}
	s := &c.Scores
	if wide > 0 {
		s.MotionLike = ramp(e.power(e.slow)/wide, 0.7, 0.95) * ramp(c.PeakToPeak, 100, 300)
	}
	// Hum steps too, but it is not motion: what the line share already calls bad contact does not count twice.
	s.MotionLike = max(s.MotionLike, ramp(swing.step, 50, 150)*(1-ramp(c.LineShare, 0.3, 0.6)))
	if mid, high := e.power(e.mid), e.power(e.bands[4]); mid > 0 && high > 0 {
		s.EMGLike = ramp(math.Log10(high/mid), -0.5, 0.3)
	}
	s.BadContact = max(ramp(c.SD, 50, 150), ramp(c.LineShare, 0.3, 0.6))
	if c.SD < 0.5 || clippedShare(x, e.group.lo[k], e.group.hi[k], e.hold) > mostClipped {
		s.BadContact = 1
	}
	s.BlinkLike = e.group.blinks[k]
	c.SQI = (1 - s.BadContact) * (1 - max(0.7*s.MotionLike, 0.5*s.EMGLike, 0.4*s.BlinkLike))
	if a := e.asked; a != nil {
		if a.tapers != nil {
			a.tapers.psd(a.density, e.flat)
		}
		if e.kept != nil {
			copy(e.kept.psd[i], e.psd)
			copy(e.kept.density[i], a.density)
			e.kept.quality[i] = c.SQI
		} else {
			a.channel(&dst.asked, i, c)
		}
	}
}

// bandPower returns the power in the bands of the spectrum at hand.
func (e *Extractor) bandPower() BandPower {
	powers := [5]Number{}
	for b, s := range e.bands {
		if s.empty() {
			powers[b] = Unknown()
			continue
		}
		powers[b] = Number(e.power(s))
	}
	return bandsOf(powers)
}

func (e *Extractor) power(s span) float64 {
	return vector.Sum(e.psd[s.lo:s.hi]) * e.df
}

// spectralEntropy returns -Σ p log p / log K over the K bins of 1-45 Hz.
func (e *Extractor) spectralEntropy() Number {
	p := e.psd[e.entropy.lo:e.entropy.hi]
	if len(p) < 2 {
		return Unknown()
	}
	sum, sumLog := 0.0, 0.0
	for _, v := range p {
		if v > 0 {
			sum += v
			sumLog += v * math.Log(v)
		}
	}
	if sum <= 0 {
		return Unknown() // a flat line has no spectrum
	}
	// With p = v/sum: -Σ p log p = log sum - Σ v log v / sum.
	return Number(clip01((math.Log(sum) - sumLog/sum) / math.Log(float64(len(p)))))
}

// extremes returns the smallest and largest sample, and refuses what is not EEG.
func extremes(x []float64, name string) (lo, hi float64, err error) {
	lo, hi = vector.Extremes(x)
	if lo >= -epoch.MaxAmplitude && hi <= epoch.MaxAmplitude {
		return lo, hi, nil
	}
	i := slices.IndexFunc(x, func(v float64) bool { return !(v >= -epoch.MaxAmplitude && v <= epoch.MaxAmplitude) }) // NaN too
	return 0, 0, invalidSample(name, i, x[i])
}

// swing holds what the amplitude rules need of a detrended channel.
type swing struct{ lo, hi, sumSq, step float64 }

// swingOf returns the extremes of x, the sum of its squares and its largest change within the given time in samples, which
// need not be a whole number of them.
func swingOf(x []float64, over float64) swing {
	s := swing{sumSq: vector.Dot(x, x)}
	s.lo, s.hi = vector.Extremes(x)
	// The largest change between samples, then what lies between the samples around it.
	whole := max(1, int(math.Round(over)))
	up, down, upAt, downAt := 0.0, 0.0, 0, 0
	late := x[whole:]
	for i, v := range x[:len(late)] {
		d := late[i] - v
		if d > up {
			up, upAt = d, i
		}
		if d < down {
			down, downAt = d, i
		}
	}
	for _, at := range [2]int{upAt, downAt} {
		middle := float64(at) + float64(whole)/2
		for k := -4; k <= 4; k++ {
			from := middle - over/2 + float64(k)/4
			s.step = max(s.step, math.Abs(between(x, from+over)-between(x, from)))
		}
	}
	return s
}

// between returns the value of x at a place between two samples by cubic convolution (R. G. Keys, IEEE Trans. Acoust. Speech
// Signal Process. 29 (1981) 1153-1160), so that a change within a time is the same at every sampling rate.
func between(x []float64, at float64) float64 {
	last := len(x) - 1
	at = min(max(at, 0), float64(last))
	i := int(at)
	t := at - float64(i)
	if t == 0 {
		return x[i]
	}
	a, b, c, d := x[max(i-1, 0)], x[i], x[i+1], x[min(i+2, last)]
	return b + t/2*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
}

func invalidSample(name string, i int, v float64) error {
	what := "is beyond any amplifier's range; are the samples in µV?"
	if v-v != 0 {
		what = "is not a finite number"
	}
	return decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"channel": name, "sample": i, "value": fmt.Sprint(v)},
		"channel %s, sample %d: %v %s", name, i, v, what)
}

// combine fills the parts of the window that speak of all channels.
func (e *Extractor) combine(w *Window) {
	n := float64(len(w.Channels))
	w.Clipped = e.clipped
	w.Artifacts.PerChannel.Names = e.cfg.Channels
	w.Artifacts.PerChannel.Values = resize(w.Artifacts.PerChannel.Values, len(w.Channels))
	w.Quality.PerChannel.Names = e.cfg.Channels
	w.Quality.PerChannel.Values = resize(w.Quality.PerChannel.Values, len(w.Channels))

	var power [5]float64
	entropy, known := 0.0, 0
	quality, usable, good := 0.0, 0.0, 0
	for i := range w.Channels {
		c := &w.Channels[i]
		b := &c.BandPower
		for j, v := range [5]Number{b.Delta, b.Theta, b.Alpha, b.Beta, b.Gamma} {
			power[j] += float64(v) / n
		}
		if c.SpectralEntropy.Known() {
			entropy += float64(c.SpectralEntropy)
			known++
		}
		quality += c.SQI / n
		if c.SQI >= GoodSQI {
			usable += c.SQI / n
			good++
		}
		w.Artifacts.PerChannel.Values[i] = c.Scores
		w.Quality.PerChannel.Values[i] = c.SQI
	}
	w.Features.BandPower = bandsOf(power)
	w.Features.Ratios = Ratios{AlphaBeta: ratio(power[2], power[3]), ThetaBeta: ratio(power[1], power[3])}
	w.Features.SpectralEntropy = Unknown()
	if known > 0 {
		w.Features.SpectralEntropy = Number(entropy / float64(known))
	}

	quarter := (len(w.Channels) + 3) / 4
	frontal := 0
	for _, f := range e.frontal {
		if f {
			frontal++
		}
	}
	a := eeg.ArtifactScores{
		MotionLike: e.worst(w.Channels, quarter, func(s *eeg.ArtifactScores) float64 { return s.MotionLike }),
		EMGLike:    e.worst(w.Channels, quarter, func(s *eeg.ArtifactScores) float64 { return s.EMGLike }),
		BadContact: e.worst(w.Channels, quarter, func(s *eeg.ArtifactScores) float64 { return s.BadContact }),
		BlinkLike:  e.worst(w.Channels, min(2, frontal), func(s *eeg.ArtifactScores) float64 { return s.BlinkLike }),
	}
	w.Artifacts.ArtifactScores = a
	w.Quality.Overall = quality
	w.Confidence.Overall = usable * (1 - 0.5*max(a.MotionLike, a.EMGLike, a.BlinkLike))

	w.Gate.Passed = float64(good) >= e.cfg.MinGood*n
	reasons := e.reasons[:0]
	if !w.Gate.Passed {
		reasons = append(reasons, "too_few_good_channels")
		for _, r := range [4]struct {
			name  string
			score float64
		}{{"bad_contact", a.BadContact}, {"motion", a.MotionLike}, {"emg", a.EMGLike}, {"blink", a.BlinkLike}} {
			if r.score >= 0.4 { // alone it would lower the SQI below GoodSQI, or help to
				reasons = append(reasons, r.name)
			}
		}
	}
	w.Gate.Reasons = append(w.Gate.Reasons[:0], reasons...)
	w.Features.AskedFeatures = eeg.AskedFeatures{}
	if e.asked != nil && e.kept == nil {
		e.asked.end(&w.Features.AskedFeatures, &w.asked)
	}
}

// worst returns the mean of the k largest scores.
func (e *Extractor) worst(channels []Channel, k int, score func(*eeg.ArtifactScores) float64) float64 {
	if k == 0 {
		return 0
	}
	for i := range channels {
		e.sorted[i] = score(&channels[i].Scores)
	}
	slices.Sort(e.sorted)
	sum := 0.0
	for _, v := range e.sorted[len(e.sorted)-k:] {
		sum += v
	}
	return sum / float64(k)
}

func ratio(num, den float64) Number {
	if math.IsNaN(num) || !(den >= 1e-3) {
		return Unknown()
	}
	return Number(num / den)
}

// ramp is r(x; a, b) = clip((x-a)/(b-a), 0, 1).
func ramp(x, a, b float64) float64 { return clip01((x - a) / (b - a)) }

func clip01(x float64) float64 { return min(max(x, 0), 1) }

// resize returns s with length n, reusing its memory.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// frontalChannels tells for each channel whether blinks are looked for on it.
func frontalChannels(channels, chosen []string) []bool {
	is := make([]bool, len(channels))
	found, known := false, false
	for i, c := range channels {
		u := strings.ToUpper(c)
		if chosen != nil {
			is[i] = slices.ContainsFunc(chosen, func(f string) bool { return strings.EqualFold(f, c) })
			continue
		}
		is[i] = strings.HasPrefix(u, "FP") || strings.HasPrefix(u, "AF")
		found = found || is[i]
		known = known || recording.IsElectrode(c)
	}
	if chosen != nil || found {
		if chosen == nil && muse(channels) {
			for i := range is {
				is[i] = true
			}
		}
		return is
	}
	for i, c := range channels {
		switch strings.ToUpper(c) {
		case "F7", "F3", "FZ", "F4", "F8":
			is[i] = true
		default:
			is[i] = !known
		}
	}
	return is
}

// muse reports whether the electrodes are those of a Muse headband, whose reference is Fpz.
func muse(channels []string) bool {
	known := 0
	for _, c := range channels {
		switch strings.ToUpper(c) {
		case "TP9", "AF7", "AF8", "TP10":
			known++
		default:
			if recording.IsElectrode(c) {
				return false
			}
		}
	}
	return known == 4
}
