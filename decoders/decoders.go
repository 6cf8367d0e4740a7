// Package decoders is the science of neurod: it turns EEG into probabilities of what was meant.
//
// The package itself holds only the contract that every decoder keeps, so that the catalog, the worker
// and the evaluation treat all of them alike; each paradigm lives in a package below this one.
//
// Invariants, held by decodertest for every decoder of the catalog:
//
//   - A decoder is a pure function of its input and its trained state: no database, network, clock or
//     global randomness, and the same input gives the same output to the last bit.
//   - Decode never panics on bad data: it returns an *Error with a stable code and the numbers that show why.
//   - The probabilities of a Result are finite, ranked, and sum to 1.
//   - A trained decoder is immutable, so any number of goroutines may share it.
//
// Signals are in µV, times in s, frequencies in Hz, matrices channels × samples.
package decoders

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/eeg"
)

// Signal is a segment of multichannel EEG.
type Signal struct {
	Data     *mat.Dense // channels × samples, µV
	Channels []string   // one name a row, 10-20 names where the montage is known
	Rate     float64    // Hz
}

// Samples returns the number of samples a channel, 0 for an empty signal.
func (s Signal) Samples() int {
	if s.Data == nil || s.Data.IsEmpty() {
		return 0
	}
	_, n := s.Data.Dims()
	return n
}

// Seconds returns the length of the signal in s.
func (s Signal) Seconds() float64 {
	if s.Rate <= 0 {
		return 0
	}
	return float64(s.Samples()) / s.Rate
}

// Stimulus describes what the person looked at, as far as the caller knows: eeg.Stimulus once it is checked.
type Stimulus struct {
	// Targets are the flickers on the screen (SSVEP). Empty asks for a frequency scan.
	Targets []eeg.Target
	// Codes says which bits each target shows (c-VEP). Nil takes those that the model was trained with.
	Codes *eeg.CodeBook
	// Matrix holds the symbols of a row/column speller, row by row (P300). Empty asks for target/non-target.
	Matrix [][]string
	// Flashes maps an event code to the symbols that the flash with this code lights up (P300).
	// Empty with a Matrix takes the usual codes: columns 1..C, rows C+1..C+R.
	Flashes map[int][]string
	// FalseAccept is the share of recordings without a target that may be answered with one (SSVEP), 0.001 to 1; 1 always answers
	// with a target. 0 leaves it to the decoder, 0.05 where it knows.
	FalseAccept float64
}

// Input is one decode request in the decoders' terms.
type Input struct {
	Signal
	Events   []eeg.Event
	Stimulus Stimulus
	// Threshold is the score from which on a clip is called ictal-like (seizure), between 0 and 1; 0 leaves it at one half.
	Threshold float64
	// Earlier are choices of the same recording before this one, oldest first, for decoders that learn from what they decided; nil for others.
	Earlier []Input
	// History holds the earlier intents or the letters spelled so far, oldest first.
	History []string
	// Prior gives log-probabilities of symbols (a language model's). Nil is a flat prior.
	Prior func(symbol string) float64
	// Trace, when not nil, is called at the end of each step with the step's name; the caller owns the clock.
	Trace func(step string)
}

// Step reports the end of a step to Trace, if there is one.
func (in *Input) Step(name string) {
	if in.Trace != nil {
		in.Trace(name)
	}
}

// Class is one possible answer with its calibrated probability.
type Class struct {
	Name        string
	Probability float64
}

// Result is what a decoder found.
type Result struct {
	Paradigm eeg.Paradigm
	// Classes are ranked, most probable first; probabilities sum to 1.
	Classes []Class
	// Seizure is true, false, or nil when it was not checked or cannot be said.
	Seizure *bool
	// Flags are stable codes of warnings the decoder itself raises, such as "no_target".
	Flags []string
	// Reason says in a sentence why there is no answer; only where the decoder itself found none and the first class is "undetermined".
	Reason string
	// From and To in s are the segment of the signal that the answer rests on; both 0 for all of it.
	From, To float64
	// Evidence holds the numbers behind the answer: scores, correlations, counts. JSON-encodable and finite.
	Evidence map[string]any
}

// Info describes a decoder to the catalog and to callers.
type Info struct {
	Name     string       // catalog name, e.g. "motor_imagery-left_right"
	Version  string       // "1", "2", ...; a version never changes once published
	Pipeline string       // algorithm, e.g. "csp_lda"
	Paradigm eeg.Paradigm // never Auto
	Classes  []string     // class names in model order; empty where the request supplies them
	Channels []string     // montage the model needs; empty where any will do
	Rate     float64      // Hz the model works at; other rates are resampled. 0 where any will do
	// MinSamples returns how many samples a channel a request at the given rate must have.
	MinSamples func(rate float64) int `json:"-"`
	// Aligned tells that the decoder was trained on people who were moved to a common mean: it does best once it is moved to
	// where the clips of the person lie whom it meets, see motorimagery.Recentring.
	Aligned bool
}

// TrialError says which trial of a dataset, by its index, a training stumbled over. Whoever has others may go on without it.
type TrialError struct {
	Trial int
	Err   error
}

func (e *TrialError) Error() string { return fmt.Sprintf("trial %d: %v", e.Trial, e.Err) }

// Unwrap returns what is wrong with the trial.
func (e *TrialError) Unwrap() error { return e.Err }

// Abstained returns the result that says nothing of what r says something of: the class "undetermined" comes first, and there being no
// answer is as probable as every class of r. It is what becomes of an answer that rests on nothing.
func Abstained(r *Result) *Result {
	out := *r
	p := 1 / float64(len(r.Classes)+1)
	out.Classes = make([]Class, 1, len(r.Classes)+1)
	out.Classes[0] = Class{Name: string(eeg.Undetermined), Probability: p}
	for _, c := range r.Classes {
		out.Classes = append(out.Classes, Class{Name: c.Name, Probability: p})
	}
	out.Seizure, out.Flags = nil, nil
	return &out
}

// Decoder decodes one request.
type Decoder interface {
	Info() Info
	// Decode does not keep or change in. Errors about the data are *Error.
	Decode(ctx context.Context, in *Input) (*Result, error)
}

// Windowed is a decoder that reads a segment of fixed length around an event.
type Windowed interface {
	// Window returns where the segment begins and ends, in s after the event, and how much signal on both sides of it is filtered
	// along where it is there.
	Window() (start, end, along float64)
}

// Spatial is a decoder that knows how its channels covaried in training.
type Spatial interface {
	// Covariance returns the covariance of the channels of Info (channels × channels) in the band that the decoder reads, at any scale; nil
	// where the decoder does not tell. Nobody may change it.
	Covariance() *mat.SymDense
	// Band returns the edges of that band in Hz.
	Band() (low, high float64)
}

// Backward is a decoder that looks back at the choices before the one it decides (Input.Earlier).
type Backward interface {
	// Earlier returns at how many.
	Earlier() int
}

// Noted is a decoder that has something to say about its training, in sentences for its card. A restored one has forgotten it.
type Noted interface {
	Notes() []string
}

// Demanding is a pipeline that needs more trials of some classes than of others.
type Demanding interface {
	// Least returns the fewest trials of a class that it can be trained on.
	Least(class string) int
}

// Counted is a number of things in a text: "1 event", "2 events".
func Counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Stable codes of decode errors. They become the error codes of failed jobs.
const (
	CodePayloadTooShort   = "payload_too_short"  // details: samples_needed, samples_got, channels, sample_rate
	CodePayloadMalformed  = "payload_malformed"  // bytes do not fit encoding, layout or channel count
	CodeInvalidSignal     = "invalid_signal"     // NaN, Inf, absurd amplitudes: details channel, sample
	CodeMontageMismatch   = "montage_mismatch"   // details: channels_needed, channels_missing
	CodeNoEvents          = "no_events"          // the decoder needs events and there are none usable
	CodeInvalidStimulus   = "invalid_stimulus"   // matrix, targets or flash codes do not fit
	CodeModelNotFound     = "model_not_found"    // details: model, available
	CodeModelIncompatible = "model_incompatible" // model's paradigm or pipeline does not fit the request
	CodeTooFewTrials      = "too_few_trials"     // training: details trials, classes
	CodeUnsupportedFormat = "unsupported_format" // reader refuses the file; details say why
)

// Error is a fault in the data or the request, never in the program. Repeating the call gives it again.
type Error struct {
	Code    string
	Message string
	Details map[string]any
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an Error; details may be nil.
func Errorf(code string, details map[string]any, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Details: details}
}

// Trial is one labelled segment for training: the raw signal around a cue.
type Trial struct {
	Data  *mat.Dense // channels × samples, µV, unfiltered
	Label int        // index into Dataset.Classes
	Group string     // run or block, for leave-one-group-out folds; "subject/run" where people share a dataset
	Onset float64    // s from the start of its run to the cue, so that overlapping responses can be told apart; 0 unknown
}

// Dataset is what a pipeline trains on. All trials share montage and rate.
type Dataset struct {
	Paradigm eeg.Paradigm
	Channels []string
	Rate     float64 // Hz
	Cue      float64 // s from the start of each trial to its cue; 0 when the trial starts at the cue
	Classes  []string
	Trials   []Trial
	Subject  string
}

// Array is a dense tensor in row-major order.
type Array struct {
	Shape []int
	Data  []float64
}

// State is a trained decoder as plain data: what a model file stores. It holds no code.
type State struct {
	Pipeline string
	Classes  []string
	Channels []string
	Rate     float64
	Config   json.RawMessage // the pipeline's options, all defaults filled in
	Arrays   map[string]Array
}

// ArrayNames returns the names of the arrays in order.
func (s State) ArrayNames() []string { return slices.Sorted(maps.Keys(s.Arrays)) }

// Trained is a decoder that can be stored.
type Trained interface {
	Decoder
	State() State
}

// Pipeline is a trainable algorithm: it makes decoders from trials and from stored state.
type Pipeline interface {
	// Name is the pipeline's stable name, e.g. "csp_lda".
	Name() string
	Paradigm() eeg.Paradigm
	// Train fits a decoder with calibrated probabilities. config is the pipeline's options as JSON, nil for the
	// defaults. Refuses with CodeTooFewTrials where a class has too few trials to fit.
	Train(ctx context.Context, ds *Dataset, config json.RawMessage) (Trained, error)
	// Restore rebuilds a decoder from its state; a state that does not fit is an error, never a panic later.
	Restore(name, version string, st State) (Trained, error)
}
