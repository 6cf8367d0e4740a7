package intent

import (
	"slices"
	"strings"
	"unicode"

	"github.com/neurod/neurod/decoders"
)

// cueCodes are the cues of movements in the GDF table of events (0x0301 and on, of which 0x0305 has no name of its own),
// which OpenViBE and the Graz recordings use too.
var cueCodes = map[int]string{769: "left", 770: "right", 771: "feet", 772: "tongue", 773: "hands", 774: "feet"}

// cueWords are what a label may hold beside the movement it cues: "OVTK_GDF_Left", "imagined left fist", "cue right hand".
var cueWords = []string{"left", "right", "hand", "hands", "fist", "fists", "arm", "both", "foot", "feet", "leg", "legs", "tongue",
	"imagery", "imagine", "imagined", "motor", "mi", "movement", "cue", "onset", "start", "gdf", "ovtk", "class", "trial", "task"}

// moving are the words that say what is moved.
var moving = []string{"left", "right", "hand", "hands", "fist", "fists", "arm", "foot", "feet", "leg", "legs", "tongue"}

// CuesMovement tells whether an event asks for a movement or its imagination, by a label such as "left_hand", or, where it has
// none, by a code of the GDF table. "rest" alone does not: every kind of recording has rest.
func CuesMovement(e decoders.Event) bool {
	if e.Label == "" {
		return cueCodes[e.Code] != ""
	}
	words := strings.FieldsFunc(strings.ToLower(e.Label), func(r rune) bool { return !unicode.IsLetter(r) })
	found := false
	for _, w := range words {
		if !slices.Contains(cueWords, w) {
			return false
		}
		found = found || slices.Contains(moving, w)
	}
	return found
}

// MovementCues returns the events that cue movements: those of CuesMovement, those named like one of the classes but "rest",
// and, where nothing else is in the recording, the T1 and T2 of the motor movement and imagery recordings of PhysioNet
// (Schalk et al. 2004), whose T0 is rest.
func MovementCues(events []decoders.Event, classes []string) []decoders.Event {
	physionet := len(events) > 0
	for _, e := range events {
		physionet = physionet && (e.Label == "T0" || e.Label == "T1" || e.Label == "T2")
	}
	named := map[string]bool{}
	for _, c := range classes {
		if c = canonical(c); c != Rest {
			named[c] = true
		}
	}
	var cues []decoders.Event
	for _, e := range events {
		if CuesMovement(e) || e.Label != "" && named[canonical(e.Label)] || physionet && e.Label != "T0" {
			cues = append(cues, e)
		}
	}
	return cues
}
