package clock

import (
	"math"
	"time"
)

// Steps finds lost samples of a source that has no counter, by its time stamps: what is only late catches up again, what was lost never does.
//
// A sample that comes later than jitter explains is held back, with those behind it, until one of them is on time again (nothing was lost) or
// until Patience has passed (samples were lost: as many as fit between). A source that is on time is not delayed, and a stall that catches up within Patience is none. Losses shorter than the
// threshold, three times the jitter and at least one and a half samples and 4 ms, cannot be told from it.
type Steps struct {
	rate     float64
	expected float64 // s after start of the next sample
	start    time.Time
	begun    bool
	spread   float64 // s, of samples that were on time: the jitter
	held     []time.Time
	least    float64
}

const (
	// Patience is how long samples that are late may be held back.
	Patience = 400 * time.Millisecond
	// leastStep is the least time that is told from jitter, s.
	leastStep = 0.004
	// follow is the share of its lateness by which the expectation follows a sample: a crystal's drift is followed, a step is not.
	follow = 0.02
)

// NewSteps returns steps of a source of the given rate in Hz.
func NewSteps(rate float64) *Steps { return &Steps{rate: rate} }

// Add takes the stamp of the next sample. It returns how many samples are settled, the oldest first, and how many were lost right before them.
func (s *Steps) Add(stamp time.Time) (settled int, lost int64) {
	if !s.begun {
		s.begun, s.start = true, stamp
		s.expected = 1 / s.rate
		return 1, 0
	}
	at := stamp.Sub(s.start).Seconds()
	late := at - s.expected - float64(len(s.held))/s.rate
	threshold := max(3*s.spread, 1.5/s.rate, leastStep)
	if late < threshold {
		// On time: so were those that are held.
		settled = len(s.held) + 1
		s.held = s.held[:0]
		s.spread = max(0.999*s.spread, math.Abs(late)/2)
		s.advance(settled, late)
		return settled, 0
	}
	if len(s.held) == 0 {
		s.least = late
	}
	s.least = min(s.least, late)
	s.held = append(s.held, stamp)
	if stamp.Sub(s.held[0]) < Patience {
		return 0, 0
	}
	settled, lost = s.settle()
	return settled, lost
}

// Flush settles what is held: the source has nothing more.
func (s *Steps) Flush() (settled int, lost int64) {
	if len(s.held) == 0 {
		return 0, 0
	}
	return s.settle()
}

// settle takes what is held for samples behind a loss.
func (s *Steps) settle() (settled int, lost int64) {
	lost = int64(math.Round(s.least * s.rate))
	settled = len(s.held)
	s.held = s.held[:0]
	s.expected += float64(lost) / s.rate
	s.advance(settled, 0)
	return settled, lost
}

// advance expects the sample behind the next n, and follows the stamps a little: at once where one is early, since nothing comes before it was made.
func (s *Steps) advance(n int, late float64) {
	s.expected += float64(n) / s.rate
	if late < 0 {
		s.expected += late
	} else {
		s.expected += follow * late
	}
}
