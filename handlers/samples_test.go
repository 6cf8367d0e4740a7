package handlers_test

import (
	"strings"
	"testing"
)

// TestBatchesAreTaken once each, and refused with the channel and the index that is wrong.
func TestBatchesAreTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.made(t, "/v1/sessions", b.key, `{"external_user_id":"u","device_type":"cap","sample_rate_hz":250,"channels":["C3","a/b"],"ingestion_mode":"STREAMING"}`).text(t, "session_id")
	path := "/v1/sessions/" + id + "/ingest"
	batch := func(data string) string { return `{"batch_id":"b","t0_unix_ms":1730000000000,"data":` + data + `}` }
	good := batch(`{"C3":[1,2],"a/b":[3,4]}`)
	b.run(t, []scenario{
		{"a batch", "POST", path, good, 202, []string{`"status":"accepted"`, `"sample_count":2`}, nil},
		{"the batch again", "POST", path, good, 200, []string{`"status":"duplicate_ignored"`}, []string{"payload_differs"}},
		{"other samples", "POST", path, batch(`{"C3":[1,2],"a/b":[3,5]}`), 200, []string{`"payload_differs":true`}, nil},
		{"a channel missing", "POST", path, batch(`{"C3":[1,2]}`), 422, []string{`"invalid_samples"`, `"pointer":"/data/a~1b"`, `"missing_channel"`}, nil},
		{"a channel too many", "POST", path, batch(`{"C3":[1],"a/b":[1],"x~y":[1]}`), 422, []string{`"pointer":"/data/x~0y"`, `"unknown_channel"`}, nil},
		{"no number", "POST", path, batch(`{"C3":[1,null],"a/b":[1,2]}`), 400, []string{`"pointer":"/data/C3/1"`}, nil},
		{"no electrode gives that", "POST", path, batch(`{"C3":[1,2],"a/b":[1,1e9]}`), 422, []string{`"pointer":"/data/a~1b/1"`}, nil},
		{"no time", "POST", path, `{"batch_id":"b","data":{"C3":[1],"a/b":[1]}}`, 400, []string{`"pointer":"/t0_unix_ms"`}, nil},
		{"no session", "POST", strings.Replace(path, id, "0190163d-8694-739b-aea5-966c26f8ad91", 1), good, 404, []string{`"session_not_found"`}, nil},
		{"its state", "GET", "/v1/sessions/" + id + "/status", "", 200, []string{id}, nil},
		{"the end", "POST", "/v1/sessions/" + id + "/end", "", 200, []string{`"status":"ended"`}, nil},
		{"after the end", "POST", path, strings.Replace(good, `"b"`, `"c"`, 1), 409, []string{`"session_ended"`}, nil},
	})
}
