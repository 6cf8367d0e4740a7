package limit_test

import (
	"testing"
	"time"

	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/testkit"
)

// TestSlotsAreHeldByAllProcessesTogether: two processes let in what one would, a slot that is given back is free, and one whose process was lost is free
// after its lapse.
func TestSlotsAreHeldByAllProcessesTogether(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := client(t, testkit.Redis(t))
	// No renewal comes within the test.
	here := limit.NewSlots(limit.SlotsConfig{Redis: c, Process: "here", Timeout: 10 * time.Second, Lapse: time.Hour})
	there := limit.NewSlots(limit.SlotsConfig{Redis: c, Process: "there", Timeout: 10 * time.Second, Lapse: time.Hour})
	var held []func()
	for i := range 4 {
		s := here
		if i%2 == 1 {
			s = there
		}
		release, ok := s.Hold(ctx, "u", 4)
		if !ok {
			t.Fatalf("slot %d of 4 is not free", i+1)
		}
		held = append(held, release)
	}
	for _, s := range []*limit.Slots{here, there} {
		if _, ok := s.Hold(ctx, "u", 4); ok {
			t.Error("a fifth slot of 4 is given")
		}
	}
	other, ok := there.Hold(ctx, "v", 1)
	if !ok {
		t.Error("another key has no slot")
	}
	held[0]()
	held[0]()
	again, ok := there.Hold(ctx, "u", 4)
	if !ok {
		t.Error("a slot that was given back is not free")
	}
	for _, release := range append(held[1:], other, again) {
		release()
	}

	lost := limit.NewSlots(limit.SlotsConfig{Redis: c, Process: "lost", Timeout: 10 * time.Second, Lapse: 3 * time.Millisecond})
	if _, ok := lost.Hold(ctx, "w", 1); !ok {
		t.Fatal("the first slot is not free")
	}
	lost.Forget()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		if release, ok := here.Hold(ctx, "w", 1); ok {
			release()
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal("what a lost process held is never free again")
		}
	}
}

// TestSlotsWithoutRedis are counted by this process.
func TestSlotsWithoutRedis(t *testing.T) {
	t.Parallel()
	s := limit.NewSlots(limit.SlotsConfig{})
	first, ok := s.Hold(t.Context(), "u", 1)
	if _, second := s.Hold(t.Context(), "u", 1); !ok || second {
		t.Errorf("one of 1: %v, two: %v", ok, second)
	}
	first()
	if last, ok := s.Hold(t.Context(), "u", 1); !ok {
		t.Error("it is not free again")
	} else {
		last()
	}
}

// TestWeightedCalls: a call of n takes n from the rate, and one of more than the burst is never granted and takes nothing.
func TestWeightedCalls(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, l *limit.Limiter) {
		rate := limit.Rate{Requests: 10, Per: time.Hour}
		for _, c := range []struct {
			n, left int
			granted bool
		}{{11, 0, false}, {1 << 40, 0, false}, {4, 6, true}, {5, 1, true}, {2, 0, false}, {1, 0, true}, {1, 0, false}} {
			d := l.TakeN(t.Context(), "k", rate, c.n)
			if granted := d.Wait == 0; granted != c.granted || granted && d.Remaining != c.left {
				t.Errorf("%d: %+v, want granted %v and %d left", c.n, d, c.granted, c.left)
			}
		}
	})
}
