package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/neurod/neurod/internal/build"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/internal/telemetry/export"
)

// lastSpans is how long a process that has stopped tries to send the spans that are left.
const lastSpans = 5 * time.Second

// openTraces sets up the sending of traces where the settings ask for it. Lines of the log then say in which trace they were written.
func (a *App) openTraces(ctx context.Context) (err error) {
	s := a.settings
	if !s.Traces() {
		return nil
	}
	to, protocol := s.TracesTo()
	a.traces, err = export.Open(ctx, export.Config{Endpoint: to, Protocol: protocol, Sampler: s.TracesSampler, Ratio: s.TracesRatio,
		Instance: a.id, Role: string(a.role), Version: build.Read().Version, Metrics: a.metrics, Log: a.log})
	if err != nil {
		return err
	}
	a.tracer = a.traces.Tracer()
	a.log = slog.New(telemetry.Logged(a.log.Handler()))
	return nil
}

// closeTraces sends what is left. A collector that is away costs the spans, and is no fault of the process that stops.
func (a *App) closeTraces() {
	if a.traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastSpans)
	defer cancel()
	if err := a.traces.Close(ctx); err != nil {
		a.log.Warn("the last traces were not sent", "error", err.Error())
	}
}
