package middleware

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/telemetry"
)

// Trace makes a span of every request, in the trace of its traceparent, which the answer gives back with the id of the span. Paths without a
// route, which strangers and pages ask for, and quiet routes make none. Of a stream the span lasts as long as the stream.
func Trace(tracer trace.Tracer) gin.HandlerFunc {
	return func(c *gin.Context) {
		route := c.FullPath()
		if route == "" || factsOf(c).Quiet {
			c.Next()
			return
		}
		method := c.Request.Method
		ctx, span := telemetry.Serve(c.Request.Context(), tracer, propagation.HeaderCarrier(c.Request.Header), method+" "+route)
		defer span.End()
		c.Request = c.Request.WithContext(ctx)
		render.Trace(ctx, c.Writer.Header())
		c.Next()
		if !span.IsRecording() {
			return
		}
		status := c.Writer.Status()
		span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
		if p, ok := Principal(c); ok && p.ProjectID != "" {
			span.SetAttributes(attribute.String("neurod.project.id", p.ProjectID))
		}
		fault := failure(c)
		if fault != nil {
			span.SetAttributes(attribute.String("neurod.error.code", string(fault.Code)))
		}
		switch {
		case status < http.StatusInternalServerError: // what clients do wrong is no fault of the server's (semantic conventions for HTTP)
		case fault != nil:
			telemetry.Fail(span, string(fault.Code))
		default:
			telemetry.Fail(span, strconv.Itoa(status))
		}
	}
}
