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
//
// Light calls and heavy ones never share a statement, and take turns where both wait: what is small waits for one statement of what
// is large at most, and is not done with it. Where they have lanes apart it does not wait for any.
type Coalescer[Q, R any] struct {
	cfg   Config[Q, R]
	calls chan *coalesced[Q, R]
	heavy chan *coalesced[Q, R]
	stop  chan struct{}
	once  sync.Once
	lanes sync.WaitGroup
}

// Config says how calls are put together.
type Config[Q, R any] struct {
	Lanes     int           // statements in flight at once
	Apart     bool          // Lanes are for light calls, and one more is for heavy ones
	MaxCalls  int           // calls in one statement
	Weigh     func(Q) int   // bytes of a call; nil where all are light
	Heavy     func(Q) bool  // calls that are heavy whatever they weigh; nil for none
	MaxWeight int           // bytes of one statement
	MaxHeavy  int           // bytes of one statement of heavy calls. Defaults to MaxWeight
	Timeout   time.Duration // limit of one statement
	// Isolate reports whether an error may be the fault of one call: then each is done again by itself.
	Isolate func(error) bool
	// Run does the calls, all or none of them, and returns a result for each.
	Run func(ctx context.Context, calls []Q) ([]R, error)
}

// heavyFrom is the weight from which a call is heavy: the recording of a decode is light, that of a long clip, or a batch, is not.
const heavyFrom = 128 << 10

type coalesced[Q, R any] struct {
	q      Q
	weight int
	done   chan struct{}
	r      R
	err    error
}

// New starts the lanes. They end with Close.
func New[Q, R any](cfg Config[Q, R]) *Coalescer[Q, R] {
	if cfg.MaxHeavy == 0 {
		cfg.MaxHeavy = cfg.MaxWeight
	}
	c := &Coalescer[Q, R]{cfg: cfg, calls: make(chan *coalesced[Q, R], cfg.MaxCalls), heavy: make(chan *coalesced[Q, R], cfg.MaxCalls), stop: make(chan struct{})}
	for range cfg.Lanes {
		if cfg.Apart {
			c.lanes.Go(func() { c.lane(c.calls, nil) })
		} else {
			c.lanes.Go(func() { c.lane(c.calls, c.heavy) })
		}
	}
	if cfg.Apart {
		c.lanes.Go(func() { c.lane(nil, c.heavy) })
	}
	return c
}

// Do waits for the result of one call. When ctx ends first the call may still take effect.
func (c *Coalescer[Q, R]) Do(ctx context.Context, q Q) (R, error) {
	call, to := &coalesced[Q, R]{q: q, done: make(chan struct{})}, c.calls
	if c.cfg.Weigh != nil {
		call.weight = c.cfg.Weigh(q)
	}
	if call.weight >= heavyFrom || c.cfg.Heavy != nil && c.cfg.Heavy(q) {
		to = c.heavy
	}
	var zero R
	select {
	case to <- call:
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

// queue is calls of a kind that wait, and one of them that did not fit into the statement before.
type queue[Q, R any] struct {
	calls <-chan *coalesced[Q, R]
	held  *coalesced[Q, R]
	most  int // bytes of one statement
}

// take returns a call that waits, nil for none.
func (q *queue[Q, R]) take() (call *coalesced[Q, R]) {
	if q.held != nil {
		call, q.held = q.held, nil
		return call
	}
	select {
	case call = <-q.calls:
	default:
	}
	return call
}

// lane does the calls that come in, of a kind that it has nothing to do with none (nil).
func (c *Coalescer[Q, R]) lane(lightCalls, heavyCalls <-chan *coalesced[Q, R]) {
	light, heavy := &queue[Q, R]{calls: lightCalls, most: c.cfg.MaxWeight}, &queue[Q, R]{calls: heavyCalls, most: c.cfg.MaxHeavy}
	next, other := light, heavy
	var batch []*coalesced[Q, R]
	for {
		first := next.take()
		if first == nil {
			next, other = other, next
			first = next.take()
		}
		if first == nil {
			select {
			case first = <-light.calls:
				next, other = light, heavy
			case first = <-heavy.calls:
				next, other = heavy, light
			case <-c.stop:
				return
			}
		}
		batch = append(batch[:0], first)
		// Callers that are ready to run get to put their call in first; on an idle system there are none.
		runtime.Gosched()
		for weight := first.weight; len(batch) < c.cfg.MaxCalls; {
			call := next.take()
			if call == nil {
				break
			}
			if weight += call.weight; weight > next.most {
				next.held = call
				break
			}
			batch = append(batch, call)
		}
		c.run(batch)
		for i := range batch {
			batch[i] = nil
		}
		next, other = other, next
	}
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
