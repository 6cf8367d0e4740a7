//go:build race

package main

// slow tells that the race detector makes code some ten times slower.
const slow = true
