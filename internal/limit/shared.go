package limit

import (
	"context"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// shared is the count of all processes, in Redis. Whatever is asked while a round trip is under way goes along in the
// next one, so that the cost of a call falls as the load rises. It has a goroutine only while something is asked.
type shared struct {
	mu    sync.Mutex
	queue []*ask
	busy  bool // somebody sends what is in queue
}

// ask is one run of a script.
type ask struct {
	script *redis.Script
	key    string
	rate   Rate
	n      int        // what it counts as
	answer chan reply // has room for one
}

// reply is what a script said; ok is false when there is no Redis or it did not answer.
type reply struct {
	wait, ahead time.Duration
	ok          bool
}

// ask runs a script in Redis.
func (l *Limiter) ask(ctx context.Context, script *redis.Script, key id, rate Rate, n int) reply {
	if l.cfg.Redis == nil || l.isDown() {
		return reply{}
	}
	a := &ask{script, l.cfg.Prefix + hex.EncodeToString(key[:]), rate, n, make(chan reply, 1)}
	s := &l.shared
	s.mu.Lock()
	s.queue = append(s.queue, a)
	first := !s.busy
	s.busy = true
	s.mu.Unlock()
	if first {
		go l.send()
	}
	select {
	case r := <-a.answer:
		return r
	case <-ctx.Done():
		return reply{}
	}
}

// send makes round trips until nothing is asked.
func (l *Limiter) send() {
	s := &l.shared
	for {
		s.mu.Lock()
		asks := s.queue
		s.queue = nil
		s.busy = len(asks) > 0
		s.mu.Unlock()
		if len(asks) == 0 {
			return
		}
		if err := l.roundTrip(asks); err != nil {
			l.down.Store(int64(l.now() + l.cfg.Pause))
			l.cfg.Log.Warn("limits: Redis did not answer; this process counts alone", "error", err)
		}
	}
}

// isDown reports whether Redis failed a moment ago.
func (l *Limiter) isDown() bool { return int64(l.now()) < l.down.Load() }

// roundTrip answers every ask. It returns what Redis failed with.
func (l *Limiter) roundTrip(asks []*ask) error {
	var fault error
	if !l.isDown() {
		ctx, cancel := context.WithTimeout(context.Background(), l.cfg.Timeout)
		defer cancel()
		asks, fault = l.run(ctx, asks, (*redis.Script).EvalSha)
		if len(asks) > 0 && fault == nil { // Redis has started anew and does not know the scripts
			asks, fault = l.run(ctx, asks, (*redis.Script).Eval)
		}
	}
	for _, a := range asks {
		a.answer <- reply{}
	}
	return fault
}

// run sends the asks in one pipeline, answers those that Redis answered, and returns the others. The error is none when
// all that they lack is their script.
func (l *Limiter) run(ctx context.Context, asks []*ask,
	eval func(*redis.Script, context.Context, redis.Scripter, []string, ...any) *redis.Cmd) (left []*ask, fault error) {
	pipe := l.cfg.Redis.Pipeline()
	results := make([]*redis.Cmd, len(asks))
	for i, a := range asks {
		results[i] = eval(a.script, ctx, pipe, []string{a.key}, a.rate.cost(a.n).Microseconds(), a.rate.whole().Microseconds())
	}
	_, _ = pipe.Exec(ctx) // its error is that of the first result that has one
	for i, a := range asks {
		us, err := results[i].Int64Slice()
		switch {
		case err == nil && len(us) == 2:
			a.answer <- reply{time.Duration(us[0]) * time.Microsecond, time.Duration(us[1]) * time.Microsecond, true}
			continue
		case err == nil:
			fault = fmt.Errorf("%d numbers for 2", len(us))
		case !redis.HasErrorPrefix(err, "NOSCRIPT"):
			fault = err
		}
		left = append(left, a)
	}
	return left, fault
}

// The scripts count in µs of Redis's own clock, so that processes with different clocks agree: Unix µs are exact in
// Lua's doubles until the year 2255 (2^53 µs). ARGV: cost, whole. Both return how long to wait and how far the TAT
// is ahead. The key lives until its TAT has passed. No TAT is further ahead than the whole burst: one that is was kept before
// Redis's clock was set back, and counts as a burst that is used up.
var (
	takeScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local old = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or now), now), now + ARGV[2])
local tat = old + tonumber(ARGV[1])
local wait = tat - now - tonumber(ARGV[2])
if wait > 0 then return {wait, old - now} end
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
return {0, tat - now}`)
	refundScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local tat = math.min(tonumber(redis.call('GET', KEYS[1]) or now), now + ARGV[2]) - tonumber(ARGV[1])
if tat <= now then
  redis.call('DEL', KEYS[1])
  return {0, 0}
end
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
return {0, tat - now}`)
)
