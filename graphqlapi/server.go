// Package graphqlapi is the GraphQL way in: thin, as handlers is. A resolver reads its arguments, calls one use case and wraps what that
// returned (package entity); rules and authorization live in the services, and what one refuses is the error of the field.
//
// Before anything runs, an operation is held to its size, depth, aliases and complexity (Limits), in time that grows with its text and no
// faster: the text is read up to a number of tokens, and validation, which compares fields with each other, comes after. What it may cost is
// counted against a rate, weighted by complexity.
//
// Errors carry the codes of the devices' document in extensions, with details and the request's id.
package graphqlapi

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/neurod/neurod/graphqlapi/entity"
	"github.com/neurod/neurod/graphqlapi/generated"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// Config is what the API is made of.
type Config struct {
	// The use cases. Required.
	Sessions Sessions
	Devices  Devices
	Analyses Analyses
	Decode   Decode
	Training Training
	Jobs     Jobs
	Registry Registry
	Live     Live
	Once     Once
	// Take counts an operation as n against the rate of queries. Defaults to no limit.
	Take func(ctx context.Context, p models.Principal, n int) (models.Quota, error)
	// Limits are what an operation may ask for. Defaults to DefaultLimits.
	Limits Limits
	// NoIntrospection refuses questions about the schema.
	NoIntrospection bool
	// Drained is closed when the process stops. Defaults to never.
	Drained <-chan struct{}
	// LoaderWait is how long the first that asks for something waits for others. Defaults to 1 ms.
	LoaderWait time.Duration
	// Log takes what went wrong inside. Defaults to slog.Default().
	Log *slog.Logger
}

// Server answers operations. It is safe for concurrent use.
type Server struct {
	cfg    Config
	exec   *executor.Executor
	schema *ast.Schema
}

// keptQueries and keptDocuments are how many texts of persisted queries and how many read operations are kept.
const (
	keptQueries   = 200
	keptDocuments = 500
)

// New returns a server.
func New(cfg Config) *Server {
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits()
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Server{cfg: cfg}
	es := generated.NewExecutableSchema(generated.Config{Resolvers: &resolvers{s}, Complexity: complexities()})
	s.schema = es.Schema()
	s.exec = executor.New(es)
	s.exec.SetQueryCache(lru.New[*ast.QueryDocument](keptDocuments))
	s.exec.SetErrorPresenter(s.present)
	s.exec.SetRecoverFunc(s.recovered)
	s.exec.SetParserTokenLimit(cfg.Limits.Tokens)
	s.exec.Use(extension.AutomaticPersistedQuery{Cache: lru.New[string](keptQueries)})
	s.exec.Use(&door{s})
	s.exec.Use(extension.FixedComplexityLimit(cfg.Limits.Complexity))
	s.exec.Use(&counter{s})
	if !cfg.NoIntrospection {
		s.exec.Use(extension.Introspection{})
	}
	s.exec.AroundOperations(s.traced)
	s.exec.AroundOperations(s.bounded)
	s.exec.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		return next(entity.WithLoaders(ctx, s.loaders(ctx)))
	})
	return s
}

func (s *Server) loaders(ctx context.Context) *entity.Loaders {
	return entity.NewLoaders(entity.LoadersConfig{Sessions: s.cfg.Sessions, Devices: s.cfg.Devices, Analyses: s.cfg.Analyses, Wait: s.cfg.LoaderWait}, principal(ctx))
}

// caller is who an operation acts for.
type caller struct {
	p         models.Principal
	requestID string
	reads     bool // of a request that may only read
	room      models.Room
	idem      service.Idempotency
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

func principal(ctx context.Context) models.Principal { return callerOf(ctx).p }

// Request is a request over HTTP, once its credential is known.
type Request struct {
	Principal models.Principal
	RequestID string
	Body      []byte // of POST
	// Room is asked for the memory of a recording that a decode takes from a session. Defaults to all.
	Room models.Room
	// Idempotency is the key of POST, empty for none, with the fingerprint of the body.
	Idempotency service.Idempotency
}

// The media types of answers.
const (
	plainType    = "application/json; charset=utf-8"
	responseType = "application/graphql-response+json"
)

// Answer answers a request: POST with a body of JSON, or GET with a query.
func (s *Server) Answer(w http.ResponseWriter, r *http.Request, in Request) {
	modern := prefersResponse(r.Header.Values("Accept"))
	ctx := withCaller(r.Context(), caller{p: in.Principal, requestID: in.RequestID, reads: r.Method != http.MethodPost, room: in.Room, idem: in.Idempotency})
	params, err := s.params(r, in.Body)
	if err != nil {
		s.write(w, modern, http.StatusBadRequest, s.exec.DispatchError(graphql.WithOperationContext(ctx, &graphql.OperationContext{}), gqlerror.List{asGraphQL(err)}))
		return
	}
	params.Headers = r.Header
	ctx = graphql.StartOperationTrace(ctx)
	operation, faults := s.exec.CreateOperationContext(ctx, params)
	ctx = graphql.WithOperationContext(ctx, operation)
	if len(faults) > 0 {
		s.write(w, modern, s.refusal(w, faults, modern), s.exec.DispatchError(ctx, faults))
		return
	}
	if callerOf(ctx).reads && operation.Operation.Operation != ast.Query {
		w.Header().Set("Allow", http.MethodPost)
		e := models.Errorf(render.MethodNotAllowed, "GET takes queries only; send a %s with POST.", operation.Operation.Operation)
		s.write(w, modern, http.StatusMethodNotAllowed, s.exec.DispatchError(ctx, gqlerror.List{asGraphQL(e)}))
		return
	}
	if operation.Operation.Operation == ast.Subscription {
		e := models.Errorf(models.InvalidRequestBody, "Subscriptions come over a WebSocket at this path, by graphql-transport-ws.")
		s.write(w, modern, http.StatusBadRequest, s.exec.DispatchError(ctx, gqlerror.List{asGraphQL(e)}))
		return
	}
	responses, ctx := s.exec.DispatchOperation(ctx, operation)
	s.write(w, modern, http.StatusOK, responses(ctx))
}

// refusal is the status of an operation that was not run. Clients that ask for plain JSON get 200 for what is wrong with the operation, as
// the specification of GraphQL over HTTP has it, because they cannot tell otherwise whose answer it is.
func (s *Server) refusal(w http.ResponseWriter, faults gqlerror.List, modern bool) int {
	for _, f := range faults {
		if e, known := asError(f); known {
			if e.RetryAfter > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
			}
			render.Quota(w.Header(), e.Quota)
			if e.Code == models.RateLimited {
				return render.Status(e)
			}
		}
	}
	if modern {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// params reads what is to be run.
func (s *Server) params(r *http.Request, body []byte) (*graphql.RawParams, error) {
	p := &graphql.RawParams{}
	if r.Method != http.MethodPost {
		q := r.URL.Query()
		p.Query, p.OperationName = q.Get("query"), q.Get("operationName")
		for name, to := range map[string]*map[string]any{"variables": &p.Variables, "extensions": &p.Extensions} {
			text := q.Get(name)
			if text == "" {
				continue
			}
			if err := strictjson.Check([]byte(text)); err != nil || decode([]byte(text), to) != nil {
				return nil, &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At(name), Code: "type", Message: "must be a JSON object"}}}
			}
		}
	} else {
		if err := readParams(body, p); err != nil {
			return nil, err
		}
	}
	if p.Query == "" && p.Extensions["persistedQuery"] == nil {
		return nil, models.InvalidField(models.At("query"), "required", "is required: the operation")
	}
	return p, nil
}

func readParams(body []byte, p *graphql.RawParams) error {
	if len(body) == 0 {
		return models.Errorf(models.InvalidRequestBody, "The request body is empty; this call takes a JSON object with the member query.")
	}
	if err := strictjson.Check(body); err != nil {
		return models.Errorf(models.InvalidRequestBody, "The request body is not acceptable JSON: %v.", err)
	}
	if trimmed := bytes.TrimSpace(body); trimmed[0] != '{' {
		return models.Errorf(models.InvalidRequestBody, "The request body must be one JSON object: send one operation a request.")
	}
	var doc struct {
		Query         json.RawMessage `json:"query"`
		OperationName json.RawMessage `json:"operationName"`
		Variables     json.RawMessage `json:"variables"`
		Extensions    json.RawMessage `json:"extensions"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return models.Errorf(models.InvalidRequestBody, "The request body is not acceptable JSON.")
	}
	e := models.NewError(models.InvalidRequestBody)
	member := func(name, what string, text json.RawMessage, to any) {
		if len(text) > 0 && decode(text, to) != nil {
			e.Fields = append(e.Fields, models.FieldError{Path: models.At(name), Code: "type", Message: "must be " + what})
		}
	}
	member("query", "a text", doc.Query, &p.Query)
	member("operationName", "a text", doc.OperationName, &p.OperationName)
	member("variables", "an object", doc.Variables, &p.Variables)
	member("extensions", "an object", doc.Extensions, &p.Extensions)
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// decode reads JSON with its numbers as they are written: those of a sample do not pass through another form.
func decode(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(to)
}

// prefersResponse reports whether a client takes the newer media type at least as gladly as plain JSON.
func prefersResponse(accept []string) bool {
	quality := map[string]float64{}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if text, given := params["q"]; given {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		quality[media] = max(quality[media], q)
	}
	return quality[responseType] > 0 && quality[responseType] >= quality["application/json"]
}

func (s *Server) write(w http.ResponseWriter, modern bool, status int, answer *graphql.Response) {
	if answer == nil {
		answer = &graphql.Response{}
	}
	var document any = answer
	if len(answer.Data) == 0 { // nothing was run: there is no data, not even null
		document = struct {
			Errors     gqlerror.List  `json:"errors"`
			Extensions map[string]any `json:"extensions,omitempty"`
		}{answer.Errors, answer.Extensions}
	}
	b, err := json.Marshal(document)
	if err != nil {
		s.cfg.Log.Error("a GraphQL answer cannot be written", "error", err)
		status, b = http.StatusInternalServerError, []byte(`{"errors":[{"message":"Something went wrong on our side.","extensions":{"code":"INTERNAL_ERROR"}}]}`)
	}
	media := plainType
	if modern {
		media = responseType + "; charset=utf-8"
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Add("Vary", "Accept")
	h.Set("Content-Length", strconv.Itoa(len(b)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that has gone away cannot be told so
}
