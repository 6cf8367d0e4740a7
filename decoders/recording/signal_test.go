package recording_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/readertest"
)

func TestSignalSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{Channels: []recording.Channel{
		{Label: "EEG T3-Ref", Name: "T7", Kind: recording.EEG, Unit: "uV", Rate: 250, Samples: []float64{1, 2}},
		{Label: "Resp", Name: "Resp", Kind: recording.Other, Rate: 25, Samples: []float64{1}},
	}}
	sig, err := rec.Signal("T3")
	if err != nil || sig.Channels[0] != "T7" || sig.Samples() != 2 {
		t.Errorf("T3: %v, %v", sig.Channels, err)
	}
	_, err = rec.Signal("T7", "Cz", "Pz")
	var e *decoders.Error
	if readertest.CodeOf(err) != decoders.CodeMontageMismatch {
		t.Fatal(err)
	}
	e = err.(*decoders.Error)
	if diff := cmp.Diff([]string{"Cz", "Pz"}, e.Details["channels_missing"]); diff != "" {
		t.Error(diff)
	}
	if _, err := rec.Signal("T7", "Resp"); readertest.CodeOf(err) != decoders.CodeMontageMismatch || !strings.Contains(err.Error(), "different sampling rates") {
		t.Errorf("rates: %v", err)
	}
}

func TestPosition(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{Gaps: []recording.Gap{{At: 10, Length: 5}, {At: 20, Length: 1}}}
	for _, tt := range []struct {
		elapsed, at float64
		inGap       bool
	}{{-1, -1, false}, {9.5, 9.5, false}, {10, 10, true}, {14.9, 10, true}, {15, 10, false}, {24, 19, false}, {25.5, 20, true}, {27, 21, false}} {
		at, inGap := rec.Position(tt.elapsed)
		if math.Abs(at-tt.at) > 1e-12 || inGap != tt.inGap {
			t.Errorf("Position(%g) = %g, %v, want %g, %v", tt.elapsed, at, inGap, tt.at, tt.inGap)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{Channels: []recording.Channel{
		{Label: "EEG Cz", Name: "Cz", Kind: recording.EEG, Rate: 256},
		{Label: "EEG Pz", Name: "Pz", Kind: recording.EEG, Rate: 256},
		{Label: "EEG Oz", Name: "Oz", Kind: recording.EEG, Rate: 128},
		{Label: "ECG", Name: "ECG", Kind: recording.ECG, Rate: 256},
		{Label: "Status", Name: "Status", Kind: recording.Trigger, Rate: 256},
	}}
	picked, skipped, err := rec.Select()
	if err != nil || !slices.Equal(picked, []int{0, 1}) || len(skipped) != 3 {
		t.Fatalf("%v %v %v", picked, skipped, err)
	}
	for i, word := range []string{"128 Hz", "ecg", "events"} {
		if !strings.Contains(skipped[i].Reason, word) {
			t.Errorf("%+v does not say %q", skipped[i], word)
		}
	}
	if picked, _, err = rec.Select("ECG", "cz"); err != nil || !slices.Equal(picked, []int{3, 0}) {
		t.Errorf("by name: %v %v", picked, err)
	}
	for _, bad := range [][]string{{"Fz"}, {"Cz", "Oz"}, {"Cz", "EEG Cz"}, {"Status"}} {
		if _, _, err := rec.Select(bad...); readertest.CodeOf(err) != decoders.CodeMontageMismatch {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// Where no channel is known to be EEG, the error says which there are and what can be done.
func TestNoEEGNamesTheChannelsAndTheRemedy(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{Channels: []recording.Channel{
		{Label: "LeftArm", Name: "LeftArm", Kind: recording.EMG, Rate: 250, Samples: []float64{1}},
		{Label: "Pulse", Name: "Pulse", Kind: recording.Other, Rate: 250, Samples: []float64{1}},
	}}
	_, err := rec.Signal()
	for _, word := range []string{"LeftArm (emg)", "Pulse (other)", "channels", "channel_names"} {
		if readertest.CodeOf(err) != decoders.CodeMontageMismatch || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not say %q", err, word)
		}
	}
	if _, err := rec.Signal("Pulse"); err != nil {
		t.Errorf("the remedy does not help: %v", err)
	}
}
