package synthetic

import (
	"math"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cvep"
	"github.com/neurod/neurod/decoders/internal/head"
	"github.com/neurod/neurod/eeg"
)

// CodeConfig describes a c-VEP session.
type CodeConfig struct {
	// Codes on the screen. Required.
	Codes *eeg.CodeBook
	// Looks are the targets that are looked at, in this order, by their index. Defaults to each of them once, in order.
	Looks []int
	// TrialSeconds defaults to 4.2: two cycles of 63 modulated bits at 60 Hz.
	TrialSeconds float64
	// PauseSeconds between trials. Defaults to 1.5.
	PauseSeconds float64
	// AmplitudeUV of the response to a flash of one bit at Oz, µV. Defaults to 10.
	AmplitudeUV float64
}

// CodeModulated makes trials of looking at targets that flash in codes of their own: each run of d bright bits evokes
//
//	x(t) = AmplitudeUV·(1 + 0.4·(d - 1))·sin(2π·11 Hz·(t - 0.06 s))·e^(-(t - 0.06 s)/0.05 s),  t ≥ 0.06 s after it begins,
//
// at Oz, spread by 30°, over an open-eyes alpha rhythm. An event's code is the target's index + 1, its label the target's.
// Stimulus.Codes is set. Errors are those of cvep.Expand, and invalid_stimulus.
func CodeModulated(cfg Config, c CodeConfig) (Session, error) {
	if c.Codes == nil {
		return Session{}, decoders.Errorf(decoders.CodeInvalidStimulus, nil, "a c-VEP session needs codes")
	}
	book, err := cvep.Expand(c.Codes)
	if err != nil {
		return Session{}, err
	}
	def(&c.TrialSeconds, 4.2)
	def(&c.PauseSeconds, 1.5)
	def(&c.AmplitudeUV, 10)
	looks := append([]int(nil), c.Looks...)
	if looks == nil {
		for i := range book.Codes {
			looks = append(looks, i)
		}
	}
	if c.TrialSeconds <= 0 || c.PauseSeconds < 0 || len(looks) > 1e6 {
		return Session{}, decoders.Errorf(decoders.CodeInvalidStimulus, nil, "%d trials of %g s cannot be made", len(looks), c.TrialSeconds)
	}
	period := c.TrialSeconds + c.PauseSeconds
	g, err := newGenerator(cfg, c.PauseSeconds+period*float64(len(looks)))
	if err != nil {
		return Session{}, err
	}
	g.alpha(g.cfg.AlphaUV)
	s := g.session()
	s.Stimulus.Codes = c.Codes
	oz, _ := head.Place("Oz")
	x := make([]float64, g.samples(c.TrialSeconds))
	for i, target := range looks {
		if target < 0 || target >= len(book.Codes) {
			return Session{}, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"trial": i, "target": target}, "trial %d looks at target %d of %d", i, target, len(book.Codes))
		}
		start := g.samples(c.PauseSeconds + period*float64(i))
		g.flashing(x, book, target)
		g.addAt(oz, 30, c.AmplitudeUV, start, x)
		event := eeg.Event{Onset: float64(start) / g.cfg.Rate, Code: target + 1, Label: book.Labels[target]}
		s.Events, s.Labels = append(s.Events, event), append(s.Labels, event.Label)
	}
	return s, nil
}

// flashing fills x with the response to a code from its beginning on, that to a flash of one bit of amplitude 1.
func (g *generator) flashing(x []float64, book *cvep.Book, target int) {
	clear(x)
	code := book.Codes[target]
	n := len(code)
	for b := 0; float64(b)/book.Rate*g.cfg.Rate < float64(len(x)); b++ {
		if !code[b%n] || b > 0 && code[(b-1)%n] {
			continue
		}
		run := 1
		for run < n && code[(b+run)%n] {
			run++
		}
		size := 1 + 0.4*float64(run-1)
		begin := float64(b)/book.Rate + 0.06
		for i := int(math.Ceil(begin * g.cfg.Rate)); i < min(len(x), int((begin+0.4)*g.cfg.Rate)); i++ {
			t := float64(i)/g.cfg.Rate - begin
			x[i] += size * math.Sin(2*math.Pi*11*t) * math.Exp(-t/0.05)
		}
	}
}
