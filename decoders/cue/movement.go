package cue

import (
	"slices"
	"strings"
	"unicode"

	"github.com/neurod/neurod/eeg"
)

// moving are the words that say what is moved.
var moving = []string{"left", "right", "hand", "hands", "fist", "fists", "arm", "arms", "foot", "feet", "leg", "legs", "tongue"}

// asksMovement reports whether an event asks for a movement or its imagination, by a label such as "left_hand", or, where it has
// none, by a code of the GDF table. "rest" alone does not: every kind of recording has rest.
func asksMovement(e eeg.Event) bool {
	if e.Label == "" {
		return codes[e.Code] != ""
	}
	found := false
	for _, w := range strings.FieldsFunc(strings.ToLower(e.Label), func(r rune) bool { return !unicode.IsLetter(r) }) {
		moves := slices.Contains(moving, w)
		if !moves && w != "both" && w != "class" && !slices.Contains(fillers, w) {
			return false
		}
		found = found || moves
	}
	return found
}

// Movements returns the events that cue movements, whatever the model: those that ask for one by label or code, those named like one of
// the classes but rest, and, where nothing else is in the recording, the T1 and T2 of the motor movement and imagery recordings of PhysioNet
// (Schalk et al. 2004), whose T0 is rest.
func Movements(events []eeg.Event, classes []string) []eeg.Event {
	physionet := len(events) > 0
	for _, e := range events {
		physionet = physionet && (e.Label == "T0" || e.Label == "T1" || e.Label == "T2")
	}
	var cues []eeg.Event
	for _, e := range events {
		class := ""
		if e.Label != "" {
			class = classOf(e.Label, classes)
		}
		if asksMovement(e) || class != "" && !isRest(class) || physionet && e.Label != "T0" {
			cues = append(cues, e)
		}
	}
	return cues
}
