package models_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/models"
)

// TestCoverIsASetOfSamples holds segments to a plain set of samples.
func TestCoverIsASetOfSamples(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var list []models.Segment
		set := map[int64]bool{}
		for range rapid.IntRange(1, 20).Draw(t, "batches") {
			start := rapid.Int64Range(-30, 60).Draw(t, "start")
			end := start + rapid.Int64Range(1, 15).Draw(t, "length")
			there := int64(0)
			for i := start; i < end; i++ {
				if set[i] {
					there++
				}
			}
			if got := models.Overlap(list, models.Segment{Start: start, End: end}); got != there {
				t.Fatalf("[%d, %d) overlaps %v by %d, want %d", start, end, list, got, there)
			}
			list = models.Cover(list, models.Segment{Start: start, End: end})
			for i := start; i < end; i++ {
				set[i] = true
			}
			n := int64(0)
			for i, s := range list {
				if s.End <= s.Start {
					t.Fatalf("empty segment in %v", list)
				}
				if i > 0 && s.Start <= list[i-1].End {
					t.Fatalf("segments overlap or touch: %v", list)
				}
				for k := s.Start; k < s.End; k++ {
					if !set[k] {
						t.Fatalf("sample %d was never there: %v", k, list)
					}
				}
				n += s.End - s.Start
			}
			if n != int64(len(set)) {
				t.Fatalf("%d samples covered, %d given: %v", n, len(set), list)
			}
		}
	})
}

func TestPlaceContinuesWithoutASeam(t *testing.T) {
	t.Parallel()
	list := []models.Segment{{Start: 0, End: 256}, {Start: 512, End: 768}}
	for _, c := range []struct {
		name              string
		at, samples, want int64
	}{
		{"at an end", 256, 10, 256},
		{"just after an end", 257, 10, 256},
		{"just before an end", 255, 10, 256},
		{"up to a beginning", 503, 10, 502},
		{"both ends of a gap: the end counts", 257, 255, 256},
		{"into a gap", 300, 10, 300},
		{"far behind", 900, 10, 900},
		{"over samples that are there", 100, 20, 100},
		{"before all", -11, 10, -10},
	} {
		if got := models.Place(list, c.at, c.samples, 1); got != c.want {
			t.Errorf("%s: placed at %d, want %d", c.name, got, c.want)
		}
	}
	if got := models.Place(nil, 7, 10, 1); got != 7 {
		t.Errorf("the first batch was placed at %d", got)
	}
}
