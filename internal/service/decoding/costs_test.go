package decoding

import (
	"testing"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/models"
)

// TestDecodesCostWhatTheyMay holds what the recordings of a call take together to the bytes that came.
func TestDecodesCostWhatTheyMay(t *testing.T) {
	t.Parallel()
	clip := func(paradigm eeg.Paradigm, channels, targets int) eeg.Input {
		in := eeg.Input{Encoding: "int16le", Paradigm: paradigm, SampleRate: 250, Channels: &eeg.Channels{Count: channels}}
		if targets > 0 {
			in.Stimulus = &eeg.Stimulus{Targets: make([]eeg.Target, targets)}
		}
		return in
	}
	every := func(in eeg.Input, events int) eeg.Input {
		in.Trials, in.Events = "all", make(eeg.Events, events)
		return in
	}
	session := func(in eeg.Input) eeg.Input {
		in.SessionID, in.Encoding = "s", "float32le"
		return in
	}
	file := eeg.Input{Encoding: "edf", Events: nil, Trials: "all", Paradigm: "motor_imagery"}
	for _, tt := range []struct {
		name  string
		in    eeg.Input
		size  int
		items int
		fine  bool
	}{
		{"as much imagery as fits", clip("motor_imagery", 64, 0), eeg.MaxPayloadBytes, 1, true},
		{"a scan of a long recording", clip("ssvep", 64, 0), eeg.MaxPayloadBytes, 1, true},
		{"200 targets in a long recording", clip("ssvep", 512, 200), eeg.MaxPayloadBytes, 1, true},
		{"a hundred clips of imagery", clip("motor_imagery", 22, 0), 22 * 2 * 1000, 100, true},
		{"a hundred clips of 40 targets", clip("ssvep", 9, 40), 9 * 2 * 1250, 100, true},
		{"a hundred scans of a second", clip("ssvep", 1, 0), 2 * 250, 100, true},
		{"a hundred scans of 15 s", clip("ssvep", 1, 0), 2 * 3750, 100, false},
		{"a hundred recordings of 40 trials", every(clip("motor_imagery", 22, 0), 40), 22 * 2 * 250 * 60, 10, true},
		{"300 scans in each of a hundred", every(clip("ssvep", 1, 0), 300), 7000, 100, false},
		{"a hundred small files with trials", file, 10_000, 100, false},
		{"ten files with trials", file, 2 << 20, 10, true},
		{"a hundred segments of a session", session(clip("motor_imagery", 3, 0)), 60_000, 100, true},
		{"a hundred segments with 200 targets", session(clip("ssvep", 3, 200)), 60_000, 100, false},
	} {
		var all decodes
		for range tt.items {
			all.add(&eeg.Request{Input: tt.in}, tt.size)
		}
		err := all.admit(models.At("items"))
		if (err == nil) != tt.fine {
			t.Errorf("%s: %v (%d of work)", tt.name, err, all.work)
		}
		if err != nil && models.AsError(err).Fields[0].Code != "too_much_work" {
			t.Errorf("%s: refused with %v", tt.name, err)
		}
	}
}
