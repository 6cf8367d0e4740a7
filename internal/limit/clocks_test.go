//go:build unix

package limit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/walltime"
)

// TestTheClockOfRedisIsSetBack by an hour: a rate that is used up is used up for as long as ever, and what a lost process holds lapses as soon.
func TestTheClockOfRedisIsSetBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := testkit.RedisServer(t)
	rc := redis.NewClient(&redis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { rc.Close() })
	limiter := func() *limit.Limiter { // another process, whose own count knows nothing
		return limit.New(limit.Config{Redis: rc, Timeout: time.Minute, Log: quiet})
	}
	rate := limit.Rate{Requests: 60, Per: time.Minute, Burst: 5}
	one := limiter()
	for range rate.Burst {
		one.Take(ctx, "k", rate)
	}
	slots := func(process string) *limit.Slots {
		return limit.NewSlots(limit.SlotsConfig{Redis: rc, Process: process, Lapse: time.Second, Timeout: time.Minute, Log: quiet})
	}
	lost := slots("lost")
	if _, ok := lost.Hold(ctx, "user", 1); !ok {
		t.Fatal("no slot is free at first")
	}
	lost.Forget()
	if err := walltime.Set(-time.Hour, server.PID()); errors.Is(err, walltime.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	if d := limiter().Take(ctx, "k", rate); d.Wait > time.Second {
		t.Errorf("who has used up a rate is to wait %v", d.Wait)
	}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if release, ok := slots("next").Hold(ctx, "user", 1); ok {
			release()
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("what a lost process held is not free again")
		}
	}
}
