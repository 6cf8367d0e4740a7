package decodertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime/debug"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// sumTolerance is how far the probabilities of a result may sum from 1: rounding of some thousand terms.
const sumTolerance = 1e-9

// codes are the stable codes a decoder may answer with.
var codes = []string{
	decoders.CodePayloadTooShort, decoders.CodePayloadMalformed, decoders.CodeInvalidSignal, decoders.CodeMontageMismatch,
	decoders.CodeNoEvents, decoders.CodeInvalidStimulus, decoders.CodeModelNotFound,
	decoders.CodeModelIncompatible, decoders.CodeTooFewTrials, decoders.CodeUnsupportedFormat,
}

// decode calls the decoder and turns a panic into a *panicError.
func decode(ctx context.Context, d decoders.Decoder, in *decoders.Input) (res *decoders.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			res, err = nil, &panicError{fmt.Sprint(r), debug.Stack()}
		}
	}()
	return d.Decode(ctx, in)
}

type panicError struct {
	value string
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %s\n%s", e.value, e.stack) }

// CheckResult reports what is wrong with a result that the decoder described by info returned without an error.
func CheckResult(info decoders.Info, res *decoders.Result) error {
	if res == nil {
		return errors.New("neither a result nor an error")
	}
	if res.Paradigm != info.Paradigm {
		return fmt.Errorf("result has paradigm %q, decoder is %q", res.Paradigm, info.Paradigm)
	}
	if len(res.Classes) == 0 {
		return errors.New("result has no classes")
	}
	sum, seen := 0.0, make(map[string]bool, len(res.Classes))
	for i, c := range res.Classes {
		switch p := c.Probability; {
		case c.Name == "":
			return fmt.Errorf("class %d has no name", i)
		case seen[c.Name]:
			return fmt.Errorf("class %q is named twice", c.Name)
		case math.IsNaN(p) || p < 0 || p > 1+sumTolerance:
			return fmt.Errorf("class %q has probability %v", c.Name, p)
		case i > 0 && p > res.Classes[i-1].Probability:
			return fmt.Errorf("classes are not ranked: %v after %v", p, res.Classes[i-1].Probability)
		}
		seen[c.Name] = true
		sum += c.Probability
	}
	if math.Abs(sum-1) > sumTolerance {
		return fmt.Errorf("probabilities sum to %v", sum)
	}
	if !(res.From >= 0 && res.From <= res.To) || math.IsInf(res.To, 0) {
		return fmt.Errorf("the answer rests on the signal from %v to %v s", res.From, res.To)
	}
	if err := checkVerdict(res); err != nil {
		return err
	}
	for _, f := range res.Flags {
		if f == "" {
			return errors.New("empty flag")
		}
	}
	if _, err := json.Marshal(res.Evidence); err != nil {
		return fmt.Errorf("evidence is not JSON: %w", err)
	}
	return nil
}

// ictalLike is the class of package seizure that a verdict is about.
const ictalLike = "ictal_like"

// checkVerdict holds a verdict on a seizure to the classes: what is detected is the most probable class, and where nothing can be said no
// class is more probable than another.
func checkVerdict(res *decoders.Result) error {
	first, last := res.Classes[0], res.Classes[len(res.Classes)-1]
	switch {
	case res.Paradigm != eeg.Seizure:
	case res.Seizure == nil && first.Probability > last.Probability+sumTolerance:
		return fmt.Errorf("no verdict on a seizure, but %q has %v", first.Name, first.Probability)
	case res.Seizure != nil && *res.Seizure != (first.Name == ictalLike):
		return fmt.Errorf("the verdict on a seizure is %v, but %q is first", *res.Seizure, first.Name)
	}
	return nil
}

// CheckError reports what is wrong with an error about bad data: it must be a *decoders.Error with a code of
// package decoders, a message, and details that can be sent as JSON.
func CheckError(err error) error {
	var p *panicError
	if errors.As(err, &p) {
		return p
	}
	var e *decoders.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("error is a %T, not a *decoders.Error: %w", err, err)
	}
	if !slices.Contains(codes, e.Code) {
		return fmt.Errorf("error has the unknown code %q: %w", e.Code, err)
	}
	if e.Message == "" {
		return fmt.Errorf("error %q has no message", e.Code)
	}
	if _, jsonErr := json.Marshal(e.Details); jsonErr != nil {
		return fmt.Errorf("details of %q are not JSON: %w", e.Code, jsonErr)
	}
	for _, key := range detailKeys[e.Code] {
		if _, ok := e.Details[key]; !ok {
			return fmt.Errorf("error %q lacks the detail %q: has %v", e.Code, key, e.Details)
		}
	}
	return nil
}

// detailKeys are the details that package decoders promises with a code.
var detailKeys = map[string][]string{
	decoders.CodePayloadTooShort: {"samples_needed", "samples_got", "channels", "sample_rate"},
	decoders.CodeMontageMismatch: {"channels_needed", "channels_missing"},
}

// checkOutcome holds any outcome of a decode to the contract.
func checkOutcome(info decoders.Info, res *decoders.Result, err error) error {
	if err == nil {
		return CheckResult(info, res)
	}
	if res != nil {
		return fmt.Errorf("both a result and an error: %w", err)
	}
	return CheckError(err)
}

// fingerprint writes an answer down to the last bit.
func fingerprint(res *decoders.Result, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	if res == nil {
		return "nil"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %v", res.Paradigm, res.Flags)
	if res.Seizure != nil {
		fmt.Fprintf(&b, " seizure=%t", *res.Seizure)
	}
	for _, c := range res.Classes {
		fmt.Fprintf(&b, "\n%s %016x", c.Name, math.Float64bits(c.Probability))
	}
	// JSON writes the shortest decimal that reads back as the same float64, and map keys in order.
	ev, jsonErr := json.Marshal(res.Evidence)
	fmt.Fprintf(&b, "\n%s %v", ev, jsonErr)
	return b.String()
}

// clone copies what a decoder can reach by reference. Functions are shared.
func clone(in *decoders.Input) *decoders.Input {
	c := *in
	if in.Data != nil {
		c.Data = new(mat.Dense)
		if !in.Data.IsEmpty() {
			c.Data = mat.DenseCopyOf(in.Data)
		}
	}
	c.Channels = slices.Clone(in.Channels)
	c.Events = slices.Clone(in.Events)
	c.History = slices.Clone(in.History)
	c.Stimulus.Targets = slices.Clone(in.Stimulus.Targets)
	c.Stimulus.Matrix = nil
	for _, row := range in.Stimulus.Matrix {
		c.Stimulus.Matrix = append(c.Stimulus.Matrix, slices.Clone(row))
	}
	c.Stimulus.Flashes = nil
	for code, symbols := range in.Stimulus.Flashes {
		if c.Stimulus.Flashes == nil {
			c.Stimulus.Flashes = make(map[int][]string)
		}
		c.Stimulus.Flashes[code] = slices.Clone(symbols)
	}
	return &c
}

// sameInput reports whether two inputs hold the same data to the last bit.
func sameInput(a, b *decoders.Input) error {
	switch {
	case !sameMatrix(a.Data, b.Data):
		return errors.New("the samples were changed")
	case !slices.Equal(a.Channels, b.Channels) || math.Float64bits(a.Rate) != math.Float64bits(b.Rate):
		return errors.New("the channels or the rate were changed")
	case !reflect.DeepEqual(a.Events, b.Events):
		return errors.New("the events were changed")
	case !reflect.DeepEqual(a.Stimulus, b.Stimulus):
		return errors.New("the stimulus was changed")
	case !slices.Equal(a.History, b.History):
		return errors.New("the history was changed")
	}
	return nil
}

func sameMatrix(a, b *mat.Dense) bool {
	if a == nil || b == nil || a.IsEmpty() || b.IsEmpty() {
		return (a == nil || a.IsEmpty()) == (b == nil || b.IsEmpty())
	}
	ar, ac := a.Dims()
	br, bc := b.Dims()
	if ar != br || ac != bc {
		return false
	}
	for r := range ar {
		y := b.RawRowView(r)
		for c, v := range a.RawRowView(r) {
			if math.Float64bits(v) != math.Float64bits(y[c]) {
				return false
			}
		}
	}
	return true
}
