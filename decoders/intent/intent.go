package intent

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/language"
	"github.com/neurod/neurod/eeg"
)

// Rest is the intent of doing nothing.
const Rest = "rest"

// NoTarget is the intent of an SSVEP answer when the person looked at no target.
const NoTarget = "no_target"

// Undetermined is the intent of a recording of which nothing shows what the person did.
const Undetermined = "undetermined"

// movements gives the intents of motor imagery, by mode and class. The table of the package comment.
var movements = map[eeg.UIMode]map[string]string{
	eeg.DefaultMode: {"left": "move_left", "right": "move_right", "hands": "move_forward", "feet": "move_back",
		"tongue": "select", "rest": Rest},
	eeg.WheelchairNav: {"left": "move_left", "right": "move_right", "hands": "move_forward", "feet": "stop",
		"tongue": "move_back", "rest": Rest},
	eeg.Cursor: {"left": "cursor_left", "right": "cursor_right", "hands": "cursor_up", "feet": "cursor_down",
		"tongue": "click", "rest": Rest},
	eeg.Speller: {"left": "select_previous", "right": "select_next", "hands": "select", "feet": "backspace",
		"tongue": "space", "rest": Rest},
	eeg.SmartHome: {"left": "select_previous", "right": "select_next", "hands": "turn_on", "feet": "turn_off",
		"tongue": "scene_next", "rest": Rest},
}

// synonyms are other names of the classes of motor imagery.
var synonyms = map[string]string{
	"left_hand": "left", "left_fist": "left", "left_arm": "left", "hand_left": "left",
	"right_hand": "right", "right_fist": "right", "right_arm": "right", "hand_right": "right",
	"both_hands": "hands", "both_fists": "hands", "fists": "hands", "hand": "hands",
	"both_feet": "feet", "foot": "feet", "legs": "feet",
	"idle": "rest", "relax": "rest", "none": "rest", "baseline": "rest",
}

var underscores = strings.NewReplacer("-", "_", " ", "_")

// canonical returns the class in the terms of the tables.
func canonical(class string) string {
	c := strings.ToLower(underscores.Replace(strings.TrimSpace(class)))
	if s, ok := synonyms[c]; ok {
		return s
	}
	return c
}

// Of returns the intent of one class. own is the caller's own map and may be nil.
func Of(mode eeg.UIMode, paradigm eeg.Paradigm, class string, own map[string]string) string {
	if class == string(eeg.Undetermined) {
		return Undetermined // whoever wants something done on no answer does not get it
	}
	c := canonical(class)
	standard := standardIntent(mode, paradigm, class, c)
	for _, key := range []string{class, c, strings.TrimPrefix(class, letterPrefix), standard} {
		if v := own[key]; v != "" {
			return v
		}
	}
	return standard
}

func standardIntent(mode eeg.UIMode, paradigm eeg.Paradigm, class, c string) string {
	switch paradigm {
	case eeg.MotorImagery:
		table, ok := movements[mode]
		if !ok {
			table = movements[eeg.DefaultMode]
		}
		if v, ok := table[c]; ok {
			return v
		}
	case eeg.P300:
		return symbolIntent(class, c)
	case eeg.SSVEP, eeg.CVEP:
		if c == NoTarget {
			return NoTarget
		}
		return class
	case eeg.Seizure:
		switch c {
		case "ictal_like", "seizure", "ictal":
			return "possible_seizure"
		case "no_ictal_pattern", "no_seizure", "background":
			return "no_seizure_pattern"
		}
	}
	return class
}

// letterPrefix is how the P300 decoders name the symbols of a matrix.
const letterPrefix = "letter_"

// symbolIntent names the choice of a P300 speller.
func symbolIntent(class, c string) string {
	if strings.HasPrefix(c, "select_") {
		return c
	}
	if symbol, ok := strings.CutPrefix(class, letterPrefix); ok && symbol != "" {
		class, c = symbol, canonical(symbol)
	}
	switch c {
	case "target":
		return "target"
	case "nontarget", "non_target", "standard":
		return "non_target"
	}
	for _, line := range []string{"row_", "column_"} {
		if n, ok := strings.CutPrefix(c, line); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			return "select_" + line + n
		}
	}
	switch kind, text := language.Symbol(class); {
	case kind == language.Backspace:
		return "backspace"
	case kind == language.Letters && text == " ":
		return "space"
	}
	symbol := strings.TrimSpace(class)
	r, size := utf8.DecodeRuneInString(symbol)
	switch {
	case size < len(symbol):
		return "select_" + slug(symbol)
	case unicode.IsLetter(r):
		return "letter_" + symbol
	case unicode.IsDigit(r):
		return "digit_" + symbol
	}
	return "symbol_" + symbol
}

// slug turns a text into lower-case words joined by underscores.
func slug(s string) string {
	parts := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(parts) == 0 {
		return s
	}
	return strings.Join(parts, "_")
}

// unit is the smallest step of a confidence: finer than any calibration, coarse enough to read.
const unit = 1e-6

// Rank maps the classes of a result to intents, adds up classes that mean the same, and ranks them. Confidences are
// whole multiples of 1e-6 and sum to 1: what rounding leaves over goes to the largest remainders. Equal ones are
// ordered by the rank of their classes.
func Rank(mode eeg.UIMode, paradigm eeg.Paradigm, classes []decoders.Class, own map[string]string) []eeg.Ranked {
	ranked := make([]eeg.Ranked, 0, len(classes))
	at := make(map[string]int, len(classes))
	var sum float64
	for _, c := range classes {
		name := Of(mode, paradigm, c.Name, own)
		i, ok := at[name]
		if !ok {
			i = len(ranked)
			at[name] = i
			ranked = append(ranked, eeg.Ranked{Intent: name})
		}
		ranked[i].Confidence += c.Probability
		sum += c.Probability
	}
	if !(sum > 0) {
		return ranked
	}
	if classes[0].Name == string(eeg.Undetermined) {
		// No answer stays none where the caller's map puts several classes into one intent.
		for i := range ranked {
			ranked[i].Confidence = sum / float64(len(ranked))
		}
	}
	slices.SortStableFunc(ranked, func(a, b eeg.Ranked) int { return cmp.Compare(b.Confidence, a.Confidence) })
	round(ranked, sum)
	return ranked
}

func round(ranked []eeg.Ranked, sum float64) {
	units := make([]float64, len(ranked))
	order := make([]int, len(ranked))
	left := 1 / unit
	for i, r := range ranked {
		units[i] = r.Confidence / sum / unit
		left -= math.Floor(units[i])
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(units[b]-math.Floor(units[b]), units[a]-math.Floor(units[a]))
	})
	for k, i := range order {
		n := math.Floor(units[i])
		if float64(k) < math.Round(left) {
			n++
		}
		ranked[i].Confidence = n / math.Round(1/unit)
	}
	// A remainder can lift an equal one above its better; they differ by one unit at most.
	slices.SortStableFunc(ranked, func(a, b eeg.Ranked) int { return cmp.Compare(b.Confidence, a.Confidence) })
}
