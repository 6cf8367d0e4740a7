package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/operations"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
	"github.com/neurod/neurod/workers/autoscale"
)

// scaleEventsKept is how long it is remembered what supervisors of workers did.
const scaleEventsKept = 30 * 24 * time.Hour

// concurrency is how many jobs a worker on so many processors runs at once, reserved how many of those slots bulk jobs never take.
func concurrency(s config.Config, processors int) int {
	if s.WorkerConcurrency > 0 {
		return s.WorkerConcurrency
	}
	return workers.DefaultConcurrency(processors)
}

func reserved(s config.Config, processors int) int {
	n := concurrency(s, processors)
	if s.WorkerReserved != nil {
		return min(*s.WorkerReserved, n-1)
	}
	return min(max(1, n/4), n-1)
}

// together is how many of a worker's slots jobs of one project have at most while others' come, and bulk jobs while any come that someone waits for.
func together(s config.Config, processors int) int {
	n := concurrency(s, processors)
	if s.WorkerTogether > 0 {
		return min(s.WorkerTogether, n)
	}
	return min(processors+1, n)
}

// law is what workers are needed by, each on so many processors.
func law(s config.Config, processors int) autoscale.Law {
	n := concurrency(s, processors)
	return autoscale.Law{Slots: n, BulkSlots: n - reserved(s, processors)}
}

// scale tells how many workers the jobs take.
func (a *App) scale() func(context.Context) (models.Scale, error) {
	gauge := autoscale.NewGauge(autoscale.GaugeConfig{Store: a.store, BulkKinds: a.engine.BulkKinds(), Law: law(a.settings, compute.Processors()), Silent: operations.Silent, Rows: a.store.Now})
	return func(ctx context.Context) (models.Scale, error) {
		s, err := gauge.Read(ctx)
		if err != nil {
			return s, service.Unavailable(err)
		}
		return s, nil
	}
}

// Program says how a process of workers is started.
type Program = autoscale.Program

// keeper keeps worker processes, as many as the load takes.
type keeper struct {
	low, high  int
	supervisor *autoscale.Supervisor

	store  *store.Store
	log    *slog.Logger
	events chan models.ScaleEvent
}

// ErrNoProgram says that it is not known how to start a worker.
var ErrNoProgram = errors.New("app: Config.Workers does not say how a worker is started")

// wireKeeper makes what keeps workers.
func (a *App) wireKeeper(program Program) error {
	if program.Path == "" {
		return ErrNoProgram
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	s := a.settings
	k := &keeper{low: s.WorkersMin, high: s.WorkersMax, store: a.store, log: a.log, events: make(chan models.ScaleEvent, 256)}
	if k.high == 0 { // neurod workers without a word of how many
		k.high = max(compute.Processors(), k.low, 1)
	}
	// Workers share the processors of the machine; on two, what is brief does not wait for what is long.
	processors := min(compute.Processors(), max(2, (compute.Processors()+k.high-1)/k.high))
	program.Args = append(append([]string{}, program.Args...), "--kept-by", a.id)
	env := []string{"NEUROD_SHUTDOWN_TIMEOUT=" + (s.WorkersGrace * 3 / 2).String()} // of which two thirds are for what runs
	if os.Getenv("GOMAXPROCS") == "" {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(processors))
	}
	program.Env = append(append([]string{}, program.Env...), env...)
	k.supervisor, err = autoscale.NewSupervisor(autoscale.SupervisorConfig{
		ID: a.id, Host: host, Min: k.low, Max: k.high, Law: law(s, processors),
		Start: program.Start,
		Look:  func(ctx context.Context) (autoscale.Sight, error) { return a.look(ctx, k, host) },
		Room:  autoscale.Room(autoscale.System(), int64(s.WorkersSpareMB)<<20),
		Note:  k.note,
		Grace: s.ShutdownTimeout * 2 / 3,
		Log:   a.log,
	})
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	a.keeper = k
	a.metrics.MustRegister(k.supervisor.Collector())
	return nil
}

// look is what this process sees of the load and of all workers.
func (a *App) look(ctx context.Context, k *keeper, host string) (autoscale.Sight, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	now := a.store.Now()
	s, err := autoscale.Look(ctx, a.store, a.engine.BulkKinds(), now)
	if err != nil {
		return s, err
	}
	list, err := a.store.LiveProcesses(ctx, now.Add(-operations.Silent))
	if err != nil {
		return s, err
	}
	s.See(list, autoscale.Keeper{ID: a.id, Min: k.low, Max: k.high}, host)
	return s, nil
}

// note keeps an event, without waiting for the database; where too many wait, the log alone has it.
func (k *keeper) note(e models.ScaleEvent) {
	select {
	case k.events <- e:
	default:
	}
}

// run keeps the workers until ctx ends, and returns when all have ended.
func (k *keeper) run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() {
		for e := range k.events {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			if err := k.store.AppendScaleEvent(ctx, e); err != nil {
				k.log.Warn("an event of the supervisor was not kept", "kind", string(e.Kind), "error", err)
			}
			cancel()
		}
	})
	err := k.supervisor.Run(ctx)
	close(k.events)
	group.Wait()
	return err
}
