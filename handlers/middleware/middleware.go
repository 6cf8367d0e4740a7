// Package middleware holds what happens around every handler: the request id, the access log, recovery from panics,
// security headers, authentication, rate limits, and limits on bodies before and after decompression.
//
// Invariants: secrets (keys, tokens, query strings, bodies) are never logged; whatever a middleware refuses is
// rendered in the family of the route; authentication and rate limits come before a byte of the body is read.
package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

// Keys under which middleware leaves values in the gin context.
const (
	requestIDKey = "neurod.request_id"
	principalKey = "neurod.principal"
	errorKey     = "neurod.error"
	factsKey     = "neurod.facts"
)

// Facts are what middleware needs to know of the route that a request is for.
type Facts struct {
	Family render.Family // of its errors
	Quiet  bool          // calls are logged at debug level unless they fail
}

// Know leaves the facts of a request's route to what comes behind. It comes first, because whatever fails has a family.
func Know(of func(*gin.Context) Facts) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Set(factsKey, of(c))
		c.Next()
	}
}

// factsOf returns the facts of a request's route.
func factsOf(c *gin.Context) Facts {
	if v, ok := c.Get(factsKey); ok {
		return v.(Facts)
	}
	return Facts{Family: render.FamilyOf(c.Request.URL.Path)}
}

// RequestIDHeader carries the request id in both directions.
const RequestIDHeader = "X-Request-Id"

// RequestID takes over the client's X-Request-Id when it is sane, makes one otherwise, and echoes it. The context of the
// request carries it on, with the client's address, for the audit log.
func RequestID() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.GetHeader(RequestIDHeader)
		if !models.SaneRequestID(id) {
			id = "req_" + models.NewID()
		}
		c.Set(requestIDKey, id)
		c.Header(RequestIDHeader, id)
		c.Request = c.Request.WithContext(models.WithOrigin(c.Request.Context(), models.Origin{Remote: c.ClientIP(), RequestID: id}))
		c.Next()
	}
}

// ID returns the request's id.
func ID(c *gin.Context) string { return c.GetString(requestIDKey) }

// Fail renders an error in the family of the route and ends the request. Internal causes go to the log only.
func Fail(c *gin.Context, err error) { FailIn(c, factsOf(c).Family, err) }

// FailIn is Fail in a family that is not the route's.
func FailIn(c *gin.Context, f render.Family, err error) {
	e := render.Error(f, c.Writer, ID(c), err)
	c.Set(errorKey, e)
	c.Abort()
}

// failure returns the error that Fail rendered, nil when there was none.
func failure(c *gin.Context) *models.Error {
	v, ok := c.Get(errorKey)
	if !ok {
		return nil
	}
	return v.(*models.Error)
}

// Observe is told about every finished request. route is the pattern that matched, "" for none.
type Observe func(ctx context.Context, method, route string, status int, d time.Duration)

// loggedPath is the path of a request. One that names a person is logged as its pattern: a log outlives an erasure.
func loggedPath(c *gin.Context) string {
	if c.Param("external_user_id") != "" {
		return c.FullPath()
	}
	// Where no route matches, as with another method or a letter too many, the path may still name a person.
	logged := c.Request.URL.Path
	if c.FullPath() == "" {
		if i := strings.Index(strings.ToLower(logged), usersPart); i >= 0 {
			logged = logged[:i+len(usersPart)] + ":external_user_id"
		}
	}
	return logged
}

// usersPart precedes a person's id in a path.
const usersPart = "users/"

// AccessLog writes one line a request. The query string is left out: the registry family allows keys in it.
func AccessLog(log *slog.Logger, observe Observe) gin.HandlerFunc {
	return func(c *gin.Context) {
		start := time.Now()
		c.Next()
		d := time.Since(start)
		status := c.Writer.Status()
		if observe != nil {
			observe(c.Request.Context(), c.Request.Method, c.FullPath(), status, d)
		}

		level := slog.LevelInfo
		fault := failure(c)
		switch {
		case status >= http.StatusInternalServerError:
			level = slog.LevelError
		case factsOf(c).Quiet:
			level = slog.LevelDebug
		}
		ctx := c.Request.Context()
		if !log.Enabled(ctx, level) {
			return
		}
		attrs := make([]slog.Attr, 0, 12)
		attrs = append(attrs,
			slog.String("request_id", ID(c)),
			slog.String("method", c.Request.Method),
			slog.String("path", loggedPath(c)),
			slog.Int("status", status),
			slog.Float64("ms", float64(d.Microseconds())/1000),
			slog.Int("bytes", max(c.Writer.Size(), 0)),
			slog.String("remote", c.ClientIP()),
		)
		if p, ok := Principal(c); ok {
			for _, id := range []struct{ name, id string }{{"project_id", p.ProjectID}, {"key_id", p.KeyID}, {"user_id", p.UserID}} {
				if id.id != "" {
					attrs = append(attrs, slog.String(id.name, id.id))
				}
			}
		}
		if fault != nil {
			attrs = append(attrs, slog.String("code", string(fault.Code)))
			if fault.Cause != nil {
				attrs = append(attrs, slog.String("cause", fault.Cause.Error()))
			}
		}
		log.LogAttrs(ctx, level, "request", attrs...)
	}
}

// Recover turns a panic into internal_error and logs its stack. A panic after the answer has begun closes the
// connection, because the client must not take half an answer for a whole one.
func Recover(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			log.ErrorContext(c.Request.Context(), "panic in a handler",
				"request_id", ID(c), "method", c.Request.Method, "route", c.FullPath(),
				"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			Fail(c, models.NewError(models.Internal).Wrap(fmt.Errorf("panic: %v", v)))
		}()
		c.Next()
	}
}

// SecurityHeaders sets what every answer carries. Answers hold tenants' data, so no cache may keep them.
func SecurityHeaders() gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h["X-Content-Type-Options"] = nosniff
		h["X-Frame-Options"] = deny
		h["Referrer-Policy"] = noReferrer
		h["Cache-Control"] = noStore
		h["Content-Security-Policy"] = noContent
		c.Next()
	}
}

// Shared values: a header map takes slices, and these never change.
var (
	nosniff    = []string{"nosniff"}
	deny       = []string{"DENY"}
	noReferrer = []string{"no-referrer"}
	noStore    = []string{"no-store"}
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'"}
)
