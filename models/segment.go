package models

import (
	"cmp"
	"slices"
)

// Stretch is a range of samples [Start, End) that are all there.
type Stretch struct {
	Start, End int64
}

// Cover adds a stretch to disjoint ones in the order of their start, joining all that overlap or touch. It returns
// disjoint stretches in order; the list given may be overwritten.
func Cover(list []Stretch, s Stretch) []Stretch {
	at, _ := slices.BinarySearchFunc(list, s.Start, func(t Stretch, start int64) int { return cmp.Compare(t.End, start) })
	end := at
	for end < len(list) && list[end].Start <= s.End {
		s.Start, s.End = min(s.Start, list[end].Start), max(s.End, list[end].End)
		end++
	}
	return slices.Replace(list, at, end, s)
}

// Overlap returns how many samples of a stretch lie in disjoint ones.
func Overlap(list []Stretch, s Stretch) int64 {
	n := int64(0)
	for _, t := range list {
		n += max(0, min(s.End, t.End)-max(s.Start, t.Start))
	}
	return n
}

// Place returns where samples that should begin at a sample begin: where that is within seam samples of the end of a
// stretch they continue it, and where they end within seam samples of the beginning of one they are continued by it.
// The nearest counts, and ends before beginnings. Times are given in whole ms, samples are not.
func Place(list []Stretch, at, samples, seam int64) int64 {
	nearest := func(want int64, of func(Stretch) int64) (int64, bool) {
		best, found := int64(0), false
		for _, t := range list {
			v := of(t)
			if d := max(v-want, want-v); d <= seam && (!found || d < max(best-want, want-best)) {
				best, found = v, true
			}
		}
		return best, found
	}
	if end, ok := nearest(at, func(t Stretch) int64 { return t.End }); ok {
		return end
	}
	if start, ok := nearest(at+samples, func(t Stretch) int64 { return t.Start }); ok {
		return start - samples
	}
	return at
}
