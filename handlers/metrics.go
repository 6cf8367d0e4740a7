package handlers

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// observer counts and times requests by route. Unknown paths share one label, so that callers cannot make series.
func observer(reg *prometheus.Registry) middleware.Observe {
	requests := register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "neurod_http_requests_total",
		Help: "HTTP requests answered, by method, route and status.",
	}, []string{"method", "route", "status"}))
	seconds := register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "neurod_http_request_seconds",
		Help:    "Time from the request's headers to the end of its answer, in seconds, by route.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"route"}))
	return func(ctx context.Context, method, route string, status int, d time.Duration) {
		if route == "" {
			route, method = "unknown", "ANY"
		}
		requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
		telemetry.Observe(ctx, seconds.WithLabelValues(route), d.Seconds())
	}
}

// Transports of live streams.
const (
	overWebSocket = "websocket"
	overEvents    = "sse"
	overTopics    = "topics" // the WebSocket on which many sessions are followed
)

// streamMetrics count live streams by the transport that they take.
type streamMetrics struct {
	open    *prometheus.GaugeVec
	refused *prometheus.CounterVec
	ended   *prometheus.CounterVec
}

func newStreamMetrics(reg *prometheus.Registry) streamMetrics {
	return streamMetrics{
		open: register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "neurod_streams",
			Help: "Live streams that are open, by transport.",
		}, []string{"transport"})),
		refused: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "neurod_streams_refused_total",
			Help: "Live streams refused because a key or a project had as many as it may have, by transport.",
		}, []string{"transport"})),
		ended: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "neurod_streams_ended_total",
			Help: "Live streams that have ended, by transport and why: over, left, slow, flood, restart, refused or fault.",
		}, []string{"transport", "why"})),
	}
}

// opened counts a stream that was asked for, and returns what counts its end where there is one.
func (m streamMetrics) opened(transport string, err error) (ended func(error)) {
	if err != nil {
		if models.AsError(err).Code == models.TooManyStreams {
			m.refused.WithLabelValues(transport).Inc()
		}
		return func(error) {}
	}
	m.open.WithLabelValues(transport).Inc()
	return func(err error) {
		m.open.WithLabelValues(transport).Dec()
		m.ended.WithLabelValues(transport, endOf(err)).Inc()
	}
}

// topicMetrics count what is sent to those who subscribe.
type topicMetrics struct {
	sent    *prometheus.CounterVec
	dropped prometheus.Counter
	delay   prometheus.Histogram
}

func newTopicMetrics(reg *prometheus.Registry) topicMetrics {
	return topicMetrics{
		sent: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "neurod_topic_messages_total",
			Help: "Messages with data sent to subscriptions, by topic.",
		}, []string{"topic"})),
		dropped: register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "neurod_topic_dropped_samples_total",
			Help: "Samples, a channel, that were left out because a subscriber was too slow.",
		})),
		delay: register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "neurod_topic_delay_seconds",
			Help:    "Time from the taking in of samples to their being sent to a subscriber.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		})),
	}
}

// register returns the collector, or the one that is registered under its name already.
func register[C prometheus.Collector](reg *prometheus.Registry, c C) C {
	if err := reg.Register(c); err != nil {
		var already prometheus.AlreadyRegisteredError
		if errors.As(err, &already) {
			if old, ok := already.ExistingCollector.(C); ok {
				return old
			}
		}
	}
	return c
}
