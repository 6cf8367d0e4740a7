package synthetic

import (
	"math"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/head"
	"github.com/neurod/neurod/eeg"
)

// SeizureConfig describes a recording with one seizure.
type SeizureConfig struct {
	// Seconds of the recording. Defaults to 120.
	Seconds float64
	// Onset of the seizure, s. Defaults to 60.
	Onset float64
	// Duration of the seizure, s. Defaults to 20.
	Duration float64
	// AmplitudeUV is the peak of the slow wave at Fz, µV. Defaults to 200: with its spike a complex then has 380 µV from peak to peak, of
	// which 340 are usual (package seizure). At 150 it is a small one, which a model that was trained on people leaves open at 0.51; at 200
	// it says 0.83.
	AmplitudeUV float64
}

// Seizure makes a recording with generalized spike-and-wave: complexes whose rate slows from 3.3 to 2.7 per second,
// each a spike of 12 ms standard deviation and a slow wave over the rest of the cycle,
//
//	c(u) = 0.9·exp(-(u-0.15)²·T²/(2·0.012²)) - sin(π(u-0.25)/0.75)  [u > 0.25],  u the share of the cycle T
//
// largest at Fz and spread by 70°, so that every channel of a cap has it. The amplitude rises over the first and falls
// over the last second and varies by a tenth from complex to complex. Events are seizure_onset (code 1) and
// seizure_offset (code 0).
func Seizure(cfg Config, sz SeizureConfig) (Session, error) {
	def(&sz.Seconds, 120)
	def(&sz.Onset, 60)
	def(&sz.Duration, 20)
	def(&sz.AmplitudeUV, 200)
	if !(sz.Onset >= 0 && sz.Duration > 0 && sz.Onset+sz.Duration <= sz.Seconds) {
		return Session{}, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"onset": sz.Onset, "duration": sz.Duration, "seconds": sz.Seconds},
			"a seizure from %g s for %g s does not fit %g s", sz.Onset, sz.Duration, sz.Seconds)
	}
	g, err := newGenerator(cfg, sz.Seconds)
	if err != nil {
		return Session{}, err
	}
	g.alpha(g.cfg.AlphaUV)
	rng := g.cfg.rng("seizure")
	x := make([]float64, g.samples(sz.Duration))
	phase, size := 0.0, 1.0
	for i := range x {
		t := float64(i) / g.cfg.Rate
		rate := 3.3 - 0.6*t/sz.Duration // complexes a second
		u := phase - math.Floor(phase)
		spike := (u - 0.15) / rate / 0.012
		c := 0.9 * math.Exp(-spike*spike/2)
		if u > 0.25 {
			c -= math.Sin(math.Pi * (u - 0.25) / 0.75)
		}
		x[i] = c * size * min(rise(t), rise(sz.Duration-t))
		next := phase + rate/g.cfg.Rate
		if math.Floor(next) > math.Floor(phase) {
			size = 1 + 0.1*rng.NormFloat64()
		}
		phase = next
	}
	fz, _ := head.Place("Fz")
	start := g.samples(sz.Onset)
	g.addAt(fz, 70, sz.AmplitudeUV, start, x)
	s := g.session()
	s.Events = []eeg.Event{
		{Onset: float64(start) / g.cfg.Rate, Code: 1, Label: "seizure_onset"},
		{Onset: float64(start+len(x)) / g.cfg.Rate, Code: 0, Label: "seizure_offset"},
	}
	return s, nil
}
