package handlers

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/handlers/middleware"
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
	return func(method, route string, status int, d time.Duration) {
		if route == "" {
			route, method = "unknown", "ANY"
		}
		requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
		seconds.WithLabelValues(route).Observe(d.Seconds())
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
