// Package handlers is the HTTP face of neurod: thin adapters from requests to the use cases of internal/service.
//
// One table (API.Routes) names every route with its credential, scope and cost; NewRouter mounts exactly that
// table, and the security matrix test walks what was mounted. A handler reads, calls one use case and writes; rules
// and authorization live in the services. Errors are rendered by package render in the family of the path.
//
// Invariants: no route outside the table; no handler knows a database, a queue or a decoder; every answer carries
// X-Request-Id and the security headers.
package handlers

import (
	"context"
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
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// Config is what the API is made of.
type Config struct {
	// Accounts, Decode, Jobs, Sessions and Health are the use cases. Required.
	Accounts *service.Accounts
	Decode   *service.Decode
	Jobs     *service.Jobs
	Sessions *service.Sessions
	Health   service.Health
	// Registry and Analytics are the use cases of models. Required.
	Registry *service.Registry
	// Training is the use cases of making models. Required.
	Training  *service.Training
	Analytics *service.Analytics
	// Once answers repeated calls. Required.
	Once *service.Once
	// Limits holds callers to rates. Defaults to none.
	Limits *service.Limits
	// Quotas tells what projects use. Defaults to none.
	Quotas *service.Quotas
	// Log takes the access log. Defaults to slog.Default().
	Log *slog.Logger
	// Metrics takes the HTTP metrics and is what /metrics shows. Defaults to a registry of its own.
	Metrics *prometheus.Registry
	// Draining reports that the process has begun to stop: /readyz then answers 503. Defaults to never.
	Draining func() bool
	// BodyMemory bounds the memory that large request bodies take together, in bytes; small ones (1 MiB) are not
	// counted. One project has a third of it, or what its largest body takes. Defaults to 256 MiB: the recordings decoded
	// from them take three quarters more.
	BodyMemory int64
	// TrustedProxies are the addresses or networks whose X-Forwarded-For is believed. Defaults to none.
	TrustedProxies []string
	// PublicURL is the address by which clients reach the server: http or https, a host, and a path where a proxy has one in
	// front. Defaults to what their requests say.
	PublicURL string
}

// API holds the handlers.
type API struct {
	cfg  Config
	room *room // Config.BodyMemory

	public  *url.URL       // Config.PublicURL, nil for none
	proxies []netip.Prefix // Config.TrustedProxies
}

// Route is a row of the route table.
type Route struct {
	Method string
	Path   string          // gin pattern
	Auth   middleware.Auth // which credential it takes
	Scope  models.Scope    // which right an API key needs; "" with other credentials
	Cost                   // what a call may cost
	Repeat                 // what a repetition of a call does
	Handle gin.HandlerFunc
}

// Repeat says what a call does that is sent a second time with the Idempotency-Key of the first. Every POST says one of the
// two, or is not mounted.
type Repeat struct {
	// Operation is the scope of the key beside the project or user: the second call gets the answer of the first.
	Operation string
	// Harmless is why the key is not looked at.
	Harmless string
}

// once is for a call that makes something. Its handler runs it in API.once, or hands the key to a use case that stores it.
func once(operation string) Repeat { return Repeat{Operation: operation} }

// harmless is for a call of which a repetition makes nothing twice, and why.
func harmless(why string) Repeat { return Repeat{Harmless: why} }

// safe is for methods that are idempotent by themselves (RFC 9110, section 9.2.2).
var safe = harmless("GET and DELETE")

// complete reports whether the row says what a repetition does.
func (r Route) complete() bool {
	return (r.Operation == "") != (r.Harmless == "") && (r.Method != http.MethodPost || r.Repeat != safe)
}

// media lists the media types that a path takes beside JSON.
var media = map[string][]string{"/v1/sessions/:id/ingest": {octets}, "/v1/sessions/import": importMedia, "/api/v1/models": {octets}}

// Family returns the family in which the route's errors are rendered.
func (r Route) Family() render.Family { return render.FamilyOf(r.Path) }

// probes are the routes by which whoever runs a process sees how it does.
func (a *API) probes() []Route {
	metrics := gin.WrapH(promhttp.HandlerFor(a.cfg.Metrics, promhttp.HandlerOpts{}))
	return []Route{
		{http.MethodGet, "/healthz", middleware.AuthNone, "", bareCost, safe, a.healthz},
		{http.MethodGet, "/readyz", middleware.AuthNone, "", bareCost, safe, a.readyz},
		{http.MethodGet, "/metrics", middleware.AuthNone, "", bareCost, safe, metrics},
	}
}

// Routes is the table of every route there is.
func (a *API) Routes() []Route {
	const none, jwt, key, project = middleware.AuthNone, middleware.AuthJWT, middleware.AuthKey, middleware.AuthProject
	const get, post, del = http.MethodGet, http.MethodPost, http.MethodDelete
	return append([]Route{
		{post, "/api/v1/neuro/decode", key, models.ScopeDecode, decodeCost, once(service.OperationDecode), a.decode},
		{post, "/api/v1/neuro/decode/batch", key, models.ScopeDecode, batchCost, once(service.OperationDecodeBatch), a.decodeBatch},
		{get, "/api/v1/jobs", key, models.ScopeJobsRead, bareCost, safe, a.listJobs},
		{get, "/api/v1/jobs/:id", key, models.ScopeJobsRead, bareCost, safe, a.getJob},
		{post, "/api/v1/jobs/:id/cancel", key, models.ScopeJobsWrite, bareCost, harmless("a canceled job stays canceled"), a.cancelJob},

		{post, "/v1/auth/signup", none, "", smallCost, harmless("an e-mail has one account"), a.signup},
		{post, "/v1/auth/login", none, "", smallCost, harmless("a login is thrown away, and its tokens are not to be kept"), a.login},
		{post, "/v1/auth/refresh", none, "", smallCost, once(service.OperationKeyRefresh), a.refresh},
		{post, "/v1/auth/logout", none, "", smallCost, harmless("a login ends once"), a.logout},
		{post, "/v1/projects", jwt, "", smallCost, once(service.OperationProject), a.createProject},
		{get, "/v1/projects", jwt, "", bareCost, safe, a.listProjects},
		{get, "/v1/projects/:id", jwt, "", bareCost, safe, a.getProject},
		{post, "/v1/projects/:id/keys", jwt, "", smallCost, once(service.OperationKey), a.createKey},
		{get, "/v1/projects/:id/keys", jwt, "", bareCost, safe, a.listKeys},
		{get, "/v1/projects/:id/usage", jwt, "", bareCost, safe, a.projectUsage},
		{del, "/v1/projects/:id/keys/:key_id", jwt, "", bareCost, safe, a.revokeKey},

		{del, "/v1/projects/:id", jwt, "", bareCost, safe, a.deleteProject},
		{post, "/v1/account/password", jwt, "", smallCost, harmless("the old password is good once"), a.changePassword},
		{post, "/v1/account/delete", jwt, "", smallCost, harmless("an account goes once"), a.deleteAccount},

		{get, "/v1/audit", jwt, "", bareCost, safe, a.listAudit},

		{post, "/v1/sessions", project, models.ScopeSessions, smallCost, once(service.OperationSession), a.createSession},
		{post, "/v1/sessions/import", project, models.ScopeSessions, importCost, once(service.OperationImport), a.importSession},
		{get, "/v1/sessions", project, models.ScopeSessions, bareCost, safe, a.listSessions},
		{get, "/v1/sessions/:id", project, models.ScopeSessions, bareCost, safe, a.getSession},
		{post, "/v1/sessions/:id/ingest", project, models.ScopeSessions, ingestCost, once(service.OperationIngest), a.ingest},
		{post, "/v1/sessions/:id/end", project, models.ScopeSessions, smallCost, once(service.OperationEndSession), a.endSession},
		{get, "/v1/sessions/:id/status", project, models.ScopeSessions, bareCost, safe, a.sessionStatus},
		{get, "/v1/sessions/:id/events", project, models.ScopeSessions, bareCost, safe, a.listEvents},
		{post, "/v1/sessions/:id/events", project, models.ScopeSessions, eventsCost, once(service.OperationEvents), a.addEvents},
		{get, "/v1/sessions/:id/features", project, models.ScopeSessions, bareCost, safe, a.features},
		{get, "/v1/sessions/:id/features/stream", project, models.ScopeSessions, bareCost, safe, a.featureStream},
		{get, "/v1/sessions/:id/decodes", project, models.ScopeSessions, bareCost, safe, a.decodes},
		{post, "/v1/sessions/:id/ws-token", project, models.ScopeSessions, bareCost, harmless("nothing is stored; a fresh token is better than an old one"), a.wsToken},
		{get, "/v1/ws", none, "", bareCost, safe, a.ws}, // its credential is the stream token
		{get, "/v1/sessions/:id/export", project, models.ScopeSessions, bareCost, safe, a.export},

		{del, "/v1/users/:external_user_id", key, models.ScopeErase, bareCost, safe, a.eraseUser},

		{get, "/v1/models/list", middleware.AuthQueryKey, models.ScopeCatalogRead, bareCost, safe, a.listRegistry},
		{get, "/v1/models/:name/versions/:version/download", middleware.AuthQueryKey, models.ScopeCatalogRead, bareCost, safe, a.downloadModel},
		{post, "/v1/analytics/log", middleware.AuthBodyKey, "", smallCost, once(service.OperationEvent), a.logEvent},
		{post, "/v1/auth/validate", none, "", smallCost, harmless("it only reads"), a.validateKey}, // what these three are about is the key they are sent
		{post, "/v1/auth/revoke", none, "", smallCost, harmless("a key is revoked once"), a.revokeOwnKey},
		{post, "/v1/installer/github-token", none, "", smallCost, harmless("there is none to be given"), a.installerToken},

		{post, "/api/v1/models", key, models.ScopeCatalogWrite, modelCost, once(service.OperationModel), a.uploadModel},
		{get, "/api/v1/models", key, models.ScopeCatalogRead, bareCost, safe, a.listModels},
		{get, "/api/v1/models/:name", key, models.ScopeCatalogRead, bareCost, safe, a.getModel},
		{del, "/api/v1/models/:name", key, models.ScopeCatalogWrite, bareCost, safe, a.deleteModel},
		{post, "/api/v1/models/:name/rollback", key, models.ScopeCatalogWrite, smallCost, once(service.OperationRollback), a.rollbackModel},
		{post, "/api/v1/models/train", key, models.ScopeCatalogWrite, smallCost, once(service.OperationTrain), a.trainModel},
		{post, "/api/v1/models/:name/calibrate", key, models.ScopeCatalogWrite, smallCost, once(service.OperationCalibrate), a.calibrateModel},

		{get, "/api/health", none, "", bareCost, safe, a.apiHealth},
		{get, "/openapi.yaml", none, "", bareCost, safe, a.openAPI},
		{get, "/openapi.json", none, "", bareCost, safe, a.openAPIJSON},
	}, a.probes()...)
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
	a := &API{cfg: cfg, room: newRoom(size, max(size/3, largest)), proxies: networks(cfg.TrustedProxies)}
	if cfg.PublicURL != "" {
		if u, err := url.Parse(strings.TrimRight(cfg.PublicURL, "/")); err == nil {
			a.public = u
		}
	}
	return a
}

// Engine mounts the route table. The error is about Config.TrustedProxies.
func (a *API) Engine() (*gin.Engine, error) { return a.mount(a.Routes()) }

func (a *API) mount(routes []Route) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false // a redirected POST loses its body in many clients: 404 is clearer
	e.ContextWithFallback = true
	e.UseRawPath = true // an external user id may hold a slash, escaped
	if err := e.SetTrustedProxies(a.cfg.TrustedProxies); err != nil {
		return nil, fmt.Errorf("handlers: trusted proxies: %w", err)
	}
	e.Use(
		middleware.RequestID(),
		middleware.AccessLog(a.cfg.Log, observer(a.cfg.Metrics)),
		middleware.Recover(a.cfg.Log),
		middleware.SecurityHeaders(),
	)
	for _, r := range routes {
		if !r.complete() {
			return nil, fmt.Errorf("handlers: %s %s does not say what a repetition with the same Idempotency-Key does", r.Method, r.Path)
		}
		chain := append(make([]gin.HandlerFunc, 0, 4), door(r.Cost), func(c *gin.Context) { c.Set(operationKey, r.Operation) })
		switch count := a.count(r); {
		case r.Auth == middleware.AuthBodyKey: // the handler authenticates and counts
		case r.Auth != middleware.AuthNone:
			chain = append(chain, middleware.Authenticate(a.cfg.Accounts, r.Auth, r.Scope, service.Authorize, count))
		case count != nil:
			chain = append(chain, middleware.Limit(count))
		}
		if known, checked := r.Parameters(); checked {
			chain = append(chain, checkParameters(known))
		}
		if r.Cost.Body > 0 {
			chain = append(chain, middleware.Prepare(middleware.BodyConfig{Limit: r.Cost.Body, Media: media[r.Path], Unpaced: r.Cost.Unpaced}))
		}
		if compressible[r.Method+" "+r.Path] {
			chain = append(chain, compress())
		}
		e.Handle(r.Method, r.Path, append(chain, r.Handle)...)
	}
	e.NoRoute(func(c *gin.Context) { fail(c, nothingAt(routes, c.Request.URL.Path)) })
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

// count returns what counts the calls of a route, nil where it has no limit.
func (a *API) count(r Route) middleware.Count {
	rule, limited := service.LimitRuleOf(r.Path)
	if a.cfg.Limits == nil || !limited {
		return nil
	}
	return func(c *gin.Context, p models.Principal) (models.Quota, error) {
		if r.Auth != middleware.AuthNone && p.KeyID == "" && p.UserID == "" {
			return a.cfg.Limits.TakeRefused(c.Request.Context(), c.ClientIP())
		}
		return a.cfg.Limits.Take(c.Request.Context(), rule, p, c.ClientIP())
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
	engine, err := a.mount(a.probes())
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
