package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/store"
)

// A queue is paused by a row of the database: no worker of any process claims a job of it, whatever is in Redis and whoever is restarted.
// Each process reads the rows with every round of its reconciler, and at once where it is told (pauseTopic). asynq's own pause, a key in
// Redis, only keeps its servers from taking tasks in vain.

// pauseTopic is said when a queue was paused or goes on.
const pauseTopic = "queues.paused"

// Pauses keeps which queues are paused; *store.Store is one.
type Pauses interface {
	PausedQueues(ctx context.Context) ([]string, error)
}

var _ Pauses = (*store.Store)(nil)

// PausesChanged has every process look at once at which queues are paused. Call it after the commit.
func (e *Engine) PausesChanged() { e.Notify(pauseTopic) }

// paused reports whether a queue is.
func (e *Engine) paused(queue string) bool {
	p := e.pausedQueues.Load()
	return p != nil && (*p)[queue]
}

// pauseLoop looks when it is told, until ctx ends. The reconciler looks as well.
func (e *Engine) pauseLoop(ctx context.Context) {
	changed, end := e.Subscribe(pauseTopic)
	defer end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			if err := e.readPauses(ctx); err != nil && ctx.Err() == nil {
				e.log.Warn("read which queues are paused", "error", err)
			}
		}
	}
}

// readPauses learns which queues are paused. Those that go on have their jobs looked at now: what came for them meanwhile was passed over.
func (e *Engine) readPauses(ctx context.Context) error {
	db, ok := e.cfg.Store.(Pauses)
	if !ok {
		return nil
	}
	e.pauseLock.Lock()
	defer e.pauseLock.Unlock()
	list, err := db.PausedQueues(ctx)
	if err != nil {
		return fmt.Errorf("paused queues: %w", err)
	}
	now := map[string]bool{}
	for _, q := range list {
		now[q] = true
	}
	before := e.pausedQueues.Swap(&now)
	switch {
	case before == nil:
	case maps.Equal(*before, now):
	default:
		e.log.Info("queues are paused", "queues", slices.Sorted(maps.Keys(now)))
	}
	if err := e.pauseRedis(ctx, now); err != nil {
		e.redisAnswered(err) // they are not claimed, whatever it says
	}
	if before != nil {
		for q := range *before {
			if !now[q] {
				_, err := e.store.MakeDue(ctx, nil)
				e.wakeWorkers(store.Due{})
				return err
			}
		}
	}
	return nil
}

// pauseRedis sets asynq's own pauses (asynq v0.26, rdb.Pause).
func (e *Engine) pauseRedis(ctx context.Context, paused map[string]bool) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	_, err := e.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for q := range Queues() {
			if paused[q] {
				p.SetNX(ctx, queueKey(q, "paused"), time.Now().Unix(), 0)
			} else {
				p.Del(ctx, queueKey(q, "paused"))
			}
		}
		return nil
	})
	return err
}
