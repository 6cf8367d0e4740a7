package classify_test

import (
	"math"
	"testing"

	"github.com/neurod/neurod/decoders/classify"
)

// TestRisingKeepsTheRanking: a Platt that falls with the score, or does not move, is replaced by one that says nothing but the
// order of the scores.
func TestRisingKeepsTheRanking(t *testing.T) {
	t.Parallel()
	scores := []float64{-3, -1, 0, 2, 5}
	good := classify.Platt{A: -2, B: 0.5}
	if got := good.Rising(scores, 1); got != good {
		t.Errorf("a rising one became %v", got)
	}
	for _, bad := range []classify.Platt{{A: 0.3, B: 2}, {B: -1}} {
		got := bad.Rising(scores, math.Log(5)) // five others to a target
		last := 0.0
		for _, s := range scores {
			p := got.Probability(s)
			if !(p > last) || math.Abs(p-1./6) > 1e-3 {
				t.Errorf("%v: probability %v of score %v after %v", bad, p, s, last)
			}
			last = p
		}
	}
	if got := (classify.Platt{A: 1}).Rising([]float64{2, 2}, 0); got != (classify.Platt{}) {
		t.Errorf("equal scores give %v", got)
	}
}
