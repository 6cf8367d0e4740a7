package cue

import (
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// Attended says of each event whether its flash was a target, where it is known what was spelled: letters has the symbol of each selection, in
// order, and a pause between flashes begins the next selection. It is Target, NonTarget, or "" for an event that is no flash of the stimulus. Events are
// in order of time.
//
// Errors: invalid_stimulus for a stimulus that tells of no flash what it lights up (details codes), a letter that no flash lights up (details
// letter, symbol), and another number of letters than of selections (details letters, selections).
func Attended(st decoders.Stimulus, letters []string, events []eeg.Event) ([]string, error) {
	lit := Query{Stimulus: st}.lit()
	if lit == nil {
		return nil, errLitNothing()
	}
	var index []int
	for i, e := range events {
		if lit[e.Code] != nil {
			index = append(index, i)
		}
	}
	selections := trains(events, index)
	if len(selections) != len(letters) {
		return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"letters": len(letters), "selections": len(selections), "flashes": len(index)},
			"%s for %s: after a pause of %g s or more between flashes another letter is chosen", decoders.Counted(len(letters), "letter"),
			decoders.Counted(len(selections), "selection"), shortestPause)
	}
	out := make([]string, len(events))
	for k, train := range selections {
		found := false
		for _, i := range train {
			if out[i] = NonTarget; slices.Contains(lit[events[i].Code], letters[k]) {
				out[i], found = Target, true
			}
		}
		if !found {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"letter": k, "symbol": letters[k]},
				"no flash of selection %d lights up its letter, %q", k+1, letters[k])
		}
	}
	return out, nil
}

// Letters reads a text as symbols of a stimulus, at each place the longest that fits; spaces between them count only where a space is a symbol. A place
// where none fits is invalid_stimulus (details text, at).
func Letters(st decoders.Stimulus, text string) ([]string, error) {
	lit := Query{Stimulus: st}.lit()
	if lit == nil {
		return nil, errLitNothing()
	}
	symbols := map[string]bool{}
	for _, list := range lit {
		for _, s := range list {
			symbols[s] = true
		}
	}
	var out []string
	for at := 0; at < len(text); {
		if text[at] == ' ' && !symbols[" "] {
			at++
			continue
		}
		longest := ""
		for s := range symbols {
			if len(s) > len(longest) && len(s) <= len(text)-at && text[at:at+len(s)] == s {
				longest = s
			}
		}
		if longest == "" {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"text": text, "at": at}, "%q is not spelled with symbols of the stimulus from character %d on", text, at+1)
		}
		out, at = append(out, longest), at+len(longest)
	}
	return out, nil
}

// errLitNothing is the error for letters without a stimulus that they could be of.
func errLitNothing() error {
	return decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"codes": 0},
		"letters tell which flashes were targets only where a matrix, or what each code flashes, says what the flashes lit up")
}
