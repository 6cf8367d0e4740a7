package grpcapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// classCodes are gRPC's codes of the classes of errors.
var classCodes = map[models.Class]connect.Code{
	models.ClassInvalid:         connect.CodeInvalidArgument,
	models.ClassUnauthenticated: connect.CodeUnauthenticated,
	models.ClassForbidden:       connect.CodePermissionDenied,
	models.ClassNotFound:        connect.CodeNotFound,
	models.ClassConflict:        connect.CodeFailedPrecondition,
	models.ClassTooLarge:        connect.CodeResourceExhausted,
	models.ClassUnprocessable:   connect.CodeInvalidArgument,
	models.ClassExhausted:       connect.CodeResourceExhausted,
	models.ClassUnavailable:     connect.CodeUnavailable,
	models.ClassInternal:        connect.CodeInternal,
}

// ownCodes are gRPC's codes where an error's is not that of its class.
var ownCodes = map[models.Code]connect.Code{
	models.IdempotencyKeyInFlight: connect.CodeAborted, // "the client should retry"
}

// codeOf returns gRPC's code of an error.
func codeOf(e *models.Error) connect.Code {
	if c, ok := ownCodes[e.Code]; ok {
		return c
	}
	return classCodes[e.Class()]
}

// errorDomain is what ErrorInfo says that the reasons are of.
const errorDomain = "neurod"

// maxDetails bounds the details of an error, in bytes. They travel in a trailer, in base64, and gRPC's Python takes 8 KiB of trailers.
const maxDetails = 4 << 10

// fault is an error as clients get it: its class as gRPC's code, and in the details its code as the devices document spells it
// (google.rpc.ErrorInfo, whose metadata have the code of our own table, too, and neurascale.v1.Error), wrong fields (BadRequest), when to try again (RetryInfo) and the request's id.
func fault(err error, requestID string, now time.Time) (*connect.Error, *models.Error) {
	var own *connect.Error
	if errors.As(err, &own) {
		return own, nil
	}
	var known *models.Error
	switch {
	case errors.As(err, &known):
	case errors.Is(err, live.ErrDraining):
		known = models.Errorf(models.Unavailable, "The server is about to stop; connect again.").Wrap(err)
		known.RetryAfter = time.Second
	case errors.Is(err, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, errors.New("the deadline of the call has passed")), nil
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, errors.New("the call was canceled")), nil
	default:
		known = models.AsError(err)
	}
	out := connect.NewError(codeOf(known), errors.New(message(known)))
	reason := render.DeviceCode(known.Code)
	left := maxDetails
	add := func(m proto.Message) {
		if n := proto.Size(m); n < left {
			if d, err := connect.NewErrorDetail(m); err == nil {
				left -= n
				out.AddDetail(d)
			}
		}
	}
	add(&errdetails.ErrorInfo{Reason: reason, Domain: errorDomain, Metadata: map[string]string{"code": string(known.Code)}})
	add(&errdetails.RequestInfo{RequestId: requestID})
	if known.RetryAfter > 0 {
		add(&errdetails.RetryInfo{RetryDelay: durationpb.New(known.RetryAfter)})
	}
	add(neuraError(known, requestID, now))
	if len(known.Fields) > 0 {
		bad := &errdetails.BadRequest{}
		size := 0
		for _, f := range models.Bounded(known.Fields) {
			v := &errdetails.BadRequest_FieldViolation{Field: pointer(f.Path), Description: f.Message, Reason: strings.ToUpper(f.Code)}
			if size += proto.Size(v) + 3; size > left-64 {
				break
			}
			bad.FieldViolations = append(bad.FieldViolations, v)
		}
		add(bad)
	}
	return out, known
}

// neuraError is an error as the devices document has it, without its fields.
func neuraError(e *models.Error, requestID string, now time.Time) *neurascalev1.Error {
	return &neurascalev1.Error{Code: render.DeviceCode(e.Code), Message: message(e), Details: structOf(e.Details), RequestId: requestID, Timestamp: render.Timestamp(now)}
}

// pointer writes the path of a wrong field.
func pointer(p models.Path) string { return models.Cut(strictjson.Pointer(p), models.MaxPathBytes) }

// message is the text of an error; the first wrong field is named in it, for who reads only that.
func message(e *models.Error) string {
	if e.Message != "" || len(e.Fields) == 0 {
		return e.Text()
	}
	f := models.Bounded(e.Fields[:1])[0]
	text := e.Text() + " " + strings.TrimSpace(pointer(f.Path)+": "+f.Message)
	if n := len(e.Fields) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return strings.TrimSuffix(text, ".") + "."
}

// structOf returns values as a Struct, nil for none or for what has no form in JSON.
func structOf(values any) *structpb.Struct {
	b, err := json.Marshal(values)
	if err != nil {
		return nil
	}
	return structOfJSON(b)
}

// structOfJSON returns a JSON object as a Struct, nil for what is none.
func structOfJSON(b []byte) *structpb.Struct {
	if len(b) < 3 || b[0] != '{' {
		return nil
	}
	out := &structpb.Struct{}
	if out.UnmarshalJSON(b) != nil {
		return nil
	}
	return out
}

// faults turns errors of calls into gRPC's, and keeps them for the log.
type faults struct{ a *API }

// WrapUnary implements [connect.Interceptor].
func (f faults) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		answer, err := next(ctx, r)
		return answer, f.a.told(ctx, err)
	}
}

// WrapStreamingClient implements [connect.Interceptor].
func (faults) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements [connect.Interceptor].
func (f faults) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return f.a.told(ctx, next(ctx, conn))
	}
}

// told returns an error as the client is told it, nil for none, and keeps it for the log.
func (a *API) told(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	c := callOf(ctx)
	out, known := fault(err, c.requestID, time.Now())
	if known != nil && known.RetryAfter > 0 {
		out.Meta().Set("Retry-After", retrySeconds(known.RetryAfter))
	}
	c.code, c.fault = out.Code(), known
	return out
}

// recovered turns a panic into an internal error and logs its stack.
func (a *API) recovered(ctx context.Context, spec connect.Spec, _ http.Header, v any) error {
	c := callOf(ctx)
	a.cfg.Log.ErrorContext(ctx, "panic in a handler", "request_id", c.requestID, "procedure", spec.Procedure, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	return models.NewError(models.Internal).Wrap(fmt.Errorf("panic: %v", v))
}
