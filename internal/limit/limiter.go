// Package limit counts requests and attempts against rates, over all processes through Redis and in this process by
// itself.
//
// A rate is kept as the generic cell rate algorithm (ITU-T I.371), the exact sliding form of "n in a period, at most
// b at once": one number a key, the theoretical arrival time (TAT), which every request moves on by the time that
// refills one. A request is refused when it would move the TAT further ahead of now than the burst reaches.
//
//	TAT   now                       TAT'              now + whole
//	──────┼──────── used ────────────┼───── left ──────────┤
//
// Invariants: in no window of any length t are more than Burst + Requests·t/Per granted; what is refused counts for
// nothing; a key whose TAT has passed has its whole burst and takes no memory, here or in Redis.
package limit

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Rate is a limit: Requests evenly over Per for as long as one likes, and Burst at once by a key that has rested. The
// zero Rate limits nothing.
type Rate struct {
	Requests int
	Per      time.Duration
	// Burst defaults to Requests.
	Burst int
}

// Unlimited reports whether the rate limits nothing.
func (r Rate) Unlimited() bool { return r.Requests <= 0 }

// burst is how many a rested key has.
func (r Rate) burst() int {
	if r.Burst > 0 {
		return r.Burst
	}
	return r.Requests
}

// interval is the time that refills one request: whole µs, in which Redis counts, rounded up, so that no more than the
// rate is granted.
func (r Rate) interval() time.Duration {
	n := time.Duration(r.Requests) * time.Microsecond
	return (r.Per + n - 1) / n * time.Microsecond
}

// cost is the time that refills n requests; of more than the burst, that of one more than the burst, which is never granted.
func (r Rate) cost(n int) time.Duration {
	return r.interval() * time.Duration(min(max(1, n), r.burst()+1))
}

// whole is the time that refills the burst. It stays below 290 years, so that no sum of times overflows.
func (r Rate) whole() time.Duration {
	i := r.interval()
	return i * min(time.Duration(r.burst()), math.MaxInt64/4/i)
}

// Decision is what became of one request.
type Decision struct {
	// Wait is how long to wait for the next try; 0 when the request may go on.
	Wait time.Duration
	// Window is how many the rate allows in its time, for as long as one likes.
	Window int
	// Limit is the size of the burst: what a rested key may do at once. 0 for a rate that limits nothing.
	Limit int
	// Remaining is how many more may follow at once.
	Remaining int
	// Reset is the time until Remaining is Limit again, if nothing follows.
	Reset time.Duration
}

// decide makes a Decision of the two numbers that a count gives: how long to wait, and how far the TAT is ahead.
func (r Rate) decide(wait, ahead time.Duration) Decision {
	d := Decision{Wait: wait, Window: r.Requests, Limit: r.burst(), Reset: max(0, ahead)}
	if wait <= 0 {
		d.Wait = 0
		d.Remaining = min(d.Limit, int(max(0, r.whole()-d.Reset)/r.interval()))
	}
	return d
}

// Limiter counts against rates.
//
// Every request counts in this process and in Redis, and Redis decides: one round trip, which requests that come at the
// same time share. What this process refuses by
// itself it need not ask Redis about, so a flood costs Redis nothing. While Redis is away the process's own count
// goes on, so that an outage neither locks everyone out nor opens the door: at worst each process grants the rate
// once.
type Limiter struct {
	cfg    Config
	begun  time.Time // from which the local count counts, and all that follows here
	local  local
	shared shared
	down   atomic.Int64 // ns since begun until which Redis is not asked
}

// Config sets where requests are counted.
type Config struct {
	// Redis counts over all processes. Its client should obey context deadlines (ContextTimeoutEnabled).
	// Defaults to none: this process alone counts.
	Redis redis.Cmdable
	// Prefix of the keys in Redis. Defaults to "neurod:limit:".
	Prefix string
	// Timeout is how long Redis may take. Defaults to 250 ms.
	Timeout time.Duration
	// Pause is how long Redis is left alone after it failed. Defaults to 1 s.
	Pause time.Duration
	// Keys is how many keys the local count tells apart; further ones share counters, which can only make it
	// stricter. Defaults to 65,536, which take 3 MiB when they are all in use.
	Keys int
	// Now is the clock of the local count; Redis has its own. Defaults to time.Now.
	Now func() time.Time
	// Log takes Redis's faults. Defaults to slog.Default().
	Log *slog.Logger
}

// New returns a limiter.
func New(cfg Config) *Limiter {
	if cfg.Prefix == "" {
		cfg.Prefix = "neurod:limit:"
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 250 * time.Millisecond
	}
	if cfg.Pause <= 0 {
		cfg.Pause = time.Second
	}
	if cfg.Keys <= 0 {
		cfg.Keys = 1 << 16
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	l := &Limiter{cfg: cfg, begun: cfg.Now()}
	l.local.init(cfg.Keys)
	return l
}

// now is how long ago the limiter was made: with time.Now, by a clock that nobody sets.
func (l *Limiter) now() time.Duration { return l.cfg.Now().Sub(l.begun) }

// Take counts a request under a key, unless the decision is to wait: then nothing is counted.
func (l *Limiter) Take(ctx context.Context, key string, rate Rate) Decision {
	return l.TakeN(ctx, key, rate, 1)
}

// TakeN is Take of a request that counts as n. One that counts as more than the burst is never granted.
func (l *Limiter) TakeN(ctx context.Context, key string, rate Rate, n int) Decision {
	if rate.Unlimited() {
		return Decision{}
	}
	id := idOf(key)
	wait, ahead := l.local.take(id, rate, n, l.now())
	if wait > 0 {
		return rate.decide(wait, ahead)
	}
	if r := l.ask(ctx, takeScript, id, rate, n); r.ok {
		if r.wait > 0 {
			l.local.refund(id, rate, n)
		}
		wait, ahead = r.wait, r.ahead
	}
	return rate.decide(wait, ahead)
}

// Refund gives a request back, such as a login that turned out to be right.
func (l *Limiter) Refund(ctx context.Context, key string, rate Rate) {
	if rate.Unlimited() {
		return
	}
	id := idOf(key)
	l.local.refund(id, rate, 1)
	l.ask(ctx, refundScript, id, rate, 1)
}

// id names a key. Keys hold e-mails and addresses: neither Redis nor this process's memory keeps more than a hash.
type id [16]byte

func idOf(key string) id {
	sum := sha256.Sum256([]byte(key))
	return id(sum[:16])
}
