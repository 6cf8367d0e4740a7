package datasets

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cue"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/eeg"
)

// Flashes says which flashes were targets where no label or code of an event does: what recordings say themselves (the target column of a buffer's
// events), or what was spelled.
type Flashes struct {
	// Stimulus says what the codes of flashes lit up. Needed for Letters alone.
	Stimulus decoders.Stimulus
	// Letters are what was spelled, by the name of the run, "" for every run that is not named. Runs without letters go by their own word.
	Letters map[string]string
}

// TargetFlashes is the task of telling targets from other flashes in recordings that say themselves which they were, or of which f has the letters.
func TargetFlashes(f Flashes) Task {
	return Task{Name: "target/non-target", Paradigm: eeg.P300, Classes: []string{p300.NonTarget, p300.Target}, Flashes: &f}
}

// ParseLetters reads what was spelled: "CAT" for every run, or "run=CAT".
func ParseLetters(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range list {
		run, letters, named := strings.Cut(text, "=")
		if !named {
			run, letters = "", text
		}
		run = strings.TrimSpace(run)
		switch _, twice := out[run]; {
		case letters == "":
			return nil, fmt.Errorf("letters %q are none; they are of the form CAT, or run=CAT where runs differ", text)
		case named && run == "":
			return nil, fmt.Errorf("letters %q name no run", text)
		case twice && run == "":
			return nil, fmt.Errorf("letters are given twice: name the run that each is of, as in run=CAT")
		case twice:
			return nil, fmt.Errorf("letters of the run %q are given twice", run)
		}
		out[run] = letters
	}
	return out, nil
}

// errNoTargets is the error of a run that does not tell targets.
var errNoTargets = decoders.Errorf(decoders.CodeNoEvents, nil,
	"it does not say which flashes were targets: it has no target column, and neither classes of its events nor letters are given")

// labels returns what tells the class of each event of a run, which are asked for in order.
func (f *Flashes) labels(r Run) (func(eeg.Event) int, error) {
	events := r.Recording.Events
	classes := make([]int, len(events))
	text, ok := f.Letters[r.Name]
	if !ok {
		text, ok = f.Letters[""]
	}
	switch {
	case ok:
		letters, err := cue.Letters(f.Stimulus, text)
		if err != nil {
			return nil, err
		}
		attended, err := cue.Attended(f.Stimulus, letters, events)
		if err != nil {
			return nil, err
		}
		for i, class := range attended {
			classes[i] = slices.Index([]string{p300.NonTarget, p300.Target}, class)
		}
	case r.Recording.Targets != nil:
		for i, target := range r.Recording.Targets {
			if target {
				classes[i] = 1
			}
		}
	default:
		return nil, errNoTargets
	}
	next := 0
	return func(eeg.Event) int {
		next++
		return classes[next-1]
	}, nil
}

// unknown returns the names of letters that no run has.
func (f *Flashes) unknown(runs map[string][]Run) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(f.Letters)) {
		found := name == ""
		for _, list := range runs {
			found = found || slices.ContainsFunc(list, func(r Run) bool { return r.Name == name })
		}
		if !found {
			out = append(out, name)
		}
	}
	return out
}
