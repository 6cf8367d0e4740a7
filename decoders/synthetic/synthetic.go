// Package synthetic makes seeded EEG whose truth is known, for tests, for the demonstration without recordings and
// for anyone without a headset.
//
// A channel is the sum of
//
//	background  pink noise (power 1/f) of many sources spread over the head and mixed by distance, so that
//	            neighbors correlate as volume conduction makes them, plus a little white noise of the electrode
//	rhythms     band-limited noise around a frequency, which waxes and wanes as real rhythms do, spread from its
//	            place on the head by a Gaussian of the angle
//	responses   event-related potentials, flicker responses, spike-and-wave
//	artifacts   see Inject
//
// Invariants: the same arguments give the same samples to the last bit; different seeds give independent noise;
// lengths, rates and amplitudes are those asked for. Signals are in µV, channels × samples, times in s.
//
// It is not a model of a brain: a decoder that works here may fail on people. It exists so that what must be found is
// known exactly.
//
// Sources of the numbers: 1/f background, He 2014; mu and beta desynchronization, Pfurtscheller and Lopes da Silva
// 1999; P300 speller, Farwell and Donchin 1988, Krusienski et al. 2008; flicker responses with harmonics, Herrmann
// 2001; 3 Hz spike-and-wave, Niedermeyer.
package synthetic

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/head"
	"github.com/neurod/neurod/eeg"
)

// Config is what all generators share.
type Config struct {
	// Channels are 10-20 or 10-10 electrodes. Defaults to the 19 electrodes of the 10-20 system.
	Channels []string
	// Rate in Hz. Defaults to 250.
	Rate float64
	// Seed of all randomness. Defaults to 0, which is a seed like any other.
	Seed uint64
	// BackgroundUV is the standard deviation of the background in every channel, µV. Defaults to 10.
	BackgroundUV float64
	// AlphaUV is the root mean square of the posterior alpha rhythm at O1 and O2 with eyes open, µV. Defaults to 2.
	AlphaUV float64
}

// TenTwenty are the 19 electrodes of the 10-20 system, front to back and left to right (Jasper 1958).
func TenTwenty() []string {
	return []string{"Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8", "P7", "P3", "Pz", "P4", "P8", "O1", "O2"}
}

// Session is a generated recording with its truth.
type Session struct {
	decoders.Signal
	Events  []eeg.Event
	Targets []bool   // one an event, where the paradigm has targets; else nil
	Labels  []string // the true class of each trial, or the letters spelled
	// Stimulus is what a decoder is told about the screen.
	Stimulus decoders.Stimulus
}

// Input returns the session as a decode request.
func (s Session) Input() *decoders.Input {
	return &decoders.Input{Signal: s.Signal, Events: s.Events, Stimulus: s.Stimulus}
}

// mostSamples bounds a session: a day of 64 channels at 256 Hz would be 1.4 billion.
const mostSamples = 1 << 28

// generator is a signal under construction.
type generator struct {
	cfg    Config
	places []head.Point
	data   *mat.Dense
	n      int
}

// with fills in the defaults.
func (c Config) with() Config {
	if len(c.Channels) == 0 {
		c.Channels = TenTwenty()
	}
	if c.Rate == 0 {
		c.Rate = 250
	}
	if c.BackgroundUV == 0 {
		c.BackgroundUV = 10
	}
	if c.AlphaUV == 0 {
		c.AlphaUV = 2
	}
	return c
}

// newGenerator makes the background of a session of the given length.
func newGenerator(cfg Config, seconds float64) (*generator, error) {
	cfg = cfg.with()
	if !(cfg.Rate >= 20 && cfg.Rate <= 1e5) { // below 20 Hz there is no alpha to make
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"sample_rate": cfg.Rate}, "the rate %g Hz is not within 20 Hz and 100 kHz", cfg.Rate)
	}
	if !positive(cfg.BackgroundUV) || !positive(cfg.AlphaUV) {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "amplitudes must be positive numbers, got background %g and alpha %g µV", cfg.BackgroundUV, cfg.AlphaUV)
	}
	n := math.Round(seconds * cfg.Rate)
	if !(n >= 1) || n*float64(len(cfg.Channels)) > mostSamples {
		return nil, decoders.Errorf(decoders.CodePayloadTooShort, map[string]any{"seconds": seconds, "channels": len(cfg.Channels)},
			"%g s of %d channels at %g Hz are none or more than %d samples", seconds, len(cfg.Channels), cfg.Rate, mostSamples)
	}
	at, err := places(cfg.Channels)
	if err != nil {
		return nil, err
	}
	g := &generator{cfg: cfg, places: at, n: int(n), data: mat.NewDense(len(cfg.Channels), int(n), nil)}
	g.background()
	return g, nil
}

func positive(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

// rng returns the random numbers of one part of a session. Each part has a stream of its own, so that changing one
// does not change another.
func (c Config) rng(part string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(part))
	return rand.New(rand.NewPCG(c.Seed, h.Sum64()))
}

const backgroundSources = 48 // enough that no source stands out in 64 channels

// background fills the channels: x_c = B·(√0.9·Σ_s g(c,s)·pink_s/‖g(c,·)‖ + √0.1·white_c), with B = BackgroundUV and
// the gain g of 30° width from sources spread over the upper head.
func (g *generator) background() {
	rng := g.cfg.rng("background")
	sources := make([]head.Point, backgroundSources)
	for s := range sources {
		// Evenly over the cap down to 100° from the top: cos of the angle is uniform.
		z := 1 - rng.Float64()*(1-math.Cos(100*head.Degree))
		sources[s] = head.Polar(math.Acos(z), 2*math.Pi*rng.Float64())
	}
	gains := make([][]float64, len(g.places))
	for c, p := range g.places {
		gains[c] = make([]float64, len(sources))
		sum := 1e-12
		for s, q := range sources {
			gains[c][s] = head.Gain(q, p, 30)
			sum += gains[c][s] * gains[c][s]
		}
		for s := range sources {
			gains[c][s] *= g.cfg.BackgroundUV * math.Sqrt(0.9/sum)
		}
	}
	for s := range sources {
		x := g.shaped(rng, func(f float64) float64 { return 1 / math.Sqrt(max(f, 0.5)) }) // flat below 0.5 Hz, as amplifiers are
		for c := range g.places {
			axpy(g.data.RawRowView(c), gains[c][s], x)
		}
	}
	for c := range g.places {
		row := g.data.RawRowView(c)
		for i := range row {
			row[i] += g.cfg.BackgroundUV * math.Sqrt(0.1) * rng.NormFloat64()
		}
	}
}

// shaped returns noise of variance 1 whose amplitude spectrum follows shape(f), f in Hz.
func (g *generator) shaped(rng *rand.Rand, shape func(f float64) float64) []float64 {
	n := 2
	for n < g.n {
		n *= 2
	}
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	fft := fourier.NewFFT(n)
	c := fft.Coefficients(nil, x)
	for i := range c {
		c[i] *= complex(shape(float64(i)*g.cfg.Rate/float64(n)), 0)
	}
	c[0] = 0
	x = fft.Sequence(x, c)[:g.n]
	var sum float64
	for _, v := range x {
		sum += v * v
	}
	if sum > 0 {
		scale := 1 / math.Sqrt(sum/float64(len(x)))
		for i := range x {
			x[i] *= scale
		}
	}
	return x
}

// rhythm returns noise of variance 1 around f0 with a Gaussian spectrum of the given bandwidth (SD), Hz. A bandwidth
// of 0.8 Hz waxes and wanes about once a second.
func (g *generator) rhythm(rng *rand.Rand, f0, bandwidth float64) []float64 {
	return g.shaped(rng, func(f float64) float64 {
		d := (f - f0) / bandwidth
		return math.Exp(-d * d / 4) // amplitude: the power has the SD
	})
}

// add adds a source at p with the given amplitude at its place to all channels.
func (g *generator) add(p head.Point, width, amplitude float64, x []float64) {
	for c, q := range g.places {
		axpy(g.data.RawRowView(c), amplitude*head.Gain(p, q, width), x)
	}
}

// addAt adds a short source that starts at sample start.
func (g *generator) addAt(p head.Point, width, amplitude float64, start int, x []float64) {
	for c, q := range g.places {
		addShort(g.data.RawRowView(c), amplitude*head.Gain(p, q, width), start, x)
	}
}

func addShort(dst []float64, a float64, start int, x []float64) {
	if start >= 0 && start < len(dst) {
		n := min(len(x), len(dst)-start)
		axpy(dst[start:start+n], a, x[:n])
	}
}

func axpy(dst []float64, a float64, x []float64) { floats.AddScaled(dst, a, x) }

// alpha adds the posterior rhythm of 10 Hz with the given root mean square at O1 and O2.
func (g *generator) alpha(uv float64) {
	rng := g.cfg.rng("alpha")
	common := g.rhythm(rng, 10, 0.7)
	for _, name := range []string{"O1", "O2"} {
		p, _ := head.Place(name)
		x := g.rhythm(rng, 10, 0.7)
		axpyScale(x, 0.6, common, 0.8) // both sides share most of it: 0.6² + 0.8² = 1
		g.add(p, 35, uv, x)
	}
}

// axpyScale sets x to a·x + b·y.
func axpyScale(x []float64, a float64, y []float64, b float64) {
	for i := range x {
		x[i] = a*x[i] + b*y[i]
	}
}

func (g *generator) session() Session {
	return Session{Signal: decoders.Signal{Data: g.data, Channels: append([]string(nil), g.cfg.Channels...), Rate: g.cfg.Rate}}
}

func (g *generator) samples(seconds float64) int { return int(math.Round(seconds * g.cfg.Rate)) }

// EyesClosedAlphaUV is the root mean square of alpha at O1 and O2 with eyes closed, µV, at the default AlphaUV: five
// times that of open eyes, 25 times its power.
const EyesClosedAlphaUV = 10

// Rest makes a recording at rest. With eyes closed the alpha rhythm has five times AlphaUV.
func Rest(cfg Config, seconds float64, eyesClosed bool) (Session, error) {
	g, err := newGenerator(cfg, seconds)
	if err != nil {
		return Session{}, err
	}
	alpha := g.cfg.AlphaUV
	if eyesClosed {
		alpha *= 5
	}
	g.alpha(alpha)
	return g.session(), nil
}

// places returns where all channels sit.
func places(channels []string) ([]head.Point, error) {
	out := make([]head.Point, len(channels))
	for i, name := range channels {
		p, ok := head.Place(name)
		if !ok {
			return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channel": name},
				"%q is not an electrode of the 10-10 system", name)
		}
		out[i] = p
	}
	return out, nil
}
