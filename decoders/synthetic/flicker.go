package synthetic

import (
	"math"
	"strconv"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/head"
	"github.com/neurod/neurod/eeg"
)

// FlickerConfig describes an SSVEP session.
type FlickerConfig struct {
	// Targets on the screen. Defaults to 8, 10, 12 and 15 Hz.
	Targets []eeg.Target
	// TrialsPerTarget defaults to 6. The order is shuffled.
	TrialsPerTarget int
	// RestTrials are trials of looking elsewhere. Defaults to 0.
	RestTrials int
	// TrialSeconds defaults to 4.
	TrialSeconds float64
	// PauseSeconds between trials. Defaults to 1.5.
	PauseSeconds float64
	// AmplitudeUV is the amplitude of the first harmonic at Oz, µV. Defaults to 4.
	AmplitudeUV float64
	// Harmonics defaults to 3; harmonic h has the amplitude AmplitudeUV/h.
	Harmonics int
}

// flickerLatency is the delay of the response behind the stimulus, s (Chen et al. 2015).
const flickerLatency = 0.14

// RestLabel is the label of an event where nothing was looked at.
const RestLabel = "rest"

// SSVEP makes trials of looking at flickering targets:
//
//	x(t) = Σ_h AmplitudeUV/h · sin(2π·h·f·(t - 0.14 s) + h·φ),  t ≥ 0.14 s after the onset
//
// at Oz, spread by 30°, over an open-eyes alpha rhythm. Harmonics beyond 0.45 of the rate are left out. An event's code is the
// target's index + 1, 0 for rest; its label is the target's label, or else its frequency. Stimulus.Targets is set.
//
//nolint:gocyclo // one guard for each option
func SSVEP(cfg Config, fl FlickerConfig) (Session, error) {
	if len(fl.Targets) == 0 {
		for _, f := range []float64{8, 10, 12, 15} {
			fl.Targets = append(fl.Targets, eeg.Target{Frequency: f})
		}
	}
	fl.Targets = append([]eeg.Target(nil), fl.Targets...)
	for i := range fl.Targets {
		t := &fl.Targets[i]
		if !positive(t.Frequency) || math.IsNaN(t.Phase) || math.IsInf(t.Phase, 0) {
			return Session{}, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"target": i}, "target %d flickers at %g Hz", i, t.Frequency)
		}
		if t.Label == "" {
			t.Label = strconv.FormatFloat(t.Frequency, 'g', -1, 64) + " Hz"
		}
	}
	def(&fl.TrialSeconds, 4)
	def(&fl.PauseSeconds, 1.5)
	def(&fl.AmplitudeUV, 4)
	if fl.TrialsPerTarget == 0 {
		fl.TrialsPerTarget = 6
	}
	if fl.Harmonics == 0 {
		fl.Harmonics = 3
	}
	trials := len(fl.Targets)*fl.TrialsPerTarget + fl.RestTrials
	if fl.TrialsPerTarget < 0 || fl.RestTrials < 0 || trials > 1e6 || fl.TrialSeconds <= 0 || fl.PauseSeconds < 0 || fl.Harmonics < 0 {
		return Session{}, decoders.Errorf(decoders.CodeInvalidStimulus, nil, "%d trials of %g s cannot be made", trials, fl.TrialSeconds)
	}
	period := fl.TrialSeconds + fl.PauseSeconds
	g, err := newGenerator(cfg, fl.PauseSeconds+period*float64(trials))
	if err != nil {
		return Session{}, err
	}
	g.alpha(g.cfg.AlphaUV)
	order := make([]int, 0, trials) // index of the target, -1 for rest
	for range fl.TrialsPerTarget {
		for i := range fl.Targets {
			order = append(order, i)
		}
	}
	for range fl.RestTrials {
		order = append(order, -1)
	}
	g.cfg.rng("flicker").Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
	s := g.session()
	s.Stimulus.Targets = fl.Targets
	oz, _ := head.Place("Oz")
	x := make([]float64, g.samples(fl.TrialSeconds))
	for i, target := range order {
		start := g.samples(fl.PauseSeconds + period*float64(i))
		event := eeg.Event{Onset: float64(start) / g.cfg.Rate, Code: target + 1, Label: RestLabel}
		if target >= 0 {
			event.Label = fl.Targets[target].Label
			g.flicker(x, fl.Targets[target], fl.Harmonics)
			g.addAt(oz, 30, fl.AmplitudeUV, start, x)
		}
		s.Events = append(s.Events, event)
		s.Labels = append(s.Labels, event.Label)
	}
	return s, nil
}

// flicker fills x with the response to a target from its onset on, first harmonic of amplitude 1.
func (g *generator) flicker(x []float64, target eeg.Target, harmonics int) {
	for i := range x {
		x[i] = 0
		t := float64(i)/g.cfg.Rate - flickerLatency
		if t < 0 {
			continue
		}
		for h := 1; h <= harmonics; h++ {
			f := float64(h) * target.Frequency
			if f > 0.45*g.cfg.Rate {
				break
			}
			x[i] += math.Sin(2*math.Pi*f*t+float64(h)*target.Phase) / float64(h)
		}
	}
}
