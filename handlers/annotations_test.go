package handlers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/neurod/neurod/models"
)

// TestEventsAreChangedAndDeleted by whoever may write, and whoever looks later is told what has changed; the audit log has both.
func TestEventsAreChangedAndDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.session(t)
	_, member := b.member(t, "member@example.com", "member")
	_, viewer := b.member(t, "viewer@example.com", "viewer")
	in := []string{"X-Project-Id", b.project}
	path := "/v1/sessions/" + id + "/events"
	b.made(t, path, b.key, `{"events":[{"t_unix_ms":1000,"label":"blink","channel":"C3"},{"t_unix_ms":2000,"code":7}]}`)
	b.call(t, "POST", path, b.key, `{"events":[{"t_unix_ms":1,"code":1,"channel":"Fz"}]}`).problem(t, 400, models.InvalidRequestBody, "/events/0/channel")

	changed := b.call(t, "PATCH", path+"/1", member, `{"label":"<b>artifact</b>","duration_ms":250,"t_unix_ms":1500}`, in...)
	if changed.status != 200 || changed.body["label"] != "<b>artifact</b>" || changed.body["duration_ms"] != 250. || changed.body["channel"] != "C3" || changed.body["t_unix_ms"] != 1500. {
		t.Errorf("%d %s", changed.status, changed.raw)
	}
	b.call(t, "PATCH", path+"/1", viewer, `{"label":"x"}`, in...).problem(t, 403, models.InsufficientRole)
	b.call(t, "DELETE", path+"/1", viewer, "", in...).problem(t, 403, models.InsufficientRole)
	for body, pointer := range map[string]string{`{"channel":"Fz"}`: "/channel", `{"duration_ms":-1}`: "/duration_ms", `{"label":"","code":0}`: "", `{"lable":"x"}`: "/lable"} {
		b.call(t, "PATCH", path+"/1", b.key, body).problem(t, 400, models.InvalidRequestBody, pointer)
	}
	for _, seq := range []string{"3", "0", "-1", "x", "99999999999"} {
		b.call(t, "PATCH", path+"/"+seq, b.key, `{"label":"x"}`).problem(t, 404, models.EventNotFound)
		b.call(t, "DELETE", path+"/"+seq, b.key, "").problem(t, 404, models.EventNotFound)
	}
	changes := "/v1/sessions/" + id + "/event-changes"
	first := b.call(t, "GET", changes, viewer, "", in...)
	if first.status != 200 || first.body["revision"] != 1. || len(first.body["changed"].([]any)) != 1 || len(first.body["deleted"].([]any)) != 0 {
		t.Errorf("%d %s", first.status, first.raw)
	}
	if a := b.call(t, "DELETE", path+"/2", member, "", in...); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	b.call(t, "DELETE", path+"/2", member, "", in...).problem(t, 404, models.EventNotFound)
	later := b.call(t, "GET", changes+"?after=1", b.key, "")
	if fmt.Sprint(later.body["deleted"]) != "[2]" || later.body["revision"] != 2. || len(later.body["changed"].([]any)) != 0 {
		t.Errorf("%s", later.raw)
	}
	// Its number is no other's, and it is in no list.
	if a := b.made(t, path, b.key, `{"events":[{"t_unix_ms":3000,"code":1}]}`); !strings.Contains(a.raw, `"seq":3`) {
		t.Errorf("%s", a.raw)
	}
	if a := b.call(t, "GET", path, b.key, ""); len(a.list) != 2 || strings.Contains(a.raw, `"seq":2`) {
		t.Errorf("%s", a.raw)
	}
	audit := b.call(t, "GET", "/v1/audit?project_id="+b.project, b.token, "")
	for _, action := range []string{"event.changed", "event.deleted"} {
		if strings.Count(audit.raw, action) != 1 || strings.Contains(audit.raw, "artifact") {
			t.Errorf("%s: %s", action, audit.raw)
		}
	}
}
