package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
)

// TestRunEndsWithItsContext runs a process as the program does, and ends it as a signal does.
func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		a, err := New(t.Context(), Config{Settings: settings(t, b), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		if err := a.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Errorf("a second stop: %v", err)
		}
		if err := a.store.Ping(context.WithoutCancel(ctx)); err == nil {
			t.Error("the database is still open")
		}
	})
}

// TestRunFailsOnATakenPort gives the reason, and gives back whatever was opened.
func TestRunFailsOnATakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := testkit.Backend{DataDir: t.TempDir()}
	cfg := settings(t, b, "NEUROD_ADDR="+l.Addr().String())
	a, err := New(t.Context(), Config{Settings: cfg, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context()); err == nil {
		t.Fatal("started on a taken port")
	}
	start(t, settings(t, b)) // the folder's lock is free again
}

// TestStopWithoutStart closes what New opened.
func TestStopWithoutStart(t *testing.T) {
	t.Parallel()
	b := testkit.Backend{DataDir: t.TempDir()}
	a, err := New(t.Context(), Config{Settings: settings(t, b), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Error(err)
	}
	start(t, settings(t, b))
}

// TestNewRefusesWhatCannotWork names what is wrong before anything listens.
func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := testkit.Backend{DataDir: t.TempDir(), Redis: testkit.RedisServer(t)}
	good.Store.DatabaseURL = testkit.Postgres(t)
	for name, change := range map[string]func(c *Config){
		"no database":              func(c *Config) { c.Settings.DatabaseURL = "postgres://127.0.0.1:1/none" },
		"no Redis URL that is one": func(c *Config) { c.Settings.RedisURL = "http://127.0.0.1" },
		"no signing key":           func(c *Config) { c.Settings.JWTSecret = "" },
		"models that are not there": func(c *Config) {
			c.Settings.ModelsDir = t.TempDir() + "/absent"
		},
		"proxies that are none": func(c *Config) { c.Settings.TrustedProxies = []string{"x"} },
	} {
		cfg := Config{Settings: settings(t, good), Log: slog.New(slog.DiscardHandler)}
		change(&cfg)
		if a, err := New(t.Context(), cfg); err == nil {
			t.Errorf("%s: started", name)
			_ = a.Stop(t.Context())
		}
	}
}

// TestWorkerAnswersProbes: a process of workers says how it does where it is told to, and nothing else.
func TestWorkerAnswersProbes(t *testing.T) {
	t.Parallel()
	b := testkit.Backend{Redis: testkit.RedisServer(t)}
	b.Store.DatabaseURL = testkit.Postgres(t)
	run := func(env ...string) *App {
		a, err := New(t.Context(), Config{Settings: settings(t, b, env...), Role: Worker, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := a.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
		return a
	}
	if addr := run().Addr(); addr != "" {
		t.Errorf("a worker listens on %s without being told to", addr)
	}
	a := run("NEUROD_WORKER_ADDR=127.0.0.1:0")
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/healthz":         {http.StatusOK, `"ok"`},
		"/readyz":          {http.StatusOK, `"ready"`},
		"/metrics":         {http.StatusOK, "neurod_worker_running"},
		"/openapi.yaml":    {http.StatusNotFound, ""},
		"/api/v1/jobs":     {http.StatusNotFound, ""},
		"/v1/auth/signup":  {http.StatusNotFound, ""},
		"/v1/sessions?x=1": {http.StatusNotFound, ""},
	} {
		res, err := http.Get("http://" + a.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != want.status || !strings.Contains(string(body), want.body) {
			t.Errorf("%s: %d %s, %v", path, res.StatusCode, neurodtest.Tail(string(body), 300), err)
		}
	}
}
