package models

import (
	"cmp"
	"slices"
)

// Segment is a range of samples [Start, End) that are all there.
type Segment struct {
	Start, End int64
}

// Cover adds a segment to disjoint ones in the order of their start, joining all that overlap or touch. It returns
// disjoint segments in order; the list given may be overwritten.
func Cover(list []Segment, s Segment) []Segment {
	at, _ := slices.BinarySearchFunc(list, s.Start, func(t Segment, start int64) int { return cmp.Compare(t.End, start) })
	end := at
	for end < len(list) && list[end].Start <= s.End {
		s.Start, s.End = min(s.Start, list[end].Start), max(s.End, list[end].End)
		end++
	}
	return slices.Replace(list, at, end, s)
}

// Overlap returns how many samples of a segment lie in disjoint ones.
func Overlap(list []Segment, s Segment) int64 {
	n := int64(0)
	for _, t := range list {
		n += max(0, min(s.End, t.End)-max(s.Start, t.Start))
	}
	return n
}

// Place returns where samples that should begin at a sample begin: where that is within seam samples of the end of a
// segment they continue it, and where they end within seam samples of the beginning of one they are continued by it.
// The nearest counts, and ends before beginnings. Times are given in whole ms, samples are not.
func Place(list []Segment, at, samples, seam int64) int64 {
	nearest := func(want int64, of func(Segment) int64) (int64, bool) {
		best, found := int64(0), false
		for _, t := range list {
			v := of(t)
			if d := max(v-want, want-v); d <= seam && (!found || d < max(best-want, want-best)) {
				best, found = v, true
			}
		}
		return best, found
	}
	if end, ok := nearest(at, func(t Segment) int64 { return t.End }); ok {
		return end
	}
	if start, ok := nearest(at+samples, func(t Segment) int64 { return t.Start }); ok {
		return start - samples
	}
	return at
}
