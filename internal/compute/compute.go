// Package compute holds a process to so many computations at once, so that a processor is left for what takes little.
//
// The scheduler of Go gives each goroutine that computes 10 ms before another has its turn: where a hundred recordings are
// decoded at once, a call that only reads a row waits a tenth of a second for each of its steps. What computes for long asks
// for a slot here, a part at a time, and waits for its turn outside the scheduler's queue.
//
// Invariants: whoever holds a slot waits for nobody who needs one; slots are given in the order in which they were asked for.
package compute

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Slots are how many computations run at once. A nil *Slots bounds nothing.
type Slots struct{ free *semaphore.Weighted }

// New returns n slots, at least one.
func New(n int) *Slots { return &Slots{semaphore.NewWeighted(int64(max(1, n)))} }

// Do runs f when there is a slot for it. It returns what f returns, or ctx's error where it ends before.
func (s *Slots) Do(ctx context.Context, f func() error) error {
	if s == nil {
		return f()
	}
	if err := s.free.Acquire(ctx, 1); err != nil {
		return err
	}
	defer s.free.Release(1)
	return f()
}
