package cue

import (
	"math"
	"slices"

	"github.com/neurod/neurod/eeg"
)

// NoTarget is the class of a trial in which the person was to look at no flicker.
const NoTarget = "no_target"

// flickers finds the trials of an SSVEP recording.
func flickers(v *vocabulary, events []eeg.Event) []Trial {
	if slices.ContainsFunc(events, startsFlicker) {
		return v.marked(events)
	}
	named := slices.ContainsFunc(events, func(e eeg.Event) bool { _, ok := v.meaning(e); return ok })
	var trials []Trial
	for i, e := range events {
		class, ok := v.meaning(e)
		if len(trials) > 0 && (ok || !named && !isMark(e) || endsFlicker(e)) {
			trials[len(trials)-1].end(e.Onset)
		}
		if ok || !named && v.q.Given == nil && !isMark(e) && !endsFlicker(e) {
			trials = append(trials, Trial{Event: e, Index: i, Class: flickerClass(class), Events: []eeg.Event{e}, End: math.Inf(1)})
		}
	}
	return trials
}

// marked takes the starts of the flicker; what was announced before one is its class, where it is known what that stands for.
func (v *vocabulary) marked(events []eeg.Event) []Trial {
	var trials []Trial
	class, known := "", false
	announced := ""
	for i, e := range events {
		switch c, ok := v.meaning(e); {
		case startsFlicker(e):
			if len(trials) > 0 {
				trials[len(trials)-1].end(e.Onset)
			}
			if known || v.q.Given == nil {
				trials = append(trials, Trial{Event: e, Index: i, Class: flickerClass(class), Announced: announced, Events: []eeg.Event{e}, End: math.Inf(1)})
			}
			class, known, announced = "", false, ""
		case endsFlicker(e):
			if len(trials) > 0 {
				trials[len(trials)-1].end(e.Onset)
			}
		case ok:
			class, known, announced = c, true, Name(e)
		case !known && !isMark(e):
			announced = Name(e)
		}
	}
	return trials
}

// end ends a trial at s, unless something ended it before.
func (t *Trial) end(s float64) {
	if s > t.Event.Onset {
		t.End = min(t.End, s)
	}
}

func flickerClass(class string) string {
	switch {
	case class == Open:
		return ""
	case isRest(class):
		return NoTarget
	}
	return class
}

func startsFlicker(e eeg.Event) bool {
	return e.Code == flickerOn || has(e.Label, "stimulation", "flicker") && has(e.Label, "start", "on", "onset")
}

func endsFlicker(e eeg.Event) bool {
	return e.Code == flickerOff || e.Code == 32770 || e.Code == 800 || has(e.Label, "stop", "end", "off", "offset", "pause", "break") || isRest(e.Label)
}

// has reports whether a label holds one of some words.
func has(label string, any ...string) bool {
	return slices.ContainsFunc(words(label), func(w string) bool { return slices.Contains(any, w) })
}
