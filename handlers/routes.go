package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/oidc"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/service/training"
	"github.com/neurod/neurod/internal/service/webhooks"
	"github.com/neurod/neurod/models"
)

// Route is a row of the route table: all that is known of a route before its handler runs. Whatever else says something about
// routes, the server, the document, the access log, the families of errors, derives it from here or is held to it by a test.
type Route struct {
	Method string
	Path   string // gin pattern
	ID     string // operationId in api/openapi.yaml
	Handle gin.HandlerFunc

	Access                   // who may call
	Limit  service.LimitRule // what calls count against. Defaults to nothing
	Cost                     // what a call may cost
	Media  []string          // media types that the body may have beside JSON. Defaults to none
	Repeat                   // what a repetition of a call does

	// Params are the query parameters that the route takes; see takes. One of another name is refused, because the answer
	// without it would be another one than was asked for. Defaults to not looking at them: what an import takes is in its
	// form, and some routes are called by machines that may add what they like.
	Params []string
	// Family is the shape of the route's errors. Required.
	Family render.Family
	// OwnPage routes are called by pages of this server alone, whose cookie is their credential; see API.ownPage.
	OwnPage bool
	// Compressed answers go with gzip to clients that take it: long lists and documents. Left out are answers that hold a
	// secret (keys, tokens, signed links), whose length would tell of it beside what a caller chooses (Gluck, Harris, Prado,
	// "BREACH: reviving the CRIME attack", 2013); streams, whose messages must not wait; downloads, which come in ranges and
	// under their checksum; and exports, which tell a break in the middle from the end.
	Compressed bool
	// Quiet routes are called every few seconds by machines; calls are logged at debug level unless they fail.
	Quiet bool
}

// Access says which credential a route takes and which right it needs.
type Access struct {
	Auth  middleware.Auth
	Right models.Right // "" where a user acts beside projects
}

// The ways to be let in.
var (
	open     = Access{Auth: middleware.AuthNone}
	user     = Access{Auth: middleware.AuthJWT}
	operator = Access{middleware.AuthOperator, models.RightServer}
)

func member(r models.Right) Access   { return Access{middleware.AuthMember, r} }
func project(r models.Right) Access  { return Access{middleware.AuthProject, r} }
func queryKey(r models.Right) Access { return Access{middleware.AuthQueryKey, r} }
func bodyKey(r models.Right) Access  { return Access{middleware.AuthBodyKey, r} }

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

// severalValues marks, behind its name, a parameter that may be in a query more than once.
const severalValues = "..."

// takes lists the parameters of a query; none where the list is empty.
func takes(list ...string) []string { return append([]string{}, list...) }

// complete reports whether the row says what a repetition does.
func (r Route) complete() bool {
	return (r.Operation == "") != (r.Harmless == "") && (r.Method != http.MethodPost || r.Repeat != safe)
}

// Parameters returns the query parameters that a route takes, and false where it does not look at them.
func (r Route) Parameters() ([]string, bool) { return r.Params, r.Params != nil }

// routeKey is where the row of a request's route is in the gin context.
const routeKey = "neurod.route"

// routeOf returns the row of the route that a request is for.
func routeOf(c *gin.Context) *Route {
	v, _ := c.Get(routeKey)
	r, ok := v.(*Route)
	if !ok {
		return &Route{}
	}
	return r
}

const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete

// The families of errors, see package render.
const envelope, problem = render.Envelope, render.Problem

// probes are the routes by which whoever runs a process sees how it does.
func (a *API) probes() []Route {
	metrics := gin.WrapH(promhttp.HandlerFor(a.cfg.Metrics, promhttp.HandlerOpts{EnableOpenMetrics: true})) // who asks for OpenMetrics gets the exemplars, too
	return []Route{
		{Method: get, Path: "/healthz", ID: "healthz", Handle: a.healthz,
			Access: open, Cost: bareCost, Repeat: safe, Family: envelope, Quiet: true},
		{Method: get, Path: "/readyz", ID: "readyz", Handle: a.readyz,
			Access: open, Cost: bareCost, Repeat: safe, Family: envelope, Quiet: true},
		{Method: get, Path: "/metrics", ID: "metrics", Handle: a.measured(metrics),
			Access: open, Cost: bareCost, Repeat: safe, Family: envelope, Quiet: true},
	}
}

// Routes is the table of every route there is.
func (a *API) Routes() []Route {
	return append([]Route{
		{Method: post, Path: "/api/v1/neuro/decode", ID: "decode", Handle: a.decode,
			Access: project(models.RightDecode), Limit: service.LimitDecode, Cost: decodeCost, Repeat: once(decoding.OperationDecode),
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/neuro/decode/batch", ID: "decodeBatch", Handle: a.decodeBatch,
			Access: project(models.RightDecode), Limit: service.LimitDecode, Cost: batchCost, Repeat: once(decoding.OperationDecodeBatch),
			Params: takes(), Family: envelope},
		{Method: get, Path: "/api/v1/jobs", ID: "listJobs", Handle: a.listJobs,
			Access: project(models.RightJobsRead), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes("state...", "kind...", "limit", "cursor", "parent_id", "created_before", "created_after"), Family: envelope, Compressed: true},
		{Method: get, Path: "/api/v1/jobs/:id", ID: "getJob", Handle: a.getJob,
			Access: project(models.RightJobsRead), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes("wait_for_completion", "timeout_seconds", "include...", "expand...", "fields..."), Family: envelope, Compressed: true},
		{Method: post, Path: "/api/v1/jobs/:id/cancel", ID: "cancelJob", Handle: a.cancelJob,
			Access: project(models.RightJobsWrite), Limit: service.LimitDecode, Cost: bareCost, Repeat: harmless("a canceled job stays canceled"),
			Params: takes(), Family: envelope},

		{Method: get, Path: "/api/v1/jobs/:id/attempts", ID: "jobAttempts", Handle: a.jobAttempts,
			Access: project(models.RightJobsRead), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},

		{Method: post, Path: "/api/v1/jobs/:id/run-again", ID: "runAgain", Handle: a.runAgain,
			Access: project(models.RightDecode), Limit: service.LimitDecode, Cost: smallCost, Repeat: once(decoding.OperationRunAgain),
			Params: takes(), Family: envelope},

		{Method: post, Path: "/v1/auth/signup", ID: "signup", Handle: a.signup,
			Access: open, Limit: service.LimitAddress, Cost: smallCost, Repeat: harmless("an e-mail has one account"),
			Family: problem},
		{Method: post, Path: "/v1/auth/login", ID: "login", Handle: a.login,
			Access: open, Limit: service.LimitAddress, Cost: smallCost, Repeat: harmless("one login more does no harm, and its tokens must not be kept"),
			Family: problem},
		{Method: post, Path: "/v1/auth/refresh", ID: "refresh", Handle: a.refresh,
			Access: open, Limit: service.LimitRefresh, Cost: smallCost, Repeat: once(accounts.OperationKeyRefresh),
			Family: render.Registry},
		{Method: post, Path: "/v1/auth/logout", ID: "logout", Handle: a.logout,
			Access: open, Limit: service.LimitAddress, Cost: smallCost, Repeat: harmless("a login ends once"),
			Family: problem},
		{Method: post, Path: "/v1/auth/browser/signup", ID: "browserSignup", Handle: a.browserSignup,
			Access: open, Limit: service.LimitAddress, Cost: smallCost, Repeat: harmless("an e-mail has one account"),
			Params: takes(), OwnPage: true, Family: problem},
		{Method: post, Path: "/v1/auth/browser/login", ID: "browserLogin", Handle: a.browserLogin,
			Access: open, Limit: service.LimitAddress, Cost: smallCost, Repeat: harmless("one login more does no harm, and its tokens must not be kept"),
			Params: takes(), OwnPage: true, Family: problem},
		{Method: post, Path: "/v1/auth/browser/refresh", ID: "browserRefresh", Handle: a.browserRefresh,
			Access: open, Limit: service.LimitBrowser, Cost: bareCost, Repeat: harmless("a page that did not get the answer asks again"),
			Params: takes(), OwnPage: true, Family: problem},
		{Method: post, Path: "/v1/auth/browser/logout", ID: "browserLogout", Handle: a.browserLogout,
			Access: open, Limit: service.LimitBrowser, Cost: bareCost, Repeat: harmless("a login ends once"),
			Params: takes(), OwnPage: true, Family: problem},
		{Method: get, Path: "/v1/auth/oidc/login", ID: "oidcLogin", Handle: a.oidcLogin,
			Access: open, Limit: service.LimitAddress, Cost: bareCost, Repeat: safe,
			Params: takes("to", "page", "invitation"), Family: problem},
		{Method: get, Path: oidc.CallbackPath, ID: "oidcCallback", Handle: a.oidcCallback,
			Access: open, Limit: service.LimitAddress, Cost: bareCost, Repeat: harmless("an attempt is good once"),
			Family: problem},
		{Method: get, Path: "/v1/account", ID: "account", Handle: a.account,
			Access: user, Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: post, Path: "/v1/account/logout", ID: "logoutEverywhere", Handle: a.logoutEverywhere,
			Access: user, Limit: service.LimitAccounts, Cost: bareCost, Repeat: harmless("a login ends once"),
			Params: takes(), Family: problem},
		{Method: post, Path: "/v1/projects", ID: "createProject", Handle: a.createProject,
			Access: user, Limit: service.LimitAccounts, Cost: smallCost, Repeat: once(accounts.OperationProject),
			Family: problem},
		{Method: get, Path: "/v1/projects", ID: "listProjects", Handle: a.listProjects,
			Access: user, Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: get, Path: "/v1/projects/:id", ID: "getProject", Handle: a.getProject,
			Access: member(models.RightProjectRead), Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: post, Path: "/v1/projects/:id/keys", ID: "createKey", Handle: a.createKey,
			Access: member(models.RightKeys), Limit: service.LimitAccounts, Cost: smallCost, Repeat: once(accounts.OperationKey),
			Family: problem},
		{Method: get, Path: "/v1/projects/:id/keys", ID: "listKeys", Handle: a.listKeys,
			Access: member(models.RightKeys), Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: get, Path: "/v1/projects/:id/usage", ID: "projectUsage", Handle: a.projectUsage,
			Access: member(models.RightUsage), Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: get, Path: "/v1/projects/:id/retention", ID: "projectRetention", Handle: a.projectRetention,
			Access: member(models.RightRetention), Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: patch, Path: "/v1/projects/:id/retention", ID: "changeRetention", Handle: a.changeRetention,
			Access: member(models.RightRetention), Limit: service.LimitAccounts, Cost: smallCost, Repeat: harmless("the times are those that were given last"),
			Params: takes(), Family: problem},
		{Method: del, Path: "/v1/projects/:id/keys/:key_id", ID: "revokeKey", Handle: a.revokeKey,
			Access: user, Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem}, // RightKeys; the use case asks, for which a key of no project of the user's is no key

		{Method: get, Path: "/v1/projects/:id/members", ID: "listMembers", Handle: a.listMembers,
			Access: member(models.RightProjectRead), Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: patch, Path: "/v1/projects/:id/members/:user_id", ID: "changeRole", Handle: a.changeRole,
			Access: member(models.RightMembers), Limit: service.LimitAccounts, Cost: smallCost, Repeat: harmless("the role is the one that was given last"),
			Params: takes(), Family: problem},
		{Method: del, Path: "/v1/projects/:id/members/:user_id", ID: "removeMember", Handle: a.removeMember,
			Access: member(models.RightProjectRead), Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem}, // to go oneself; to remove others takes RightMembers
		{Method: post, Path: "/v1/projects/:id/invitations", ID: "invite", Handle: a.invite,
			Access: member(models.RightMembers), Limit: service.LimitAccounts, Cost: smallCost, Repeat: once(accounts.OperationInvitation),
			Family: problem},
		{Method: get, Path: "/v1/projects/:id/invitations", ID: "listInvitations", Handle: a.listInvitations,
			Access: member(models.RightMembers), Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: del, Path: "/v1/projects/:id/invitations/:invitation_id", ID: "revokeInvitation", Handle: a.revokeInvitation,
			Access: member(models.RightMembers), Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: post, Path: "/v1/invitations/accept", ID: "acceptInvitation", Handle: a.acceptInvitation,
			Access: user, Limit: service.LimitAccounts, Cost: smallCost, Repeat: once(accounts.OperationAcceptInvitation),
			Family: problem},

		{Method: del, Path: "/v1/projects/:id", ID: "deleteProject", Handle: a.deleteProject,
			Access: member(models.RightProjectDelete), Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: post, Path: "/v1/account/password", ID: "changePassword", Handle: a.changePassword,
			Access: user, Limit: service.LimitAccounts, Cost: smallCost, Repeat: harmless("the old password is good once"),
			Family: problem},
		{Method: post, Path: "/v1/account/delete", ID: "deleteAccount", Handle: a.deleteAccount,
			Access: user, Limit: service.LimitAccounts, Cost: smallCost, Repeat: harmless("an account goes once"),
			Family: problem},

		{Method: get, Path: "/v1/audit", ID: "listAudit", Handle: a.listAudit,
			Access: user, Limit: service.LimitAccounts, Cost: bareCost, Repeat: safe,
			Params: takes("action", "limit", "cursor"), Family: problem, Compressed: true},

		{Method: post, Path: "/v1/sessions", ID: "createSession", Handle: a.createSession,
			Access: project(models.RightSessionsWrite), Limit: service.LimitSessions, Cost: smallCost, Repeat: once(sessions.OperationCreate),
			Params: takes(), Family: problem},
		{Method: post, Path: "/v1/sessions/import", ID: "importSession", Handle: a.importSession,
			Access: project(models.RightSessionsWrite), Limit: service.LimitSessions, Cost: importCost, Media: importMedia, Repeat: once(sessions.OperationImport),
			Family: problem},
		{Method: get, Path: "/v1/sessions", ID: "listSessions", Handle: a.listSessions,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes("ingestion_mode", "external_user_id", "limit", "cursor"), Family: problem, Compressed: true},
		{Method: get, Path: "/v1/sessions/:id", ID: "getSession", Handle: a.getSession,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: post, Path: "/v1/sessions/:id/ingest", ID: "ingest", Handle: a.ingest,
			Access: project(models.RightSessionsWrite), Limit: service.LimitSessions, Cost: ingestCost, Media: []string{octets}, Repeat: once(sessions.OperationIngest),
			Params: takes("batch_id", "t0_unix_ms", "first_sample", "unit", "encoding", "clock"), Family: problem},
		{Method: post, Path: "/v1/sessions/:id/end", ID: "endSession", Handle: a.endSession,
			Access: project(models.RightSessionsWrite), Limit: service.LimitSessions, Cost: smallCost, Repeat: once(sessions.OperationEnd),
			Params: takes(), Family: problem},
		{Method: get, Path: "/v1/sessions/:id/status", ID: "sessionStatus", Handle: a.sessionStatus,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem, Compressed: true},
		{Method: get, Path: "/v1/sessions/:id/events", ID: "listEvents", Handle: a.listEvents,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "after"), Family: problem, Compressed: true},
		{Method: post, Path: "/v1/sessions/:id/events", ID: "addEvents", Handle: a.addEvents,
			Access: project(models.RightSessionsWrite), Limit: service.LimitSessions, Cost: eventsCost, Repeat: once(sessions.OperationEvents),
			Params: takes(), Family: problem},
		{Method: patch, Path: "/v1/sessions/:id/events/:seq", ID: "changeEvent", Handle: a.changeEvent,
			Access: project(models.RightSessionsWrite), Limit: service.LimitSessions, Cost: smallCost, Repeat: harmless("the event is as it was said last"),
			Params: takes(), Family: problem},
		{Method: del, Path: "/v1/sessions/:id/events/:seq", ID: "deleteEvent", Handle: a.deleteEvent,
			Access: project(models.RightSessionsWrite), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},
		{Method: get, Path: "/v1/sessions/:id/event-changes", ID: "eventChanges", Handle: a.eventChanges,
			Access: project(models.RightSessionsRead), Limit: service.LimitSamples, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "after"), Family: problem, Compressed: true},
		{Method: get, Path: "/v1/sessions/:id/features", ID: "features", Handle: a.features,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "after_ms", "only_passed", "order"), Family: problem, Compressed: true},
		{Method: get, Path: "/v1/sessions/:id/features/latest", ID: "latestFeatures", Handle: a.latestFeatures,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes("only_passed"), Family: problem},
		{Method: get, Path: "/v1/sessions/:id/features/stream", ID: "featureStream", Handle: a.featureStream,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes("after_seq"), Family: problem},
		{Method: get, Path: "/v1/sessions/:id/decodes", ID: "decodes", Handle: a.decodes,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "after_ms", "order"), Family: problem, Compressed: true},
		{Method: post, Path: "/v1/sessions/:id/ws-token", ID: "wsToken", Handle: a.wsToken,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: harmless("nothing is stored; a fresh token is better than an old one"),
			Params: takes(), Family: problem},
		{Method: get, Path: "/v1/ws", ID: "followSession", Handle: a.ws,
			Access: open, Limit: service.LimitStreams, Cost: bareCost, Repeat: safe,
			Params: takes("session_id", "ws_token", "after_seq"), Family: problem}, // its credential is the stream token
		{Method: get, Path: "/v1/sessions/:id/samples", ID: "viewSamples", Handle: a.viewSamples,
			Access: project(models.RightSessionsRead), Limit: service.LimitSamples, Cost: bareCost, Repeat: safe,
			Params: takes("start", "end", "channels...", "points", "format"), Family: problem, Compressed: true},
		{Method: get, Path: "/ws", ID: "followAll", Handle: a.followAll,
			Access: open, Limit: service.LimitStreams, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: render.Devices}, // its credential comes in a message
		{Method: get, Path: "/v1/sessions/:id/export", ID: "export", Handle: a.export,
			Access: project(models.RightSessionsRead), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes("format", "limit", "offset", "include_raw", "only_passed"), Family: problem},

		{Method: del, Path: "/v1/users/:external_user_id", ID: "eraseUser", Handle: a.eraseUser,
			Access: project(models.RightErase), Limit: service.LimitSessions, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: problem},

		{Method: get, Path: "/v1/models/list", ID: "listRegistry", Handle: a.listRegistry,
			Access: queryKey(models.RightCatalogRead), Limit: service.LimitRegistryList, Cost: bareCost, Repeat: safe,
			Params: takes("api_key", "paradigm", "type"), Family: render.Registry},
		{Method: get, Path: "/v1/models/:name/versions/:version/download", ID: "downloadModel", Handle: a.downloadModel,
			Access: queryKey(models.RightCatalogRead), Limit: service.LimitRegistry, Cost: bareCost, Repeat: safe,
			Params: takes("api_key", "token"), Family: render.Registry},
		{Method: post, Path: "/v1/analytics/log", ID: "logEvent", Handle: a.logEvent,
			Access: bodyKey(models.RightAnalytics), Limit: service.LimitAnalyticsLog, Cost: smallCost, Repeat: once(registry.OperationEvent),
			Family: render.Registry},
		{Method: post, Path: "/v1/auth/validate", ID: "validateKey", Handle: a.validateKey,
			Access: open, Limit: service.LimitKeyValidation, Cost: smallCost, Repeat: harmless("it only reads"),
			Family: render.Registry}, // what these three are about is the key they are sent
		{Method: post, Path: "/v1/auth/revoke", ID: "revokeOwnKey", Handle: a.revokeOwnKey,
			Access: open, Limit: service.LimitKeyRevocation, Cost: smallCost, Repeat: harmless("a key is revoked once"),
			Family: render.Registry},
		{Method: post, Path: "/v1/installer/github-token", ID: "installerToken", Handle: a.installerToken,
			Access: open, Limit: service.LimitInstaller, Cost: smallCost, Repeat: harmless("it never gives a token"),
			Family: render.Registry},
		// The wrapper that installs the registry's own client asks without the version.
		{Method: post, Path: "/auth/validate", ID: "validateKeyUnversioned", Handle: a.validateKey,
			Access: open, Limit: service.LimitKeyValidation, Cost: smallCost, Repeat: harmless("it only reads"),
			Family: render.Registry},
		{Method: post, Path: "/auth/refresh", ID: "refreshUnversioned", Handle: a.refresh,
			Access: open, Limit: service.LimitRefresh, Cost: smallCost, Repeat: once(accounts.OperationKeyRefresh + "_unversioned"),
			Family: render.Registry},
		{Method: post, Path: "/auth/revoke", ID: "revokeOwnKeyUnversioned", Handle: a.revokeOwnKey,
			Access: open, Limit: service.LimitKeyRevocation, Cost: smallCost, Repeat: harmless("a key is revoked once"),
			Family: render.Registry},
		{Method: post, Path: "/installer/github-token", ID: "installerTokenUnversioned", Handle: a.installerToken,
			Access: open, Limit: service.LimitInstaller, Cost: smallCost, Repeat: harmless("there is none to be given"),
			Family: render.Registry},

		{Method: post, Path: "/api/v1/models", ID: "uploadModel", Handle: a.uploadModel,
			Access: project(models.RightCatalogWrite), Limit: service.LimitDecode, Cost: modelCost, Media: []string{octets}, Repeat: once(registry.OperationModel),
			Family: envelope},
		{Method: get, Path: "/api/v1/models", ID: "listModels", Handle: a.listModels,
			Access: project(models.RightCatalogRead), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope, Compressed: true},
		{Method: get, Path: "/api/v1/models/:name", ID: "getModel", Handle: a.getModel,
			Access: project(models.RightCatalogRead), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope, Compressed: true},
		{Method: del, Path: "/api/v1/models/:name", ID: "deleteModel", Handle: a.deleteModel,
			Access: project(models.RightCatalogWrite), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/models/:name/rollback", ID: "rollbackModel", Handle: a.rollbackModel,
			Access: project(models.RightCatalogWrite), Limit: service.LimitDecode, Cost: smallCost, Repeat: once(registry.OperationRollback),
			Family: envelope},
		{Method: post, Path: "/api/v1/models/train", ID: "trainModel", Handle: a.trainModel,
			Access: project(models.RightCatalogWrite), Limit: service.LimitDecode, Cost: smallCost, Repeat: once(training.OperationTrain),
			Family: envelope},
		{Method: post, Path: "/api/v1/models/:name/calibrate", ID: "calibrateModel", Handle: a.calibrateModel,
			Access: project(models.RightCatalogWrite), Limit: service.LimitDecode, Cost: smallCost, Repeat: once(training.OperationCalibrate),
			Family: envelope},

		{Method: post, Path: "/api/v1/webhooks", ID: "createWebhook", Handle: a.createWebhook,
			Access: project(models.RightWebhooksWrite), Limit: service.LimitDecode, Cost: smallCost, Repeat: once(webhooks.OperationCreate),
			Params: takes(), Family: envelope},
		{Method: get, Path: "/api/v1/webhooks", ID: "listWebhooks", Handle: a.listWebhooks,
			Access: project(models.RightWebhooksRead), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope, Compressed: true},
		{Method: get, Path: "/api/v1/webhooks/:id", ID: "getWebhook", Handle: a.getWebhook,
			Access: project(models.RightWebhooksRead), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},
		{Method: patch, Path: "/api/v1/webhooks/:id", ID: "changeWebhook", Handle: a.changeWebhook,
			Access: project(models.RightWebhooksWrite), Limit: service.LimitDecode, Cost: smallCost, Repeat: harmless("it is as it was said last"),
			Params: takes(), Family: envelope},
		{Method: del, Path: "/api/v1/webhooks/:id", ID: "deleteWebhook", Handle: a.deleteWebhook,
			Access: project(models.RightWebhooksWrite), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/webhooks/:id/rotate", ID: "rotateWebhook", Handle: a.rotateWebhook,
			Access: project(models.RightWebhooksWrite), Limit: service.LimitDecode, Cost: smallCost, Repeat: once(webhooks.OperationRotate),
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/webhooks/:id/test", ID: "testWebhook", Handle: a.testWebhook,
			Access: project(models.RightWebhooksWrite), Limit: service.LimitDecode, Cost: smallCost, Repeat: once(webhooks.OperationTest),
			Params: takes(), Family: envelope},
		{Method: get, Path: "/api/v1/webhooks/:id/deliveries", ID: "listDeliveries", Handle: a.listDeliveries,
			Access: project(models.RightWebhooksRead), Limit: service.LimitDecode, Cost: bareCost, Repeat: safe,
			Params: takes("state", "limit", "cursor"), Family: envelope, Compressed: true},
		{Method: post, Path: "/api/v1/webhooks/:id/deliveries/:delivery_id/redeliver", ID: "redeliver", Handle: a.redeliver,
			Access: project(models.RightWebhooksWrite), Limit: service.LimitDecode, Cost: smallCost, Repeat: once(webhooks.OperationRedeliver),
			Params: takes(), Family: envelope},

		{Method: post, Path: "/v2/auth/login", ID: "loginDevices", Handle: a.login,
			Access: open, Limit: service.LimitAddress, Cost: smallCost, Repeat: harmless("one login more does no harm, and its tokens must not be kept"),
			Family: render.Devices},
		{Method: post, Path: "/v2/auth/refresh", ID: "refreshDevices", Handle: a.refreshLogin,
			Access: open, Limit: service.LimitRefresh, Cost: smallCost, Repeat: harmless("a refresh token is good once"),
			Family: render.Devices},
		{Method: post, Path: "/v2/auth/logout", ID: "logoutDevices", Handle: a.logout,
			Access: open, Limit: service.LimitAddress, Cost: smallCost, Repeat: harmless("a login ends once"),
			Family: render.Devices},
		{Method: get, Path: "/v2/devices", ID: "listDevices", Handle: a.listDevices,
			Access: project(models.RightDevicesRead), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes("status", "type", "search", "page", "size"), Family: render.Devices, Compressed: true},
		{Method: post, Path: "/v2/devices", ID: "createDevice", Handle: a.createDevice,
			Access: project(models.RightDevicesManage), Limit: service.LimitDevices, Cost: smallCost, Repeat: once(devices.OperationCreate),
			Params: takes(), Family: render.Devices},
		{Method: get, Path: "/v2/devices/discover", ID: "discoverDevices", Handle: a.discoverDevices,
			Access: project(models.RightDevicesUse), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: render.Devices},
		{Method: get, Path: "/v2/devices/:id", ID: "getDevice", Handle: a.getDevice,
			Access: project(models.RightDevicesRead), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: render.Devices},
		{Method: patch, Path: "/v2/devices/:id", ID: "changeDevice", Handle: a.changeDevice,
			Access: project(models.RightDevicesManage), Limit: service.LimitDevices, Cost: smallCost, Repeat: harmless("it is as it was said last"),
			Params: takes(), Family: render.Devices},
		{Method: del, Path: "/v2/devices/:id", ID: "deleteDevice", Handle: a.deleteDevice,
			Access: project(models.RightDevicesManage), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: render.Devices},
		{Method: patch, Path: "/v2/devices/:id/config", ID: "configureDevice", Handle: a.configureDevice,
			Access: project(models.RightDevicesUse), Limit: service.LimitDevices, Cost: smallCost, Repeat: harmless("it is as it was said last"),
			Params: takes(), Family: render.Devices},
		{Method: post, Path: "/v2/devices/:id/stream/start", ID: "startStream", Handle: a.startStream,
			Access: project(models.RightDevicesUse), Limit: service.LimitDevices, Cost: smallCost, Repeat: once(devices.OperationStart),
			Params: takes(), Family: render.Devices},
		{Method: post, Path: "/v2/devices/:id/stream/stop", ID: "stopStream", Handle: a.stopStream,
			Access: project(models.RightDevicesUse), Limit: service.LimitDevices, Cost: smallCost, Repeat: harmless("a stream ends once"),
			Params: takes(), Family: render.Devices},
		{Method: get, Path: "/v2/devices/:id/impedance", ID: "deviceImpedance", Handle: a.deviceImpedance,
			Access: project(models.RightDevicesUse), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: render.Devices},
		{Method: post, Path: "/v2/devices/:id/check", ID: "checkDevice", Handle: a.checkDevice,
			Access: project(models.RightDevicesUse), Limit: service.LimitDevices, Cost: smallCost, Repeat: harmless("it only measures"),
			Params: takes(), Family: render.Devices},
		{Method: post, Path: "/v2/agents/:name/sync", ID: "syncAgent", Handle: a.syncAgent,
			Access: project(models.RightDevicesRun), Limit: service.LimitDevices, Cost: smallCost, Repeat: harmless("it says how things stand, and is told the same again"),
			Params: takes(), Family: render.Devices},

		// Each field asks for its own right, and what an operation counts as follows from what it asks for.
		{Method: post, Path: "/graphql", ID: "graphql", Handle: a.graphql,
			Access: project(""), Cost: graphqlCost, Repeat: harmless("an operation is no request of its own: mutations that make something twice make two"),
			Params: takes(), Family: render.GraphQL, Compressed: true},
		{Method: get, Path: "/graphql", ID: "graphqlQuery", Handle: a.graphqlGet,
			Access: Access{Auth: middleware.AuthUpgrade}, Cost: Cost{Query: importQueryLimit}, Repeat: safe,
			Params: takes("query", "operationName", "variables", "extensions"), Family: render.GraphQL},
		{Method: post, Path: "/v2/sessions", ID: "createRecordedSession", Handle: a.createRecorded,
			Access: project(models.RightSessionsWrite), Limit: service.LimitDevices, Cost: smallCost, Repeat: once(sessions.OperationCreate + "_v2"),
			Params: takes(), Family: render.Devices},
		{Method: get, Path: "/v2/sessions", ID: "listRecordedSessions", Handle: a.listRecorded,
			Access: project(models.RightSessionsRead), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "offset", "status", "patient_id", "device_id", "tag...", "search", "protocol"), Family: render.Devices, Compressed: true},
		{Method: get, Path: "/v2/sessions/:id", ID: "getRecordedSession", Handle: a.getRecorded,
			Access: project(models.RightSessionsRead), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: render.Devices},
		{Method: patch, Path: "/v2/sessions/:id", ID: "changeRecordedSession", Handle: a.changeRecorded,
			Access: project(models.RightSessionsWrite), Limit: service.LimitDevices, Cost: smallCost, Repeat: harmless("it is as it was said last"),
			Params: takes(), Family: render.Devices},
		{Method: del, Path: "/v2/sessions/:id", ID: "deleteRecordedSession", Handle: a.deleteRecorded,
			Access: project(models.RightErase), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: render.Devices},
		{Method: get, Path: "/v2/sessions/:id/recordings", ID: "listRecordings", Handle: a.listRecordings,
			Access: project(models.RightSessionsRead), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "offset"), Family: render.Devices, Compressed: true},
		{Method: get, Path: "/v2/data/timeseries", ID: "timeseries", Handle: a.timeseries,
			Access: project(models.RightSessionsRead), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes("session_id", "start", "end", "channels...", "format", "limit"), Family: render.Devices},
		{Method: post, Path: "/v2/data/export", ID: "exportRecordedSession", Handle: a.exportRecorded,
			Access: project(models.RightSessionsRead), Limit: service.LimitDevices, Cost: smallCost, Repeat: harmless("it only reads"),
			Params: takes(), Family: render.Devices},
		{Method: get, Path: "/v2/data/stream/:id", ID: "dataStream", Handle: a.dataStream,
			Access: project(models.RightSessionsRead), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes("decimate"), Family: render.Devices},
		{Method: post, Path: "/v2/analysis/sessions/:id/analyze", ID: "analyzeSession", Handle: a.analyze,
			Access: project(models.RightDecode), Limit: service.LimitDevices, Cost: smallCost, Repeat: once(analysis.Operation),
			Params: takes(), Family: render.Devices},
		{Method: get, Path: "/v2/analysis/results/:id", ID: "analysisResult", Handle: a.analysisResult,
			Access: project(models.RightJobsRead), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: render.Devices, Compressed: true},
		{Method: get, Path: "/v2/analysis/models", ID: "analysisModels", Handle: a.analysisModels,
			Access: project(models.RightCatalogRead), Limit: service.LimitDevices, Cost: bareCost, Repeat: safe,
			Params: takes("model_type"), Family: render.Devices, Compressed: true},
		{Method: post, Path: "/v2/analysis/models/deploy", ID: "deployModel", Handle: a.deployModel,
			Access: project(models.RightCatalogWrite), Limit: service.LimitDevices, Cost: smallCost, Repeat: harmless("the version is the one that was deployed last"),
			Params: takes(), Family: render.Devices},

		{Method: get, Path: "/api/v1/admin/queues", ID: "adminQueues", Handle: a.adminQueues,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/admin/queues/:queue/pause", ID: "pauseQueue", Handle: a.pauseQueue(true),
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: harmless("a queue is paused once"),
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/admin/queues/:queue/resume", ID: "resumeQueue", Handle: a.pauseQueue(false),
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: harmless("a queue goes on once"),
			Params: takes(), Family: envelope},
		{Method: get, Path: "/api/v1/admin/stats", ID: "adminStats", Handle: a.adminStats,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes("period", "queue", "kind"), Family: envelope, Compressed: true},
		{Method: get, Path: "/api/v1/admin/workers", ID: "adminWorkers", Handle: a.adminWorkers,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope, Compressed: true},
		{Method: get, Path: "/api/v1/admin/scale", ID: "adminScale", Handle: a.adminScale,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "cursor"), Family: envelope},
		{Method: get, Path: "/api/v1/admin/jobs", ID: "adminJobs", Handle: a.adminJobs,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: append(takes("id", "limit", "cursor"), jobFilterParams...), Family: envelope, Compressed: true},
		{Method: get, Path: "/api/v1/admin/jobs/:id", ID: "adminJob", Handle: a.adminJob,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/admin/jobs/:id/retry", ID: "adminRetryJob", Handle: a.actOnJob(models.VerbRetry),
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: harmless("a job is made again once"),
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/admin/jobs/:id/cancel", ID: "adminCancelJob", Handle: a.actOnJob(models.VerbCancel),
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: harmless("a canceled job stays canceled"),
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/admin/jobs/:id/discard", ID: "adminDiscardJob", Handle: a.actOnJob(models.VerbDiscard),
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: harmless("a job is discarded once"),
			Params: takes(), Family: envelope},
		{Method: get, Path: "/api/v1/admin/dead-letters", ID: "adminDeadLetters", Handle: a.adminDeadLetters,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/admin/actions", ID: "startAction", Handle: a.startAction,
			Access: operator, Limit: service.LimitAdmin, Cost: smallCost, Repeat: harmless("what one has done the next finds done"),
			Params: takes(), Family: envelope},
		{Method: get, Path: "/api/v1/admin/actions", ID: "listActions", Handle: a.listActions,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "cursor"), Family: envelope, Compressed: true},
		{Method: get, Path: "/api/v1/admin/actions/:id", ID: "getAction", Handle: a.getAction,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},
		{Method: post, Path: "/api/v1/admin/actions/:id/cancel", ID: "cancelAction", Handle: a.cancelAction,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: harmless("an action ends once"),
			Params: takes(), Family: envelope},
		{Method: get, Path: "/api/v1/admin/load", ID: "adminLoad", Handle: a.adminLoad,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes("limit"), Family: envelope},
		{Method: get, Path: "/api/v1/admin/system", ID: "adminSystem", Handle: a.adminSystem,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},
		{Method: get, Path: "/api/v1/admin/audit", ID: "adminAudit", Handle: a.adminAudit,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "cursor"), Family: envelope, Compressed: true},
		{Method: get, Path: "/api/v1/admin/projects", ID: "adminProjects", Handle: a.adminProjects,
			Access: operator, Limit: service.LimitAdmin, Cost: bareCost, Repeat: safe,
			Params: takes("limit", "cursor"), Family: envelope, Compressed: true},

		{Method: get, Path: "/api/v1/server", ID: "server", Handle: a.server,
			Access: open, Limit: service.LimitAddress, Cost: bareCost, Repeat: safe,
			Params: takes(), Family: envelope},
		{Method: get, Path: "/api/health", ID: "apiHealth", Handle: a.apiHealth,
			Access: open, Cost: bareCost, Repeat: safe,
			Family: render.Registry, Quiet: true},
		{Method: get, Path: "/clients/", ID: "listClients", Handle: a.listClients,
			Access: open, Limit: service.LimitAddress, Cost: bareCost, Repeat: safe,
			Family: envelope},
		{Method: get, Path: "/clients/:file", ID: "clientFile", Handle: a.clientFile,
			Access: open, Limit: service.LimitAddress, Cost: bareCost, Repeat: safe,
			Family: envelope},
		{Method: get, Path: "/docs", ID: "docs", Handle: a.docs,
			Access: open, Limit: service.LimitAddress, Cost: bareCost, Repeat: safe,
			Family: envelope},
		{Method: get, Path: "/docs/:file", ID: "docsFile", Handle: a.docsFile,
			Access: open, Limit: service.LimitAddress, Cost: bareCost, Repeat: safe,
			Family: envelope},
		{Method: get, Path: "/proto/:package/:version/:file", ID: "protoFile", Handle: a.protoFile,
			Access: open, Limit: service.LimitAddress, Cost: bareCost, Repeat: safe,
			Family: envelope},
		{Method: get, Path: "/openapi.yaml", ID: "openapi", Handle: a.openAPI,
			Access: open, Cost: bareCost, Repeat: safe,
			Family: envelope, Compressed: true},
		{Method: get, Path: "/asyncapi.yaml", ID: "asyncapi", Handle: a.asyncAPI,
			Access: open, Cost: bareCost, Repeat: safe,
			Family: envelope, Compressed: true},
		{Method: get, Path: "/openapi.json", ID: "openapiJSON", Handle: a.openAPIJSON,
			Access: open, Cost: bareCost, Repeat: safe,
			Family: envelope, Compressed: true},
		{Method: get, Path: "/metrics/scale", ID: "metricsScale", Handle: a.measured(a.metricsScale),
			Access: open, Cost: bareCost, Repeat: safe, Family: envelope, Quiet: true},
	}, a.probes()...)
}
