package workers_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// TestPausedQueueWaits: no worker takes a job of a paused queue, one that is started while it is paused neither, and all are done when it goes on.
func TestPausedQueueWaits(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		ctx := context.Background()
		db := b.Open(t)
		cfg := jobs.Config{Store: db, Logger: slog.New(slog.DiscardHandler), Tick: 50 * time.Millisecond}
		if b.Redis != nil {
			rc := redis.NewClient(&redis.Options{Addr: b.RedisAddr()})
			t.Cleanup(func() { _ = rc.Close() })
			cfg.Redis = rc
		}
		if _, err := db.PauseQueue(ctx, jobs.InteractiveQueue, "u", true, time.Now()); err != nil {
			t.Fatal(err)
		}
		engine, err := jobs.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w, err := workers.New(workers.Config{Engine: engine, Concurrency: 4, DrainTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan string, 100)
		for _, kind := range []models.JobKind{models.KindDecode, models.KindModelTrain} {
			w.Register(kind, func(_ context.Context, task *workers.Task) (workers.Result, error) {
				ran <- task.Job.ID
				return workers.Result{}, nil
			})
		}
		run, stop := context.WithCancel(ctx)
		var group sync.WaitGroup
		for _, part := range []func(context.Context) error{engine.Run, w.Run} {
			group.Go(func() {
				if err := part(run); err != nil {
					t.Error(err)
				}
			})
		}
		t.Cleanup(func() {
			stop()
			group.Wait()
			if err := engine.Close(); err != nil {
				t.Error(err)
			}
		})
		project := models.NewID()
		submit := func(kind models.JobKind) string {
			a, err := engine.Submit(ctx, jobs.Submission{ProjectID: project, Job: jobs.NewJob{Kind: kind, Request: []byte("{}")},
				Respond: func(models.Job, []models.Job) models.Answer { return models.Answer{Protocol: "http/202"} }})
			if err != nil {
				t.Fatal(err)
			}
			return a.JobID
		}
		wait := func(id string) models.Job {
			job, err := engine.Wait(ctx, project, id, 30*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			return job
		}
		var held []string
		for range 3 {
			held = append(held, submit(models.KindDecode))
		}
		// The other queue goes on: when its jobs, which came later, are done, those of the paused one would have been.
		for range 3 {
			if job := wait(submit(models.KindModelTrain)); job.State != models.JobCompleted {
				t.Fatalf("%+v", job)
			}
		}
		for _, id := range held {
			if job, err := engine.Get(ctx, project, id); err != nil || job.State != models.JobQueued || job.Attempts != 0 {
				t.Fatalf("a job of a paused queue: %+v, %v", job, err)
			}
		}
		if _, err := db.PauseQueue(ctx, jobs.InteractiveQueue, "u", false, time.Now()); err != nil {
			t.Fatal(err)
		}
		engine.PausesChanged()
		for _, id := range held {
			if job := wait(id); job.State != models.JobCompleted || job.Attempts != 1 {
				t.Errorf("%+v", job)
			}
		}
	})
}
