package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

func TestMain(m *testing.M) {
	// The test process's PostgreSQL server lives until the process ends; gorm never ends the cleaner of its statement cache.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"), goleak.IgnoreAnyFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1"))
}

// patience bounds every wait; nothing depends on how long things take.
const patience = 2 * time.Minute

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// process is one engine with its connections.
type process struct {
	*jobs.Engine
	stop func() // ends Run and closes; once
}

// start runs an engine as a process of its own does.
func start(t *testing.T, b testkit.Backend, change func(*jobs.Config)) process {
	t.Helper()
	cfg := jobs.Config{Store: b.Open(t), Tick: 20 * time.Millisecond, Logger: quiet}
	if !b.Embedded() {
		rc := redis.NewClient(&redis.Options{Addr: b.RedisAddr()})
		t.Cleanup(func() { rc.Close() })
		cfg.Redis = rc
	}
	if change != nil {
		change(&cfg)
	}
	e, err := jobs.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var once sync.Once
	p := process{e, func() {
		once.Do(func() {
			cancel()
			run.Wait()
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}}
	t.Cleanup(p.stop)
	return p
}

func submission(project string) jobs.Submission {
	return jobs.Submission{ProjectID: project, Operation: "neuro_decode", Job: jobs.NewJob{Kind: models.KindDecode, Payload: []byte("x")},
		Respond: func(job models.Job, _ []models.Job) models.Answer {
			return models.Answer{Protocol: "http/202", Bytes: fmt.Appendf(nil, `{"id":%q,"created_at":%d}`, models.RequestID(job.ID), job.CreatedAt.Unix())}
		}}
}

func keyed(project, key, fingerprint string) jobs.Submission {
	s := submission(project)
	s.Idempotency = models.Idempotency{Key: key, Fingerprint: fingerprint, Protocol: "http"}
	return s
}

func submit(t *testing.T, p process, s jobs.Submission) jobs.Accepted {
	t.Helper()
	a, err := p.Submit(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// finish does a job as a worker would.
func finish(t *testing.T, p process, id string) {
	t.Helper()
	ctx := context.Background()
	c, err := p.Claim(ctx, id, "w")
	if err != nil || c == nil {
		t.Fatalf("Claim = %v, %v", c, err)
	}
	ok, err := p.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: id, Attempt: c.Job.Attempts}, Owner: "w", Item: c.Job.ParentID != nil,
		State: models.JobCompleted, Output: json.RawMessage(`{"ok":true}`)})
	if err != nil || !ok {
		t.Fatalf("Finish = %v, %v", ok, err)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		p := start(t, b, func(c *jobs.Config) { c.IdempotencyRetention = time.Hour })
		project := models.NewID()
		first := submit(t, p, keyed(project, "k", "f"))
		if first.Replayed || first.Answer.Protocol != "http/202" {
			t.Fatalf("first: %+v", first)
		}
		finish(t, p, first.JobID) // the stored answer does not follow the job
		for range 2 {
			again := submit(t, p, keyed(project, "k", "f"))
			if !again.Replayed || again.Answer.Protocol != "http/202" || again.JobID != first.JobID || !bytes.Equal(again.Answer.Bytes, first.Answer.Bytes) {
				t.Errorf("again: %+v %s, want the first answer %s", again, again.Answer.Bytes, first.Answer.Bytes)
			}
		}
		_, err := p.Submit(ctx, keyed(project, "k", "other"))
		if e := models.AsError(err); e.Code != models.IdempotencyKeyReused || e.Class() != models.ClassConflict {
			t.Errorf("another body: %v", err)
		}
		for name, s := range map[string]jobs.Submission{
			"another project": keyed(models.NewID(), "k", "f"),
			"another key":     keyed(project, "k2", "f"),
			"no key":          submission(project),
			"another operation": func() jobs.Submission {
				s := keyed(project, "k", "f")
				s.Operation = "neuro_decode_batch"
				return s
			}(),
		} {
			if a := submit(t, p, s); a.Replayed || a.JobID == first.JobID {
				t.Errorf("%s: %+v is a replay", name, a)
			}
		}
	})
}

func TestAnAnswerIsForgottenInTime(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		p := start(t, b, func(c *jobs.Config) {
			c.IdempotencyRetention, c.RetentionTick = time.Millisecond, 10*time.Millisecond
		})
		first := submit(t, p, keyed("p", "k", "f"))
		until(t, "the key to be free", func() bool {
			again, err := p.Submit(t.Context(), keyed("p", "k", "g"))
			if err != nil && models.AsError(err).Code == models.IdempotencyKeyReused {
				return false // within the millisecond
			}
			if err != nil {
				t.Fatal(err)
			}
			return again.JobID != first.JobID
		})
	})
}

// TestFiftyIdenticalRequestsMakeOneJob posts one request fifty times at once, to two processes.
func TestFiftyIdenticalRequestsMakeOneJob(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		ps := []process{start(t, b, nil)}
		if !b.Embedded() {
			ps = append(ps, start(t, b, nil))
		}
		project := models.NewID()
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids := map[string]int{}
		made := 0
		for i := range 50 {
			wg.Go(func() {
				for {
					a, err := ps[i%len(ps)].Submit(ctx, keyed(project, "k", "f"))
					if e := models.AsError(err); err != nil && e.Code == models.IdempotencyKeyInFlight && e.Class() == models.ClassConflict && e.RetryAfter > 0 {
						continue // as told, only sooner
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					ids[a.JobID]++
					if !a.Replayed {
						made++
					}
					return
				}
			})
		}
		wg.Wait()
		page, err := ps[0].List(ctx, jobs.Query{ProjectID: project})
		if err != nil || len(page.Jobs) != 1 || len(ids) != 1 || made != 1 {
			t.Errorf("%d jobs in the database, %d answers, %d made it; %v", len(page.Jobs), len(ids), made, err)
		}
	})
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		p := start(t, b, func(c *jobs.Config) { c.WaitPoll = time.Hour }) // announcements alone
		project := models.NewID()

		t.Run("gets the result as it is finished", func(t *testing.T) {
			id := submit(t, p, submission(project)).JobID
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					job, err := p.Wait(ctx, project, id, patience)
					if err != nil || job.State != models.JobCompleted || string(job.Output) != `{"ok":true}` {
						t.Errorf("%+v, %v", job, err)
					}
				})
			}
			finish(t, p, id)
			wg.Wait()
			if job, err := p.Wait(ctx, project, id, patience); err != nil || job.State != models.JobCompleted {
				t.Errorf("a second wait: %+v, %v", job, err)
			}
		})
		t.Run("ends with its time", func(t *testing.T) {
			id := submit(t, p, submission(project)).JobID
			for _, d := range []time.Duration{-1, 0, time.Millisecond} {
				if job, err := p.Wait(ctx, project, id, d); err != nil || job.State != models.JobQueued {
					t.Errorf("after %v: %+v, %v", d, job, err)
				}
			}
		})
		t.Run("ends with its client", func(t *testing.T) {
			id := submit(t, p, submission(project)).JobID
			gone, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Millisecond, cancel)
			if _, err := p.Wait(gone, project, id, patience); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want canceled", err)
			}
		})
		t.Run("knows no foreign job", func(t *testing.T) {
			id := submit(t, p, submission(project)).JobID
			for _, try := range []error{
				func() error { _, err := p.Get(ctx, models.NewID(), id); return err }(),
				func() error { _, err := p.Wait(ctx, models.NewID(), id, patience); return err }(),
				func() error { _, err := p.Cancel(ctx, models.NewID(), id); return err }(),
				func() error { _, err := p.Counts(ctx, models.NewID(), id); return err }(),
				func() error { _, err := p.Get(ctx, project, models.NewID()); return err }(),
			} {
				if models.AsError(try).Code != models.JobNotFound {
					t.Errorf("error %v, want job_not_found", try)
				}
			}
		})
		t.Run("ends with the process", func(t *testing.T) {
			id := submit(t, p, submission(project)).JobID
			time.AfterFunc(time.Millisecond, p.Drain)
			if job, err := p.Wait(ctx, project, id, patience); err != nil || job.State != models.JobQueued {
				t.Errorf("%+v, %v", job, err)
			}
			p.Drain()
		})
	})
}

func TestAPollIsTheNet(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		p := start(t, b, func(c *jobs.Config) { c.WaitPoll = 10 * time.Millisecond })
		id := submit(t, p, submission("p")).JobID
		other, err := b.Open(t).OpenJobs(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		time.AfterFunc(10*time.Millisecond, func() {
			if _, _, err := other.Cancel(context.Background(), "p", id); err != nil { // nobody announces it
				t.Error(err)
			}
		})
		if job, err := p.Wait(context.Background(), "p", id, patience); err != nil || job.State != models.JobCanceled {
			t.Errorf("%+v, %v", job, err)
		}
	})
}

// TestProcessesHearOfEachOther waits in one process for what another does.
func TestProcessesHearOfEachOther(t *testing.T) {
	t.Parallel()
	b := testkit.Backend{Store: store.Config{DatabaseURL: testkit.Postgres(t)}, Redis: testkit.RedisServer(t)}
	slow := func(c *jobs.Config) { c.WaitPoll = time.Hour }
	api, worker := start(t, b, slow), start(t, b, slow)
	woken := make(chan struct{}, 100)
	end := worker.OnWake(func(_, _ string) {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	defer end()
	// The subscription may not be there yet: announcements are not kept.
	until(t, "a wake-up to get through", func() bool {
		submit(t, api, submission("p"))
		select {
		case <-woken:
			return true
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
	id := submit(t, api, submission("p")).JobID
	var wg sync.WaitGroup
	wg.Go(func() {
		if job, err := api.Wait(context.Background(), "p", id, patience); err != nil || job.State != models.JobCompleted {
			t.Errorf("%+v, %v", job, err)
		}
	})
	until(t, "the call to wait", func() bool { return api.Watched() == 1 })
	finish(t, worker, id)
	wg.Wait()
	if n := api.Watched(); n != 0 {
		t.Errorf("%d watches are left", n)
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		p := start(t, b, nil)
		project := models.NewID()
		var want []string
		for range 7 {
			want = append([]string{submit(t, p, submission(project)).JobID}, want...)
		}
		var got []string
		q := jobs.Query{ProjectID: project, Limit: 3}
		for pages := 1; ; pages++ {
			page, err := p.List(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range page.Jobs {
				got = append(got, j.ID)
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				if pages != 3 {
					t.Errorf("%d pages, want 3", pages)
				}
				break
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("got %v, want %v", got, want)
		}
		for _, bad := range []string{"!", "aGVsbG8", "MTI"} {
			_, err := p.List(ctx, jobs.Query{ProjectID: project, Cursor: bad})
			if e := models.AsError(err); e.Code != models.InvalidParameter {
				t.Errorf("cursor %q: %v", bad, err)
			}
		}
		if _, err := p.List(ctx, jobs.Query{ProjectID: project, ParentID: models.NewID(), Cursor: "aGVsbG8"}); models.AsError(err).Code != models.InvalidParameter {
			t.Errorf("cursor of another list: %v", err)
		}
	})
}

// pending returns the length of a queue's list in a real Redis.
func pending(t *testing.T, rc *redis.Client, queue string) int64 {
	t.Helper()
	n, err := rc.LLen(context.Background(), "asynq:{"+queue+"}:pending").Result()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func realPair(t *testing.T) (testkit.Backend, *redis.Client) {
	t.Helper()
	b := testkit.Backend{Store: store.Config{DatabaseURL: testkit.Postgres(t)}, Redis: testkit.RedisServer(t)}
	rc := redis.NewClient(&redis.Options{Addr: b.RedisAddr()})
	t.Cleanup(func() { rc.Close() })
	return b, rc
}

func TestItemsWaitInTheBulkQueue(t *testing.T) {
	t.Parallel()
	b, rc := realPair(t)
	p := start(t, b, nil)
	s := submission("p")
	s.Job.Kind = models.KindDecodeBatch
	s.Items = []jobs.NewJob{{Kind: models.KindDecode}, {Kind: models.KindDecode}}
	submit(t, p, s)
	submit(t, p, submission("p"))
	until(t, "three tasks", func() bool {
		return pending(t, rc, jobs.BulkQueue) == 2 && pending(t, rc, jobs.InteractiveQueue) == 1
	})
}

func TestAFlushedRedisIsFilledAgain(t *testing.T) {
	t.Parallel()
	b, rc := realPair(t)
	var log lines
	p := start(t, b, func(c *jobs.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	const n = 30
	for range n {
		submit(t, p, submission("p"))
	}
	until(t, "the tasks", func() bool { return pending(t, rc, jobs.InteractiveQueue) == n })
	if log.has("lost its memory") {
		t.Error("a Redis that was never used before is said to have lost something")
	}
	for range 2 {
		if err := rc.FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		// Well before the five seconds after which the rows would be looked at anyway.
		until(t, "the tasks again", func() bool { return pending(t, rc, jobs.InteractiveQueue) == n })
		until(t, "asynq to know its queues", func() bool {
			ok, err := rc.SIsMember(context.Background(), "asynq:queues", jobs.BulkQueue).Result()
			return err == nil && ok
		})
	}
	until(t, "a warning", func() bool { return log.has("lost its memory") })
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// TestTheFirstStartLosesNothing starts the embedded pair, whose Redis is new at every start.
func TestTheFirstStartLosesNothing(t *testing.T) {
	t.Parallel()
	var log lines
	b := testkit.Backend{Store: store.Config{DatabaseURL: testkit.SQLite(t)}}
	p := start(t, b, func(c *jobs.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	submit(t, p, submission("p"))
	until(t, "a look at Redis", func() bool { return log.has("redis is new") })
	p.stop()
	if log.has("level=WARN") {
		t.Errorf("a first start warns: %s", log.text.String())
	}
}

func TestATaskIsNotEnqueuedTwice(t *testing.T) {
	t.Parallel()
	b, rc := realPair(t)
	p := start(t, b, nil)
	id := submit(t, p, submission("p")).JobID
	until(t, "the task", func() bool { return pending(t, rc, jobs.InteractiveQueue) == 1 })
	repo, err := b.Open(t).OpenJobs(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	for range 5 { // the reconciler looks again and finds it waiting
		if _, err := repo.MakeDue(context.Background(), []string{id}); err != nil {
			t.Fatal(err)
		}
		until(t, "the reconciler to look", func() bool {
			job, err := p.Get(context.Background(), "p", id)
			if err != nil {
				t.Fatal(err)
			}
			return job.NextCheck.After(time.Now())
		})
	}
	if n := pending(t, rc, jobs.InteractiveQueue); n != 1 {
		t.Errorf("%d tasks for one job", n)
	}
}

// TestATaskOfADeadWorkerIsReplaced leaves a task in asynq's active list, as a worker does that dies between taking the
// task and claiming the job.
func TestATaskOfADeadWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b, rc := realPair(t)
	p := start(t, b, nil)
	id := submit(t, p, submission("p")).JobID
	until(t, "the task", func() bool { return pending(t, rc, jobs.InteractiveQueue) == 1 })
	const q = "asynq:{interactive}:"
	task := id + ":0"
	if n, err := rc.LRem(ctx, q+"pending", 0, task).Result(); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	_, err := rc.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		tx.LPush(ctx, q+"active", task)
		tx.HSet(ctx, q+"t:"+task, "state", "active")
		// The server has missed its beats for 13 s: asynq leases for 30 s.
		tx.ZAdd(ctx, q+"lease", redis.Z{Score: float64(time.Now().Add(17 * time.Second).Unix()), Member: task})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "another task in place of the dead one", func() bool {
		n, err := rc.LLen(ctx, q+"active").Result()
		if err != nil {
			t.Fatal(err)
		}
		return n == 0 && pending(t, rc, jobs.InteractiveQueue) == 1
	})
}

func TestMoreThanTheQueueHoldsWaitsInTheDatabase(t *testing.T) {
	t.Parallel()
	b, rc := realPair(t)
	p := start(t, b, func(c *jobs.Config) { c.QueueCap = 5 })
	for range 5 {
		submit(t, p, submission("p"))
	}
	until(t, "the queue to be full", func() bool { return pending(t, rc, jobs.InteractiveQueue) == 5 })
	until(t, "submissions to stay in the database", func() bool {
		before := pending(t, rc, jobs.InteractiveQueue)
		submit(t, p, submission("p"))
		time.Sleep(20 * time.Millisecond)
		return pending(t, rc, jobs.InteractiveQueue) == before
	})
	page, err := p.List(context.Background(), jobs.Query{ProjectID: "p", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	until(t, "every job to come into the queue", func() bool {
		task, err := rc.RPop(context.Background(), "asynq:{interactive}:pending").Result()
		if err == nil {
			id, _ := jobs.ParseTask([]byte(task))
			seen[id] = true
			rc.Del(context.Background(), "asynq:{interactive}:t:"+task)
			if c, err := p.Claim(context.Background(), id, "w"); err != nil {
				t.Fatal(c, err)
			}
		}
		return len(seen) == len(page.Jobs)
	})
}

func TestARedisOutage(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, hangs := range []bool{false, true} {
		t.Run(fmt.Sprintf("hangs=%v", hangs), func(t *testing.T) {
			t.Parallel()
			b, rc := realPair(t)
			p := start(t, b, func(c *jobs.Config) { c.OutageLimit = 500 * time.Millisecond })
			submit(t, p, submission("p"))
			if p.RedisDownFor() != 0 {
				t.Fatal("redis is down from the start")
			}
			var err error
			if hangs {
				err = b.Redis.Signal(syscall.SIGSTOP)
			} else {
				err = b.Redis.Stop()
			}
			if err != nil {
				t.Fatal(err)
			}
			invisible := submit(t, p, submission("p")) // nobody knows yet
			until(t, "the outage to be noticed", func() bool { return p.RedisDownFor() > 0 })
			if p.RedisDownFor() < 300*time.Millisecond {
				submit(t, p, submission("p")) // a short outage is invisible
			}
			until(t, "the limit to pass", func() bool { return p.RedisDownFor() > 500*time.Millisecond })
			before, err := p.List(ctx, jobs.Query{ProjectID: "p"})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []jobs.Submission{submission("p"), keyed("p", "k", "f")} {
				_, err = p.Submit(ctx, s)
				if e := models.AsError(err); e.Code != models.JobTriggerFailed || e.Class() != models.ClassUnavailable {
					t.Errorf("after the limit: %v", err)
				}
			}
			if after, err := p.List(ctx, jobs.Query{ProjectID: "p"}); err != nil || len(after.Jobs) != len(before.Jobs) {
				t.Errorf("a refused submission was stored: %d jobs, then %d, %v", len(before.Jobs), len(after.Jobs), err)
			}
			if job, err := p.Cancel(ctx, "p", invisible.JobID); err != nil || job.State != models.JobCanceled {
				t.Errorf("cancel without redis: %+v, %v", job, err)
			}
			if hangs {
				err = b.Redis.Signal(syscall.SIGCONT)
			} else {
				err = b.Redis.Start(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
			until(t, "redis to be back", func() bool { return p.RedisDownFor() == 0 })
			if a := submit(t, p, keyed("p", "k", "f")); a.Replayed {
				t.Error("the refusal was stored with the key")
			}
			until(t, "the jobs to be in the queue", func() bool { return pending(t, rc, jobs.InteractiveQueue) >= int64(len(before.Jobs)) })
		})
	}
}

func TestADatabaseThatRefuses(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		st := b.Open(t)
		p := start(t, b, func(c *jobs.Config) { c.Store = st })
		for left := 1; left > 0; { // until no table is left
			moved, err := st.Migrate(context.Background(), "down")
			if left = len(moved); err != nil && left > 0 {
				t.Fatal(err)
			}
		}
		for _, s := range []jobs.Submission{submission("p"), keyed("p", "k", "f")} {
			_, err := p.Submit(context.Background(), s)
			if e := models.AsError(err); e.Code != models.JobCreateFailed || e.Class() != models.ClassInternal || e.Cause == nil {
				t.Errorf("error %v, want job_create_failed with its cause", err)
			}
		}
	})
}

// TestARestartGoesOn ends the only process of an embedded pair in the middle of its jobs.
func TestARestartGoesOn(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := testkit.SQLite(t)
	b := testkit.Backend{Store: store.Config{DatabaseURL: path}}
	first := start(t, b, nil)
	queued, running := submit(t, first, submission("p")).JobID, submit(t, first, submission("p")).JobID
	if c, err := first.Claim(ctx, running, "gone"); err != nil || c == nil {
		t.Fatal(c, err)
	}
	first.stop()
	second := start(t, b, func(c *jobs.Config) { c.Lease = time.Hour }) // no lease ends by itself
	until(t, "the running job to be taken over", func() bool {
		job, err := second.Get(ctx, "p", running)
		if err != nil {
			t.Fatal(err)
		}
		return job.State == models.JobQueued
	})
	for _, id := range []string{queued, running} {
		finish(t, second, id)
	}
}

func TestStopsTolerateRepetition(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		p := start(t, b, nil)
		p.stop()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if _, err := p.Submit(context.Background(), submission("p")); models.AsError(err).Code != models.JobCreateFailed {
			t.Errorf("submit after close: %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := jobs.New(jobs.Config{}); err == nil {
		t.Error("an engine without a store")
	}
}

// counted counts how often jobs are read.
type counted struct {
	store.Jobs
	reads atomic.Int64
}

func (c *counted) OpenJobs(context.Context) (store.Jobs, error) { return c, nil }

func (c *counted) Get(ctx context.Context, projectID, id string) (models.Job, error) {
	c.reads.Add(1)
	return c.Jobs.Get(ctx, projectID, id)
}

// TestAJobJustAcceptedIsReadOnce: who waits for a job that this process has just accepted looks at it when its end is announced, or its time
// is over; and one that ended before, or that is another's, at once.
func TestAJobJustAcceptedIsReadOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		c := &counted{}
		p := start(t, b, func(cfg *jobs.Config) {
			inner, err := cfg.Store.OpenJobs(ctx)
			if err != nil {
				t.Fatal(err)
			}
			c.Jobs, cfg.Store = inner, c
			cfg.WaitPoll = time.Minute
		})
		project := models.NewID()
		reads := func() int64 { return c.reads.Swap(0) }

		id := submit(t, p, submission(project)).JobID
		reads()
		var waits sync.WaitGroup
		waits.Go(func() {
			if job, err := p.Wait(ctx, project, id, patience); err != nil || job.State != models.JobCompleted {
				t.Errorf("%+v, %v", job, err)
			}
		})
		finish(t, p, id)
		waits.Wait()
		if n := reads(); n != 1 {
			t.Errorf("a job that ended meanwhile was read %d times", n)
		}
		if job, err := p.Wait(ctx, project, id, patience); err != nil || job.State != models.JobCompleted || reads() != 1 {
			t.Errorf("one that had ended: %+v, %v", job, err)
		}

		id = submit(t, p, submission(project)).JobID
		if job, err := p.Wait(ctx, project, id, time.Millisecond); err != nil || job.State != models.JobQueued || reads() != 1 {
			t.Errorf("one that is not run: %+v, %v", job, err)
		}
		if _, err := p.Wait(ctx, models.NewID(), id, patience); models.AsError(err).Code != models.JobNotFound {
			t.Errorf("one of another project: %v", err)
		}
		if job, err := p.Cancel(ctx, project, id); err != nil || job.State != models.JobCanceled {
			t.Fatal(job, err)
		}
		if job, err := p.Wait(ctx, project, id, patience); err != nil || job.State != models.JobCanceled {
			t.Errorf("one that was canceled: %+v, %v", job, err)
		}
	})
}
