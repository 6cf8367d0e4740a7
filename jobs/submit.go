package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/jobs/failpoint"
	"github.com/neurod/neurod/models"
)

// Submission is a request for work.
type Submission struct {
	ProjectID string
	// Operation and the key of Idempotency, with the project, name the request. Without a key every submission is a new one.
	Operation   string
	Idempotency models.Idempotency
	Job         NewJob
	// Items make the job a batch: it has no work of its own and completes with its last item.
	Items []NewJob
	// Respond writes the answer, which is stored with the key; items is nil unless the job is a batch. Required.
	Respond func(job models.Job, items []models.Job) models.Answer
}

// NewJob is a piece of work to be stored.
type NewJob struct {
	Kind    models.JobKind
	Request json.RawMessage // JSON, without the payload
	Payload []byte          // nil for none
	// SessionID names the session whose samples the job works on: it is erased with it. "" for none.
	SessionID string
	// Sessions names further ones.
	Sessions []string
	Failed   *Failure // an item that is known to be bad is stored as failed, so that the batch accounts for it
}

// Failure is the error of a job that failed.
type Failure struct {
	Code    string
	Message string
	Details json.RawMessage // JSON object, or nil
}

// Accepted is the answer to a submission.
type Accepted struct {
	Answer   models.Answer
	Replayed bool // the stored answer of the first request with this key
	JobID    string
}

// keyRetryAfter is when the client of a request in flight should try again: accepting takes milliseconds.
const keyRetryAfter = time.Second

// When the client of a job that could not be stored should try again: soon after a fault, later where somebody has to make room.
const (
	createRetry = time.Second
	fullRetry   = 30 * time.Second
)

// Submit stores a job, hands it to the queue and answers once it is durable. Errors: IdempotencyKeyReused,
// IdempotencyKeyInFlight, StorageFull, JobTriggerFailed (Redis away for longer than OutageLimit, nothing stored), SessionNotFound (NewJob.SessionID), JobCreateFailed.
func (e *Engine) Submit(ctx context.Context, s Submission) (Accepted, error) {
	ctx, span := telemetry.Start(ctx, "accept job", telemetry.Producer)
	a, err := e.submit(ctx, s)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("neurod.job.id", a.JobID), attribute.String("neurod.job.kind", string(s.Job.Kind)),
			attribute.Int("neurod.job.items", len(s.Items)), attribute.Bool("neurod.job.replayed", a.Replayed))
	}
	telemetry.End(span, err)
	return a, err
}

func (e *Engine) submit(ctx context.Context, s Submission) (Accepted, error) {
	if d := e.RedisDownFor(); d > e.cfg.OutageLimit {
		return Accepted{}, models.NewError(models.JobTriggerFailed).Wrap(fmt.Errorf("redis has not answered for %v", d.Round(time.Second)))
	}
	acceptance, due, later := e.acceptance(s, traceOf(ctx))
	job, items := acceptance.Jobs[0], acceptance.Jobs[1:]
	if len(items) == 0 {
		items = nil
	}
	answer := s.Respond(job, items)

	if idem := s.Idempotency; idem.Key != "" {
		key := strings.Join([]string{s.ProjectID, s.Operation, idem.Key}, "\x00")
		if !e.keys.take(key) {
			return Accepted{}, inFlight(nil)
		}
		defer e.keys.free(key)
		acceptance.Record = &models.IdempotencyRecord{
			ProjectID: s.ProjectID, Operation: s.Operation, Key: idem.Key, Fingerprint: idem.Fingerprint, JobID: job.ID,
			Answer: answer, CreatedAt: job.CreatedAt, ExpiresAt: job.CreatedAt.Add(e.cfg.IdempotencyRetention),
		}
	}
	span := telemetry.Current(ctx)
	acceptance.Stored = func() {
		failpoint.Hit(failpoint.AfterCommit)
		for _, d := range due {
			e.enqueueSoon(handing{d, span})
		}
		if later != nil {
			e.wakeWorkers(*later)
		}
	}
	e.hub.accepting(job.ID, job.ProjectID, e.cfg.WaitPoll)
	existing, err := e.store.Accept(ctx, acceptance)
	if err != nil || existing != nil || job.State.Final() {
		e.hub.refused(job.ID)
	}
	switch {
	case errors.Is(err, store.ErrKeyInFlight):
		return Accepted{}, inFlight(err)
	case errors.Is(err, store.ErrNotFound): // erased since its samples were read
		return Accepted{}, models.NewError(models.SessionNotFound).Wrap(err)
	case store.IsFull(err):
		e := models.NewError(models.StorageFull).Wrap(err)
		e.RetryAfter = fullRetry
		return Accepted{}, e
	case errors.Is(err, store.ErrObjects):
		e := models.NewError(models.Unavailable).Wrap(err)
		e.RetryAfter = createRetry
		return Accepted{}, e
	case err != nil:
		e := models.NewError(models.JobCreateFailed).Wrap(err)
		e.RetryAfter = createRetry
		return Accepted{}, e
	case existing != nil:
		kept, err := existing.Replay(s.Idempotency)
		if err != nil {
			return Accepted{}, err
		}
		e.metrics.replayed.Inc()
		return Accepted{Answer: kept, Replayed: true, JobID: existing.JobID}, nil
	}
	e.metrics.accepted.WithLabelValues(string(job.Kind)).Inc()
	return Accepted{Answer: answer, JobID: job.ID}, nil
}

func inFlight(cause error) error {
	err := models.NewError(models.IdempotencyKeyInFlight)
	err.RetryAfter, err.Cause = keyRetryAfter, cause
	return err
}

// acceptance returns the rows of a submission, made in a trace, which of them go to the queue, and the first of those that wait until it has room.
func (e *Engine) acceptance(s Submission, trace *string) (_ *store.Acceptance, due []store.Due, later *store.Due) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	a := &store.Acceptance{}
	add := func(n NewJob, parent *models.Job, index int) {
		queue := e.queueOf(n.Kind, parent != nil)
		job := models.Job{ID: models.NewID(), ProjectID: s.ProjectID, Kind: n.Kind, State: models.JobQueued, Request: n.Request,
			CreatedAt: now, NextCheck: now.Add(e.firstCheck(queue)), Trace: trace}
		if len(job.Request) == 0 {
			job.Request = json.RawMessage("{}")
		}
		if parent != nil {
			job.ParentID, job.ItemIndex = &parent.ID, &index
		}
		switch {
		case n.Failed != nil:
			job.State, job.FinishedAt = models.JobFailed, &now
			job.ErrorCode, job.ErrorMessage, job.ErrorDetails = &n.Failed.Code, &n.Failed.Message, n.Failed.Details
		case parent == nil && len(s.Items) > 0:
			job.NextCheck = store.Never
		default:
			if n.Payload != nil {
				a.Payloads = append(a.Payloads, store.NewPayload(job, n.Payload))
			}
			d := store.Due{ID: job.ID, Kind: job.Kind, Item: parent != nil, Project: job.ProjectID}
			if !e.overflow[queue].Load() {
				due = append(due, d)
			} else {
				job.NextCheck = now // the reconciler feeds the queue, oldest first; another's turn may be this job's before
				if later == nil {
					later = &d
				}
			}
		}
		a.Jobs = append(a.Jobs, job)
		sessions := n.Sessions
		if n.SessionID != "" {
			sessions = append([]string{n.SessionID}, sessions...)
		}
		for _, id := range sessions {
			link := models.SessionJob{SessionID: id, JobID: job.ID}
			if parent != nil { // a batch goes whole
				link.JobID = parent.ID
			}
			if !slices.Contains(a.Sessions, link) {
				a.Sessions = append(a.Sessions, link)
			}
		}
	}
	add(s.Job, nil, 0)
	batch := a.Jobs[0]
	for i, item := range s.Items {
		add(item, &batch, i)
	}
	if n := len(s.Items); n > 0 {
		b := &a.Jobs[0]
		b.ItemsTotal = n
		failed := 0
		for _, item := range s.Items {
			if item.Failed != nil {
				failed++
			}
		}
		if b.ItemsPending = n - failed; b.ItemsPending == 0 {
			b.State, b.FinishedAt = models.JobCompleted, &now
		}
	}
	return a, due, later
}

// An accepted job that no worker has taken is looked at by the reconciler after minCheck, and later by perWaiting for each task that waits before it: that
// it waits its turn is no reason to look, and each look writes its row.
const (
	minCheck   = 5 * time.Second
	perWaiting = 5 * time.Millisecond
)

// firstCheck is after how long a job of a queue that is accepted now is looked at.
func (e *Engine) firstCheck(queue string) time.Duration {
	return min(minCheck+time.Duration(e.pending[queue].Load())*perWaiting, store.MaxRecheck)
}

// keyLock tells requests of this process with the same key apart from the first that is in flight.
type keyLock struct {
	mu   sync.Mutex
	held map[string]struct{}
}

// take reports whether the key was free.
func (l *keyLock) take(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.held[key]; taken {
		return false
	}
	if l.held == nil {
		l.held = map[string]struct{}{}
	}
	l.held[key] = struct{}{}
	return true
}

func (l *keyLock) free(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, key)
}
