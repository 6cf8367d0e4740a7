// Package segment merges the batches of a session into segments of its samples.
//
// Invariant: where batches overlap, the one that was accepted first keeps its samples, in whatever order they are added.
// Whoever reads the samples of a session reads them here, so that windows and exports are of the same samples.
package segment

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/neurod/neurod/models"
)

// none owns the samples that are not there: every batch comes before it.
const none = math.MaxInt

// Segment holds the samples [Start, End) of a session, and which of them are there. It may be used again by Reset.
type Segment struct {
	Start, End int64
	Rows       [][]float64 // channels × samples, µV; 0 where a sample is not there

	owner   []int // the number of the batch that a sample is of
	missing []int // missing[i] is how many of the first i samples are not there; empty until it is asked for
}

// New returns an empty segment for a session with so many channels.
func New(channels int) *Segment { return &Segment{Rows: make([][]float64, channels)} }

// Load moves the segment to the samples [start, end) and adds the batches.
func (s *Segment) Load(start, end int64, batches []models.SampleBatch) error {
	s.Reset(start, end)
	for i := range batches {
		if err := s.Add(&batches[i]); err != nil {
			return err
		}
	}
	return nil
}

// Reset empties the segment and moves it to the samples [start, end).
func (s *Segment) Reset(start, end int64) {
	n := int(max(0, end-start))
	s.Start, s.End, s.missing = start, start+int64(n), s.missing[:0]
	for ch, row := range s.Rows {
		if cap(row) < n {
			row = make([]float64, n)
		}
		s.Rows[ch] = row[:n]
		clear(s.Rows[ch])
	}
	if cap(s.owner) < n {
		s.owner = make([]int, n)
	}
	s.owner = s.owner[:n]
	for i := range s.owner {
		s.owner[i] = none
	}
}

// Add merges a batch, whose samples are unpacked. Those outside the segment are left out. Error: a batch whose data have
// another length than its samples.
func (s *Segment) Add(b *models.SampleBatch) error {
	channels := len(s.Rows)
	if want := int(b.EndSample-b.StartSample) * channels * 4; len(b.Data) != want {
		return fmt.Errorf("segment: batch %d of session %s holds %d bytes, not %d", b.Seq, b.SessionID, len(b.Data), want)
	}
	s.missing = s.missing[:0]
	from, to := int(max(b.StartSample, s.Start)-s.Start), int(min(b.EndSample, s.End)-s.Start)
	shift := int(s.Start - b.StartSample) // from an index of the segment to one of the batch
	for at := from; at < to; {
		if s.owner[at] <= b.Seq {
			at++
			continue
		}
		first := at
		for at < to && s.owner[at] > b.Seq {
			s.owner[at] = b.Seq
			at++
		}
		for ch, row := range s.Rows {
			src := b.Data[((first+shift)*channels+ch)*4:]
			for i := first; i < at; i++ {
				row[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(src[(i-first)*channels*4:])))
			}
		}
	}
	return nil
}

// Complete reports whether every sample of [from, to), which lies in the segment, is there.
func (s *Segment) Complete(from, to int64) bool {
	if len(s.missing) == 0 {
		s.missing = append(s.missing, 0)
		for i, o := range s.owner {
			n := s.missing[i]
			if o == none {
				n++
			}
			s.missing = append(s.missing, n)
		}
	}
	return s.missing[to-s.Start] == s.missing[from-s.Start]
}

// Last returns the highest number of the batches that the samples [from, to), which lie in the segment and are there, are of.
func (s *Segment) Last(from, to int64) int { return slices.Max(s.owner[from-s.Start : to-s.Start]) }

// Runs gives the ranges [from, to) of samples that are there, in order and as long as can be.
func (s *Segment) Runs() iter.Seq2[int64, int64] {
	return func(yield func(from, to int64) bool) {
		for at := 0; at < len(s.owner); {
			if s.owner[at] == none {
				at++
				continue
			}
			first := at
			for at < len(s.owner) && s.owner[at] != none {
				at++
			}
			if !yield(s.Start+int64(first), s.Start+int64(at)) {
				return
			}
		}
	}
}
