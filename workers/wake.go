package workers

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// wake is a hook on the Redis client of one asynq server. It recognises the script with which the server's only fetcher
// takes a task (asynq v0.26: four keys, "asynq:{queue}:pending", "…:paused", "…:active", "…:lease"), counts the queues
// found empty, and after a round over all of them holds the fetcher until an enqueue is announced.
//
// This relies on the shape of keys, so the version of asynq is pinned and tests hold the hook to it. If the shape
// changed, no job would be lost, but the fetcher would look without a pause.
type wake struct {
	queues  int
	maxWait time.Duration
	signal  chan struct{}
	stop    chan struct{}
	gates   map[string]gate // of queues whose jobs may not have every slot

	// Only the fetcher's goroutine touches what follows.
	empty map[string]struct{}
}

// maxIdle bounds how long the fetcher is held, for a wake-up that was lost.
const maxIdle = time.Second

// errorPause holds the fetcher after an error, which asynq would answer with another try at once.
const errorPause = 200 * time.Millisecond

func newWake(queues int, maxWait time.Duration) *wake {
	return &wake{queues: queues, maxWait: maxWait, signal: make(chan struct{}, 1), stop: make(chan struct{}), empty: map[string]struct{}{}}
}

// now lets the fetcher look again; called while it is looking, it makes it look once more.
func (w *wake) now() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// close lets the fetcher go for good.
func (w *wake) close() { close(w.stop) }

// DialHook implements redis.Hook.
func (w *wake) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (w *wake) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (w *wake) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		keys := scriptKeys(cmd)
		do := next
		if isDequeue(keys) {
			if g := w.gates[queueOf(keys[0])]; g != nil {
				do = gated(g, next)
			}
		}
		err := do(ctx, cmd)
		switch {
		case isDequeue(keys):
			w.looked(keys[0], err)
		case isForward(keys):
			// Tasks of asynq's own retries have become pending.
			if c, ok := cmd.(*redis.Cmd); ok && err == nil {
				if n, ok := c.Val().(int64); ok && n > 0 {
					w.now()
				}
			}
		}
		return err
	}
}

// gated looks for a task only while one more may run.
func gated(g gate, next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !g.may() {
			cmd.SetErr(redis.Nil)
			return redis.Nil
		}
		err := next(ctx, cmd)
		if err == nil {
			g.fetch()
		}
		return err
	}
}

// looked notes what the fetcher found in a queue, and holds it when there is nothing in any.
func (w *wake) looked(queue string, err error) {
	switch {
	case errors.Is(err, redis.Nil):
		w.empty[queue] = struct{}{}
		if len(w.empty) < w.queues {
			return
		}
		w.hold(w.maxWait)
	case err != nil && !redis.HasErrorPrefix(err, "NOSCRIPT"):
		w.hold(errorPause)
	case err != nil:
		return // the script is sent again, in full
	}
	clear(w.empty)
}

func (w *wake) hold(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-w.signal:
	case <-t.C:
	case <-w.stop:
	}
}

// scriptKeys returns the keys of a script call, nil for any other command. Its arguments are: evalsha, SHA-1, number
// of keys, keys.
func scriptKeys(cmd redis.Cmder) []string {
	switch cmd.Name() {
	case "evalsha", "eval":
	default:
		return nil
	}
	args := cmd.Args()
	if len(args) < 4 {
		return nil
	}
	n, ok := args[2].(int)
	if !ok || n < 1 || len(args) < 3+n {
		return nil
	}
	keys := make([]string, n)
	for i := range keys {
		if keys[i], ok = args[3+i].(string); !ok {
			return nil
		}
	}
	return keys
}

func isDequeue(keys []string) bool {
	return len(keys) == 4 && strings.HasSuffix(keys[0], ":pending") && strings.HasSuffix(keys[1], ":paused") &&
		strings.HasSuffix(keys[2], ":active") && strings.HasSuffix(keys[3], ":lease")
}

func isForward(keys []string) bool {
	return len(keys) == 2 && strings.HasSuffix(keys[1], ":pending") &&
		(strings.HasSuffix(keys[0], ":scheduled") || strings.HasSuffix(keys[0], ":retry"))
}
