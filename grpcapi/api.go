// Package grpcapi is the gRPC face of neurod, beside package handlers: thin adapters from calls to the use cases of internal/service.
//
// It serves neurascale.v1 (the devices document's NeuralService) and neurod.v1 (sessions and decodes) of api/proto, with health and
// reflection, over gRPC, gRPC-Web and the Connect protocol, on the port of the HTTP API: over TLS, or without (h2c) behind a proxy.
//
// One table (Procedures) says of every call which right it needs, what it counts against and how large its messages may be. Who calls is
// known before a message is read. Errors are those of the one error table: the class of a code is a gRPC code, and the code itself goes in
// the details, as the devices document spells it.
//
// Invariants: no call outside the table; no adapter knows a database, a queue or a decoder; memory and work grow no faster than the bytes
// that were sent; a stream ends when its key is revoked, its member removed, its client gone or too slow, and when the process stops.
package grpcapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/neurod/neurod/api/proto/neurascale/v1/neurascalev1connect"
	"github.com/neurod/neurod/api/proto/neurod/v1/neurodv1connect"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// Accounts establish who a call acts for, as package accounts does.
type Accounts interface {
	AuthenticateKey(ctx context.Context, rawKey string) (models.Principal, error)
	AuthenticateToken(ctx context.Context, token string) (models.Principal, error)
	EnterProject(ctx context.Context, p models.Principal, projectID string) (models.Principal, error)
	ListProjects(ctx context.Context, p models.Principal) ([]accounts.OwnProject, error)
	LooksLikeToken(raw string) bool
}

// Config is what the API is made of.
type Config struct {
	// These are the use cases. Required.
	Accounts Accounts
	Decode   *decoding.Service
	Jobs     *decoding.Jobs
	Sessions *sessions.Service
	Live     *live.Service
	Analysis *analysis.Service
	Devices  *devices.Service
	// Once answers repeated calls. Required.
	Once *service.Once
	// Limits holds callers to rates. Defaults to none.
	Limits *service.Limits
	// Tally counts what projects do. Defaults to none.
	Tally *service.Tally
	// Drained is closed when the process stops: streams then end. Required.
	Drained <-chan struct{}
	// Tracer makes spans of calls. Defaults to none.
	Tracer trace.Tracer
	// Log takes the access log. Defaults to slog.Default().
	Log *slog.Logger
	// Metrics takes the metrics of calls. Defaults to a registry of its own.
	Metrics *prometheus.Registry
	// TrustedProxies are the addresses or networks whose X-Forwarded-For is believed. Defaults to none.
	TrustedProxies []string
	// Origins tells browsers which pages may read an answer (CORS), and reports whether it has answered a request itself: a preflight. Defaults
	// to nobody's.
	Origins func(w http.ResponseWriter, r *http.Request) (preflight bool)
}

// API serves the calls.
type API struct {
	cfg     Config
	proxies []netip.Prefix
	metrics metrics
	mux     *http.ServeMux
	health  *grpchealth.StaticChecker
	errors  *connect.ErrorWriter

	strangers chan struct{} // room for streams that take no credential
}

// New returns the API. The error is about Config.TrustedProxies.
func New(cfg Config) (*API, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	if cfg.Origins == nil {
		cfg.Origins = func(http.ResponseWriter, *http.Request) bool { return false }
	}
	a := &API{cfg: cfg, mux: http.NewServeMux(), metrics: newMetrics(cfg.Metrics), strangers: make(chan struct{}, maxStrangers)}
	for _, text := range cfg.TrustedProxies {
		p, err := network(text)
		if err != nil {
			return nil, fmt.Errorf("grpcapi: trusted proxies: %w", err)
		}
		a.proxies = append(a.proxies, p)
	}
	return a, a.mount()
}

// mount puts every service into the mux.
func (a *API) mount() error {
	options := a.options()
	a.errors = connect.NewErrorWriter(options...)
	a.mux.Handle(neurascalev1connect.NewNeuralServiceHandler(&neuralService{a}, options...))
	a.mux.Handle(neurodv1connect.NewSessionServiceHandler(&sessionService{a}, options...))
	a.mux.Handle(neurodv1connect.NewDecodeServiceHandler(&decodeService{a}, options...))
	var names []string
	for _, d := range services() {
		names = append(names, string(d.FullName()))
	}
	a.health = grpchealth.NewStaticChecker(names...)
	a.mux.Handle(grpchealth.NewHandler(a.health, options...))
	reflector, err := newReflector(append(names, grpchealth.HealthV1ServiceName))
	if err != nil {
		return err
	}
	a.mux.Handle(grpcreflect.NewHandlerV1(reflector, options...))
	a.mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector, options...))
	return nil
}

// options are those of every procedure; each takes its own from its row of the table.
func (a *API) options() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithCodec(protoCodec{}), connect.WithCodec(jsonCodec{"json"}), connect.WithCodec(jsonCodec{"json; charset=utf-8"}),
		connect.WithCompression("gzip", newDecompressor, newCompressor),
		connect.WithCompressMinBytes(compressFrom),
		connect.WithRequestGate(a.gate),
		connect.WithInterceptors(faults{a}),
		connect.WithRecover(a.recovered),
		connect.WithConditionalHandlerOptions(func(spec connect.Spec) []connect.HandlerOption {
			return []connect.HandlerOption{connect.WithReadMaxBytes(procedureOf(spec.Procedure).messageBytes())}
		}),
	}
}

// Handler answers gRPC calls, and leaves all else to next.
func (a *API) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := procedureOf(r.URL.Path)
		switch other := p == nil; {
		case other && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
			next.ServeHTTP(w, r)
		case a.cfg.Origins(w, r): // a preflight
		case other:
			_ = a.errors.Write(w, r, connect.NewError(connect.CodeUnimplemented, fmt.Errorf("there is no procedure %.200q", r.URL.Path))) // a client that has gone cannot be told
		default:
			a.serve(p, w, r)
		}
	})
}

// Drain has health checks say that the process stops.
func (a *API) Drain() {
	for _, d := range services() {
		a.health.SetStatus(string(d.FullName()), grpchealth.StatusNotServing)
	}
	a.health.SetStatus("", grpchealth.StatusNotServing)
}

// Limits of streams.
const (
	// streamWrite is how long a client may take for one message. One that takes longer is dropped.
	streamWrite = 10 * time.Second
	// streamCheck is how often a stream that does not look for itself looks whether its caller may still call.
	streamCheck = 2 * time.Second
	// maxStrangers is how many streams that take no credential (the watch of health, reflection) may be open in a process.
	maxStrangers = 100
	// compressFrom is from how many bytes on answers are compressed for who takes that. Samples and small messages are not worth it.
	compressFrom = 64 << 10
)
