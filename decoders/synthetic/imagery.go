package synthetic

import (
	"math"
	"math/rand/v2"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/head"
	"github.com/neurod/neurod/eeg"
)

// ImageryConfig describes a session of imagined movement.
type ImageryConfig struct {
	// Classes to cue: "left", "right", "hands", "feet", "rest". Defaults to left and right.
	Classes []string
	// TrialsPerClass defaults to 20. The order is shuffled.
	TrialsPerClass int
	// CueSeconds is how long a trial lasts from its cue. Defaults to 4.
	CueSeconds float64
	// PauseSeconds is the rest between trials. Defaults to 2.
	PauseSeconds float64
	// MuUV is the root mean square of the resting mu rhythm over the hand areas, µV; beta has 0.4 of it. Defaults
	// to 6.
	MuUV float64
	// Depth is the share of its amplitude that a rhythm loses while its area is used (desynchronization), up to 1.
	// Defaults to 0.6.
	Depth float64
	// NoImagery makes Depth 0: a person whose trials cannot be told apart. Defaults to false.
	NoImagery bool
}

// imageryCodes are the cue codes of the GDF event table; "hands" and "rest" have no code of their own there.
var imageryCodes = map[string]int{"left": 769, "right": 770, "feet": 771, "hands": 773, "rest": 783}

// area is a part of the motor cortex and how each class changes its rhythms: the share of Depth that it loses, negative
// where it gains (the surround synchronizes, Pfurtscheller and Lopes da Silva 1999).
type area struct {
	electrode string
	mu, beta  float64 // Hz
	loses     map[string]float64
}

var areas = []area{
	{"C3", 10.5, 21, map[string]float64{"right": 1, "left": 0.15, "hands": 1, "feet": -0.3}},
	{"C4", 10.5, 21, map[string]float64{"left": 1, "right": 0.15, "hands": 1, "feet": -0.3}},
	{"Cz", 11.5, 22, map[string]float64{"feet": 1, "hands": -0.2, "left": -0.1, "right": -0.1}},
}

// MotorImagery makes cued trials of imagined movement. Over each area a of the motor cortex
//
//	x_a(t) = MuUV·(1 - Depth·l_a(class)·e(t))·(mu_a(t) + 0.4·beta_a(t))
//
// where e(t) rises from 0.3 to 0.7 s after the cue and falls in the 0.4 s before the trial's end, and l is 1 for the
// area on the other side than the hand. Each trial's depth varies by a tenth. Events are the cues with the codes of
// the GDF event table and the class as label; Labels are the classes in order.
func MotorImagery(cfg Config, im ImageryConfig) (Session, error) {
	if len(im.Classes) == 0 {
		im.Classes = []string{"left", "right"}
	}
	for _, c := range im.Classes {
		if imageryCodes[c] == 0 {
			return Session{}, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"class": c}, "imagery of %q is not known", c)
		}
	}
	def(&im.CueSeconds, 4)
	def(&im.PauseSeconds, 2)
	def(&im.MuUV, 6)
	if im.Depth <= 0 {
		im.Depth = 0.6
	}
	if im.NoImagery {
		im.Depth = 0
	}
	if im.TrialsPerClass == 0 {
		im.TrialsPerClass = 20
	}
	if im.TrialsPerClass < 0 || im.TrialsPerClass > 1e5 || !(im.Depth <= 1) || im.CueSeconds < 1 {
		return Session{}, decoders.Errorf(decoders.CodeInvalidStimulus, nil, "imagery of %d trials of %g s and depth %g cannot be made", im.TrialsPerClass, im.CueSeconds, im.Depth)
	}
	trials := len(im.Classes) * im.TrialsPerClass
	period := im.CueSeconds + im.PauseSeconds
	g, err := newGenerator(cfg, im.PauseSeconds+period*float64(trials))
	if err != nil {
		return Session{}, err
	}
	g.alpha(g.cfg.AlphaUV)
	order := make([]string, 0, trials)
	for range im.TrialsPerClass {
		order = append(order, im.Classes...)
	}
	rng := g.cfg.rng("imagery")
	rng.Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })

	s := g.session()
	s.Labels = order
	cues := make([]float64, trials)
	for i, class := range order {
		cues[i] = float64(g.samples(im.PauseSeconds+period*float64(i))) / g.cfg.Rate
		s.Events = append(s.Events, eeg.Event{Onset: cues[i], Code: imageryCodes[class], Label: class})
	}
	for _, a := range areas {
		p, _ := head.Place(a.electrode)
		x := g.rhythm(rng, a.mu, 0.8)
		axpy(x, 0.4, g.rhythm(rng, a.beta, 1.5))
		g.desynchronize(rng, x, a, order, cues, im)
		g.add(p, 18, im.MuUV, x)
	}
	return s, nil
}

// desynchronize scales a rhythm by 1 - Depth·l·e(t) during each trial.
func (g *generator) desynchronize(rng *rand.Rand, x []float64, a area, order []string, cues []float64, im ImageryConfig) {
	for i, class := range order {
		depth := im.Depth * a.loses[class] * (1 + 0.1*rng.NormFloat64())
		depth = min(depth, 1)
		first := g.samples(cues[i])
		for k := range g.samples(im.CueSeconds) {
			if first+k >= len(x) {
				break
			}
			t := float64(k) / g.cfg.Rate
			x[first+k] *= 1 - depth*min(rise((t-0.3)/0.4), rise((im.CueSeconds-t)/0.4))
		}
	}
}

// rise goes smoothly from 0 at 0 to 1 at 1.
func rise(u float64) float64 {
	u = min(1, max(0, u))
	return (1 - math.Cos(math.Pi*u)) / 2
}

// def sets a number that is 0 to its default.
func def(v *float64, value float64) {
	if *v == 0 {
		*v = value
	}
}
