package test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/procfs"
	"github.com/neurod/neurod/models"
)

// TestWorkersMayBeNone: without any worker a job is accepted and the API says, from the database alone, that one is needed; a worker that comes
// later does it, and is counted. This is what a scaler from zero goes by.
func TestWorkersMayBeNone(t *testing.T) {
	t.Parallel()
	b := production(t)
	const token = "a token for those who measure"
	api := start(t, "api", b, "NEUROD_METRICS_TOKEN="+token)
	api.signUp(t)
	scale := func() object {
		t.Helper()
		a := api.call(t, "GET", "/metrics/scale", token, nil)
		api.checkContract(t, "GET", "/metrics/scale", a)
		if a.StatusCode != 200 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		return a.object(t)
	}
	for _, path := range []string{"/metrics", "/metrics/scale"} {
		for credential, want := range map[string]string{"": "missing_credentials", token + "x": "invalid_token", api.token: "invalid_token"} {
			if a := api.call(t, "GET", path, credential, nil); a.StatusCode != 401 || a.code() != want {
				t.Errorf("%s with %q: %d %s", path, credential, a.StatusCode, a.body)
			}
		}
		if a := api.call(t, "GET", path, token, nil); a.StatusCode != 200 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	if s := scale(); s["need"] != 0. || s["wanted"] != 0. || s["workers"] != 0. {
		t.Errorf("before anything: %v", s)
	}
	id := api.json(t, 202, "POST", "/api/v1/neuro/decode", api.key, documentBody)["data"].(object)["job_id"].(string)
	until(t, "a worker to be needed", func() bool { s := scale(); return s["need"] == 1. && s["wanted"] == 1. && s["backlog"] == 1. })
	if job := api.json(t, 200, "GET", "/api/v1/jobs/"+id, api.key, nil); job["status"] != "queued" {
		t.Errorf("a job without a worker: %v", job["status"])
	}
	start(t, "worker", b)
	if job := api.await(t, id); job["status"] == "queued" || job["status"] == "running" {
		t.Errorf("with a worker: %v", job)
	}
	until(t, "the worker to be counted", func() bool { s := scale(); return s["workers"] == 1. && s["backlog"] == 0. })
}

// workersOf are the processes of workers that a supervisor keeps and that take jobs, as the database has them.
func (s *server) workersOf(t testing.TB, supervisor int) (pids []int) {
	t.Helper()
	rows, err := s.database(t).Query(fmt.Sprintf(`SELECT w.pid FROM processes w JOIN processes k ON k.id = w.supervisor
		WHERE k.pid = %d AND w.ended_at IS NULL AND NOT w.draining ORDER BY w.started_at`, supervisor))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			t.Fatal(err)
		}
		if alive(pid) {
			pids = append(pids, pid)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return pids
}

// alive reports whether a process is there and has not ended.
func alive(pid int) bool {
	_, _, err := procfs.Resident(pid)
	return err == nil && syscall.Kill(pid, 0) == nil
}

// TestSupervisor runs the real one: it keeps workers that do jobs, starts another where one is killed, and tells what it did; two do not keep more than
// they should together; and when it is killed its workers end by themselves.
func TestSupervisor(t *testing.T) {
	t.Parallel()
	b := production(t)
	api := start(t, "api", b, "NEUROD_OPERATOR=boss@example.com", "NEUROD_OPERATOR_PASSWORD=correct horse battery")
	api.signUp(t)
	keep := func() *server {
		return start(t, "workers", b, "NEUROD_WORKERS_MIN=2", "NEUROD_WORKERS_MAX=3", "NEUROD_WORKER_CONCURRENCY=2", "NEUROD_WORKER_ADDR=127.0.0.1:0")
	}
	first := keep()
	pid := first.process.PID()
	until(t, "two workers", func() bool { return len(api.workersOf(t, pid)) == 2 })
	decode := func() {
		t.Helper()
		id := api.json(t, 202, "POST", "/api/v1/neuro/decode", api.key, documentBody)["data"].(object)["job_id"].(string)
		if job := api.await(t, id); job["status"] != "completed" && job["status"] != "failed" {
			t.Errorf("%v", job)
		}
	}
	decode()

	killed := api.workersOf(t, pid)[0]
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "another in its place", func() bool { return !alive(killed) && len(api.workersOf(t, pid)) == 2 })
	decode()
	boss := api.json(t, 200, "POST", "/v1/auth/login", "", object{"email": "boss@example.com", "password": "correct horse battery"})["access_token"].(string)
	events := func() (kinds string) {
		a := api.call(t, "GET", "/api/v1/admin/scale?limit=100", boss, nil)
		api.checkContract(t, "GET", "/api/v1/admin/scale", a)
		for _, e := range a.object(t)["data"].([]any) {
			kinds = e.(object)["kind"].(string) + " " + kinds
		}
		return strings.TrimSpace(kinds)
	}
	until(t, "its deeds to be told", func() bool { return events() == "up death up" })
	as := []string{"NEUROD_URL=http://" + api.addr, "NEUROD_TOKEN=" + boss}
	api.neurod(t, as, "admin", "scale").says(t, " of 2 slots, and 0 that drain", "QUEUE", "bulk", "interactive", "up ", "death ", "0 to 2")
	var told struct {
		Scale struct{ Workers int }
		Data  []struct{ Kind models.ScaleEventKind }
		Next  string `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(api.neurod(t, as, "admin", "scale", "--json", "--limit", "1").says(t).out), &told); err != nil || told.Scale.Workers < 2 || len(told.Data) != 1 || told.Next == "" {
		t.Errorf("as JSON: %+v, %v", told, err)
	}
	api.neurod(t, as, "admin", "scale", "--cursor", told.Next).says(t, "death ")
	api.neurod(t, as, "admin", "scale", "--limit", "0").refuses(t, "limit")
	until(t, "its metrics to tell as much", func() bool { // they follow with the next look
		body := string(first.call(t, "GET", "/metrics", "", nil).body)
		return strings.Contains(body, `neurod_autoscale_workers{state="active"} 2`) && strings.Contains(body, "neurod_autoscale_deaths_total 1")
	})

	second := keep()
	until(t, "two workers more", func() bool { return len(api.workersOf(t, second.process.PID())) == 2 })
	if n := len(api.workersOf(t, pid)); n != 2 {
		t.Errorf("the first keeps %d workers beside the second, want 2", n)
	}

	left := api.workersOf(t, pid)
	first.process.Kill()
	until(t, "workers that nobody keeps to end", func() bool { return !alive(left[0]) && !alive(left[1]) })
	decode()
	left = api.workersOf(t, second.process.PID())
	second.stop(t)
	for _, pid := range left {
		if alive(pid) {
			t.Errorf("worker %d outlives its supervisor", pid)
		}
	}
	if n := api.count(t, "scale_events", "kind", string(models.ScaleCrashLoop)); n != 0 {
		t.Errorf("%d crash loops", n)
	}
}

// TestSupervisorNeedsStores: the embedded pair is one process.
func TestSupervisorNeedsStores(t *testing.T) {
	t.Parallel()
	b := testkit.Backend{DataDir: t.TempDir()}
	if said := refused(t, "workers", b); !strings.Contains(said, "neurod serve") {
		t.Errorf("workers: %s", said)
	}
	if said := refused(t, "serve", b, "NEUROD_WORKERS_MAX=3"); !strings.Contains(said, "NEUROD_WORKERS_MAX") || !strings.Contains(said, "PostgreSQL") {
		t.Errorf("serve: %s", said)
	}
	p := production(t)
	if said := refused(t, "serve", p, "NEUROD_WORKERS_MAX=3", "NEUROD_WORKERS_MIN=4"); !strings.Contains(said, "NEUROD_WORKERS_MIN") {
		t.Errorf("more at least than at most: %s", said)
	}
}

// TestCommandsOfScale runs what docs/22-scale.md shows.
func TestCommandsOfScale(t *testing.T) {
	t.Parallel()
	b := production(t)
	api := start(t, "api", b)
	doc, err := os.ReadFile("../docs/22-scale.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := "set -euo pipefail\n"
	for _, m := range regexp.MustCompile("(?s)```bash\n(.*?)```").FindAllStringSubmatch(string(doc), -1) {
		commands += m[1]
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that was free a moment ago
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", strings.NewReplacer("localhost:8000", api.addr, "127.0.0.1:9100", free).Replace(commands)+"kill %1\nwait\n")
	cmd.Env = append(environment(b), "PATH="+filepath.Dir(path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "neurod_autoscale_need ") || !strings.Contains(string(out), `"wanted":`) {
		t.Errorf("%v\n%s", err, out)
	}
}
