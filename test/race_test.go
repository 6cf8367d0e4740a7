//go:build race

package test

// raceDetector says whether the tests run under the race detector.
const raceDetector = true
