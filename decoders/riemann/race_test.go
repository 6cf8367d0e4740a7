//go:build race

package riemann_test

// raceEnabled: the race detector makes sync.Pool drop entries at random.
const raceEnabled = true
