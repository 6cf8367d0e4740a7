package compute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neurod/neurod/internal/guarded"
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
				err := s.Do(t.Context(), Work{}, func() error {
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
		if err := s.Do(ctx, Work{}, func() error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that has gone: %v", err)
		}
		close(hold)
		all.Wait()
		if most.Load() != 3 || done.Load() != 100 {
			t.Errorf("%d at once, %d done", most.Load(), done.Load())
		}
		own := errors.New("own")
		if err := s.Do(t.Context(), Work{}, func() error { return own }); err != own {
			t.Errorf("%v", err)
		}
		var none *Slots
		if err := none.Do(ctx, Work{}, func() error { return own }); err != own {
			t.Errorf("without a bound: %v", err)
		}
		if err := New(0).Do(t.Context(), Work{}, func() error { return own }); err != own {
			t.Errorf("at least one: %v", err)
		}
	})
}

// TestReadingGivesTheSlotBack: while one waits for what it reads, another computes in its slot; and what is long takes no slot of
// what is short.
func TestReadingGivesTheSlotBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(1)
		defer s.Close()
		r, w := io.Pipe()
		var read []byte
		var all sync.WaitGroup
		all.Go(func() {
			err := s.Reading(t.Context(), "", r, func(r io.Reader) (err error) {
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
			_ = s.Long(t.Context(), "", func() error { // returns nil
				<-hold
				return nil
			})
		})
		for _, part := range []string{"a", "b"} {
			if err := s.Do(t.Context(), Work{}, func() error { return nil }); err != nil {
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

// TestTheProjectThatComputedLeastGoesFirst: of a project with a hundred parts and one with three, each of the three waits for one
// part of the other at most; and what a project has not used while it was away, it is not owed.
func TestTheProjectThatComputedLeastGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(1)
		var order []string // slots are held by one at a time
		var all sync.WaitGroup
		part := func(project string, takes time.Duration) {
			all.Go(func() {
				_ = s.Do(t.Context(), Work{Project: project}, func() error { // returns nil
					order = append(order, project)
					time.Sleep(takes)
					return nil
				})
			})
			synctest.Wait()
		}
		for range 20 {
			part("many", time.Millisecond)
		}
		for range 3 {
			part("few", time.Millisecond)
		}
		part("slow", 5*time.Millisecond)
		part("slow", 5*time.Millisecond)
		all.Wait()
		got := strings.Join(order, " ")
		// All begin alike; then it is the turn of whoever has had less, of the first that asked where they have had the same.
		if want := "many few slow many few many few many many many slow"; !strings.HasPrefix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
		order = nil
		part("many", time.Millisecond)
		part("many", time.Millisecond)
		part("few", time.Millisecond)
		all.Wait()
		if got := strings.Join(order, " "); got != "many few many" {
			t.Errorf("anew: %s", got)
		}
	})
}

// TestWhatIsBriefPassesWhatIsLengthy, what is lengthy is not starved by it, and both keep to the slots there are.
func TestWhatIsBriefPassesWhatIsLengthy(t *testing.T) {
	for _, n := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			s := New(n)
			defer s.Close()
			var all sync.WaitGroup
			var running, most [2]int
			var mu sync.Mutex
			hold := make(chan struct{})
			start := func(k int, w Work) {
				all.Go(func() {
					_ = s.Do(t.Context(), w, func() error { // returns nil
						mu.Lock()
						running[k]++
						most[k] = max(most[k], running[k])
						mu.Unlock()
						<-hold
						mu.Lock()
						running[k]--
						mu.Unlock()
						return nil
					})
				})
			}
			for range 10 {
				start(0, Work{Takes: Brief + 1})
				start(0, Work{Unwatched: true})
			}
			synctest.Wait()
			for range 10 {
				start(1, Work{Takes: Brief})
			}
			synctest.Wait()
			mu.Lock()
			if running[0] != n || running[1] != 1 || s.Waiting() != 20-n+9 {
				t.Errorf("of %d slots, %d are lengthy and %d brief; %d wait", n, running[0], running[1], s.Waiting())
			}
			mu.Unlock()
			close(hold)
			all.Wait()
			if most[0] > n || most[1] > n {
				t.Errorf("of %d slots, at most %d were lengthy and %d brief", n, most[0], most[1])
			}
		})
	}
}

// TestAPanicAsideIsTheCallers: it ends neither the process nor the thread's work for others.
func TestAPanicAsideIsTheCallers(t *testing.T) {
	s := New(1)
	defer s.Close()
	var p *guarded.Panic
	if err := s.Do(t.Context(), Work{Unwatched: true}, func() error { panic("lengthy") }); !errors.As(err, &p) || p.Value != "lengthy" {
		t.Errorf("%v", err)
	}
	own := errors.New("own")
	for range 2 {
		if err := s.Long(t.Context(), "", func() error { return own }); err != own {
			t.Errorf("%v", err)
		}
	}
}

// TestCallersThatGoAreForgotten: whoever leaves while it waits, or just as its turn comes, holds nothing.
func TestCallersThatGoAreForgotten(t *testing.T) {
	s := New(2)
	defer s.Close()
	var all sync.WaitGroup
	for i := range 500 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*10*time.Microsecond)
			defer cancel()
			_ = s.Do(ctx, Work{Project: fmt.Sprint(i % 5), Unwatched: i%3 == 0}, func() error { // whatever comes
				time.Sleep(time.Duration(i%11) * time.Microsecond)
				return nil
			})
		})
	}
	all.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, l := range s.lines {
		if l.running != 0 || l.waiting != 0 || len(l.flows) != 0 {
			t.Errorf("line %d: %d run, %d wait, %d projects are known", c, l.running, l.waiting, len(l.flows))
		}
	}
}

// TestWhatIsAsideTakesNoPlace: the goroutines that answer calls have as many places to run as there are processors, however many others
// compute aside, until those end.
func TestWhatIsAsideTakesNoPlace(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	s := New(2)
	if err := s.Do(t.Context(), Work{}, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if n := runtime.GOMAXPROCS(0); n != before {
		t.Errorf("%d places with nothing aside, %d before", n, before)
	}
	var aside sync.WaitGroup
	begun, hold := make(chan struct{}), make(chan struct{})
	compute := func() error {
		begun <- struct{}{}
		<-hold
		return nil
	}
	for range 2 {
		aside.Go(func() { _ = s.Do(t.Context(), Work{Unwatched: true}, compute) }) // returns nil
	}
	aside.Go(func() { _ = s.Long(t.Context(), "", compute) }) // returns nil
	for range 3 {
		<-begun
	}
	if n, want := runtime.GOMAXPROCS(0), before+min(3, Processors()); n != want {
		t.Errorf("%d places beside three that compute aside, want %d", n, want)
	}
	close(hold)
	aside.Wait()
	s.Close()
	s.Close()
	if n := runtime.GOMAXPROCS(0); n != before {
		t.Errorf("%d places once none computes aside any more, %d before", n, before)
	}
}
