package eeg

// Result is the answer to a decode request: every field of the decode document, and some of our own.
type Result struct {
	DecodedIntent    string   `json:"decoded_intent"`
	Confidence       float64  `json:"confidence"` // calibrated, 0..1
	ParadigmDetected string   `json:"paradigm_detected"`
	PredictedText    string   `json:"predicted_text"` // "" where there is nothing to say
	Alternatives     []Ranked `json:"alternatives"`   // with Confidence they sum to 1; none where the intent is undetermined
	SessionContext   string   `json:"session_context"`
	SeizureDetected  *bool    `json:"seizure_detected"` // null when it was not checked or cannot be said
	RedFlags         []string `json:"red_flags"`        // codes, gravest first
	Disclaimer       string   `json:"disclaimer"`

	RedFlagDetails []Flag     `json:"red_flag_details"` // the same, with severity and message
	DecodedClass   string     `json:"decoded_class"`    // the decoder's own name of the most probable class
	Model          *ModelUsed `json:"model"`            // null where none answered
	Alignment      Alignment  `json:"alignment"`
	Quality        *Quality   `json:"quality"` // null for clips too short to judge
	Clip           Clip       `json:"clip"`    // what was decoded
	// Trials are the answers for each trial, where all were asked for; the fields above are then those of the first that has one.
	Trials        []TrialAnswer    `json:"trials,omitempty"`
	TrialsSummary *TrialsSummary   `json:"trials_summary,omitempty"`
	Undetermined  *WhyUndetermined `json:"undetermined,omitempty"`
	// Features are those that output.features asked for; null where the recording is too short or too slow to have any.
	Features *ClipFeatures `json:"features,omitempty"`
	// Warnings are what was wrong with the file and how it was read all the same, each with its place.
	Warnings []string `json:"warnings,omitempty"`
}

// WhyUndetermined says why there is no intent. Whatever the reason, the intent and the class are "undetermined", the confidence is 0, there are no
// alternatives, and "undetermined" is among the red flags. Where auto found no paradigm, the paradigm is "undetermined", too, and there is no
// model.
type WhyUndetermined struct {
	Reason   string         `json:"reason"`
	Tried    []Fallback     `json:"tried"`    // the paradigms, each with what speaks against it
	Evidence map[string]any `json:"evidence"` // the numbers looked at
}

// ModelUsed names the catalog model that answered.
type ModelUsed struct {
	Name     string      `json:"name"`
	Version  string      `json:"version"`
	Pipeline string      `json:"pipeline"`
	Source   ModelSource `json:"source"`
	SHA256   string      `json:"sha256,omitempty"`
}

// Quality is how clean the recording is, over its 2-s windows.
type Quality struct {
	Overall    float64            `json:"overall"`     // 0..1
	Confidence float64            `json:"confidence"`  // 0..1
	PerChannel ByChannel[float64] `json:"per_channel"` // 0..1
	// BadChannels hold no EEG in the segment that was decoded; the answer does not rest on them.
	BadChannels []BadChannel   `json:"bad_channels"`
	Windows     int            `json:"windows"`
	Passed      int            `json:"passed"` // windows that passed the gate
	Artifacts   ArtifactScores `json:"artifacts"`
}

// Ranked is one intent with its confidence.
type Ranked struct {
	Intent     string  `json:"intent"`
	Confidence float64 `json:"confidence"`
}

// Flag is one warning about an answer.
type Flag struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
}

// Severity says what an interface should do about a flag.
type Severity string

// The severities.
const (
	SeverityInfo     Severity = "info"     // show it where there is room
	SeverityWarning  Severity = "warning"  // show it; do not act without the person confirming
	SeverityCritical Severity = "critical" // stop what is moving and call a person
)

// BadChannel is a bad channel.
type BadChannel struct {
	Name  string       `json:"channel"`
	Fault ChannelFault `json:"fault"`
}

// ChannelFault is what is wrong with a channel, "" for a good one.
type ChannelFault string

// The faults.
const (
	FaultFlat    ChannelFault = "flat"    // constant for a quarter of the clip or more, or without activity next to the other channels
	FaultClipped ChannelFault = "clipped" // on the amplifier's rails
	FaultLine    ChannelFault = "line"    // drowned in the power line, next to the other channels
	FaultNoise   ChannelFault = "noise"   // shares nothing with any other channel, as no two electrodes on a head do
	FaultLoud    ChannelFault = "loud"    // far larger than the other channels
)

// ArtifactScores are the artifact scores of a channel or a window, each 0 (none) .. 1 (certain).
type ArtifactScores struct {
	BlinkLike  float64 `json:"blink_like"`
	MotionLike float64 `json:"motion_like"`
	EMGLike    float64 `json:"emg_like"`
	BadContact float64 `json:"bad_contact"`
}

// The values of Alignment.Kind.
const (
	NotAligned = "none"
	Recentred  = "recentred"
	Balanced   = "balanced"
)

// Alignment says what the model was moved to before it decoded.
type Alignment struct {
	Kind  string `json:"kind"`  // "none", "recentred", "balanced"
	Clips int    `json:"clips"` // of the person, around whose mean the model, or by whose odds its even odds, were moved; no labels were used
}

// ModelSource says where a model of the catalog came from.
type ModelSource string

// The sources of models.
const (
	SourceBuiltIn      ModelSource = "builtin"       // inside the program
	SourceTrainingFree ModelSource = "training_free" // a method that needs no training
	SourceDirectory    ModelSource = "directory"     // the operator's folder of models
	SourceProject      ModelSource = "project"       // a project's own, beside the catalog
	SourceAdded        ModelSource = "added"         // by a call
)
