package features

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// alphaPeakLo and alphaPeakHi are where an adult's alpha peak is looked for, in Hz (A. W. Corcoran et al., Psychophysiology 55 (2018) e13064).
const alphaPeakLo, alphaPeakHi = 7.0, 13.0

// The band in which a spectrum is taken apart, in Hz: above the slow drifts that a window of 2 s cannot tell, below the power line.
const (
	fitLo       = 2.0
	fitHi       = 40.0
	fitLeast    = 20.0 // less of it says nothing of 1/f
	fitLeastN   = 16   // bins
	usableShare = 0.9  // of the band up to Nyquist; amplifiers cut the rest off
)

// asker computes the features that were asked for. It owns its workspace.
type asker struct {
	power, relative, aperiodic, peak bool

	tapers   *sineTapers // nil where nothing of it was asked for, or the rate is too low
	params   *parametrizer
	density  []float64 // of the channel, µV²/Hz
	spectrum []float64 // its log10
	good     []float64 // sum of the log spectra of good channels
	all      []float64
	goodN    int
	allN     int
	least    float64    // height of a peak that is none by chance
	shares   [5]float64 // sums over the channels whose shares are known
	shareN   [5]int
}

// answers is where a window keeps what its Asked points to.
type answers struct {
	channels []askedOf
	whole    askedOf
	by       eeg.ByChannel[eeg.ChannelFeatures]
}

type askedOf struct {
	relative  BandPower
	aperiodic eeg.Aperiodic
	peak      eeg.AlphaPeak
}

// newAsker returns nil where nothing is asked for.
func newAsker(cfg Config, n int) *asker {
	if len(cfg.Features) == 0 {
		return nil
	}
	has := func(f eeg.Feature) bool { return slices.Contains(cfg.Features, f) }
	a := &asker{power: has(eeg.FeatureBandPower), relative: has(eeg.FeatureRelativePower), aperiodic: has(eeg.FeatureAperiodic), peak: has(eeg.FeatureAlphaPeak)}
	hi := min(fitHi, usableShare*cfg.Rate/2)
	if !a.aperiodic && !a.peak || hi < fitLeast {
		return a
	}
	t := newSineTapers(n, cfg.Rate, fitLo, hi)
	freqs := t.freqs()
	if len(freqs) < fitLeastN {
		return a
	}
	a.tapers, a.params = t, newParametrizer(freqs)
	for _, s := range []*[]float64{&a.density, &a.spectrum, &a.good, &a.all} {
		*s = make([]float64, len(freqs))
	}
	return a
}

// begin starts a window of these channels, or the mean of several.
func (a *asker) begin(to *answers, channels []string, windows int) {
	a.least = byChance(windows)
	to.channels = resize(to.channels, len(channels))
	to.by.Names, to.by.Values = channels, resize(to.by.Values, len(channels))
	a.goodN, a.allN = 0, 0
	clear(a.good)
	clear(a.all)
	a.shares, a.shareN = [5]float64{}, [5]int{}
}

// channel computes what was asked for of a channel with these band powers, and the density at hand.
func (a *asker) channel(to *answers, i int, c *Channel) {
	of, v := &to.channels[i], &to.by.Values[i]
	*v = eeg.ChannelFeatures{}
	if a.power {
		v.BandPower = &c.BandPower
	}
	if a.relative {
		of.relative = relative(c.BandPower)
		v.RelativePower = &of.relative
		for b, share := range values(of.relative) {
			if share.Known() {
				a.shares[b] += float64(share)
				a.shareN[b]++
			}
		}
	}
	if a.aperiodic || a.peak {
		a.takeApart(of, a.spectrum, a.log(c.SQI >= GoodSQI))
		a.point(&v.Aperiodic, &v.AlphaPeak, of)
	}
}

// log takes the log of the channel's density, and adds it to those of the window; false where there is none.
func (a *asker) log(good bool) bool {
	if a.tapers == nil {
		return false
	}
	for i, v := range a.density {
		if !(v > 0) {
			return false // a flat line has no spectrum
		}
		a.spectrum[i] = math.Log10(v)
	}
	a.allN++
	for i, v := range a.spectrum {
		a.all[i] += v
	}
	if good {
		a.goodN++
		for i, v := range a.spectrum {
			a.good[i] += v
		}
	}
	return true
}

func (a *asker) point(aperiodic **eeg.Aperiodic, peak **eeg.AlphaPeak, of *askedOf) {
	if a.aperiodic {
		*aperiodic = &of.aperiodic
	}
	if a.peak {
		*peak = &of.peak
	}
}

// takeApart fits a log spectrum.
func (a *asker) takeApart(of *askedOf, spectrum []float64, known bool) {
	of.aperiodic, of.peak = eeg.Aperiodic{Exponent: Unknown(), Offset: Unknown()}, eeg.AlphaPeak{}
	if !known {
		return
	}
	p, ok := a.params.of(spectrum, a.least)
	if !ok {
		return
	}
	of.aperiodic = eeg.Aperiodic{Exponent: Number(p.exponent), Offset: Number(p.offset)}
	for _, g := range p.peaks {
		if g.center < alphaPeakLo || g.center > alphaPeakHi {
			continue
		}
		height := 0.0
		for _, o := range p.peaks {
			height += o.at(g.center)
		}
		if !of.peak.Found || height > of.peak.Power {
			of.peak = eeg.AlphaPeak{Found: true, Frequency: g.center, Power: height, Width: 2 * g.sd}
		}
	}
}

// end fills in what was asked for of the window as a whole.
func (a *asker) end(w *eeg.AskedFeatures, to *answers) {
	*w = eeg.AskedFeatures{PerChannel: &to.by}
	if a.relative {
		r := [5]Number{}
		for b, n := range a.shareN {
			r[b] = Unknown()
			if n > 0 {
				r[b] = Number(a.shares[b] / float64(n))
			}
		}
		to.whole.relative = bandsOf(r)
		w.RelativePower = &to.whole.relative
	}
	if a.aperiodic || a.peak {
		sum, n := a.good, a.goodN
		if n == 0 {
			sum, n = a.all, a.allN
		}
		for i, v := range sum {
			a.spectrum[i] = v / float64(n)
		}
		a.takeApart(&to.whole, a.spectrum, n > 0)
		a.point(&w.Aperiodic, &w.AlphaPeak, &to.whole)
	}
}

func bandsOf[T ~float64](v [5]T) BandPower {
	return BandPower{Delta: Number(v[0]), Theta: Number(v[1]), Alpha: Number(v[2]), Beta: Number(v[3]), Gamma: Number(v[4])}
}

func values(b BandPower) [5]Number { return [5]Number{b.Delta, b.Theta, b.Alpha, b.Beta, b.Gamma} }

// relative returns the shares of the bands in what they hold together; unknown where that is below 1e-3 µV².
func relative(b BandPower) BandPower {
	v := values(b)
	total := 0.0
	for _, p := range v {
		if p.Known() {
			total += float64(p)
		}
	}
	for i, p := range v {
		v[i] = Unknown()
		if p.Known() {
			v[i] = ratio(float64(p), total)
		}
	}
	return bandsOf(v)
}

// Describe computes the features that were asked for of a clip, all where none is named: of the mean spectra of its 2-s windows that
// passed the gate, of all where none did. It refuses what [Summarize] refuses.
func Describe(sig decoders.Signal, asked []eeg.Feature) (*eeg.ClipFeatures, error) {
	if len(asked) == 0 {
		asked = eeg.Features
	}
	if sig.Samples() < minSamples {
		return nil, tooShort(sig, minSamples)
	}
	cfg := Config{Rate: sig.Rate, Channels: names(sig), Seconds: min(2, sig.Seconds()), Features: asked}
	e, err := New(cfg)
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"sample_rate": sig.Rate}, "%v", err)
	}
	all, passed := newSpectra(e), newSpectra(e)
	e.kept = newSpectra(e)
	var w Window
	err = eachWindow(e, sig.Data, func(part *mat.Dense) error {
		if err := e.Compute(&w, part); err != nil {
			return err
		}
		all.add(e.kept)
		if w.Gate.Passed {
			passed.add(e.kept)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	mean := passed
	if mean.n == 0 {
		mean = all
	}
	return e.ofMean(mean), nil
}

// spectra are those of all channels, summed over n windows.
type spectra struct {
	n       int
	psd     [][]float64
	density [][]float64
	quality []float64
}

func newSpectra(e *Extractor) *spectra {
	s := &spectra{quality: make([]float64, len(e.cfg.Channels))}
	for range e.cfg.Channels {
		s.psd = append(s.psd, make([]float64, len(e.psd)))
		s.density = append(s.density, make([]float64, len(e.asked.density)))
	}
	return s
}

func (s *spectra) add(o *spectra) {
	s.n++
	for i := range s.psd {
		s.quality[i] += o.quality[i]
		for k, v := range o.psd[i] {
			s.psd[i][k] += v
		}
		for k, v := range o.density[i] {
			s.density[i][k] += v
		}
	}
}

// ofMean computes the features of summed spectra.
func (e *Extractor) ofMean(s *spectra) *eeg.ClipFeatures {
	out := &eeg.ClipFeatures{Windows: s.n}
	a, k := e.asked, 1/float64(s.n)
	channels := make([]Channel, len(e.cfg.Channels))
	to := &answers{}
	a.begin(to, e.cfg.Channels, s.n)
	var power [5]float64
	for i := range channels {
		for j, v := range s.psd[i] {
			e.psd[j] = v * k
		}
		for j, v := range s.density[i] {
			a.density[j] = v * k
		}
		channels[i] = Channel{BandPower: e.bandPower(), SQI: s.quality[i] * k}
		for b, v := range values(channels[i].BandPower) {
			power[b] += float64(v) / float64(len(channels))
		}
		a.channel(to, i, &channels[i])
	}
	out.BandPower = bandsOf(power)
	a.end(&out.AskedFeatures, to)
	return out
}
