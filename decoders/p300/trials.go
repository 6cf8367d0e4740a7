package p300

import (
	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/eeg"
)

// Cue is the signal in s before each flash in the trials of [Trials], and After that after it: the longest epoch of the
// default options with room for the filter to settle.
const (
	Cue   = 1.0
	After = 1.5
)

// Trials cuts the epochs of a run for training, as views of sig; targets says for each event whether its flash was
// attended. Flashes with less than Cue s before or After s after them are left out. Labels index [NonTarget, Target].
func Trials(sig decoders.Signal, events []eeg.Event, targets []bool, group string) []decoders.Trial {
	var trials []decoders.Trial
	for i := range min(len(events), len(targets)) {
		label := 0
		if targets[i] {
			label = 1
		}
		trials = append(trials, epoch.Cut(sig, events[i:i+1], func(eeg.Event) int { return label }, Cue, After, group)...)
	}
	return trials
}

// NewDataset returns an empty training set for trials of [Trials] from signals of this montage and rate in Hz.
func NewDataset(channels []string, rate float64) *decoders.Dataset {
	return &decoders.Dataset{Paradigm: eeg.P300, Channels: channels, Rate: rate, Cue: Cue, Classes: []string{NonTarget, Target}}
}
