package intent

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/language"
	"github.com/neurod/neurod/eeg"
)

const (
	maxShownText   = 80 // characters of a spelled text that a summary shows, the last ones
	maxShownIntent = 40 // characters of one entry of the history
)

// activity says what each mode is about.
var activity = map[eeg.UIMode]string{
	eeg.WheelchairNav: "Steering a wheelchair",
	eeg.Cursor:        "Moving a cursor",
	eeg.Speller:       "Spelling",
	eeg.SmartHome:     "Controlling the home",
}

// SessionContext sums a session up in a sentence or two: what the person is doing, what came before, what came now.
// history is the caller's, oldest first; now is the decoded intent.
func SessionContext(mode eeg.UIMode, paradigm eeg.Paradigm, history []string, now string) string {
	doing, ok := activity[mode]
	if !ok {
		switch paradigm {
		case eeg.P300:
			doing = "Choosing symbols"
			if Spells(now) {
				doing = "Spelling"
			}
		case eeg.SSVEP, eeg.CVEP:
			doing = "Choosing targets"
		case eeg.Seizure:
			doing = "Watching for seizures"
		default:
			doing = "Giving commands"
		}
	}
	if doing == "Spelling" && Spells(now) {
		return spelling(history, now)
	}
	if now == Undetermined {
		return fmt.Sprintf("%s; %s so far. What was meant now is undetermined.", doing, decoders.Counted(len(history), "intent"))
	}
	now = shown(now)
	if len(history) == 0 {
		return fmt.Sprintf("%s; %s is the first intent of this session.", doing, now)
	}

	count := map[string]int{}
	most := ""
	for _, h := range history {
		count[h]++
		if count[h] > count[most] || most == "" {
			most = h
		}
	}
	last := history[len(history)-1]
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %s so far, ", doing, decoders.Counted(len(history), "intent"))
	switch {
	case count[most] == len(history) && len(history) > 1:
		fmt.Fprintf(&b, "all %s. ", shown(most))
	case 2*count[most] > len(history) && len(history) > 1:
		fmt.Fprintf(&b, "mostly %s (%d of %d), the latest %s. ", shown(most), count[most], len(history), shown(last))
	case len(history) > 1:
		fmt.Fprintf(&b, "none prevailing, the latest %s. ", shown(last))
	default:
		fmt.Fprintf(&b, "%s. ", shown(last))
	}
	row := 1
	for i := len(history) - 1; i >= 0 && shown(history[i]) == now; i-- {
		row++
	}
	if row > 1 {
		fmt.Fprintf(&b, "Now %s again, %d in a row.", now, row)
	} else {
		fmt.Fprintf(&b, "Now %s.", now)
	}
	return b.String()
}

// spelling sums up a text that grows letter by letter.
func spelling(history []string, now string) string {
	before := language.Text(history)
	after := language.Text(append(append([]string{}, history...), now))
	if before == "" {
		return fmt.Sprintf("Spelling; the text begins with %q.", tail(after))
	}
	if after == before {
		return fmt.Sprintf("Spelling; the text is still %q.", tail(after))
	}
	return fmt.Sprintf("Spelling; the text was %q and is now %q.", tail(before), tail(after))
}

// Spells reports whether an intent changes the text that a person writes: letter_H, space, backspace, ...
func Spells(intent string) bool {
	if intent == "space" || intent == "backspace" {
		return true
	}
	for _, prefix := range []string{"letter_", "digit_", "symbol_"} {
		if strings.HasPrefix(intent, prefix) {
			return true
		}
	}
	return false
}

// tail returns the end of a text that may be long.
func tail(s string) string {
	r := []rune(s)
	if len(r) > maxShownText {
		return "…" + string(r[len(r)-maxShownText:])
	}
	return s
}

// shown makes an entry of the caller's history fit to be read: no control characters, not endless.
func shown(s string) string {
	r := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(s)))
	if len(r) > maxShownIntent {
		return string(r[:maxShownIntent]) + "…"
	}
	if len(r) == 0 {
		return "(empty)"
	}
	return string(r)
}
