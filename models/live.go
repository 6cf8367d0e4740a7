package models

import (
	"fmt"
	"time"

	"github.com/neurod/neurod/eeg"
)

// LiveDecode says how a session is decoded as it runs: window k covers WindowMS from the origin + k · HopMS.
type LiveDecode struct {
	Paradigm eeg.Paradigm      `json:"paradigm"`
	Model    string            `json:"model,omitempty"`
	WindowMS int               `json:"window_ms"`
	HopMS    int               `json:"hop_ms"`
	Stimulus *eeg.Stimulus     `json:"stimulus,omitempty"`
	Intents  map[string]string `json:"intents,omitempty"`
	// Alignment is that of a decode request: auto (default), none, balance.
	Alignment string `json:"alignment,omitempty"`
	// Seizure is that of a decode request.
	Seizure *eeg.SeizureOptions `json:"seizure,omitempty"`
}

// SessionDecode is what was decoded from one window of a session. A session has each index at most once.
type SessionDecode struct {
	SessionID   string
	DecodeIndex int64 // position on the grid of decode windows; negative before the origin
	ProjectID   string
	Seq         int // as in FeatureWindow, from the same numbers
	StartMS     int64
	EndMS       int64
	Data        string // JSON object: the decode's output, or its error
	CreatedAt   time.Time
}

// ID returns the decode's public id.
func (d SessionDecode) ID() string { return fmt.Sprintf("dec_%s_%d", d.SessionID, d.DecodeIndex) }

// SessionSegment is a contiguous range of samples before the session's tail, a row of session_stretches.
type SessionSegment struct {
	SessionID   string
	StartSample int64
	EndSample   int64
}

// TableName implements gorm's naming.
func (SessionSegment) TableName() string { return "session_stretches" }

// SessionAlignment is around which mean the clips of a session lie that were decoded live so far, for the model that decodes
// them. It is written in the transaction that notes the batches as seen, so that whoever goes on with the session goes on from
// it.
type SessionAlignment struct {
	SessionID string
	ProjectID string
	Model     string // its id and checksum
	Clips     int    // counted in
	Mean      []byte // float64 little-endian, see motorimagery.Recentring; the odds of decode.Balance where that is what is moved
}
