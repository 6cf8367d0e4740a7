package main

import "testing"

// TestGarbageIsBounded: beside a small heap as much as requests need, beside a large one no more than it may cost, and the
// collector never runs all the time.
func TestGarbageIsBounded(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: gcPercent, 1 << 20: gcPercent, 10 << 20: gcPercent, 20 << 20: 200, 40 << 20: 100, 80 << 20: gcLeast, 1 << 30: gcLeast} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d MiB live: %d %%, want %d", live>>20, got, want)
		}
	}
}
