package autoscale

import (
	"context"
	"sync"
	"time"

	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Loads is what the load is read from; *store.Store is one.
type Loads interface {
	QueueLoads(ctx context.Context, bulkKinds []string, now time.Time) (interactive, bulk models.QueueLoad, err error)
	PausedQueues(ctx context.Context) ([]string, error)
}

// Store is what a gauge reads; *store.Store is one.
type Store interface {
	Loads
	Fleet(ctx context.Context, since time.Time) (models.Fleet, error)
}

// GaugeConfig says what a gauge reads.
type GaugeConfig struct {
	// Store is required.
	Store Store
	// BulkKinds are the kinds whose single jobs are bulk. Defaults to none.
	BulkKinds []string
	// Law is what is needed and wanted by. Of a worker's slots it says how many there are where no worker does.
	Law Law
	// Silent is after how long a worker that is not heard of counts no more. Defaults to 20 s.
	Silent time.Duration
	// Age is how old an answer may be. Defaults to 1 s.
	Age time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Rows is the clock by which the rows of the database were written. Defaults to Now.
	Rows func() time.Time
}

// Gauge tells how many workers the jobs in the database take, from the database alone: also where there is no worker, and Redis is empty. It
// is safe for concurrent use, and reads the database once for all who ask within Age.
type Gauge struct {
	cfg GaugeConfig

	mu    sync.Mutex
	state State
	last  models.Scale
}

// NewGauge returns a gauge.
func NewGauge(cfg GaugeConfig) *Gauge {
	if cfg.Silent <= 0 {
		cfg.Silent = 20 * time.Second
	}
	if cfg.Age <= 0 {
		cfg.Age = time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rows == nil {
		cfg.Rows = cfg.Now
	}
	return &Gauge{cfg: cfg}
}

// Read returns what is needed and wanted.
func (g *Gauge) Read(ctx context.Context) (models.Scale, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.cfg.Now()
	if !g.last.At.IsZero() && now.Sub(g.last.At) < g.cfg.Age {
		return g.last, nil
	}
	rows := g.cfg.Rows()
	interactive, bulk, err := readLoads(ctx, g.cfg.Store, g.cfg.BulkKinds, rows)
	if err != nil {
		return models.Scale{}, err
	}
	fleet, err := g.cfg.Store.Fleet(ctx, rows.Add(-g.cfg.Silent))
	if err != nil {
		return models.Scale{}, err
	}
	law := g.cfg.Law.withDefaults()
	law.Elsewhere = true
	if fleet.Workers > 0 && fleet.Slots > 0 { // they know best
		slots := max(1, fleet.Slots/fleet.Workers)
		law.BulkSlots = max(1, slots-(law.Slots-law.BulkSlots)*slots/law.Slots)
		law.Slots = slots
	}
	var d Decision
	g.state, d = law.Next(g.state, Input{At: now, Interactive: loadOf(interactive), Bulk: loadOf(bulk), Workers: fleet.Workers, Slots: fleet.Slots, Room: NoRoomLimit})
	g.last = models.Scale{At: now, Need: d.Need, Wanted: d.Wanted, Reason: d.Reason, Fleet: fleet, Slots: law.Slots, Queues: []models.QueueLoad{bulk, interactive}}
	return g.last, nil
}

// readLoads reads what waits and runs in each queue.
func readLoads(ctx context.Context, s Loads, bulkKinds []string, now time.Time) (interactive, bulk models.QueueLoad, err error) {
	if interactive, bulk, err = s.QueueLoads(ctx, bulkKinds, now); err != nil {
		return interactive, bulk, err
	}
	interactive.Queue, bulk.Queue = jobs.InteractiveQueue, jobs.BulkQueue
	paused, err := s.PausedQueues(ctx)
	for _, q := range paused {
		interactive.Paused = interactive.Paused || q == interactive.Queue
		bulk.Paused = bulk.Paused || q == bulk.Queue
	}
	return interactive, bulk, err
}

// loadOf is what the law is told of a queue: of one that is paused what waits counts for nothing, because no worker may take it.
func loadOf(q models.QueueLoad) Load {
	l := Load{Backlog: q.Backlog, Oldest: q.Oldest, Running: q.Running, Window: q.Window, Busy: q.Busy, Rate: q.Rate}
	if q.Paused {
		l.Backlog, l.Oldest = 0, 0
	}
	return l
}
