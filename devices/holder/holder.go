// Package holder runs devices inside a process of the service: it takes the lease of devices whose drivers its machine has, reads them, and brings what
// they give into their sessions, through the same use case as every caller.
//
//		free device ──► claim ──► source ──► stream ──► queue in memory ──► sessions.Ingest, in order, each until it is accepted
//		                  ▲ renewed every 3 s            bounded, for all devices together
//
//	  - A process that is killed leaves its leases to end; another one, or the next, goes on with the same sessions. What nobody read meanwhile is a gap.
//	  - While the database is away, nobody else can claim, and what is read waits in memory. When it is back, who held a device renews first: others wait
//	    for the length of a lease. What did not fit is a gap, counted as overrun.
//	  - Who has lost a device brings what it has read before to the session and stops.
package holder

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/internal/guarded"
	devices "github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// Sessions takes what devices give.
type Sessions interface {
	// Session returns a session as it is now. Error: SessionNotFound.
	Session(ctx context.Context, p models.Principal, id string) (models.Session, error)
	// Ingest adds samples, once however often it is called.
	Ingest(ctx context.Context, p models.Principal, id string, b sessions.Batch) error
	// AddEvents adds events, once for each key.
	AddEvents(ctx context.Context, p models.Principal, id, key string, events []sessions.NewEvent) error
	// ReportClock keeps what the clock of the session's source does.
	ReportClock(ctx context.Context, p models.Principal, id string, c models.SourceClock) error
}

// Leases is what a holder asks of the use cases of devices.
type Leases interface {
	Free(ctx context.Context, drivers []string) ([]models.Device, error)
	FreeSignal() (<-chan struct{}, func())
	Claim(ctx context.Context, d models.Device, holder string) (models.Device, error)
	Renew(ctx context.Context, holder string) ([]models.Device, error)
	Held(ctx context.Context, holder string) ([]models.Device, error)
	Report(ctx context.Context, h devices.Hold, observe func(*models.DeviceReport)) (models.Device, error)
	Finish(ctx context.Context, h devices.Hold, st models.DeviceStream, fault *models.DeviceFault) error
	Release(ctx context.Context, h devices.Hold) error
}

var _ Leases = (*devices.Service)(nil)

// Config is what a holder needs.
type Config struct {
	// Leases and Sessions are the use cases, Drivers those of this machine. Required.
	Leases   Leases
	Sessions Sessions
	Drivers  *Drivers
	// Memory bounds what waits for the database, of all devices together, in bytes. Defaults to 256 MiB.
	Memory int64
	// Log defaults to slog.Default().
	Log *slog.Logger
}

// Holder runs the devices of a process.
type Holder struct {
	cfg  Config
	id   string // of this process, in leases
	used atomic.Int64
	met  metrics

	mu      sync.Mutex
	runners map[devices.Hold]*runner
	group   sync.WaitGroup
}

// New returns a holder; Run runs it.
func New(cfg Config) *Holder {
	if cfg.Memory <= 0 {
		cfg.Memory = 256 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Holder{cfg: cfg, id: models.NewID(), met: newMetrics(), runners: map[devices.Hold]*runner{}}
}

// Collector returns the metrics of the holder.
func (h *Holder) Collector() prometheus.Collector { return h.met }

const (
	poll      = time.Second            // between two looks for free devices
	gather    = 100 * time.Millisecond // signals come together
	timeout   = 5 * time.Second        // of a statement about leases
	drainTime = 10 * time.Second       // to bring what was read to the sessions when the process stops
)

// Run holds devices until ctx ends, and then lets go of them, so that another process goes on with them at once.
func (h *Holder) Run(ctx context.Context) error {
	free, end := h.cfg.Leases.FreeSignal()
	defer end()
	// What runs goes on for a while after the stop.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	renewed := time.Now()
	var claimAfter time.Time
	for {
		var err error
		if time.Since(renewed) >= models.DeviceRenewal {
			if err = h.renew(ctx); err == nil {
				renewed = time.Now()
			}
		} else {
			err = h.look(ctx)
		}
		if err == nil && !time.Now().Before(claimAfter) {
			err = h.claim(ctx, running)
		}
		if err != nil && ctx.Err() == nil {
			h.cfg.Log.Warn("devices: the database does not answer", "error", err)
			claimAfter = time.Now().Add(models.DeviceLease) // who held a device renews first
		}
		select {
		case <-free:
			rest(ctx, gather)
		case <-tick.C:
		case <-ctx.Done():
			h.drain(ctx)
			return nil
		}
	}
}

// rest waits, unless ctx ends before.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// renew renews all leases and tells runners what is wanted of their devices.
func (h *Holder) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	at := time.Now()
	held, err := h.cfg.Leases.Renew(ctx, h.id)
	if err != nil {
		return err
	}
	h.tell(held, at)
	return nil
}

// look tells runners what is wanted of their devices.
func (h *Holder) look(ctx context.Context) error {
	if h.count() == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	held, err := h.cfg.Leases.Held(ctx, h.id)
	if err == nil {
		h.tell(held, time.Time{})
	}
	return err
}

func (h *Holder) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.runners)
}

// tell gives each runner its device as it stands. One whose device is not among those held has lost it. Of those claimed since, nothing is known yet.
func (h *Holder) tell(held []models.Device, renewed time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := map[devices.Hold]models.Device{}
	for _, d := range held {
		found[devices.HoldOf(d)] = d
	}
	for hold, r := range h.runners {
		if d, there := found[hold]; there {
			r.want(d, renewed)
		} else {
			r.lose()
		}
	}
}

// claim takes what is free and runs it.
func (h *Holder) claim(ctx, running context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	free, err := h.cfg.Leases.Free(ctx, h.cfg.Drivers.enabled())
	if err != nil {
		return err
	}
	for _, d := range free {
		if !h.cfg.Drivers.Present(d) {
			continue // another machine's
		}
		at := time.Now()
		d, err := h.cfg.Leases.Claim(ctx, d, h.id)
		switch {
		case devices.Lost(err):
			continue // another process was faster
		case err != nil:
			return err
		}
		h.start(running, d, at)
	}
	return nil
}

// start runs a device that was claimed.
func (h *Holder) start(ctx context.Context, d models.Device, at time.Time) {
	r := newRunner(h, d, at)
	h.mu.Lock()
	h.runners[r.hold] = r
	h.mu.Unlock()
	h.met.held.Inc()
	h.group.Go(func() {
		defer func() {
			h.mu.Lock()
			delete(h.runners, r.hold)
			h.mu.Unlock()
			h.met.held.Dec()
		}()
		if err := guarded.Do(func() error { return r.run(ctx) }); err != nil && !devices.Lost(err) && !errors.Is(err, context.Canceled) {
			r.log.Error("devices: the device is given back", "error", err)
			// The lease ends by itself; another try is made then.
		}
	})
}

// drain has every runner stop, bring what it has read to its session, and let go of its device.
func (h *Holder) drain(ctx context.Context) {
	h.mu.Lock()
	for _, r := range h.runners {
		r.leave()
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		h.group.Wait()
		close(done)
	}()
	over := time.NewTimer(drainTime + timeout)
	defer over.Stop()
	renew := time.NewTicker(models.DeviceRenewal)
	defer renew.Stop()
	for {
		select {
		case <-done:
			return
		case <-renew.C:
			if err := h.renew(context.WithoutCancel(ctx)); err != nil {
				h.cfg.Log.Warn("devices: leases are not renewed", "error", err)
			}
		case <-over.C:
			return
		}
	}
}

// metrics are the metrics of devices.
type metrics struct {
	held    prometheus.Gauge
	samples prometheus.Counter
	missing *prometheus.CounterVec
	waiting prometheus.Gauge
}

func newMetrics() metrics {
	return metrics{
		held:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "neurod_devices_held", Help: "Devices that this process runs."}),
		samples: prometheus.NewCounter(prometheus.CounterOpts{Name: "neurod_device_samples_total", Help: "Samples a channel that devices of this process gave to sessions."}),
		missing: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "neurod_device_samples_missing_total", Help: "Samples a channel that devices of this process did not give, by cause."}, []string{"cause"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "neurod_device_waiting_bytes", Help: "Samples of devices of this process that wait for their session."}),
	}
}

// Describe implements prometheus.Collector.
func (m metrics) Describe(c chan<- *prometheus.Desc) {
	for _, one := range []prometheus.Collector{m.held, m.samples, m.missing, m.waiting} {
		one.Describe(c)
	}
}

// Collect implements prometheus.Collector.
func (m metrics) Collect(c chan<- prometheus.Metric) {
	for _, one := range []prometheus.Collector{m.held, m.samples, m.missing, m.waiting} {
		one.Collect(c)
	}
}
