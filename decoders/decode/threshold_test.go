package decode_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// TestSeizureThreshold asks for thresholds and rates of false alarms: verdict, intent and confidence agree, stricter ones alarm no more, and
// what a card cannot promise is refused with what it can.
func TestSeizureThreshold(t *testing.T) {
	t.Parallel()
	cat := defaultCatalog(t)
	s, err := synthetic.Seizure(synthetic.Config{Seed: 5}, synthetic.SeizureConfig{Seconds: 60, Onset: 20, Duration: 35, AmplitudeUV: 150})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(t *testing.T, o *eeg.SeizureOptions, model string) (*eeg.Result, *eeg.Diagnostics, error) {
		t.Helper()
		req, payload := clip(s, 22, 30)
		req.Input.Paradigm, req.Input.Events, req.Input.Seizure, req.Input.Model = eeg.Seizure, nil, o, model
		out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
		checkOutcome(t, out, d, err)
		return out, d, err
	}
	threshold := func(v float64) *eeg.SeizureOptions { return &eeg.SeizureOptions{Threshold: &v} }
	rate := func(v float64) *eeg.SeizureOptions { return &eeg.SeizureOptions{FalseAlarmsPerDay: &v} }

	var seen [2]int
	before := true
	for _, v := range []float64{0.01, 0.2, 0.4, 0.5, 0.6, 0.8, 0.99} {
		out, d, err := ask(t, threshold(v), "")
		if err != nil {
			t.Fatal(err)
		}
		yes := out.SeizureDetected != nil && *out.SeizureDetected
		if yes != (out.DecodedIntent == "possible_seizure") || out.Confidence < 0.5 || yes && !before {
			t.Errorf("at %v: %v, %s %.2f; before %v", v, yes, out.DecodedIntent, out.Confidence, before)
		}
		if d.Evidence["threshold"] != v {
			t.Errorf("the evidence says %v of a threshold of %v", d.Evidence["threshold"], v)
		}
		before = yes
		if yes {
			seen[1]++
		} else {
			seen[0]++
		}
	}
	if seen[0] == 0 || seen[1] == 0 {
		t.Errorf("%d clips called, %d not: the thresholds made no difference", seen[1], seen[0])
	}

	choice, err := cat.Resolve(catalog.Query{Model: "seizure-check"})
	if err != nil {
		t.Fatal(err)
	}
	points := choice.Entry.Card.OperatingPoints
	if len(points) == 0 {
		t.Fatal("the card of seizure-check has no operating points")
	}
	last := points[len(points)-1]
	if _, d, err := ask(t, rate(last.Interval[1]+1), "seizure-check"); err != nil || d.Evidence["threshold"].(float64) > last.Threshold {
		t.Errorf("%v a day: %v, %v", last.Interval[1]+1, err, d.Evidence)
	}
	for name, tc := range map[string]struct {
		o     *eeg.SeizureOptions
		model string
		code  string
	}{
		"rarer than counted":    {rate(last.Interval[1] - 1), "seizure-check", decoders.CodeModelIncompatible},
		"not counted":           {rate(1000), "seizure-rules", decoders.CodeModelIncompatible},
		"no rate":               {rate(0), "", decoders.CodePayloadMalformed},
		"too high":              {threshold(1), "", decoders.CodePayloadMalformed},
		"both":                  {&eeg.SeizureOptions{Threshold: &last.Threshold, FalseAlarmsPerDay: &last.Hours}, "", decoders.CodePayloadMalformed},
		"a rate beyond seconds": {rate(1e6), "", decoders.CodePayloadMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ask(t, tc.o, tc.model)
			var fault *decoders.Error
			if !errors.As(err, &fault) || fault.Code != tc.code {
				t.Fatalf("%v, want %s", err, tc.code)
			}
			if name == "rarer than counted" && fmt.Sprint(fault.Details["false_alarms_per_day_least"]) == "<nil>" {
				t.Errorf("the error does not say what can be promised: %+v", fault)
			}
		})
	}

	// A threshold of the seizure check means nothing to another paradigm.
	req, payload := clip(s, 22, 30)
	req.Input.Paradigm, req.Input.Events, req.Input.Seizure = eeg.SSVEP, nil, threshold(0.5)
	req.Input.Stimulus = &eeg.Stimulus{Targets: []eeg.Target{{Frequency: 10}, {Frequency: 13}}}
	_, _, err = decode.Run(t.Context(), req, payload, cat, decode.Options{})
	var fault *decoders.Error
	if !errors.As(err, &fault) || fault.Code != decoders.CodeModelIncompatible {
		t.Errorf("with paradigm ssvep: %v", err)
	}
}
