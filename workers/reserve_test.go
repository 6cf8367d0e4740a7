package workers_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// TestBulkLeavesSlots: while bulk jobs run that do not end, as trainings and imports do for long, as many as there are slots for them, what someone waits
// for is run at once; and each slot that bulk gives up goes to the next of them.
func TestBulkLeavesSlots(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		const slots, kept, many = 4, 1, 10
		var running, most atomic.Int64
		begun, release := make(chan struct{}, many), make(chan struct{})
		work := func(_ context.Context, task *workers.Task) (workers.Result, error) {
			if task.Job.Kind == models.KindModelTrain {
				n := running.Add(1)
				defer running.Add(-1)
				most.Store(max(most.Load(), n))
				begun <- struct{}{}
				<-release
			}
			return workers.Result{}, nil
		}
		srv, err := workers.New(workers.Config{Engine: tb.engine, Concurrency: slots, Reserved: kept})
		if err != nil {
			t.Fatal(err)
		}
		srv.Register(models.KindDecode, work)
		srv.Register(models.KindModelTrain, work)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() {
			if err := srv.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(func() {
			cancel()
			run.Wait()
		})
		submit := func(kind models.JobKind) string {
			t.Helper()
			of := tb.submission("x")
			of.Job.Kind = kind
			a, err := tb.engine.Submit(t.Context(), of)
			if err != nil {
				t.Fatal(err)
			}
			return a.JobID
		}
		var bulk []string
		for range many {
			bulk = append(bulk, submit(models.KindModelTrain))
		}
		for range slots - kept {
			<-begun
		}
		for range 20 {
			tb.final(t, submit(models.KindDecode), models.JobCompleted)
		}
		if n := most.Load(); n != slots-kept {
			t.Errorf("%d bulk jobs at once, want %d", n, slots-kept)
		}
		for range many - (slots - kept) { // one by one
			release <- struct{}{}
			select {
			case <-begun:
			case <-time.After(patience):
				t.Fatal("a slot that bulk may have stays empty")
			}
		}
		close(release)
		slices.Reverse(bulk)
		for _, id := range bulk {
			tb.final(t, id, models.JobCompleted)
		}
		if n := most.Load(); n != slots-kept {
			t.Errorf("%d bulk jobs at once, want %d", n, slots-kept)
		}
	})
}

// TestHurry: a server that stops waits for what runs, until it is to hurry; then what it ran goes back to the queue.
func TestHurry(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		begun := make(chan struct{}, 1)
		srv, stop := tb.startWorker(t, func(ctx context.Context, _ *workers.Task) (workers.Result, error) {
			begun <- struct{}{}
			<-ctx.Done()
			return workers.Result{}, context.Cause(ctx)
		}, func(c *workers.Config) { c.DrainTimeout = time.Hour })
		id := tb.submit(t, "x")
		<-begun
		stopped := make(chan struct{})
		go func() {
			stop()
			close(stopped)
		}()
		srv.Hurry()
		srv.Hurry()
		select {
		case <-stopped:
		case <-time.After(patience):
			t.Fatal("the server waits for its job")
		}
		if job, err := tb.engine.Get(t.Context(), tb.project, id); err != nil || job.State != models.JobQueued {
			t.Errorf("%+v, %v", job, err)
		}
	})
}
