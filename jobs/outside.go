package jobs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/jobs/failpoint"
	"github.com/neurod/neurod/models"
)

// Prepare returns a queued job for a caller that stores it in a transaction of its own, together with what it works on.
// After the commit call HandOver. The row is its own outbox: without HandOver the reconciler finds it.
func (e *Engine) Prepare(ctx context.Context, projectID string, kind models.JobKind, request json.RawMessage) models.Job {
	return Prepare(ctx, projectID, kind, request)
}

// Prepare returns a job that is to be stored, in the trace of ctx. It is its own outbox: where nobody hands it over, a reconciler does.
func Prepare(ctx context.Context, projectID string, kind models.JobKind, request json.RawMessage) models.Job {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return models.Job{ID: models.NewID(), ProjectID: projectID, Kind: kind, State: models.JobQueued, Request: request,
		CreatedAt: now, NextCheck: now.Add(minCheck), Trace: traceOf(ctx)}
}

// traceOf returns the trace of a context for a job's row, nil for none.
func traceOf(ctx context.Context) *string {
	if t := telemetry.Traceparent(ctx); t != "" {
		return &t
	}
	return nil
}

// HandOver hands a job that was stored outside of Submit to the queue, without waiting for it.
func (e *Engine) HandOver(job models.Job) {
	failpoint.Hit(failpoint.AfterCommit)
	e.metrics.accepted.WithLabelValues(string(job.Kind)).Inc()
	e.enqueueSoon(handing{Due: store.Due{ID: job.ID, Kind: job.Kind, Project: job.ProjectID}})
}

// Settled counts a job that was stored outside of Submit as completed, which has nobody to wait for.
func (e *Engine) Settled(job models.Job) {
	e.metrics.accepted.WithLabelValues(string(job.Kind)).Inc()
	e.metrics.finished.WithLabelValues(string(job.Kind), string(models.JobCompleted)).Inc()
}

// IdempotencyRetention is how long the answer to an Idempotency-Key is kept.
func (e *Engine) IdempotencyRetention() time.Duration { return e.cfg.IdempotencyRetention }
