// Package telemetry is how the parts of the service say what they do within a trace (OpenTelemetry): a span each, below the one that the
// context carries.
//
// A trace begins where a call comes in (Serve) or where a worker takes a job that none came with (Resume); everything below begins its spans
// by Start, from the context alone. Nobody else holds a provider, so that without one, or in a trace that is not sampled, nothing is made: a
// span costs a look into the context.
//
// Spans say which code ran, for how long and for which job. They carry no payloads, no texts of statements or errors, no addresses, and
// nothing that callers have named: traces go to systems that an erasure does not reach.
//
// Source: W3C Trace Context (https://www.w3.org/TR/trace-context/), OpenTelemetry's semantic conventions 1.37.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/neurod/neurod/models"
)

// Scope is the name of what makes the spans.
const Scope = "github.com/neurod/neurod"

// Kinds of spans, see [trace.SpanKind].
const (
	Internal = trace.SpanKindInternal
	Client   = trace.SpanKindClient   // waits for another system
	Producer = trace.SpanKindProducer // hands work to a queue
	Consumer = trace.SpanKindConsumer // runs what was queued
	Server   = trace.SpanKindServer   // answers a call
)

// Span is one, see [trace.Span]. What it is to carry is set where IsRecording.
type Span = trace.Span

// none is the span of what is not traced.
var none Span = noop.Span{}

// propagator reads and writes the headers of Trace Context.
var propagator propagation.TraceContext

// Start begins a span below that of ctx, which may have ended. Where that is not sampled it returns ctx and a span that takes nothing. The
// caller ends it.
func Start(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsSampled() {
		return ctx, none
	}
	return tracerOf(parent).Start(ctx, name, trace.WithSpanKind(kind))
}

// Detached begins a trace of its own beside that of ctx, which it is linked to: for one of many calls on a connection that lasts. The sampler
// decides about it anew.
func Detached(ctx context.Context, name string, kind trace.SpanKind) (context.Context, Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, none
	}
	return tracerOf(trace.SpanFromContext(ctx)).Start(ctx, name, trace.WithSpanKind(kind), trace.WithNewRoot(), trace.WithLinks(trace.LinkFromContext(ctx)))
}

// Past records what has ended already, from when to when, below the span of ctx.
func Past(ctx context.Context, name string, kind trace.SpanKind, from, to time.Time, attributes ...attribute.KeyValue) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsSampled() {
		return
	}
	_, span := tracerOf(parent).Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(from), trace.WithAttributes(attributes...))
	span.End(trace.WithTimestamp(to))
}

func tracerOf(s Span) trace.Tracer { return s.TracerProvider().Tracer(Scope) }

// Serve begins the span of a call that came in with headers, in the trace that these name. A nil tracer traces nothing.
func Serve(ctx context.Context, tracer trace.Tracer, headers propagation.TextMapCarrier, name string) (context.Context, Span) {
	if tracer == nil {
		return ctx, none
	}
	return tracer.Start(propagator.Extract(ctx, headers), name, trace.WithSpanKind(Server))
}

// Resume begins the span of work that was accepted in the trace of a traceparent (Traceparent), at a time; "" begins a trace. A nil tracer
// traces nothing.
func Resume(ctx context.Context, tracer trace.Tracer, traceparent, name string, at time.Time) (context.Context, Span) {
	if tracer == nil {
		return ctx, none
	}
	if traceparent != "" {
		ctx = Carry(ctx, traceparent)
	}
	return tracer.Start(ctx, name, trace.WithSpanKind(Consumer), trace.WithTimestamp(at))
}

// Send begins the span of a request to somebody else, about what was accepted in the trace of a traceparent; without one, or with a nil tracer, nothing
// is traced.
func Send(ctx context.Context, tracer trace.Tracer, traceparent, name string) (context.Context, Span) {
	if tracer == nil || traceparent == "" {
		return ctx, none
	}
	return tracer.Start(Carry(ctx, traceparent), name, trace.WithSpanKind(Client))
}

// Current returns the span of a context, one that takes nothing where there is none.
func Current(ctx context.Context) Span { return trace.SpanFromContext(ctx) }

// Below returns a context in which spans begin below one of another context, nil for none: for what goes on when a call has been answered.
func Below(ctx context.Context, span Span) context.Context {
	if span == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, span)
}

// Carry returns a context in the trace of a traceparent; ctx itself where it is none.
func Carry(ctx context.Context, traceparent string) context.Context {
	return propagator.Extract(ctx, propagation.MapCarrier{"traceparent": traceparent})
}

// Traceparent returns the trace and span of a context in the form of the header (Trace Context, 3.2), "" for none.
func Traceparent(ctx context.Context) string {
	c := trace.SpanContextFromContext(ctx)
	if !c.IsValid() {
		return ""
	}
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + (c.TraceFlags() & trace.FlagsSampled).String()
}

// TraceID returns the trace of a context, "" for none.
func TraceID(ctx context.Context) string {
	c := trace.SpanContextFromContext(ctx)
	if !c.IsValid() {
		return ""
	}
	return c.TraceID().String()
}

// End ends a span, as failed where there is an error. Of the error it says the type alone: texts may hold what callers have sent.
func End(span Span, err error) {
	if err != nil && span.IsRecording() {
		Fail(span, kindOf(err))
	}
	span.End()
}

// Fail marks a span as failed, with a word that stays the same for faults of a kind, such as a code.
func Fail(span Span, kind string) {
	if !span.IsRecording() {
		return
	}
	span.SetStatus(codes.Error, "")
	span.SetAttributes(attribute.String("error.type", kind))
}

// kindOf names an error of ours by its code, and any other by the type of the innermost.
func kindOf(err error) string {
	var known *models.Error
	switch {
	case errors.As(err, &known):
		return string(known.Code)
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return fmt.Sprintf("%T", err)
		}
		err = inner
	}
}

// Observe counts a value in a histogram, with the trace of ctx as its exemplar where that is sampled.
func Observe(ctx context.Context, in prometheus.Observer, value float64) {
	c := trace.SpanContextFromContext(ctx)
	if able, ok := in.(prometheus.ExemplarObserver); ok && c.IsSampled() {
		able.ObserveWithExemplar(value, prometheus.Labels{"trace_id": c.TraceID().String()})
		return
	}
	in.Observe(value)
}
