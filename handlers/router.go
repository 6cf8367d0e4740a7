// Package handlers is the HTTP face of neurod: thin adapters from requests to the use cases of internal/service.
//
// One table (API.Routes) says all that is known of every route; NewRouter mounts exactly that table, and the security matrix
// test walks what was mounted. A handler reads, calls one use case and writes; rules and authorization live in the services.
// Errors are rendered by package render in the family of the route.
//
// Invariants: no route outside the table; no handler knows a database, a queue or a decoder; every answer carries
// X-Request-Id and the security headers.
package handlers

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/clients"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/console"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/service/operations"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/service/training"
	"github.com/neurod/neurod/internal/service/webhooks"
	"github.com/neurod/neurod/models"
)

// Config is what the API is made of.
type Config struct {
	// Accounts, Decode, Jobs, Sessions and Health are the use cases. Required.
	Accounts *accounts.Service
	Decode   *decoding.Service
	Jobs     *decoding.Jobs
	Sessions *sessions.Service
	// Live is the use case of following sessions. Required.
	Live *live.Service
	// Analysis is the use cases of what decodes of sessions found. Required.
	Analysis *analysis.Service
	// GraphQL answers at /graphql. Required.
	GraphQL GraphQL
	Health  service.Health
	// Registry and Analytics are the use cases of models. Required.
	Registry *registry.Service
	// Training is the use cases of making models. Required.
	Training  *training.Service
	Analytics *registry.Analytics
	// Webhooks is the use cases of telling others. Required.
	Webhooks *webhooks.Service
	// Devices is the use cases of devices. Required.
	Devices *devices.Service
	// Operations is the use cases of operators. Required.
	Operations *operations.Service
	// Scale tells how many workers the jobs take. Required.
	Scale func(context.Context) (models.Scale, error)
	// Once answers repeated calls. Required.
	Once *service.Once
	// Limits holds callers to rates. Defaults to none.
	Limits *service.Limits
	// Quotas tells what projects use. Defaults to none.
	Quotas *service.Quotas
	// Tally counts what projects do. Defaults to none.
	Tally *service.Tally
	// Log takes the access log. Defaults to slog.Default().
	Log *slog.Logger
	// Tracer makes spans of requests. Defaults to none.
	Tracer trace.Tracer
	// Metrics takes the HTTP metrics and is what /metrics shows. Defaults to a registry of its own.
	Metrics *prometheus.Registry
	// MetricsToken is what /metrics and /metrics/scale ask for. Defaults to asking for nothing.
	MetricsToken string
	// Draining reports that the process has begun to stop: /readyz then answers 503. Defaults to never.
	Draining func() bool
	// BodyMemory bounds the memory that large request bodies take together, in bytes; small ones (1 MiB) are not
	// counted. One project has a third of it, or what its largest body takes. Defaults to 256 MiB: the recordings decoded
	// from them take three quarters more.
	BodyMemory int64
	// Compute is how many large bodies are read at once, beside what else computes. Defaults to no limit.
	Compute *compute.Slots
	// TrustedProxies are the addresses or networks whose X-Forwarded-For is believed. Defaults to none.
	TrustedProxies []string
	// PublicURL is the address by which clients reach the server: http or https, a host, and a path where a proxy has one in
	// front. Defaults to what their requests say.
	PublicURL string
	// Clients are the files at /clients/. Defaults to those that the program carries.
	Clients []clients.File
	// Provider is where people may log in who do not with a password. Defaults to none.
	Provider *Provider
	// Demo tells that the demo account exists. Defaults to false.
	Demo bool
	// Console is the web application at /. Defaults to the one that the program carries.
	Console console.Files
	// Origins are the origins whose pages browsers let use the API; see middleware.NewOrigins. Defaults to none, and to WebSockets from
	// everywhere.
	Origins []string
}

// API holds the handlers.
type API struct {
	cfg  Config
	room *room // Config.BodyMemory

	streams streamMetrics
	topics  topicMetrics

	origins *middleware.Origins // Config.Origins
	public  *url.URL            // Config.PublicURL, nil for none
	proxies []netip.Prefix      // Config.TrustedProxies

	segments map[string]bool // first parts of the API's paths
}

// New returns the API; NewRouter mounts it.
func New(cfg Config) *API {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	if cfg.Draining == nil {
		cfg.Draining = func() bool { return false }
	}
	if cfg.BodyMemory <= 0 {
		cfg.BodyMemory = 256 << 20
	}
	// A single body must always fit.
	const largest = ModelBodyLimit + bodyStep
	size := max(cfg.BodyMemory, largest)
	a := &API{cfg: cfg, room: newRoom(size, max(size/3, largest)), streams: newStreamMetrics(cfg.Metrics), topics: newTopicMetrics(cfg.Metrics), proxies: networks(cfg.TrustedProxies), origins: middleware.NewOrigins(cfg.Origins)}
	a.segments = segments(a.Routes())
	if cfg.PublicURL != "" {
		if u, err := url.Parse(strings.TrimRight(cfg.PublicURL, "/")); err == nil {
			a.public = u
		}
	}
	return a
}

// Engine mounts the route table. The error is about Config.TrustedProxies.
func (a *API) Engine() (*gin.Engine, error) { return a.mount(a.Routes(), true) }

// mount mounts routes, and the console beside them.
func (a *API) mount(routes []Route, pages bool) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false // a redirected POST loses its body in many clients: 404 is clearer
	e.ContextWithFallback = true
	e.UseRawPath = true // an external user id may hold a slash, escaped
	if err := e.SetTrustedProxies(a.cfg.TrustedProxies); err != nil {
		return nil, fmt.Errorf("handlers: trusted proxies: %w", err)
	}
	e.Use(middleware.Know(a.facts()))
	if a.cfg.Tracer != nil {
		e.Use(middleware.Trace(a.cfg.Tracer))
	}
	e.Use(
		middleware.RequestID(),
		middleware.AccessLog(a.cfg.Log, observer(a.cfg.Metrics)),
		middleware.Recover(a.cfg.Log),
		middleware.SecurityHeaders(),
		a.origins.CORS(),
	)
	for _, r := range routes {
		if !r.complete() {
			return nil, fmt.Errorf("handlers: %s %s does not say what a repetition with the same Idempotency-Key does", r.Method, r.Path)
		}
		chain := append(make([]gin.HandlerFunc, 0, 5), func(c *gin.Context) {
			c.Set(routeKey, &r)
			c.Set(slotsKey, a.cfg.Compute)
		}, door(r.Cost))
		switch count := a.count(r); {
		case r.Auth == middleware.AuthBodyKey, r.Auth == middleware.AuthUpgrade: // the handler authenticates and counts
		case r.Auth != middleware.AuthNone:
			chain = append(chain, middleware.Authenticate(a.cfg.Accounts, r.Auth, r.Right, service.Authorize, count, a.cfg.Tally))
		case count != nil:
			chain = append(chain, middleware.Limit(count))
		}
		if known, checked := r.Parameters(); checked {
			chain = append(chain, checkParameters(known))
		}
		if r.OwnPage {
			chain = append(chain, a.ownPage())
		}
		if r.Cost.Body > 0 {
			chain = append(chain, middleware.Prepare(middleware.BodyConfig{Limit: r.Cost.Body, Media: r.Media, Unpaced: r.Cost.Unpaced}))
		}
		if r.Compressed {
			chain = append(chain, compress())
		}
		e.Handle(r.Method, r.Path, append(chain, r.Handle)...)
	}
	e.NoRoute(func(c *gin.Context) {
		if !pages || !a.page(c) {
			fail(c, nothingAt(routes, c.Request.URL.Path))
		}
	})
	e.NoMethod(func(c *gin.Context) { fail(c, models.NewError(render.MethodNotAllowed)) })
	return e, nil
}

// nothingAt is the error of a path that no route has; of one with a slash at its end that has a route without, it says so.
func nothingAt(routes []Route, path string) error {
	bare := strings.TrimRight(path, "/")
	if bare == path || bare == "" || !slices.ContainsFunc(routes, func(r Route) bool { return r.matches(bare) }) {
		return models.NewError(models.NotFound)
	}
	return models.Errorf(models.NotFound, "There is nothing at this path, but there is without the slash at its end.")
}

// matches reports whether a path is one of the route's.
func (r Route) matches(path string) bool {
	pattern, parts := strings.Split(r.Path, "/"), strings.Split(path, "/")
	return len(pattern) == len(parts) && !slices.ContainsFunc(pattern, func(p string) bool {
		part := parts[0]
		parts = parts[1:]
		return p != part && (!strings.HasPrefix(p, ":") || part == "")
	})
}

// facts returns what middleware knows of the route of a request. Errors at a path that no route has, also with another method or
// a slash at its end, are rendered in the family of the route that is nearest.
func (a *API) facts() func(*gin.Context) middleware.Facts {
	type at struct{ method, path string }
	routes := a.Routes()
	matched := make(map[at]middleware.Facts, len(routes))
	families := make(map[string]render.Family, len(routes))
	for _, r := range routes {
		matched[at{r.Method, r.Path}] = middleware.Facts{Family: r.Family, Quiet: r.Quiet}
		families[r.Path] = r.Family
	}
	return func(c *gin.Context) middleware.Facts {
		if f, there := matched[at{c.Request.Method, c.FullPath()}]; there {
			return f
		}
		if f, there := families[strings.TrimSuffix(c.Request.URL.Path, "/")]; there {
			return middleware.Facts{Family: f}
		}
		return middleware.Facts{Family: render.FamilyOf(c.Request.URL.Path)}
	}
}

// count returns what counts the calls of a route, nil where it has no limit.
func (a *API) count(r Route) middleware.Count {
	if a.cfg.Limits == nil || !r.Limit.Limits() {
		return nil
	}
	return func(c *gin.Context, p models.Principal) (models.Quota, error) {
		if r.Auth != middleware.AuthNone && p.KeyID == "" && p.UserID == "" {
			return a.cfg.Limits.TakeRefused(c.Request.Context(), c.ClientIP())
		}
		return a.cfg.Limits.Take(c.Request.Context(), r.Limit, p, c.ClientIP())
	}
}

// NewRouter returns the handler of the whole HTTP API.
func NewRouter(cfg Config) (http.Handler, error) {
	engine, err := New(cfg).Engine()
	if err != nil {
		return nil, err
	}
	return headAsGet(engine), nil
}

// NewProbes returns the handler of a process that serves no API: /healthz, /readyz and /metrics. Of the configuration it
// needs Health.
func NewProbes(cfg Config) (http.Handler, error) {
	a := New(cfg)
	engine, err := a.mount(a.probes(), false)
	if err != nil {
		return nil, err
	}
	return headAsGet(engine), nil
}

// headAsGet answers HEAD wherever GET is answered (RFC 9110, 9.1); the server itself drops the body.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			get := *r.WithContext(context.WithValue(r.Context(), headKey{}, true))
			get.Method = http.MethodGet
			r = &get
		}
		next.ServeHTTP(w, r)
	})
}

// headKey marks, in the context, a request that was HEAD.
type headKey struct{}

// isHead reports whether nobody will read the body: a handler need not make a long one.
func isHead(c *gin.Context) bool {
	head, _ := c.Request.Context().Value(headKey{}).(bool)
	return head
}

// ServerConfig bounds how long a client may take.
type ServerConfig struct {
	// HeaderTimeout is for the request's headers. Defaults to 5 s.
	HeaderTimeout time.Duration
	// ReadTimeout is for the whole request: 48 MiB at 4 Mbit/s take 100 s. Defaults to 120 s.
	ReadTimeout time.Duration
	// WriteTimeout is for reading the body and answering, and must outlast the longest wait for a job (60 s).
	// Defaults to 210 s.
	WriteTimeout time.Duration
	// IdleTimeout closes kept connections. Defaults to 120 s.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds the headers. Defaults to 32 KiB.
	MaxHeaderBytes int
	// Connections bounds the connections of a client. Its listener is Connections.Bound. Defaults to no limit.
	Connections *Connections
	// Certificate is the one that TLS shows a client. Defaults to no TLS.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Challenges is what an authority names in its handshakes (ALPN) to see whether the server is the one that it makes certificates for. Defaults to none.
	Challenges []string
}

// Limits of a connection of HTTP/2, which carries many calls.
const (
	// h2Streams is how many calls of a connection may be under way at once; who has more waits, as HTTP/2 has it.
	h2Streams = 250
	// h2Ping is after how long a silence a client is asked whether it is there, and h2Pong how long it has to answer: a stream may have
	// nothing to say for hours, and a client that was cut off says no word of it.
	h2Ping = 30 * time.Second
	h2Pong = 15 * time.Second
	// h2Write closes a connection to which not a byte could be written for so long.
	h2Write = 30 * time.Second
)

// NewServer returns an HTTP server with every timeout set.
func NewServer(cfg ServerConfig, h http.Handler, log *slog.Logger) *http.Server {
	or := func(d, fallback time.Duration) time.Duration {
		if d > 0 {
			return d
		}
		return fallback
	}
	if cfg.MaxHeaderBytes <= 0 {
		cfg.MaxHeaderBytes = 32 << 10
	}
	if log == nil {
		log = slog.Default()
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: or(cfg.HeaderTimeout, 5*time.Second),
		ReadTimeout:       or(cfg.ReadTimeout, 120*time.Second),
		WriteTimeout:      or(cfg.WriteTimeout, 210*time.Second),
		IdleTimeout:       or(cfg.IdleTimeout, 120*time.Second),
		MaxHeaderBytes:    cfg.MaxHeaderBytes,
		ConnContext:       keepConn,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Protocols:         new(http.Protocols),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: h2Streams, SendPingTimeout: h2Ping, PingTimeout: h2Pong, WriteByteTimeout: h2Write},
	}
	server.Protocols.SetHTTP1(true)
	if certificate := cfg.Certificate; certificate != nil {
		server.Protocols.SetHTTP2(true)
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate, NextProtos: cfg.Challenges}
	} else {
		server.Protocols.SetUnencryptedHTTP2(true) // gRPC without TLS, as behind a proxy: clients that speak HTTP/2 from their first byte on
	}
	if cfg.Connections != nil {
		server.ConnState = cfg.Connections.State
	}
	return server
}
