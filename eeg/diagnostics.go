package eeg

// Diagnostics says how an answer came about. It is filled as far as a failed decode came.
type Diagnostics struct {
	Routing  Routing          `json:"routing"`
	Signal   *SignalInfo      `json:"signal,omitempty"`
	Evidence map[string]any   `json:"evidence,omitempty"` // the decoder's
	Seizure  *SeizureEvidence `json:"seizure,omitempty"`  // of the check that runs beside other paradigms
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
	Asked     Route          `json:"asked"`
	Used      Route          `json:"used"`
	Why       string         `json:"why,omitempty"`
	Fallbacks []Fallback     `json:"fallbacks"`          // what was tried first or passed over
	Evidence  map[string]any `json:"evidence,omitempty"` // what auto looked at
	Passed    []PassedOver   `json:"models_passed_over,omitempty"`
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

// PassedOver is a model that was considered and not taken.
type PassedOver struct {
	Model string `json:"model"`
	Why   string `json:"why"`
}

// SeizureEvidence is what the seizure check measured. Its JSON is finite.
type SeizureEvidence struct {
	// Score is the ictal_like_score, 0..1: the strongest 10 s of the clip by the rules; from 0.5 on they call it ictal-like.
	Score   float64 `json:"ictal_like_score"`
	Reason  string  `json:"reason,omitempty"` // why there is no verdict
	Seconds float64 `json:"seconds"`
	// From and To are the strongest 10 s, in s of the clip; the measures below are the medians over its windows and
	// the channels that show it most.
	From       float64 `json:"from_s"`
	To         float64 `json:"to_s"`
	LineLength float64 `json:"line_length_uv_s"`
	Limit      float64 `json:"line_length_limit_uv_s"` // that the rhythmicity asks for
	Rhythm     float64 `json:"rhythmicity"`
	Frequency  float64 `json:"rhythm_hz"`
	Slow       float64 `json:"power_ratio_2_12"`
	Alpha      float64 `json:"alpha_share"`
	Muscle     float64 `json:"log_muscle_ratio"`
	Mobility   float64 `json:"hjorth_mobility_hz"`
	Complexity float64 `json:"hjorth_complexity"`
	// Channels show the pattern themselves; Usable is the number of channels that could be read.
	Channels []string `json:"channels"`
	Usable   int      `json:"usable_channels"`
}
