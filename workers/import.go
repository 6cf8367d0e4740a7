package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/overviews"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs/failpoint"
	"github.com/neurod/neurod/models"
)

// ImportStore is what importing recordings needs of the database; *store.Store is one.
type ImportStore interface {
	Session(ctx context.Context, projectID, id string) (models.Session, error)
	Imports(ctx context.Context, projectID string, sessionIDs ...string) (map[string]models.SessionImport, error)
	Chunks(ctx context.Context, sessionID string, from, limit int) ([]models.UploadChunk, error)
	DropChunks(ctx context.Context, sessionID string) error
	CommitImport(ctx context.Context, r store.ImportRound) error
}

var _ ImportStore = (*store.Store)(nil)

// ImportPlan says how a file becomes a session. It is kept with the import, so that every attempt, also one of another
// version, cuts the file into the same rounds.
type ImportPlan struct {
	File         recording.Plan `json:"file"`
	Picked       []int          `json:"picked"`        // the file's channels that are the session's, in its order
	BatchSamples int            `json:"batch_samples"` // samples a channel of a batch
	RoundBatches int            `json:"round_batches"` // batches that are written in one transaction
	RoundWindows int            `json:"round_windows"` // windows that are, about: fewer batches where they make more; 0 for any number
}

// Sizes of what is written.
const (
	importBatchSeconds = 10
	importBatchValues  = 1 << 18 // at most so many samples of all channels together: 1 MiB
	importRoundValues  = 1 << 19
	importRoundWindows = 2 * commitWindows
	// A file makes at most importWindows windows, and one more for each importWindowBytes of its bytes: a few bytes that stand
	// for many windows would take much more room and work than they are.
	importWindows     = 2000
	importWindowBytes = 256
)

// NewImportPlan returns the plan of a file whose picked channels have a rate in Hz.
func NewImportPlan(file recording.Plan, picked []int, rate float64) ImportPlan {
	n := max(1, min(int(importBatchSeconds*rate+0.5), importBatchValues/len(picked)))
	return ImportPlan{File: file, Picked: picked, BatchSamples: n, RoundBatches: max(1, importRoundValues/(n*len(picked))),
		RoundWindows: importRoundWindows}
}

// importOutput is the output of a job that imported a file. It describes the whole file, whatever earlier attempts did.
type importOutput struct {
	SessionID string   `json:"session_id"`
	Samples   int64    `json:"samples"`  // a channel
	LeftOut   int64    `json:"left_out"` // a channel: not finite, or beyond any amplifier's range
	Batches   int      `json:"batches"`
	Windows   int      `json:"windows"`
	Events    int      `json:"events"`
	Warnings  []string `json:"warnings,omitempty"` // what was wrong with the file and how it was read all the same
}

// SessionImport returns the handler of the jobs that read uploaded files into their sessions. notify is called after each
// commit, and count told how many values it kept for the project.
//
// Chunks are fetched ahead, parsed and windowed, and written, all three at once; each part holds about a round, so memory
// does not grow with the file. A round is a fixed number of batches with the windows that end in them and the events
// found on the way. It is written in one transaction that counts it, so an attempt that takes over reads the file again
// from its beginning, passes over the rounds that are written, and goes on.
func SessionImport(db ImportStore, notify func(sessionID string), count func(projectID string, what models.Activity, n int64)) Handler {
	return func(ctx context.Context, task *Task) (Result, error) {
		var req struct {
			SessionID string `json:"session_id"`
		}
		if err := json.Unmarshal(task.Job.Request, &req); err != nil {
			return Result{}, models.Errorf(models.InvalidRequestBody, "the job names no session").Wrap(err)
		}
		out, err := importFile(ctx, db, task, req.SessionID, func(id string, values int64) {
			notify(id)
			count(task.Job.ProjectID, models.ActivitySamples, values)
		})
		if err != nil {
			return Result{}, err
		}
		// Nobody reads the file again. Where this fails, and where the job does, retention sees to it.
		_ = db.DropChunks(ctx, req.SessionID)
		b, err := json.Marshal(out)
		return Result{Output: b}, err
	}
}

func importFile(ctx context.Context, db ImportStore, task *Task, id string, kept func(id string, values int64)) (importOutput, error) {
	out := importOutput{SessionID: id}
	ses, err := db.Session(ctx, task.Job.ProjectID, id)
	if errors.Is(err, store.ErrNotFound) { // erased meanwhile
		return out, nil
	}
	if err != nil {
		return out, err
	}
	found, err := db.Imports(ctx, task.Job.ProjectID, id)
	if err != nil {
		return out, err
	}
	imp, ok := found[id]
	if !ok || ses.State != models.SessionProcessing { // all is written, only the job was not finished
		out.Samples, out.Batches, out.Windows = ses.SampleCount, ses.BatchCount, ses.WindowCount
		return out, nil
	}
	var plan ImportPlan
	if err := json.Unmarshal([]byte(imp.Plan), &plan); err != nil {
		return out, fmt.Errorf("workers: plan of import %s: %w", id, err)
	}
	a, err := newAssembler(ses, plan, imp.DoneRounds)
	if err != nil {
		return out, err
	}
	group, ctx := guarded.WithContext(ctx)
	chunks := make(chan []byte, fetchAhead)
	group.Go(func() error {
		defer close(chunks)
		return fetch(ctx, db, id, chunks)
	})
	rounds := make(chan store.ImportRound, 1)
	group.Go(func() error {
		defer close(rounds)
		stream, err := formats.OpenStream(plan.File, &chunkReader{chunks: chunks})
		if err != nil {
			return ended(ctx, err)
		}
		stream.Only(plan.Picked)
		send := func(r store.ImportRound) error {
			select {
			case rounds <- r:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return ended(ctx, a.run(stream, send, func(f func() error) error { return task.compute(ctx, 0, f) }))
	})
	group.Go(func() error {
		for r := range rounds {
			r.Attempt = store.Attempt{ID: task.Job.ID, Attempt: task.Job.Attempts}
			if err := db.CommitImport(ctx, r); err != nil {
				return err
			}
			failpoint.Hit(failpoint.AfterRound)
			values := 0
			for _, b := range r.Batches {
				values += b.Size / 4
			}
			kept(id, int64(values))
		}
		return nil
	})
	err = group.Wait()
	if errors.Is(err, store.ErrNotFound) {
		return out, nil
	}
	a.out.SessionID = id
	if over, ok := db.(overviews.Store); ok && err == nil {
		if ses, err := db.Session(ctx, task.Job.ProjectID, id); err == nil {
			buildOverviews(ctx, task, over, ses)
		}
	}
	return a.out, err
}

// ended returns why the context ended, if it did: a file that seems cut off then is not.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// fetchAhead is how many chunks, of about half a mebibyte, wait to be parsed.
const fetchAhead = 4

// fetch reads the chunks of an upload one after the other.
func fetch(ctx context.Context, db ImportStore, id string, to chan<- []byte) error {
	for next := 0; ; {
		found, err := db.Chunks(ctx, id, next, fetchAhead)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		for i := range found {
			if found[i].Seq != next {
				return fmt.Errorf("workers: chunk %d of upload %s is missing", next, id)
			}
			next++
			select {
			case to <- found[i].Data:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// chunkReader reads chunks as one file.
type chunkReader struct {
	chunks <-chan []byte
	left   []byte
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		chunk, ok := <-r.chunks
		if !ok {
			return 0, io.EOF
		}
		r.left = chunk
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}
