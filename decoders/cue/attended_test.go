package cue_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cue"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// TestAttended: what was spelled tells the same targets as the speller did.
func TestAttended(t *testing.T) {
	t.Parallel()
	s, err := synthetic.Speller(synthetic.Config{Channels: []string{"Cz"}, Rate: 64, Seed: 2}, synthetic.SpellerConfig{Text: "NEURO", Repetitions: 2})
	if err != nil {
		t.Fatal(err)
	}
	events := slices.Clone(s.Events)
	events = slices.Insert(events, 3, eeg.Event{Onset: events[2].Onset + 0.01, Code: 99, Label: "blink"})
	letters, err := cue.Letters(s.Stimulus, "NEU RO")
	if err != nil || !slices.Equal(letters, []string{"N", "E", "U", "R", "O"}) {
		t.Fatalf("%q, %v", letters, err)
	}
	got, err := cue.Attended(s.Stimulus, letters, events)
	if err != nil {
		t.Fatal(err)
	}
	if got[3] != "" {
		t.Errorf("an event that is no flash is %q", got[3])
	}
	got = slices.Delete(got, 3, 4)
	for i, target := range s.Targets {
		if want := map[bool]string{true: p300.Target, false: p300.NonTarget}[target]; got[i] != want {
			t.Errorf("flash %d is %q, want %q", i, got[i], want)
		}
	}
}

func TestAttendedRefuses(t *testing.T) {
	t.Parallel()
	st := decoders.Stimulus{Matrix: [][]string{{"A", "B"}, {"DEL", "D"}}}
	flashes := []eeg.Event{{Onset: 1, Code: 1}, {Onset: 1.2, Code: 3}, {Onset: 1.4, Code: 2}, {Onset: 1.6, Code: 4}}
	for name, tt := range map[string]struct {
		st     decoders.Stimulus
		text   string
		detail string
	}{
		"no stimulus":      {decoders.Stimulus{}, "A", "codes"},
		"too many letters": {st, "AB", "letters"},
		"no such symbol":   {st, "AX", "at"},
		"half a symbol":    {st, "DE", "at"},
		"nothing lights":   {decoders.Stimulus{Matrix: st.Matrix, Flashes: map[int][]string{1: {"A"}, 2: {"B"}, 9: {"D"}}}, "D", "symbol"},
	} {
		letters, err := cue.Letters(tt.st, tt.text)
		if err == nil {
			_, err = cue.Attended(tt.st, letters, flashes)
		}
		var fault *decoders.Error
		if !errors.As(err, &fault) || fault.Code != decoders.CodeInvalidStimulus || fault.Details[tt.detail] == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if letters, err := cue.Letters(st, "DELADEL"); err != nil || !slices.Equal(letters, []string{"DEL", "A", "DEL"}) {
		t.Errorf("%q, %v", letters, err)
	}
}
