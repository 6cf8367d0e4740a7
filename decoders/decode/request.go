package decode

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strings"

	"github.com/neurod/neurod/decoders"
)

// Request is the body of a decode request. The service has the same fields in its own domain type; a test of the
// worker holds the JSON of both equal.
type Request struct {
	Input   Input    `json:"input"`
	Context *Context `json:"context,omitempty"`
	Output  *Format  `json:"output,omitempty"`
}

// Input is the recording and what is known about it.
type Input struct {
	Type     string    `json:"type"`               // "eeg"
	Data     string    `json:"data,omitempty"`     // base64; only read when Run gets no payload
	Encoding string    `json:"encoding,omitempty"` // float32le (default), float64le, int16le, edf, bdf, gdf
	Layout   string    `json:"layout,omitempty"`   // sample_major (default), channel_major
	ScaleUV  *float64  `json:"scale_uv,omitempty"` // µV a unit, with int16le
	Unit     string    `json:"unit,omitempty"`     // V, mV, uV (default), nV: of bare floats, and of a recording that states none
	Paradigm string    `json:"paradigm,omitempty"` // motor_imagery, p300, ssvep, seizure, auto (default)
	Device   string    `json:"device,omitempty"`   // headset name
	Channels *Channels `json:"channels,omitempty"` // a count, or the names
	// ChannelNames renames channels: from what the recording calls them to what a model does.
	ChannelNames map[string]string `json:"channel_names,omitempty"`
	SampleRate   float64           `json:"sample_rate,omitempty"` // Hz
	Events       Events            `json:"events,omitempty"`      // or "all": every trial of those in the file or session
	// EventClasses says what events stand for: a label or code, and a class or "cue". It goes before what the model knows.
	EventClasses map[string]string `json:"event_classes,omitempty"`
	Trials       string            `json:"trials,omitempty"` // first (default), all
	Stimulus     *Stimulus         `json:"stimulus,omitempty"`
	Model        string            `json:"model,omitempty"`      // catalog name, optionally name@version
	Alignment    string            `json:"alignment,omitempty"`  // auto (default), none
	SessionID    string            `json:"session_id,omitempty"` // the service turns a stretch of a session into a payload
	StartMS      *int64            `json:"start_ms,omitempty"`
	EndMS        *int64            `json:"end_ms,omitempty"`
}

// Events are cues or flashes, or AllEvents.
type Events []Event

// UnmarshalJSON accepts an array of events or "all".
func (e *Events) UnmarshalJSON(b []byte) error {
	if string(b) == `"all"` {
		*e = AllEvents()
		return nil
	}
	var list []Event
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New(`events must be an array, or "all"`)
	}
	*e = list
	return nil
}

// MarshalJSON writes the form the events were given in.
func (e Events) MarshalJSON() ([]byte, error) {
	if e.All() {
		return []byte(`"all"`), nil
	}
	return json.Marshal([]Event(e))
}

// all stands in a list for "all": JSON has no such onset.
var all = Event{OnsetS: math.Inf(-1), Label: "all"}

// AllEvents asks for every trial of the events that the recording itself holds.
func AllEvents() Events { return Events{all} }

// All tells whether the events are AllEvents.
func (e Events) All() bool { return len(e) == 1 && e[0] == all }

// Event is a cue or a flash.
type Event struct {
	OnsetS float64 `json:"onset_s"`
	Code   int     `json:"code"`
	Label  string  `json:"label,omitempty"`
}

// Stimulus describes an SSVEP screen or a P300 matrix.
type Stimulus struct {
	Targets []Target            `json:"targets,omitempty"`
	Matrix  [][]string          `json:"matrix,omitempty"`
	Flashes map[string][]string `json:"flashes,omitempty"` // event code → symbols it lights
	// Presence says how it is decided whether the person looks at a target at all (SSVEP).
	Presence *Presence `json:"presence,omitempty"`
}

// Presence is the decision of an SSVEP decode between a target and no_target.
type Presence struct {
	// FalseAccept is the share of recordings without a target that may be answered with one, 0.001 to 1; 1 always answers with a
	// target. Defaults to 0.05, or what the model was trained with.
	FalseAccept *float64 `json:"false_accept,omitempty"`
}

// Target is one flicker.
type Target struct {
	Label     string  `json:"label,omitempty"`
	Frequency float64 `json:"frequency"`       // Hz
	Phase     float64 `json:"phase,omitempty"` // rad
}

// Context is the caller's session state. Free keys are kept in Extra.
type Context struct {
	Locale         string                     `json:"locale,omitempty"`
	SessionHistory []string                   `json:"session_history,omitempty"`
	UIMode         string                     `json:"ui_mode,omitempty"`
	Intents        map[string]string          `json:"intents,omitempty"` // the caller's own class → intent map
	Extra          map[string]json.RawMessage `json:"-"`
}

// Format says how to answer.
type Format struct {
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

// named has the named fields of Context without its methods.
type named Context

// UnmarshalJSON keeps unknown keys in Extra.
func (c *Context) UnmarshalJSON(b []byte) error {
	var n named
	if err := json.Unmarshal(b, &n); err != nil {
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
		n.Extra = all
	}
	*c = Context(n)
	return nil
}

// MarshalJSON writes the named fields and the free keys side by side.
func (c Context) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(named(c))
	if err != nil || len(c.Extra) == 0 {
		return b, err
	}
	all := make(map[string]json.RawMessage, len(c.Extra)+4)
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	for k, v := range c.Extra {
		if _, taken := all[k]; !taken {
			all[k] = v
		}
	}
	return json.Marshal(all)
}

// ParseRequest reads a request's JSON. The error is payload_malformed: a request that the service accepted never
// gives it.
func ParseRequest(b []byte) (*Request, error) {
	var req Request
	if err := json.Unmarshal(b, &req); err != nil {
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, nil, "the request is not valid: %v", err)
	}
	return &req, nil
}

// data returns the bytes of input.data, in the standard or the URL-safe alphabet, with padding or without.
func (in *Input) data() ([]byte, error) {
	s := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(in.Data), "=")
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, nil, "data is no base64: %v", err)
	}
	return b, nil
}

// paradigm returns the paradigm asked for, Auto where none is.
func (in *Input) paradigm() (decoders.Paradigm, error) {
	switch p := decoders.Paradigm(in.Paradigm); p {
	case "":
		return decoders.Auto, nil
	case decoders.MotorImagery, decoders.P300, decoders.SSVEP, decoders.Seizure, decoders.Auto:
		return p, nil
	default:
		return "", decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"paradigm": in.Paradigm},
			"paradigm %q is unknown; there are motor_imagery, p300, ssvep, seizure and auto", in.Paradigm)
	}
}
