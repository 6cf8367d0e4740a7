// Package race tells tests whether they run under the race detector, which makes numeric code some ten times slower,
// SQLite many times slower, changes what memory is held, and has sync.Pool drop entries at random.
//
// A test that is about numbers alone leaves its long form to the run without the detector, which the test command makes
// of every package that reads recordings.
package race

import "testing"

// LeaveOut has a test run without the race detector alone: the test command makes a pass of those tests of package test that call it.
func LeaveOut(t testing.TB, why string) {
	t.Helper()
	if Enabled {
		t.Skip("in the pass without the race detector: " + why)
	}
}
