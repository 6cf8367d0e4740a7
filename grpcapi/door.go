package grpcapi

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// Metadata of calls. They are the headers of the HTTP API.
const (
	requestIDHeader = "X-Request-Id"
	projectHeader   = "X-Project-Id"
)

// call is one call as it goes through the service.
type call struct {
	procedure *Procedure
	requestID string
	remote    string // the client's address
	w         http.ResponseWriter
	control   *http.ResponseController

	who    models.Principal
	raw    string        // its credential
	code   connect.Code  // that it ended with, 0 for none
	fault  *models.Error // the same as ours, nil for none
	full   bool          // there is no room for it
	opened time.Time
	moved  time.Time // the deadline for writing
}

type callKey struct{}

// callOf returns the call of a context. Every call has one.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// principal returns who a call acts for.
func principal(ctx context.Context) models.Principal { return callOf(ctx).who }

// serve answers a call: it gives it an id, times and logs it.
func (a *API) serve(p *Procedure, w http.ResponseWriter, r *http.Request) {
	c := &call{procedure: p, w: w, control: http.NewResponseController(w), remote: a.clientIP(r), opened: time.Now()}
	if c.requestID = r.Header.Get(requestIDHeader); !models.SaneRequestID(c.requestID) {
		c.requestID = "req_" + models.NewID()
	}
	w.Header().Set(requestIDHeader, c.requestID)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if p.Stream {
		// The server's own limits are for calls that end.
		_ = c.control.SetReadDeadline(time.Time{})
		_ = c.alive()
		a.metrics.open.WithLabelValues(p.Path).Inc()
		defer a.metrics.open.WithLabelValues(p.Path).Dec()
	}
	ctx, span := a.trace(p, r)
	defer span.End()
	render.Trace(ctx, w.Header())
	ctx = models.WithOrigin(ctx, models.Origin{Remote: c.remote, RequestID: c.requestID})
	if p.Open && p.Stream {
		// Nobody answers for it, and what serves it knows nothing of the end of the process.
		select {
		case a.strangers <- struct{}{}:
			defer func() { <-a.strangers }()
		default:
			c.full = true
		}
		own, cancel := context.WithCancel(ctx)
		defer cancel()
		ctx = own
		go func() {
			select {
			case <-a.cfg.Drained:
				cancel()
			case <-own.Done():
			}
		}()
		_ = c.control.SetWriteDeadline(time.Time{})
	}
	a.mux.ServeHTTP(w, r.WithContext(context.WithValue(ctx, callKey{}, c)))
	a.log(ctx, c, w)
}

// trace begins the span of a call. What strangers may call, as health checks, has none.
func (a *API) trace(p *Procedure, r *http.Request) (context.Context, telemetry.Span) {
	tracer := a.cfg.Tracer
	if p.Open {
		tracer = nil
	}
	return telemetry.Serve(r.Context(), tracer, propagation.HeaderCarrier(r.Header), strings.TrimPrefix(p.Path, "/"))
}

// alive gives the client of a stream time for what is written next. It is called before each message, by one goroutine at a time, and moves
// the deadline at most once a second.
func (c *call) alive() error {
	now := time.Now()
	if now.Sub(c.moved) < time.Second {
		return nil
	}
	c.moved = now
	return c.control.SetWriteDeadline(now.Add(streamWrite))
}

// hold is alive for a client that is made to wait so long.
func (c *call) hold(wait time.Duration) {
	c.moved = time.Time{}
	_ = c.control.SetWriteDeadline(time.Now().Add(wait + streamWrite)) // where that fails, the next write does
}

// gate establishes who calls before a message is read, or ends the call. It counts the call for its principal, or for nobody where the
// credential is not good.
func (a *API) gate(ctx context.Context, _ connect.Spec, _ connect.Peer, h http.Header) (context.Context, error) {
	c := callOf(ctx)
	return ctx, a.told(ctx, a.admit(ctx, c, h))
}

func (a *API) admit(ctx context.Context, c *call, h http.Header) error {
	p := c.procedure
	switch {
	case c.full:
		e := models.Errorf(models.Unavailable, "Too many streams without a credential are open here; try again.")
		e.RetryAfter = time.Second
		return e
	case p.Open:
		return a.count(ctx, c)
	}
	err := a.authenticate(ctx, c, h)
	if err != nil {
		if !models.AsError(err).Class().Ours() {
			if _, limited := a.cfg.Limits.TakeRefused(ctx, c.remote); limited != nil {
				return limited
			}
		}
		return err
	}
	named, err := namedProject(h)
	if limited := a.count(ctx, c); limited != nil {
		if c.who.ProjectID == "" && err == nil { // of those with a project it is known where they are refused
			a.cfg.Tally.Refused(c.who, named)
		}
		return limited
	}
	if err != nil {
		return err
	}
	if c.who, err = a.enter(ctx, c.who, named); err != nil {
		return err
	}
	a.cfg.Tally.Entered(c.who, named)
	return service.Authorize(c.who, p.Right)
}

// count counts a call, or a message that counts like one, and tells the caller what is left where the answer has not begun.
func (a *API) count(ctx context.Context, c *call) error {
	if a.cfg.Limits == nil || !c.procedure.Limit.Limits() {
		return nil
	}
	quota, err := a.cfg.Limits.Take(ctx, c.procedure.Limit, c.who, c.remote)
	if c.w != nil {
		render.Quota(c.w.Header(), quota)
	}
	return err
}

// authenticate finds who calls, by the one credential of the call's metadata.
func (a *API) authenticate(ctx context.Context, c *call, h http.Header) (err error) {
	if c.raw, err = service.Bearer(h.Values("Authorization"), "authorization in the call's metadata"); err != nil {
		return err
	}
	c.who, err = service.Authenticate(ctx, a.cfg.Accounts, c.raw)
	return err
}

// namedProject returns the project that a call names, "" for none. Error: InvalidParameter where it names more than one.
func namedProject(h http.Header) (string, error) {
	named := ""
	for _, v := range h.Values(projectHeader) {
		if id, ok := models.ParseID(v); ok {
			v = id
		}
		switch {
		case v == "" || v == named:
		case named == "":
			named = v
		default:
			return "", &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At("x-project-id"), Code: "conflict", Message: "is given more than once, with different values"}}}
		}
	}
	return named, nil
}

// enter leads a user into the project that the call is for, and holds a key to the one that it names.
func (a *API) enter(ctx context.Context, p models.Principal, named string) (models.Principal, error) {
	switch {
	case p.ProjectID == "" && named == "":
		own, err := a.cfg.Accounts.ListProjects(ctx, p)
		if err != nil {
			return p, err
		}
		if len(own) != 1 {
			e := models.Errorf(models.ProjectRequired, "You are a member of %d projects: name the one that the call is for in the metadata x-project-id.", len(own))
			e.Details = map[string]any{"projects": len(own)}
			return p, e
		}
		return a.cfg.Accounts.EnterProject(ctx, p, own[0].ID)
	case p.ProjectID == "":
		return a.cfg.Accounts.EnterProject(ctx, p, named)
	case named != "" && named != p.ProjectID:
		return p, models.NewError(models.ProjectMismatch)
	}
	return p, nil
}

// still reports whether the caller of a stream may still call: its key is good, or its user a member who may do this.
func (a *API) still(ctx context.Context, c *call) (err error) {
	who := c.who
	if who.KeyID != "" {
		who, err = a.cfg.Accounts.AuthenticateKey(ctx, c.raw)
	} else {
		who, err = a.cfg.Accounts.EnterProject(ctx, models.Principal{UserID: who.UserID}, who.ProjectID)
	}
	if err != nil {
		return err
	}
	return service.Authorize(who, c.procedure.Right)
}

// clientIP is the address that a call comes from: the peer's, or what trusted proxies say of theirs.
func (a *API) clientIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if !a.trusts(host) {
		return host
	}
	// Each proxy has put the one before it at the end.
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		if host = hop; !a.trusts(hop) {
			break
		}
	}
	return host
}

func (a *API) trusts(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(a.proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// network reads an address or a network.
func network(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network", text)
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

func retrySeconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// faultOfServer tells the codes that are faults of the server and not of its client (semantic conventions for gRPC).
func faultOfServer(code connect.Code) bool {
	switch code {
	case connect.CodeUnknown, connect.CodeDeadlineExceeded, connect.CodeUnimplemented, connect.CodeInternal, connect.CodeUnavailable, connect.CodeDataLoss:
		return true
	}
	return false
}

// log writes one line a call, and counts and times it.
func (a *API) log(ctx context.Context, c *call, w http.ResponseWriter) {
	d := time.Since(c.opened)
	name := "ok"
	if status := w.Header().Get(http.TrailerPrefix + "Grpc-Status"); status != "" && c.code == 0 { // connect's own errors, as of a message that is none
		n, _ := strconv.Atoi(status)
		c.code = connect.Code(n) //nolint:gosec // a number of 0 to 16
	}
	if c.code != 0 {
		name = c.code.String()
	}
	a.metrics.calls.WithLabelValues(c.procedure.Path, name).Inc()
	if !c.procedure.Stream {
		telemetry.Observe(ctx, a.metrics.seconds.WithLabelValues(c.procedure.Path), d.Seconds())
	}
	if span := telemetry.Current(ctx); span.IsRecording() {
		service, method, _ := strings.Cut(strings.TrimPrefix(c.procedure.Path, "/"), "/")
		span.SetAttributes(attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", service), attribute.String("rpc.method", method),
			attribute.Int("rpc.grpc.status_code", int(c.code)), attribute.String("neurod.project.id", c.who.ProjectID))
		if faultOfServer(c.code) {
			telemetry.Fail(span, name)
		}
	}
	level := slog.LevelInfo
	switch {
	case c.code == connect.CodeInternal || c.code == connect.CodeUnknown:
		level = slog.LevelError
	case c.procedure.Open:
		level = slog.LevelDebug
	}
	if !a.cfg.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("request_id", c.requestID), slog.String("procedure", c.procedure.Path), slog.String("status", name),
		slog.Float64("ms", float64(d.Microseconds())/1000), slog.String("remote", c.remote)}
	for _, id := range []struct{ name, id string }{{"project_id", c.who.ProjectID}, {"key_id", c.who.KeyID}, {"user_id", c.who.UserID}} {
		if id.id != "" {
			attrs = append(attrs, slog.String(id.name, id.id))
		}
	}
	if c.fault != nil {
		attrs = append(attrs, slog.String("code", string(c.fault.Code)))
		if c.fault.Cause != nil {
			attrs = append(attrs, slog.String("cause", c.fault.Cause.Error()))
		}
	}
	a.cfg.Log.LogAttrs(ctx, level, "call", attrs...)
}

// metrics of calls.
type metrics struct {
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	open    *prometheus.GaugeVec
}

func newMetrics(reg *prometheus.Registry) metrics {
	m := metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "neurod_grpc_calls_total",
			Help: "gRPC calls that have ended, by procedure and code.",
		}, []string{"procedure", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "neurod_grpc_call_seconds",
			Help:    "Time from a gRPC call's headers to the end of its answer, in seconds, by procedure; streams are left out.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"procedure"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "neurod_grpc_streams",
			Help: "gRPC streams that are open, by procedure.",
		}, []string{"procedure"}),
	}
	reg.MustRegister(m.calls, m.seconds, m.open)
	return m
}
