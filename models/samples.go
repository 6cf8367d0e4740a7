package models

import "github.com/neurod/neurod/eeg"

// Room asks for memory for so many bytes, which are given back when the call is over. Errors: Unavailable.
type Room func(bytes int64) error

// SessionSamples is a segment of a session.
type SessionSamples struct {
	SessionID string
	Data      []byte // float32 little-endian, sample-major, µV
	Channels  []string
	Rate      float64      // Hz
	Events    []eeg.Event  // in order, onsets from the beginning of Data
	Place     SessionPlace // where Data lies, and what of the session comes before it
}
