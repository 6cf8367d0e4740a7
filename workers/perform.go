package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/jobs/failpoint"
	"github.com/neurod/neurod/models"
)

// outcome is how a handler ended.
type outcome struct {
	result Result
	err    error
}

// panicked is the error of a handler that panicked.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprintf("handler panicked: %v", p.value) }

// perform runs one attempt of a job, if one is to be had: the one that the task names, or another whose turn it is. An error
// keeps the task in the queue.
func (s *Server) perform(queue, named string) error {
	// Before the claim, so that no cancel is missed after it.
	final, endWatch := s.engine.Watch(named)
	defer func() { endWatch() }()
	turn := jobs.Turn{Named: named}
	var first hint
	if queue == jobs.InteractiveQueue {
		first, turn.May, turn.Only = s.crowd.next()
		turn.First = first.job
	}
	before, c, err := s.claim(queue, turn)
	if queue == jobs.InteractiveQueue {
		project, others := "", false
		if c != nil {
			project, others = c.Job.ProjectID, c.Others
		}
		defer s.crowd.claimed(first, project, others)()
	}
	if err != nil || c == nil {
		return err
	}
	defer s.engine.TurnOver(queue, c.Job.ProjectID)
	id := c.Job.ID
	if id != named {
		endWatch()
		final, endWatch = s.engine.Watch(id)
		// What came between the claim and the watch is seen here.
		if job, err := s.engine.Get(context.Background(), c.Job.ProjectID, id); err == nil && job.State.Final() {
			return nil
		}
	}
	failpoint.Hit(failpoint.AfterClaim)
	log := s.log.With("job", id, "attempt", c.Job.Attempts, "kind", string(c.Job.Kind))
	kind := s.engine.KindOf(c.Job.Kind)

	ctx, span := s.resume(c, queue, before)
	defer span.End()
	if trace := telemetry.TraceID(ctx); trace != "" {
		log = log.With("trace_id", trace)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	release := s.leases.hold(store.Attempt{ID: id, Attempt: c.Job.Attempts}, before, cancel)
	defer release()
	deadline := time.AfterFunc(kind.Deadline, func() { cancel(ErrDeadline) })
	defer deadline.Stop()

	start := time.Now()
	s.metrics.running.Inc()
	ended := make(chan outcome, 1)
	go func() { ended <- s.call(ctx, c) }()

	var out outcome
	settled := false
	for done := ctx.Done(); ; {
		select {
		case out = <-ended:
		case <-final:
			cancel(ErrCanceled) // whatever made it final, it is no longer this attempt's
			final = nil
			continue
		case <-done:
			done = nil
			if errors.Is(context.Cause(ctx), ErrDeadline) {
				// The client need not wait until the handler listens.
				settled = s.settle(ctx, c, outcome{err: ErrDeadline}, log)
			}
			continue
		}
		break
	}
	s.metrics.running.Dec()
	failpoint.Hit(failpoint.AfterCompute)
	if !settled {
		s.settle(ctx, c, out, log)
	}
	s.metrics.observe(ctx, c.Job.Kind, time.Since(start), out.err)
	failpoint.Hit(failpoint.AfterFinish)
	return nil
}

// resume begins the span of an attempt that was claimed from a time on, in the trace that accepted the job.
func (s *Server) resume(c *store.Claimed, queue string, claimed time.Time) (context.Context, telemetry.Span) {
	accepted := ""
	if c.Job.Trace != nil {
		accepted = *c.Job.Trace
	}
	ctx, span := telemetry.Resume(context.Background(), s.cfg.Tracer, accepted, "run job", claimed)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("neurod.job.id", c.Job.ID), attribute.String("neurod.job.kind", string(c.Job.Kind)), attribute.Int("neurod.job.attempt", c.Job.Attempts),
			attribute.String("neurod.project.id", c.Job.ProjectID), attribute.String("messaging.destination.name", queue),
			attribute.Float64("neurod.job.age_seconds", claimed.Sub(c.Job.CreatedAt).Seconds()))
		telemetry.Past(ctx, "claim job", telemetry.Client, claimed, time.Now())
	}
	return ctx, span
}

// claim takes a job in a turn. While the database does not answer it keeps trying: nothing else could be done either. It also
// returns a time before the claim, from which the lease counts.
func (s *Server) claim(queue string, turn jobs.Turn) (time.Time, *store.Claimed, error) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		before := time.Now()
		c, err := s.engine.ClaimTurn(context.Background(), queue, s.owner, turn)
		if err == nil || errors.Is(err, jobs.ErrKept) {
			return before, c, err
		}
		s.log.Warn("could not claim a job", "job", turn.Named, "error", err)
		if !s.sleep(wait) {
			return before, nil, err
		}
	}
}

// sleep waits for d; it returns false when the server is told to stop.
func (s *Server) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stopping:
		return false
	}
}

// awaited reports whether bulk jobs are to give way to others; one that is to end for the server's stop is not.
func (s *Server) awaited() bool {
	select {
	case <-s.stopping:
		return false
	default:
		return s.crowd.present()
	}
}

// call runs the handler.
func (s *Server) call(ctx context.Context, c *store.Claimed) (out outcome) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("handler panicked", "job", c.Job.ID, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			out = outcome{err: panicked{v}}
		}
	}()
	h := s.handlers[c.Job.Kind]
	if h == nil {
		// Perhaps a worker of a newer version has one.
		return outcome{err: fmt.Errorf("no handler for jobs of kind %q", c.Job.Kind)}
	}
	payload := c.Payload
	if c.Load != nil {
		var err error
		if payload, err = c.Load(ctx); err != nil {
			return outcome{err: err}
		}
	}
	bulk := s.engine.Bulk(c.Job)
	if bulk {
		ctx = store.Gently(ctx, s.awaited)
	}
	result, err := h(ctx, &Task{Job: c.Job, Payload: payload, slots: s.cfg.Compute, bulk: bulk})
	var deep *guarded.Panic
	if errors.As(err, &deep) {
		s.log.Error("handler panicked", "job", c.Job.ID, "panic", fmt.Sprint(deep.Value), "stack", string(deep.Stack))
	}
	return outcome{result, err}
}

// settle stores the end of an attempt. It returns whether there is nothing left to store.
func (s *Server) settle(ctx context.Context, c *store.Claimed, out outcome, log *slog.Logger) bool {
	f := &store.Finish{Attempt: store.Attempt{ID: c.Job.ID, Attempt: c.Job.Attempts}, Owner: s.owner, Item: c.Job.ParentID != nil,
		State: models.JobFailed}
	fail := func(code models.Code, message string) {
		if message == "" {
			message = models.ErrorTable[code].Message
		}
		f.ErrorCode, f.ErrorMessage = (*string)(&code), &message
	}
	var bad *decoders.Error
	var deep *guarded.Panic // in a goroutine of the handler
	var known *models.Error
	cause := context.Cause(ctx)
	stored := context.WithoutCancel(ctx) // it is written also when the handler had to end
	span := telemetry.Current(ctx)
	defer func() {
		if f.ErrorCode != nil {
			telemetry.Fail(span, *f.ErrorCode)
		}
	}()
	switch {
	case errors.Is(cause, ErrCanceled) || errors.Is(cause, ErrLeaseLost):
		log.Info("the job was taken away", "cause", cause)
		telemetry.Fail(span, "taken_away")
		return true
	case out.err == nil:
		f.State, f.Output, f.Diagnostics = models.JobCompleted, out.result.Output, out.result.Diagnostics
	case errors.Is(out.err, store.ErrObjectLost):
		log.Error("what the job works on is lost", "error", out.err)
		fail(models.RecordingLost, "")
		f.DeadLetter = true // it can be made again where the object is brought back
	case errors.As(out.err, &bad):
		fail(models.Code(bad.Code), bad.Message)
		f.ErrorDetails, f.Diagnostics = details(bad.Details), out.result.Diagnostics
	case errors.As(out.err, &known) && !models.ErrorTable[known.Code].Class.Ours():
		fail(known.Code, known.Text())
		f.ErrorDetails, f.Diagnostics = details(known.Details), out.result.Diagnostics
	case errors.As(out.err, new(panicked)), errors.As(out.err, &deep):
		fail(models.Internal, "")
	case errors.Is(cause, ErrDeadline):
		fail(models.DeadlineExceeded, "")
		f.ErrorDetails = details(map[string]any{"deadline_seconds": s.engine.KindOf(c.Job.Kind).Deadline.Seconds()})
		log.Warn("the job ran longer than it is allowed to")
	case errors.Is(cause, ErrStopping):
		telemetry.Fail(span, "handed_back")
		return s.store(ctx, log, "hand back", func() (bool, error) { return s.engine.HandBack(stored, s.owner, c) })
	case c.Job.Attempts < s.engine.KindOf(c.Job.Kind).MaxAttempts:
		log.Warn("a temporary fault; the job will run again", "error", out.err)
		telemetry.Fail(span, "retry")
		return s.store(ctx, log, "retry", func() (bool, error) { return s.engine.Retry(stored, s.owner, c, out.err.Error()) })
	default:
		log.Error("retries are exhausted", "error", out.err)
		fail(models.RetriesExhausted, "")
		f.DeadLetter = true
		f.ErrorDetails = details(map[string]any{"attempts": c.Job.Attempts})
	}
	return s.store(ctx, log, "finish", func() (bool, error) { return s.engine.Finish(stored, f) })
}

// store writes the end of an attempt, again while the database does not answer and the lease may still hold. Writing
// twice is harmless: the second time the fence is closed.
func (s *Server) store(ctx context.Context, log *slog.Logger, what string, write func() (bool, error)) bool {
	giveUp := time.Now().Add(s.engine.Lease())
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		held, err := write()
		if err == nil {
			if !held {
				log.Info("the job was taken away", "at", what)
			}
			return true
		}
		log.Warn("could not "+what+" a job", "error", err)
		if cause := context.Cause(ctx); errors.Is(cause, ErrCanceled) || errors.Is(cause, ErrLeaseLost) || time.Now().After(giveUp) {
			return false // it comes back when the lease ends
		}
		time.Sleep(wait)
	}
}

// details returns the numbers of an error as JSON, nil for none.
func details(m map[string]any) json.RawMessage {
	if len(m) == 0 {
		return nil
	}
	b, err := json.Marshal(m)
	if err != nil { // such as NaN: the text says what they were
		b, _ = json.Marshal(map[string]string{"unencodable": fmt.Sprint(m)})
	}
	return b
}
