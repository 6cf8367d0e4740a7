package app

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
)

// TestTheOperatorsPort: the level of the log changes while the process runs, profiles come, and nobody is answered who came by another name, as a page
// of another site would.
func TestTheOperatorsPort(t *testing.T) {
	t.Parallel()
	log, level := new(neurod.Log), new(slog.LevelVar)
	a, err := New(t.Context(), Config{Settings: settings(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_INSPECT_ADDR=:0"),
		Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level})), Level: level})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	at := a.inspected.Addr().String()
	if !strings.HasPrefix(at, "127.0.0.1:") {
		t.Fatalf("it listens on %s", at)
	}
	call := func(method, path, body string, headers ...string) (int, string) {
		t.Helper()
		res, got, err := neurodtest.Raw(at, method, path, headers, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(got)
	}
	if status, body := call("GET", "/log-level", ""); status != 200 || !strings.Contains(body, `"level":"info"`) {
		t.Errorf("%d %s", status, body)
	}
	a.log.Debug("unheard")
	if status, body := call("PUT", "/log-level", "debug\n"); status != 200 || !strings.Contains(body, `"level":"debug"`) {
		t.Errorf("%d %s", status, body)
	}
	a.log.Debug("heard")
	if all := log.String(); strings.Contains(all, "unheard") || !strings.Contains(all, `"heard"`) || !strings.Contains(all, "level of the log was changed") {
		t.Errorf("the log: %s", all)
	}
	for _, level := range []string{"", "loud", strings.Repeat("debug", 100)} {
		if status, _ := call("PUT", "/log-level", level); status != 400 {
			t.Errorf("the level %.10q: %d", level, status)
		}
	}
	for path, want := range map[string]string{"/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "internal/app", "/metrics": "go_goroutines", "/debug/pprof/heap": "\x1f\x8b"} {
		if status, body := call("GET", path, ""); status != 200 || !bytes.Contains([]byte(body), []byte(want)) {
			t.Errorf("%s: %d", path, status)
		}
	}
	for name, header := range map[string]string{"a page": "Origin: https://evil.example"} {
		if status, _ := call("PUT", "/log-level", "info", header); status != 403 {
			t.Errorf("%s: %d", name, status)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+"/debug/pprof/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example:6060"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if res.StatusCode != 403 {
		t.Errorf("by another name: %d", res.StatusCode)
	}
	for _, path := range []string{"/debug/pprof/", "/log-level"} {
		if res, _, err := neurodtest.Raw(a.Addr(), "GET", path, nil, nil); err != nil || res.StatusCode != 404 {
			t.Errorf("%s at the public address: %v, %v", path, res, err)
		}
	}
}
