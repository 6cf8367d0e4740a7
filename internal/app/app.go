// Package app puts a neurod process together: stores, engine, use cases, HTTP and workers, by role.
//
// It is the only package that knows all the others, and it is what cmd/neurod runs and what the tests boot, so that
// both run the same thing.
//
//	New    opens the stores, refuses what must not start (schema not migrated, demo account in production)
//	Start  runs the engine, the workers and the HTTP server
//	Stop   readiness off → waiting clients answered → HTTP and workers drained, both at once → engine → stores
//
// Invariants: New leaves nothing open when it fails; Stop ends everything that Start began and may be called twice;
// the embedded mode is one process, held by a lock in its data folder.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/crypto/acme"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/devices/holder"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/graphqlapi"
	"github.com/neurod/neurod/grpcapi"
	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/blobs"
	"github.com/neurod/neurod/internal/build"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/durable"
	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/science"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/service/operations"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/service/training"
	hooks "github.com/neurod/neurod/internal/service/webhooks"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/telemetry/export"
	"github.com/neurod/neurod/internal/webhooks"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// Role says which part of the service a process is.
type Role string

// The roles.
const (
	All    Role = "all"    // API and workers: what the embedded mode always is
	API    Role = "api"    // HTTP alone
	Worker Role = "worker" // workers alone
	// Supervisor keeps processes of workers, as many as the load takes.
	Supervisor Role = "supervisor"
)

func (r Role) serves() bool { return r == All || r == API }

// works reports whether the process runs jobs itself, supervises whether it keeps other processes that do.
func (a *App) works() bool { return a.role == Worker || a.role == All && a.settings.WorkersMax == 0 }
func (a *App) supervises() bool {
	return a.role == Supervisor || a.role == All && a.settings.WorkersMax > 0
}

// Config says what to put together.
type Config struct {
	// Settings come from the environment (package config). Required.
	Settings config.Config
	// Role of the process. Defaults to All.
	Role Role
	// Workers is how a process that keeps workers starts one. Required where it does: with the role Supervisor, or All and Settings.WorkersMax.
	Workers Program
	// KeptBy names the process that has started this one. Defaults to none.
	KeptBy string
	// Log takes the process's log. Defaults to slog.Default().
	Log *slog.Logger
	// Level is what Log logs from, which the operator's port changes. Defaults to one that changes nothing.
	Level *slog.LevelVar
}

// App is a process of the service.
type App struct {
	role     Role
	settings config.Config
	log      *slog.Logger
	level    *slog.LevelVar
	metrics  *prometheus.Registry
	traces   *export.Traces // nil where none are made
	tracer   trace.Tracer   // the same

	lock   io.Closer     // embedded only
	blobs  *blobs.Bucket // nil where all lies in the database
	store  *store.Store
	redis  redis.UniversalClient // nil when embedded
	engine *jobs.Engine
	worker *workers.Server // nil where the process runs no jobs
	keeper *keeper         // nil where it keeps no workers
	id     string          // of this process
	keptBy string
	users  *accounts.Service
	tokens *auth.Tokens    // nil in role Worker
	limits *service.Limits // nil in role Worker
	quotas *service.Quotas
	tally  *service.Tally
	slots  *compute.Slots

	catalog  *catalog.Catalog
	registry *registry.Service

	operations *operations.Service
	calls      *useCases // nil in role Worker

	policy    *webhooks.Policy
	secrets   webhooks.Secrets
	sender    *webhooks.Sender
	deliverer *webhooks.Deliverer // nil where events are sent by other processes

	holder *holder.Holder // nil in role Worker

	http        *http.Server // nil in role Worker without an address
	grpc        *grpcapi.API // nil in role Worker
	addr        string       // where it is to listen
	inspector   *http.Server // the operator's port; nil without an address
	inspected   net.Listener
	authority   *authority // that makes certificates; nil where none does
	listener    net.Listener
	connections *handlers.Connections // nil for no limit

	draining    atomic.Bool
	started     bool
	failed      chan error
	stopWorker  context.CancelFunc
	stopEngine  context.CancelFunc
	workerGroup sync.WaitGroup
	engineGroup sync.WaitGroup
	serveGroup  sync.WaitGroup

	inspectGroup sync.WaitGroup
	stopOnce     sync.Once
	stopErr      error
}

// pruneEvents is how many events one transaction deletes, and pruneObjects how many objects go at once.
const (
	pruneEvents  = 10_000
	pruneObjects = 200
)

// ErrEmbeddedRole refuses to split the embedded mode, whose stores live in one process.
var ErrEmbeddedRole = errors.New("app: without DATABASE_URL and REDIS_URL the service is one process: run neurod serve")

// ErrNoDemo says that there is no demo account outside the embedded mode.
var ErrNoDemo = errors.New("app: the demo account exists in the embedded mode only")

// New opens the stores and wires everything. Nothing runs and nothing listens before Start. Close it with Stop.
func New(ctx context.Context, cfg Config) (_ *App, err error) {
	if cfg.Role == "" {
		cfg.Role = All
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Level == nil {
		cfg.Level = new(slog.LevelVar)
	}
	a := &App{id: models.NewID(), keptBy: cfg.KeptBy, role: cfg.Role, settings: cfg.Settings, log: cfg.Log, level: cfg.Level, failed: make(chan error, 4), metrics: prometheus.NewRegistry()}
	a.slots = a.computations()
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "neurod_computations_waiting", Help: "Computations that wait for a processor."},
			func() float64 { return float64(a.slots.Waiting()) }))

	if err := a.openTraces(ctx); err != nil {
		return nil, err
	}
	if err := a.openStores(ctx); err != nil {
		return nil, err
	}
	a.engine, err = jobs.New(jobs.Config{
		Store:                a.store,
		Redis:                a.redis,
		OutageLimit:          cfg.Settings.RedisOutageLimit,
		PayloadRetention:     cfg.Settings.PayloadRetention,
		ResultRetention:      cfg.Settings.ResultRetention,
		DeadLetterRetention:  cfg.Settings.DeadLetterRetention,
		IdempotencyRetention: cfg.Settings.IdempotencyRetention,
		Logger:               a.log,
		Prunes: []jobs.Prune{{What: "upload chunks", Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.store.PruneUploads(ctx, now.Add(-sessions.AbandonedUpload))
		}}, {What: "analytics events", Batch: pruneEvents, Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.store.PruneEvents(ctx, now.Add(-cfg.Settings.AnalyticsRetention), pruneEvents)
		}}, {What: "audit events", Batch: pruneEvents, Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.store.PruneAudit(ctx, now.Add(-cfg.Settings.AuditRetention), pruneEvents)
		}}, {What: "deliveries of webhooks", Batch: pruneEvents, Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.store.PruneDeliveries(ctx, now.Add(-cfg.Settings.WebhookRetention), pruneEvents)
		}}, {What: "statistics of jobs", Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.store.PruneStats(ctx, now.Add(-operations.MinutesKept), now.Add(-operations.HoursKept))
		}}, {What: "processes", Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.store.PruneProcesses(ctx, now.Add(-processesKept))
		}}, {What: "actions of operators", Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.store.PruneActions(ctx, now.Add(-actionsKept))
		}}, {What: "scale events", Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.store.PruneScaleEvents(ctx, now.Add(-scaleEventsKept))
		}}, {What: "objects outside the database", Batch: pruneObjects, Do: func(ctx context.Context, _ time.Time) (int, error) {
			if a.blobs == nil {
				return 0, nil
			}
			return a.store.DeleteObjects(ctx, "", pruneObjects)
		}}, {What: "objects without a row", Do: func(ctx context.Context, _ time.Time) (int, error) {
			return a.store.SweepObjects(ctx, time.Now())
		}}, {What: "usage", Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.store.PruneUsage(ctx, now.Add(-service.TallyKept))
		}}, {What: "seals of former signing keys", Do: a.reseal}, {What: "what projects keep shorter", Batch: retentionSessions, Do: func(ctx context.Context, now time.Time) (int, error) {
			return a.pruneProjects(ctx, now)
		}}},
	})
	if err != nil {
		return nil, fmt.Errorf("app: %w", err)
	}
	a.metrics.MustRegister(a.engine.Collector())
	a.tally = service.NewTally(service.TallyConfig{Store: a.store, Log: a.log})
	if err := a.loadModels(); err != nil {
		return nil, err
	}
	if a.users, err = a.accounts(ctx); err != nil {
		return nil, err
	}
	if err := a.wireRegistry(); err != nil {
		return nil, err
	}
	if err := a.wireWebhooks(); err != nil {
		return nil, err
	}
	if a.works() {
		if err := a.wireWorker(); err != nil {
			return nil, err
		}
	}
	if a.supervises() {
		if err := a.wireKeeper(cfg.Workers); err != nil {
			return nil, err
		}
	}
	a.operations = a.operationsService()
	switch {
	case a.role.serves():
		err = a.wireHTTP()
	case cfg.Settings.WorkerAddr != "":
		err = a.wireProbes()
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// computations are as many at once as there are processors, where calls are answered, too, but for one: it is left for them.
func (a *App) computations() *compute.Slots {
	n := compute.Processors()
	if a.role.serves() {
		n--
	}
	return compute.New(n)
}

// compute runs what takes about so long when there is a processor for it.
func (a *App) compute(ctx context.Context, projectID string, takes time.Duration, f func() error) error {
	return a.slots.Do(ctx, compute.Work{Project: projectID, Takes: takes}, f)
}

// openStores opens the database and Redis. The embedded database is brought up to date; production's must be.
func (a *App) openStores(ctx context.Context) error {
	s := a.settings
	if s.Embedded() {
		if a.role != All {
			return ErrEmbeddedRole
		}
		if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
			return fmt.Errorf("app: data folder: %w", err)
		}
		lock, err := durable.Lock(s.DataDir, "neurod.lock")
		if err != nil {
			return fmt.Errorf("app: %w", err)
		}
		a.lock = lock
	}
	var err error
	where := s.Store()
	if s.BlobURL != "" {
		if a.blobs, err = blobs.Open(ctx, s.BlobURL); err != nil {
			return fmt.Errorf("app: NEUROD_BLOB_URL: %w", err)
		}
		a.metrics.MustRegister(a.blobs)
		where.Objects, where.ObjectsFrom = a.blobs, s.BlobMinBytes
	}
	if a.store, err = store.Open(ctx, where); err != nil {
		return err
	}
	if s.Embedded() {
		if _, err := a.store.Migrate(ctx, "up"); err != nil {
			return err
		}
		return a.missObjects(ctx)
	}
	if err := a.store.CheckMigrated(ctx); err != nil {
		return err
	}
	if err := a.missObjects(ctx); err != nil {
		return err
	}
	a.redis, err = openRedis(s.RedisURL.Reveal(), a.log)
	return err
}

// missObjects says where recordings lie outside the database and the settings do not say where.
func (a *App) missObjects(ctx context.Context) error {
	if a.blobs != nil {
		return nil
	}
	n, _, err := a.store.ObjectsKept(ctx)
	if err == nil && n > 0 {
		a.log.Warn("recordings lie outside the database, and NEUROD_BLOB_URL is not set: what needs them fails", "objects", n)
	}
	return err
}

// accounts makes the use cases of accounts, and sees to the demo account: made when embedded, refused in production.
// A worker has no accounts, but checks as well.
func (a *App) accounts(ctx context.Context) (*accounts.Service, error) {
	s := a.settings
	cfg := accounts.Config{
		Store:            a.store,
		Jobs:             a.engine,
		Passwords:        auth.NewPasswords(auth.PasswordConfig{Concurrent: max(1, compute.Processors()-1)}),
		SignupDisabled:   !s.Signup(),
		ProviderSignup:   s.OIDCSignup,
		SignupsPerHour:   s.SignupsPerHour,
		LoginFailures:    s.LoginFailures,
		RefreshTTL:       s.RefreshTTL,
		MaxRate:          s.RateLimitMax,
		MaxLicense:       models.License(s.LicenseMax),
		Rates:            s.RateLimits(),
		PayloadRetention: s.PayloadRetention,
		JobRetention:     s.ResultRetention,
		Log:              a.log,

		PasswordsDisabled: !s.PasswordLogin,
	}
	if a.role.serves() {
		key, err := s.SigningKey()
		if err != nil {
			return nil, err
		}
		if cfg.Tokens, err = auth.NewTokens(auth.TokenConfig{Key: key, Previous: s.PreviousKeys(), TTL: s.AccessTTL}); err != nil {
			return nil, err
		}
		a.tokens = cfg.Tokens
		cfg.Throttle = a.limiter()
		slots := limit.SlotsConfig{Process: models.NewID(), Log: a.log}
		if a.redis != nil {
			slots.Redis = a.redis
		}
		a.limits = service.NewLimits(service.LimitsConfig{Clients: a.limiter(), Addresses: cfg.Throttle, Rates: s.RateLimits(),
			Sockets: limit.NewSlots(slots), SocketsPerUser: s.SocketsPerUser, Tally: a.tally})
	}
	users := accounts.New(cfg)
	if s.Embedded() {
		if err := users.SeedDemo(ctx); err != nil {
			return users, err
		}
	} else if err := users.RefuseDemo(ctx); err != nil {
		return users, err
	}
	return users, a.firstOperator(ctx, users)
}

// firstOperator makes the operator that the settings name where there is none.
func (a *App) firstOperator(ctx context.Context, users *accounts.Service) error {
	if a.settings.Operator == "" || !a.role.serves() {
		return nil
	}
	u, err := users.FirstOperator(ctx, a.settings.Operator, a.settings.OperatorPassword.Reveal())
	switch {
	case errors.Is(err, accounts.ErrNoUser): // who signs up later under the address, which nobody verifies, must not become one
		a.log.Warn("NEUROD_OPERATOR names an account that there is not; set NEUROD_OPERATOR_PASSWORD, too, and it is made")
	case err != nil:
		return fmt.Errorf("app: NEUROD_OPERATOR: %w", err)
	case u != nil:
		a.log.Info("made the first operator of this server", "user_id", u.ID)
	}
	return nil
}

// limiter returns a limiter over all processes.
func (a *App) limiter() *limit.Limiter {
	cfg := limit.Config{Log: a.log}
	if a.redis != nil {
		cfg.Redis = a.redis
	}
	return limit.New(cfg)
}

// loadModels fills the catalog with the models inside the program and those of the operator's folder.
func (a *App) loadModels() error {
	cat, n, err := readModels(a.settings.ModelsDir)
	if err != nil {
		return err
	}
	if dir := a.settings.ModelsDir; dir != "" {
		a.log.Info("loaded models", "folder", dir, "models", n)
	}
	a.catalog = cat
	return nil
}

// readModels loads the models inside the program and those of a folder, "" for none, and counts these.
func readModels(dir string) (*catalog.Catalog, int, error) {
	cat, err := catalog.Default()
	if err != nil {
		return nil, 0, fmt.Errorf("app: built-in models: %w", err)
	}
	if dir == "" {
		return cat, 0, nil
	}
	if _, err := os.ReadDir(dir); err != nil { // a folder that is not there would pass for an empty one
		return nil, 0, fmt.Errorf("app: models: %w", err)
	}
	n, err := cat.AddFS(os.DirFS(dir), eeg.SourceDirectory)
	if err != nil {
		return nil, 0, fmt.Errorf("app: models in %s: %w", dir, err)
	}
	return cat, n, nil
}

// wireRegistry makes the use cases of models, after the accounts: their tokens sign its links.
func (a *App) wireRegistry() error {
	shared, err := science.NewModels(a.catalog, a.slots)
	if err != nil {
		return fmt.Errorf("app: models: %w", err)
	}
	a.quotas = service.NewQuotas(service.QuotasConfig{Store: a.store, Limits: a.settings.Quotas(), Log: a.log})
	a.registry = registry.New(registry.Config{Store: a.store, Catalog: shared, Read: shared.Read, Tokens: a.tokens,
		MaxBytes: int64(a.settings.ModelStorageMB) << 20, Quotas: a.quotas, Log: a.log})
	return nil
}

// wireWebhooks makes what sends events. It takes the signing key, which opens their secrets: a worker that has none sends nothing, and
// leaves that to the API.
func (a *App) wireWebhooks() (err error) {
	s := a.settings
	if a.policy, err = webhooks.NewPolicy(s.WebhookHTTP, s.WebhookAllow); err != nil {
		return err
	}
	if !a.role.serves() && s.JWTSecret == "" {
		return nil
	}
	key, err := s.SigningKey()
	if err != nil {
		return err
	}
	vault, err := auth.NewVault(key, s.PreviousKeys()...)
	if err != nil {
		return err
	}
	a.secrets = webhooks.NewSecrets(vault)
	if s.WebhookSlots == 0 {
		return nil
	}
	a.sender = webhooks.NewSender(webhooks.SenderConfig{Policy: a.policy, Timeout: s.WebhookTimeout, Agent: "neurod/" + build.Read().Version})
	a.deliverer = webhooks.NewDeliverer(webhooks.Config{Store: a.store, Secrets: a.secrets, Sender: a.sender, Slots: s.WebhookSlots, Now: a.store.Now, Log: a.log, Tracer: a.tracer})
	a.metrics.MustRegister(a.deliverer.Collector())
	return nil
}

// reseal seals with the signing key what a previous one had sealed, so that the previous one can go. Nothing is pruned by that.
func (a *App) reseal(ctx context.Context, _ time.Time) (int, error) {
	if len(a.settings.JWTPrevious) == 0 || a.secrets == (webhooks.Secrets{}) {
		return 0, nil
	}
	n, err := a.store.ResealWebhooks(ctx, a.secrets.Reseal)
	if n > 0 {
		a.log.InfoContext(ctx, "sealed secrets of webhooks with the new signing key", "webhooks", n)
	}
	return 0, err
}

func (a *App) wireWorker() (err error) {
	a.worker, err = workers.New(workers.Config{
		Engine:       a.engine,
		Concurrency:  concurrency(a.settings, compute.Processors()),
		Reserved:     reserved(a.settings, compute.Processors()),
		Together:     together(a.settings, compute.Processors()),
		Compute:      a.slots,
		DrainTimeout: a.settings.ShutdownTimeout * 2 / 3, // the rest is for handing back and closing
		Tracer:       a.tracer,
		Logger:       a.log,
	})
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	found := workers.NewModels(a.catalog, a.store, int64(a.settings.ModelCacheMB)<<20, a.slots)
	trainer := workers.NewTrainer(workers.TrainingConfig{Store: a.store, Catalog: a.catalog, Models: found, Publish: a.registry.Publish})
	handlers := map[models.JobKind]workers.Handler{
		models.KindDecode:         workers.Decode(found, a.store),
		models.KindSessionWindows: workers.SessionWindows(a.store, found, a.engine.Notify),
		models.KindSessionImport:  workers.SessionImport(a.store, a.engine.Notify, a.tally.Add),
		models.KindUserErase:      workers.EraseUser(a.store),
		models.KindProjectDelete:  workers.DeleteProject(a.store),
		models.KindModelTrain:     trainer.Train,
		models.KindModelCalibrate: trainer.Calibrate,
	}
	for _, k := range jobs.Kinds() {
		if k.Batch {
			continue // its items are run
		}
		h := handlers[k.Name]
		if h == nil {
			return fmt.Errorf("app: nothing runs jobs of kind %s", k.Name)
		}
		a.worker.Register(k.Name, h)
	}
	a.metrics.MustRegister(a.worker.Collector())
	return nil
}

// useCases are what ways in call. Each way in is made of these and knows nothing below them.
type useCases struct {
	accounts  *accounts.Service
	decode    *decoding.Service
	analysis  *analysis.Service
	jobs      *decoding.Jobs
	sessions  *sessions.Service
	live      *live.Service
	training  *training.Service
	analytics *registry.Analytics
	webhooks  *hooks.Service
	devices   *devices.Service
	once      *service.Once
}

func (a *App) useCases() *useCases {
	var registered *devices.Service
	recorded := sessions.New(sessions.Config{Store: a.store, Quotas: a.quotas, Tally: a.tally,
		Device: func(ctx context.Context, p models.Principal, id string) (sessions.Recorder, error) {
			if err := registered.Known(ctx, p.ProjectID, id); err != nil {
				return sessions.Recorder{}, err
			}
			return a.recorder(ctx, p.ProjectID, id)
		},
		Jobs: a.engine, Compute: a.compute, Files: science.NewSignalFile,
		Inspect: science.Inspect(a.slots), CheckModel: a.registry.CheckModel,
		CheckMontage: workers.LiveMontage(workers.NewModels(a.catalog, a.store, int64(a.settings.ModelCacheMB)<<20, a.slots))})
	registered = a.wireDevices(recorded)
	decode := decoding.New(decoding.Config{Jobs: a.engine, Compute: a.compute, Disabled: !a.settings.DecodeEnabled, Sessions: recorded,
		CheckModel: a.registry.CheckModel, Quotas: a.quotas, Tally: a.tally})
	return &useCases{
		devices:  registered,
		accounts: a.users,
		decode:   decode,
		analysis: analysis.New(analysis.Config{Store: a.store, Jobs: a.engine, Submit: submitSession(decode)}),
		jobs:     decoding.NewJobs(a.engine, a.store),
		sessions: recorded,
		live: live.New(live.Config{Store: a.store, Topics: a.engine, Compute: a.compute, Tokens: a.tokens, PerKey: a.settings.StreamsPerKey, PerProject: a.settings.StreamsPerProject,
			NewFilter: science.NewFilter}),
		training:  training.New(training.Config{Store: a.store, Jobs: a.engine, Pipelines: science.Pipelines(), Quotas: a.quotas}),
		analytics: registry.NewAnalytics(registry.AnalyticsConfig{Store: a.store, Quota: a.settings.AnalyticsQuota}),
		webhooks:  hooks.New(hooks.Config{Store: a.store, Secrets: a.secrets, CheckAddress: a.policy.Check, Quotas: a.quotas, Now: a.store.Now}),
		once:      service.NewOnce(service.OnceConfig{Store: a.store, Tokens: a.tokens, Retention: a.settings.IdempotencyRetention}),
	}
}

// submitSession accepts the decode of a session that an analysis asks for.
func submitSession(decode *decoding.Service) func(context.Context, models.Principal, eeg.Request, models.Room, service.Idempotency, service.Respond) (service.Accepted, error) {
	return func(ctx context.Context, p models.Principal, req eeg.Request, ask models.Room, idem service.Idempotency, respond service.Respond) (service.Accepted, error) {
		return decode.Submit(ctx, p, decoding.Recording{Request: req, Room: ask, Operation: analysis.Operation}, idem, respond)
	}
}

// graphQL makes the GraphQL way in.
func (a *App) graphQL() *graphqlapi.Server {
	return graphqlapi.New(graphqlapi.Config{Sessions: a.calls.sessions, Devices: a.calls.devices, Analyses: a.calls.analysis, Decode: a.calls.decode, Training: a.calls.training,
		Jobs: a.calls.jobs, Registry: a.registry, Live: a.calls.live, Once: a.calls.once, NoIntrospection: !a.settings.GraphQLIntrospection, Drained: a.engine.Drained(), Log: a.log,
		Take: func(ctx context.Context, p models.Principal, n int) (models.Quota, error) {
			return a.limits.TakeN(ctx, service.LimitQueries, p, "", n)
		}})
}

func (a *App) wireHTTP() error {
	a.calls = a.useCases()
	provider, err := a.provider()
	if err != nil {
		return err
	}
	router, err := handlers.NewRouter(handlers.Config{
		Accounts:       a.calls.accounts,
		Operations:     a.operations,
		Decode:         a.calls.decode,
		Analysis:       a.calls.analysis,
		GraphQL:        a.graphQL(),
		Registry:       a.registry,
		Training:       a.calls.training,
		Analytics:      a.calls.analytics,
		Webhooks:       a.calls.webhooks,
		Devices:        a.calls.devices,
		Once:           a.calls.once,
		Scale:          a.scale(),
		Jobs:           a.calls.jobs,
		Sessions:       a.calls.sessions,
		Live:           a.calls.live,
		Limits:         a.limits,
		Quotas:         a.quotas,
		Tally:          a.tally,
		Health:         a.health(),
		Log:            a.log,
		Tracer:         a.tracer,
		Metrics:        a.metrics,
		MetricsToken:   a.settings.MetricsToken.Reveal(),
		Draining:       a.draining.Load,
		Compute:        a.slots,
		TrustedProxies: a.settings.TrustedProxies,
		PublicURL:      a.settings.PublicURL,
		Origins:        a.settings.CORSOrigins,
		Demo:           a.settings.Embedded(),
		Provider:       provider,
	})
	if err != nil {
		return err
	}
	a.connections = handlers.NewConnections(handlers.ConnectionsConfig{PerClient: a.settings.ConnectionsPerAddress,
		TrustedProxies: a.settings.TrustedProxies, Metrics: a.metrics})
	server := handlers.ServerConfig{Connections: a.connections}
	switch {
	case a.settings.TLSCert != "":
		shown, err := newCertificate(a.settings.TLSCert, a.settings.TLSKey, a.log)
		if err != nil {
			return err
		}
		server.Certificate = shown.get
	case len(a.settings.ACMEHosts) > 0:
		if a.authority, err = newAuthority(a.settings, a.log); err != nil {
			return err
		}
		server.Certificate, server.Challenges = a.authority.get, []string{acme.ALPNProto}
	}
	a.grpc, err = grpcapi.New(grpcapi.Config{
		Accounts:       a.calls.accounts,
		Decode:         a.calls.decode,
		Jobs:           a.calls.jobs,
		Sessions:       a.calls.sessions,
		Analysis:       a.calls.analysis,
		Devices:        a.calls.devices,
		Live:           a.calls.live,
		Once:           a.calls.once,
		Limits:         a.limits,
		Tally:          a.tally,
		Drained:        a.engine.Drained(),
		Log:            a.log,
		Tracer:         a.tracer,
		Metrics:        a.metrics,
		TrustedProxies: a.settings.TrustedProxies,
		Origins:        middleware.NewOrigins(a.settings.CORSOrigins).Answer,
	})
	if err != nil {
		return err
	}
	a.http, a.addr = handlers.NewServer(server, a.grpc.Handler(router), a.log), a.settings.Addr
	return nil
}

// wireProbes has a process of workers answer how it does.
func (a *App) wireProbes() error {
	probes, err := handlers.NewProbes(handlers.Config{Health: a.health(), Log: a.log, Metrics: a.metrics, MetricsToken: a.settings.MetricsToken.Reveal(),
		Draining: a.draining.Load})
	if err != nil {
		return err
	}
	a.http, a.addr = handlers.NewServer(handlers.ServerConfig{}, probes, a.log), a.settings.WorkerAddr
	return nil
}

func (a *App) health() service.Health {
	return service.Health{Database: a.store.Ping, Writable: a.store.Writable, Queue: a.pingRedis}
}

// pingRedis asks Redis for an answer; the one inside the process always has one.
func (a *App) pingRedis(ctx context.Context) error {
	if a.redis == nil {
		return nil
	}
	return a.redis.Ping(ctx).Err()
}

// Start runs the process: it listens when it returns nil. Faults that come later are on Failed.
func (a *App) Start() error {
	if a.started {
		return errors.New("app: started twice")
	}
	if a.http != nil {
		l, err := net.Listen("tcp", a.addr)
		if err != nil {
			return fmt.Errorf("app: %w", err)
		}
		a.listener = a.connections.Bound(l)
	}
	if err := errors.Join(a.startInspector(), a.authority.listen()); err != nil {
		if a.listener != nil {
			err = errors.Join(err, a.listener.Close())
		}
		return errors.Join(err, a.authority.close(context.Background()))
	}
	a.started = true

	engineCtx, stopEngine := context.WithCancel(context.Background())
	a.stopEngine = stopEngine
	a.engineGroup.Go(func() { a.watch("jobs engine", a.engine.Run(engineCtx)) })
	workerCtx, stopWorker := context.WithCancel(context.Background())
	a.stopWorker = stopWorker
	if a.worker != nil {
		a.workerGroup.Go(func() { a.watch("worker", a.worker.Run(workerCtx)) })
	}
	if a.keeper != nil {
		a.workerGroup.Go(func() { a.watch("supervisor", a.keeper.run(workerCtx)) })
	}
	if a.deliverer != nil {
		a.workerGroup.Go(func() { a.watch("webhooks", a.deliverer.Run(workerCtx)) })
	}
	if a.holder != nil {
		a.workerGroup.Go(func() { a.watch("devices", a.holder.Run(workerCtx)) })
	}
	a.engineGroup.Go(func() { a.watch("operations", a.operations.Run(engineCtx)) })
	a.engineGroup.Go(func() { a.watch("usage", a.tally.Run(engineCtx)) })
	if a.http != nil {
		a.serveGroup.Go(func() {
			serve := a.http.Serve
			if a.http.TLSConfig != nil {
				serve = func(l net.Listener) error { return a.http.ServeTLS(l, "", "") }
			}
			if err := serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
				a.watch("http server", err)
			}
		})
	}
	a.authority.start()
	a.log.Info("started", "role", string(a.role), "addr", a.Addr(), "database", string(a.store.Dialect()), "embedded", a.settings.Embedded(), "version", build.Read().String())
	return nil
}

// watch reports a part that ended with an error before it was told to.
func (a *App) watch(part string, err error) {
	if err != nil && !a.draining.Load() {
		a.failed <- fmt.Errorf("app: %s: %w", part, err)
	}
}

// Addr returns the address the process listens on, "" when it does not.
func (a *App) Addr() string {
	if a.listener == nil {
		return ""
	}
	return a.listener.Addr().String()
}

// DemoKey makes an API key of the demo account, good for a day. The embedded mode alone has that account.
func (a *App) DemoKey(ctx context.Context) (string, error) {
	if !a.settings.Embedded() {
		return "", ErrNoDemo
	}
	return a.users.DemoKey(ctx)
}

// Stop ends the process gracefully: nothing new is taken, what runs may finish until ctx ends, and what does not
// goes back to the queue. It may be called twice, and also when Start was not.
func (a *App) Stop(ctx context.Context) error {
	a.stopOnce.Do(func() { a.stopErr = a.stop(ctx) })
	return a.stopErr
}

// Hurry has a process that stops hand back the jobs that it runs, rather than wait for their end as long as it might.
func (a *App) Hurry() {
	if a.worker != nil {
		a.worker.Hurry()
	}
	if a.keeper != nil {
		a.keeper.supervisor.Hurry()
	}
}

func (a *App) stop(ctx context.Context) error {
	a.draining.Store(true)
	var errs []error
	if a.started {
		a.log.Info("stopping", "role", string(a.role))
		if a.grpc != nil {
			a.grpc.Drain()
		}
		a.engine.Drain() // whoever waits for a job is answered with the job as it is then
		a.stopWorker()
		a.operations.Speak(ctx) // that it takes nothing more
		if a.http != nil {
			if err := a.http.Shutdown(ctx); err != nil {
				errs = append(errs, fmt.Errorf("app: requests were cut off: %w", err), a.http.Close())
			}
			a.serveGroup.Wait()
		}
		a.workerGroup.Wait() // bounded by the worker's own drain timeout
		a.stopEngine()
		a.engineGroup.Wait()
	}
	errs = append(errs, a.authority.close(ctx))
	if a.inspector != nil {
		errs = append(errs, a.inspector.Close())
		a.inspectGroup.Wait()
	}
	errs = append(errs, a.close())
	if a.started {
		a.log.Info("stopped", "role", string(a.role))
	}
	return errors.Join(errs...)
}

// close releases what New opened.
func (a *App) close() error {
	var errs []error
	if a.sender != nil {
		a.sender.Close()
	}
	if a.engine != nil {
		errs = append(errs, a.engine.Close())
	}
	if a.redis != nil {
		errs = append(errs, a.redis.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.blobs != nil {
		errs = append(errs, a.blobs.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
	}
	a.slots.Close()
	a.closeTraces()
	return errors.Join(errs...)
}

// Run starts the process and stops it when ctx ends or a part of it fails, within Settings.ShutdownTimeout. What is to be done
// once it listens comes after Start; its error stops the process, too.
func (a *App) Run(ctx context.Context, listening ...func() error) error {
	err := a.Start()
	for _, f := range listening {
		if err == nil {
			err = f()
		}
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-a.failed:
		}
	}
	// The program was told to stop: ctx has ended, and stopping needs time of its own.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(a.settings.ShutdownTimeout, time.Second))
	defer cancel()
	return errors.Join(err, a.Stop(stopping))
}
