package handlers_test

import (
	"fmt"
	"testing"

	"github.com/neurod/neurod/models"
)

// TestTrainingsAreAccepted, repeated by their key, and followed as jobs; what they are about is the caller's own.
func TestTrainingsAreAccepted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	body := fmt.Sprintf(`{"name":"mine","paradigm":"motor_imagery","sessions":[{"session_id":%q}],"classes":{"1":"left_hand","2":"right_hand"}}`, b.session(t))
	first := b.call(t, "POST", "/api/v1/models/train", b.key, body, "Idempotency-Key", "k")
	again := b.call(t, "POST", "/api/v1/models/train", b.key, body, "Idempotency-Key", "k")
	job := first.body["data"].(map[string]any)["job_id"].(string)
	if first.status != 202 || first.header.Get("Location") != "/api/v1/jobs/"+job || again.raw != first.raw || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s %v, then %s", first.status, first.raw, first.header, again.raw)
	}
	if a := b.call(t, "POST", "/api/v1/models/train", b.token, body, "X-Project-Id", b.project); a.status != 202 {
		t.Errorf("by an owner: %d %s", a.status, a.raw)
	}
	b.run(t, []scenario{
		{"the job", "GET", "/api/v1/jobs/" + job, "", 200, []string{`"queued"`}, nil},
		{"its kind", "GET", "/api/v1/jobs?kind=model_train", "", 200, []string{job}, nil},
		{"no body", "POST", "/api/v1/models/train", "", 400, []string{`"invalid_request_body"`}, nil},
		{"no JSON", "POST", "/api/v1/models/train", `{"name":`, 400, []string{`"offset":`}, nil},
		{"nothing", "POST", "/api/v1/models/train", `{}`, 400, []string{`"pointer":"/name"`, `"pointer":"/paradigm"`, `"pointer":"/sessions"`, `"pointer":"/classes"`}, []string{`"path"`}},
		{"a misspelled field", "POST", "/api/v1/models/train", `{"name":"mine","paradime":"p300"}`, 400, []string{`"pointer":"/paradime"`, "did you mean"}, nil},
		{"a wrong type", "POST", "/api/v1/models/train", `{"sessions":{"session_id":"x"}}`, 400, []string{`"pointer":"/sessions"`}, nil},
		{"a session that is not there", "POST", "/api/v1/models/train", fmt.Sprintf(`{"name":"mine","paradigm":"motor_imagery","sessions":[{"session_id":%q}],"classes":{"1":"a","2":"b"}}`, models.NewID()),
			404, []string{`"session_not_found"`}, nil},
		{"another model's name", "POST", "/api/v1/models/mine/calibrate", `{"name":"yours"}`, 400, []string{`"pointer":"/name"`}, nil},
		{"a model that is not there", "POST", "/api/v1/models/mine/calibrate", `{"sessions":[{"session_id":"x"}],"classes":{"1":"left_hand"}}`, 404, []string{`"model_not_found"`}, nil},
		{"a calibration by nothing", "POST", "/api/v1/models/mine/calibrate", `{}`, 400, []string{`"pointer":"/sessions"`, `"pointer":"/classes"`}, []string{`"pointer":"/name"`}},
	})
	reader := b.made(t, "/v1/projects/"+b.project+"/keys", b.token, `{"name":"r","scopes":["catalog:write"]}`).text(t, "raw_key")
	if a := b.call(t, "POST", "/api/v1/models/train", reader, body); a.status != 403 {
		t.Errorf("without the scope sessions: %d %s", a.status, a.raw)
	}
	stranger := newBench(t)
	if a := stranger.call(t, "POST", "/api/v1/models/train", stranger.key, body); a.status != 404 {
		t.Errorf("another's session: %d %s", a.status, a.raw)
	}
}
