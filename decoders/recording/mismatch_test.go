package recording_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/readertest"
)

func TestMismatchNamesWhatIsThereAndWhatMayBeMeant(t *testing.T) {
	t.Parallel()
	have := []string{"Amp1_C3", "chC4", "Fzz", "O1", "Status"}
	need := []string{"C3", "C4", "Fz", "Pz", "O1"}
	err := recording.Mismatch("model a@1", have, need, []string{"C3", "C4", "Fz", "Pz"}, map[string]any{"model": "a@1"})
	for _, want := range []string{"model a@1 needs channels that the recording lacks: C3, C4, Fz, Pz", "has Amp1_C3, chC4, Fzz, O1, Status",
		"Amp1_C3 may be C3, chC4 may be C4, Fzz may be Fz", "channel_names"} {
		if !strings.Contains(err.Message, want) {
			t.Errorf("%q does not say %q", err.Message, want)
		}
	}
	near := err.Details["channels_nearest"].(map[string]string)
	if len(near) != 3 || near["C4"] != "chC4" || !slices.Equal(err.Details["channels_got"].([]string), have) || err.Details["model"] != "a@1" {
		t.Errorf("details %v", err.Details)
	}
	// Electrodes that are there are not misspellings of their neighbors.
	if near := recording.Nearest([]string{"C3", "C1", "CP3"}, []string{"C3", "C4"}, []string{"C4"}); len(near) != 0 {
		t.Errorf("for C4: %v", near)
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	got, err := recording.Renamed([]string{"Amp1", "EEG O1-Ref", "Pz"}, map[string]string{"Amp1": "C3", "o1": "O2"})
	if err != nil || !slices.Equal(got, []string{"C3", "O2", "Pz"}) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := recording.Renamed([]string{"C3", "C4"}, map[string]string{"C3": "C4", "C4": "C3"}); err != nil || !slices.Equal(got, []string{"C4", "C3"}) {
		t.Errorf("swapped: %v, %v", got, err)
	}
	for name, names := range map[string]map[string]string{"absent": {"Fz": "Cz"}, "taken": {"Amp1": "Pz"}} {
		if got, err := recording.Renamed([]string{"Amp1", "Pz"}, names); readertest.CodeOf(err) != "montage_mismatch" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
