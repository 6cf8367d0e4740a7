package webhooks

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// Store gives what is due and keeps how it went.
type Store interface {
	DueWebhooks(ctx context.Context, at time.Time) ([]store.DueWebhook, error)
	ClaimDelivery(ctx context.Context, webhookID string, at time.Time) (*store.ClaimedDelivery, error)
	SettleDelivery(ctx context.Context, id string, attempt int, o models.DeliveryOutcome, at time.Time, spread float64) (store.SettledDelivery, error)
}

var _ Store = (*store.Store)(nil)

// Config says how a Deliverer works.
type Config struct {
	// Store gives the deliveries. Required; close it after Run has returned.
	Store Store
	// Secrets opens those that events are signed with. Required.
	Secrets Secrets
	// Sender sends. Required.
	Sender *Sender
	// Slots is how many events are sent at once. Defaults to 32.
	Slots int
	// PerHost is how many of them go to one host and port. Defaults to an eighth of the slots, at least 1.
	PerHost int
	// PerProject is how many of them are a project's. Defaults to a quarter of the slots, at least 1.
	PerProject int
	// Tick is the pause between two looks at what is due, while nothing is sent. Defaults to 500 ms.
	Tick time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Log gets what an operator should know. Defaults to slog.Default().
	Log *slog.Logger
	// Tracer makes spans of attempts in the traces of the jobs that they tell of. Defaults to none.
	Tracer trace.Tracer
}

// Deliverer sends what is due. Any number of processes may have one.
type Deliverer struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics

	poke chan struct{}

	mu       sync.Mutex
	busy     int
	hosts    map[string]int
	projects map[string]int
}

// NewDeliverer returns a deliverer.
func NewDeliverer(cfg Config) *Deliverer {
	if cfg.Slots <= 0 {
		cfg.Slots = 32
	}
	if cfg.PerHost <= 0 {
		cfg.PerHost = max(1, cfg.Slots/8)
	}
	if cfg.PerProject <= 0 {
		cfg.PerProject = max(1, cfg.Slots/4)
	}
	if cfg.Tick <= 0 {
		cfg.Tick = 500 * time.Millisecond
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Deliverer{cfg: cfg, log: cfg.Log.With("component", "webhooks"), metrics: newMetrics(), poke: make(chan struct{}, 1),
		hosts: map[string]int{}, projects: map[string]int{}}
}

// Collector returns the deliverer's metrics for Prometheus.
func (d *Deliverer) Collector() prometheus.Collector { return d.metrics }

// Run sends until ctx ends, lets the attempts that run end with it, and returns.
func (d *Deliverer) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	tick := time.NewTicker(d.cfg.Tick)
	defer tick.Stop()
	for {
		due, err := d.cfg.Store.DueWebhooks(ctx, d.cfg.Now())
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			d.log.Warn("could not look for events to send", "error", err)
		}
		for _, w := range due {
			if d.take(w) {
				running.Go(func() { d.work(ctx, w) })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-d.poke:
		}
	}
}

// take reserves a slot for a webhook; false where all are taken, or those of its host or project.
func (d *Deliverer) take(w store.DueWebhook) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy >= d.cfg.Slots || d.hosts[w.Host] >= d.cfg.PerHost || d.projects[w.ProjectID] >= d.cfg.PerProject {
		return false
	}
	d.busy++
	d.hosts[w.Host]++
	d.projects[w.ProjectID]++
	return true
}

// give returns a slot.
func (d *Deliverer) give(w store.DueWebhook) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy--
	for m, key := range map[*map[string]int]string{&d.hosts: w.Host, &d.projects: w.ProjectID} {
		if (*m)[key]--; (*m)[key] == 0 {
			delete(*m, key)
		}
	}
}

// look has Run look at once.
func (d *Deliverer) look() {
	select {
	case d.poke <- struct{}{}:
	default:
	}
}

// A webhook keeps its slot for so many events or so long, then others that wait get their turn.
const (
	turnEvents = 32
	turnTime   = 2 * time.Second
)

// work sends what is due of a webhook, one event after another. Where more are due than one slot sends, Run gives it further slots.
func (d *Deliverer) work(ctx context.Context, w store.DueWebhook) {
	again := true
	defer func() {
		d.give(w)
		if again {
			d.look()
		}
	}()
	end := time.Now().Add(turnTime)
	for n := 0; n < turnEvents && time.Now().Before(end) && ctx.Err() == nil; n++ {
		c, err := d.cfg.Store.ClaimDelivery(ctx, w.ID, d.cfg.Now())
		if err != nil && ctx.Err() == nil {
			d.log.Warn("could not take an event to send", "webhook", w.ID, "error", err)
			again = false // the next look is soon enough
		}
		if err != nil || c == nil {
			return
		}
		if n == 0 {
			d.look()
		}
		d.attempt(ctx, c)
	}
}

// attempt makes an attempt and stores how it went.
func (d *Deliverer) attempt(ctx context.Context, c *store.ClaimedDelivery) {
	o := d.send(ctx, c)
	log := d.log.With("webhook", c.Webhook.ID, "event", c.Event.ID, "attempt", c.Attempts)
	d.metrics.observe(c.Event.Type, o)
	// The end of an attempt is stored although the process stops.
	storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		settled, err := d.cfg.Store.SettleDelivery(storing, c.ID, c.Attempts, o, d.cfg.Now(), rand.Float64())
		if err == nil {
			if settled.Disabled {
				d.metrics.disabled.Inc()
				log.Warn("a webhook has been disabled", "status", o.Status, "error", o.Error)
			}
			if settled.Counted && settled.State != models.DeliveryPending {
				d.metrics.finished.WithLabelValues(string(settled.State)).Inc()
			}
			log.Debug("sent", "status", o.Status, "error", o.Error, "state", string(settled.State))
			return
		}
		select {
		case <-storing.Done():
			log.Warn("could not store how an event was sent; it is sent again", "error", err)
			return
		case <-time.After(wait):
		}
	}
}

// storeTime is for storing how an attempt went: within its lease, with the attempt itself.
const storeTime = 15 * time.Second

// send signs and sends. What tells of a job that has a trace goes as a part of it, and the receiver is told which.
func (d *Deliverer) send(ctx context.Context, c *store.ClaimedDelivery) (o models.DeliveryOutcome) {
	ctx, span := telemetry.Send(ctx, d.cfg.Tracer, c.Trace, "webhook "+string(c.Event.Type))
	defer func() {
		if span.IsRecording() {
			span.SetAttributes(attribute.Int("http.response.status_code", o.Status), attribute.String("neurod.webhook.id", c.Webhook.ID), attribute.Int("neurod.webhook.attempt", c.Attempts))
			if !o.Delivered {
				telemetry.Fail(span, "not_delivered")
			}
		}
		span.End()
	}()
	body, err := Payload(c.Delivery)
	if errors.Is(err, ErrGone) {
		return models.DeliveryOutcome{Error: "what the event tells of has been deleted"}
	}
	if err != nil {
		d.log.Error("an event cannot be written", "event", c.Event.ID, "error", err)
		return models.DeliveryOutcome{Error: "the event cannot be written"}
	}
	now := d.cfg.Now()
	var secrets []string
	for _, sealed := range c.Webhook.Secrets(now) {
		secret, err := d.cfg.Secrets.open(c.Webhook, sealed)
		if err != nil {
			d.log.Error("a secret cannot be opened: the server's signing key has changed since; rotate it", "webhook", c.Webhook.ID)
			continue
		}
		secrets = append(secrets, secret)
	}
	header := http.Header{}
	if err := Sign(header, secrets, c.Event.ID, string(c.Event.Type), now, body); err != nil {
		return models.DeliveryOutcome{Error: "the secret cannot be opened any more, because the server's signing key has changed: rotate it"}
	}
	if t := telemetry.Traceparent(ctx); t != "" {
		header.Set("Traceparent", t)
	}
	// An attempt that runs when the process is to stop may end well.
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After(stopGrace):
			cancel()
		case <-sending.Done():
		}
	})()
	o = d.cfg.Sender.Send(sending, c.Webhook.URL, header, body)
	o.Aborted = !o.Delivered && sending.Err() != nil
	return o
}

// stopGrace is how long attempts may go on when the process stops.
const stopGrace = 3 * time.Second
