package eeg

// Clip says which part of the recording was decoded.
type Clip struct {
	StartS float64 `json:"start_s"` // from the first sample
	EndS   float64 `json:"end_s"`
	// Event is what the clip was cut around; null where the whole recording is the clip.
	Event *ClipEvent `json:"event"`
	// Trial is the number of the trial, from 1, of Trials in the recording; Events are all that is marked in it.
	Trial  int `json:"trial"`
	Trials int `json:"trials"`
	Events int `json:"events"`
	// EventsPassedOver are those that begin no trial of this model: rest, and what stands for none of its classes.
	EventsPassedOver int `json:"events_passed_over"`
}

// ClipEvent is an event of the recording.
type ClipEvent struct {
	Number int     `json:"number"` // among the events, from 1
	OnsetS float64 `json:"onset_s"`
	Code   int     `json:"code"`
	Label  string  `json:"label"`
	// Announced is what was shown before the event to tell what comes.
	Announced string `json:"announced,omitempty"`
}

// TrialAnswer is the answer for one of several trials.
type TrialAnswer struct {
	Clip Clip `json:"clip"`
	// Label is the class that the recording tells; null where it does not.
	Label *string `json:"label"`
	// Right reports whether the decoded class is the label; null without one, and where there is no answer.
	Right          *bool    `json:"right"`
	DecodedIntent  string   `json:"decoded_intent"`
	DecodedClass   string   `json:"decoded_class"`
	Confidence     float64  `json:"confidence"`
	Alternatives   []Ranked `json:"alternatives"`
	QualityOverall *float64 `json:"quality_overall"` // 0..1 of the clip; null where it is too short to say
	RedFlags       []string `json:"red_flags"`
	// Error says why the trial has no answer; the other fields are then empty.
	Error *TrialError `json:"error,omitempty"`
}

// TrialError is why a trial has no answer: the code and numbers of the decoder's error.
type TrialError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

// TrialsSummary counts the trials of a recording.
type TrialsSummary struct {
	Trials   int `json:"trials"`
	Answered int `json:"answered"`
	Failed   int `json:"failed"`
	LeftOut  int `json:"left_out"` // beyond the limits of one answer
	Labelled int `json:"labelled"` // of those answered
	Right    int `json:"right"`
	// Accuracy is Right of Labelled, and Chance that of always answering the most frequent label; null without labels.
	Accuracy *float64 `json:"accuracy"`
	Chance   *float64 `json:"chance"`
	// Confusion counts, for the class of each row, how often each class was decoded; both in the order of Classes.
	Classes   []string `json:"classes"`
	Confusion [][]int  `json:"confusion"`
}
