package store

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// errClosed answers calls after Close.
var errClosed = errors.New("store: closed")

// coalescer turns concurrent calls into one statement or transaction: a lane takes whatever calls wait at the moment
// it is free, so an idle system pays no delay and a busy one shares round trips and fsyncs ("group commit").
type coalescer[Q, R any] struct {
	cfg   coalesce[Q, R]
	calls chan *coalesced[Q, R]
	stop  chan struct{}
	once  sync.Once
	lanes sync.WaitGroup
}

// coalesce says how calls are put together.
type coalesce[Q, R any] struct {
	lanes     int           // statements in flight at once
	maxCalls  int           // calls in one statement
	weigh     func(Q) int   // bytes of a call; nil for light ones
	maxWeight int           // bytes of one statement
	timeout   time.Duration // limit of one statement
	// isolate reports whether an error may be the fault of one call: then each is done again by itself.
	isolate func(error) bool
	// run does the calls, all or none of them, and returns a result for each.
	run func(ctx context.Context, calls []Q) ([]R, error)
}

type coalesced[Q, R any] struct {
	q    Q
	done chan struct{}
	r    R
	err  error
}

func newCoalescer[Q, R any](cfg coalesce[Q, R]) *coalescer[Q, R] {
	c := &coalescer[Q, R]{cfg: cfg, calls: make(chan *coalesced[Q, R], cfg.maxCalls), stop: make(chan struct{})}
	for range cfg.lanes {
		c.lanes.Go(c.lane)
	}
	return c
}

// do waits for the result of one call. When ctx ends first the call may still take effect.
func (c *coalescer[Q, R]) do(ctx context.Context, q Q) (R, error) {
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

// close lets the calls that are running end. A second call does nothing.
func (c *coalescer[Q, R]) close() {
	c.once.Do(func() { close(c.stop) })
	c.lanes.Wait()
}

func (c *coalescer[Q, R]) lane() {
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
		for len(batch) < c.cfg.maxCalls {
			select {
			case call := <-c.calls:
				if w := c.weight(call); weight+w <= c.cfg.maxWeight || c.cfg.weigh == nil {
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

func (c *coalescer[Q, R]) weight(call *coalesced[Q, R]) int {
	if c.cfg.weigh == nil {
		return 0
	}
	return c.cfg.weigh(call.q)
}

// run does a batch, so that one bad call spoils no other.
func (c *coalescer[Q, R]) run(batch []*coalesced[Q, R]) {
	qs := make([]Q, len(batch))
	for i, call := range batch {
		qs[i] = call.q
	}
	rs, err := c.try(qs)
	if err != nil && len(batch) > 1 && c.cfg.isolate(err) {
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

func (c *coalescer[Q, R]) try(qs []Q) ([]R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.timeout)
	defer cancel()
	return c.cfg.run(ctx, qs)
}
