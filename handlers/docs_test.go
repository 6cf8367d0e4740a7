package handlers_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/neurod/neurod/api"
)

// TestDocs: the page, and all that it names, come from this server, and its policy lets nothing else in.
func TestDocs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	page := b.call(t, "GET", "/docs", "", "")
	policy := page.header.Get("Content-Security-Policy")
	if page.status != 200 || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'self'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Fatalf("%d %q", page.status, policy)
	}
	if strings.Contains(page.raw, "<script>") || strings.Contains(page.raw, " style=") || regexp.MustCompile(` on[a-z]+=`).MatchString(page.raw) {
		t.Error("the page has code or styles of its own, which its policy forbids")
	}
	links := regexp.MustCompile(`(?:href|src|data-document)="([^"]+)"`).FindAllStringSubmatch(page.raw, -1)
	for _, l := range links {
		switch {
		case l[1] == "data:,": // no icon
		case strings.Contains(l[1], ":") || strings.HasPrefix(l[1], "/"):
			t.Errorf("%s leads elsewhere, or is lost behind a proxy with a path", l[1])
		default:
			if a := b.call(t, "GET", "/"+l[1], "", ""); a.status != 200 {
				t.Errorf("%s: %d", l[1], a.status)
			}
		}
	}
	if len(links) < 8 {
		t.Errorf("only %d links", len(links))
	}
	if a := b.call(t, "GET", "/docs/nothing.js", "", ""); a.status != 404 {
		t.Errorf("%d", a.status)
	}
}

// TestProtoFiles: what is served is what the server was built from.
func TestProtoFiles(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	names := api.ProtoFiles()
	if len(names) < 3 {
		t.Fatalf("%v", names)
	}
	for _, name := range names {
		want, err := api.Proto(name)
		if a := b.call(t, "GET", "/proto/"+name, "", ""); err != nil || a.status != 200 || a.raw != string(want) {
			t.Errorf("%s: %d, %v", name, a.status, err)
		}
	}
	if a := b.call(t, "GET", "/proto/neurascale/v1/..%2f..%2fopenapi.yaml", "", ""); a.status != 404 {
		t.Errorf("%d", a.status)
	}
}
