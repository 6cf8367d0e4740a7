package seizure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Tolerances of SzCORE's event scoring, in s.
const (
	toleranceBefore = 30.0
	toleranceAfter  = 60.0
	mergeGap        = 90.0
	longestEvent    = 300.0
)

// Score is how detected events compare with reference events.
type Score struct {
	References  int     `json:"references"` // after merging and splitting
	Hypotheses  int     `json:"hypotheses"` // likewise
	TruePos     int     `json:"true_positives"`
	FalsePos    int     `json:"false_positives"`
	Sensitivity float64 `json:"sensitivity"` // NaN-free: 0 where there is no reference event
	Precision   float64 `json:"precision"`   // 0 where nothing was detected
	F1          float64 `json:"f1"`
	PerDay      float64 `json:"false_alarms_per_day"`
}

// ScoreEvents compares hypothesis events with reference events of a recording of the given length (s), the way SzCORE
// does: events less than 90 s apart are one, events longer than 300 s are split; a reference event is found when any
// hypothesis event overlaps it, extended by 30 s before and 60 s after; a hypothesis event that overlaps no extended
// reference event is a false alarm. Events that are empty, not finite or outside the recording are an error.
func ScoreEvents(ref, hyp []Event, duration float64) (Score, error) {
	if !(duration > 0) || math.IsInf(duration, 0) {
		return Score{}, fmt.Errorf("seizure: recording of %v s", duration)
	}
	r, err := prepare("reference", ref, duration)
	if err != nil {
		return Score{}, err
	}
	h, err := prepare("hypothesis", hyp, duration)
	if err != nil {
		return Score{}, err
	}
	s := Score{References: len(r), Hypotheses: len(h)}
	for _, e := range r {
		if slices.ContainsFunc(h, func(x Event) bool { return near(e, x) }) {
			s.TruePos++
		}
	}
	for _, x := range h {
		if !slices.ContainsFunc(r, func(e Event) bool { return near(e, x) }) {
			s.FalsePos++
		}
	}
	if s.References > 0 {
		s.Sensitivity = float64(s.TruePos) / float64(s.References)
	}
	if s.TruePos+s.FalsePos > 0 {
		s.Precision = float64(s.TruePos) / float64(s.TruePos+s.FalsePos)
	}
	if s.Sensitivity+s.Precision > 0 {
		s.F1 = 2 * s.Sensitivity * s.Precision / (s.Sensitivity + s.Precision)
	}
	s.PerDay = float64(s.FalsePos) * 86400 / duration
	return s, nil
}

// near reports whether an event overlaps a reference event, extended by the tolerances.
func near(ref, hyp Event) bool {
	return hyp.Start < ref.End+toleranceAfter && hyp.End > ref.Start-toleranceBefore
}

// NearAny reports whether the time from start to end (s) overlaps any reference event, extended as in ScoreEvents.
func NearAny(ref []Event, start, end float64) bool {
	return slices.ContainsFunc(ref, func(r Event) bool { return near(r, Event{Start: start, End: end}) })
}

// prepare checks, orders, merges and splits events.
func prepare(what string, events []Event, duration float64) ([]Event, error) {
	for i, e := range events {
		if !(e.Start >= 0 && e.End > e.Start && e.End <= duration+windowSeconds) {
			return nil, fmt.Errorf("seizure: %s event %d from %v to %v s does not lie within the recording's %v s", what, i, e.Start, e.End, duration)
		}
	}
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int { return cmp.Compare(a.Start, b.Start) })
	var merged []Event
	for _, e := range sorted {
		if last := len(merged) - 1; last >= 0 && e.Start-merged[last].End < mergeGap {
			merged[last].End = max(merged[last].End, e.End)
			continue
		}
		merged = append(merged, Event{Start: e.Start, End: e.End})
	}
	var out []Event
	for _, e := range merged {
		for ; e.End-e.Start > longestEvent; e.Start += longestEvent {
			out = append(out, Event{Start: e.Start, End: e.Start + longestEvent})
		}
		out = append(out, e)
	}
	return out, nil
}
