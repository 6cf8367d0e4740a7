package synthetic

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/head"
)

// ArtifactKind names an artifact.
type ArtifactKind string

// The artifacts that Inject makes. Flat, Clipping, Rail, Disconnected and Noise replace the signal, the others add to it.
const (
	// Blink is a positive deflection of 0.3 s over the forehead, a cosine bell, one every Period.
	Blink ArtifactKind = "blink"
	// Muscle is noise of 20 Hz and more in bursts, over the temples.
	Muscle ArtifactKind = "muscle"
	// Motion is a step that decays with 0.5 s, in all channels with differing signs and sizes.
	Motion ArtifactKind = "motion"
	// Mains is hum of 50 or 60 Hz with a third harmonic of a fifth.
	Mains ArtifactKind = "mains"
	// Flat is an electrode that has come off: a constant.
	Flat ArtifactKind = "flat"
	// Clipping is an amplifier at its limit: values beyond Share quantile are held there.
	Clipping ArtifactKind = "clipping"
	// Rail is an amplifier that stays at its limit: a constant of PeakUV, by default 187,500 µV as of a Cyton.
	Rail ArtifactKind = "rail"
	// Disconnected is an electrode that hangs in the air: hum of 50 or 60 Hz, by default of 50 µV, over 1 µV of noise.
	Disconnected ArtifactKind = "disconnected"
	// Noise is white noise of the signal's own standard deviation in its place, or of PeakUV.
	Noise ArtifactKind = "noise"
)

// Artifact says what to inject.
type Artifact struct {
	Kind ArtifactKind
	// Start and Seconds say when. Seconds defaults to the rest of the signal.
	Start, Seconds float64
	// SNR is the artifact's root mean square over its duration against the signal's there, in the channel where
	// it is strongest, dB. Defaults to 0, as strong as the signal.
	SNR float64
	// PeakUV, where positive, is the artifact's largest absolute value instead, µV.
	PeakUV float64
	// Channels that are hit. Defaults to where the artifact belongs: everywhere, weighted by its place; the first
	// channel for those that replace the signal.
	Channels []string
	// Frequency of Mains and Disconnected, Hz. Defaults to 50.
	Frequency float64
	// Period between blinks, s. Defaults to 3.
	Period float64
	// Share of samples that Clipping holds at the limits. Defaults to 0.1.
	Share float64
	// Seed of the artifact's randomness. Defaults to 0.
	Seed uint64
}

// Inject returns a copy of a signal with an artifact in it: y_c = x_c + k·g_c·a, where a is the artifact, g_c its
// spread over the head (1 where strongest) and k makes SNR or PeakUV true. Channels that are not electrodes get
// nothing unless they are named.
func Inject(sig decoders.Signal, a Artifact) (decoders.Signal, error) {
	n := sig.Samples()
	if n == 0 || !positive(sig.Rate) || len(sig.Channels) != sig.Data.RawMatrix().Rows {
		return decoders.Signal{}, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the signal is empty or its channels are not named")
	}
	start := int(math.Round(a.Start * sig.Rate))
	length := n - start
	if a.Seconds > 0 {
		length = int(math.Round(a.Seconds * sig.Rate))
	}
	if !(a.Start >= 0) || start >= n || length < 1 || start+length > n || math.IsNaN(a.SNR) || math.IsInf(a.SNR, 0) || a.PeakUV < 0 {
		return decoders.Signal{}, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"start": a.Start, "seconds": a.Seconds, "signal_seconds": sig.Seconds()},
			"an artifact from %g s for %g s does not fit %g s", a.Start, a.Seconds, sig.Seconds())
	}
	out := decoders.Signal{Data: mat.DenseCopyOf(sig.Data), Channels: append([]string(nil), sig.Channels...), Rate: sig.Rate}
	weights, err := a.weights(sig.Channels)
	if err != nil {
		return decoders.Signal{}, err
	}
	def(&a.Share, 0.1)
	switch a.Kind {
	case Flat, Clipping, Rail, Disconnected, Noise:
		for c, w := range weights {
			if w != 0 {
				a.replace(out.Data.RawRowView(c)[start:start+length], sig.Rate, c)
			}
		}
		return out, nil
	}
	x, err := a.wave(sig.Rate, length)
	if err != nil {
		return decoders.Signal{}, err
	}
	a.scale(x, sig, weights, start)
	for c, w := range weights {
		axpy(out.Data.RawRowView(c)[start:start+length], w, x)
	}
	return out, nil
}

// replaces reports whether an artifact takes the signal's place.
func (k ArtifactKind) replaces() bool {
	return k == Flat || k == Clipping || k == Rail || k == Disconnected || k == Noise
}

// replace puts the artifact in the place of a channel.
func (a Artifact) replace(x []float64, rate float64, channel int) {
	rng := Config{Seed: a.Seed + uint64(channel)<<32}.rng(string(a.Kind))
	peak := a.PeakUV
	switch a.Kind {
	case Flat:
		clear(x)
	case Clipping:
		clip(x, a.Share)
	case Rail:
		def(&peak, 187_500)
		for i := range x {
			x[i] = peak
		}
	case Disconnected:
		def(&peak, 50)
		def(&a.Frequency, 50)
		phase := 2 * math.Pi * rng.Float64()
		for i := range x {
			x[i] = peak*math.Sin(2*math.Pi*a.Frequency*float64(i)/rate+phase) + rng.NormFloat64()
		}
	case Noise:
		if peak == 0 {
			peak = deviation(x)
		}
		for i := range x {
			x[i] = peak * rng.NormFloat64()
		}
	}
}

// origin is where an artifact is strongest and how wide it spreads; width 0 means everywhere alike.
func (a Artifact) origin() ([]head.Point, float64) {
	fp1, _ := head.Place("Fp1")
	fp2, _ := head.Place("Fp2")
	t7, _ := head.Place("T7")
	t8, _ := head.Place("T8")
	switch a.Kind {
	case Blink:
		return []head.Point{fp1, fp2}, 35
	case Muscle:
		return []head.Point{t7, t8}, 40
	}
	return nil, 0
}

// weights returns the spread over the channels, 1 where strongest.
func (a Artifact) weights(channels []string) ([]float64, error) {
	w := make([]float64, len(channels))
	if len(a.Channels) > 0 {
		for _, name := range a.Channels {
			found := false
			for c := range channels {
				if channels[c] == name {
					w[c], found = 1, true
				}
			}
			if !found {
				return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channels_missing": []string{name}, "channels_available": channels},
					"the signal has no channel %s", name)
			}
		}
		return w, nil
	}
	if a.Kind.replaces() {
		w[0] = 1
		return w, nil
	}
	rng := Config{Seed: a.Seed}.rng("weights")
	sources, width := a.origin()
	strongest := 0.0
	for c, name := range channels {
		p, ok := head.Place(name)
		switch {
		case a.Kind == Motion: // each electrode is pulled its own way
			w[c] = rng.Float64()*2 - 1
		case a.Kind == Mains:
			w[c] = 0.5 + 0.5*rng.Float64()
		case ok:
			for _, q := range sources {
				w[c] = max(w[c], head.Gain(q, p, width))
			}
		}
		strongest = max(strongest, math.Abs(w[c]))
	}
	if strongest == 0 {
		return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channels_available": channels},
			"no channel is a 10-10 electrode where %s could show", a.Kind)
	}
	for c := range w {
		w[c] /= strongest
	}
	return w, nil
}

// wave returns the artifact itself, of any scale.
func (a Artifact) wave(rate float64, n int) ([]float64, error) {
	x := make([]float64, n)
	switch a.Kind {
	case Blink:
		def(&a.Period, 3)
		if a.Period < 0.4 {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"period": a.Period}, "blinks of 0.3 s every %g s overlap", a.Period)
		}
		for i := range x {
			t := math.Mod(float64(i)/rate, a.Period)
			if t < 0.3 {
				x[i] = rise(t/0.15) * rise((0.3-t)/0.15)
			}
		}
	case Muscle:
		g := &generator{cfg: Config{Rate: rate}, n: n}
		rng := Config{Seed: a.Seed}.rng("muscle")
		x = g.shaped(rng, func(f float64) float64 { return rise((f - 15) / 10) })
		bursts := g.shaped(rng, func(f float64) float64 { return math.Exp(-f * f / 2) }) // slower than 1 Hz or so
		for i := range x {
			x[i] *= 1 + 0.3*math.Tanh(bursts[i])
		}
	case Motion:
		for i := range x {
			x[i] = math.Exp(-float64(i) / rate / 0.5)
		}
	case Mains:
		def(&a.Frequency, 50)
		if !(a.Frequency > 0 && a.Frequency < rate/2) {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"frequency": a.Frequency, "sample_rate": rate},
				"hum of %g Hz does not fit a rate of %g Hz", a.Frequency, rate)
		}
		phase := 2 * math.Pi * Config{Seed: a.Seed}.rng("mains").Float64()
		for i := range x {
			t := 2 * math.Pi * a.Frequency * float64(i) / rate
			x[i] = math.Sin(t + phase)
			if 3*a.Frequency < rate/2 {
				x[i] += 0.2 * math.Sin(3*t+phase)
			}
		}
	default:
		return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"kind": string(a.Kind)}, "the artifact %q is not known", a.Kind)
	}
	return x, nil
}

// scale makes the peak or the SNR true in the channel where the artifact is strongest.
func (a Artifact) scale(x []float64, sig decoders.Signal, weights []float64, start int) {
	strongest, peak, sum := 0, 0.0, 0.0
	for c, w := range weights {
		if math.Abs(w) > math.Abs(weights[strongest]) {
			strongest = c
		}
	}
	for _, v := range x {
		peak = max(peak, math.Abs(v))
		sum += v * v
	}
	if peak == 0 {
		return
	}
	k := a.PeakUV / peak
	if a.PeakUV == 0 {
		part := sig.Data.RawRowView(strongest)[start : start+len(x)]
		k = deviation(part) * math.Pow(10, a.SNR/20) / math.Sqrt(sum/float64(len(x)))
	}
	for i := range x {
		x[i] *= k
	}
}

// deviation is the standard deviation: the offset of an electrode is not signal.
func deviation(x []float64) float64 {
	var mean, sum float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)))
}

// clip holds the given share of values, those farthest from the mean, at the limits.
func clip(x []float64, share float64) {
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	limit := quantile(x, mean, 1-min(1, max(0, share)))
	for i, v := range x {
		x[i] = min(max(v, mean-limit), mean+limit)
	}
}

// quantile returns the distance from the mean that the given share of values does not exceed.
func quantile(x []float64, mean, share float64) float64 {
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = math.Abs(v - mean)
	}
	slices.Sort(d)
	return d[min(len(d)-1, int(share*float64(len(d))))]
}
