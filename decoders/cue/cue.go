package cue

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// Open is what Query.Given may call an event that begins a trial without telling its class.
const Open = "cue"

// Query says what is looked for.
type Query struct {
	Paradigm eeg.Paradigm
	// Classes of the model; where the stimulus supplies them, none.
	Classes []string
	// Known are the labels and codes of the events that stand for each class, as the model was trained. Nil where that is not
	// known.
	Known map[string][]string
	// Given is what the caller says: the class of each label or code, or Open. Events that are not in it then begin no trial.
	Given    map[string]string
	Stimulus decoders.Stimulus
	// Targets says of each event whether it was a target (P300); nil where the recording does not.
	Targets []bool
	// Each asks for every single flash, where flashes are labelled, instead of trains of them.
	Each bool
}

// Trial is a segment of a recording that asks for one answer.
type Trial struct {
	Event eeg.Event // that it begins with
	Index int       // of Event in the recording
	Class string    // what was meant, as the recording tells; "" where it does not
	// Announced names what was shown before the event to tell what comes, where something was.
	Announced string
	// Events are what the decoder is given: the cue, or the flashes of a selection.
	Events []eeg.Event
	// End in s is where the trial is over at the latest; +Inf where it is not known.
	End float64
}

// Find returns the trials among events, which are in order of time. Without events, and for paradigms that need none, there are
// no trials: the whole recording is one clip.
//
// Errors: no_events (details events, found, classes) where no event begins a trial; model_incompatible where Given names a class
// that the model does not have.
func Find(q Query, events []eeg.Event) ([]Trial, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if len(events) == 0 || q.Paradigm == eeg.Seizure {
		return nil, nil
	}
	v := newVocabulary(q)
	var trials []Trial
	switch q.Paradigm {
	case eeg.P300:
		trials = q.flashes(v, events)
	case eeg.SSVEP:
		trials = flickers(v, events)
	case eeg.CVEP: // codes begin and end like a flicker; of looking at none nothing can be said
		trials = slices.DeleteFunc(flickers(v, events), func(t Trial) bool { return t.Class == NoTarget })
	default:
		trials = v.imagery(events)
	}
	if len(trials) == 0 {
		return nil, q.none(v, events)
	}
	return trials, nil
}

// check holds what the caller says to the classes of the model.
func (q Query) check() error {
	classes := q.classes()
	if len(classes) == 0 {
		return nil
	}
	for _, event := range slices.Sorted(maps.Keys(q.Given)) {
		class := q.Given[event]
		if class == Open || isRest(class) || classOf(class, classes) != "" {
			continue
		}
		return decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"event": event, "class": class, "classes": classes},
			"event %q is said to be %q, which is not a class of the model; it has %s", event, class, strings.Join(classes, ", "))
	}
	return nil
}

// classes are those of the model, or what the stimulus offers.
func (q Query) classes() []string {
	if c := q.Stimulus.Codes; c != nil && len(c.Labels) > 0 {
		return c.Labels
	}
	if len(q.Classes) > 0 {
		return q.Classes
	}
	var out []string
	for _, t := range q.Stimulus.Targets {
		out = append(out, targetName(t))
	}
	return out
}

// targetName is what a target is called in an answer.
func targetName(t eeg.Target) string {
	if t.Label != "" {
		return t.Label
	}
	return fmt.Sprintf("freq_%.2fhz", t.Frequency) // as package ssvep calls it
}

// none is the no_events error with what there is instead.
func (q Query) none(v *vocabulary, events []eeg.Event) error {
	type kind struct {
		code  int
		label string
	}
	count := map[kind]int{}
	var kinds []kind
	for _, e := range events {
		k := kind{e.Code, e.Label}
		if count[k] == 0 {
			kinds = append(kinds, k)
		}
		count[k]++
	}
	slices.SortFunc(kinds, func(a, b kind) int { return cmp.Or(count[b]-count[a], a.code-b.code, cmp.Compare(a.label, b.label)) })
	const most = 20 // kinds in an error; who marks every sample has more
	found := []map[string]any{}
	var texts []string
	for _, k := range kinds[:min(len(kinds), most)] {
		found = append(found, map[string]any{"code": k.code, "label": k.label, "count": count[k]})
		if len(texts) < 6 {
			texts = append(texts, fmt.Sprintf("%s × %d", Name(eeg.Event{Code: k.code, Label: k.label}), count[k]))
		}
	}
	if len(kinds) > len(texts) {
		texts = append(texts, "...")
	}
	expected := v.expected()
	what := "no event begins a trial"
	if len(expected) > 0 {
		what = "no event stands for a class of the model (" + strings.Join(expected, ", ") + ")"
	}
	return decoders.Errorf(decoders.CodeNoEvents, map[string]any{"events": len(events), "found": found, "classes": v.byClass()},
		"%s; found %s. Say in event_classes which event stands for which class", what, strings.Join(texts, ", "))
}

// Name is what an event is called in a message: its label, or its code where it has none.
func Name(e eeg.Event) string {
	if e.Label != "" {
		return e.Label
	}
	return strconv.Itoa(e.Code)
}

// vocabulary knows what events stand for.
type vocabulary struct {
	q       Query
	classes []string
	labels  map[string]string // of Given or Known, lower case, to the class
	codes   map[int]string
	known   bool // it is known which events the model was trained on
}

func newVocabulary(q Query) *vocabulary {
	v := &vocabulary{q: q, classes: q.classes(), labels: map[string]string{}, codes: map[int]string{}, known: q.Known != nil || q.Given != nil}
	add := func(event, class string) {
		event = strings.ToLower(strings.TrimSpace(event))
		v.labels[event] = class
		if code, err := strconv.Atoi(event); err == nil {
			v.codes[code] = class
		}
	}
	if q.Given != nil {
		for event, class := range q.Given {
			if own := classOf(class, v.classes); own != "" {
				class = own
			}
			add(event, class)
		}
		return v
	}
	for class, names := range q.Known {
		for _, event := range names {
			add(event, class)
		}
	}
	return v
}

// meaning returns the class that an event stands for and whether it stands for one; Open where it begins a trial without telling.
func (v *vocabulary) meaning(e eeg.Event) (class string, ok bool) {
	label := strings.ToLower(strings.TrimSpace(e.Label))
	if class, ok = v.labels[label]; ok && label != "" {
		return class, true
	}
	if class, ok = v.codes[e.Code]; ok {
		return class, true
	}
	if label == "" && e.Code != 0 { // a code of a label such as T1, whose text got lost
		for _, name := range slices.Sorted(maps.Keys(v.labels)) {
			if (recording.Annotation{Label: name}).Code() == e.Code {
				return v.labels[name], true
			}
		}
	}
	if v.q.Given != nil {
		return "", false
	}
	if class = classOf(e.Label, v.classes); class != "" {
		return class, true
	}
	if v.q.Paradigm == eeg.SSVEP {
		if class = v.frequency(e.Label); class != "" {
			return class, true
		}
		return "", false
	}
	if name := codes[e.Code]; name != "" {
		if class = classOf(name, v.classes); class != "" {
			return class, true
		}
	}
	if isOpen(e) {
		return Open, true
	}
	return "", false
}

// frequency returns the target that a label such as "13 Hz" names.
func (v *vocabulary) frequency(label string) string {
	text := strings.ToLower(strings.ReplaceAll(label, " ", ""))
	f, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(text, "freq_"), "hz"), 64)
	if err != nil {
		return ""
	}
	for _, t := range v.q.Stimulus.Targets {
		if math.Abs(t.Frequency-f) < 0.005 {
			return targetName(t)
		}
	}
	return ""
}

// expected lists the events that stand for a class, for a message.
func (v *vocabulary) expected() []string {
	var out []string
	by := v.byClass()
	for _, class := range v.classes {
		text := class
		if names := by[class]; len(names) > 0 {
			text += " = " + strings.Join(names, " or ")
		}
		out = append(out, text)
	}
	return out
}

// byClass are the events that stand for each class, as far as they are listed.
func (v *vocabulary) byClass() map[string][]string {
	out := map[string][]string{}
	for _, class := range v.classes {
		out[class] = []string{}
	}
	for _, event := range slices.Sorted(maps.Keys(v.labels)) {
		if class := v.labels[event]; class != Open {
			out[class] = append(out[class], event)
		}
	}
	if v.q.Given != nil || v.q.Paradigm != eeg.MotorImagery {
		return out
	}
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		if class := classOf(codes[code], v.classes); class != "" {
			out[class] = append(out[class], strconv.Itoa(code))
		}
	}
	return out
}

// imagery takes the cues of the classes, and with them the codes of cues whose class is kept secret; where there are none, the
// cues that do not tell.
func (v *vocabulary) imagery(events []eeg.Event) []Trial {
	var named, open []Trial
	for i, e := range events {
		class, ok := v.meaning(e)
		t := Trial{Event: e, Index: i, Class: class, Events: []eeg.Event{e}, End: math.Inf(1)}
		switch {
		case ok && class != Open:
			if classOf(class, v.classes) == "" { // rest, by the caller's word
				continue
			}
			named = append(named, t)
			open = append(open, t)
		case ok:
			t.Class = ""
			open = append(open, t)
			if e.Code == unknownCue || v.q.Given != nil {
				named = append(named, t)
			}
		case !v.known && !isMark(e):
			// A model that does not say what it was trained on, and events that nothing is known of.
			t.Class = ""
			open = append(open, t)
		}
	}
	if len(named) > 0 {
		return named
	}
	return open
}
