package models

import (
	"encoding/json"

	"github.com/neurod/neurod/eeg"
)

// TrainingSession names a session whose labelled trials are learned.
type TrainingSession struct {
	SessionID string `json:"session_id"`
	StartMS   *int64 `json:"start_ms,omitempty"` // events from here on, Unix ms; left out: from the first
	EndMS     *int64 `json:"end_ms,omitempty"`   // and before here; left out: to the last
	// Letters are what was spelled (P300): they tell which flashes were targets, in the place of classes.
	Letters string `json:"letters,omitempty"`
}

// Speller says what the flashes of a speller lit up, as the stimulus of a decode does.
type Speller struct {
	Matrix  [][]string          `json:"matrix"`
	Flashes map[string][]string `json:"flashes,omitempty"` // left out: columns, then rows
}

// TrialWindow is the segment of signal around an event that is a trial, in s from the event.
type TrialWindow struct {
	FromS float64 `json:"from_s"` // at most 0
	ToS   float64 `json:"to_s"`   // above 0
}

// LabelledTrials says which events of which sessions are trials of which class.
type LabelledTrials struct {
	Sessions []TrainingSession `json:"sessions"`
	// Classes maps an event, by its label or its code, to a class. Several may mean one class. Of P300 none need be given: then letters tell
	// which flashes were targets, or the events themselves.
	Classes map[string]string `json:"classes,omitempty"`
	// Stimulus is what the letters of Sessions were spelled with.
	Stimulus *Speller     `json:"stimulus,omitempty"`
	Window   *TrialWindow `json:"window,omitempty"`
	// RejectLowQuality leaves out trials that hold no usable EEG. Defaults to true.
	RejectLowQuality *bool `json:"reject_low_quality,omitempty"`
}

// TrainRequest asks for a model.
type TrainRequest struct {
	Name     string       `json:"name"`
	Paradigm eeg.Paradigm `json:"paradigm"`
	Pipeline string       `json:"pipeline,omitempty"` // left out: the paradigm's usual one
	// Base is what the training starts from: "none", "builtin" for the people whom the built-in models know, or a model by its name or
	// name@version. Defaults to "none".
	Base string `json:"base,omitempty"`
	LabelledTrials
	// Channels by name. Defaults to those of the first session.
	Channels []string        `json:"channels,omitempty"`
	Options  json.RawMessage `json:"options,omitempty"` // of the pipeline
	// Summary and IntendedUse are on the model's card.
	Summary     string `json:"summary,omitempty"`
	IntendedUse string `json:"intended_use,omitempty"`
}

// CalibrateRequest asks for a new version of a model that has learned further trials.
type CalibrateRequest struct {
	Name    string `json:"name"`              // is in the path
	Version string `json:"version,omitempty"` // that goes on; left out: the one that is active when the job runs
	LabelledTrials
}
