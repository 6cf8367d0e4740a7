package workers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/overviews"
	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// SessionStore is what writing the windows of sessions needs of the database; *store.Store is one.
type SessionStore interface {
	Work(ctx context.Context, q store.WorkQuery) (store.Work, error)
	BatchesOver(ctx context.Context, sessionID string, start, end, longest int64) ([]models.SampleBatch, error)
	CommitWindows(ctx context.Context, c store.WindowCommit) (store.Committed, error)
	Alignment(ctx context.Context, projectID, sessionID string) (models.SessionAlignment, error)
}

var _ SessionStore = (*store.Store)(nil)

// Limits of one round: what is held in memory at once is about eight bytes a value of it, and the neighbors.
const (
	roundBatches = 64
	roundValues  = 4 << 20
	// commitWindows and commitBytes are the most windows that are written at once. While they are written nobody else writes to
	// the embedded database: neither the batches of others nor the leases of this job itself.
	commitWindows = 250
	commitBytes   = 1 << 20
	// aroundSamples is the most samples a channel that are read together with what waits.
	aroundSamples = 64 << 10
)

// SessionWindows returns the handler of the jobs that write the feature windows and live decodes of sessions. notify is
// called after each commit.
//
// A round takes batches that no job has looked at, loads the segments around them that share a window with them,
// computes each window that is complete, and commits those that are not yet written; so the cost of a batch depends on its
// own length and that of its neighbors, not on the session's. A window is complete when each of its samples is there: one
// that reaches into a gap waits until late samples fill it. The rounds end when the commit finds nothing pending.
func SessionWindows(db SessionStore, found *Models, notify func(sessionID string)) Handler {
	pool := newWindowers(found)
	return func(ctx context.Context, task *Task) (Result, error) {
		var req struct {
			SessionID string `json:"session_id"`
		}
		if err := json.Unmarshal(task.Job.Request, &req); err != nil {
			return Result{}, models.Errorf(models.InvalidRequestBody, "the job names no session").Wrap(err)
		}
		out := models.WindowsOutput{SessionID: req.SessionID}
		query := store.WorkQuery{ProjectID: task.Job.ProjectID, SessionID: req.SessionID, Batches: roundBatches,
			WindowMS: models.WindowMS, AroundSamples: aroundSamples}
		clips := &liveClips{db: db}
		for idle := false; !idle; {
			if err := ctx.Err(); err != nil {
				return Result{}, err
			}
			work, err := db.Work(ctx, query)
			if errors.Is(err, store.ErrNotFound) { // erased meanwhile
				break
			}
			if err != nil {
				return Result{}, err
			}
			clips.ses = work.Session
			write := func(c store.WindowCommit) error {
				c.Attempt = store.Attempt{ID: task.Job.ID, Attempt: task.Job.Attempts}
				done, err := db.CommitWindows(ctx, c)
				if err != nil {
					return err
				}
				out.Windows, out.Decodes = out.Windows+done.Windows, out.Decodes+done.Decodes
				idle = done.Idle
				if done.Windows+done.Decodes > 0 || done.Over {
					notify(req.SessionID)
				}
				return nil
			}
			commit, err := pool.round(ctx, task, db, work, clips, write)
			if err == nil {
				err = write(commit)
			}
			if errors.Is(err, store.ErrNotFound) {
				break
			}
			if err != nil {
				return Result{}, err
			}
			out.Batches += commit.SeenCount - work.Session.SeenCount
			if over, ok := db.(overviews.Store); ok && overviews.Due(work.Session, work.Pending) {
				buildOverviews(ctx, task, over, work.Session)
			}
		}
		return Result{Output: out.JSON()}, nil
	}
}

// buildOverviews makes what the session lacks of overviews. That it fails is no reason to fail the job: they come with its next chunk, and
// who looks at the session reads samples until then.
func buildOverviews(ctx context.Context, task *Task, db overviews.Store, ses models.Session) {
	const takes = 10 * time.Millisecond // a chunk
	err := overviews.Build(ctx, db, ses, func(f func() error) error { return task.compute(ctx, takes, f) })
	if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNotFound) {
		slog.WarnContext(ctx, "overviews of a session were not made", "session_id", ses.ID, "error", err)
	}
}

// round computes what the batches that wait make complete, and returns what is left to be written when write has had the rest.
//
//nolint:gocyclo // one round reads, computes and commits; its order is its promise
func (p *windowers) round(ctx context.Context, task *Task, db SessionStore, work store.Work, clips *liveClips, write func(store.WindowCommit) error) (store.WindowCommit, error) {
	ses := work.Session
	c := store.WindowCommit{ProjectID: ses.ProjectID, SessionID: ses.ID, SeenCount: ses.SeenCount}
	// No more batches than together hold so many samples, but one at least.
	most, n := max(1, roundValues/int64(len(ses.Channels))), int64(0)
	pending := work.Pending
	for i, b := range pending {
		if n += b.EndSample - b.StartSample; n >= most {
			pending = pending[:i+1]
			break
		}
	}
	if len(pending) == 0 {
		return c, nil
	}
	grid := ses.WindowGrid()
	decodes, decoded := ses.DecodeGrid()
	wanted := []span(nil)
	if decoded { // in the order of the batches, so from samples that can be held at once
		for wanted = spansOf(decodes, pending); len(merge(rangesOf(decodes, wanted))) > 1; wanted = spansOf(decodes, pending) {
			pending = pending[:(len(pending)+1)/2]
		}
	}
	c.SeenCount = pending[len(pending)-1].Seq + 1

	w, err := p.get(ses)
	if err != nil {
		return c, err
	}
	defer p.put(w)
	windows := spansOf(grid, pending)
	for _, r := range merge(append(rangesOf(grid, windows), rangesOf(decodes, wanted)...)) {
		t := w.segment
		if work.Around != nil && r.Start >= work.From && r.End <= work.To {
			err = task.unpack(ctx, bytesOf(work.Around), func() error { return t.Load(r.Start, r.End, work.Around) })
		} else {
			err = loadSegment(ctx, db, ses, t, r.Start, r.End, 0, task.unpack)
		}
		if err != nil {
			return c, err
		}
		ready, err := dueWindows(grid, windows, t, ses.SeenCount, c.SeenCount)
		if err != nil {
			return c, err
		}
		takes := windowTakes(int64(len(ready)) * (grid.Samples() + eeg.FeatureWork(ses.Features)) * int64(len(ses.Channels)))
		for bytes := 0; len(ready) > 0; {
			if len(c.Windows) >= commitWindows || bytes >= commitBytes {
				part := c
				part.SeenCount = ses.SeenCount
				if err := write(part); err != nil {
					return c, err
				}
				c.Windows, bytes = nil, 0
			}
			err := task.compute(ctx, takes, func() error {
				for begun := time.Now(); len(ready) > 0 && len(c.Windows) < commitWindows && bytes < commitBytes && time.Since(begun) < compute.Turn; ready = ready[1:] {
					d := ready[0]
					data, passed, err := w.features(t, d.at)
					if err != nil {
						return err
					}
					bytes += len(data)
					startMS := *ses.OriginMS + d.k*int64(ses.HopMS)
					c.Windows = append(c.Windows, models.FeatureWindow{SessionID: ses.ID, WindowIndex: d.k, ProjectID: ses.ProjectID,
						StartMS: startMS, EndMS: startMS + models.WindowMS, Passed: passed, Data: data, CreatedAt: time.Now()})
				}
				return nil
			})
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return c, err
			}
		}
		list, err := dueDecodes(decodes, wanted, t, ses.SeenCount, c.SeenCount)
		if err != nil {
			return c, err
		}
		for _, d := range list {
			cat, err := w.found.For(ctx, ses.ProjectID, ses.Decode.Model)
			if err != nil {
				return c, err
			}
			begun, err := codesBegun(ctx, db, ses, pending, d, decodes.Samples())
			if err != nil {
				return c, err
			}
			var data string
			takes := decodeTakes(int64(len(list)) * liveWork(ses, decodes.Samples())) // they follow one another
			err = task.compute(ctx, takes, func() (err error) {
				data, err = w.decode(ctx, ses, cat, t, d.at, d.at+decodes.Samples(), clips, begun)
				return err
			})
			if err != nil {
				return c, err
			}
			if err := clips.count(ctx, d.k); err != nil {
				return c, err
			}
			startMS := *ses.OriginMS + d.k*int64(decodes.HopMS)
			c.Decodes = append(c.Decodes, models.SessionDecode{SessionID: ses.ID, DecodeIndex: d.k, ProjectID: ses.ProjectID,
				StartMS: startMS, EndMS: startMS + int64(decodes.WindowMS), Data: data, CreatedAt: time.Now()})
			if err := ctx.Err(); err != nil {
				return c, err
			}
		}
	}
	c.Alignment = clips.take()
	return c, nil
}

// bytesOf is how long the samples of batches are.
func bytesOf(batches []models.SampleBatch) (n int) {
	for i := range batches {
		n += len(batches[i].Data)
	}
	return n
}

// loadSegment moves a segment to the samples [start, end) of a session and merges the batches with a lower number than before into it; 0
// for all. Where the database can, one batch is in memory at a time: batches that overlap may be any number. unpack is
// store.BatchRange.Compute: nil for who computes already.
func loadSegment(ctx context.Context, db batchLister, ses models.Session, t *segment.Segment, start, end int64, before int, unpack unpack) error {
	t.Reset(start, end)
	add := func(b *models.SampleBatch) error {
		if before > 0 && b.Seq >= before {
			return nil
		}
		return t.Add(b)
	}
	if one, ok := db.(batchReader); ok {
		return one.EachBatchOver(ctx, store.BatchRange{ProjectID: ses.ProjectID, SessionID: ses.ID, Before: math.MaxInt32, Longest: ses.LongestBatch, Compute: unpack}, start, end, add)
	}
	batches, err := db.BatchesOver(ctx, ses.ID, start, end, ses.LongestBatch)
	for i := range batches {
		if err == nil {
			err = add(&batches[i])
		}
	}
	return err
}

// batchLister gives all batches of a range.
type batchLister interface {
	BatchesOver(ctx context.Context, sessionID string, start, end, longest int64) ([]models.SampleBatch, error)
}

// batchReader gives one batch at a time; *store.Store is one.
type batchReader interface {
	EachBatchOver(ctx context.Context, r store.BatchRange, start, end int64, each func(*models.SampleBatch) error) error
}

var _ batchReader = (*store.Store)(nil)
