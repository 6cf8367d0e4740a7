package webhooks

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/models"
)

// metrics of sending. Labels name no project, host or webhook: there may be any number.
type metrics struct {
	attempts *prometheus.CounterVec
	seconds  prometheus.Histogram
	finished *prometheus.CounterVec
	disabled prometheus.Counter
}

func newMetrics() *metrics {
	return &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "neurod_webhook_attempts_total",
			Help: "Attempts to deliver an event, by its type and the class of the answer (2xx to 5xx, none)."}, []string{"event", "answer"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "neurod_webhook_attempt_seconds",
			Help: "How long attempts took.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 12)}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "neurod_webhook_deliveries_total",
			Help: "Deliveries that have ended, by state (delivered, failed)."}, []string{"state"}),
		disabled: prometheus.NewCounter(prometheus.CounterOpts{Name: "neurod_webhooks_disabled_total",
			Help: "Webhooks that were disabled because nothing could be delivered for days, or because the receiver said that it is gone."}),
	}
}

func (m *metrics) observe(t models.WebhookEventType, o models.DeliveryOutcome) {
	answer := "none"
	if o.Status > 0 {
		answer = strconv.Itoa(o.Status/100) + "xx"
	}
	m.attempts.WithLabelValues(string(t), answer).Inc()
	m.seconds.Observe(o.Duration.Seconds())
}

func (m *metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.attempts.Collect(ch)
	m.seconds.Collect(ch)
	m.finished.Collect(ch)
	m.disabled.Collect(ch)
}
