package coalesce

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLightCallsAndHeavyOnesTakeTurns: in the clock of the test a statement takes a microsecond a byte. A light call waits for one
// heavy statement at most, however many wait, and heavy calls go on however many light ones come.
func TestLightCallsAndHeavyOnesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const heavyWeight = 200 << 10
		var statements [][]int
		c := New(Config[int, int]{
			Lanes: 1, MaxCalls: 100, Weigh: func(n int) int { return n }, MaxWeight: 8 << 20, MaxHeavy: 2 * heavyWeight, Timeout: time.Hour,
			Isolate: func(error) bool { return false },
			Run: func(_ context.Context, calls []int) ([]int, error) {
				statements = append(statements, slices.Clone(calls))
				sum := 0
				for _, n := range calls {
					sum += n
				}
				time.Sleep(time.Duration(sum) * time.Microsecond)
				return calls, nil
			},
		})
		defer c.Close()
		const statement = 2 * heavyWeight * time.Microsecond // of heavy calls, at most
		var all sync.WaitGroup
		do := func(n int) time.Duration {
			start := time.Now()
			if got, err := c.Do(t.Context(), n); got != n || err != nil {
				t.Error(got, err)
			}
			return time.Since(start)
		}
		for range 20 {
			all.Go(func() { do(heavyWeight) })
		}
		for range 50 { // light ones, one after another, without a pause
			if took := do(1000); took > statement+time.Millisecond*2 {
				t.Errorf("a light call took %v beside statements of %v", took, statement)
			}
		}
		all.Wait()
		light, heavy, last := 0, 0, ""
		for _, calls := range statements {
			kind := "light"
			if calls[0] >= heavyFrom {
				kind, heavy = "heavy", heavy+len(calls)
			} else {
				light += len(calls)
			}
			for _, n := range calls {
				if (n >= heavyFrom) != (kind == "heavy") {
					t.Errorf("light and heavy calls in one statement: %v", calls)
				}
			}
			if len(calls) > 2 {
				t.Errorf("a statement of %d calls", len(calls))
			}
			if kind == last && heavy < 20 && light < 50 {
				t.Errorf("two %s statements after each other while others waited", kind)
			}
			last = kind
		}
		if light != 50 || heavy != 20 {
			t.Errorf("%d light and %d heavy calls were made", light, heavy)
		}
	})
}

// TestACallThatDoesNotFitComesNext: what a statement has no room for is the first of the next of its kind.
func TestACallThatDoesNotFitComesNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var statements [][]int
		busy := make(chan struct{})
		c := New(Config[int, int]{
			Lanes: 1, MaxCalls: 100, Weigh: func(n int) int { return n }, MaxWeight: 100, Timeout: time.Hour,
			Isolate: func(error) bool { return false },
			Run: func(_ context.Context, calls []int) ([]int, error) {
				statements = append(statements, slices.Clone(calls))
				<-busy
				return calls, nil
			},
		})
		defer c.Close()
		var all sync.WaitGroup
		for _, n := range []int{1, 60, 60, 30, 10} {
			all.Go(func() {
				if got, err := c.Do(t.Context(), n); got != n || err != nil {
					t.Error(got, err)
				}
			})
			synctest.Wait() // in this order
		}
		close(busy)
		all.Wait()
		if want := [][]int{{1}, {60}, {60, 30, 10}}; !slices.EqualFunc(statements, want, slices.Equal) {
			t.Errorf("statements %v", statements)
		}
		c.Close()
		if _, err := c.Do(t.Context(), 1); !errors.Is(err, errClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestCallsThatAreHeavyByNature are not done together with light ones, though they weigh nothing.
func TestCallsThatAreHeavyByNature(t *testing.T) {
	t.Parallel()
	var batches [][]int
	begun, hold := make(chan struct{}, 1), make(chan struct{})
	c := New(Config[int, struct{}]{Lanes: 1, MaxCalls: 10, Timeout: time.Minute, Heavy: func(n int) bool { return n%2 == 1 },
		Run: func(_ context.Context, calls []int) ([]struct{}, error) {
			if len(batches) == 0 {
				begun <- struct{}{}
				<-hold
			}
			batches = append(batches, slices.Clone(calls)) // of one lane
			return make([]struct{}, len(calls)), nil
		}})
	var all sync.WaitGroup
	call := func(n int) {
		all.Go(func() {
			if _, err := c.Do(t.Context(), n); err != nil {
				t.Error(err)
			}
		})
	}
	call(0)
	<-begun
	for n := 1; n <= 6; n++ {
		call(n)
	}
	close(hold)
	all.Wait()
	c.Close()
	total := 0
	for _, b := range batches {
		total += len(b)
		for _, n := range b {
			if n%2 != b[0]%2 {
				t.Errorf("light and heavy calls in one statement: %v", batches)
			}
		}
	}
	if total != 7 {
		t.Errorf("%v", batches)
	}
}

// TestLanesApart: where heavy calls have a lane of their own no light one waits for them, and the light ones that come while a statement
// runs share the next.
func TestLanesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const heavyWeight = 200 << 10
		var mu sync.Mutex
		var statements [][]int
		c := New(Config[int, int]{
			Lanes: 1, Apart: true, MaxCalls: 100, Weigh: func(n int) int { return n }, MaxWeight: 8 << 20, Timeout: time.Hour,
			Isolate: func(error) bool { return false },
			Run: func(_ context.Context, calls []int) ([]int, error) {
				mu.Lock()
				statements = append(statements, slices.Clone(calls))
				mu.Unlock()
				if calls[0] >= heavyFrom {
					time.Sleep(time.Second)
				} else {
					time.Sleep(time.Millisecond)
				}
				return calls, nil
			},
		})
		defer c.Close()
		var all sync.WaitGroup
		do := func(n int) time.Duration {
			start := time.Now()
			if got, err := c.Do(t.Context(), n); got != n || err != nil {
				t.Error(got, err)
			}
			return time.Since(start)
		}
		for range 20 {
			all.Go(func() { do(heavyWeight) })
		}
		for range 8 {
			all.Go(func() {
				for range 50 {
					if took := do(1000); took > 2*time.Millisecond {
						t.Errorf("a light call took %v", took)
					}
				}
			})
		}
		all.Wait()
		light, most := 0, 0
		for _, calls := range statements {
			for _, n := range calls {
				if (n >= heavyFrom) != (calls[0] >= heavyFrom) {
					t.Errorf("light and heavy calls in one statement: %v", calls)
				}
			}
			if calls[0] < heavyFrom {
				light++
				most = max(most, len(calls))
			}
		}
		if light > 2*50+2 || most < 4 {
			t.Errorf("400 light calls of 8 callers took %d statements, of %d calls at most", light, most)
		}
	})
}
