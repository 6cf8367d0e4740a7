package handlers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// operator makes the bench's first account an operator.
func (b *bench) operator(t *testing.T) {
	t.Helper()
	u, err := b.store.UserByEmail(t.Context(), "a@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.SetOperator(t.Context(), u.ID, true); err != nil {
		t.Fatal(err)
	}
}

const tinyDecode = `{"input":{"type":"eeg","data":"c2VjcmV0LXNhbXBsZXM=","paradigm":"motor_imagery","device":"OpenBCI Cyton","channels":8,"sample_rate":250}}`

// decodes accepts so many decodes and returns their jobs' ids.
func (b *bench) decodes(t *testing.T, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strings.TrimPrefix(b.made(t, "/api/v1/neuro/decode", b.key, tinyDecode).text(t, "id"), "req_pi_")
	}
	return ids
}

// fail has a worker give up a job.
func (b *bench) giveUp(t *testing.T, id string) {
	t.Helper()
	ctx := context.Background()
	jobs, err := b.store.OpenJobs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	for range 3 {
		if c, err := jobs.Claim(ctx, id, "host:1:gone", -1); err != nil || c == nil {
			t.Fatalf("%v %v", c, err)
		}
		if _, _, err := jobs.ExpireLeases(ctx, b.store.Now().Add(time.Minute), 3, 100); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOperatorSeesAJob with how each attempt ended, and nothing of what it was given; and acts on it, which the log has.
func TestOperatorSeesAJob(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.operator(t)
	id := b.decodes(t, 1)[0]
	b.giveUp(t, id)
	path := "/api/v1/admin/jobs/" + id
	a := b.call(t, "GET", path, b.token, "")
	attempts, _ := a.body["attempt_list"].([]any)
	if a.status != 200 || a.body["state"] != "failed" || a.body["dead_letter"] != true || a.body["error_code"] != "worker_lost" || len(attempts) != 3 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	for i, one := range attempts {
		one := one.(map[string]any)
		if one["attempt"] != float64(i+1) || one["outcome"] != "lost" || one["worker"] != "host:1:gone" || one["started_at"] == nil || one["ended_at"] == nil {
			t.Errorf("attempt %d: %v", i+1, one)
		}
	}
	if p, _ := a.body["payload"].(map[string]any); p["bytes"] != 14. || len(fmt.Sprint(p["sha256"])) != 64 {
		t.Errorf("payload %v", a.body["payload"])
	}
	for _, secret := range []string{"c2VjcmV0", "secret-samples", "OpenBCI", "motor_imagery"} {
		if strings.Contains(a.raw, secret) {
			t.Errorf("an operator reads what the job was given: %s in %s", secret, a.raw)
		}
	}
	dead := b.call(t, "GET", "/api/v1/admin/dead-letters", b.token, "")
	if rows := dead.body["data"].([]any); len(rows) != 1 || rows[0].(map[string]any)["jobs"] != 1. || rows[0].(map[string]any)["error_code"] != "worker_lost" {
		t.Errorf("%s", dead.raw)
	}
	again := b.call(t, "POST", path+"/retry", b.token, "")
	fresh := again.text(t, "id")
	if again.status != 200 || fresh == id || again.body["state"] != "queued" {
		t.Fatalf("%d %s", again.status, again.raw)
	}
	// What ended stays as it ended, for the client too, and says what was made of it, once.
	if a := b.call(t, "GET", "/api/v1/jobs/"+id, b.key, ""); a.body["status"] != "failed" {
		t.Errorf("%s", a.raw)
	}
	if a := b.call(t, "GET", path, b.token, ""); a.body["retried_as"] != fresh || a.body["dead_letter"] != false {
		t.Errorf("%s", a.raw)
	}
	for _, verb := range []string{"retry", "cancel", "discard"} {
		if a := b.call(t, "POST", path+"/"+verb, b.token, ""); a.status != 409 {
			t.Errorf("%s once more: %d %s", verb, a.status, a.raw)
		}
	}
	if a := b.call(t, "POST", "/api/v1/admin/jobs/"+fresh+"/cancel", b.token, ""); a.status != 200 || a.body["state"] != "canceled" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	for _, unknown := range []string{models.NewID(), "x"} {
		if a := b.call(t, "GET", "/api/v1/admin/jobs/"+unknown, b.token, ""); a.status != 404 {
			t.Errorf("%d %s", a.status, a.raw)
		}
	}
	audit := b.call(t, "GET", "/api/v1/admin/audit", b.token, "")
	for _, action := range []string{"job.retried", "job.canceled", "operator.granted"} {
		if strings.Count(audit.raw, `"`+action+`"`) != 1 {
			t.Errorf("%s: %s", action, audit.raw)
		}
	}
	if strings.Contains(audit.raw, "key.created") {
		t.Errorf("an operator reads what tenants do: %s", audit.raw)
	}
}

// TestOperatorListsJobs by everything there is to ask for, page by page.
func TestOperatorListsJobs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.operator(t)
	ids := b.decodes(t, 5)
	b.giveUp(t, ids[0])
	count := func(query string) int {
		t.Helper()
		a := b.call(t, "GET", "/api/v1/admin/jobs"+query, b.token, "")
		if a.status != 200 {
			t.Fatalf("%s: %d %s", query, a.status, a.raw)
		}
		return len(a.body["data"].([]any))
	}
	for query, want := range map[string]int{
		"": 5, "?state=failed": 1, "?state=failed,queued": 5, "?kind=neuro_decode": 5, "?kind=model_train": 0, "?queue=bulk": 0, "?queue=interactive&state=queued": 4,
		"?dead=true": 1, "?dead=false": 4, "?error_code=worker_lost": 1, "?error_code=%27%20OR%201=1": 0, "?job_project_id=" + b.project: 5, "?job_project_id=" + models.NewID(): 0,
		"?attempts=3": 1, "?id=" + ids[2]: 1, "?id=req_pi_" + ids[2]: 1, "?id=" + models.NewID(): 0, "?id=x": 0, "?created_before=2020-01-01T00:00:00Z": 0, "?created_after=2020-01-01T00:00:00Z": 5,
		"?worker=nobody": 0, "?limit=2": 2,
	} {
		if got := count(query); got != want {
			t.Errorf("%s: %d jobs, want %d", query, got, want)
		}
	}
	seen, cursor := map[string]bool{}, ""
	for range 3 {
		a := b.call(t, "GET", "/api/v1/admin/jobs?limit=2&cursor="+cursor, b.token, "")
		for _, j := range a.body["data"].([]any) {
			seen[j.(map[string]any)["id"].(string)] = true
		}
		cursor, _ = a.body["next_cursor"].(string)
	}
	if len(seen) != 5 || cursor != "" {
		t.Errorf("%d jobs in three pages, and %q", len(seen), cursor)
	}
	for query, pointer := range map[string]string{"?state=dead": "state", "?kind=x": "kind", "?queue=x": "queue", "?dead=maybe": "dead", "?created_before=x": "created_before", "?job_project_id=x": "job_project_id", "?limit=0": "limit", "?sort=x": "sort"} {
		if a := b.call(t, "GET", "/api/v1/admin/jobs"+query, b.token, ""); a.status != 400 || !strings.Contains(a.raw, pointer) {
			t.Errorf("%s: %d %s", query, a.status, a.raw)
		}
	}
	queues := b.call(t, "GET", "/api/v1/admin/queues", b.token, "")
	for _, q := range queues.body["data"].([]any) {
		if q := q.(map[string]any); q["queue"] == "interactive" && (q["queued"] != 4. || q["dead"] != 1. || q["oldest_waiting_at"] == nil || q["paused"] != nil) {
			t.Errorf("%v", q)
		}
	}
	load := b.call(t, "GET", "/api/v1/admin/load", b.token, "")
	if rows := load.body["data"].([]any); len(rows) != 1 || rows[0].(map[string]any)["queued"] != 4. || rows[0].(map[string]any)["project_id"] != b.project {
		t.Errorf("%s", load.raw)
	}
	for _, path := range []string{"/api/v1/admin/system", "/api/v1/admin/stats", "/api/v1/admin/stats?period=7d", "/api/v1/admin/stats?period=24h&queue=bulk&kind=model_train", "/api/v1/admin/workers"} {
		if a := b.call(t, "GET", path, b.token, ""); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
}

// TestActionIsCountedFirst: a dry run changes nothing, and says how many jobs of which kind it would be.
func TestActionIsCountedFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.operator(t)
	ids := b.decodes(t, 3)
	b.giveUp(t, ids[0])
	for body, want := range map[string]float64{
		`{"action":"retry","dry_run":true}`: 1, `{"action":"discard","dry_run":true}`: 1, `{"action":"cancel","dry_run":true}`: 2,
		`{"action":"cancel","dry_run":true,"limit":1}`: 1, `{"action":"cancel","filter":{"kind":["model_train"]},"dry_run":true}`: 0,
		`{"action":"retry","filter":{"error_code":"other"},"dry_run":true}`: 0,
	} {
		if a := b.call(t, "POST", "/api/v1/admin/actions", b.token, body); a.status != 200 || a.body["total"] != want {
			t.Errorf("%s: %d %s", body, a.status, a.raw)
		}
	}
	for body, pointer := range map[string]string{`{"action":"delete"}`: "/action", `{}`: "/action", `{"action":"retry","limit":100001}`: "/limit", `{"action":"retry","filter":{"state":["x"]}}`: "/filter/state",
		`{"action":"retry","filter":{"created_after":"x"}}`: "/filter/created_after", `{"action":"retry","filter":{"project":"x"}}`: "/filter/project", `{"action":"retry","filter":{"project_id":"x"}}`: "/filter/project_id"} {
		if a := b.call(t, "POST", "/api/v1/admin/actions", b.token, body); a.status != 400 || !strings.Contains(a.raw, pointer) {
			t.Errorf("%s: %d %s", body, a.status, a.raw)
		}
	}
	if a := b.call(t, "GET", "/api/v1/admin/actions", b.token, ""); len(a.body["data"].([]any)) != 0 {
		t.Errorf("%s", a.raw)
	}
	// Nobody but an operator.
	_, stranger := b.signUp(t, "stranger@example.com")
	if a := b.call(t, "POST", "/api/v1/admin/actions", stranger, `{"action":"retry"}`); a.status != 403 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// TestAttemptsOfAJob: members see how each went, and nothing of hosts, of what went wrong inside the server, or of what the job was given.
func TestAttemptsOfAJob(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ids := b.decodes(t, 2)
	b.giveUp(t, ids[1])
	ctx := context.Background()
	jobs, err := b.store.OpenJobs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	for attempt := 1; attempt <= 3; attempt++ {
		if c, err := jobs.Claim(ctx, ids[0], "host-of-a-worker:1:x", time.Minute); err != nil || c == nil {
			t.Fatalf("%v %v", c, err)
		}
		if attempt == 3 { // it runs
			break
		}
		pause := time.Duration(2-attempt) * time.Microsecond // the second is handed back
		if _, ok, err := jobs.Release(ctx, "host-of-a-worker:1:x", store.Attempt{ID: ids[0], Attempt: attempt}, pause, "10.0.0.7 refused the connection"); err != nil || !ok {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"retried internal_error, handed_back <nil>, running <nil>", "lost worker_lost, lost worker_lost, lost worker_lost"} {
		a := b.call(t, "GET", "/api/v1/jobs/"+ids[i]+"/attempts", b.key, "")
		if a.status != 200 || strings.Contains(a.raw, "host") || strings.Contains(a.raw, "10.0.0.7") || strings.Contains(a.raw, "eeg") {
			t.Errorf("%d %s", a.status, a.raw)
		}
		var got []string
		workers := map[any]bool{}
		for n, e := range a.body["data"].([]any) {
			run := e.(map[string]any)
			got = append(got, fmt.Sprint(run["outcome"], " ", run["error_code"]))
			workers[run["worker"]] = true
			if run["attempt"] != float64(n+1) || run["started_at"] == nil || (run["ended_at"] == nil) != (run["outcome"] == "running") {
				t.Errorf("%v", run)
			}
		}
		if strings.Join(got, ", ") != want || len(workers) != 1 {
			t.Errorf("%v of %v, want %s", got, workers, want)
		}
	}
	_, viewer := b.member(t, "viewer@example.com", "viewer")
	if a := b.call(t, "GET", "/api/v1/jobs/"+ids[0]+"/attempts", viewer, "", "X-Project-Id", b.project); a.status != 200 {
		t.Errorf("a viewer: %d %s", a.status, a.raw)
	}
	if a := b.call(t, "GET", "/api/v1/jobs/"+models.NewID()+"/attempts", b.key, ""); a.status != 404 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// TestJobRunsAgain: what has ended is made anew, by who may submit it, as often as is asked for, and once for each Idempotency-Key.
func TestJobRunsAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.decodes(t, 1)[0]
	path := "/api/v1/jobs/" + id + "/run-again"
	if a := b.call(t, "POST", path, b.key, ""); a.status != 409 || !strings.Contains(a.raw, "job_state_conflict") {
		t.Errorf("of one that waits: %d %s", a.status, a.raw)
	}
	b.giveUp(t, id)
	made := map[string]bool{}
	for i, key := range []string{"", "", "k", "k"} {
		headers := []string{}
		if key != "" {
			headers = append(headers, "Idempotency-Key", key)
		}
		a := b.call(t, "POST", path, b.key, "", headers...)
		if a.status != 202 || a.body["status"] != "queued" {
			t.Fatalf("call %d: %d %s", i, a.status, a.raw)
		}
		made[a.text(t, "id")] = true
	}
	if len(made) != 3 || made["req_pi_"+id] {
		t.Errorf("made %v", made)
	}
	_, viewer := b.member(t, "viewer@example.com", "viewer")
	if a := b.call(t, "POST", path, viewer, "", "X-Project-Id", b.project); a.status != 403 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := b.call(t, "POST", "/api/v1/jobs/"+models.NewID()+"/run-again", b.key, ""); a.status != 404 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	for query, want := range map[string]int{"?created_after=2020-01-01T00:00:00Z": 4, "?created_before=2020-01-01T00:00:00Z": 0} {
		if a := b.call(t, "GET", "/api/v1/jobs"+query, b.key, ""); len(a.body["data"].([]any)) != want {
			t.Errorf("%s: %s", query, a.raw)
		}
	}
}
