package jobs

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/telemetry"
)

// The methods below are the workers' side of the engine.

// Lease is how long a claimed job stays with a worker that is not heard of.
func (e *Engine) Lease() time.Duration { return e.cfg.Lease }

// Claim takes a queued job for owner, a name that no other worker ever has. It returns nil when the job is not queued.
func (e *Engine) Claim(ctx context.Context, id, owner string) (*store.Claimed, error) {
	c, err := e.store.Claim(ctx, id, owner, e.cfg.Lease)
	if c != nil {
		e.metrics.claimed.WithLabelValues(string(c.Job.Kind)).Inc()
		if c.Job.Attempts == 1 {
			if c.Job.Trace != nil {
				ctx = telemetry.Carry(ctx, *c.Job.Trace)
			}
			telemetry.Observe(ctx, e.metrics.queued.WithLabelValues(e.queueOf(c.Job.Kind, c.Job.ParentID != nil)), time.Since(c.Job.CreatedAt).Seconds())
		}
	}
	return c, err
}

// Extend renews the leases of running attempts and returns the ids of those that owner still holds.
func (e *Engine) Extend(ctx context.Context, owner string, held []store.Attempt) ([]string, error) {
	return e.store.Extend(ctx, owner, held, e.cfg.Lease)
}

// Finish stores the end of an attempt and announces it. It returns false when the attempt no longer held its job:
// then nothing was written.
func (e *Engine) Finish(ctx context.Context, f *store.Finish) (bool, error) {
	changes, err := e.store.Finish(ctx, f)
	if err != nil {
		return false, err
	}
	e.Announce(changes)
	return len(changes) > 0, nil
}

// Retry puts a running attempt back into the queue after a temporary fault, to be tried again after a pause that grows
// with the attempts; why is for operators. It returns false when the attempt no longer held its job.
func (e *Engine) Retry(ctx context.Context, owner string, c *store.Claimed, why string) (bool, error) {
	pause := backoff(e.KindOf(c.Job.Kind).Backoff, c.Job.Attempts)
	_, ok, err := e.store.Release(ctx, owner, store.Attempt{ID: c.Job.ID, Attempt: c.Job.Attempts}, pause, why)
	if ok {
		e.metrics.retried.WithLabelValues(string(c.Job.Kind)).Inc()
	}
	return ok, err
}

// HandBack puts a running attempt back into the queue for another worker at once: this one stops.
func (e *Engine) HandBack(ctx context.Context, owner string, c *store.Claimed) (bool, error) {
	seq, ok, err := e.store.Release(ctx, owner, store.Attempt{ID: c.Job.ID, Attempt: c.Job.Attempts}, 0, "")
	if ok {
		e.enqueue(ctx, store.Due{ID: c.Job.ID, Kind: c.Job.Kind, Item: c.Job.ParentID != nil, Seq: seq, Project: c.Job.ProjectID})
	}
	return ok, err
}

// maxBackoff bounds the pause between two attempts.
const maxBackoff = time.Minute

// backoff doubles with each attempt and is spread by half to both sides.
func backoff(first time.Duration, attempt int) time.Duration {
	d := min(first<<min(attempt-1, 20), maxBackoff)
	return d/2 + rand.N(d)
}
