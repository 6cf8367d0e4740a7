package models

import (
	"encoding/json"
	"time"
)

// UploadChunk is a piece of an uploaded file as it came in.
type UploadChunk struct {
	SessionID string // of the session that the file becomes
	Seq       int    // from 0
	ProjectID string
	Data      []byte
	CreatedAt time.Time
}

// SessionImport says how an uploaded file is read into its session, and how far that is.
type SessionImport struct {
	SessionID       string
	ProjectID       string
	JobID           string
	Format          string
	Plan            string // JSON, for the worker
	SkippedChannels string // JSON array of SkippedChannel
	TotalBytes      int64
	DoneBytes       int64
	DoneRounds      int // rounds of the job that are written: where a successor goes on
	CreatedAt       time.Time
}

// SkippedChannel is a channel of a file that the session leaves out, and why.
type SkippedChannel struct {
	Channel string `json:"channel"`
	Reason  string `json:"reason"`
}

// Skipped returns the channels that were left out.
func (i SessionImport) Skipped() []SkippedChannel {
	var out []SkippedChannel
	_ = json.Unmarshal([]byte(i.SkippedChannels), &out) // our own writing
	return out
}

// Share returns how much of the file is read, 0..1.
func (i SessionImport) Share() float64 {
	if i.TotalBytes <= 0 {
		return 0
	}
	return min(1, float64(i.DoneBytes)/float64(i.TotalBytes))
}

// EventSource says where an event of a session comes from.
type EventSource string

// The sources.
const (
	EventFromFile EventSource = "file" // an annotation, marker or trigger of the file
	EventFromAPI  EventSource = "api"  // added by the caller
)

// SessionMark is something that happened during a session: a cue, a stimulus, a note.
type SessionMark struct {
	SessionID  string
	Seq        int // its number in the order in which they were added, from 1
	ProjectID  string
	AtMS       float64 // Unix ms
	DurationMS float64 // 0 for a moment
	Code       int     // 0 for none
	Label      string  // "" for none
	Channel    string  // that it is about; "" for all
	Target     *bool   // whether the flash that it is was attended (P300); nil where that is not known
	Source     EventSource
	Revision   int  // of the session's events when it was changed last, 0 for never
	Deleted    bool // its number is kept, and nothing of what it said
	CreatedAt  time.Time
}

// TableName tells the store the table.
func (SessionMark) TableName() string { return "session_events" }

// Type is what an event is called where events have types: its label, or "marker" where it has none.
func (m SessionMark) Type() string {
	if m.Label == "" {
		return "marker"
	}
	return m.Label
}
