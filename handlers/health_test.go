package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/internal/service"
)

// TestHealth tells each state of what a process needs from the others, and never its cause.
func TestHealth(t *testing.T) {
	t.Parallel()
	good := func(context.Context) error { return nil }
	bad := func(context.Context) error { return errors.New("dial 10.0.0.7: refused") }
	for name, tt := range map[string]struct {
		health   service.Health
		draining bool
		readyz   int
		word     string
		database string
		redis    string
		api      int // of /api/health
	}{
		"all well":       {health: service.Health{Database: good, Queue: good}, readyz: 200, word: "ready", database: "connected", redis: "connected", api: 200},
		"without Redis":  {health: service.Health{Database: good, Queue: bad}, readyz: 200, word: "ready", database: "connected", redis: "disconnected", api: 200},
		"no database":    {health: service.Health{Database: bad, Queue: good}, readyz: 503, word: "unavailable", database: "disconnected", redis: "connected", api: 503},
		"a full disk":    {health: service.Health{Database: good, Writable: bad, Queue: good}, readyz: 503, word: "read_only", database: "connected", redis: "connected", api: 200},
		"about to leave": {health: service.Health{Database: good, Queue: good}, draining: true, readyz: 503, word: "stopping", database: "connected", redis: "connected", api: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, err := handlers.NewRouter(handlers.Config{Health: tt.health, Draining: func() bool { return tt.draining }, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			get := func(path string) (*httptest.ResponseRecorder, map[string]any) {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				var body map[string]any
				if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || strings.Contains(w.Body.String(), "10.0.0.7") {
					t.Errorf("%s: %s (%v)", path, w.Body, err)
				}
				return w, body
			}
			if w, body := get("/healthz"); w.Code != 200 || body["status"] != "ok" {
				t.Errorf("/healthz: %d %s", w.Code, w.Body)
			}
			w, body := get("/readyz")
			if w.Code != tt.readyz || body["status"] != tt.word || body["database"] != tt.database || body["redis"] != tt.redis || (w.Header().Get("Retry-After") != "") != (tt.readyz == 503) {
				t.Errorf("/readyz: %d %s", w.Code, w.Body)
			}
			if w, body := get("/api/health"); w.Code != tt.api || body["database"] != tt.database || body["version"] != "v1" {
				t.Errorf("/api/health: %d %s", w.Code, w.Body)
			}
		})
	}
}
