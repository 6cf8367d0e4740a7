//go:build race

package results_test

// underRace says that the race detector slows everything some ten times.
const underRace = true
