package training_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/internal/lab/training"
)

// flashesOf are so many targets and other flashes of a synthetic speller.
func flashesOf(t testing.TB, targets, others int) *decoders.Dataset {
	t.Helper()
	s, err := synthetic.Speller(synthetic.Config{Channels: []string{"Fz", "Cz", "Pz", "Oz"}, Rate: 100, Seed: 4}, synthetic.SpellerConfig{Text: "CAT", Repetitions: 6, P300UV: 20})
	if err != nil {
		t.Fatal(err)
	}
	ds := p300.NewDataset(s.Channels, s.Rate)
	ds.Subject = "p1"
	left := [2]int{others, targets}
	for _, tr := range p300.Trials(s.Signal, s.Events, s.Targets, "run") {
		if left[tr.Label]--; left[tr.Label] >= 0 {
			ds.Trials = append(ds.Trials, tr)
		}
	}
	return ds
}

// TestUnbalancedTrialsAreAllMeasured: with one target more than is learned from, as many folds as that takes measure every trial; with fewer, the error
// names each class that lacks some.
func TestUnbalancedTrialsAreAllMeasured(t *testing.T) {
	t.Parallel()
	spec := training.Spec{Name: "m", Candidates: []training.Candidate{{Pipeline: p300.ERPLDA()}}, Calibration: "platt"}
	for _, tt := range []struct {
		targets, others int
		protocol        string
	}{{11, 60, "11-fold within subject"}, {12, 60, "6-fold within subject"}, {13, 60, "5-fold within subject"}, {20, 60, "5-fold within subject"}} {
		m := train(t, flashesOf(t, tt.targets, tt.others), spec)
		if e := m.Card.Evaluations[0]; e.Protocol != tt.protocol || e.Trials != tt.targets+tt.others {
			t.Errorf("%d targets: %s of %d trials, want %s", tt.targets, e.Protocol, e.Trials, tt.protocol)
		}
	}
	for _, tt := range []struct {
		targets, others int
		missing, needed map[string]int
	}{
		{8, 60, map[string]int{"target": 3}, map[string]int{"target": 11, "non_target": 21}},
		{8, 15, map[string]int{"target": 3, "non_target": 6}, map[string]int{"target": 11, "non_target": 21}},
		{30, 20, map[string]int{"non_target": 1}, map[string]int{"target": 11, "non_target": 21}},
		{11, 21, map[string]int{"non_target": 1}, map[string]int{"target": 11, "non_target": 22}}, // eleven folds leave two of the others out
	} {
		_, err := training.Train(t.Context(), flashesOf(t, tt.targets, tt.others), spec)
		var fault *decoders.Error
		if !errors.As(err, &fault) || fault.Code != decoders.CodeTooFewTrials {
			t.Errorf("%d targets and %d others: %v", tt.targets, tt.others, err)
			continue
		}
		if diff := cmp.Diff(map[string]any{"trials": tt.targets + tt.others, "classes": map[string]int{"target": tt.targets, "non_target": tt.others}, "needed": tt.needed, "missing": tt.missing}, fault.Details); diff != "" {
			t.Errorf("%d targets and %d others (-want +got):\n%s", tt.targets, tt.others, diff)
		}
	}
}
