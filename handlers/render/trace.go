package render

import (
	"context"
	"net/http"

	"github.com/neurod/neurod/internal/telemetry"
)

// Headers by which an answer says in which trace it was made: the one that W3C has drafted for answers (Trace Context Level 3), and the one
// of requests, which more clients know.
const (
	TraceResponseHeader = "Traceresponse"
	TraceParentHeader   = "Traceparent"
)

// Trace tells in which trace an answer is made, where it is in one.
func Trace(ctx context.Context, h http.Header) {
	if t := telemetry.Traceparent(ctx); t != "" {
		h.Set(TraceResponseHeader, t)
		h.Set(TraceParentHeader, t)
	}
}
