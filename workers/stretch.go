package workers

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/neurod/neurod/models"
)

// span is a range of windows, both ends included.
type span struct{ first, last int64 }

// spansOf returns the windows that overlap batches, joined where they meet.
func spansOf(g models.Grid, batches []models.SampleBatch) []span {
	var list []models.Stretch
	for _, b := range batches {
		if first, last := g.Over(b.StartSample, b.EndSample); first <= last {
			list = models.Cover(list, models.Stretch{Start: first, End: last + 1})
		}
	}
	out := make([]span, len(list))
	for i, s := range list {
		out[i] = span{s.Start, s.End - 1}
	}
	return out
}

// rangesOf returns the samples of windows.
func rangesOf(g models.Grid, spans []span) []models.Stretch {
	out := make([]models.Stretch, len(spans))
	for i, s := range spans {
		out[i] = models.Stretch{Start: g.Start(s.first), End: g.Start(s.last) + g.Samples()}
	}
	return out
}

// merge joins ranges that overlap or meet, so that no sample is loaded twice.
func merge(ranges []models.Stretch) []models.Stretch {
	var out []models.Stretch
	for _, r := range ranges {
		out = models.Cover(out, r)
	}
	return out
}

// complete calls each with every window of the spans that lies in a stretch and has all its samples, and with its first
// sample.
func complete(g models.Grid, spans []span, t *stretch, each func(k, at int64) error) error {
	for _, s := range spans {
		if at := g.Start(s.first); at < t.start || at >= t.end() {
			continue
		}
		for k := s.first; k <= s.last; k++ {
			at := g.Start(k)
			if !t.complete(at, at+g.Samples()) {
				continue
			}
			if err := each(k, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// stretch holds the samples of a part of a session, and which of them are there.
type stretch struct {
	start   int64
	rows    [][]float64 // channels × samples, µV
	missing []int       // missing[i] is how many of the first i samples are not there
}

// newStretch lays batches, in the order of their acceptance, over the samples [start, end): the first keeps its samples.
func newStretch(channels int, start, end int64, batches []models.SampleBatch) (*stretch, error) {
	n := int(end - start)
	t := &stretch{start: start, rows: make([][]float64, channels), missing: make([]int, n+1)}
	values := make([]float64, n*channels)
	for ch := range t.rows {
		t.rows[ch] = values[ch*n : (ch+1)*n]
	}
	filled := make([]bool, n)
	for _, b := range batches {
		if want := int(b.EndSample-b.StartSample) * channels * 4; len(b.Data) != want {
			return nil, fmt.Errorf("workers: batch %d of session %s holds %d bytes, not %d", b.Seq, b.SessionID, len(b.Data), want)
		}
		for at := max(b.StartSample, start); at < min(b.EndSample, end); at++ {
			i := at - start
			if filled[i] {
				continue
			}
			filled[i] = true
			sample := b.Data[(at-b.StartSample)*int64(channels)*4:]
			for ch := range t.rows {
				t.rows[ch][i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(sample[ch*4:])))
			}
		}
	}
	for i, ok := range filled {
		t.missing[i+1] = t.missing[i]
		if !ok {
			t.missing[i+1]++
		}
	}
	return t, nil
}

// end returns the sample after the last.
func (t *stretch) end() int64 { return t.start + int64(len(t.missing)) - 1 }

// complete reports whether every sample of [from, to) is there.
func (t *stretch) complete(from, to int64) bool {
	return from >= t.start && to <= t.end() && t.missing[to-t.start] == t.missing[from-t.start]
}
