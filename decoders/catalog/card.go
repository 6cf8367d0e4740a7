package catalog

import (
	"encoding/json"
	"slices"
)

// ModelCard says what a model was made from, how well it did on data it had not seen, and what it is for.
// It travels inside the model file. After Mitchell et al. 2019, "Model Cards for Model Reporting".
type ModelCard struct {
	Summary     string        `json:"summary"`        // one sentence
	Data        []DataSource  `json:"data,omitempty"` // what it was trained on; empty for methods that need no training
	Subjects    int           `json:"subjects"`       // people in the training data
	Trials      int           `json:"trials"`         // labelled trials in the training data
	TrainedWith TrainedWith   `json:"trained_with"`   // how to make it again
	Evaluations []Evaluation  `json:"evaluations"`    // the first is the one to quote
	Calibration []Calibration `json:"calibration"`    // how far its probabilities can be believed
	// LearningCurve is the accuracy with fewer training trials, under the protocol of the first evaluation.
	LearningCurve []CurvePoint `json:"learning_curve,omitempty"`
	// OperatingPoints are what the seizure check finds and how often it alarms falsely, threshold by threshold in rising order.
	OperatingPoints []OperatingPoint `json:"operating_points,omitempty"`
	// Events are the labels and codes of the events that stood for each class in the recordings it was trained on. What is no
	// event of the model is not decoded.
	Events      map[string][]string `json:"events,omitempty"`
	IntendedUse string              `json:"intended_use"`        // who may use it for what
	Limits      []string            `json:"limits,omitempty"`    // where it does not work or must not be used
	Citations   []string            `json:"citations,omitempty"` // papers of the method and the data

	// Priority decides between models of one paradigm that all fit a request, higher first.
	Priority int `json:"priority,omitempty"`
	// Named keeps the model for requests that name it.
	Named bool `json:"named,omitempty"`
	// RequiresLicense is the least tier of those who may use the model: "free", "research" or "commercial". A model above
	// "free" is never chosen for a request that names none. Defaults to "free".
	RequiresLicense string `json:"requires_license,omitempty"`
}

// DataSource is one data set.
type DataSource struct {
	Name     string `json:"name"`
	Licence  string `json:"licence"`
	Source   string `json:"source,omitempty"` // where it is published
	Citation string `json:"citation,omitempty"`
}

// TrainedWith is what makes the model again, bit for bit, from the same data.
type TrainedWith struct {
	Pipeline string          `json:"pipeline,omitempty"`
	Config   json.RawMessage `json:"config,omitempty"`
	Seed     int64           `json:"seed"`
	Program  string          `json:"program,omitempty"` // program and version that trained it
	From     string          `json:"from,omitempty"`    // version that kept learning, of the same name
	Base     string          `json:"base,omitempty"`    // what it started from: "builtin", or a model by name@version
}

// Evaluation is one measurement on data that the model evaluated had not seen.
type Evaluation struct {
	Protocol   string   `json:"protocol"`              // "leave one subject out", "5-fold within subject", ...
	Data       string   `json:"data,omitempty"`        // data set, where it is not the training data's
	Accuracy   *float64 `json:"accuracy,omitempty"`    // share of trials right
	AccuracySD *float64 `json:"accuracy_sd,omitempty"` // standard deviation over subjects or folds
	Chance     float64  `json:"chance"`                // accuracy of guessing
	Kappa      *float64 `json:"kappa,omitempty"`       // Cohen's kappa
	AUC        *float64 `json:"auc,omitempty"`         // area under the ROC curve
	Subjects   int      `json:"subjects"`
	Trials     int      `json:"trials"`
}

// CurvePoint is the accuracy of models trained on so many trials a class.
type CurvePoint struct {
	TrialsPerClass int     `json:"trials_per_class"`
	Accuracy       float64 `json:"accuracy"`
	// Alone is the accuracy of as many trials without what the training started from; nil where it started from nothing, or where
	// they are too few.
	Alone  *float64 `json:"accuracy_alone,omitempty"`
	Trials int      `json:"trials"` // decoded
}

// OperatingPoint is what calling everything from a score on costs and finds, in recordings that run on.
type OperatingPoint struct {
	Threshold         float64 `json:"threshold"`
	FalseAlarms       int     `json:"false_alarms"` // alarms without a marked seizure
	FalseAlarmsPerDay float64 `json:"false_alarms_per_day"`
	// Interval holds the exact Poisson limits of FalseAlarmsPerDay, each of 95 % confidence: no alarm in T hours leaves 3/T an hour.
	Interval    [2]float64 `json:"interval"`
	Sensitivity float64    `json:"sensitivity"` // share of the events that were found
	Events      int        `json:"events"`      // marked seizures
	Hours       float64    `json:"hours"`       // without one, of which the check could say something
}

// ThresholdFor returns the lowest threshold from which on no operating point has more than so many false alarms a day, by the upper
// limit of its interval; false where none is that rare. A stricter rate never gives a lower threshold.
func (c ModelCard) ThresholdFor(perDay float64) (threshold float64, ok bool) {
	for _, p := range slices.Backward(c.OperatingPoints) {
		if !(p.Interval[1] <= perDay) {
			break
		}
		threshold, ok = p.Threshold, true
	}
	return threshold, ok
}

// Calibration compares probabilities with how often they came true, under the protocol named.
type Calibration struct {
	Protocol string   `json:"protocol"`
	Method   string   `json:"method"` // "temperature", "platt", "none"
	ECE      float64  `json:"ece"`    // expected calibration error over 10 bins
	Brier    *float64 `json:"brier,omitempty"`
	// Bins are the tenths of confidence that trials fell into, in order, for a reliability diagram. Cards of before they were kept have none.
	Bins []Bin `json:"bins,omitempty"`
}

// Bin is how often answers of about the same confidence were right, of trials that were held back.
type Bin struct {
	From       float64 `json:"from"` // of the confidence, exclusive
	To         float64 `json:"to"`   // inclusive
	Count      int     `json:"count"`
	Confidence float64 `json:"confidence"` // mean
	Accuracy   float64 `json:"accuracy"`
}

// License returns the tier that the model requires.
func (c ModelCard) License() string {
	if c.RequiresLicense == "" {
		return LicenseFree
	}
	return c.RequiresLicense
}

// LicenseFree is the tier of models that everybody may use.
const LicenseFree = "free"

// Accuracy returns the accuracy to quote, and whether there is one.
func (c ModelCard) Accuracy() (float64, bool) { return c.accuracy() }

// accuracy returns the accuracy to quote, and whether there is one.
func (c ModelCard) accuracy() (float64, bool) {
	if len(c.Evaluations) == 0 || c.Evaluations[0].Accuracy == nil {
		return 0, false
	}
	return *c.Evaluations[0].Accuracy, true
}
