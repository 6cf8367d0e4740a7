// Package handlers is the HTTP face of neurod: thin adapters from requests to the use cases of internal/service.
//
// One table (API.Routes) names every route with its credential, scope and body limit; NewRouter mounts exactly that
// table, and the security matrix test walks what was mounted. A handler reads, calls one use case and writes; rules
// and authorization live in the services. Errors are rendered by package render in the family of the path.
//
// Invariants: no route outside the table; no handler knows a database, a queue or a decoder; every answer carries
// X-Request-Id and the security headers.
package handlers

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

// Config is what the API is made of.
type Config struct {
	// Authenticator turns credentials into principals. Required.
	Authenticator middleware.Authenticator
	// Authorize is the service layer's rule for scopes. Required.
	Authorize func(models.Principal, models.Scope) error
	// Log takes the access log. Defaults to slog.Default().
	Log *slog.Logger
	// Metrics takes the HTTP metrics and is what /metrics shows. Defaults to a registry of its own.
	Metrics *prometheus.Registry
	// Draining is closed when the process begins to stop: /readyz then answers 503 and waiting clients are answered
	// with the job as it stands. Defaults to never.
	Draining <-chan struct{}
}

// API holds the handlers.
type API struct {
	cfg Config
}

// Limits on request bodies, before and after decompression.
const (
	// DecodeBodyLimit fits 32 MiB of samples in base64 (43 MiB) and 5 MiB of events and context beside them.
	DecodeBodyLimit = 48 << 20
	// BatchBodyLimit is for all recordings of a batch together.
	BatchBodyLimit = 64 << 20
	// SmallBodyLimit is for bodies that carry no recording.
	SmallBodyLimit = 64 << 10
)

// Route is a row of the route table.
type Route struct {
	Method string
	Path   string          // gin pattern
	Auth   middleware.Auth // which credential it takes
	Scope  models.Scope    // which right an API key needs; "" with other credentials
	Body   int64           // largest body in bytes; 0 where no body is read
	Handle gin.HandlerFunc
}

// Family returns the family in which the route's errors are rendered.
func (r Route) Family() render.Family { return render.FamilyOf(r.Path) }

// Routes is the table of every route there is.
func (a *API) Routes() []Route {
	return []Route{}
}

// New returns the API. The caller mounts it with Handler.
func New(cfg Config) *API {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	return &API{cfg: cfg}
}

// Engine mounts the route table.
func (a *API) Engine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false // a redirected POST loses its body in many clients: 404 is clearer
	e.ContextWithFallback = true
	_ = e.SetTrustedProxies(nil) // nil cannot fail; the peer's address is what is logged
	e.Use(
		middleware.RequestID(),
		middleware.AccessLog(a.cfg.Log, observer(a.cfg.Metrics)),
		middleware.Recover(a.cfg.Log),
		middleware.SecurityHeaders(),
	)
	for _, r := range a.Routes() {
		chain := make([]gin.HandlerFunc, 0, 3)
		if r.Auth != middleware.AuthNone {
			chain = append(chain, middleware.Authenticate(a.cfg.Authenticator, r.Auth, r.Scope, a.cfg.Authorize))
		}
		if r.Body > 0 {
			chain = append(chain, middleware.Body(r.Body))
		}
		e.Handle(r.Method, r.Path, append(chain, r.Handle)...)
	}
	e.NoRoute(func(c *gin.Context) { fail(c, models.NewError(models.NotFound)) })
	e.NoMethod(func(c *gin.Context) { fail(c, models.NewError(models.MethodNotAllowed)) })
	return e
}

// NewRouter returns the handler of the whole HTTP API.
func NewRouter(cfg Config) http.Handler { return headAsGet(New(cfg).Engine()) }

// headAsGet answers HEAD wherever GET is answered (RFC 9110, 9.1); the server itself drops the body.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			get := *r
			get.Method = http.MethodGet
			r = &get
		}
		next.ServeHTTP(w, r)
	})
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
}

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
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: or(cfg.HeaderTimeout, 5*time.Second),
		ReadTimeout:       or(cfg.ReadTimeout, 120*time.Second),
		WriteTimeout:      or(cfg.WriteTimeout, 210*time.Second),
		IdleTimeout:       or(cfg.IdleTimeout, 120*time.Second),
		MaxHeaderBytes:    cfg.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
