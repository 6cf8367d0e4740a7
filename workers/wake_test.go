package workers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit"
)

// dequeue looks into a queue as asynq's fetcher does, through the hook, and finds what err says.
func dequeue(w *wake, queue string, err error) {
	prefix := "asynq:{" + queue + "}:"
	cmd := redis.NewCmd(context.Background(), "evalsha", "sha", 4, prefix+"pending", prefix+"paused", prefix+"active", prefix+"lease", 1, prefix+"t:")
	_ = w.ProcessHook(func(context.Context, redis.Cmder) error { return err })(context.Background(), cmd)
}

func TestTheFetcherIsHeldOnlyWhenAllQueuesAreEmpty(t *testing.T) {
	t.Parallel()
	failed := errors.New("connection refused")
	for _, tc := range []struct {
		name  string
		looks []string // queue, with "+" where a task is found and "!" where Redis fails
		want  time.Duration
	}{
		{"one of two is empty", []string{"a"}, 0},
		{"the same one twice", []string{"a", "a"}, 0},
		{"both are empty", []string{"a", "b"}, maxIdle},
		{"in the other order", []string{"b", "a"}, maxIdle},
		{"the second has a task", []string{"a", "b+"}, 0},
		{"a task, then one empty", []string{"a", "b+", "b"}, 0},
		{"a task, then both empty", []string{"a", "b+", "b", "a"}, maxIdle},
		{"two empty rounds", []string{"a", "b", "b", "a"}, 2 * maxIdle},
		{"redis fails", []string{"a!"}, errorPause},
		{"redis fails between", []string{"a", "b!", "b"}, errorPause},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWake(2, maxIdle)
				start := time.Now()
				for _, look := range tc.looks {
					err := error(redis.Nil)
					switch look[1:] {
					case "+":
						err = nil
					case "!":
						err = failed
					}
					dequeue(w, look[:1], err)
				}
				if held := time.Since(start); held != tc.want {
					t.Errorf("held for %v, want %v", held, tc.want)
				}
			})
		})
	}
}

func TestASignalFreesTheFetcher(t *testing.T) {
	t.Parallel()
	empty := func(w *wake) time.Duration {
		start := time.Now()
		dequeue(w, "a", redis.Nil)
		dequeue(w, "b", redis.Nil)
		return time.Since(start)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWake(2, maxIdle)
		time.AfterFunc(10*time.Millisecond, w.now)
		if held := empty(w); held != 10*time.Millisecond {
			t.Errorf("held for %v after a signal at 10ms", held)
		}
		w.now() // while the fetcher was looking: it looks once more at once
		w.now()
		if held := empty(w); held != 0 {
			t.Errorf("held for %v with a signal before", held)
		}
		if held := empty(w); held != maxIdle {
			t.Errorf("held for %v, want %v: two signals at once are one", held, maxIdle)
		}
		w.close()
		if held := empty(w); held != 0 {
			t.Errorf("held for %v after close", held)
		}
	})
}

// TestAScriptSentAgainIsOneLook covers the first call, where Redis does not know the script yet.
func TestAScriptSentAgainIsOneLook(t *testing.T) {
	t.Parallel()
	addr := testkit.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	w := newWake(1, maxIdle)
	w.now() // one look may pass at once
	client.AddHook(w)
	start := time.Now()
	script := redis.NewScript(`return redis.call("RPOPLPUSH", KEYS[1], KEYS[3])`)
	err := script.Run(context.Background(), client, []string{"asynq:{q}:pending", "asynq:{q}:paused", "asynq:{q}:active", "asynq:{q}:lease"}).Err()
	if !errors.Is(err, redis.Nil) {
		t.Fatal(err)
	}
	if held := time.Since(start); held >= errorPause {
		t.Errorf("held for %v by the answer NOSCRIPT", held)
	}
}

// recorder notes the keys of every script.
type recorder struct{ keys chan []string }

func (r recorder) DialHook(next redis.DialHook) redis.DialHook { return next }
func (r recorder) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (r recorder) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if keys := scriptKeys(cmd); keys != nil {
			select {
			case r.keys <- keys:
			default:
			}
		}
		return next(ctx, cmd)
	}
}

// TestAsynqsKeysAreAsExpected runs a real asynq server and holds the scripts it sends to what the hook recognises. When
// it fails after an update of asynq, the hook must learn the new shape.
func TestAsynqsKeysAreAsExpected(t *testing.T) {
	t.Parallel()
	addr := testkit.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	rec := recorder{make(chan []string, 1000)}
	client.AddHook(rec)
	srv := asynq.NewServerFromRedisClient(client, asynq.Config{Concurrency: 1, Queues: map[string]int{"interactive": 4, "bulk": 1},
		TaskCheckInterval: time.Millisecond, DelayedTaskCheckInterval: 10 * time.Millisecond, LogLevel: asynq.FatalLevel})
	other := redis.NewClient(&redis.Options{Addr: addr})
	defer other.Close()
	ran := make(chan struct{}, 1)
	if err := srv.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		// What the reconciler reads of a task on its way: its state, and a lease of 30 s.
		if state, err := other.HGet(ctx, "asynq:{bulk}:t:x:7", "state").Result(); err != nil || state != "active" {
			t.Errorf("the state of a running task is %q, %v", state, err)
		}
		lease, err := other.ZScore(ctx, "asynq:{bulk}:lease", "x:7").Result()
		if left := time.Until(time.Unix(int64(lease), 0)); err != nil || left > 31*time.Second || left < 20*time.Second {
			t.Errorf("the lease of a running task ends in %v, %v; want 30s", left, err)
		}
		if id, err := other.LRange(ctx, "asynq:{bulk}:active", 0, -1).Result(); err != nil || !slices.Equal(id, []string{"x:7"}) {
			t.Errorf("active tasks: %v, %v", id, err)
		}
		ran <- struct{}{}
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	defer srv.Shutdown()
	if _, err := asynq.NewClientFromRedisClient(other).Enqueue(asynq.NewTask("job", []byte("x")), asynq.TaskID("x:7"), asynq.Queue("bulk")); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	want := map[string]bool{
		"dequeue interactive": true, "dequeue bulk": true, "forward asynq:{bulk}:retry": true, "forward asynq:{interactive}:scheduled": true,
	}
	for len(want) > 0 {
		select {
		case keys := <-rec.keys:
			switch {
			case isDequeue(keys):
				for _, q := range []string{"interactive", "bulk"} {
					p := "asynq:{" + q + "}:"
					if slices.Equal(keys, []string{p + "pending", p + "paused", p + "active", p + "lease"}) {
						delete(want, "dequeue "+q)
					}
				}
			case isForward(keys):
				delete(want, "forward "+keys[0])
			}
		case <-deadline:
			t.Fatalf("asynq never sent: %v", want)
		}
	}
	select {
	case <-ran:
	case <-deadline:
		t.Fatal("the task did not run")
	}
}
