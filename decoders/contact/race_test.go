//go:build race

package contact_test

// slow tells that the race detector makes matrix code some ten times slower.
const slow = true
