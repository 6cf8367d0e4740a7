package decode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/ssvep"
)

const (
	maxFlashSOA = 1.0  // s: slower stimuli are cues, not flashes
	maxP        = 0.01 // of the SSVEP surrogates, see package ssvep
	// minAutoSeconds is the shortest clip that auto looks at: five periods of the slowest flicker in use.
	minAutoSeconds = 1.0
)

// choose picks the model for a paradigm that is settled; clips tells that several clips of the person are at hand.
func choose(cat catalog.Resolver, p decoders.Paradigm, in *Input, l *loaded, clips bool, d *Diagnostics) (*catalog.Choice, error) {
	choice, err := cat.Resolve(catalog.Query{Model: in.Model, Paradigm: p, Channels: l.Channels, Rate: l.Rate, Clips: clips})
	if err != nil {
		return nil, err
	}
	d.Routing.Used = Route{Paradigm: string(choice.Entry.Paradigm), Model: choice.Entry.ID()}
	d.Routing.Passed = choice.Passed
	return choice, nil
}

// alone picks the model again for a clip of which there are no others.
func alone(cat catalog.Resolver, first *catalog.Choice, in *Input, l *loaded, d *Diagnostics) (*catalog.Choice, error) {
	choice, err := choose(cat, first.Entry.Paradigm, in, l, false, d)
	if err != nil {
		return nil, err
	}
	if choice.Entry.ID() != first.Entry.ID() {
		d.Routing.Fallbacks = append(d.Routing.Fallbacks, Fallback{From: first.Entry.ID(), Why: "there are no other clips of the person to move it to"})
		d.Routing.Why = strings.TrimSuffix(d.Routing.Why, first.Why) + choice.Why
	}
	return choice, nil
}

// auto settles the paradigm by the evidence, in the order that the package comment gives. The signal is loaded. The
// result is not nil where finding out took the whole decode.
func auto(ctx context.Context, cat catalog.Resolver, in *Input, input *decoders.Input, l *loaded, clips bool, d *Diagnostics) (*catalog.Choice, *decoders.Result, error) {
	evidence := map[string]any{}
	d.Routing.Evidence = evidence
	pass := func(p decoders.Paradigm, format string, args ...any) {
		d.Routing.Fallbacks = append(d.Routing.Fallbacks, Fallback{From: string(p), Why: fmt.Sprintf(format, args...)})
	}

	train := flashTrain(l.events)
	evidence["events"] = train
	if train.isP300() {
		choice, err := choose(cat, decoders.P300, in, l, false, d)
		if err != nil {
			return nil, nil, err
		}
		d.Routing.Why = fmt.Sprintf("%d events of %d codes, a median of %.3g s apart, are flashes; %s", train.Events, train.Codes, *train.MedianSOA, choice.Why)
		return choice, nil, nil
	}
	pass(decoders.P300, "%s", train.why())

	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if len(input.Stimulus.Targets) == 0 {
		pass(decoders.SSVEP, "the request names no stimulus frequencies")
	} else {
		choice, result, found, err := flickers(ctx, cat, in, input, l, d)
		var fault *decoders.Error
		switch {
		case errors.As(err, &fault) && fault.Code != decoders.CodeInvalidStimulus: // a wrong request is not the evidence's fault
			evidence["ssvep"] = map[string]any{"error": fault.Code}
			pass(decoders.SSVEP, "%s", fault.Message)
		case err != nil:
			return nil, nil, err
		default:
			evidence["ssvep"] = found
			switch {
			case !found.Tested:
				pass(decoders.SSVEP, "the band leaves no neighboring frequencies to compare %g Hz with", found.Frequency)
			case found.P >= maxP:
				pass(decoders.SSVEP, "no target stands out: %g Hz is the best, p = %.3g", found.Frequency, found.P)
			case found.AlphaLike:
				pass(decoders.SSVEP, "%g Hz without harmonics looks like the alpha rhythm", found.Frequency)
			default:
				d.Routing.Why = fmt.Sprintf("the response at %g Hz beats its surrogates, p = %.3g; %s", found.Frequency, found.P, choice.Why)
				return choice, result, nil
			}
		}
		d.Routing.Used, d.Routing.Passed = Route{}, nil
	}

	missing := missingMotor(l.Channels)
	evidence["motor_channels_missing"] = missing
	if len(missing) > 0 {
		pass(decoders.MotorImagery, "the montage lacks %s", listed(missing))
		return nil, nil, undetermined(d)
	}
	choice, err := choose(cat, decoders.MotorImagery, in, l, clips, d)
	var fault *decoders.Error
	if errors.As(err, &fault) {
		evidence["motor_imagery"] = map[string]any{"error": fault.Code, "details": fault.Details}
		pass(decoders.MotorImagery, "%s", fault.Message)
		return nil, nil, undetermined(d)
	}
	if err != nil {
		return nil, nil, err
	}
	if need := minSamples(choice.Decoder, l.Rate); l.Samples() < need {
		pass(decoders.MotorImagery, "%d samples a channel, %s needs %d", l.Samples(), choice.Entry.ID(), need)
		d.Routing.Used = Route{}
		return nil, nil, undetermined(d)
	}
	d.Routing.Why = "neither flashes nor flicker, and the montage covers C3 and C4; " + choice.Why
	return choice, nil, nil
}

// flickers decodes with the catalog's SSVEP model and returns whether there is a flicker at all.
func flickers(ctx context.Context, cat catalog.Resolver, in *Input, input *decoders.Input, l *loaded, d *Diagnostics) (*catalog.Choice, *decoders.Result, ssvep.Detection, error) {
	choice, err := choose(cat, decoders.SSVEP, in, l, false, d)
	if err != nil {
		return nil, nil, ssvep.Detection{}, err
	}
	result, err := choice.Decoder.Decode(ctx, input)
	if err != nil {
		return nil, nil, ssvep.Detection{}, err
	}
	if found, ok := result.Evidence["detection"].(ssvep.Detection); ok {
		return choice, result, found, nil
	}
	// A model of another making, which does not say how sure it is that there is a flicker.
	found, err := ssvep.Detect(input)
	return choice, result, found, err
}

func undetermined(d *Diagnostics) error {
	tried := slices.Clone(d.Routing.Fallbacks)
	return decoders.Errorf(decoders.CodeUndetermined, map[string]any{"evidence": d.Routing.Evidence, "tried": tried},
		"nothing in the recording tells the paradigm; name it in the request. Looked at: "+
			"p300 (%s), ssvep (%s), motor_imagery (%s)", tried[0].Why, tried[1].Why, tried[2].Why)
}

// missingMotor returns which of C3 and C4 a montage lacks.
func missingMotor(channels []string) []string {
	missing := []string{"C3", "C4"}
	for _, ch := range channels {
		name := recording.CanonicalName(ch)
		missing = slices.DeleteFunc(missing, func(m string) bool { return m == name })
	}
	return missing
}

// train is what the events look like as flashes.
type train struct {
	Events    int      `json:"events"`
	Codes     int      `json:"codes"`
	MedianSOA *float64 `json:"median_soa_s"` // s between the onsets of neighbors; null with fewer than two events
}

func flashTrain(events []decoders.Event) train {
	t := train{Events: len(events)}
	codes := map[int]bool{}
	for _, e := range events {
		codes[e.Code] = true
	}
	t.Codes = len(codes)
	if len(events) < 2 {
		return t
	}
	onsets := make([]float64, len(events))
	for i, e := range events {
		onsets[i] = e.Onset
	}
	slices.Sort(onsets)
	gaps := make([]float64, len(onsets)-1)
	for i := range gaps {
		gaps[i] = onsets[i+1] - onsets[i]
	}
	slices.Sort(gaps)
	median := gaps[len(gaps)/2]
	if len(gaps)%2 == 0 {
		median = (gaps[len(gaps)/2-1] + median) / 2
	}
	if !math.IsNaN(median) && !math.IsInf(median, 0) {
		t.MedianSOA = &median
	}
	return t
}

func (t train) isP300() bool {
	return t.Codes >= 2 && t.MedianSOA != nil && *t.MedianSOA <= maxFlashSOA
}

func (t train) why() string {
	switch {
	case t.Events == 0:
		return "there are no events"
	case t.Codes < 2:
		return fmt.Sprintf("%d events of a single code", t.Events)
	case t.MedianSOA == nil:
		return "the events have no usable times"
	}
	return fmt.Sprintf("the events are %.3g s apart, flashes are at most %g s", *t.MedianSOA, maxFlashSOA)
}

// minSamples returns how many samples a channel a decoder needs, at least 1.
func minSamples(d decoders.Decoder, rate float64) int {
	if f := d.Info().MinSamples; f != nil {
		return max(1, f(rate))
	}
	return 1
}

func autoSamples(rate float64) int { return epoch.Samples(minAutoSeconds, rate) }
