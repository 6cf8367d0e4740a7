package jobs

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// direct does what asynq's scripts for handing tasks over do (v0.26: enqueueCmd and dequeueCmd of internal/rdb), without their language: an
// in-process Redis makes an interpreter for each call of a script, which takes longer than the rest of the queue. It is a hook of clients of
// a memoryRedis, behind all others: what it does goes no further.
//
// A script is atomic and this is not. Nothing sees a difference: a task is in the list only once all of it is there, one fetcher a process takes
// tasks out of lists, and a process that ends in between takes its Redis with it. It relies on the shape of keys, as package workers does; where
// that changed, scripts would run as before.
type direct struct {
	redis *memoryRedis
	mu    sync.Mutex // two tasks of one id: the first counts
}

var _ redis.Hook = (*direct)(nil)

// DialHook implements [redis.Hook].
func (d *direct) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements [redis.Hook].
func (d *direct) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements [redis.Hook].
func (d *direct) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c, ok := cmd.(*redis.Cmd)
		if !ok {
			return next(ctx, cmd)
		}
		keys, args := scriptCall(cmd)
		var val any
		var err error
		switch {
		case ctx.Err() != nil:
			return next(ctx, cmd)
		case isEnqueue(keys, args):
			val, err = d.enqueue(d.redis.current(), keys, args)
		case isDequeue(keys, args):
			val, err = dequeue(d.redis.current(), keys, args)
		default:
			return next(ctx, cmd)
		}
		if err != nil {
			cmd.SetErr(err)
			return err
		}
		c.SetVal(val)
		return nil
	}
}

// scriptCall returns the keys and the other arguments of a call of a script, none for any other command.
func scriptCall(cmd redis.Cmder) (keys, args []string) {
	const head = 3 // the command, the script, how many keys
	all := cmd.Args()
	if name := cmd.Name(); name != "evalsha" && name != "eval" || len(all) < head {
		return nil, nil
	}
	n, ok := all[head-1].(int)
	if !ok || n < 1 || len(all) < head+n {
		return nil, nil
	}
	texts := make([]string, len(all)-head)
	for i, a := range all[head:] {
		switch v := a.(type) {
		case string:
			texts[i] = v
		case []byte:
			texts[i] = string(v)
		case int, int64:
			texts[i] = fmt.Sprint(v)
		default:
			return nil, nil
		}
	}
	return texts[:n], texts[n:]
}

func isEnqueue(keys, args []string) bool {
	return len(keys) == 2 && len(args) == 3 && strings.HasSuffix(keys[0], "}:t:"+args[1]) && strings.HasSuffix(keys[1], "}:pending")
}

// enqueue keeps a task (message, id, now) that is new, and returns 1, or 0 where it is not.
func (d *direct) enqueue(m *miniredis.Miniredis, keys, args []string) (any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m.Exists(keys[0]) {
		return int64(0), nil
	}
	m.HSet(keys[0], "msg", args[0], "state", "pending", "pending_since", args[2])
	if _, err := m.Lpush(keys[1], args[1]); err != nil {
		return nil, err
	}
	return int64(1), nil
}

func isDequeue(keys, args []string) bool {
	return len(keys) == 4 && len(args) == 2 && strings.HasSuffix(keys[0], "}:pending") && strings.HasSuffix(keys[1], "}:paused") &&
		strings.HasSuffix(keys[2], "}:active") && strings.HasSuffix(keys[3], "}:lease") && strings.HasSuffix(args[1], "}:t:")
}

// dequeue takes the oldest task of a queue under a lease (until, prefix of tasks), and returns its message; redis.Nil where there is none.
func dequeue(m *miniredis.Miniredis, keys, args []string) (any, error) {
	if !m.Exists(keys[0]) || m.Exists(keys[1]) {
		return nil, redis.Nil
	}
	var until float64
	if _, err := fmt.Sscan(args[0], &until); err != nil {
		return nil, err
	}
	id, err := m.Pop(keys[0])
	if err != nil { // it has just gone
		return nil, redis.Nil
	}
	if _, err := m.Lpush(keys[2], id); err != nil {
		return nil, err
	}
	key := args[1] + id
	m.HSet(key, "state", "active")
	m.HDel(key, "pending_since")
	if _, err := m.ZAdd(keys[3], until, id); err != nil {
		return nil, err
	}
	if msg := m.HGet(key, "msg"); msg != "" {
		return msg, nil
	}
	return nil, redis.Nil
}
