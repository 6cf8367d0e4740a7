//go:build race

package evaluation

// underRace says that the race detector slows everything some ten times.
const underRace = true
