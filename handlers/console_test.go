package handlers_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/neurod/neurod/internal/console"
	"github.com/neurod/neurod/internal/service/accounts"
)

func noChange(*accounts.Config) {}

// builtConsole is an application as its build leaves it.
func builtConsole(t *testing.T) console.Files {
	t.Helper()
	files, err := console.Read(fstest.MapFS{
		"index.html":          {Data: []byte(`<!doctype html><title>console</title><script type="module" src="/assets/index-4f2.js"></script>` + strings.Repeat("\n", 100))},
		"favicon.svg":         {Data: []byte("<svg/>")},
		"assets/index-4f2.js": {Data: []byte(strings.Repeat("export const x = 1;\n", 100))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// html is what a browser sends that goes to an address.
const html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// TestConsoleIsServed at every path that is not the API's, under a policy that lets nothing in a page run.
func TestConsoleIsServed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.api.Console = builtConsole(t)
	b.Handler = b.process(t, noChange)
	for _, path := range []string{"/", "/admin", "/admin/jobs/1", "/login", "/projects/1/sessions/2?t=3", "/projects/1/sessions/2/", "//evil.example/%2e%2e", "/index.html"} {
		a := b.call(t, "GET", path, "", "", "Accept", html)
		h := a.header
		if a.status != 200 || !strings.Contains(a.raw, "<title>console</title>") || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("Location") != "" {
			t.Errorf("%s: %d %s %v", path, a.status, a.raw, h)
		}
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
			if !strings.Contains(policy+";", want+";") {
				t.Errorf("%s: the policy %q lacks %s", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
		for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Cross-Origin-Resource-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
	}
	js := b.call(t, "GET", "/assets/index-4f2.js", "", "", "Accept-Encoding", "br, gzip")
	if js.status != 200 || js.header.Get("Content-Encoding") != "gzip" || js.header.Get("Vary") != "Accept-Encoding" || len(js.raw) > 1000 ||
		js.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || js.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%d %v", js.status, js.header)
	}
	for _, encoding := range []string{"", "gzip;q=0", "identity"} {
		if a := b.call(t, "GET", "/assets/index-4f2.js", "", "", "Accept-Encoding", encoding); a.status != 200 || a.header.Get("Content-Encoding") != "" || !strings.HasPrefix(a.raw, "export") {
			t.Errorf("%q: %d %v", encoding, a.status, a.header)
		}
	}
	icon := b.call(t, "GET", "/favicon.svg", "", "")
	if icon.status != 200 || icon.header.Get("Cache-Control") != "no-cache" || icon.header.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%d %v", icon.status, icon.header)
	}
	if a := b.call(t, "GET", "/favicon.svg", "", "", "If-None-Match", icon.header.Get("ETag")); a.status != 304 || a.raw != "" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := b.call(t, "HEAD", "/admin", "", "", "Accept", html); a.status != 200 {
		t.Errorf("HEAD: %d", a.status)
	}
	// The API's own paths stay the API's, for browsers too, and so does what no browser goes to.
	for path, accept := range map[string]string{"/v1/nowhere": html, "/api/v1/nowhere": html, "/v2/nowhere": html, "/v1": html, "/assets/gone-1.js": html, "/nowhere": "*/*", "/admin": "application/json"} {
		if a := b.call(t, "GET", path, "", "", "Accept", accept); a.status != 404 || strings.Contains(a.raw, "<") {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	if a := b.call(t, "POST", "/admin", "", "", "Accept", html); a.status != 404 {
		t.Errorf("POST: %d %s", a.status, a.raw)
	}
}

// TestConsoleThatWasNotBuilt: the first page says how it is built, and there are no others.
func TestConsoleThatWasNotBuilt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.api.Console = console.Files{}
	b.Handler = b.process(t, noChange)
	a := b.call(t, "GET", "/", "", "", "Accept", html)
	if a.status != 200 || !strings.Contains(a.raw, "make build") || !strings.Contains(a.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("%d %s %v", a.status, a.raw, a.header)
	}
	if a := b.call(t, "GET", "/admin", "", "", "Accept", html); a.status != 404 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}
