package store

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// tracedJobs shows what waits for the database in the trace of who waits, and puts long recordings outside it. What gorm runs, dialect.GormConfig shows.
//
// Calls share statements, so a span is the time that one of them took, with the wait for the statement before.
type tracedJobs struct {
	Jobs
	store  *Store
	system string
}

// begin begins the span of a call.
func (t tracedJobs) begin(ctx context.Context, operation string) (context.Context, telemetry.Span) {
	ctx, span := telemetry.Start(ctx, "store "+operation, telemetry.Client)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("db.system.name", t.system), attribute.String("db.operation.name", operation))
	}
	return ctx, span
}

// Accept implements [dialect.Jobs].
func (t tracedJobs) Accept(ctx context.Context, a *dialect.Acceptance) (*models.IdempotencyRecord, error) {
	ctx, span := t.begin(ctx, "accept")
	accept := t.Jobs.Accept
	if t.store.objects.at != nil && len(a.Payloads) > 0 {
		accept = func(ctx context.Context, a *dialect.Acceptance) (*models.IdempotencyRecord, error) {
			return t.store.acceptOutside(ctx, a, t.Jobs.Accept)
		}
	}
	existing, err := accept(ctx, a)
	telemetry.End(span, err)
	return existing, err
}

// Claim implements [dialect.Jobs]. A recording that lies outside is got by whoever runs the job, under its lease.
func (t tracedJobs) Claim(ctx context.Context, id, owner string, lease time.Duration) (*dialect.Claimed, error) {
	c, err := t.Jobs.Claim(ctx, id, owner, lease)
	if c != nil && c.Outside != nil {
		c.Load = func(ctx context.Context) ([]byte, error) {
			return t.store.unpack(ctx, c.Outside.Codec, c.Outside.Size, c.Outside.Data)
		}
	}
	return c, err
}

// Finish implements [dialect.Jobs].
func (t tracedJobs) Finish(ctx context.Context, f *dialect.Finish) ([]dialect.Change, error) {
	ctx, span := t.begin(ctx, "finish")
	changes, err := t.Jobs.Finish(ctx, f)
	telemetry.End(span, err)
	return changes, err
}

// Release implements [dialect.Jobs].
func (t tracedJobs) Release(ctx context.Context, owner string, a dialect.Attempt, pause time.Duration, why string) (int, bool, error) {
	ctx, span := t.begin(ctx, "release")
	seq, ok, err := t.Jobs.Release(ctx, owner, a, pause, why)
	telemetry.End(span, err)
	return seq, ok, err
}

// Cancel implements [dialect.Jobs].
func (t tracedJobs) Cancel(ctx context.Context, projectID, id string) (models.Job, []dialect.Change, error) {
	ctx, span := t.begin(ctx, "cancel")
	job, changes, err := t.Jobs.Cancel(ctx, projectID, id)
	telemetry.End(span, err)
	return job, changes, err
}

// Get implements [dialect.Jobs].
func (t tracedJobs) Get(ctx context.Context, projectID, id string) (models.Job, error) {
	ctx, span := t.begin(ctx, "get")
	job, err := t.Jobs.Get(ctx, projectID, id)
	telemetry.End(span, err)
	return job, err
}

// List implements [dialect.Jobs].
func (t tracedJobs) List(ctx context.Context, l dialect.Listing) ([]models.Job, error) {
	ctx, span := t.begin(ctx, "list")
	list, err := t.Jobs.List(ctx, l)
	telemetry.End(span, err)
	return list, err
}
