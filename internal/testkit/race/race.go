// Package race tells tests whether they run under the race detector, which makes numeric code some ten times slower,
// SQLite many times slower, changes what memory is held, and has sync.Pool drop entries at random.
//
// A test that is about numbers alone leaves its long form to the run without the detector, which the test command makes
// of every package that reads recordings.
package race
