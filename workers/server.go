package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Handler does the work of one attempt of a job. A *decoders.Error or *models.Error it returns fails the job for
// good, with its code; any other error is a temporary fault and the job is tried again. When ctx ends the result is not
// wanted any more, and context.Cause tells why. It may run again after it ended, and at the same time in another
// process: its only effect is what it returns.
type Handler func(ctx context.Context, task *Task) (Result, error)

// Task is one attempt of a job.
type Task struct {
	Job     models.Job
	Payload []byte // as it was submitted; nil when the job has none

	slots *compute.Slots // Config.Compute
	bulk  bool           // nobody waits for the job
}

// compute runs f, which computes for about so long, when there is a slot for it.
func (t *Task) compute(ctx context.Context, takes time.Duration, f func() error) error {
	return t.slots.Do(ctx, compute.Work{Project: t.Job.ProjectID, Takes: takes, Unwatched: t.bulk}, f)
}

// unpackFrom is from how many bytes of samples unpacking them is a computation, and unpackByte about what a byte takes.
const (
	unpackFrom = 64 << 10
	unpackByte = 2 * time.Nanosecond
)

// unpack runs f, which unpacks so many bytes of samples (store.BatchRange.Compute).
func (t *Task) unpack(ctx context.Context, bytes int, f func() error) error {
	if bytes < unpackFrom {
		return f()
	}
	return t.compute(ctx, time.Duration(bytes)*unpackByte, f)
}

// computeLong is compute for what takes longer than a decode.
func (t *Task) computeLong(ctx context.Context, f func() error) error {
	return t.slots.Long(ctx, t.Job.ProjectID, f)
}

// Result is what a handler found. Both are JSON or nil.
type Result struct {
	Output      json.RawMessage
	Diagnostics json.RawMessage
}

// Causes of the end of a handler's context.
var (
	ErrCanceled  = errors.New("workers: the job was canceled")
	ErrLeaseLost = errors.New("workers: the job's lease was lost")
	ErrDeadline  = errors.New("workers: the job ran longer than it is allowed to")
	ErrStopping  = errors.New("workers: the worker stops")
)

// Config says how a server works.
type Config struct {
	// Engine gives the jobs. Required; close it after Run has returned.
	Engine *jobs.Engine
	// Concurrency is how many jobs run at once. More than there are CPUs, because an attempt also waits for the
	// database. Defaults to 12 times the number of CPUs, at least 24.
	Concurrency int
	// Reserved is how many of them bulk jobs never take, so that what someone waits for finds a slot whatever is imported or trained; one is left to
	// them in any case. Defaults to none.
	Reserved int
	// Together is how many slots jobs of one project have at most while jobs of others come, and bulk jobs while any come that someone waits for.
	// Defaults to all.
	Together int
	// Company is for how long after a job has come such jobs count as coming. Defaults to 5 s.
	Company time.Duration
	// Heartbeat is the pause between two renewals of the leases. Defaults to a third of the engine's lease.
	Heartbeat time.Duration
	// DrainTimeout is how long handlers may go on when the server stops; then their contexts end and their jobs go
	// back to the queue. Defaults to 20 s.
	DrainTimeout time.Duration
	// Compute is how many computations run at once, beside which jobs wait for the database. Defaults to no limit.
	Compute *compute.Slots
	// Tracer makes spans of attempts, each in the trace that accepted its job. Defaults to none.
	Tracer trace.Tracer
	// Logger gets what an operator should know. Defaults to the engine's.
	Logger *slog.Logger
}

// DefaultConcurrency is how many jobs a worker on so many processors runs at once where nothing else is said.
func DefaultConcurrency(processors int) int { return max(24, 12*processors) }

// checkInterval is asynq's pause between two looks at its queues: none, because the wake hook holds the fetcher while
// there is nothing to do. (A short sleep of an idle Go process takes at least a millisecond: the network poller, which
// ends it, waits in whole ones.)
const checkInterval = time.Nanosecond

// stopGrace is how long a handler may take to return once its context has ended at a stop.
const stopGrace = 5 * time.Second

// Server runs jobs.
type Server struct {
	cfg      Config
	log      *slog.Logger
	engine   *jobs.Engine
	owner    string
	handlers map[models.JobKind]Handler
	leases   *leases
	metrics  *metrics

	reserve  *reserve
	crowd    *crowd
	hurry    chan struct{} // closed when what runs is to be handed back
	hurried  sync.Once
	running  sync.WaitGroup
	gate     sync.Mutex    // orders the last task to begin before the wait for all of them
	closed   bool          // no task begins any more
	stopping chan struct{} // closed when Run is told to stop
}

// New returns a server. Register the handlers, then Run it.
func New(cfg Config) (*Server, error) {
	if cfg.Engine == nil {
		return nil, errors.New("workers: Config.Engine is missing")
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = DefaultConcurrency(compute.Processors())
	}
	if cfg.Together <= 0 {
		cfg.Together = cfg.Concurrency
	}
	if cfg.Company <= 0 {
		cfg.Company = 5 * time.Second
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = cfg.Engine.Lease() / 3
	}
	if cfg.DrainTimeout <= 0 {
		cfg.DrainTimeout = 20 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = cfg.Engine.Logger()
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	owner := fmt.Sprintf("%s:%d:%s", host, os.Getpid(), uuid.NewString())
	s := &Server{
		cfg: cfg, log: cfg.Logger.With("component", "worker"), engine: cfg.Engine, owner: owner,
		handlers: map[models.JobKind]Handler{}, metrics: newMetrics(), stopping: make(chan struct{}), hurry: make(chan struct{}),
	}
	s.leases = newLeases(cfg.Engine.Extend, owner, cfg.Engine.Lease(), s.log)
	return s, nil
}

// Owner names the server in the leases of its jobs; no other ever has the name.
func (s *Server) Owner() string { return s.owner }

// Slots is how many jobs the server runs at once.
func (s *Server) Slots() int { return s.cfg.Concurrency }

// Hurry has a server that stops hand back what it runs, rather than wait for its end as long as it might.
func (s *Server) Hurry() { s.hurried.Do(func() { close(s.hurry) }) }

// Register sets the handler of a kind. Call it before Run.
func (s *Server) Register(kind models.JobKind, h Handler) { s.handlers[kind] = h }

// Collector returns the server's metrics for Prometheus.
func (s *Server) Collector() prometheus.Collector { return s.metrics }

// Run takes and runs jobs until ctx ends; then it takes no more, lets the running ones end, and returns. It runs
// once. With Redis away it waits for it.
func (s *Server) Run(ctx context.Context) error {
	client, err := s.engine.NewRedisClient()
	if err != nil {
		return err
	}
	queues := jobs.Queues()
	hook := newWake(len(queues), maxIdle)
	s.crowd = newCrowd(s.cfg.Concurrency, s.cfg.Together, s.cfg.Company)
	s.reserve = &reserve{most: max(1, s.cfg.Concurrency-max(s.cfg.Reserved, 0)), few: s.cfg.Together, present: s.crowd.present, free: hook.now}
	s.crowd.free = hook.now
	hook.gates = map[string]gate{jobs.BulkQueue: s.reserve, jobs.InteractiveQueue: s.crowd}
	client.AddHook(hook)
	s.engine.Shorten(client)
	endWake := s.engine.OnWake(func(project, job string) {
		s.crowd.hears(project, job)
		hook.now()
	})
	defer endWake()

	srv := asynq.NewServerFromRedisClient(client, asynq.Config{
		Concurrency:       s.cfg.Concurrency,
		Queues:            queues,
		TaskCheckInterval: checkInterval,
		RetryDelayFunc:    func(int, error, *asynq.Task) time.Duration { return time.Second },
		IsFailure:         func(err error) bool { return !errors.Is(err, jobs.ErrKept) },
		ShutdownTimeout:   stopGrace,
		Logger:            asynqLog{s.log},
		LogLevel:          asynq.WarnLevel,
	})
	// The leases are renewed until the last handler has ended.
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	var beat sync.WaitGroup
	beat.Go(func() { s.leases.run(beating, s.cfg.Heartbeat) })

	if err = srv.Start(asynq.HandlerFunc(s.process)); err == nil {
		s.log.Info("worker runs", "owner", s.owner, "concurrency", s.cfg.Concurrency)
		<-ctx.Done()
		close(s.stopping)
		hook.close() // a held fetcher would hold Stop
		srv.Stop()
		s.drain()
		srv.Shutdown()
	}
	stopBeating()
	beat.Wait()
	return errors.Join(err, client.Close())
}

// drain waits for the running handlers, and after the timeout ends their contexts.
func (s *Server) drain() {
	s.gate.Lock()
	s.closed = true
	s.gate.Unlock()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	hurry := s.hurry
	for _, step := range []time.Duration{s.cfg.DrainTimeout, stopGrace} {
		t := time.NewTimer(step)
		select {
		case <-done:
			t.Stop()
			return
		case <-hurry:
			t.Stop()
			hurry = nil
		case <-t.C:
		}
		s.leases.endAll(ErrStopping)
	}
	s.log.Error("handlers ignore that they should stop; their jobs come back when the leases end")
}

// process is asynq's handler. It returns nil for whatever the row has settled, so that the task is gone.
func (s *Server) process(ctx context.Context, t *asynq.Task) error {
	id, ok := jobs.ParseTask(t.Payload())
	if !ok || t.Type() != jobs.TaskType {
		s.log.Error("the queue holds a task that is not ours", "type", t.Type())
		return nil
	}
	if !s.begin() {
		return ErrStopping // asynq keeps the task for another worker
	}
	defer s.running.Done()
	queue, _ := asynq.GetQueueName(ctx)
	if queue == jobs.BulkQueue {
		defer s.reserve.begin()()
	}
	return s.perform(queue, id)
}

// begin counts a task among the running ones; false when the server has begun to wait for their end.
func (s *Server) begin() bool {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

// asynqLog passes asynq's messages on. What it calls errors are temporary faults of Redis for the engine.
type asynqLog struct{ log *slog.Logger }

func (l asynqLog) Debug(args ...any) { l.log.Debug(fmt.Sprint(args...), "from", "asynq") }
func (l asynqLog) Info(args ...any)  { l.log.Debug(fmt.Sprint(args...), "from", "asynq") }
func (l asynqLog) Warn(args ...any)  { l.log.Debug(fmt.Sprint(args...), "from", "asynq") }
func (l asynqLog) Error(args ...any) { l.log.Warn(fmt.Sprint(args...), "from", "asynq") }
func (l asynqLog) Fatal(args ...any) { l.log.Error(fmt.Sprint(args...), "from", "asynq") }
