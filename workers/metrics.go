package workers

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// metrics are a server's counts.
type metrics struct {
	running prometheus.Gauge
	seconds *prometheus.HistogramVec
}

func newMetrics() *metrics {
	return &metrics{
		running: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "neurod", Subsystem: "worker", Name: "running", Help: "Handlers that run."}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "neurod", Subsystem: "worker", Name: "run_seconds",
			Help:    "Time from the claim to the stored end of an attempt.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 120}}, []string{"kind", "outcome"}),
	}
}

// observe counts an attempt.
func (m *metrics) observe(ctx context.Context, kind models.JobKind, d time.Duration, err error) {
	outcome := "fault"
	switch {
	case err == nil:
		outcome = "result"
	case errors.As(err, new(*decoders.Error)):
		outcome = "bad_data"
	case errors.As(err, new(panicked)):
		outcome = "panic"
	}
	telemetry.Observe(ctx, m.seconds.WithLabelValues(string(kind), outcome), d.Seconds())
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.running.Describe(ch)
	m.seconds.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.running.Collect(ch)
	m.seconds.Collect(ch)
}
