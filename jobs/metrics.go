package jobs

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/models"
)

// metrics are the engine's own counts.
type metrics struct {
	accepted      *prometheus.CounterVec
	replayed      prometheus.Counter
	claimed       *prometheus.CounterVec
	retried       *prometheus.CounterVec
	finished      *prometheus.CounterVec
	lostWorkers   prometheus.Counter
	reconciled    prometheus.Counter
	enqueueFailed prometheus.Counter
	pruned        *prometheus.CounterVec
	waiting       prometheus.Gauge
	waited        prometheus.Histogram
	queued        *prometheus.HistogramVec
}

// latencies are bucket bounds in s, from a wake-up to the longest wait.
var latencies = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "neurod", Subsystem: "jobs", Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "neurod", Subsystem: "jobs", Name: name, Help: help}, labels)
	}
	return &metrics{
		accepted:      vec("accepted_total", "Submissions stored by this process.", "kind"),
		replayed:      counter("replayed_total", "Submissions answered from an idempotency record."),
		claimed:       vec("claimed_total", "Attempts begun by this process.", "kind"),
		retried:       vec("retried_total", "Attempts of this process that ended in a temporary fault.", "kind"),
		finished:      vec("finished_total", "Jobs that this process brought to a final state.", "kind", "state"),
		lostWorkers:   counter("lost_workers_total", "Expired leases found by this process."),
		reconciled:    counter("reconciled_total", "Tasks enqueued by this process's reconciler."),
		enqueueFailed: counter("enqueue_failed_total", "Tasks that could not be enqueued; the reconciler does it later."),
		pruned:        vec("pruned_total", "Rows deleted by retention.", "what"),
		waiting:       prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "neurod", Subsystem: "jobs", Name: "waiting", Help: "Calls that wait for a job."}),
		waited:        prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "neurod", Subsystem: "jobs", Name: "wait_seconds", Help: "Time that waiting calls took.", Buckets: latencies}),
		queued: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "neurod", Subsystem: "jobs", Name: "queued_seconds",
			Help: "Time from accepting a job to its first claim.", Buckets: latencies}, []string{"queue"}),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.accepted, m.replayed, m.claimed, m.retried, m.finished, m.lostWorkers, m.reconciled, m.enqueueFailed,
		m.pruned, m.waiting, m.waited, m.queued}
}

var (
	depthDesc = prometheus.NewDesc("neurod_jobs_unfinished", "Unfinished jobs in the database, without batches themselves.", []string{"queue", "state"}, nil)
	downDesc  = prometheus.NewDesc("neurod_jobs_redis_down_seconds", "For how long Redis has not answered.", nil, nil)
)

// collector adds what is counted when it is asked for.
type collector struct{ e *Engine }

// Collector returns the engine's metrics for Prometheus. Collecting counts the unfinished jobs in the database.
func (e *Engine) Collector() prometheus.Collector { return collector{e} }

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.e.metrics.collectors() {
		m.Describe(ch)
	}
	ch <- depthDesc
	ch <- downDesc
}

// collectTimeout limits the query of one scrape.
const collectTimeout = 2 * time.Second

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	for _, m := range c.e.metrics.collectors() {
		m.Collect(ch)
	}
	ch <- prometheus.MustNewConstMetric(downDesc, prometheus.GaugeValue, c.e.RedisDownFor().Seconds())
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	depths, err := c.e.Depths(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(depthDesc, err)
		return
	}
	for _, d := range depths {
		ch <- prometheus.MustNewConstMetric(depthDesc, prometheus.GaugeValue, float64(d.Queued), d.Queue, string(models.JobQueued))
		ch <- prometheus.MustNewConstMetric(depthDesc, prometheus.GaugeValue, float64(d.Running), d.Queue, string(models.JobRunning))
	}
}

// QueueDepth is how many jobs of a queue are not finished, without batches themselves.
type QueueDepth struct {
	Queue   string
	Queued  int
	Running int
}

// Depths counts the unfinished jobs of every queue in the database, by the queue's name.
func (e *Engine) Depths(ctx context.Context) ([]QueueDepth, error) {
	counted, err := e.store.Depth(ctx, e.bulkKinds())
	if err != nil {
		return nil, err
	}
	var out []QueueDepth
	for _, queue := range slices.Sorted(maps.Keys(Queues())) {
		d := QueueDepth{Queue: queue}
		for _, n := range counted {
			switch {
			case n.Bulk != (queue == BulkQueue):
			case n.State == models.JobQueued:
				d.Queued = n.Jobs
			case n.State == models.JobRunning:
				d.Running = n.Jobs
			}
		}
		out = append(out, d)
	}
	return out, nil
}
