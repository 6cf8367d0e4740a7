package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Config says what an engine works with.
type Config struct {
	// Store opens the jobs of the migrated database; *store.Store is one. Required; it must stay open until the engine is closed.
	Store interface {
		OpenJobs(ctx context.Context) (store.Jobs, error)
	}
	// Redis wakes the workers. The engine makes connections of its own with the same options and does not close this
	// one. Defaults to an in-process Redis, for the one process of an SQLite database.
	Redis redis.UniversalClient
	// Kinds says how kinds of jobs are run, instead of the registry. Defaults to none.
	Kinds map[models.JobKind]Kind
	// OutageLimit is how long Redis may be away before Submit refuses with JobTriggerFailed. Defaults to 30 s.
	OutageLimit time.Duration
	// Lease is how long a job stays with a worker that is not heard of. Defaults to 10 s.
	Lease time.Duration
	// MaxLostWorkers is the number of lost workers after which a job fails with worker_lost. Defaults to 3.
	MaxLostWorkers int
	// Tick is the pause between two rounds of the reconciler. Defaults to 1 s.
	Tick time.Duration
	// WaitPoll is how often a waiting call reads the database in case an announcement was lost. Defaults to 1 s.
	WaitPoll time.Duration
	// QueueCap is how many tasks may wait in one queue of Redis; the others wait in the database. Defaults to 100,000,
	// and to 10,000 in process, where long lists are slow.
	QueueCap int
	// IdempotencyRetention is how long the answer to an Idempotency-Key is kept. Defaults to 24 h.
	IdempotencyRetention time.Duration
	// PayloadRetention is how long the payload of a finished job is kept. Defaults to 24 h.
	PayloadRetention time.Duration
	// ResultRetention is how long a finished job is kept. Defaults to 30 days.
	ResultRetention time.Duration
	// DeadLetterRetention is how long a job that was given up is kept. Defaults to 90 days.
	DeadLetterRetention time.Duration
	// RetentionTick is the pause between two rounds of pruning. Defaults to 1 min.
	RetentionTick time.Duration
	// Prunes delete what else need not be kept, each round. Defaults to none.
	Prunes []Prune
	// Logger gets what an operator should know. Defaults to slog.Default().
	Logger *slog.Logger
}

// Prune deletes a part of what need not be kept any more, and returns how many rows that were.
type Prune struct {
	What string // such as "upload chunks"
	// Batch is from how many rows of one call on there may be more: then it is called again in the same round. Defaults to once a round.
	Batch int
	Do    func(ctx context.Context, now time.Time) (int, error)
}

func (c Config) withDefaults() Config {
	durations := []struct {
		to       *time.Duration
		fallback time.Duration
	}{
		{&c.OutageLimit, 30 * time.Second}, {&c.Lease, 10 * time.Second}, {&c.Tick, time.Second}, {&c.WaitPoll, time.Second},
		{&c.IdempotencyRetention, 24 * time.Hour}, {&c.PayloadRetention, 24 * time.Hour}, {&c.ResultRetention, 30 * 24 * time.Hour},
		{&c.DeadLetterRetention, 90 * 24 * time.Hour}, {&c.RetentionTick, time.Minute},
	}
	for _, d := range durations {
		if *d.to <= 0 {
			*d.to = d.fallback
		}
	}
	if c.MaxLostWorkers <= 0 {
		c.MaxLostWorkers = 3
	}
	if c.QueueCap <= 0 {
		c.QueueCap = 100_000
		if c.Redis == nil {
			c.QueueCap = 10_000
		}
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// Engine accepts, hands out and watches over jobs. Its methods are safe for concurrent use.
type Engine struct {
	cfg      Config
	log      *slog.Logger
	store    store.Jobs
	redis    redis.UniversalClient
	embedded *memoryRedis // nil with a real Redis
	queue    *asynq.Client
	hub      *hub
	metrics  *metrics
	keys     keyLock

	enqueues chan handing
	signals  *signals
	topics   *topics
	stop     chan struct{} // closed by Close
	once     sync.Once
	group    sync.WaitGroup

	begun     time.Time
	downSince atomic.Int64 // nanoseconds since begun of the first failure since Redis last answered, by a clock that nobody sets; 0 while it answers
	overflow  map[string]*atomic.Bool
	pending   map[string]*atomic.Int64 // tasks that waited in each queue when Redis was last looked at
	turns     map[string]*turns        // by queue

	pausedQueues atomic.Pointer[map[string]bool] // nil before the first look
	pauseLock    sync.Mutex
}

// New returns an engine, ready to accept. Until Run runs, nothing is looked after and nothing is heard from other
// processes. Close it when Run has ended.
func New(cfg Config) (*Engine, error) {
	if cfg.Store == nil {
		return nil, errors.New("jobs: Config.Store is missing")
	}
	cfg = cfg.withDefaults()
	e := &Engine{cfg: cfg, log: cfg.Logger.With("component", "jobs"), begun: time.Now(), hub: newHub(), topics: newTopics(), metrics: newMetrics(),
		enqueues: make(chan handing, 4096), stop: make(chan struct{}), overflow: map[string]*atomic.Bool{}, pending: map[string]*atomic.Int64{}}
	for q := range Queues() {
		e.overflow[q], e.pending[q] = new(atomic.Bool), new(atomic.Int64)
	}
	var err error
	if cfg.Redis == nil {
		if e.embedded, err = newMemoryRedis(); err != nil {
			return nil, err
		}
		e.redis = e.embedded.client()
		e.Shorten(e.redis)
	} else if e.redis, err = ownClient(cfg.Redis); err != nil {
		return nil, err
	}
	if e.store, err = cfg.Store.OpenJobs(context.Background()); err != nil {
		return nil, errors.Join(err, e.closeRedis())
	}
	e.turns = map[string]*turns{}
	for q := range Queues() {
		e.turns[q] = newTurns(e.store, store.Class{Bulk: q == BulkQueue, BulkKinds: e.bulkKinds()})
	}
	if err := e.readPauses(context.Background()); err != nil { // before a worker takes anything
		e.log.Warn("read which queues are paused", "error", err)
	}
	e.queue = asynq.NewClientFromRedisClient(e.redis)
	e.signals = newSignals()
	for range enqueuers {
		e.group.Go(e.enqueueLoop)
	}
	if e.embedded == nil {
		e.group.Go(e.publishLoop)
	}
	return e, nil
}

// Close ends the engine's connections and goroutines, and every call that waits. A second call does nothing.
func (e *Engine) Close() error {
	var err error
	e.once.Do(func() {
		e.Drain()
		close(e.stop)
		e.group.Wait()
		e.store.Close()
		err = e.closeRedis()
	})
	return err
}

func (e *Engine) closeRedis() error {
	err := e.redis.Close()
	if e.embedded != nil {
		e.embedded.close()
	}
	return err
}

// Run listens to other processes, reconciles and prunes until ctx ends. Every process runs it, API and worker alike.
func (e *Engine) Run(ctx context.Context) error {
	if e.embedded != nil {
		// The only process of this database has just started: whoever held a lease is gone.
		if n, err := e.store.Orphan(ctx); err != nil {
			e.log.Error("take over the jobs of the last run", "error", err)
		} else if n > 0 {
			e.log.Info("took over jobs that the last run left unfinished", "jobs", n)
		}
	}
	var group sync.WaitGroup
	group.Go(func() { e.reconcileLoop(ctx) })
	group.Go(func() { e.retentionLoop(ctx) })
	group.Go(func() { e.pauseLoop(ctx) })
	if e.embedded == nil {
		group.Go(func() { e.listenLoop(ctx) })
	}
	group.Wait()
	return nil
}

// RedisDownFor returns for how long Redis has not answered, 0 while it does.
func (e *Engine) RedisDownFor() time.Duration {
	since := e.downSince.Load()
	if since == 0 {
		return 0
	}
	return time.Since(e.begun) - time.Duration(since)
}

// redisAnswered keeps track of Redis being there.
func (e *Engine) redisAnswered(err error) {
	if errors.Is(err, context.Canceled) { // whoever asked has gone, or the engine stops: it says nothing about Redis
		return
	}
	if err == nil {
		if since := e.downSince.Load(); since != 0 && e.downSince.CompareAndSwap(since, 0) {
			e.log.Info("redis answers again", "away", (time.Since(e.begun) - time.Duration(since)).Round(time.Millisecond))
		}
		return
	}
	if e.downSince.CompareAndSwap(0, int64(time.Since(e.begun))) {
		e.log.Warn("redis does not answer; jobs are accepted and wait in the database", "error", err)
	}
}

// redisTimeout limits every exchange with Redis that a client or the reconciler waits for.
const redisTimeout = 300 * time.Millisecond

// ownClient returns a new client with the options of c whose commands end with their context, and soon without one;
// go-redis otherwise waits out its own timeouts and retries, 5 s with Redis stopped.
func ownClient(c redis.UniversalClient) (redis.UniversalClient, error) {
	quiet := &maintnotifications.Config{Mode: maintnotifications.ModeDisabled} // a hosted service's own protocol
	switch c := c.(type) {
	case *redis.Client:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.ReadTimeout, o.DialTimeout = true, 1, 2*time.Second, 2*time.Second
		o.MaintNotificationsConfig, o.PushNotificationProcessor = quiet, nil
		return redis.NewClient(&o), nil
	case *redis.ClusterClient:
		o := *c.Options()
		o.ContextTimeoutEnabled, o.MaxRetries, o.ReadTimeout, o.DialTimeout = true, 1, 2*time.Second, 2*time.Second
		o.MaintNotificationsConfig, o.PushNotificationProcessor = quiet, nil
		return redis.NewClusterClient(&o), nil
	}
	return nil, errors.New("jobs: Config.Redis must be a *redis.Client or *redis.ClusterClient")
}

// NewRedisClient returns another client of the engine's Redis, for a worker's server; the caller closes it.
func (e *Engine) NewRedisClient() (redis.UniversalClient, error) {
	if e.embedded != nil {
		return e.embedded.client(), nil
	}
	return ownClient(e.cfg.Redis)
}

// Shorten has a client of NewRedisClient hand tasks over without scripts, where Redis runs inside this process. It comes after the hooks that want
// to see what the client does.
func (e *Engine) Shorten(c redis.UniversalClient) {
	if e.embedded != nil {
		c.AddHook(&direct{redis: e.embedded})
	}
}

// Embedded reports whether Redis runs inside this process.
func (e *Engine) Embedded() bool { return e.embedded != nil }

// Logger returns the engine's logger.
func (e *Engine) Logger() *slog.Logger { return e.cfg.Logger }
