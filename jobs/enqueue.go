package jobs

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"go.opentelemetry.io/otel/attribute"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/telemetry"
)

// TaskType is the type of every queue task.
const TaskType = "job"

// enqueuers is how many tasks are on their way to Redis at once.
const enqueuers = 4

// taskRetries lets asynq itself bring back what a dead worker left in its lists; the claim then finds nothing to do.
const taskRetries = 3

// taskTimeout is asynq's own limit of a task. The engine's deadlines end a job long before.
const taskTimeout = 24 * time.Hour

// taskID names a queue task. asynq takes an id once as long as anything of it is kept, hence the seq.
func taskID(d store.Due) string { return d.ID + ":" + strconv.Itoa(d.Seq) }

// ParseTask returns the job's id from a task's payload.
func ParseTask(payload []byte) (id string, ok bool) {
	id, _, ok = strings.Cut(string(payload), ":")
	return id, ok
}

// handing is a job that is to be handed to the queue.
type handing struct {
	store.Due
	by telemetry.Span // that accepted it
}

// enqueueSoon hands a job to the queue without waiting for it.
func (e *Engine) enqueueSoon(d handing) {
	if e.RedisDownFor() > 0 {
		return // the reconciler notices when Redis is back
	}
	select {
	case e.enqueues <- d:
	default: // so many wait that the reconciler is as fast
	}
}

// enqueueLoop enqueues until Close, and then what is left.
func (e *Engine) enqueueLoop() {
	for {
		select {
		case d := <-e.enqueues:
			e.enqueue(telemetry.Below(context.Background(), d.by), d.Due)
			continue
		default:
		}
		select {
		case d := <-e.enqueues:
			e.enqueue(telemetry.Below(context.Background(), d.by), d.Due)
		case <-e.stop:
			return
		}
	}
}

// enqueue puts a task into Redis and wakes the workers. It reports whether the task is there.
func (e *Engine) enqueue(ctx context.Context, d store.Due) bool {
	if e.RedisDownFor() > 0 {
		return false
	}
	ctx, span := telemetry.Start(ctx, "enqueue job", telemetry.Producer)
	done := e.put(ctx, d)
	if span.IsRecording() {
		span.SetAttributes(attribute.String("neurod.job.id", d.ID), attribute.String("messaging.destination.name", e.queueOf(d.Kind, d.Item)))
		if !done {
			telemetry.Fail(span, "redis")
		}
	}
	span.End()
	return done
}

func (e *Engine) put(ctx context.Context, d store.Due) bool {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	id := taskID(d)
	_, err := e.queue.EnqueueContext(ctx, asynq.NewTask(TaskType, []byte(id)), asynq.TaskID(id),
		asynq.Queue(e.queueOf(d.Kind, d.Item)), asynq.MaxRetry(taskRetries), asynq.Timeout(taskTimeout))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		err = nil // an enqueue that seemed to time out had landed, or another process was faster
	}
	if err != nil {
		e.metrics.enqueueFailed.Inc()
		e.redisAnswered(err)
		return false
	}
	if e.embedded != nil {
		e.embedded.count()
	}
	e.redisAnswered(nil)
	e.wakeWorkers(d)
	return true
}
