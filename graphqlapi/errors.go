package graphqlapi

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

// asGraphQL carries an error through the executor, which presents it at its end.
func asGraphQL(err error) *gqlerror.Error {
	code, message, _ := render.Told(render.GraphQL, models.AsError(err))
	return &gqlerror.Error{Err: err, Message: message, Extensions: map[string]any{"code": code}}
}

// Errors of these codes say that an operation was not run: on a connection they are an error of it, and not its answer.
func init() {
	for _, code := range []models.Code{models.QueryTooComplex, models.RateLimited, models.InvalidRequestBody} {
		name, _, _ := render.Told(render.GraphQL, models.NewError(code))
		errcode.RegisterErrorType(name, errcode.KindProtocol)
	}
	errcode.RegisterErrorType("COMPLEXITY_LIMIT_EXCEEDED", errcode.KindProtocol)
}

// asError returns the error of the table that a GraphQL error carries, and false for one of the executor's own.
func asError(err error) (*models.Error, bool) {
	var known *models.Error
	return known, errors.As(err, &known)
}

// present writes an error: its code and details as the devices' document has them. What is not of the table is an error of the operation,
// whose text is the executor's, or else ours and nobody's business.
func (s *Server) present(ctx context.Context, err error) *gqlerror.Error {
	var told *gqlerror.Error
	if !errors.As(err, &told) {
		told = &gqlerror.Error{Err: err, Path: graphql.GetPath(ctx)}
	}
	out := &gqlerror.Error{Message: told.Message, Path: told.Path, Locations: told.Locations, Extensions: map[string]any{}, Rule: told.Rule}
	for k, v := range told.Extensions {
		out.Extensions[k] = v
	}
	e, known := asError(err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e = models.NewError(models.Unavailable)
	case !known && told.Err == nil, !known && out.Extensions["code"] != nil, !known && told.Rule != "":
		if out.Extensions["code"] == nil {
			out.Extensions["code"] = "GRAPHQL_VALIDATION_FAILED"
		}
		return stamped(ctx, out)
	case !known:
		s.cfg.Log.ErrorContext(ctx, "a GraphQL field failed", "error", err.Error(), "path", told.Path.String())
		e = models.NewError(models.Internal)
	case e.Class().Ours():
		s.cfg.Log.ErrorContext(ctx, "a GraphQL field failed", "error", err.Error(), "code", string(e.Code), "path", told.Path.String())
	}
	code, message, details := render.Told(render.GraphQL, e)
	out.Message = message
	out.Extensions["code"], out.Extensions["details"] = code, details
	if e.RetryAfter > 0 {
		out.Extensions["retry_after"] = int((e.RetryAfter + time.Second - 1) / time.Second)
	}
	return stamped(ctx, out)
}

// stamped adds what every error says.
func stamped(ctx context.Context, e *gqlerror.Error) *gqlerror.Error {
	e.Extensions["timestamp"] = render.Timestamp(time.Now())
	if id := callerOf(ctx).requestID; id != "" {
		e.Extensions["request_id"] = id
	}
	return e
}

// recovered makes an error of a panic.
func (s *Server) recovered(ctx context.Context, v any) error {
	s.cfg.Log.ErrorContext(ctx, "a GraphQL field panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	return models.NewError(models.Internal)
}
