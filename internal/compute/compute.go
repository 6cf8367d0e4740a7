// Package compute holds a process to so many computations at once, so that a processor is left for what takes little.
//
// The scheduler of Go gives each goroutine that computes 10 ms before another has its turn: where a hundred recordings are
// decoded at once, a call that only reads a row waits a tenth of a second for each of its steps. What computes for long asks
// for a slot here, a part at a time, and waits for its turn outside the scheduler's queue.
//
// Invariants: whoever holds a slot waits for nobody who needs one; slots are given in the order in which they were asked for.
package compute

import (
	"bufio"
	"context"
	"io"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Slots are how many computations run at once. A nil *Slots bounds nothing.
type Slots struct {
	free    *semaphore.Weighted
	long    *semaphore.Weighted
	waiting atomic.Int64
}

// New returns n slots, at least one, and half as many for what takes long, at least one.
func New(n int) *Slots {
	n = max(1, n)
	return &Slots{free: semaphore.NewWeighted(int64(n)), long: semaphore.NewWeighted(int64(max(1, n/2)))}
}

// Waiting returns how many computations wait for a slot.
func (s *Slots) Waiting() int {
	if s == nil {
		return 0
	}
	return int(s.waiting.Load())
}

// Do runs f, which computes for up to a second or so, when there is a slot for it. It returns what f returns, or ctx's error where
// it ends before.
func (s *Slots) Do(ctx context.Context, f func() error) error {
	if s == nil {
		return f()
	}
	return s.hold(ctx, s.free, f)
}

// Long is Do for what computes for longer, such as a training. Its slots are others than those of Do, so that nobody who waits for a
// decode waits for the end of a training: the system's scheduler shares the processors between the two.
func (s *Slots) Long(ctx context.Context, f func() error) error {
	if s == nil {
		return f()
	}
	return s.hold(ctx, s.long, f)
}

func (s *Slots) hold(ctx context.Context, slots *semaphore.Weighted, f func() error) error {
	if !slots.TryAcquire(1) {
		s.waiting.Add(1)
		err := slots.Acquire(ctx, 1)
		s.waiting.Add(-1)
		if err != nil {
			return err
		}
	}
	defer slots.Release(1)
	return f()
}

// readSize is how much is read at a time by what computes on it.
const readSize = 64 << 10

// Reading is Do for f that works through what it reads from r as it comes, perhaps from a slow client: while it waits for r, the slot
// is another's.
func (s *Slots) Reading(ctx context.Context, r io.Reader, f func(io.Reader) error) error {
	if s == nil {
		return f(r)
	}
	return s.Do(ctx, func() error { return f(bufio.NewReaderSize(away{s.free, r}, readSize)) })
}

// away gives a slot back while it reads.
type away struct {
	slots *semaphore.Weighted
	r     io.Reader
}

func (a away) Read(p []byte) (int, error) {
	a.slots.Release(1)
	n, err := a.r.Read(p)
	// Whoever holds one gives it back soon, and f must hold its own again to give it back.
	_ = a.slots.Acquire(context.Background(), 1) // cannot fail without an end
	return n, err
}
