package openbci

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestStallsAreNoRounds: whatever comes late, by up to four fifths of a cycle and then at once, is not taken for samples that were lost, and what was lost is counted to the
// sample, whole rounds of the counter with it.
func TestStallsAreNoRounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := wrapping{rate: 250, cycle: 256}
		if rapid.Bool().Draw(t, "Daisy") {
			w = wrapping{rate: 125, cycle: 128}
		}
		ppm := rapid.Float64Range(-200, 200).Draw(t, "drift, ppm")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		made := int64(0)
		held := time.Time{} // until when nothing arrives
		for range rapid.IntRange(2, 8).Draw(t, "stretches") {
			stall := time.Duration(rapid.Float64Range(0, 0.8).Draw(t, "stall") * float64(w.cycle) / w.rate * float64(time.Second))
			lost := rapid.Int64Range(0, 3*w.cycle).Draw(t, "lost")
			for i := range rapid.IntRange(int(w.cycle), 4*int(w.cycle)).Draw(t, "samples") {
				missing := int64(0)
				if i == 0 && made > 0 {
					missing = lost
				}
				made += missing + 1
				at := begin.Add(time.Duration(float64(made) / w.rate * (1 + ppm*1e-6) * float64(time.Second))).Add(time.Duration(random.IntN(20)) * time.Millisecond)
				if i == int(w.cycle)/2 {
					held = at.Add(stall)
				}
				if at.Before(held) {
					at = held
				}
				if got := w.add(missing%w.cycle, 1, at); got != missing {
					t.Fatalf("%d samples are missing before sample %d: %d were counted", missing, made, got)
				}
			}
		}
	})
}
