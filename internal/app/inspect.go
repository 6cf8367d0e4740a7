package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/neurod/neurod/internal/config"
)

// maxLevel is longer than the name of any level.
const maxLevel = 64

// inspect makes the operator's port: how the process is inside, and how much it logs. It takes no credential, and so listens on this machine alone,
// to which the settings hold it. Pages in browsers cannot use it: a Host that is a name, which another site may point here, is refused.
func (a *App) inspect() http.Handler {
	mux := http.NewServeMux()
	// The profiles of package pprof, on a mux of their own: nothing else of the process shows them.
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /log-level", func(w http.ResponseWriter, _ *http.Request) { a.tellLevel(w) })
	mux.HandleFunc("PUT /log-level", a.setLevel)
	return localOnly(mux)
}

// startInspector listens for the operator, where there is an address for that.
func (a *App) startInspector() error {
	if a.settings.InspectAddr == "" {
		return nil
	}
	l, err := net.Listen("tcp", a.settings.InspectAddr)
	if err != nil {
		return fmt.Errorf("app: NEUROD_INSPECT_ADDR: %w", err)
	}
	a.inspected = l
	a.inspector = &http.Server{Handler: a.inspect(), ReadHeaderTimeout: 5 * time.Second}
	a.inspectGroup.Go(func() {
		if err := a.inspector.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.watch("operator's port", err)
		}
	})
	a.log.Info("the operator's port is open", "addr", l.Addr().String())
	return nil
}

// localOnly refuses requests that a browser was talked into.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if i := strings.LastIndexByte(host, ':'); i >= 0 {
			host = host[:i]
		}
		if !config.Loopback(strings.Trim(host, "[]")) || r.Header.Get("Origin") != "" {
			http.Error(w, "this port answers on this machine, and no pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *App) tellLevel(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"level": strings.ToLower(a.level.Level().String())})
}

// setLevel takes the name of a level as the body.
func (a *App) setLevel(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxLevel))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.TrimSpace(string(body)))); err != nil {
		http.Error(w, "the body must be debug, info, warn or error", http.StatusBadRequest)
		return
	}
	before := a.level.Level()
	a.level.Set(level)
	a.log.WarnContext(r.Context(), "the level of the log was changed", "from", before.String(), "to", level.String())
	a.tellLevel(w)
}
