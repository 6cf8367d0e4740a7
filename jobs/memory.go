package jobs

import (
	"context"
	"errors"
	"fmt"
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

// memoryRedis is a Redis inside the process, reached through socket pairs: no port is opened. It keeps nothing across a
// restart; the reconciler fills it from the database.
type memoryRedis struct {
	mu    sync.Mutex
	m     *miniredis.Miniredis
	tasks int // enqueued since the last replacement
}

func newMemoryRedis() (*memoryRedis, error) {
	m, err := startMemory()
	return &memoryRedis{m: m}, err
}

// startMemory starts an instance without a listener.
func startMemory() (*miniredis.Miniredis, error) {
	m := miniredis.NewMiniRedis()
	first, err := m.Dial() // is what starts it
	if err != nil {
		return nil, err
	}
	return m, first.Close()
}

// client returns a client of whatever instance is current.
func (r *memoryRedis) client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr:                     "in-process",
		Dialer:                   func(context.Context, string, string) (net.Conn, error) { return r.dial() },
		ContextTimeoutEnabled:    true,
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// dial connects to the current instance. The kernel's buffers between the two ends are what a pipeline of commands
// needs: over miniredis's own unbuffered pipe, a client that still writes and a server that already answers wait for
// each other.
func (r *memoryRedis) dial() (net.Conn, error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, fmt.Errorf("jobs: in-process redis: %w", err)
	}
	srv := r.current().Server()
	if srv == nil { // replaced or closed at this moment; the client tries again
		return nil, errors.Join(net.ErrClosed, ours.Close(), theirs.Close())
	}
	srv.ServeConn(theirs)
	return ours, nil
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
func (r *memoryRedis) recycle() (bool, error) {
	r.mu.Lock()
	due := r.tasks >= recycleAfter
	r.mu.Unlock()
	if !due {
		return false, nil
	}
	fresh, err := startMemory()
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	old := r.m
	r.m, r.tasks = fresh, 0
	r.mu.Unlock()
	old.Close()
	return true, nil
}

func (r *memoryRedis) close() { r.current().Close() }
