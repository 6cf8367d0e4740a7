package workers

import (
	"context"
	"encoding/json"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs/failpoint"
	"github.com/neurod/neurod/models"
)

// EraseStore is what erasing users needs of the database; *store.Store is one.
type EraseStore interface {
	EraseChunk(ctx context.Context, erasureID string, a store.Attempt, limit int) (*models.AuditRecord, error)
}

var _ EraseStore = (*store.Store)(nil)

// How many rows one transaction deletes: the number doubles while transactions are short and halves when they get long,
// so that nothing else waits long for the locks, or on SQLite for the only connection that writes.
const (
	minEraseChunk   = 64
	maxEraseChunk   = 4096
	shortEraseChunk = 100 * time.Millisecond
	longEraseChunk  = 500 * time.Millisecond
)

// eraseOutput is the output of a job that erased a user. It does not say whom.
type eraseOutput struct {
	Sessions int64  `json:"sessions_deleted"`
	Samples  int64  `json:"samples_deleted"` // a channel
	Features int64  `json:"features_deleted"`
	AuditID  string `json:"audit_id"`
}

// deletionGrace is how long after its acceptance the rows of a project are deleted: processes may trust what they know about
// its keys for a moment longer (accounts.Config.KeyCacheTTL), and what they write until then goes with the rest.
const deletionGrace = 5 * time.Second

// DeleteProject returns the handler of the jobs that delete projects, which are erasures of all that a project has.
func DeleteProject(db EraseStore) Handler {
	erase := EraseUser(db)
	return func(ctx context.Context, task *Task) (Result, error) {
		wait := time.NewTimer(time.Until(task.Job.CreatedAt.Add(deletionGrace)))
		defer wait.Stop()
		select {
		case <-wait.C:
			return erase(ctx, task)
		case <-ctx.Done():
			return Result{}, ctx.Err()
		}
	}
}

// EraseUser returns the handler of the jobs that erase users. Each transaction deletes a part and notes what it was, so an
// attempt goes on where the one before it was stopped, and its output counts what all of them deleted.
func EraseUser(db EraseStore) Handler {
	return func(ctx context.Context, task *Task) (Result, error) {
		var req struct {
			ErasureID string `json:"erasure_id"`
		}
		if err := json.Unmarshal(task.Job.Request, &req); err != nil {
			return Result{}, models.Errorf(models.InvalidRequestBody, "the job names no erasure").Wrap(err)
		}
		for limit := minEraseChunk; ; {
			if err := ctx.Err(); err != nil {
				return Result{}, err
			}
			start := time.Now()
			audit, err := db.EraseChunk(ctx, req.ErasureID, store.Attempt{ID: task.Job.ID, Attempt: task.Job.Attempts}, limit)
			if err != nil {
				return Result{}, err
			}
			if audit != nil {
				failpoint.Hit(failpoint.AfterErase)
				b, err := json.Marshal(eraseOutput{audit.SessionsDeleted, audit.SamplesDeleted, audit.FeaturesDeleted, audit.PublicID()})
				return Result{Output: b}, err
			}
			failpoint.Hit(failpoint.AfterEraseChunk)
			switch took := time.Since(start); {
			case took < shortEraseChunk:
				limit = min(2*limit, maxEraseChunk)
			case took > longEraseChunk:
				limit = max(limit/2, minEraseChunk)
			}
		}
	}
}
