package cue

import (
	"math"
	"slices"

	"github.com/neurod/neurod/eeg"
)

// The classes of a flash, as package p300 calls them.
const (
	Target    = "target"
	NonTarget = "non_target"
)

// A pause between two selections is longer than both of these: flashes follow each other every 0.1 to 0.5 s, and spellers leave
// 2.5 to 5 s between letters.
const (
	shortestPause  = 2.0 // s
	pauseIntervals = 5   // times the median time between flashes
)

// flashes finds the trials of a P300 recording.
func (q Query) flashes(v *vocabulary, events []eeg.Event) []Trial {
	index := q.relevant(v, events)
	if q.Each && len(q.Stimulus.Matrix) == 0 && len(q.Stimulus.Flashes) == 0 {
		if trials := q.single(v, events, index); trials != nil {
			return trials
		}
	}
	var trials []Trial
	for _, train := range trains(events, index) {
		t := Trial{Event: events[train[0]], Index: train[0], Class: q.symbol(events, train), End: math.Inf(1)}
		for _, i := range train {
			t.Events = append(t.Events, events[i])
		}
		trials = append(trials, t)
	}
	return trials
}

// relevant returns the events that are flashes: those of the stimulus or of the caller's list, else all that are not known to be
// something else. Where that leaves none, all: the decoder says what is amiss.
func (q Query) relevant(v *vocabulary, events []eeg.Event) []int {
	lit := q.lit()
	var out, all []int
	for i, e := range events {
		all = append(all, i)
		given := true
		if q.Given != nil {
			_, given = v.meaning(e)
		}
		if given && (lit == nil && !(e.Label != "" && isMark(e)) || lit[e.Code] != nil) {
			out = append(out, i)
		}
	}
	if len(out) == 0 && q.Given == nil {
		return all
	}
	return out
}

// lit returns the symbols that each code lights up; nil without a matrix.
func (q Query) lit() map[int][]string {
	st := q.Stimulus
	if len(st.Flashes) > 0 {
		return st.Flashes
	}
	if len(st.Matrix) == 0 {
		return nil
	}
	out := map[int][]string{}
	columns := len(st.Matrix[0])
	for r, row := range st.Matrix {
		for c, symbol := range row {
			out[1+c] = append(out[1+c], symbol)
			out[columns+1+r] = append(out[columns+1+r], symbol)
		}
	}
	return out
}

// single makes a trial of each flash, where it is known of every one whether it was a target; else nil.
func (q Query) single(v *vocabulary, events []eeg.Event, index []int) []Trial {
	var trials []Trial
	for _, i := range index {
		e := events[i]
		var class string
		switch p := plain(e.Label); {
		case len(q.Targets) == len(events) && q.Targets[i]:
			class = Target
		case len(q.Targets) == len(events):
			class = NonTarget
		case p == "target":
			class = Target
		case p == "non_target" || p == "nontarget" || p == "standard":
			class = NonTarget
		default:
			known, ok := v.meaning(e)
			switch p := plain(known); {
			case ok && p == "target":
				class = Target
			case ok && (p == "non_target" || p == "nontarget"):
				class = NonTarget
			default:
				return nil
			}
		}
		trials = append(trials, Trial{Event: e, Index: i, Class: class, Events: []eeg.Event{e}, End: math.Inf(1)})
	}
	return trials
}

// trains divides flashes where there is a pause.
func trains(events []eeg.Event, index []int) [][]int {
	if len(index) == 0 {
		return nil
	}
	gaps := make([]float64, 0, len(index))
	for k := 1; k < len(index); k++ {
		gaps = append(gaps, events[index[k]].Onset-events[index[k-1]].Onset)
	}
	pause := shortestPause
	if len(gaps) > 0 {
		sorted := slices.Clone(gaps)
		slices.Sort(sorted)
		pause = max(pause, pauseIntervals*sorted[len(sorted)/2])
	}
	out := [][]int{{index[0]}}
	for k, gap := range gaps {
		if gap > pause {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], index[k+1])
	}
	return out
}

// symbol returns the symbol that all target flashes of a train lit up, and none that was not a target; "" where the recording does
// not tell.
func (q Query) symbol(events []eeg.Event, train []int) string {
	lit := q.lit()
	if lit == nil || len(q.Targets) != len(events) {
		return ""
	}
	var left []string
	found := false
	for _, i := range train {
		if !q.Targets[i] {
			continue
		}
		if !found {
			found, left = true, slices.Clone(lit[events[i].Code])
			continue
		}
		left = slices.DeleteFunc(left, func(s string) bool { return !slices.Contains(lit[events[i].Code], s) })
	}
	if len(left) != 1 {
		return ""
	}
	return "letter_" + left[0] // as package p300 calls it
}
