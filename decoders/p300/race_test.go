//go:build race

package p300_test

// slow tells that the race detector makes matrix code some ten times slower.
const slow = true
