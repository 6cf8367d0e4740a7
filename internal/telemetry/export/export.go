// Package export sends the spans of the process to a collector (OTLP), in batches beside the work: a collector that is slow or away costs
// spans, never a request.
//
// It is set by the variables of the OpenTelemetry specification; what is not in Config, such as OTEL_EXPORTER_OTLP_HEADERS,
// OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_BSP_* or OTEL_RESOURCE_ATTRIBUTES, the SDK reads from the environment by itself.
package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/neurod/neurod/internal/telemetry"
)

// Config says where spans go, and which.
type Config struct {
	// Endpoint is the URL that spans are sent to. Defaults to the collector on this machine.
	Endpoint string
	// Protocol is telemetry.OverHTTP or OverGRPC. Defaults to OverHTTP.
	Protocol string
	// Sampler is one of telemetry.Samplers. Defaults to parentbased_always_on.
	Sampler string
	// Ratio is the share of traces that the samplers with a ratio take.
	Ratio float64
	// Instance names the process, Role what it does and Version the program.
	Instance, Role, Version string
	// Metrics counts what could not be sent. Defaults to nowhere.
	Metrics prometheus.Registerer
	// Log takes when the collector goes and comes back. Defaults to slog.Default().
	Log *slog.Logger
}

// Traces makes the traces of a process. Close it to send what is left.
type Traces struct{ provider *sdk.TracerProvider }

// Open sets the sending up. It does not wait for the collector, which may come later.
func Open(ctx context.Context, cfg Config) (*Traces, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	client, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	sampler, err := newSampler(cfg)
	if err != nil {
		return nil, err
	}
	to, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attribute.String("service.name", "neurod"), attribute.String("service.version", cfg.Version),
		attribute.String("service.instance.id", cfg.Instance), attribute.String("neurod.role", cfg.Role)), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("telemetry: OTEL_RESOURCE_ATTRIBUTES: %w", err), to.Shutdown(ctx))
	}
	sent := &exporter{SpanExporter: to, log: cfg.Log, lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "neurod_spans_lost_total",
		Help: "Spans of traces that the collector did not take."})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(sent.lost)
	}
	return &Traces{sdk.NewTracerProvider(sdk.WithBatcher(sent), sdk.WithSampler(sampler), sdk.WithResource(about))}, nil
}

// Tracer begins the traces.
func (t *Traces) Tracer() trace.Tracer { return t.provider.Tracer(telemetry.Scope) }

// Close sends what is left, until ctx ends.
func (t *Traces) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

func newClient(cfg Config) (otlptrace.Client, error) {
	switch cfg.Protocol {
	case telemetry.OverHTTP, "":
		var options []otlptracehttp.Option
		if cfg.Endpoint != "" {
			options = append(options, otlptracehttp.WithEndpointURL(cfg.Endpoint))
		}
		return otlptracehttp.NewClient(options...), nil
	case telemetry.OverGRPC:
		var options []otlptracegrpc.Option
		if cfg.Endpoint != "" {
			options = append(options, otlptracegrpc.WithEndpointURL(cfg.Endpoint))
		}
		return otlptracegrpc.NewClient(options...), nil
	}
	return nil, fmt.Errorf("telemetry: the protocol %q is neither %s nor %s", cfg.Protocol, telemetry.OverHTTP, telemetry.OverGRPC)
}

func newSampler(cfg Config) (sdk.Sampler, error) {
	ratio := sdk.TraceIDRatioBased(cfg.Ratio)
	switch cfg.Sampler {
	case "always_on":
		return sdk.AlwaysSample(), nil
	case "always_off":
		return sdk.NeverSample(), nil
	case "traceidratio":
		return ratio, nil
	case "parentbased_always_on", "":
		return sdk.ParentBased(sdk.AlwaysSample()), nil
	case "parentbased_always_off":
		return sdk.ParentBased(sdk.NeverSample()), nil
	case "parentbased_traceidratio":
		return sdk.ParentBased(ratio), nil
	}
	return nil, fmt.Errorf("telemetry: the sampler %q is none of %s", cfg.Sampler, strings.Join(telemetry.Samplers(), ", "))
}

// exporter tells when the collector goes and when it is back, rather than with every batch.
type exporter struct {
	sdk.SpanExporter
	log  *slog.Logger
	lost prometheus.Counter
	away atomic.Bool
}

// ExportSpans implements sdk.SpanExporter. A batch that could not be sent is counted: the error is told once, here.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil:
		e.lost.Add(float64(len(spans)))
		if !e.away.Swap(true) {
			e.log.Warn("traces cannot be sent", "error", err.Error())
		}
	case e.away.Swap(false):
		e.log.Info("traces are sent again")
	}
	return nil
}
