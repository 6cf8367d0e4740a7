//go:build !race

package riemann_test

const raceEnabled = false
