package models

import (
	"encoding/json"
	"errors"
	"math"
)

// DecodeRequest is the body of POST /api/v1/neuro/decode. Once accepted it is stored without Input.Data,
// whose decoded bytes become the job's payload.
type DecodeRequest struct {
	Input   DecodeInput    `json:"input" validate:"required"`
	Context *DecodeContext `json:"context,omitempty"`
	Output  *DecodeOutput  `json:"output,omitempty"`
}

// AcceptedDecode is a decode request as it is stored for the worker.
type AcceptedDecode struct {
	DecodeRequest
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

// DecodeInput is the recording and what is known about it.
type DecodeInput struct {
	Type     string    `json:"type"`               // "eeg"
	Data     string    `json:"data,omitempty"`     // base64, standard or URL-safe alphabet, padding optional
	Encoding string    `json:"encoding,omitempty"` // float32le (default), float64le, int16le, edf, bdf, gdf
	Layout   string    `json:"layout,omitempty"`   // sample_major (default), channel_major
	ScaleUV  *float64  `json:"scale_uv,omitempty"` // µV a unit, with int16le
	Unit     string    `json:"unit,omitempty"`     // V, mV, uV (default), nV: of bare floats
	Paradigm string    `json:"paradigm,omitempty"` // motor_imagery, p300, ssvep, seizure, auto (default)
	Device   string    `json:"device,omitempty"`   // headset name, e.g. "OpenBCI Cyton"
	Channels *Channels `json:"channels,omitempty"` // a count, or the names
	// ChannelNames renames channels: from what the recording calls them to what a model does.
	ChannelNames map[string]string `json:"channel_names,omitempty"`
	SampleRate   float64           `json:"sample_rate,omitempty"` // Hz
	Events       DecodeEvents      `json:"events,omitempty"`      // or "all": every trial of those in the file or session
	// EventClasses says what events stand for: a label or code, and a class or "cue". It goes before what the model knows.
	EventClasses map[string]string `json:"event_classes,omitempty"`
	Trials       string            `json:"trials,omitempty"` // first (default), all
	Stimulus     *DecodeStimulus   `json:"stimulus,omitempty"`
	Model        string            `json:"model,omitempty"`     // catalog name, optionally name@version
	Alignment    string            `json:"alignment,omitempty"` // auto (default), none
	SessionID    string            `json:"session_id,omitempty"`
	StartMS      *int64            `json:"start_ms,omitempty"`
	EndMS        *int64            `json:"end_ms,omitempty"`
}

// DecodeEvents are cues or flashes, or AllDecodeEvents.
type DecodeEvents []DecodeEvent

// UnmarshalJSON accepts an array of events or "all".
func (e *DecodeEvents) UnmarshalJSON(b []byte) error {
	if string(b) == `"all"` {
		*e = AllDecodeEvents()
		return nil
	}
	var list []DecodeEvent
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New(`must be an array, or "all"`)
	}
	*e = list
	return nil
}

// MarshalJSON writes the form the events were given in.
func (e DecodeEvents) MarshalJSON() ([]byte, error) {
	if e.All() {
		return []byte(`"all"`), nil
	}
	return json.Marshal([]DecodeEvent(e))
}

// allEvents stands in a list for "all": JSON has no such onset.
var allEvents = DecodeEvent{OnsetS: math.Inf(-1), Label: "all"}

// AllDecodeEvents asks for every trial of the events that the recording itself holds.
func AllDecodeEvents() DecodeEvents { return DecodeEvents{allEvents} }

// All tells whether the events are AllDecodeEvents.
func (e DecodeEvents) All() bool { return len(e) == 1 && e[0] == allEvents }

// DecodeEvent is a cue or a flash.
type DecodeEvent struct {
	OnsetS float64 `json:"onset_s"`
	Code   int     `json:"code"`
	Label  string  `json:"label,omitempty"`
}

// DecodeStimulus describes an SSVEP screen or a P300 matrix.
type DecodeStimulus struct {
	Targets []DecodeTarget      `json:"targets,omitempty"` // SSVEP
	Matrix  [][]string          `json:"matrix,omitempty"`  // P300, row by row
	Flashes map[string][]string `json:"flashes,omitempty"` // P300: event code → symbols it lights
	// Presence says how it is decided whether the person looks at a target at all (SSVEP).
	Presence *DecodePresence `json:"presence,omitempty"`
}

// DecodePresence is the decision of an SSVEP decode between a target and no_target.
type DecodePresence struct {
	// FalseAccept is the share of recordings without a target that may be answered with one; 1 always answers with a target.
	FalseAccept *float64 `json:"false_accept,omitempty"`
}

// DecodeTarget is one flicker.
type DecodeTarget struct {
	Label     string  `json:"label,omitempty"`
	Frequency float64 `json:"frequency"`       // Hz
	Phase     float64 `json:"phase,omitempty"` // rad
}

// DecodeContext is the caller's session state. Free keys are kept in Extra.
type DecodeContext struct {
	Locale         string                     `json:"locale,omitempty"`
	SessionHistory []string                   `json:"session_history,omitempty"`
	UIMode         string                     `json:"ui_mode,omitempty"`
	Intents        map[string]string          `json:"intents,omitempty"` // the caller's own class → intent map
	Extra          map[string]json.RawMessage `json:"-"`
}

// DecodeOutput says how to answer.
type DecodeOutput struct {
	Format             string `json:"format,omitempty"` // "json"
	IncludeDiagnostics bool   `json:"include_diagnostics,omitempty"`
}

// Channels is either a count or a list of names.
type Channels struct {
	Count int
	Names []string // nil when only a count was given
}

// UnmarshalJSON accepts a whole number or an array of strings.
func (c *Channels) UnmarshalJSON(b []byte) error {
	var names []string
	if json.Unmarshal(b, &names) == nil && names != nil {
		*c = Channels{Count: len(names), Names: names}
		return nil
	}
	var n float64 // 8.0 is a whole number too
	if err := json.Unmarshal(b, &n); err != nil || n != math.Trunc(n) {
		return errors.New("channels must be a whole number or a list of names")
	}
	// Whoever checks the range shall see that it is too large, not what became of it.
	*c = Channels{Count: int(max(math.MinInt32, min(n, math.MaxInt32)))}
	return nil
}

// MarshalJSON writes the form the channels were given in.
func (c Channels) MarshalJSON() ([]byte, error) {
	if c.Names != nil {
		return json.Marshal(c.Names)
	}
	return json.Marshal(c.Count)
}

// contextFields has the named fields of DecodeContext without its methods.
type contextFields DecodeContext

// UnmarshalJSON keeps unknown keys in Extra.
func (c *DecodeContext) UnmarshalJSON(b []byte) error {
	var named contextFields
	if err := json.Unmarshal(b, &named); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	for _, k := range []string{"locale", "session_history", "ui_mode", "intents"} {
		delete(all, k)
	}
	if len(all) > 0 {
		named.Extra = all
	}
	*c = DecodeContext(named)
	return nil
}

// MarshalJSON writes the named fields and the free keys side by side.
func (c DecodeContext) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(contextFields(c))
	if err != nil || len(c.Extra) == 0 {
		return b, err
	}
	all := make(map[string]json.RawMessage, len(c.Extra)+4)
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	for k, v := range c.Extra {
		if _, named := all[k]; !named {
			all[k] = v
		}
	}
	return json.Marshal(all)
}
