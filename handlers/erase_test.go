package handlers_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// TestUserIsErased with what belongs to them and nothing else, as often as it is asked for; the name is any text.
func TestUserIsErased(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.work(t, map[models.JobKind]workers.Handler{models.KindUserErase: workers.EraseUser(b.store)})
	mine := b.session(t)
	other := b.made(t, "/v1/sessions", b.key, `{"external_user_id":"ü/%2F ?","device_type":"cap","sample_rate_hz":250,"channels":["C3"],"ingestion_mode":"RECORDED"}`).text(t, "session_id")
	reader := b.made(t, "/v1/projects/"+b.project+"/keys", b.token, `{"name":"reader","scopes":["sessions","jobs:read"]}`).text(t, "raw_key")
	b.call(t, "DELETE", "/v1/users/u1", "", "").problem(t, 401, models.MissingCredentials)
	b.call(t, "DELETE", "/v1/users/u1", reader, "").problem(t, 403, models.InsufficientScope)
	b.call(t, "DELETE", "/v1/users/"+strings.Repeat("x", 256), b.key, "").problem(t, 404, models.NotFound)
	b.call(t, "DELETE", "/v1/users/a%00b", b.key, "").problem(t, 404, models.NotFound)

	for name, want := range map[string]float64{"nobody": 0, "u1": 1} {
		a := b.call(t, "DELETE", "/v1/users/"+name, b.key, "")
		if a.status != 200 || a.text(t, "deleted_external_user_id") != name || a.body["sessions_deleted"] != want || a.body["samples_deleted"] != 0. || a.body["features_deleted"] != 0. ||
			!strings.HasPrefix(a.text(t, "audit_id"), "aud_") {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	b.call(t, "GET", "/v1/sessions/"+mine, b.key, "").problem(t, 404, models.SessionNotFound)
	if a := b.call(t, "GET", "/v1/sessions/"+other, b.key, ""); a.status != 200 {
		t.Errorf("another user's: %d %s", a.status, a.raw)
	}
	if a := b.call(t, "DELETE", "/v1/users/"+url.PathEscape("ü/%2F ?"), b.key, ""); a.status != 200 || a.text(t, "deleted_external_user_id") != "ü/%2F ?" || a.body["sessions_deleted"] != 1. {
		t.Errorf("%d %s", a.status, a.raw)
	}
}
