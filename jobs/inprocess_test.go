package jobs

import (
	"context"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// TestDirectDoesWhatScriptsDo runs asynq's client and server on an in-process Redis with and without its scripts: what they are told and what
// lies in Redis afterwards is the same, also for an id that is taken and for a queue that is paused.
func TestDirectDoesWhatScriptsDo(t *testing.T) {
	t.Parallel()
	numbers := regexp.MustCompile(`\d{9,}`) // times
	stages := func(short bool) []string {
		m, err := newMemoryRedis()
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		counted := &countScripts{}
		dial := func() redis.UniversalClient {
			c := m.client()
			if short {
				c.AddHook(&direct{redis: m})
			}
			c.AddHook(counted)
			return c
		}
		own := dial()
		defer own.Close()
		client := asynq.NewClientFromRedisClient(own)
		var out []string
		dump := func(what string) {
			out = append(out, what+":\n"+numbers.ReplaceAllString(m.current().Dump(), "TIME"))
		}
		enqueue := func(id, queue string) {
			_, err := client.EnqueueContext(t.Context(), asynq.NewTask("t", []byte(id)), asynq.TaskID(id), asynq.Queue(queue), asynq.MaxRetry(3))
			if err != nil {
				out = append(out, id+": "+err.Error())
			}
		}
		enqueue("first", "q")
		enqueue("second", "q")
		enqueue("first", "q")
		enqueue("held", "paused")
		dump("enqueued")
		inspector := asynq.NewInspectorFromRedisClient(own)
		if err := inspector.PauseQueue("paused"); err != nil {
			t.Fatal(err)
		}
		begun, hold := make(chan string), make(chan struct{})
		of := dial()
		server := asynq.NewServerFromRedisClient(of, asynq.Config{Concurrency: 2, Queues: map[string]int{"q": 1, "paused": 1}, LogLevel: asynq.FatalLevel})
		err = server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
			begun <- string(task.Payload())
			<-hold
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		got := []string{<-begun, <-begun}
		if got[0] > got[1] { // handlers begin side by side
			got[0], got[1] = got[1], got[0]
		}
		out = append(out, strings.Join(got, ", "))
		active, err := m.current().List("asynq:{q}:active")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, "active: "+strings.Join(active, ", "))
		for _, key := range []string{"asynq:{q}:t:first", "asynq:{q}:t:second", "asynq:{paused}:t:held"} {
			out = append(out, key+" "+m.current().HGet(key, "state")+" since "+numbers.ReplaceAllString(m.current().HGet(key, "pending_since"), "TIME"))
		}
		leased, err := m.current().ZMembers("asynq:{q}:lease")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, "leased: "+strings.Join(leased, ", "))
		close(hold)
		server.Shutdown()
		_ = of.Close() // it has ended
		for _, key := range []string{"asynq:{q}:t:first", "asynq:{q}:active", "asynq:{q}:pending", "asynq:{paused}:pending"} {
			out = append(out, key+" "+map[bool]string{true: "is there", false: "is gone"}[m.current().Exists(key)])
		}
		if counted.handed.Load() == 0 != short {
			t.Errorf("short: %v, and %d scripts handed tasks over", short, counted.handed.Load())
		}
		return out
	}
	want, got := stages(false), stages(true)
	if len(want) != len(got) {
		t.Fatalf("by scripts %q\ndirectly %q", want, got)
	}
	for i := range want {
		if want[i] != got[i] {
			t.Errorf("by scripts %s\ndirectly %s", want[i], got[i])
		}
	}
}

// countScripts counts the calls of scripts that direct would do and that came behind it.
type countScripts struct {
	handed atomic.Int64
}

func (c *countScripts) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *countScripts) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *countScripts) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if keys, args := scriptCall(cmd); isEnqueue(keys, args) || isDequeue(keys, args) {
			c.handed.Add(1)
		}
		return next(ctx, cmd)
	}
}
