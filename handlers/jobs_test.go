package handlers_test

import (
	"strings"
	"testing"

	"github.com/neurod/neurod/models"
)

// TestJobsAreFollowed, listed and canceled.
func TestJobsAreFollowed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.made(t, "/api/v1/neuro/decode", b.key, recording).text(t, "id")
	batch := b.made(t, "/api/v1/neuro/decode/batch", b.key, `{"items":[`+recording+`,{"input":{"type":"ecg"}}]}`).text(t, "id")
	path := "/api/v1/jobs/"
	b.run(t, []scenario{
		{"a job", "GET", path + id, "", 200, []string{`"status":"queued"`, `"kind":"neuro_decode"`, `"finished_at":null`}, []string{`"output"`, `"error"`}},
		{"a wait that ends", "GET", path + id + "?wait_for_completion=true&timeout_seconds=0", "", 200, []string{`"status":"queued"`}, nil},
		{"a wait of less than nothing", "GET", path + id + "?timeout_seconds=-1", "", 400, []string{`"pointer":"timeout_seconds"`}, nil},
		{"an unknown parameter", "GET", path + id + "?timeout=1", "", 400, []string{`"pointer":"timeout"`, "timeout_seconds"}, nil},
		{"a batch", "GET", path + batch, "", 200, []string{`"total":2`, `"failed":1`, `"pending":1`, `"pointer":"/input/`, `"message":"The request body is not valid."`}, []string{`"path"`}},
		{"by the other name of include", "GET", path + id + "?expand=diagnostics", "", 200, []string{`"status":"queued"`}, nil},
		{"what cannot be expanded", "GET", path + id + "?expand=brand", "", 400, []string{`"pointer":"expand"`, "diagnostics"}, nil},
		{"some fields", "GET", path + id + "?fields=status,created_at,output", "", 200, []string{`"id":"` + id + `"`, `"status":"queued"`, `"created_at":`}, []string{`"kind"`, `"data"`, `"output"`}},
		{"some fields, given twice", "GET", path + id + "?fields=status&fields=kind", "", 200, []string{`"status"`, `"kind"`}, []string{`"created_at"`}},
		{"no such field", "GET", path + id + "?fields=id,statsu", "", 400, []string{`"pointer":"fields"`, `did you mean \"status\"?`}, nil},
		{"the error of an item", "GET", "/api/v1/jobs?parent_id=" + batch, "", 200, []string{`"error_log":{"type":"invalid_request_error","code":"invalid_request_body"`, `"error":{"type":"invalid_request_error",`}, nil},
		{"no job", "GET", path + models.NewID(), "", 404, []string{`"job_not_found"`}, nil},
		{"no id", "GET", path + "x", "", 404, []string{`"job_not_found"`}, nil},
		{"all", "GET", "/api/v1/jobs?kind=neuro_decode&kind=neuro_decode_batch", "", 200, []string{id, batch}, nil},
		{"of a kind", "GET", "/api/v1/jobs?kind=neuro_decode_batch", "", 200, []string{batch}, []string{id}},
		{"in a state", "GET", "/api/v1/jobs?state=completed", "", 200, nil, []string{id, batch}},
		{"of no kind", "GET", "/api/v1/jobs?kind=decodes", "", 400, []string{`"pointer":"kind"`}, nil},
		{"too many", "GET", "/api/v1/jobs?limit=101", "", 400, []string{`"pointer":"limit"`, "from 1 to 100"}, nil},
		{"cancel", "POST", path + id + "/cancel", "", 200, []string{`"status":"canceled"`}, nil},
		{"cancel again", "POST", path + id + "/cancel", "", 200, []string{`"status":"canceled"`}, nil},
		{"cancel no job", "POST", path + models.NewID() + "/cancel", "", 404, []string{`"job_not_found"`}, nil},
	})
	if a := b.call(t, "GET", path+id, "", ""); a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
		t.Errorf("nobody: %d %s", a.status, a.raw)
	}
}
