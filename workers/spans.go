package workers

import (
	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/models"
)

// span is a range of windows, both ends included.
type span struct{ first, last int64 }

// spansOf returns the windows that overlap batches, joined where they meet.
func spansOf(g models.Grid, batches []models.SampleBatch) []span {
	var list []models.Segment
	for _, b := range batches {
		if first, last := g.Over(b.StartSample, b.EndSample); first <= last {
			list = models.Cover(list, models.Segment{Start: first, End: last + 1})
		}
	}
	out := make([]span, len(list))
	for i, s := range list {
		out[i] = span{s.Start, s.End - 1}
	}
	return out
}

// rangesOf returns the samples of windows.
func rangesOf(g models.Grid, spans []span) []models.Segment {
	out := make([]models.Segment, len(spans))
	for i, s := range spans {
		out[i] = models.Segment{Start: g.Start(s.first), End: g.Start(s.last) + g.Samples()}
	}
	return out
}

// merge joins ranges that overlap or meet, so that no sample is loaded twice.
func merge(ranges []models.Segment) []models.Segment {
	var out []models.Segment
	for _, r := range ranges {
		out = models.Cover(out, r)
	}
	return out
}

// complete calls each with every window of the spans that lies in a segment and has all its samples, and with its first
// sample.
func complete(g models.Grid, spans []span, t *segment.Segment, each func(k, at int64) error) error {
	for _, s := range spans {
		if at := g.Start(s.first); at < t.Start || at >= t.End {
			continue
		}
		for k := s.first; k <= s.last; k++ {
			at := g.Start(k)
			if !t.Complete(at, at+g.Samples()) {
				continue
			}
			if err := each(k, at); err != nil {
				return err
			}
		}
	}
	return nil
}
