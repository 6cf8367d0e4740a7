package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/neurod/neurod/handlers"
)

const app = "https://app.example.org"

// TestPagesOfOtherOrigins: a browser may read what the operator lets it, and nothing else; a preflight is answered before anybody
// asks for a credential, and every answer, errors too, says who may read it.
func TestPagesOfOtherOrigins(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		origins []string
		origin  string
		want    string // Access-Control-Allow-Origin
	}{
		{"off", nil, app, ""},
		{"listed", []string{"https://other.example", app}, app, app},
		{"not listed", []string{app}, "https://evil.example", ""},
		{"another scheme", []string{app}, "http://app.example.org", ""},
		{"another port", []string{app}, app + ":8443", ""},
		{"a name that begins so", []string{app}, app + ".evil.example", ""},
		{"a part of a host", []string{"https://*.example.org"}, app, app},
		{"not of that host", []string{"https://*.example.org"}, "https://example.org.evil.example", ""},
		{"null", []string{app}, "null", ""},
		{"all", []string{"*"}, app, "*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, err := handlers.NewRouter(handlers.Config{Origins: tt.origins})
			if err != nil {
				t.Fatal(err)
			}
			ask := func(method, path string, headers ...string) *http.Response {
				req := httptest.NewRequestWithContext(t.Context(), method, path, nil)
				req.Header.Set("Origin", tt.origin)
				for i := 0; i < len(headers); i += 2 {
					req.Header.Set(headers[i], headers[i+1])
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, req)
				return w.Result()
			}
			preflight := ask("OPTIONS", "/v1/sessions/x/ingest", "Access-Control-Request-Method", "POST",
				"Access-Control-Request-Headers", "authorization,content-encoding,content-type,idempotency-key,x-project-id")
			if got := preflight.Header.Get("Access-Control-Allow-Origin"); got != tt.want {
				t.Errorf("preflight: %q may, want %q", got, tt.want)
			}
			if off := tt.origins == nil; (preflight.StatusCode == http.StatusNoContent) == off {
				t.Errorf("preflight: %d", preflight.StatusCode)
			}
			allowed := preflight.Header.Get("Access-Control-Allow-Headers")
			if tt.want != "" && (!strings.Contains(allowed, "idempotency-key") || preflight.Header.Get("Access-Control-Allow-Methods") != "POST" ||
				preflight.Header.Get("Access-Control-Max-Age") != "7200" || preflight.Header.Get("Access-Control-Allow-Credentials") != "") {
				t.Errorf("preflight: %v", preflight.Header)
			}
			for _, path := range []string{"/nowhere", "/v1/sessions", "/openapi.json"} {
				answer := ask("GET", path)
				if got := answer.Header.Get("Access-Control-Allow-Origin"); got != tt.want {
					t.Errorf("%s: %q may, want %q", path, got, tt.want)
				}
				exposed := answer.Header.Get("Access-Control-Expose-Headers")
				for _, name := range []string{"X-Request-Id", "Retry-After", "Idempotent-Replayed", "X-Ratelimit-Remaining"} {
					if tt.want != "" && !strings.Contains(strings.ToLower(exposed), strings.ToLower(name)) {
						t.Errorf("%s: %s is not exposed: %s", path, name, exposed)
					}
				}
			}
			if refused := ask("OPTIONS", "/v1/sessions", "Access-Control-Request-Method", "PUT"); refused.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("PUT may be sent")
			}
		})
	}
}

// TestSocketsOfOtherOrigins: a WebSocket is held to the list of origins, where there is one.
func TestSocketsOfOtherOrigins(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, tt := range []struct {
		origins []string
		public  string
		origin  string
		refused bool
	}{
		{nil, "", "https://anywhere.example", false},
		{[]string{app}, "", app, false},
		{[]string{app}, "", "", false},
		{[]string{app}, "", "http://example.com", false}, // its own: httptest's host
		{[]string{app}, "https://eeg.example.org", "https://eeg.example.org", false},
		{[]string{app}, "", "https://anywhere.example", true},
		{[]string{app}, "", "null", true},
		{[]string{"*"}, "", "https://anywhere.example", false},
	} {
		h, err := handlers.NewRouter(handlers.Config{Origins: tt.origins, PublicURL: tt.public, Sessions: b.api.Sessions, Live: b.api.Live})
		if err != nil {
			t.Fatal(err)
		}
		for path, next := range map[string]int{"/v1/ws?session_id=x&ws_token=y": 401, "/ws": 426} { // what is asked for after the origin
			req := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
			req.Header.Set("Origin", tt.origin)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if refused := w.Code == 403 && strings.Contains(strings.ToLower(w.Body.String()), "origin_not_allowed"); refused != tt.refused || !refused && w.Code != next {
				t.Errorf("%s from %q of %v: %d %s", path, tt.origin, tt.origins, w.Code, w.Body)
			}
		}
	}
}
