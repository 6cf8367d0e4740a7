// Package overviews keeps what sessions look like from afar (package envelope): workers make an overview of each chunk of samples once
// the session has gone on behind it, and again of those into which samples came late; whoever looks at a session reads overviews for what
// has one, and samples for the rest.
//
// Ingest has no part in it: what it costs is that a worker reads each chunk once more, from 16,384 samples to 16,384.
package overviews

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/neurod/neurod/internal/envelope"
	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Store is what overviews need of the database.
type Store interface {
	OverviewState(ctx context.Context, projectID, sessionID string) (last int64, seen int, any bool, err error)
	Overviews(ctx context.Context, projectID, sessionID string, level models.OverviewLevel, from, to int64) ([]models.OverviewChunk, error)
	PutOverviews(ctx context.Context, projectID, sessionID string, list []models.SessionOverview) error
	BatchPlaces(ctx context.Context, projectID, sessionID string, from, limit int) ([]models.SampleBatch, error)
	EachBatchOver(ctx context.Context, r store.BatchRange, start, end int64, each func(*models.SampleBatch) error) error
	FirstSample(ctx context.Context, r store.BatchRange, from int64) (int64, bool, error)
}

var _ Store = (*store.Store)(nil)

const (
	placesPage  = 1000    // places of batches that are read at once
	putBytes    = 4 << 20 // of overviews that are written at once
	readBytes   = 4 << 20 // of overviews or samples that are read at once
	fewUnbuilt  = 8       // chunks without an overview that a reader reads itself, rather than have them made first
	beforeTimes = -1 << 62
)

// Due reports whether batches may have given a session chunks to make an overview of: one has been filled, or one that was filled has
// changed, or the last ones are there.
func Due(ses models.Session, batches []models.SampleBatch) bool {
	if ses.Ending() {
		return true
	}
	tail, ok := ses.Tail()
	if !ok {
		return false
	}
	last := envelope.Floor(tail.End, envelope.ChunkSamples)
	return slices.ContainsFunc(batches, func(b models.SampleBatch) bool {
		return envelope.Floor(b.StartSample, envelope.ChunkSamples) < last
	})
}

// Build makes the overviews that a session lacks. compute runs what takes a processor; nil where nobody counts. Error: store.ErrNotFound
// where the session is gone.
func Build(ctx context.Context, db Store, ses models.Session, compute func(func() error) error) error {
	tail, ok := ses.Tail()
	if !ok {
		return nil
	}
	if compute == nil {
		compute = func(f func() error) error { return f() }
	}
	b := builder{db: db, ses: ses, compute: compute, samples: segment.New(len(ses.Channels)),
		batches: store.BatchRange{ProjectID: ses.ProjectID, SessionID: ses.ID, Before: ses.BatchCount, Longest: ses.LongestBatch}}
	b.batches.Compute = func(_ context.Context, _ int, f func() error) error { return compute(f) }
	last, seen, any, err := db.OverviewState(ctx, ses.ProjectID, ses.ID)
	if err != nil {
		return err
	}
	b.seen = seen
	next := int64(beforeTimes)
	if any {
		next = (last + 1) * envelope.ChunkSamples
		late, err := changed(ctx, db, ses, seen, last)
		if err != nil {
			return err
		}
		for _, chunk := range slices.Sorted(maps.Keys(late)) {
			if err := b.chunk(ctx, chunk); err != nil {
				return err
			}
		}
	}
	for {
		first, there, err := db.FirstSample(ctx, b.batches, next)
		if err != nil {
			return err
		}
		if !there {
			break
		}
		chunk := envelope.Floor(first, envelope.ChunkSamples)
		if next = (chunk + 1) * envelope.ChunkSamples; next > tail.End && !ses.Ending() {
			break
		}
		if err := b.chunk(ctx, chunk); err != nil {
			return err
		}
	}
	return b.flush(ctx, ses.BatchCount)
}

// changed returns the chunks up to the last one with an overview into which batches came that none has seen.
func changed(ctx context.Context, db Store, ses models.Session, seen int, last int64) (map[int64]bool, error) {
	late := map[int64]bool{}
	for from := seen; from < ses.BatchCount; from += placesPage {
		places, err := db.BatchPlaces(ctx, ses.ProjectID, ses.ID, from, min(placesPage, ses.BatchCount-from))
		if err != nil {
			return nil, err
		}
		for _, p := range places {
			for c := envelope.Floor(p.StartSample, envelope.ChunkSamples); c <= min(last, envelope.Floor(p.EndSample-1, envelope.ChunkSamples)); c++ {
				late[c] = true
			}
		}
	}
	return late, nil
}

// builder makes overviews and keeps them some at a time. Only the last ones say which batches all of them have seen: after one that ended in
// the middle those are looked at again.
type builder struct {
	db      Store
	ses     models.Session
	compute func(func() error) error
	samples *segment.Segment
	batches store.BatchRange
	seen    int
	made    []models.SessionOverview
	bytes   int
}

func (b *builder) chunk(ctx context.Context, chunk int64) error {
	if b.bytes >= putBytes {
		if err := b.flush(ctx, b.seen); err != nil {
			return err
		}
	}
	start, end := chunk*envelope.ChunkSamples, (chunk+1)*envelope.ChunkSamples
	if start < b.samples.Start || end > b.samples.End {
		// A long batch is unpacked as often as ranges touch it.
		most := max(1, readBytes/8/int64(len(b.ses.Channels))/envelope.ChunkSamples)
		end = start + min(max(1, b.batches.Longest/envelope.ChunkSamples), most)*envelope.ChunkSamples
		b.samples.Reset(start, end)
		if err := b.db.EachBatchOver(ctx, b.batches, start, end, b.samples.Add); err != nil {
			return err
		}
	}
	var c envelope.Chunk
	if err := b.compute(func() error { c = envelope.OfChunk(chunk, b.samples); return nil }); err != nil {
		return err
	}
	b.made = append(b.made, models.SessionOverview{Chunk: chunk, Coarse: c.Coarse, Mid: c.Mid, Fine: c.Fine})
	b.bytes += len(c.Coarse) + len(c.Mid) + len(c.Fine)
	return nil
}

func (b *builder) flush(ctx context.Context, seen int) error {
	if len(b.made) == 0 {
		return nil
	}
	for i := range b.made {
		b.made[i].Seen = seen
	}
	err := b.db.PutOverviews(ctx, b.ses.ProjectID, b.ses.ID, b.made)
	b.made, b.bytes = nil, 0
	return err
}

// levels are the names of envelope.Levels.
var levels = map[int64]models.OverviewLevel{envelope.Fine: models.OverviewFine, envelope.Mid: models.OverviewMid, envelope.Coarse: models.OverviewCoarse}

// Read returns the envelope of the samples [from, to) of a session in blocks of at least so many samples. Blocks lie at multiples of their
// length, so that the first may begin before the range and the last end behind it; a block of one sample is the sample.
func Read(ctx context.Context, db Store, ses models.Session, from, to, atLeast int64) (*envelope.Envelope, error) {
	level, block := envelope.LevelFor(max(1, atLeast))
	from = envelope.Floor(from, block) * block
	to = (envelope.Floor(to-1, block) + 1) * block
	r := reader{db: db, ses: ses, out: envelope.New(len(ses.Channels), block, from, to), samples: segment.New(len(ses.Channels)),
		batches: store.BatchRange{ProjectID: ses.ProjectID, SessionID: ses.ID, Before: ses.BatchCount, Longest: ses.LongestBatch}}
	if level == 0 {
		return r.out, r.raw(ctx, from, to)
	}
	firstChunk, lastChunk := envelope.Floor(from, envelope.ChunkSamples), envelope.Floor(to-1, envelope.ChunkSamples)
	last, seen, any, err := db.OverviewState(ctx, ses.ProjectID, ses.ID)
	if err != nil {
		return nil, err
	}
	if tail, ok := ses.Tail(); ok {
		have := envelope.Floor(tail.End-1, envelope.ChunkSamples)
		if !any || min(have, lastChunk)-max(last+1, firstChunk) > fewUnbuilt { // recorded before there were overviews
			if err := Build(ctx, db, ses, nil); err != nil {
				return nil, err
			}
			if last, seen, _, err = db.OverviewState(ctx, ses.ProjectID, ses.ID); err != nil {
				return nil, err
			}
		}
	}
	stale, err := changed(ctx, db, ses, seen, last)
	if err != nil {
		return nil, err
	}
	return r.out, r.overviews(ctx, level, firstChunk, lastChunk, stale)
}

type reader struct {
	db      Store
	ses     models.Session
	out     *envelope.Envelope
	samples *segment.Segment
	batches store.BatchRange
}

// overviews folds the chunks [first, last]: those with an overview by it, the others by their samples.
func (r *reader) overviews(ctx context.Context, level, first, last int64, stale map[int64]bool) error {
	page := max(1, readBytes/(8*int64(len(r.ses.Channels))*(envelope.ChunkSamples/level)))
	next := first // of the chunks that are not yet folded
	for from := first; from <= last; from += page {
		found, err := r.db.Overviews(ctx, r.ses.ProjectID, r.ses.ID, levels[level], from, min(last, from+page-1))
		if err != nil {
			return err
		}
		for _, c := range found {
			if stale[c.Chunk] {
				continue
			}
			e, err := envelope.Unpack(len(r.ses.Channels), level, c.Chunk, c.Data)
			if err != nil {
				return fmt.Errorf("session %s: %w", r.ses.ID, err)
			}
			if err := r.chunks(ctx, next, c.Chunk); err != nil {
				return err
			}
			r.out.Add(e)
			next = c.Chunk + 1
		}
	}
	return r.chunks(ctx, next, last+1)
}

// chunks folds the samples of the chunks [first, end).
func (r *reader) chunks(ctx context.Context, first, end int64) error {
	from := max(first*envelope.ChunkSamples, r.out.First*r.out.Block)
	to := min(end*envelope.ChunkSamples, (r.out.First+int64(r.out.Blocks()))*r.out.Block)
	return r.raw(ctx, from, to)
}

// raw folds the samples [from, to), a part at a time.
func (r *reader) raw(ctx context.Context, from, to int64) error {
	part := max(1, readBytes/8/int64(len(r.ses.Channels)))
	step := max(part, min(r.batches.Longest, 8*part)) // a long batch is read as often as parts touch it
	for from < to {
		first, there, err := r.db.FirstSample(ctx, r.batches, from)
		if err != nil || !there || first >= to {
			return err
		}
		end := min(first+step, to)
		r.samples.Reset(first, end)
		if err := r.db.EachBatchOver(ctx, r.batches, first, end, r.samples.Add); err != nil {
			return err
		}
		r.out.AddSegment(r.samples)
		from = end
	}
	return nil
}
