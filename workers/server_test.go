package workers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

func TestMain(m *testing.M) {
	// The test process's PostgreSQL server lives until the process ends; gorm never ends the cleaner of its statement cache.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"), goleak.IgnoreAnyFunction("gorm.io/gorm/internal/lru.NewLRU[...].func1"))
}

// patience bounds every wait of these tests; nothing depends on how long things take.
const patience = 2 * time.Minute

// testBundle is one process: engine and worker over a fresh pair of stores.
type testBundle struct {
	backend testkit.Backend
	store   *store.Store
	engine  *jobs.Engine
	project string
	cfg     jobs.Config
}

// setup starts an engine.
func setup(t *testing.T, b testkit.Backend, change func(*jobs.Config)) *testBundle {
	t.Helper()
	tb := &testBundle{backend: b, store: b.Open(t), project: models.NewID()}
	tb.cfg = jobs.Config{Store: tb.store, Tick: 20 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(testLog{t}, nil))}
	if change != nil {
		change(&tb.cfg)
	}
	tb.engine = tb.startEngine(t)
	return tb
}

// startEngine starts another engine on the same stores; it ends with the test.
func (tb *testBundle) startEngine(t *testing.T) *jobs.Engine {
	t.Helper()
	cfg := tb.cfg
	if !tb.backend.Embedded() {
		rc := redis.NewClient(&redis.Options{Addr: tb.backend.RedisAddr()})
		t.Cleanup(func() { rc.Close() })
		cfg.Redis = rc
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
	t.Cleanup(func() {
		cancel()
		run.Wait()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// startWorker runs a server with one handler until the test ends or stop is called.
func (tb *testBundle) startWorker(t *testing.T, h workers.Handler, change func(*workers.Config)) (srv *workers.Server, stop func()) {
	t.Helper()
	cfg := workers.Config{Engine: tb.engine}
	if change != nil {
		change(&cfg)
	}
	srv, err := workers.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv.Register(models.KindDecode, h)
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := srv.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			run.Wait()
		})
	}
	t.Cleanup(stop)
	return srv, stop
}

func respond(job models.Job, items []models.Job) models.Answer {
	b, _ := json.Marshal(map[string]any{"id": models.RequestID(job.ID), "items": len(items)})
	return models.Answer{Protocol: "http/202", Bytes: b}
}

// submit accepts a job with the payload and returns its id.
func (tb *testBundle) submit(t *testing.T, payload string) string {
	t.Helper()
	a, err := tb.engine.Submit(context.Background(), tb.submission(payload))
	if err != nil {
		t.Fatal(err)
	}
	return a.JobID
}

func (tb *testBundle) submission(payload string) jobs.Submission {
	return jobs.Submission{ProjectID: tb.project, Operation: "neuro_decode", Respond: respond,
		Job: jobs.NewJob{Kind: models.KindDecode, Request: json.RawMessage(`{"n":1}`), Payload: []byte(payload)}}
}

// final waits until the job is final and holds it to the state.
func (tb *testBundle) final(t *testing.T, id string, want models.JobState) models.Job {
	t.Helper()
	job, err := tb.engine.Wait(context.Background(), tb.project, id, patience)
	if err != nil {
		t.Fatal(err)
	}
	if job.State != want {
		t.Fatalf("job is %s, want %s: %+v", job.State, want, job)
	}
	return job
}

// until polls a condition that no signal reports.
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

// receive takes a value that a handler sends.
func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
		panic("unreachable")
	}
}

// testLog writes the log into the test's output.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	defer func() { _ = recover() }() // a line that comes after the test's end
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// echo answers with the payload in upper case.
func echo(_ context.Context, task *workers.Task) (workers.Result, error) {
	out, err := json.Marshal(map[string]string{"echo": strings.ToUpper(string(task.Payload))})
	return workers.Result{Output: out, Diagnostics: json.RawMessage(`{"ms":1}`)}, err
}

func TestAJobRunsToItsResult(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		tb.startWorker(t, echo, nil)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				payload := fmt.Sprint("p", i)
				a, err := tb.engine.Submit(context.Background(), tb.submission(payload))
				if err != nil {
					t.Error(err)
					return
				}
				if want := fmt.Sprintf(`{"id":"req_pi_%s","items":0}`, a.JobID); a.Answer.Protocol != "http/202" || string(a.Answer.Bytes) != want || a.Replayed {
					t.Errorf("accepted %+v %s, want body %s", a, a.Answer.Bytes, want)
				}
				job, err := tb.engine.Wait(context.Background(), tb.project, a.JobID, patience)
				if err != nil {
					t.Error(err)
					return
				}
				if want := fmt.Sprintf(`{"echo":"P%d"}`, i); job.State != models.JobCompleted || string(job.Output) != want || job.Attempts != 1 ||
					string(job.Diagnostics) != `{"ms":1}` || job.StartedAt == nil || job.FinishedAt == nil {
					t.Errorf("job %+v, want output %s", job, want)
				}
			})
		}
		wg.Wait()
	})
}

func TestHowAttemptsEnd(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, func(c *jobs.Config) {
			c.Kinds = map[models.JobKind]jobs.Kind{models.KindDecode: {MaxAttempts: 3, Backoff: time.Millisecond, Deadline: 300 * time.Millisecond}}
		})
		var tries atomic.Int32
		release := make(chan struct{})
		defer close(release)
		tb.startWorker(t, func(ctx context.Context, task *workers.Task) (workers.Result, error) {
			switch string(task.Payload) {
			case "bad data":
				return workers.Result{}, decoders.Errorf(decoders.CodePayloadTooShort, map[string]any{"samples_needed": 500}, "too short")
			case "wrapped":
				return workers.Result{}, fmt.Errorf("decode: %w", decoders.Errorf("x", nil, "y"))
			case "expired":
				return workers.Result{}, models.NewError(models.PayloadExpired)
			case "unencodable":
				return workers.Result{}, decoders.Errorf("x", map[string]any{"f": func() {}}, "bad\x00text")
			case "passing":
				if tries.Add(1) < 3 {
					return workers.Result{}, errors.New("disk full")
				}
			case "always":
				return workers.Result{}, errors.New("disk full")
			case "panic":
				panic("the handler has a fault")
			case "slow":
				<-ctx.Done()
				return workers.Result{}, context.Cause(ctx)
			case "deaf":
				<-release // ignores its context
			}
			return echo(ctx, task)
		}, nil)
		for _, tc := range []struct {
			payload  string
			state    models.JobState
			code     string
			message  string
			details  string
			attempts int
			dead     bool
		}{
			{"fine", models.JobCompleted, "", "", "", 1, false},
			{"bad data", models.JobFailed, "payload_too_short", "too short", `{"samples_needed":500}`, 1, false},
			{"wrapped", models.JobFailed, "x", "y", "", 1, false},
			{"expired", models.JobFailed, "payload_expired", "The recording of this job is no longer kept.", "", 1, false},
			{"unencodable", models.JobFailed, "x", "bad\uFFFDtext", `unencodable`, 1, false},
			{"passing", models.JobCompleted, "", "", "", 3, false},
			{"always", models.JobFailed, "retries_exhausted", "The job kept failing for a temporary reason and was given up.", `{"attempts":3}`, 3, true},
			{"panic", models.JobFailed, "internal_error", "Something went wrong on our side.", "", 1, false},
			{"slow", models.JobFailed, "deadline_exceeded", "The job ran longer than it is allowed to.", `{"deadline_seconds":0.3}`, 1, false},
			{"deaf", models.JobFailed, "deadline_exceeded", "The job ran longer than it is allowed to.", `{"deadline_seconds":0.3}`, 1, false},
		} {
			t.Run(tc.payload, func(t *testing.T) {
				job := tb.final(t, tb.submit(t, tc.payload), tc.state)
				if job.Attempts != tc.attempts || job.DeadLetter != tc.dead || !strings.Contains(string(job.ErrorDetails), tc.details) {
					t.Errorf("job %+v details %s, want %+v", job, job.ErrorDetails, tc)
				}
				if tc.state == models.JobFailed && (*job.ErrorCode != tc.code || *job.ErrorMessage != tc.message) {
					t.Errorf("error %s: %q, want %s: %q", *job.ErrorCode, *job.ErrorMessage, tc.code, tc.message)
				}
				if tc.state == models.JobCompleted && job.ErrorCode != nil {
					t.Errorf("error %s", *job.ErrorCode)
				}
			})
		}
	})
}

func TestAHandlerMayBeMissing(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, func(c *jobs.Config) {
			c.Kinds = map[models.JobKind]jobs.Kind{"unknown": {MaxAttempts: 2, Backoff: time.Millisecond, Queue: jobs.BulkQueue}}
		})
		tb.startWorker(t, echo, nil)
		s := tb.submission("")
		s.Job.Kind = "unknown"
		a, err := tb.engine.Submit(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		if job := tb.final(t, a.JobID, models.JobFailed); *job.ErrorCode != "retries_exhausted" || job.Attempts != 2 {
			t.Errorf("job %+v", job)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		started, ended := make(chan string, 10), make(chan error, 10)
		block := func(ctx context.Context, task *workers.Task) (workers.Result, error) {
			started <- task.Job.ID
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return echo(ctx, task) // a result that comes too late
		}
		ctx := context.Background()

		queued := tb.submit(t, "queued")
		for range 2 { // again changes nothing
			job, err := tb.engine.Cancel(ctx, tb.project, queued)
			if err != nil || job.State != models.JobCanceled || job.Attempts != 0 {
				t.Fatalf("cancel of a queued job: %+v, %v", job, err)
			}
		}
		tb.startWorker(t, block, func(c *workers.Config) { c.Heartbeat = time.Hour }) // so that only the announcement can tell
		running := tb.submit(t, "running")
		if got := receive(t, started, "the handler"); got != running {
			t.Fatalf("job %s runs, want %s: the canceled one must not", got, running)
		}
		job, err := tb.engine.Cancel(ctx, tb.project, running)
		if err != nil || job.State != models.JobCanceled {
			t.Fatalf("cancel of a running job: %+v, %v", job, err)
		}
		if cause := receive(t, ended, "the end of the handler's context"); cause != workers.ErrCanceled {
			t.Errorf("cause = %v, want ErrCanceled", cause)
		}
		if job := tb.final(t, running, models.JobCanceled); job.Output != nil {
			t.Errorf("a canceled job has the output %s", job.Output)
		}
		if _, err := tb.engine.Cancel(ctx, models.NewID(), running); models.AsError(err).Code != models.JobNotFound {
			t.Errorf("cancel by another project: %v", err)
		}
	})
}

// TestAHeartbeatHearsOfACancel cancels behind the engine's back, as a process does whose announcement is lost.
func TestAHeartbeatHearsOfACancel(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		started, ended := make(chan string, 1), make(chan error, 1)
		tb.startWorker(t, func(ctx context.Context, task *workers.Task) (workers.Result, error) {
			started <- task.Job.ID
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return workers.Result{}, ctx.Err()
		}, func(c *workers.Config) { c.Heartbeat = 20 * time.Millisecond })
		id := tb.submit(t, "x")
		receive(t, started, "the handler")
		other, err := tb.store.OpenJobs(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if _, _, err := other.Cancel(context.Background(), tb.project, id); err != nil {
			t.Fatal(err)
		}
		if cause := receive(t, ended, "the end of the handler's context"); cause != workers.ErrLeaseLost {
			t.Errorf("cause = %v, want ErrLeaseLost", cause)
		}
	})
}

// TestALostWorkersJobRunsElsewhere takes a job as a worker that dies: it claims and is never heard of again.
func TestALostWorkersJobRunsElsewhere(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, func(c *jobs.Config) { c.Lease = 2 * time.Second }) // which the second worker can renew in time on a busy machine
		id := tb.submit(t, "x")
		ctx := context.Background()
		dead, err := tb.engine.Claim(ctx, id, "dead")
		if err != nil || dead == nil {
			t.Fatal(dead, err)
		}
		tb.startWorker(t, echo, nil)
		job := tb.final(t, id, models.JobCompleted)
		if job.Attempts != 2 || job.LostWorkers != 1 {
			t.Errorf("attempts %d, lost workers %d; want 2 and 1", job.Attempts, job.LostWorkers)
		}
		// It wakes and wants to write.
		ok, err := tb.engine.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: id, Attempt: 1}, Owner: "dead",
			State: models.JobCompleted, Output: json.RawMessage(`"late"`)})
		if err != nil || ok {
			t.Errorf("a lost worker finished its job: %v, %v", ok, err)
		}
		if again := tb.final(t, id, models.JobCompleted); string(again.Output) != `{"echo":"X"}` {
			t.Errorf("output %s", again.Output)
		}
	})
}

func TestThreeLostWorkersAreEnough(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, func(c *jobs.Config) { c.Lease = time.Millisecond })
		id := tb.submit(t, "x")
		for range 3 {
			until(t, "the job to be claimable", func() bool {
				c, err := tb.engine.Claim(context.Background(), id, "dead")
				if err != nil {
					t.Fatal(err)
				}
				return c != nil
			})
		}
		job := tb.final(t, id, models.JobFailed)
		if *job.ErrorCode != "worker_lost" || !job.DeadLetter || job.LostWorkers != 3 || job.Attempts != 3 {
			t.Errorf("job %+v", job)
		}
	})
}

func TestAStopDrains(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		started, release := make(chan string, 1), make(chan struct{})
		_, stop := tb.startWorker(t, func(ctx context.Context, task *workers.Task) (workers.Result, error) {
			started <- task.Job.ID
			<-release
			return echo(ctx, task)
		}, nil)
		id := tb.submit(t, "x")
		receive(t, started, "the handler")
		var stopped sync.WaitGroup
		stopped.Go(stop)
		close(release)
		stopped.Wait()
		if job, err := tb.engine.Get(context.Background(), tb.project, id); err != nil || job.State != models.JobCompleted || job.Attempts != 1 {
			t.Errorf("after the stop: %+v, %v", job, err)
		}
	})
}

func TestAStopHandsBackWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		started := make(chan string, 1)
		_, stop := tb.startWorker(t, func(ctx context.Context, task *workers.Task) (workers.Result, error) {
			started <- task.Job.ID
			<-ctx.Done()
			return workers.Result{}, context.Cause(ctx)
		}, func(c *workers.Config) { c.DrainTimeout = 10 * time.Millisecond })
		id := tb.submit(t, "x")
		receive(t, started, "the handler")
		stop()
		job, err := tb.engine.Get(context.Background(), tb.project, id)
		if err != nil || job.State != models.JobQueued || job.LostWorkers != 0 {
			t.Fatalf("after the stop: %+v, %v", job, err)
		}
		tb.startWorker(t, echo, nil)
		if job := tb.final(t, id, models.JobCompleted); job.Attempts != 2 {
			t.Errorf("attempts %d, want 2", job.Attempts)
		}
	})
}

func TestABatch(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		tb.startWorker(t, func(ctx context.Context, task *workers.Task) (workers.Result, error) {
			if string(task.Payload) == "bad" {
				return workers.Result{}, decoders.Errorf("no_events", nil, "none")
			}
			return echo(ctx, task)
		}, nil)
		s := tb.submission("")
		s.Job = jobs.NewJob{Kind: models.KindDecodeBatch, Request: json.RawMessage(`{"items":4}`)}
		for _, p := range []string{"a", "bad", "c"} {
			s.Items = append(s.Items, jobs.NewJob{Kind: models.KindDecode, Request: json.RawMessage(`{}`), Payload: []byte(p)})
		}
		s.Items = append(s.Items, jobs.NewJob{Kind: models.KindDecode, Failed: &jobs.Failure{Code: "invalid_request_body", Message: "bad", Details: json.RawMessage(`{"f":1}`)}})
		a, err := tb.engine.Submit(context.Background(), s)
		if err != nil || !bytes.Contains(a.Answer.Bytes, []byte(`"items":4`)) {
			t.Fatalf("%s, %v", a.Answer.Bytes, err)
		}
		batch := tb.final(t, a.JobID, models.JobCompleted)
		if want := `{"total":4,"completed":2,"failed":2,"canceled":0}`; string(batch.Output) != want || batch.ItemsPending != 0 || batch.StartedAt == nil {
			t.Errorf("batch %+v, output %s, want %s", batch, batch.Output, want)
		}
		var items []models.Job
		q := jobs.Query{ProjectID: tb.project, ParentID: a.JobID, Limit: 3}
		for {
			page, err := tb.engine.List(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, page.Jobs...)
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		for i, want := range []string{"", "no_events", "", "invalid_request_body"} {
			if *items[i].ItemIndex != i || (items[i].ErrorCode == nil) != (want == "") || (want != "" && *items[i].ErrorCode != want) {
				t.Errorf("item %d: %+v, want error %q", i, items[i], want)
			}
		}
	})
}

func TestCancelingABatchCancelsItsItems(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		started := make(chan string, 10)
		tb.startWorker(t, func(ctx context.Context, task *workers.Task) (workers.Result, error) {
			started <- task.Job.ID
			<-ctx.Done()
			return workers.Result{}, ctx.Err()
		}, func(c *workers.Config) { c.Concurrency = 1; c.Heartbeat = time.Hour })
		s := tb.submission("")
		s.Job.Kind = models.KindDecodeBatch
		s.Items = []jobs.NewJob{{Kind: models.KindDecode}, {Kind: models.KindDecode}, {Kind: models.KindDecode}}
		a, err := tb.engine.Submit(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		receive(t, started, "the first item")
		batch, err := tb.engine.Cancel(context.Background(), tb.project, a.JobID)
		if err != nil || batch.State != models.JobCanceled || string(batch.Output) != `{"total":3,"completed":0,"failed":0,"canceled":3}` {
			t.Fatalf("batch %+v %s, %v", batch, batch.Output, err)
		}
		counts, err := tb.engine.Counts(context.Background(), tb.project, a.JobID)
		if err != nil || counts[models.JobCanceled] != 3 {
			t.Errorf("counts %v, %v", counts, err)
		}
		// The slot is free again: its handler was told.
		id := tb.submit(t, "x")
		if got := receive(t, started, "the next job"); got != id {
			t.Errorf("job %s runs, want %s", got, id)
		}
		if _, err := tb.engine.Cancel(context.Background(), tb.project, id); err != nil {
			t.Fatal(err)
		}
	})
}

// TestEachJobTakesEffectOnce lets workers lose their leases all the time, run jobs at the same time, and clients cancel:
// every job becomes final once, in one of the processes.
func TestEachJobTakesEffectOnce(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, func(c *jobs.Config) { c.Lease, c.MaxLostWorkers = 30*time.Millisecond, 1_000_000 })
		reg := prometheus.NewRegistry()
		reg.MustRegister(tb.engine.Collector())
		registries := []*prometheus.Registry{reg}
		seed := time.Now().UnixNano()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 0))
		var mu sync.Mutex
		var runs atomic.Int32
		work := func(ctx context.Context, task *workers.Task) (workers.Result, error) {
			runs.Add(1)
			mu.Lock()
			d := rng.IntN(60)
			mu.Unlock()
			time.Sleep(time.Duration(d) * time.Millisecond) // deaf: it goes on without its lease
			return echo(ctx, task)
		}
		forgetful := func(c *workers.Config) { c.Heartbeat = time.Hour; c.Concurrency = 8 }
		tb.startWorker(t, work, forgetful)
		if !b.Embedded() {
			other := *tb
			other.engine = tb.startEngine(t)
			r := prometheus.NewRegistry()
			r.MustRegister(other.engine.Collector())
			registries = append(registries, r)
			other.startWorker(t, work, forgetful)
		}
		const n = 150
		var ids []string
		for i := range n {
			id := tb.submit(t, "x")
			ids = append(ids, id)
			if i%10 == 9 {
				if _, err := tb.engine.Cancel(context.Background(), tb.project, ids[i-i%7]); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, id := range ids {
			job, err := tb.engine.Wait(context.Background(), tb.project, id, patience)
			if err != nil || !job.State.Final() || job.State == models.JobFailed {
				t.Fatalf("%+v, %v", job, err)
			}
		}
		until(t, "every final state to be counted", func() bool {
			total := 0.0
			for _, r := range registries {
				for series, v := range gather(t, r) {
					if strings.HasPrefix(series, "neurod_jobs_finished_total ") {
						total += v
					}
				}
			}
			if total > n {
				t.Fatalf("%g final states of %d jobs", total, n)
			}
			return total == n
		})
		if runs.Load() <= n-n/10 {
			t.Logf("only %d runs: no lease was lost", runs.Load())
		}
	})
}

// TestABacklogIsWorkedOff lets many more jobs wait than the queue holds, before there is a worker.
func TestABacklogIsWorkedOff(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, func(c *jobs.Config) { c.QueueCap = 200 })
		var ids []string
		for range 600 {
			ids = append(ids, tb.submit(t, "x"))
		}
		tb.startWorker(t, echo, nil)
		for _, id := range ids {
			if job := tb.final(t, id, models.JobCompleted); job.Attempts != 1 {
				t.Errorf("attempts %d", job.Attempts)
			}
		}
		if d := tb.engine.RedisDownFor(); d != 0 {
			t.Errorf("redis was lost for %v", d)
		}
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(tb.engine.Collector())
		tb.submit(t, "waits")
		for series, want := range map[string]float64{
			"neurod_jobs_unfinished bulk queued":        0,
			"neurod_jobs_unfinished interactive queued": 1,
			"neurod_jobs_accepted_total neuro_decode":   1,
			"neurod_jobs_redis_down_seconds":            0,
		} {
			if got := gather(t, reg)[series]; got != want {
				t.Errorf("%s = %g, want %g", series, got, want)
			}
		}
		srv, _ := tb.startWorker(t, echo, nil)
		reg.MustRegister(srv.Collector())
		tb.final(t, tb.submit(t, "x"), models.JobCompleted)
		until(t, "two results to be counted", func() bool {
			g := gather(t, reg)
			return g["neurod_jobs_finished_total neuro_decode completed"] == 2 && g["neurod_worker_running"] == 0
		})
	})
}

// gather returns the values of counters and gauges by name and label values.
func gather(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := f.GetName()
			for _, l := range m.GetLabel() {
				key += " " + l.GetValue()
			}
			out[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}
