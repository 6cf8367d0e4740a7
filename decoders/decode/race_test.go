//go:build race

package decode_test

// slow tells that the race detector makes numeric code some ten times slower.
const slow = true
