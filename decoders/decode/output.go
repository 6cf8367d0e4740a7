package decode

import (
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/intent"
	"github.com/neurod/neurod/decoders/seizure"
)

// Output is the answer to a decode request: every field of the decode document, and some of our own.
type Output struct {
	DecodedIntent    string          `json:"decoded_intent"`
	Confidence       float64         `json:"confidence"` // calibrated, 0..1
	ParadigmDetected string          `json:"paradigm_detected"`
	PredictedText    string          `json:"predicted_text"` // "" where there is nothing to say
	Alternatives     []intent.Ranked `json:"alternatives"`   // with Confidence they sum to 1; none where the intent is undetermined
	SessionContext   string          `json:"session_context"`
	SeizureDetected  *bool           `json:"seizure_detected"` // null when it was not checked or cannot be said
	RedFlags         []string        `json:"red_flags"`        // codes, gravest first
	Disclaimer       string          `json:"disclaimer"`

	RedFlagDetails []intent.Flag `json:"red_flag_details"` // the same, with severity and message
	DecodedClass   string        `json:"decoded_class"`    // the decoder's own name of the most probable class
	Model          *Model        `json:"model"`            // null where none answered
	Alignment      Alignment     `json:"alignment"`
	Quality        *Quality      `json:"quality"` // null for clips too short to judge
	Clip           Clip          `json:"clip"`    // what was decoded
	// Trials are the answers for each trial, where all were asked for; the fields above are then those of the first that has one.
	Trials        []TrialAnswer  `json:"trials,omitempty"`
	TrialsSummary *TrialsSummary `json:"trials_summary,omitempty"`
	Undetermined  *Undetermined  `json:"undetermined,omitempty"`
	// Warnings are what was wrong with the file and how it was read all the same, each with its place.
	Warnings []string `json:"warnings,omitempty"`
}

// Undetermined says why there is no intent. Whatever the reason, the intent and the class are "undetermined", the confidence is 0, there are no
// alternatives, and "undetermined" is among the red flags. Where auto found no paradigm, the paradigm is "undetermined", too, and there is no
// model.
type Undetermined struct {
	Reason   string         `json:"reason"`
	Tried    []Fallback     `json:"tried"`    // the paradigms, each with what speaks against it
	Evidence map[string]any `json:"evidence"` // the numbers looked at
}

// Model names the catalog model that answered.
type Model struct {
	Name     string         `json:"name"`
	Version  string         `json:"version"`
	Pipeline string         `json:"pipeline"`
	Source   catalog.Source `json:"source"`
	SHA256   string         `json:"sha256,omitempty"`
}

// Quality is how clean the recording is, over its 2-s windows.
type Quality struct {
	Overall    float64                     `json:"overall"`     // 0..1
	Confidence float64                     `json:"confidence"`  // 0..1
	PerChannel features.ByChannel[float64] `json:"per_channel"` // 0..1
	// BadChannels hold no EEG in the stretch that was decoded; the answer does not rest on them.
	BadChannels []contact.Channel `json:"bad_channels"`
	Windows     int               `json:"windows"`
	Passed      int               `json:"passed"` // windows that passed the gate
	Artifacts   features.Scores   `json:"artifacts"`
}

// Diagnostics says how an answer came about. It is filled as far as a failed decode came.
type Diagnostics struct {
	Routing  Routing           `json:"routing"`
	Signal   *SignalInfo       `json:"signal,omitempty"`
	Evidence map[string]any    `json:"evidence,omitempty"` // the decoder's
	Seizure  *seizure.Evidence `json:"seizure,omitempty"`  // of the check that runs beside other paradigms
	// Steps is the caller's to fill: only it has a clock.
	Steps []Step `json:"steps,omitempty"`
}

// Step is the time of one step.
type Step struct {
	Name string  `json:"name"`
	MS   float64 `json:"ms"`
}

// Routing says what was asked, what was used, and why.
type Routing struct {
	Asked     Route            `json:"asked"`
	Used      Route            `json:"used"`
	Why       string           `json:"why,omitempty"`
	Fallbacks []Fallback       `json:"fallbacks"`          // what was tried first or passed over
	Evidence  map[string]any   `json:"evidence,omitempty"` // what auto looked at
	Passed    []catalog.Passed `json:"models_passed_over,omitempty"`
}

// Route is a paradigm and a model.
type Route struct {
	Paradigm string `json:"paradigm,omitempty"`
	Model    string `json:"model,omitempty"`
}

// Fallback is one choice that was not taken.
type Fallback struct {
	From string `json:"from"`
	Why  string `json:"why"`
}

// SignalInfo describes the recording that was decoded.
type SignalInfo struct {
	Format   string   `json:"format"`
	Bytes    int      `json:"bytes,omitempty"`
	Channels []string `json:"channels"`
	Rate     float64  `json:"sample_rate"`
	// ModelRate is what the model works at, Hz; the recording is resampled where the two differ. 0 where any rate will do.
	ModelRate float64 `json:"model_rate,omitempty"`
	Samples   int     `json:"samples"`
	Seconds   float64 `json:"seconds"`
	Events    int     `json:"events"`
}
