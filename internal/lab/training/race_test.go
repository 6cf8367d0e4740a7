//go:build race

package training_test

// slow tells that the race detector makes matrix code some ten times slower.
const slow = true
