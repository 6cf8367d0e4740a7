package datasets

import (
	"context"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/eeg"
)

// MuseOddball is the visual oddball of the Muse recordings: marker 1 is a non-target, 2 a target.
var MuseOddball = Task{
	Name: "target/non-target", Paradigm: eeg.P300,
	Events: [][]string{{"1"}, {"2"}}, Classes: []string{p300.NonTarget, p300.Target},
}

// Muse gathers the oddball epochs of the CSV files below root that match a pattern, one group a file. Channels are the
// file's labels; nil takes the four electrodes of the headset.
func Muse(ctx context.Context, root, pattern string, channels []string) (*decoders.Dataset, []Problem, error) {
	if channels == nil {
		channels = []string{"TP9", "AF7", "AF8", "TP10"}
	}
	files := Glob(root, pattern)
	if len(files) == 0 {
		return nil, nil, nil
	}
	return Load(ctx, Query{Paths: files, Task: MuseOddball, Channels: channels, Before: p300.Cue, After: p300.After})
}

// BonnRate is the sampling rate of the Bonn clips in Hz (Andrzejak et al. 2001); the files do not tell it.
const BonnRate = 173.61

// Bonn gathers the clips of the archives Z, O, N, F and S of Bonn University, named by their files: S holds seizures, the
// others none. The group of a trial is its set. The dataset is nil where there are no clips.
func Bonn(ctx context.Context, archives []string) (*decoders.Dataset, []Problem, error) {
	ds := &decoders.Dataset{
		Paradigm: eeg.Seizure, Channels: []string{"EEG"}, Rate: BonnRate, Classes: []string{seizure.NoPattern, seizure.IctalLike},
	}
	var problems []Problem
	for _, file := range archives {
		if err := ctx.Err(); err != nil {
			return nil, problems, err
		}
		set := Stem(file)
		if !slices.Contains([]string{"Z", "O", "N", "F", "S"}, set) {
			problems = append(problems, Problem{file, fmt.Errorf("%q is none of the sets Z, O, N, F and S", set)})
			continue
		}
		label := 0
		if set == "S" {
			label = 1
		}
		clips, p := Open(file, nil)
		problems = append(problems, p...)
		for _, c := range clips {
			c.Recording.SetRate(BonnRate)
			x := c.Recording.Channels[0].Samples
			ds.Trials = append(ds.Trials, decoders.Trial{Data: mat.NewDense(1, len(x), x), Label: label, Group: set})
		}
	}
	if len(ds.Trials) == 0 {
		return nil, problems, nil
	}
	return ds, problems, nil
}

// Clips cuts a recording into segments of the given length in s, one behind the other; what is left over at the end is
// no clip. Without channels it takes all EEG channels. The clips are views.
func Clips(rec *recording.Recording, seconds float64, channels ...string) ([]decoders.Signal, error) {
	sig, err := rec.Signal(channels...)
	if err != nil {
		return nil, err
	}
	rows, n := sig.Data.Dims()
	length := int(seconds * sig.Rate)
	var clips []decoders.Signal
	for at := 0; length > 0 && at+length <= n; at += length {
		clip := sig
		clip.Data = sig.Data.Slice(0, rows, at, at+length).(*mat.Dense)
		clips = append(clips, clip)
	}
	return clips, nil
}

// MarkedSeizures pairs each seizure_onset with the seizure_offset that follows it, or the recording's end.
func MarkedSeizures(r Run) []seizure.Event {
	var out []seizure.Event
	open := false
	for _, ev := range r.Recording.Events {
		switch ev.Label {
		case "seizure_onset":
			out = append(out, seizure.Event{Start: ev.Onset, End: r.Recording.Seconds()})
			open = true
		case "seizure_offset":
			if open {
				out[len(out)-1].End = ev.Onset
				open = false
			}
		}
	}
	return out
}
