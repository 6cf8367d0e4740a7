package graphqlapi

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"go.opentelemetry.io/otel/attribute"

	"github.com/neurod/neurod/internal/telemetry"
)

// traced makes a span of an operation: below that of its request, or, on a WebSocket, which lasts, in a trace of its own. Of the operation it
// names what the schema does, and no name that a client gave.
func (s *Server) traced(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx).Operation
	begin := telemetry.Start
	if _, socket := ctx.Value(streamsKey{}).(*streams); socket {
		begin = telemetry.Detached
	}
	ctx, span := begin(ctx, "graphql "+string(op.Operation), telemetry.Internal)
	if !span.IsRecording() {
		return next(ctx)
	}
	span.SetAttributes(attribute.String("graphql.operation.type", string(op.Operation)), attribute.StringSlice("neurod.graphql.fields", topFields(op.SelectionSet)))
	respond := next(ctx)
	if op.Operation == ast.Subscription {
		context.AfterFunc(ctx, func() { span.End() })
		return respond
	}
	return func(ctx context.Context) *graphql.Response {
		r := respond(ctx)
		if r != nil && len(r.Errors) > 0 {
			code, _ := r.Errors[0].Extensions["code"].(string)
			telemetry.Fail(span, code)
		}
		span.End()
		return r
	}
}

// topFields are the fields of the schema that an operation asks for, without those in fragments.
func topFields(set ast.SelectionSet) (names []string) {
	for _, selected := range set {
		if f, ok := selected.(*ast.Field); ok {
			names = append(names, f.Name)
		}
	}
	return names
}
