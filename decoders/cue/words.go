package cue

import (
	"slices"
	"strings"
	"unicode"

	"github.com/neurod/neurod/eeg"
)

// Codes of the GDF table of events. 773 has no entry there; the synthetic recordings use it for both hands.
const (
	unknownCue = 783 // the cue of a class that is kept secret, as in the evaluation sets of the BCI Competitions
	flickerOn  = 32779
	flickerOff = 32780
)

// codes are cues of movements. 774 (0x0306) stands for the feet, too.
var codes = map[int]string{769: "left", 770: "right", 771: "feet", 772: "tongue", 773: "hands", 774: "feet"}

// marks are codes of the same table, and of OpenViBE, that begin no trial.
var marks = map[int]bool{
	276: true, 277: true, // eyes open, closed
	768: true,                       // start of a trial, before its cue
	781: true, 785: true, 786: true, // feedback, beep, cross
	782: true, 784: true, 787: true,
	800: true, 32766: true, // end of a trial, start of a segment
	1023: true, 1072: true, 1077: true, 1078: true, 1079: true, 1081: true, // rejected trial, eye movements
}

// fillers say nothing of which class an event cues: "imagined left fist", "OVTK_GDF_Left", "cue right hand".
var fillers = []string{"imagery", "imagine", "imagined", "motor", "mi", "movement", "move", "cue", "onset", "start", "gdf", "ovtk", "task", "trial"}

// asks are the fillers that make a label of nothing else a cue.
var asks = []string{"cue", "imagery", "imagine", "imagined", "mi"}

// others are words by which an event is known to be no cue.
var others = []string{"start", "stop", "end", "begin", "experiment", "trial", "segment", "feedback", "beep", "cross", "fixation", "baseline", "boundary",
	"comment", "bad", "artifact", "artefact", "blink", "eyes", "pause", "break", "instruction", "instructions", "lost", "sync", "rest", "idle", "relax",
	"eog", "reject", "rejected", "run", "session", "recording", "impedance", "calibration"}

func words(label string) []string {
	return strings.FieldsFunc(strings.ToLower(label), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// plain brings the names of a class to one form: left_hand, "left fist" and "imagined left hand" are "left".
func plain(label string) string {
	var kept []string
	for _, w := range words(label) {
		switch {
		case slices.Contains(fillers, w):
			continue
		case w == "fist" || w == "arm":
			w = "hand"
		case w == "fists" || w == "arms":
			w = "hands"
		case w == "foot" || w == "legs":
			w = "feet"
		}
		kept = append(kept, w)
	}
	slices.Sort(kept)
	switch text := strings.Join(kept, "_"); text {
	case "hand_left", "lh", "lefthand":
		return "left"
	case "hand_right", "rh", "righthand":
		return "right"
	case "both_hand", "both_hands", "hand":
		return "hands"
	case "both_feet", "bf":
		return "feet"
	case "idle", "relax", "none", "baseline", "t0", "resting":
		return "rest"
	default:
		return text
	}
}

// Movement brings the names of a movement to one form: left_hand, "left fist" and "imagined left hand" are "left".
func Movement(name string) string { return plain(name) }

// classOf returns the class that a label names, "" where it names none.
func classOf(label string, classes []string) string {
	if slices.Contains(classes, label) {
		return label
	}
	name := plain(label)
	if name == "" {
		return ""
	}
	for _, c := range classes {
		if plain(c) == name {
			return c
		}
	}
	return ""
}

// isRest reports whether a class is that of doing or looking at nothing.
func isRest(class string) bool {
	p := plain(class)
	return p == "rest" || p == "no_target" || p == "none"
}

// isOpen reports whether an event is a cue that does not tell its class: it has that code, it says so, or it says nothing at all.
func isOpen(e eeg.Event) bool {
	if e.Label == "" {
		return e.Code == 0 || e.Code == unknownCue
	}
	if e.Code == unknownCue {
		return true
	}
	asked := false
	for _, w := range words(e.Label) {
		if w != "unknown" && !slices.Contains(fillers, w) {
			return false
		}
		asked = asked || slices.Contains(asks, w)
	}
	return asked
}

// isMark reports whether an event is known to begin no trial.
func isMark(e eeg.Event) bool {
	if marks[e.Code] || e.Code >= 32769 && e.Code < 33024 && e.Code != flickerOn {
		return true
	}
	if isRest(e.Label) {
		return true
	}
	for _, w := range words(e.Label) {
		if slices.Contains(others, w) {
			return true
		}
	}
	return false
}
