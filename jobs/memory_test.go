package jobs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestALongPipelineDoesNotBlock sends more commands at once than either side buffers by itself.
func TestALongPipelineDoesNotBlock(t *testing.T) {
	t.Parallel()
	m, err := newMemoryRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	c := m.client()
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	out, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range dueBatch {
			p.HGet(ctx, fmt.Sprintf("asynq:{interactive}:t:%s:%d", models.NewID(), i), "state")
		}
		return nil
	})
	if err != redis.Nil || len(out) != dueBatch {
		t.Errorf("%d answers, %v", len(out), err)
	}
}

// TestAMemoryRedisIsReplacedWhenIdle lets the instance come to the end of its days in the middle of things.
func TestAMemoryRedisIsReplacedWhenIdle(t *testing.T) {
	t.Parallel()
	st := testkit.Backend{Store: store.Config{DatabaseURL: testkit.SQLite(t)}}.Open(t)
	e, err := New(Config{Store: st, Tick: 5 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	first := e.embedded.current()
	e.embedded.mu.Lock()
	e.embedded.tasks = recycleAfter
	e.embedded.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = e.Run(ctx) })
	defer run.Wait()
	defer cancel()
	deadline := time.Now().Add(20 * time.Second)
	for e.embedded.current() == first {
		if time.Now().After(deadline) {
			t.Fatal("it was not replaced")
		}
		time.Sleep(time.Millisecond)
	}
	// What is submitted now gets into the new one.
	a, err := e.Submit(ctx, Submission{ProjectID: "p", Job: NewJob{Kind: models.KindDecode},
		Respond: func(models.Job, []models.Job) models.Answer { return models.Answer{} }})
	if err != nil {
		t.Fatal(err)
	}
	for {
		n, err := e.redis.Exists(ctx, queueKey(InteractiveQueue, "t:")+a.JobID+":0").Result()
		if err == nil && n == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the job is not in the queue: %d, %v", n, err)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	t.Parallel()
	for attempt := 1; attempt < 80; attempt++ {
		for range 20 {
			d := backoff(time.Second, attempt)
			base := min(time.Second<<min(attempt-1, 20), maxBackoff)
			if d < base/2 || d > base*3/2 {
				t.Fatalf("attempt %d: %v, want %v to %v", attempt, d, base/2, base*3/2)
			}
		}
	}
}
