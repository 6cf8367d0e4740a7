package app

import (
	"bytes"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/testkit"
)

// TestTheDatabaseCloses under the embedded pair, whose database nothing else can take away: what needs it says so, and no
// more than the truth.
func TestTheDatabaseCloses(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode())["id"].(string)
	s.await(t, id) // a worker that cannot store its result goes on trying for a while
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	refused := func(a answer, status int, code string) {
		t.Helper()
		if e, _ := a.object(t)["error"].(object); a.StatusCode != status || e["code"] != code {
			t.Errorf("%d %s, want %d %s", a.StatusCode, a.body, status, code)
		}
		if text := strings.ToLower(string(a.body)); strings.Contains(text, "sql") || strings.Contains(text, "connect") {
			t.Errorf("the answer shows the cause: %s", a.body)
		}
	}
	refused(s.call(t, "POST", "/api/v1/neuro/decode", s.key, decode()), 500, "job_create_failed")
	for _, path := range []string{"/api/v1/jobs", "/api/v1/jobs/" + id} {
		refused(s.call(t, "GET", path, s.key, nil), 503, "unavailable")
	}
	if a := s.call(t, "GET", "/readyz", "", nil); a.StatusCode != 503 || a.object(t)["database"] != "disconnected" {
		t.Errorf("/readyz: %d %s", a.StatusCode, a.body)
	}
	if a := s.call(t, "GET", "/api/health", "", nil); a.StatusCode != 503 || a.object(t)["status"] != "unhealthy" || a.object(t)["database"] != "disconnected" ||
		a.object(t)["error"] != "Health check failed" || a.object(t)["timestamp"] == nil {
		t.Errorf("/api/health: %d %s", a.StatusCode, a.body)
	}
	if a := s.call(t, "GET", "/healthz", "", nil); a.StatusCode != 200 {
		t.Errorf("/healthz: %d %s", a.StatusCode, a.body)
	}
}

// TestErasureLeavesNothingInside searches the Redis inside of the process, which nobody else reaches, for what was an erased
// user's.
func TestErasureLeavesNothingInside(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	const gone = "patient-7"
	needles := map[string]string{"the user": gone}
	for range 2 {
		id := s.session(t, gone, "RECORDED")
		ingested := s.json(t, 202, "POST", "/v1/sessions/"+id+"/ingest", s.key, samples(4))
		end := s.json(t, 202, "POST", "/v1/sessions/"+id+"/end", s.key, nil)["job_id"].(string)
		s.await(t, end)
		needles["session "+id], needles["job "+end] = id, end
		if job, ok := ingested["job_id"].(string); ok {
			needles["job "+job] = job
		}
	}
	client, err := s.engine.NewRedisClient()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sweep := func() (found []string, seen int) {
		testkit.SweepRedis(t, client, func(key string, value []byte) {
			for _, v := range [][]byte{[]byte(key), value} {
				seen++
				for what, text := range needles {
					if bytes.Contains(v, []byte(text)) {
						found = append(found, key+" holds "+what)
					}
				}
			}
		})
		return found, seen
	}
	s.json(t, 200, "DELETE", "/v1/users/"+gone, s.key, nil)
	found, seen := sweep()
	for _, f := range found {
		t.Errorf("after the erasure %s", f)
	}
	if seen < 4 {
		t.Errorf("the sweep saw only %d values", seen)
	}
}
