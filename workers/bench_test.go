package workers_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// The payload of the benchmarks: 8 channels × 4 s at 250 Hz, float32.
const benchPayload = 8 * 4 * 250 * 4

// closedLoop is how many clients submit and wait, each again as soon as it has its result.
const closedLoop = 64

type benchBackend struct {
	name  string
	store store.Config
	redis string
}

func benchBackends(b *testing.B) []benchBackend {
	path := testkit.SQLite(b)
	return []benchBackend{
		{"postgres+redis", store.Config{DatabaseURL: testkit.Postgres(b)}, testkit.Redis(b)},
		{"embedded", store.Config{DatabaseURL: path}, ""},
	}
}

// benchService runs an API's engine and a worker with a handler that costs nothing; with a real Redis each has an engine
// of its own, as two processes have.
func benchService(b *testing.B, be benchBackend) (*jobs.Engine, jobs.Submission) {
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	var closers []func() error
	engine := func() *jobs.Engine {
		st, err := store.Open(context.Background(), be.store)
		if err != nil {
			b.Fatal(err)
		}
		cfg := jobs.Config{Store: st, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
		if be.redis != "" {
			rc := redis.NewClient(&redis.Options{Addr: be.redis})
			defer rc.Close()
			cfg.Redis = rc
		}
		e, err := jobs.New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		run.Go(func() { _ = e.Run(ctx) })
		closers = append(closers, e.Close, st.Close)
		return e
	}
	api := engine()
	worker := api
	if be.redis != "" {
		worker = engine()
	}
	srv, err := workers.New(workers.Config{Engine: worker})
	if err != nil {
		b.Fatal(err)
	}
	srv.Register(models.KindDecode, func(context.Context, *workers.Task) (workers.Result, error) {
		return workers.Result{Output: []byte(`{"decoded_intent":"left","confidence":0.9}`)}, nil
	})
	run.Go(func() { _ = srv.Run(ctx) })
	b.Cleanup(func() {
		cancel()
		run.Wait()
		for _, c := range closers {
			_ = c()
		}
	})
	payload := make([]byte, benchPayload)
	_, _ = rand.Read(payload)
	return api, jobs.Submission{ProjectID: models.NewID(), Operation: "neuro_decode", Respond: respond,
		Job: jobs.NewJob{Kind: models.KindDecode, Request: []byte(`{"input":{"type":"eeg","channels":8,"sample_rate":250}}`), Payload: payload}}
}

func roundTrip(b *testing.B, e *jobs.Engine, s jobs.Submission) time.Duration {
	start := time.Now()
	a, err := e.Submit(context.Background(), s)
	if err != nil {
		b.Error(err)
		return 0
	}
	job, err := e.Wait(context.Background(), s.ProjectID, a.JobID, time.Minute)
	if err != nil || job.State != models.JobCompleted {
		b.Errorf("%+v, %v", job, err)
	}
	return time.Since(start)
}

// BenchmarkIdle is the time from Submit to the result through Wait, with pauses between the jobs.
func BenchmarkIdle(b *testing.B) {
	for _, be := range benchBackends(b) {
		b.Run(be.name, func(b *testing.B) {
			e, s := benchService(b, be)
			roundTrip(b, e, s)
			var took []time.Duration
			for b.Loop() {
				time.Sleep(5 * time.Millisecond)
				took = append(took, roundTrip(b, e, s))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// BenchmarkClosedLoop is the throughput of 64 clients, each submitting and waiting.
func BenchmarkClosedLoop(b *testing.B) {
	for _, be := range benchBackends(b) {
		b.Run(be.name, func(b *testing.B) {
			e, s := benchService(b, be)
			roundTrip(b, e, s)
			b.ResetTimer()
			clients(b, func() { roundTrip(b, e, s) })
		})
	}
}

// BenchmarkFloor is what the same bytes cost without any job: one transaction and one round trip to Redis.
func BenchmarkFloor(b *testing.B) {
	be := benchBackends(b)[0]
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, be.store.DatabaseURL+"&pool_max_conns=20")
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	rc := redis.NewClient(&redis.Options{Addr: be.redis})
	defer rc.Close()
	payload := make([]byte, benchPayload)
	_, _ = rand.Read(payload)
	b.ResetTimer()
	clients(b, func() {
		_, err := pool.Exec(ctx, `INSERT INTO job_payloads (job_id, project_id, codec, size, data, created_at) VALUES ($1, 'p', 'none', $2, $3, now())`,
			models.NewID(), len(payload), payload)
		if err == nil {
			err = rc.Ping(ctx).Err()
		}
		if err != nil {
			b.Error(err)
		}
	})
}

// clients shares b.N calls among closedLoop clients.
func clients(b *testing.B, call func()) {
	var wg sync.WaitGroup
	work := make(chan struct{})
	for range closedLoop {
		wg.Go(func() {
			for range work {
				call()
			}
		})
	}
	start := time.Now()
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "jobs/s")
	b.ReportMetric(0, "ns/op")
}
