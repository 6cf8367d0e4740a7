package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestBatchRanges compares what the ranges of a session give with all its batches, and with what another project gets.
func TestBatchRanges(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		rapid.Check(t, func(t *rapid.T) {
			ses := newSession(t, s, models.ModeRecorded)
			n := rapid.IntRange(0, 12).Draw(t, "batches")
			for i := range n {
				samples := rapid.Int64Range(1, 40).Draw(t, "samples")
				in := ingestOf(ses, fmt.Sprint(i), rapid.Int64Range(1_000, 4_000).Draw(t, "ms"), samples)
				binary.LittleEndian.PutUint32(in.Batch.Data, uint32(i))
				if _, err := s.IngestBatch(ctx, in); err != nil {
					t.Fatalf("ingest: %v", err)
				}
			}
			ses, err := s.Session(ctx, ses.ProjectID, ses.ID)
			if err != nil {
				t.Fatal(err)
			}
			before := rapid.IntRange(0, n).Draw(t, "before")
			r := store.BatchRange{ProjectID: ses.ProjectID, SessionID: ses.ID, Before: before, Longest: ses.LongestBatch}
			foreign := r
			foreign.ProjectID = models.NewID()

			var all []models.SampleBatch
			limit := rapid.IntRange(1, 5).Draw(t, "limit")
			for end, seq := int64(math.MinInt64), -1; ; {
				page, err := s.BatchesByEnd(ctx, r, end, seq, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range page {
					if b.EndSample < end || b.EndSample == end && b.Seq <= seq || b.Seq >= before || b.BatchID != fmt.Sprint(b.Seq) || binary.LittleEndian.Uint32(b.Data) != uint32(b.Seq) {
						t.Fatalf("batch %d (%s) that ends at %d came after %d at %d", b.Seq, b.BatchID, b.EndSample, seq, end)
					}
					end, seq = b.EndSample, b.Seq
				}
				all = append(all, page...)
				if len(page) < limit {
					break
				}
			}
			if len(all) != before {
				t.Fatalf("%d batches of %d", len(all), before)
			}
			if page, err := s.BatchesByEnd(ctx, foreign, math.MinInt64, -1, 10); err != nil || len(page) > 0 {
				t.Fatalf("another project gets %d batches, %v", len(page), err)
			}

			from := rapid.Int64Range(-350, 350).Draw(t, "from")
			to := from + rapid.Int64Range(1, 120).Draw(t, "length")
			want := map[int]bool{}
			first, any := int64(math.MaxInt64), false
			for _, b := range all {
				if b.StartSample < to && b.EndSample > from {
					want[b.Seq] = true
				}
				if b.EndSample > from {
					first, any = min(first, max(b.StartSample, from)), true
				}
			}
			// At once, and in pieces that wait for a processor.
			piece := rapid.IntRange(1, 400).Draw(t, "piece")
			computing, pieces := false, 0
			inPieces := r
			inPieces.Piece = piece
			inPieces.Compute = func(_ context.Context, bytes int, f func() error) error {
				computing = true
				pieces++
				left := piece
				if bytes > left && bytes > 4*40 { // of one batch at most
					t.Fatalf("%d bytes at once, where %d are allowed", bytes, left)
				}
				defer func() { computing = false }()
				return f()
			}
			for _, q := range []store.BatchRange{r, inPieces} {
				left, end := maps.Clone(want), int64(math.MinInt64)
				err = s.EachBatchOver(ctx, q, from, to, func(b *models.SampleBatch) error {
					if !left[b.Seq] || b.EndSample < end || binary.LittleEndian.Uint32(b.Data) != uint32(b.Seq) || int(b.EndSample-b.StartSample)*4 != len(b.Data) {
						t.Fatalf("batch %d over [%d, %d): [%d, %d) with %d bytes", b.Seq, from, to, b.StartSample, b.EndSample, len(b.Data))
					}
					if computing != (q.Compute != nil) {
						t.Fatalf("batch %d was unpacked without a processor", b.Seq)
					}
					delete(left, b.Seq)
					end = b.EndSample
					return nil
				})
				if err != nil || len(left) > 0 {
					t.Fatalf("over [%d, %d): %v are missing, %v", from, to, left, err)
				}
			}
			if (pieces > 0) != (len(want) > 0) {
				t.Fatalf("%d pieces of %d batches", pieces, len(want))
			}
			got, ok, err := s.FirstSample(ctx, r, from)
			if err != nil || ok != any || ok && got != first {
				t.Fatalf("first sample from %d: %d, %v, %v; want %d, %v", from, got, ok, err, first, any)
			}
			if _, ok, err := s.FirstSample(ctx, foreign, math.MinInt64); ok || err != nil {
				t.Fatalf("another project finds samples: %v", err)
			}
			err = s.EachBatchOver(ctx, foreign, from, to, func(*models.SampleBatch) error { return fmt.Errorf("another project gets a batch") })
			if err != nil {
				t.Fatal(err)
			}
		})
	})
}
