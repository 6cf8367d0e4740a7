package compute

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestSlotsAreHeldTo runs a hundred computations, of which three at most run at once, and leaves one whose caller has gone.
func TestSlotsAreHeldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(3)
		var now, most, done atomic.Int64
		var all sync.WaitGroup
		hold := make(chan struct{})
		for range 100 {
			all.Go(func() {
				err := s.Do(t.Context(), func() error {
					n := now.Add(1)
					defer now.Add(-1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					<-hold
					done.Add(1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Do(ctx, func() error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that has gone: %v", err)
		}
		close(hold)
		all.Wait()
		if most.Load() != 3 || done.Load() != 100 {
			t.Errorf("%d at once, %d done", most.Load(), done.Load())
		}
		own := errors.New("own")
		if err := s.Do(t.Context(), func() error { return own }); err != own {
			t.Errorf("%v", err)
		}
		var none *Slots
		if err := none.Do(ctx, func() error { return own }); err != own {
			t.Errorf("without a bound: %v", err)
		}
		if err := New(0).Do(t.Context(), func() error { return own }); err != own {
			t.Errorf("at least one: %v", err)
		}
	})
}

// TestReadingGivesTheSlotBack: while one waits for what it reads, another computes in its slot; and what is long takes no slot of
// what is short.
func TestReadingGivesTheSlotBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(1)
		r, w := io.Pipe()
		var read []byte
		var all sync.WaitGroup
		all.Go(func() {
			err := s.Reading(t.Context(), r, func(r io.Reader) (err error) {
				read, err = io.ReadAll(r)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // it waits for the first byte
		hold := make(chan struct{})
		all.Go(func() {
			_ = s.Long(t.Context(), func() error { // returns nil
				<-hold
				return nil
			})
		})
		for _, part := range []string{"a", "b"} {
			if err := s.Do(t.Context(), func() error { return nil }); err != nil {
				t.Error(err)
			}
			if _, err := io.WriteString(w, part); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		close(hold)
		all.Wait()
		if string(read) != "ab" || s.Waiting() != 0 {
			t.Errorf("read %q, %d wait", read, s.Waiting())
		}
	})
}
