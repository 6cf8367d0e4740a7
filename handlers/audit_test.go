package handlers_test

import (
	"strings"
	"testing"
)

// TestAuditIsPaged: the newest first, each page leading to the next, and none of another account.
func TestAuditIsPaged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.made(t, "/v1/auth/signup", "", `{"email":"b@example.com","password":"correct horse"}`).text(t, "access_token")
	seen := map[string]bool{}
	path := "/v1/audit?limit=1"
	for range 20 {
		a := b.call(t, "GET", path, b.token, "")
		if a.status != 200 || len(a.list) > 1 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		for _, e := range a.list {
			if id := e["id"].(string); seen[id] || e["request_id"] == "" {
				t.Errorf("%v", e)
			} else {
				seen[id] = true
			}
		}
		next := a.header.Get("X-Next-Cursor")
		if (next == "") != (a.header.Get("Link") == "") || next != "" && !strings.HasSuffix(a.header.Get("Link"), `; rel="next"`) {
			t.Errorf("%q, %q", next, a.header.Get("Link"))
		}
		if path = "/v1/audit?limit=1&cursor=" + next; next == "" {
			break
		}
	}
	if all := b.call(t, "GET", "/v1/audit", b.token, ""); len(seen) < 2 || len(all.list) != len(seen) || !strings.Contains(all.raw, b.project) {
		t.Errorf("%d of %s", len(seen), all.raw)
	}
	if a := b.call(t, "GET", "/v1/audit", other, ""); a.status != 200 || strings.Contains(a.raw, b.project) {
		t.Errorf("of another: %d %s", a.status, a.raw)
	}
	for _, bad := range []string{"limit=0", "cursor=x", "actions=x"} {
		if a := b.call(t, "GET", "/v1/audit?"+bad, b.token, ""); a.status != 400 {
			t.Errorf("%s: %d %s", bad, a.status, a.raw)
		}
	}
}
