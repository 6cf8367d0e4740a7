package limit

import (
	"context"
	"encoding/hex"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Slots count what is held at the same time under a key, such as the connections of a user, over all processes through Redis and in this process by itself.
//
// A slot is a member of a sorted set in Redis, scored by when it lapses; who holds it renews it. So what a killed process held is free again after the
// lapse. While Redis is away each process counts alone, and new slots are let in by its own count.
type Slots struct {
	cfg SlotsConfig

	mu      sync.Mutex
	held    map[id]map[string]bool // members by key; false for one that Redis has not let in yet
	next    int64
	renewal chan struct{} // closed when nothing is held any more; nil while nothing is
}

// SlotsConfig sets where slots are counted.
type SlotsConfig struct {
	// Redis counts over all processes. Defaults to none: this process alone counts.
	Redis redis.Cmdable
	// Process tells this process from others. Required where there is Redis.
	Process string
	// Prefix of the keys in Redis. Defaults to "neurod:slots:".
	Prefix string
	// Lapse is after what time a slot that is not renewed is free. Defaults to 45 s.
	Lapse time.Duration
	// Timeout is how long Redis may take. Defaults to 250 ms.
	Timeout time.Duration
	// Log takes Redis's faults. Defaults to slog.Default().
	Log *slog.Logger
}

// NewSlots returns slots.
func NewSlots(cfg SlotsConfig) *Slots {
	if cfg.Prefix == "" {
		cfg.Prefix = "neurod:slots:"
	}
	if cfg.Lapse <= 0 {
		cfg.Lapse = 45 * time.Second
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 250 * time.Millisecond
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Slots{cfg: cfg, held: map[id]map[string]bool{}}
}

// Hold takes a slot under a key, of which there may be most, until release is called, once or more often. It reports false where all are held.
func (s *Slots) Hold(ctx context.Context, key string, most int) (release func(), ok bool) {
	k := idOf(key)
	s.mu.Lock()
	if len(s.held[k]) >= most {
		s.mu.Unlock()
		return func() {}, false
	}
	s.next++
	member := s.cfg.Process + " " + strconv.FormatInt(s.next, 10)
	if s.held[k] == nil {
		s.held[k] = map[string]bool{}
	}
	s.held[k][member] = s.cfg.Redis == nil
	if s.renewal == nil && s.cfg.Redis != nil {
		s.renewal = make(chan struct{})
		go s.renew(s.renewal)
	}
	s.mu.Unlock()
	if s.cfg.Redis != nil {
		call, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		n, err := holdScript.Run(call, s.cfg.Redis, []string{s.name(k)}, most, s.cfg.Lapse.Milliseconds(), member).Int()
		cancel()
		switch {
		case err != nil:
			s.cfg.Log.Warn("limits: Redis did not answer; this process counts alone", "error", err)
		case n == 0:
			s.drop(k, member)
			return func() {}, false
		}
		s.mu.Lock()
		if _, still := s.held[k][member]; still {
			s.held[k][member] = true
		}
		s.mu.Unlock()
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			s.drop(k, member)
			if s.cfg.Redis != nil {
				call, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
				defer cancel()
				_ = s.cfg.Redis.ZRem(call, s.name(k), member).Err() // it lapses by itself
			}
		})
	}, true
}

func (s *Slots) name(k id) string { return s.cfg.Prefix + hex.EncodeToString(k[:]) }

func (s *Slots) drop(k id, member string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held[k], member)
	if len(s.held[k]) == 0 {
		delete(s.held, k)
	}
	if len(s.held) == 0 && s.renewal != nil {
		close(s.renewal)
		s.renewal = nil
	}
}

// renew renews what is held until nothing is.
func (s *Slots) renew(done <-chan struct{}) {
	tick := time.NewTicker(s.cfg.Lapse / 3)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*s.cfg.Timeout)
		pipe := s.cfg.Redis.Pipeline()
		s.mu.Lock()
		for k, members := range s.held {
			for m, in := range members {
				if !in { // renewing it would take the slot that it asks for
					continue
				}
				renewScript.Eval(ctx, pipe, []string{s.name(k)}, s.cfg.Lapse.Milliseconds(), m)
			}
		}
		s.mu.Unlock()
		if _, err := pipe.Exec(ctx); err != nil {
			s.cfg.Log.Warn("limits: slots are not renewed", "error", err)
		}
		cancel()
	}
}

// The scripts go by Redis's own clock, in ms. What would lapse later than anything can was held before that clock was set back, and lapses from
// now on. ARGV of holdScript: how many there may be, the lapse, the member; of renewScript: the lapse, the member.
var (
	holdScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, held in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. (now + ARGV[2]), '+inf')) do
  redis.call('ZADD', KEYS[1], now + ARGV[2], held)
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`)
	renewScript = redis.NewScript(`
local t = redis.call('TIME')
redis.call('ZADD', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1`)
)
