package telemetry

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/models"
)

// TestOffCostsNothing: without a trace no span, no exemplar and no traceparent take memory.
func TestOffCostsNothing(t *testing.T) {
	ctx := models.WithOrigin(t.Context(), models.Origin{RequestID: "r"})
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x"})
	n := testing.AllocsPerRun(100, func() {
		in, span := Start(ctx, "store accept", Client)
		if span.IsRecording() || in != ctx {
			t.Error("a span of no trace")
		}
		Past(in, "claim", Client, time.Time{}, time.Time{})
		Observe(in, seconds, 1)
		if Traceparent(in) != "" || TraceID(in) != "" {
			t.Error("a trace of none")
		}
		End(span, nil)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkOff is what a place that could be traced costs where nothing is.
func BenchmarkOff(b *testing.B) {
	ctx := models.WithOrigin(b.Context(), models.Origin{RequestID: "r"})
	b.ReportAllocs()
	for b.Loop() {
		_, span := Start(ctx, "store accept", Client)
		End(span, nil)
	}
}

// TestCarried: a traceparent is the same after a row has carried it; what is none carries nothing.
func TestCarried(t *testing.T) {
	t.Parallel()
	const given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	if got := Traceparent(Carry(t.Context(), given)); got != given {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"", "x", given[:54], "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "ff" + given[2:]} {
		if got := Traceparent(Carry(t.Context(), bad)); got != "" {
			t.Errorf("%q: %q", bad, got)
		}
	}
	// A trace that came from elsewhere, with nobody here who makes spans, has none.
	if _, span := Start(Carry(t.Context(), given), "x", Internal); span.IsRecording() {
		t.Error("a span without a provider")
	}
}

// TestFaultsAreNamed by what stays the same, and not by their texts.
func TestFaultsAreNamed(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"storage_full":        fmt.Errorf("at: %w", models.NewError(models.StorageFull)),
		"canceled":            fmt.Errorf("at: %w", context.Canceled),
		"timeout":             context.DeadlineExceeded,
		"*errors.errorString": fmt.Errorf("ada@example.org: %w", errors.New("secret")),
	} {
		if got := kindOf(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
