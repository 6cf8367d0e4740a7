package eeg

import (
	"encoding/json"
	"errors"
	"math"
)

// Request is the body of a decode request. Once accepted it is stored without Input.Data, whose decoded bytes become the job's
// payload.
type Request struct {
	Input   Input          `json:"input"`
	Context *Context       `json:"context,omitempty"`
	Output  *OutputOptions `json:"output,omitempty"`
}

// Input is the recording and what is known about it.
type Input struct {
	Type     string    `json:"type"`               // "eeg"
	Data     string    `json:"data,omitempty"`     // base64, standard or URL-safe alphabet, padding optional
	Encoding Encoding  `json:"encoding,omitempty"` // float32le (default), float64le, int16le, edf, bdf, gdf
	Layout   Layout    `json:"layout,omitempty"`   // sample_major (default), channel_major
	ScaleUV  *float64  `json:"scale_uv,omitempty"` // µV a unit, with int16le
	Unit     string    `json:"unit,omitempty"`     // V, mV, uV (default), nV: of bare floats, and of a recording that states none
	Paradigm Paradigm  `json:"paradigm,omitempty"` // motor_imagery, p300, ssvep, cvep, seizure, auto (default)
	Device   string    `json:"device,omitempty"`   // headset name, e.g. "OpenBCI Cyton"
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
	Seizure      *SeizureOptions   `json:"seizure,omitempty"`    // with paradigm seizure
	SessionID    string            `json:"session_id,omitempty"` // the service turns a range of a session into a payload
	StartMS      *int64            `json:"start_ms,omitempty"`
	EndMS        *int64            `json:"end_ms,omitempty"`
}

// What Input.Trials may say: which of a recording's trials are decoded.
const (
	TrialsFirst = "first" // the default: one answer, for the first trial that is there in full
	TrialsAll   = "all"   // an answer for each trial
)

// TrialChoices lists what Input.Trials may say.
func TrialChoices() []string { return []string{TrialsFirst, TrialsAll} }

// What Input.Alignment may say.
const (
	AlignmentAuto = "auto" // the default: a model that was trained with alignment is moved to the person's clips, where there are several
	AlignmentNone = "none" // every model is taken as it is
	// AlignmentBalance is AlignmentAuto, and moves the even odds of a motor imagery model of two classes that is not moved otherwise
	// to the middle of what it says of the person's clips, of which both classes are taken to be about as frequent.
	AlignmentBalance = "balance"
)

// Alignments lists what Input.Alignment may say.
func Alignments() []string { return []string{AlignmentAuto, AlignmentNone, AlignmentBalance} }

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
		return errors.New(`must be an array, or "all"`)
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

// all is in a list for "all": JSON has no such onset.
var all = Event{Onset: math.Inf(-1), Label: "all"}

// AllEvents asks for every trial of the events that the recording itself holds.
func AllEvents() Events { return Events{all} }

// All reports whether the events are AllEvents.
func (e Events) All() bool { return len(e) == 1 && e[0] == all }

// Event is something that happened during a recording, such as a cue or a flash.
type Event struct {
	Onset float64 `json:"onset_s"` // s after the first sample
	Code  int     `json:"code"`    // device or paradigm code
	Label string  `json:"label,omitempty"`
}

// Stimulus describes an SSVEP or c-VEP screen or a P300 matrix.
type Stimulus struct {
	Targets []Target            `json:"targets,omitempty"` // SSVEP
	Codes   *CodeBook           `json:"codes,omitempty"`   // c-VEP
	Matrix  [][]string          `json:"matrix,omitempty"`  // P300, row by row
	Flashes map[string][]string `json:"flashes,omitempty"` // P300: event code → symbols it lights
	// Presence says how it is decided whether the person looks at a target at all (SSVEP).
	Presence *Presence `json:"presence,omitempty"`
}

// targets is the number of targets; s may be nil.
func (s *Stimulus) targets() int {
	if s == nil {
		return 0
	}
	return max(len(s.Targets), s.Codes.targets())
}

// Presence is the decision of an SSVEP decode between a target and no_target.
type Presence struct {
	// FalseAccept is the share of recordings without a target that may be answered with one, MinFalseAccept to 1; 1 always answers with
	// a target. Defaults to 0.05, or what the model was trained with.
	FalseAccept *float64 `json:"false_accept,omitempty"`
}

// SeizureOptions say where the seizure check draws its line between the clips that it calls ictal-like and the others; one of the two
// is given.
type SeizureOptions struct {
	// FalseAlarmsPerDay is how many false alarms a day are put up with at most. The line is that of the operating point of the model's
	// card that finds most seizures and stays below, with the upper limit of its interval.
	FalseAlarmsPerDay *float64 `json:"false_alarms_per_day,omitempty"`
	// Threshold is the score from which on a clip is called ictal-like, MinThreshold to MaxThreshold. Defaults to one half.
	Threshold *float64 `json:"threshold,omitempty"`
}

// Target is one flicker of an SSVEP stimulus.
type Target struct {
	Label     string  `json:"label,omitempty"`
	Frequency float64 `json:"frequency"`       // Hz
	Phase     float64 `json:"phase,omitempty"` // rad, 0 when unknown
}

// Context is the caller's session state. Free keys are kept in Extra.
type Context struct {
	Locale         string                     `json:"locale,omitempty"`
	SessionHistory []string                   `json:"session_history,omitempty"`
	UIMode         UIMode                     `json:"ui_mode,omitempty"`
	Intents        map[string]string          `json:"intents,omitempty"` // the caller's own class → intent map
	Extra          map[string]json.RawMessage `json:"-"`
}

// OutputOptions says how to answer.
type OutputOptions struct {
	Format             string `json:"format,omitempty"` // "json"
	IncludeDiagnostics bool   `json:"include_diagnostics,omitempty"`
	// Features of the recording that the answer carries. Defaults to none.
	Features []Feature `json:"features,omitempty"`
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
	var free map[string]json.RawMessage
	if err := json.Unmarshal(b, &free); err != nil {
		return err
	}
	for _, k := range []string{"locale", "session_history", "ui_mode", "intents"} {
		delete(free, k)
	}
	if len(free) > 0 {
		n.Extra = free
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
	keys := make(map[string]json.RawMessage, len(c.Extra)+4)
	if err := json.Unmarshal(b, &keys); err != nil {
		return nil, err
	}
	for k, v := range c.Extra {
		if _, taken := keys[k]; !taken {
			keys[k] = v
		}
	}
	return json.Marshal(keys)
}
