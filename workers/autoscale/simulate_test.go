package autoscale

import (
	"math/rand/v2"
	"testing"
	"time"
)

// byHand is a load of jobs of a second each, so many a second for a minute.
func byHand(rate float64) Arrivals {
	return Arrivals{Name: "by hand", Length: time.Minute, Rate: func(time.Duration) float64 { return rate }, Service: func(*rand.Rand) time.Duration { return time.Second }}
}

// fixed is a rule that never changes its mind.
type fixed int

func (f fixed) Workers(Input) int  { return int(f) }
func (fixed) Every() time.Duration { return time.Second }

// TestSimulation: a machine with too few workers has a queue that grows as theory says, one with enough has none, no job is lost, and a seed gives the same again.
func TestSimulation(t *testing.T) {
	t.Parallel()
	few := SimulationConfig{Load: byHand(10), Rule: fixed(5), Workers: 5, Seed: 1}
	a := Simulate(few)
	if b := Simulate(few); a != b {
		t.Errorf("%+v and %+v from one seed", a, b)
	}
	// 600 jobs come in 60 s and take 120 s: the last waits about as long as the load was.
	if a.Jobs < 500 || a.Jobs > 700 || a.P99 < 40*time.Second || a.P99 > 80*time.Second {
		t.Errorf("five workers: %+v", a)
	}
	if b := Simulate(SimulationConfig{Load: byHand(10), Rule: fixed(40), Workers: 40, Seed: 1}); b.P99 != 0 || b.Jobs != a.Jobs || b.WorkerSeconds < 40*60 {
		t.Errorf("forty workers: %+v", b)
	}
}

// TestLawAgainstPending holds what docs/22-scale.md says of the two rules, on every load and for several sizes: the law never has jobs cut off, starts nothing
// that it has just let go at a steady load, and interactive jobs wait no longer than with the rule as Kubernetes follows it.
func TestLawAgainstPending(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 8} {
		for _, load := range TypicalLoads(workers, 4) {
			base := SimulationConfig{Load: load, Slots: 4, BulkSlots: 3, Workers: 1, Seed: 7}
			law, keda := base, base
			law.Rule = &ByLaw{Law: Law{Min: 1, Max: workers, Slots: 4, BulkSlots: 3}}
			keda.Rule, keda.Grace = &ByPending{Target: 5, Min: 1, Max: workers, Pause: 15 * time.Second, Stable: 5 * time.Minute}, 30*time.Second
			a, b := Simulate(law), Simulate(keda)
			t.Logf("%s, up to %d workers\nlaw  %+v\nKEDA %+v", load.Name, workers, a, b)
			if a.Jobs != b.Jobs || a.CutOff != 0 || a.Most > workers {
				t.Errorf("%s, up to %d workers: %+v of %d jobs", load.Name, workers, a, b.Jobs)
			}
			if load.Name == "steady" && a.Flaps > 0 {
				t.Errorf("%d flaps at a steady load", a.Flaps)
			}
			if a.P99 > b.P99+100*time.Millisecond {
				t.Errorf("%s, up to %d workers: interactive jobs wait for %v, and for %v with the other rule", load.Name, workers, a.P99, b.P99)
			}
		}
	}
}
