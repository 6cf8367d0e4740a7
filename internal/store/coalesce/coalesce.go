// Package coalesce turns concurrent calls into one statement or transaction ("group commit").
package coalesce

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// errClosed answers calls after Close.
var errClosed = errors.New("store: closed")

// Coalescer turns concurrent calls into one statement or transaction: a lane takes whatever calls wait at the moment
// it is free, so an idle system pays no delay and a busy one shares round trips and fsyncs ("group commit").
type Coalescer[Q, R any] struct {
	cfg   Config[Q, R]
	calls chan *coalesced[Q, R]
	stop  chan struct{}
	once  sync.Once
	lanes sync.WaitGroup
}

// Config says how calls are put together.
type Config[Q, R any] struct {
	Lanes     int           // statements in flight at once
	MaxCalls  int           // calls in one statement
	Weigh     func(Q) int   // bytes of a call; nil for light ones
	MaxWeight int           // bytes of one statement
	Timeout   time.Duration // limit of one statement
	// Isolate reports whether an error may be the fault of one call: then each is done again by itself.
	Isolate func(error) bool
	// Run does the calls, all or none of them, and returns a result for each.
	Run func(ctx context.Context, calls []Q) ([]R, error)
}

type coalesced[Q, R any] struct {
	q    Q
	done chan struct{}
	r    R
	err  error
}

// New starts the lanes. They end with Close.
func New[Q, R any](cfg Config[Q, R]) *Coalescer[Q, R] {
	c := &Coalescer[Q, R]{cfg: cfg, calls: make(chan *coalesced[Q, R], cfg.MaxCalls), stop: make(chan struct{})}
	for range cfg.Lanes {
		c.lanes.Go(c.lane)
	}
	return c
}

// Do waits for the result of one call. When ctx ends first the call may still take effect.
func (c *Coalescer[Q, R]) Do(ctx context.Context, q Q) (R, error) {
	call := &coalesced[Q, R]{q: q, done: make(chan struct{})}
	var zero R
	select {
	case c.calls <- call:
	case <-c.stop:
		return zero, errClosed
	case <-ctx.Done():
		return zero, ctx.Err()
	}
	select {
	case <-call.done:
		return call.r, call.err
	case <-c.stop:
		// The lanes finish what they have taken; a call that none has taken stays undone.
		c.lanes.Wait()
		select {
		case <-call.done:
			return call.r, call.err
		default:
			return zero, errClosed
		}
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

// Close lets the calls that are running end. A second call does nothing.
func (c *Coalescer[Q, R]) Close() {
	c.once.Do(func() { close(c.stop) })
	c.lanes.Wait()
}

func (c *Coalescer[Q, R]) lane() {
	var batch []*coalesced[Q, R]
	var held *coalesced[Q, R] // did not fit into the batch before
	for {
		batch = batch[:0]
		if held != nil {
			batch, held = append(batch, held), nil
		} else {
			select {
			case call := <-c.calls:
				batch = append(batch, call)
			case <-c.stop:
				return
			}
		}
		weight := c.weight(batch[0])
		// Callers that are ready to run get to put their call in first; on an idle system there are none.
		runtime.Gosched()
	gather:
		for len(batch) < c.cfg.MaxCalls {
			select {
			case call := <-c.calls:
				if w := c.weight(call); weight+w <= c.cfg.MaxWeight || c.cfg.Weigh == nil {
					weight += w
					batch = append(batch, call)
					continue
				}
				held = call
				break gather
			default:
				break gather
			}
		}
		c.run(batch)
		for i := range batch {
			batch[i] = nil
		}
	}
}

func (c *Coalescer[Q, R]) weight(call *coalesced[Q, R]) int {
	if c.cfg.Weigh == nil {
		return 0
	}
	return c.cfg.Weigh(call.q)
}

// run does a batch, so that one bad call spoils no other.
func (c *Coalescer[Q, R]) run(batch []*coalesced[Q, R]) {
	qs := make([]Q, len(batch))
	for i, call := range batch {
		qs[i] = call.q
	}
	rs, err := c.try(qs)
	if err != nil && len(batch) > 1 && c.cfg.Isolate(err) {
		for i := range batch {
			c.run(batch[i : i+1])
		}
		return
	}
	for i, call := range batch {
		if err != nil {
			call.err = err
		} else {
			call.r = rs[i]
		}
		close(call.done)
	}
}

func (c *Coalescer[Q, R]) try(qs []Q) ([]R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.Timeout)
	defer cancel()
	return c.cfg.Run(ctx, qs)
}
