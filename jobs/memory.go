package jobs

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// recycleAfter is how many tasks an in-process Redis may have seen before it is replaced: it keeps about 110 bytes for
// every key ever used.
const recycleAfter = 100_000

// memoryRedis is a Redis inside the process, reached through in-memory connections: no port is opened. It keeps
// nothing across a restart; the reconciler fills it from the database.
type memoryRedis struct {
	mu    sync.Mutex
	m     *miniredis.Miniredis
	tasks int // enqueued since the last replacement
}

func newMemoryRedis() *memoryRedis { return &memoryRedis{m: miniredis.NewMiniRedis()} }

// client returns a client of whatever instance is current.
func (r *memoryRedis) client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr:                     "in-process",
		Dialer:                   func(context.Context, string, string) (net.Conn, error) { return r.current().Dial() },
		ContextTimeoutEnabled:    true,
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

func (r *memoryRedis) current() *miniredis.Miniredis {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.m
}

// count notes an enqueued task.
func (r *memoryRedis) count() {
	r.mu.Lock()
	r.tasks++
	r.mu.Unlock()
}

// tick moves the clock of expiring keys, which miniredis does not do by itself.
func (r *memoryRedis) tick(d time.Duration) { r.current().FastForward(d) }

// recycle replaces the instance when it has seen many tasks. Clients reconnect; the epoch key is gone, so that the
// reconciler enqueues whatever came meanwhile.
func (r *memoryRedis) recycle() bool {
	r.mu.Lock()
	if r.tasks < recycleAfter {
		r.mu.Unlock()
		return false
	}
	old := r.m
	r.m, r.tasks = miniredis.NewMiniRedis(), 0
	r.mu.Unlock()
	old.Close()
	return true
}

func (r *memoryRedis) close() { r.current().Close() }
