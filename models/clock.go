package models

import (
	"encoding/json"
	"time"
)

// SourceClock is what the time of a session's source was found to do, by whoever reads the device: package devices/clock measures it. Times are in
// milliseconds, drifts in parts per million.
type SourceClock struct {
	Driver string `json:"driver,omitempty"`
	// Stamps says what the time of samples is taken from: arrival, device or exact. Counter tells that the device numbers its samples.
	Stamps  string `json:"stamps,omitempty"`
	Counter bool   `json:"counter"`

	NominalHz      float64  `json:"nominal_hz"`
	RateHz         *float64 `json:"rate_hz"` // by the host's clock; null before 10 s have been seen
	DriftPPM       *float64 `json:"drift_ppm"`
	DriftWithinPPM *float64 `json:"drift_within_ppm"`
	JitterMS       float64  `json:"jitter_ms"`
	JitterMaxMS    float64  `json:"jitter_max_ms"`
	OffsetMS       float64  `json:"offset_ms"` // of the newest sample from where the nominal rate puts it
	WithinMS       float64  `json:"within_ms"`
	Jumps          int      `json:"jumps"`
	HostSteps      int      `json:"host_steps"`
	Samples        int64    `json:"samples"` // that were made
	Lost           int64    `json:"lost"`    // of them, those that never came
	// Device is the device's own clock, where it has one that is compared with the host's.
	Device *SourceOffset `json:"device,omitempty"`
	// Missing are the samples that the session has not, by cause.
	Missing        map[string]int64 `json:"missing,omitempty"`
	DroppedMarkers int              `json:"dropped_markers,omitempty"`
}

// SourceOffset is how the clock of a device stands to the host's.
type SourceOffset struct {
	OffsetMS float64 `json:"offset_ms"` // what is added to the device's time
	WithinMS float64 `json:"within_ms"`
}

// SessionClock is the last report of the clock of a session's source.
type SessionClock struct {
	SessionID string
	ProjectID string
	Report    string // a SourceClock as JSON
	UpdatedAt time.Time
}

// Clock returns the report.
func (c SessionClock) Clock() (SourceClock, error) {
	var out SourceClock
	err := json.Unmarshal([]byte(c.Report), &out)
	return out, err
}
