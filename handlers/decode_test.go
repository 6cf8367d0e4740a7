package handlers_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// recording is a decode request of a second of 8 channels of zeros.
var recording = fmt.Sprintf(`{"input":{"type":"eeg","paradigm":"motor_imagery","channels":8,"sample_rate":250,"data":%q}}`, base64.StdEncoding.EncodeToString(make([]byte, 4*8*250)))

// TestDecodesAreAccepted, repeated and refused, each wrong field by its pointer.
func TestDecodesAreAccepted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.call(t, "POST", "/api/v1/neuro/decode", b.key, recording, "Idempotency-Key", "k")
	again := b.call(t, "POST", "/api/v1/neuro/decode", b.key, recording, "Idempotency-Key", "k")
	job := first.body["data"].(map[string]any)["job_id"].(string)
	if first.status != 202 || first.header.Get("Location") != "/api/v1/jobs/"+job || first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%d %s %v", first.status, first.raw, first.header)
	}
	if again.status != 202 || again.raw != first.raw || again.header.Get("Location") != "/api/v1/jobs/"+job || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s %v", again.status, again.raw, again.header)
	}
	b.run(t, []scenario{
		{"no body", "POST", "/api/v1/neuro/decode", "", 400, []string{`"invalid_request_body"`, "empty"}, []string{"pointer"}},
		{"no JSON", "POST", "/api/v1/neuro/decode", `{"input":`, 400, []string{`"offset":`}, nil},
		{"wrong fields", "POST", "/api/v1/neuro/decode", strings.Replace(recording, `"channels":8`, `"channels":0,"events":[{"onset_s":-1,"code":1}]`, 1), 400,
			[]string{`"pointer":"/input/channels"`, `"pointer":"/input/events/0/onset_s"`}, []string{`"path"`}},
		{"a wrong type", "POST", "/api/v1/neuro/decode", `{"input":{"type":7}}`, 400, []string{`"pointer":"/input/type"`}, nil},
		{"a parameter", "POST", "/api/v1/neuro/decode?wait=1", recording, 400, []string{`"invalid_parameter"`, `"pointer":"wait"`}, nil},
		{"a batch of none", "POST", "/api/v1/neuro/decode/batch", `{"items":[]}`, 400, []string{`"pointer":"/items"`}, nil},
		{"a batch of bad ones", "POST", "/api/v1/neuro/decode/batch", `{"items":[{"input":{}},{"input":{"type":"ecg"}}]}`, 400, []string{`"pointer":"/items/0/input"`, `"pointer":"/items/1/input/`}, nil},
		{"another method", "PUT", "/api/v1/neuro/decode", recording, 405, []string{`"method_not_allowed"`}, nil},
	})
}
