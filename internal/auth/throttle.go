package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Rate is a limit: Burst attempts at once, refilled evenly over Period. It is kept as the generic cell rate
// algorithm (ITU-T I.371): one number a key, the theoretical arrival time (TAT) of the next attempt.
type Rate struct {
	Burst  int
	Period time.Duration
}

// interval is the time that refills one attempt.
func (r Rate) interval() time.Duration { return r.Period / time.Duration(r.Burst) }

// Throttle counts attempts against rates, over all processes through Redis and in this process by itself.
//
// Every attempt counts in both. While Redis is away the process's own count goes on, so that an outage neither
// locks everyone out nor opens the door to guessing: at worst each process grants the rate once. The local count
// has a fixed size: keys share cells by a keyed hash, which can only make it stricter, never forgetful.
type Throttle struct {
	cfg   ThrottleConfig
	local local
	down  atomic.Int64 // Unix ns until which Redis is not asked
}

// ThrottleConfig sets where attempts are counted.
type ThrottleConfig struct {
	// Redis counts over all processes. Its client should obey context deadlines (ContextTimeoutEnabled).
	// Defaults to none: this process alone counts.
	Redis redis.Scripter
	// Prefix of the keys in Redis. Defaults to "neurod:throttle:".
	Prefix string
	// Timeout is how long Redis may take. Defaults to 250 ms.
	Timeout time.Duration
	// Pause is how long Redis is left alone after it failed. Defaults to 1 s.
	Pause time.Duration
	// Now is the clock of the local count; Redis has its own. Defaults to time.Now.
	Now func() time.Time
	// Log takes Redis's faults. Defaults to slog.Default().
	Log *slog.Logger
}

// NewThrottle returns a throttle.
func NewThrottle(cfg ThrottleConfig) *Throttle {
	if cfg.Prefix == "" {
		cfg.Prefix = "neurod:throttle:"
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 250 * time.Millisecond
	}
	if cfg.Pause <= 0 {
		cfg.Pause = time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	t := &Throttle{cfg: cfg}
	for i := range t.local.rows {
		t.local.rows[i].seed = maphash.MakeSeed()
	}
	return t
}

// Take counts an attempt under a key. It returns 0 when the attempt may go on; otherwise nothing is counted, and
// it returns how long to wait for the next.
func (t *Throttle) Take(ctx context.Context, key string, rate Rate) time.Duration {
	if wait := t.local.take(key, rate, t.cfg.Now()); wait > 0 {
		return wait
	}
	ms, ok := t.script(ctx, takeScript, key, rate)
	if !ok || ms <= 0 {
		return 0
	}
	t.local.refund(key, rate)
	return time.Duration(ms) * time.Millisecond
}

// Refund gives an attempt back, such as a login that turned out to be right.
func (t *Throttle) Refund(ctx context.Context, key string, rate Rate) {
	t.local.refund(key, rate)
	t.script(ctx, refundScript, key, rate)
}

// script runs a script in Redis; false when there is no Redis or it did not answer.
func (t *Throttle) script(ctx context.Context, s *redis.Script, key string, rate Rate) (int64, bool) {
	if t.cfg.Redis == nil || time.Now().UnixNano() < t.down.Load() {
		return 0, false
	}
	// Keys hold e-mails and addresses: Redis sees only their hash.
	sum := sha256.Sum256([]byte(key))
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	ms, err := s.Run(ctx, t.cfg.Redis, []string{t.cfg.Prefix + hex.EncodeToString(sum[:16])},
		max(1, rate.interval().Milliseconds()), rate.Period.Milliseconds()).Int64()
	if err != nil {
		if context.Cause(ctx) != context.Canceled { // a client that went away says nothing about Redis
			t.down.Store(time.Now().Add(t.cfg.Pause).UnixNano())
			t.cfg.Log.WarnContext(ctx, "throttle: Redis did not answer; this process counts alone", "error", err)
		}
		return 0, false
	}
	return ms, true
}

// The scripts count in ms of Redis's own clock, so that processes with different clocks agree. ARGV: interval,
// period. The key lives until its TAT has passed.
var (
	takeScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + tonumber(ARGV[1])
local wait = tat - now - tonumber(ARGV[2])
if wait > 0 then return wait end
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', tat - now)
return 0`)
	refundScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local tat = tonumber(redis.call('GET', KEYS[1]) or now) - tonumber(ARGV[1])
if tat <= now then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', tat - now)
end
return 0`)
)

// cells is how many counters a row of the local count has: 2 rows of 65,536 × 8 bytes are 1 MiB.
const cells = 1 << 16

// local is a count-min sketch (Cormode and Muthukrishnan 2005) of TATs: a key's TAT is the smaller of its two
// cells, which is never less than the true one.
type local struct {
	mu   sync.Mutex
	rows [2]struct {
		seed maphash.Seed
		tat  [cells]int64 // Unix ns
	}
}

func (l *local) take(key string, rate Rate, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, b := l.cells(key)
	tat := max(min(*a, *b), now.UnixNano()) + int64(rate.interval())
	if wait := time.Duration(tat - now.UnixNano() - int64(rate.Period)); wait > 0 {
		return wait
	}
	*a, *b = max(*a, tat), max(*b, tat)
	return 0
}

func (l *local) refund(key string, rate Rate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, b := l.cells(key)
	*a -= int64(rate.interval())
	*b -= int64(rate.interval())
}

func (l *local) cells(key string) (a, b *int64) {
	return &l.rows[0].tat[maphash.String(l.rows[0].seed, key)%cells], &l.rows[1].tat[maphash.String(l.rows[1].seed, key)%cells]
}
