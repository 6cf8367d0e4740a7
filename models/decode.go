package models

import "github.com/neurod/neurod/eeg"

// AcceptedDecode is a decode request as it is stored for the worker.
type AcceptedDecode struct {
	eeg.Request
	// Place is nil where the recording came with the request.
	Place *SessionPlace `json:"place,omitempty"`
}

// SessionPlace is where the samples of a decode lie in their session, and what there was before them when the request was
// accepted: an attempt that comes later finds the same.
type SessionPlace struct {
	Start   int64   `json:"start"`          // the first sample
	Batches int     `json:"batches"`        // batches with a lower number had been accepted
	Cues    []int64 `json:"cues,omitempty"` // samples of the latest events before Start, in order; at most MaxPlaceCues
}

// MaxPlaceCues is how many events before its samples a decode looks at.
const MaxPlaceCues = 50
