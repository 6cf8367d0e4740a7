package handlers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/models"
)

// seriesOf returns the counters and gauges of a name as its labels' values, with spaces between, and their numbers.
func seriesOf(t *testing.T, reg *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() { // by name
				labels = append(labels, l.GetValue())
			}
			out[strings.Join(labels, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// TestRequestsAreCounted by the route and never by the path, so that no caller makes series.
func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	observe := observer(reg)
	observe(t.Context(), "GET", "/v1/sessions/:id", 200, 3*time.Millisecond)
	observe(t.Context(), "GET", "/v1/sessions/:id", 200, 3*time.Second)
	for i := range 100 {
		observe(t.Context(), fmt.Sprintf("METHOD%d", i), "", 404, time.Millisecond)
	}
	again := observer(reg) // a second API over the same registry counts on
	again(t.Context(), "GET", "/v1/sessions/:id", 404, time.Millisecond)
	want := map[string]float64{"ANY unknown 404": 100, "GET /v1/sessions/:id 200": 2, "GET /v1/sessions/:id 404": 1}
	if d := cmp.Diff(want, seriesOf(t, reg, "neurod_http_requests_total")); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]float64{"unknown": 100, "/v1/sessions/:id": 3}, seriesOf(t, reg, "neurod_http_request_seconds")); d != "" {
		t.Errorf("timed (-want +got):\n%s", d)
	}
}

// TestStreamsAreCounted: one that was refused for want of room is counted as such, one that was opened while it lasts and, by why
// it ended, ever after.
func TestStreamsAreCounted(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := newStreamMetrics(reg)
	m.opened(overEvents, models.NewError(models.TooManyStreams))(nil)
	m.opened(overEvents, models.NewError(models.SessionNotFound))(nil)
	for why, err := range map[string]error{
		"over":    nil,
		"restart": live.ErrDraining,
		"flood":   fmt.Errorf("pings: %w", errFlood),
		"slow":    fmt.Errorf("write: %w", os.ErrDeadlineExceeded),
		"refused": models.NewError(models.InvalidAPIKey),
		"fault":   models.NewError(models.Unavailable),
		"left":    errors.New("connection reset"),
	} {
		ended := m.opened(overWebSocket, nil)
		if open := seriesOf(t, reg, "neurod_streams")[overWebSocket]; open != 1 {
			t.Errorf("%s: %g open", why, open)
		}
		ended(err)
		if got := endOf(err); got != why {
			t.Errorf("%v is %q, want %q", err, got, why)
		}
	}
	m.opened(overWebSocket, nil)(context.DeadlineExceeded)
	want := map[string]float64{"websocket over": 1, "websocket restart": 1, "websocket flood": 1, "websocket slow": 2, "websocket refused": 1, "websocket fault": 1, "websocket left": 1}
	if d := cmp.Diff(want, seriesOf(t, reg, "neurod_streams_ended_total")); d != "" {
		t.Errorf("ended (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]float64{"websocket": 0}, seriesOf(t, reg, "neurod_streams")); d != "" {
		t.Errorf("open (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]float64{"sse": 1}, seriesOf(t, reg, "neurod_streams_refused_total")); d != "" {
		t.Errorf("refused (-want +got):\n%s", d)
	}
}
