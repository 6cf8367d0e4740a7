package auth_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// TestThrottleKeepsTheRate: whatever the order of attempts and pauses, no window of one period sees more than two
// bursts, a key that waited as told is let in, and an idle key has its whole burst.
func TestThrottleKeepsTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		rate := auth.Rate{Burst: rapid.IntRange(1, 20).Draw(t, "burst"), Period: time.Duration(rapid.IntRange(1, 1000).Draw(t, "period")) * time.Second}
		now := time.Unix(1_700_000_000, 0)
		th := auth.NewThrottle(auth.ThrottleConfig{Now: func() time.Time { return now }})
		for range rate.Burst {
			if wait := th.Take(ctx, "k", rate); wait != 0 {
				t.Fatalf("within the burst: wait %v", wait)
			}
		}
		if wait := th.Take(ctx, "k", rate); wait <= 0 || wait > rate.Period {
			t.Fatalf("past the burst: wait %v", wait)
		}
		var granted []time.Time
		for range rapid.IntRange(1, 50).Draw(t, "attempts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(rate.Period)/2).Draw(t, "pause")))
			wait := th.Take(ctx, "k", rate)
			if wait == 0 {
				granted = append(granted, now)
				continue
			}
			now = now.Add(wait)
			if again := th.Take(ctx, "k", rate); again != 0 {
				t.Fatalf("waited %v as told, told to wait %v more", wait, again)
			}
			granted = append(granted, now)
		}
		for i := range granted {
			n := 0
			for _, g := range granted[i:] {
				if g.Sub(granted[i]) < rate.Period {
					n++
				}
			}
			if n > 2*rate.Burst {
				t.Fatalf("%d in one period, burst %d", n, rate.Burst)
			}
		}
		if wait := th.Take(ctx, "other", rate); wait != 0 {
			t.Fatalf("another key waits %v", wait)
		}
	})
}

func TestThrottleRefund(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, th *auth.Throttle) {
		ctx := context.Background()
		rate := auth.Rate{Burst: 2, Period: time.Hour}
		for range 50 {
			if wait := th.Take(ctx, "k", rate); wait != 0 {
				t.Fatalf("refunded attempts count: wait %v", wait)
			}
			th.Refund(ctx, "k", rate)
		}
		for range 2 {
			if wait := th.Take(ctx, "k", rate); wait != 0 {
				t.Fatalf("wait %v", wait)
			}
		}
		if wait := th.Take(ctx, "k", rate); wait <= 29*time.Minute || wait > 30*time.Minute {
			t.Errorf("wait %v, want half an hour", wait)
		}
	})
}

// both runs a suite with and without Redis.
func both(t *testing.T, suite func(t *testing.T, th *auth.Throttle)) {
	t.Helper()
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		suite(t, auth.NewThrottle(auth.ThrottleConfig{}))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		suite(t, auth.NewThrottle(auth.ThrottleConfig{Redis: client(t, testkit.Redis(t)), Timeout: 10 * time.Second}))
	})
}

func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestThrottleIsSharedThroughRedis(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := client(t, testkit.Redis(t))
	rate := auth.Rate{Burst: 10, Period: time.Hour}
	var mu sync.Mutex
	granted := 0
	var wg sync.WaitGroup
	for range 4 { // processes
		th := auth.NewThrottle(auth.ThrottleConfig{Redis: c, Timeout: 10 * time.Second})
		for range 10 {
			wg.Go(func() {
				if th.Take(ctx, "someone@example.org", rate) == 0 {
					mu.Lock()
					granted++
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	if granted != 10 {
		t.Errorf("%d attempts granted over four processes, want 10", granted)
	}
	keys, err := c.Keys(ctx, "*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	if ttl := c.PTTL(ctx, keys[0]).Val(); ttl <= 0 || ttl > time.Hour {
		t.Errorf("the key lives %v", ttl)
	}
	if want := "neurod:throttle:"; len(keys[0]) != len(want)+32 {
		t.Errorf("key %q is not a hash", keys[0])
	}
}

// TestThrottleWithoutRedis: an outage neither locks out nor opens the door, whether Redis is gone or hangs.
func TestThrottleWithoutRedis(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gone", "hangs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			server := testkit.RedisServer(t)
			th := auth.NewThrottle(auth.ThrottleConfig{Redis: client(t, server.Addr()), Log: quiet})
			rate := auth.Rate{Burst: 3, Period: time.Hour}
			if wait := th.Take(ctx, "k", rate); wait != 0 {
				t.Fatalf("wait %v", wait)
			}
			var err error
			if name == "gone" {
				err = server.Kill()
			} else {
				err = server.Signal(syscall.SIGSTOP)
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				if wait := th.Take(ctx, "k", rate); wait != 0 {
					t.Fatalf("attempt %d of 3: wait %v", i+2, wait)
				}
			}
			if wait := th.Take(ctx, "k", rate); wait <= 0 {
				t.Error("the door is open without Redis")
			}
		})
	}
}

// TestThrottleHasAFixedSize: a hundred thousand keys neither grow it nor lock out a newcomer.
func TestThrottleHasAFixedSize(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	th := auth.NewThrottle(auth.ThrottleConfig{})
	rate := auth.Rate{Burst: 10, Period: 15 * time.Minute}
	for i := range 100_000 {
		th.Take(ctx, fmt.Sprint("attacker", i), rate)
	}
	for i := range 100 {
		if wait := th.Take(ctx, fmt.Sprint("user", i), rate); wait != 0 {
			t.Fatalf("user %d waits %v", i, wait)
		}
	}
}
