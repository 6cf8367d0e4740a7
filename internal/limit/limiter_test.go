package limit_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// bucket is the reference model: a bucket of tokens that is refilled by one every interval, up to the burst, in exact
// fractions of a token. It shares nothing with the algorithm under test.
type bucket struct {
	rate     limit.Rate
	interval int64 // ns a token
	level    int64 // in ns: tokens × interval
	at       time.Time
}

func newBucket(r limit.Rate, at time.Time) *bucket {
	us := int64(time.Microsecond)
	interval := (r.Per.Microseconds() + int64(r.Requests) - 1) / int64(r.Requests) * us // in whole µs, as documented
	return &bucket{r, interval, interval * int64(r.Burst), at}
}

func (b *bucket) take(now time.Time) limit.Decision {
	full := b.interval * int64(b.rate.Burst)
	b.level = min(full, b.level+int64(now.Sub(b.at)))
	b.at = now
	if b.level < b.interval {
		return limit.Decision{Wait: time.Duration(b.interval - b.level), Window: b.rate.Requests, Limit: b.rate.Burst, Reset: time.Duration(full - b.level)}
	}
	b.level -= b.interval
	return limit.Decision{Window: b.rate.Requests, Limit: b.rate.Burst, Remaining: int(b.level / b.interval), Reset: time.Duration(full - b.level)}
}

func (b *bucket) refund() { b.level = min(b.interval*int64(b.rate.Burst), b.level+b.interval) }

func drawRate(t *rapid.T) limit.Rate {
	return limit.Rate{
		Requests: rapid.IntRange(1, 2000).Draw(t, "requests"),
		Per:      rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(t, "per"),
		Burst:    rapid.IntRange(1, 300).Draw(t, "burst"),
	}
}

// drawPause draws the time to the next request: none, about an interval, or up to the whole.
func drawPause(t *rapid.T, r limit.Rate) time.Duration {
	interval := int64(r.Per) / int64(r.Requests)
	most := rapid.SampledFrom([]int64{0, interval / 10, 2 * interval, 2 * interval * int64(r.Burst)}).Draw(t, "most")
	return time.Duration(rapid.Int64Range(0, most).Draw(t, "pause"))
}

// TestLimiterDecidesAsABucketOfTokens compares every number of every decision with the reference model, over requests,
// refunds and pauses in any order.
func TestLimiterDecidesAsABucketOfTokens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		now := time.Unix(1_700_000_000, 0)
		l := limit.New(limit.Config{Now: func() time.Time { return now }})
		rates := []limit.Rate{drawRate(t), drawRate(t)}
		keys := []string{"a", "b"}
		models := []*bucket{newBucket(rates[0], now), newBucket(rates[1], now)}
		for i := range rapid.IntRange(1, 400).Draw(t, "steps") {
			k := rapid.IntRange(0, 1).Draw(t, "key")
			now = now.Add(drawPause(t, rates[k]))
			want, got := models[k].take(now), l.Take(ctx, keys[k], rates[k])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("step %d (-model +limiter):\n%s", i, diff)
			}
			if got.Wait == 0 && rapid.IntRange(0, 9).Draw(t, "refund") == 0 {
				models[k].refund()
				l.Refund(ctx, keys[k], rates[k])
			}
		}
	})
}

// TestNoWindowSeesMoreThanBurstAndRate: in every window of every length, at most burst + rate·t are granted; a key that
// waited as told is let in; another key has its whole burst.
func TestNoWindowSeesMoreThanBurstAndRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		rate := drawRate(t)
		now := time.Unix(1_700_000_000, 0)
		l := limit.New(limit.Config{Now: func() time.Time { return now }})
		var granted []time.Time
		for range rapid.IntRange(rate.Burst, rate.Burst+100).Draw(t, "requests") {
			now = now.Add(drawPause(t, rate))
			d := l.Take(ctx, "k", rate)
			if d.Wait > 0 {
				now = now.Add(d.Wait - 1)
				if early := l.Take(ctx, "k", rate); early.Wait != 1 {
					t.Fatalf("1 ns before the time that was told: %+v", early)
				}
				now = now.Add(1)
				if d = l.Take(ctx, "k", rate); d.Wait != 0 {
					t.Fatalf("waited as told, told to wait %v more", d.Wait)
				}
			}
			granted = append(granted, now)
		}
		for i, from := range granted {
			for j := i; j < len(granted); j++ {
				// Burst + t·Requests/Per, in whole numbers: (n - Burst)·Per <= t·Requests.
				n, window := int64(j-i+1), int64(granted[j].Sub(from))
				if (n-int64(rate.Burst))*int64(rate.Per) > window*int64(rate.Requests) {
					t.Fatalf("%d in %v at %+v", n, time.Duration(window), rate)
				}
			}
		}
		if d := l.Take(ctx, "other", rate); d.Wait != 0 || d.Remaining != rate.Burst-1 {
			t.Fatalf("another key: %+v", d)
		}
	})
}

// TestSteadyCallsPassForever: one a second at 60 a minute, after a burst that used up all there was, for a day.
func TestSteadyCallsPassForever(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	now := time.Unix(1_700_000_000, 0)
	l := limit.New(limit.Config{Now: func() time.Time { return now }})
	rate := limit.Rate{Requests: 60, Per: time.Minute, Burst: 120}
	for i := range 120 {
		if d := l.Take(ctx, "k", rate); d.Wait != 0 || d.Remaining != 119-i {
			t.Fatalf("request %d of the burst: %+v", i, d)
		}
	}
	if d := l.Take(ctx, "k", rate); d.Wait != time.Second || d.Remaining != 0 || d.Reset != 2*time.Minute {
		t.Fatalf("past the burst: %+v", d)
	}
	for i := range 24 * 60 * 60 {
		now = now.Add(time.Second)
		if d := l.Take(ctx, "k", rate); d.Wait != 0 {
			t.Fatalf("second %d: %+v", i, d)
		}
	}
	now = now.Add(2 * time.Minute)
	if d := l.Take(ctx, "k", rate); d.Remaining != 119 {
		t.Errorf("after a rest: %+v", d)
	}
}

func TestNoRateIsNoLimit(t *testing.T) {
	t.Parallel()
	l := limit.New(limit.Config{})
	for range 1000 {
		if d := l.Take(context.Background(), "k", limit.Rate{}); d != (limit.Decision{}) {
			t.Fatalf("%+v", d)
		}
	}
	l.Refund(context.Background(), "k", limit.Rate{})
}

func TestRefund(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, l *limit.Limiter) {
		ctx := context.Background()
		rate := limit.Rate{Requests: 2, Per: time.Hour}
		for range 50 {
			if wait := l.Take(ctx, "k", rate).Wait; wait != 0 {
				t.Fatalf("refunded attempts count: wait %v", wait)
			}
			l.Refund(ctx, "k", rate)
		}
		for range 2 {
			if wait := l.Take(ctx, "k", rate).Wait; wait != 0 {
				t.Fatalf("wait %v", wait)
			}
		}
		if wait := l.Take(ctx, "k", rate).Wait; wait <= 29*time.Minute || wait > 30*time.Minute {
			t.Errorf("wait %v, want half an hour", wait)
		}
	})
}

// both runs a suite with and without Redis.
func both(t *testing.T, suite func(t *testing.T, l *limit.Limiter)) {
	t.Helper()
	t.Run("local", func(t *testing.T) {
		t.Parallel()
		suite(t, limit.New(limit.Config{}))
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		suite(t, limit.New(limit.Config{Redis: client(t, testkit.Redis(t)), Timeout: 10 * time.Second}))
	})
}

func client(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCountIsSharedThroughRedis(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := client(t, testkit.Redis(t))
	rate := limit.Rate{Requests: 10, Per: time.Hour}
	var mu sync.Mutex
	granted := 0
	var wg sync.WaitGroup
	for range 4 { // processes
		l := limit.New(limit.Config{Redis: c, Timeout: 10 * time.Second})
		for range 10 {
			wg.Go(func() {
				if l.Take(ctx, "someone@example.org", rate).Wait == 0 {
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
	if want := "neurod:limit:"; len(keys[0]) != len(want)+32 {
		t.Errorf("key %q is not a hash", keys[0])
	}
}

// TestWithoutRedis: an outage neither locks out nor opens the door, whether Redis is gone or hangs.
func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gone", "hangs"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			server := testkit.RedisServer(t)
			l := limit.New(limit.Config{Redis: client(t, server.Addr()), Log: quiet})
			rate := limit.Rate{Requests: 3, Per: time.Hour}
			if wait := l.Take(ctx, "k", rate).Wait; wait != 0 {
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
				if wait := l.Take(ctx, "k", rate).Wait; wait != 0 {
					t.Fatalf("attempt %d of 3: wait %v", i+2, wait)
				}
			}
			if wait := l.Take(ctx, "k", rate).Wait; wait <= 0 {
				t.Error("the door is open without Redis")
			}
		})
	}
}

// TestRedisKeepsTheRate: in real time, through four processes at once, no more than burst + rate·t are granted and no
// less than the burst; the numbers told agree with those granted.
func TestRedisKeepsTheRate(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := client(t, testkit.Redis(t))
	rate := limit.Rate{Requests: 200, Per: time.Second, Burst: 50}
	third := limit.Rate{Requests: 7, Per: time.Minute, Burst: 14} // its interval is not a whole number of µs
	for left := 13; left >= 0; left-- {
		if d := limit.New(limit.Config{Redis: c, Timeout: 10 * time.Second}).Take(ctx, "third", third); d.Wait != 0 || d.Remaining != left {
			t.Fatalf("%+v, want %d remaining", d, left)
		}
	}
	var granted atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range 4 {
		l := limit.New(limit.Config{Redis: c, Timeout: 10 * time.Second})
		wg.Go(func() {
			for range 500 {
				d := l.Take(ctx, "k", rate)
				switch {
				case d.Limit != 50 || d.Remaining < 0 || d.Remaining > 49 || d.Reset < 0 || d.Reset > 250*time.Millisecond:
					t.Errorf("%+v", d)
				case d.Wait > 5*time.Millisecond:
					t.Errorf("wait %v, an interval is 5 ms", d.Wait)
				}
				if d.Wait == 0 {
					granted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	most := 50 + int64(time.Since(start)/(5*time.Millisecond)) + 1
	if n := granted.Load(); n < 50 || n > most {
		t.Errorf("%d granted, want from 50 to %d", n, most)
	}
}

// TestRedisGoesAndComesBack: this process's count goes on while Redis is stopped; when it is back, processes share their
// count again.
func TestRedisGoesAndComesBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := testkit.RedisServer(t)
	c := client(t, server.Addr())
	config := limit.Config{Redis: c, Log: quiet, Timeout: 100 * time.Millisecond, Pause: time.Millisecond}
	here, there := limit.New(config), limit.New(config)
	rate := limit.Rate{Requests: 6, Per: time.Hour}
	want := func(l *limit.Limiter, name string, remaining int) {
		t.Helper()
		if d := l.Take(ctx, "k", rate); d.Wait != 0 || d.Remaining != remaining {
			t.Fatalf("%s: %+v, want %d remaining", name, d, remaining)
		}
	}
	want(here, "here", 5)
	want(there, "there", 4)
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	want(here, "here, Redis stopped", 4) // its own second
	want(here, "here, Redis stopped", 3)
	want(there, "there, Redis stopped", 4)
	if err := server.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// A request that timed out may have been counted when Redis went on: at least the first two are.
	deadline := time.Now().Add(20 * time.Second)
	for c.Ping(ctx).Err() != nil {
		if time.Now().After(deadline) {
			t.Fatal("Redis does not come back")
		}
	}
	for n := 0; ; n++ {
		before := here.Take(ctx, "other", limit.Rate{Requests: 1000, Per: time.Hour}).Remaining
		if after := there.Take(ctx, "other", limit.Rate{Requests: 1000, Per: time.Hour}).Remaining; after == before-1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the count is not shared again")
		}
	}
	left := 0
	for there.Take(ctx, "k", rate).Wait == 0 {
		left++
	}
	if left > 4 {
		t.Errorf("%d more granted: what Redis knew is lost", left)
	}
	if d := here.Take(ctx, "k", rate); d.Wait <= 0 {
		t.Errorf("used up there, granted here: %+v", d)
	}
}

// TestManyWaitForARedisThatHangs: requests that come at once share the wait, and together they get the burst.
func TestManyWaitForARedisThatHangs(t *testing.T) {
	t.Parallel()
	server := testkit.RedisServer(t)
	l := limit.New(limit.Config{Redis: client(t, server.Addr()), Log: quiet, Pause: time.Hour})
	rate := limit.Rate{Requests: 30, Per: time.Hour}
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var granted atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if l.Take(context.Background(), "k", rate).Wait == 0 {
				granted.Add(1)
			}
		})
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if d := l.Take(gone, "other", rate); d.Wait != 0 { // a client that went away is not waited for
		t.Errorf("%+v", d)
	}
	wg.Wait()
	if n := granted.Load(); n != 30 {
		t.Errorf("%d granted, want 30", n)
	}
	if took := time.Since(start); took > 10*time.Second { // a round trip may take 250 ms; 100 of them one after the other took 25 s
		t.Errorf("took %v", took)
	}
}

// TestLocalCountHasAFixedSize: a hundred thousand keys neither grow it, nor lock out a newcomer, nor make it forget who
// has used up a burst, whether that one was counted before there was no more room or after.
func TestLocalCountHasAFixedSize(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	now := time.Unix(1_700_000_000, 0)
	l := limit.New(limit.Config{Keys: 1000, Now: func() time.Time { return now }})
	rate := limit.Rate{Requests: 10, Per: 15 * time.Minute}
	exhaust := func(key string) {
		t.Helper()
		for range 10 {
			l.Take(ctx, key, rate)
		}
		if d := l.Take(ctx, key, rate); d.Wait <= 0 {
			t.Fatalf("%s: %+v", key, d)
		}
	}
	exhaust("early")
	for i := range 10_000 {
		l.Take(ctx, fmt.Sprint("stranger", i), rate)
	}
	exhaust("late")
	for i := range 10_000 {
		l.Take(ctx, fmt.Sprint("another", i), rate)
	}
	for i := range 100 {
		if d := l.Take(ctx, fmt.Sprint("user", i), rate); d.Wait != 0 {
			t.Fatalf("user %d waits %v", i, d.Wait)
		}
	}
	for _, key := range []string{"early", "late"} {
		if d := l.Take(ctx, key, rate); d.Wait <= 0 {
			t.Errorf("%s is forgotten: %+v", key, d)
		}
	}
	now = now.Add(time.Hour) // everyone has rested
	for i := range 100 {
		if d := l.Take(ctx, fmt.Sprint("user", i), rate); d.Wait != 0 || d.Remaining != 9 {
			t.Errorf("user %d after a rest: %+v", i, d)
		}
	}
}

// BenchmarkTake measures what a limit costs a request: in this process alone, and with a Redis on the same machine.
func BenchmarkTake(b *testing.B) {
	rate := limit.Rate{Requests: 600_000, Per: time.Minute, Burst: 1 << 40} // never refuses
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprint("sessions key ", i)
	}
	for _, bench := range []struct {
		name string
		cfg  limit.Config
	}{
		{"local", limit.Config{}},
		{"redis", limit.Config{Redis: client(b, testkit.Redis(b))}},
	} {
		for _, parallel := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/parallel=%d", bench.name, parallel), func(b *testing.B) {
				l := limit.New(bench.cfg)
				ctx := context.Background()
				var next atomic.Int64
				b.SetParallelism(parallel)
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if d := l.Take(ctx, keys[next.Add(1)%1000], rate); d.Wait != 0 {
							b.Fatal(d)
						}
					}
				})
			})
		}
	}
}
