package test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/race"
)

// needle is something that must not be found.
type needle struct{ what, text string }

// sweep searches the whole database, and Redis where there is one, for needles. It returns where they were found, and what it has looked at.
func (s *server) sweep(t *testing.T, b testkit.Backend, needles []needle) (found []string, seen map[string]int) {
	t.Helper()
	seen = map[string]int{}
	look := func(place string, value []byte) {
		seen[place]++
		for _, n := range needles {
			if bytes.Contains(value, []byte(n.text)) {
				found = append(found, place+" holds "+n.what)
			}
		}
	}
	testkit.Sweep(t, testkit.Raw(t, b.Store), s.dialect(), func(table, column string, value []byte) { look(table+"."+column, value) })
	if b.Embedded() { // its Redis is inside the process: see TestErasureLeavesNothingInside of internal/app
		return found, seen
	}
	client := redis.NewClient(&redis.Options{Addr: b.RedisAddr()})
	defer client.Close()
	testkit.SweepRedis(t, client, func(key string, value []byte) {
		look("redis", []byte(key))
		look("redis", value)
	})
	return found, seen
}

// TestErasureLeavesNothing erases one of two users and then searches the database and Redis for what was theirs, down to the
// samples.
func TestErasureLeavesNothing(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		_, _, foreign := s.account(t, "other@example.com")
		const gone = "patient/7 Ωmega"
		const path = "/v1/users/patient%2F7%20%CE%A9mega"
		body := func(user string) string { return strings.Replace(recordedBody, "user_1", user, 1) }
		x := headset(5, 4*256)
		var needles []needle
		note := func(what string, ids ...string) {
			for _, id := range ids {
				needles = append(needles, needle{what, id})
			}
		}
		// Two instants of four channels that nobody else has, as they are kept.
		marker := make([]byte, 0, 32)
		for i := range 8 {
			v := float32(1234.5625 + 17*float32(i))
			x[i%4][100+i/4] = v
			marker = binary.LittleEndian.AppendUint32(marker, math.Float32bits(v))
		}
		note("samples", string(marker))
		note("the user", gone)
		for i := range 2 {
			id := s.session(t, body(gone))
			a := s.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, batch(x, 0, 4*256), fmt.Sprintf("Idempotency-Key: in-%d", i))
			end := s.json(t, 202, "POST", "/v1/sessions/"+id+"/end", s.key, nil, fmt.Sprintf("Idempotency-Key: end-%d", i))
			s.await(t, end["job_id"].(string))
			note("session", id)
			note("job", end["job_id"].(string), a.object(t)["job_id"].(string))
		}
		live := s.session(t, strings.Replace(sessionBody, "user_1", gone, 1))
		s.json(t, 200, "POST", "/v1/sessions/"+live+"/end", s.key, nil, "Idempotency-Key: live") // its answer has no job
		note("session", live)
		// A batch that is long and even enough to be kept compressed, with the marker in it.
		flat := make([][]float32, 4)
		for ch := range flat {
			flat[ch] = make([]float32, 20_000)
			copy(flat[ch][1000:], x[ch][100:102])
		}
		long := s.session(t, body(gone))
		packed := s.raw(t, "POST", fmt.Sprintf("/v1/sessions/%s/ingest?batch_id=long&t0_unix_ms=%d", long, documentStart),
			[]string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}, interleaved(flat, 0, 20_000))
		if packed.StatusCode != 202 {
			t.Fatalf("ingest: %d %s", packed.StatusCode, packed.body)
		}
		longWindows := len(s.windows(t, long, ""))
		note("session", long)
		// One that is decoded as it runs.
		decoded := s.session(t, strings.Replace(strings.Replace(sessionBody, "user_1", gone, 1), `"STREAMING"`, `"STREAMING", "decode": {"paradigm": "seizure"}`, 1))
		y := headset(7, 6*256)
		for ch := range y {
			copy(y[ch][100:], x[ch][100:102])
		}
		s.ingest(t, decoded, batch(y, 0, 2*256))
		s.ingest(t, decoded, batch(y, 2*256, 4*256))
		s.ingest(t, decoded, batch(y, 5*256, 6*256)) // after a gap: two segments
		liveWindows := len(s.windows(t, decoded, ""))
		note("session", decoded)

		kept := s.session(t, body("user_2"))
		s.ingest(t, kept, batch(headset(6, 4*256), 0, 4*256))
		s.windows(t, kept, "")
		abroad := s.json(t, 201, "POST", "/v1/sessions", foreign, body(gone))["session_id"].(string)

		// The sweep finds all of it as long as it is there.
		found, _ := s.sweep(t, b, append(needles[:len(needles):len(needles)], needle{"zstd", "zstd"}))
		for _, n := range []string{"sample_batches.data holds samples", "sample_batches.codec holds zstd", "sessions.external_user_id holds the user", "idempotency_records.body holds the user",
			"feature_windows.session_id holds session", "session_decodes.session_id holds session",
			"session_stretches.session_id holds session", "jobs.id holds job", "jobs.request holds session"} {
			if !slices.Contains(found, n) {
				t.Errorf("before the erasure the sweep does not see that %s", n)
			}
		}
		if n := strings.Count(strings.Join(found, "\n"), "sample_batches.data holds samples"); n < 4 {
			t.Errorf("the sweep sees the marker %d times, in four batches", n)
		}

		// In another project the user is somebody else, and one that nobody knows looks the same.
		stranger := s.json(t, 200, "DELETE", "/v1/users/nobody", s.key, nil)
		answer := s.json(t, 200, "DELETE", path, s.key, nil)
		audit := answer["audit_id"].(string)
		delete(answer, "audit_id")
		want := object{"deleted_external_user_id": gone, "sessions_deleted": 5., "samples_deleted": 2048. + 20_000 + 5*256, "features_deleted": float64(4 + longWindows + liveWindows)}
		if d := cmp.Diff(want, answer); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		for _, n := range needles {
			switch n.what {
			case "session":
				if a := s.call(t, "GET", "/v1/sessions/"+n.text, s.key, nil); a.StatusCode != 404 {
					t.Errorf("session: %d", a.StatusCode)
				}
			case "job":
				if a := s.call(t, "GET", "/api/v1/jobs/"+n.text, s.key, nil); a.StatusCode != 404 {
					t.Errorf("job: %d", a.StatusCode)
				}
			}
		}
		if n := len(s.windows(t, kept, "")); n != 2 {
			t.Errorf("another user has %d windows", n)
		}
		s.json(t, 200, "GET", "/v1/sessions/"+abroad, foreign, nil)
		again := s.json(t, 200, "DELETE", path, s.key, nil, "Idempotency-Key: erase", "Idempotency-Key: not looked at")
		if again["audit_id"] == audit {
			t.Errorf("again: %v", again)
		}
		for _, o := range []object{stranger, again} {
			delete(o, "deleted_external_user_id")
			delete(o, "audit_id")
		}
		nothing := object{"sessions_deleted": 0., "samples_deleted": 0., "features_deleted": 0.}
		if d := cmp.Diff([]object{nothing, nothing}, []object{stranger, again}); d != "" {
			t.Errorf("of unknown users (-want +got):\n%s", d)
		}
		s.json(t, 200, "DELETE", path, foreign, nil) // so that the sweep may search for the name

		// The job tells what was done, not to whom, and whoever lost the answer finds it.
		list := s.json(t, 200, "GET", "/api/v1/jobs?kind=user_erase", s.key, nil)["data"].([]any)
		if len(list) != 3 {
			t.Errorf("%d jobs", len(list))
		}
		out := list[1].(object)["output"].(object)
		delete(want, "deleted_external_user_id")
		want["audit_id"] = audit
		if d := cmp.Diff(want, out); d != "" {
			t.Errorf("the job's output (-want +got):\n%s", d)
		}

		found, seen := s.sweep(t, b, needles)
		for _, f := range found {
			t.Errorf("after the erasure %s", f)
		}
		if seen["audit_records.subject_hash"] != 4 || seen["sample_batches.data"] != 1 || seen["idempotency_records.key"] != 0 || !b.Embedded() && seen["redis"] < 4 || len(seen) < 60 {
			t.Errorf("the sweep saw only %v", seen)
		}
		if log := s.logged(t); strings.Contains(log, "patient") || !strings.Contains(log, `"path":"/v1/users/:external_user_id"`) {
			t.Errorf("the log names the user")
		}
	})
}

// TestErasureIsAtOnce follows an erasure that no worker works on yet: the sessions are out of reach, streams end, others
// join it, nobody can cancel it, and a process that stops answers 202.
func TestErasureIsAtOnce(t *testing.T) {
	t.Parallel()
	b := production(t)
	s := start(t, "api", b)
	s.signUp(t)
	far := start(t, "api", b) // what the second process knows it has from the database
	far.token, far.project, far.key = s.token, s.project, s.key

	x := headset(9, 1024)
	id := s.session(t, sessionBody)
	const once, twice = "Idempotency-Key: once", "Idempotency-Key: twice"
	s.json(t, 202, "POST", "/v1/sessions/"+id+"/ingest", s.key, batch(x, 0, 512), once)
	ended := s.session(t, sessionBody)
	s.json(t, 200, "POST", "/v1/sessions/"+ended+"/end", s.key, nil, twice)
	url, token := s.wsToken(t, id)
	near, _ := s.dial(t, url)
	distant, _ := far.dial(t, "/v1/ws?ws_token="+token)
	if near == nil || distant == nil {
		t.Fatal("connect")
	}
	events, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+far.addr+"/v1/sessions/"+id+"/features/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	events.Header.Set("Authorization", "Bearer "+s.key)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	sse, err := client.Do(events)
	if err != nil || sse.StatusCode != 200 {
		t.Fatalf("events: %v, %v", sse, err)
	}
	defer sse.Body.Close()

	type late struct {
		answer
		err error
	}
	erase := func(s *server) chan late {
		c := make(chan late, 1)
		go func() {
			a, err := s.tryRaw("DELETE", "/v1/users/user_1", []string{"Authorization: Bearer " + s.key}, nil)
			c <- late{a, err}
		}()
		return c
	}
	began := time.Now()
	first := erase(s)
	for _, f := range []*follower{near, distant} {
		if code, reason := f.closed(t); code != websocket.StatusPolicyViolation || reason != "session_not_found" {
			t.Errorf("closed with %d %q", code, reason)
		}
	}
	if _, err := io.Copy(io.Discard, sse.Body); err != nil {
		t.Errorf("events: %v", err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("streams ended after %v", d)
	}
	for _, call := range [][2]string{{"GET", ""}, {"GET", "/status"}, {"GET", "/features"}, {"GET", "/features/stream"}, {"GET", "/export"}, {"POST", "/ws-token"}, {"POST", "/end"}} {
		if a := far.call(t, call[0], "/v1/sessions/"+id+call[1], s.key, nil); a.StatusCode != 404 || a.code() != "session_not_found" {
			t.Errorf("%s %s: %d %s", call[0], call[1], a.StatusCode, a.body)
		}
	}
	if a := far.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, batch(x, 512, 1024)); a.StatusCode != 404 {
		t.Errorf("ingest: %d %s", a.StatusCode, a.body)
	}
	// Kept answers are out of reach as well.
	if a := far.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, batch(x, 0, 512), once); a.StatusCode != 404 {
		t.Errorf("ingest again: %d %s", a.StatusCode, a.body)
	}
	if a := far.call(t, "POST", "/v1/sessions/"+ended+"/end", s.key, nil, twice); a.StatusCode != 404 {
		t.Errorf("end again: %d %s", a.StatusCode, a.body)
	}
	if f, status := s.dial(t, url); f != nil || status != 404 {
		t.Errorf("the token still opens: %d", status)
	}
	if a := far.call(t, "GET", "/v1/sessions", s.key, nil); strings.TrimSpace(string(a.body)) != "[]" {
		t.Errorf("the list: %s", a.body)
	}

	// Made later, and not touched by the erasure that runs.
	next := s.session(t, sessionBody)
	list := s.json(t, 200, "GET", "/api/v1/jobs?kind=user_erase", s.key, nil)["data"].([]any)
	if len(list) != 1 || list[0].(object)["status"] != "queued" {
		t.Fatalf("jobs: %v", list)
	}
	job := list[0].(object)["data"].(object)["job_id"].(string)
	if a := s.call(t, "POST", "/api/v1/jobs/"+job+"/cancel", s.key, nil); a.StatusCode != 409 || a.code() != "job_not_cancelable" {
		t.Errorf("cancel: %d %s", a.StatusCode, a.body)
	}

	// The process stops: who waits is told what to poll.
	s.stop(t)
	a := <-first
	if a.err != nil || a.StatusCode != 202 || a.Header.Get("Location") != "/api/v1/jobs/"+job {
		t.Fatalf("%v: %d %s", a.err, a.StatusCode, a.body)
	}
	far.checkContract(t, "DELETE", "/v1/users/user_1", a.answer)
	far.json(t, 200, "GET", "/v1/sessions/"+next, s.key, nil)

	// Another call waits for the same job, and takes along what came since.
	second := erase(far)
	until(t, "the new session is out of reach", func() bool {
		return far.call(t, "GET", "/v1/sessions/"+next, s.key, nil).StatusCode == 404
	})
	// The job is given up: that is said, and the next call has another go on.
	far.exec(t, "UPDATE jobs SET state = 'canceled', finished_at = $1 WHERE id = $2", time.Now().UTC(), job)
	if a = <-second; a.err != nil || a.StatusCode != 503 || a.code() != "unavailable" {
		t.Fatalf("%v: %d %s", a.err, a.StatusCode, a.body)
	}
	third := erase(far)
	start(t, "worker", b)
	if a = <-third; a.err != nil || a.StatusCode != 200 {
		t.Fatalf("%v: %d %s", a.err, a.StatusCode, a.body)
	}
	list = far.json(t, 200, "GET", "/api/v1/jobs?kind=user_erase", s.key, nil)["data"].([]any)
	if len(list) != 2 {
		t.Fatalf("jobs: %v", list)
	}
	job = list[0].(object)["data"].(object)["job_id"].(string)
	got := a.object(t)
	done := far.await(t, job)
	if done["status"] != "completed" || done["output"].(object)["audit_id"] != got["audit_id"] || got["sessions_deleted"] != 3. || got["samples_deleted"] != 512. {
		t.Errorf("answer %v, job %v", got, done)
	}
	if a := far.call(t, "POST", "/api/v1/jobs/"+job+"/cancel", s.key, nil); a.StatusCode != 200 || a.object(t)["status"] != "completed" {
		t.Errorf("cancel what is done: %d %s", a.StatusCode, a.body)
	}
}

// TestErasureSurvivesKills kills the process in the middle of an erasure, and after its last transaction: what starts next
// goes on by itself and counts everything once.
func TestErasureSurvivesKills(t *testing.T) {
	t.Parallel()
	const sessions, batches, samples = 2, 40, 16
	for point, left := range map[string]func(batches int) bool{
		"after_erase_chunk:2": func(n int) bool { return n > 0 && n < sessions*batches },
		"after_erase:1":       func(n int) bool { return n == 0 },
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
				s := boot(t, b, "NEUROD_FAILPOINT="+point)
				x := headset(2, batches*samples)
				var ids []string
				for range sessions {
					id := s.session(t, sessionBody)
					for i := range batches {
						s.ingest(t, id, batch(x, i*samples, (i+1)*samples))
					}
					ids = append(ids, id)
				}
				windows := 0
				for _, id := range ids {
					windows += len(s.windows(t, id, ""))
				}
				if a, err := s.tryRaw("DELETE", "/v1/users/user_1", []string{"Authorization: Bearer " + s.key}, nil); err == nil {
					t.Fatalf("the process answered: %d %s", a.StatusCode, a.body)
				}
				<-s.process.Exited()
				raw := testkit.Raw(t, b.Store)
				count := func(table string) (n int) {
					if err := raw.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
						t.Fatal(err)
					}
					return n
				}
				if n := count("sample_batches"); !left(n) {
					t.Errorf("%d batches were left when the process was killed", n)
				}

				next := start(t, "serve", b)
				next.token, next.project, next.key = s.token, s.project, s.key
				for _, id := range ids {
					if a := next.call(t, "GET", "/v1/sessions/"+id, s.key, nil); a.StatusCode != 404 {
						t.Errorf("session: %d", a.StatusCode)
					}
				}
				list := next.json(t, 200, "GET", "/api/v1/jobs?kind=user_erase", s.key, nil)["data"].([]any)
				if len(list) != 1 {
					t.Fatalf("jobs: %v", list)
				}
				job := next.await(t, list[0].(object)["data"].(object)["job_id"].(string))
				out, _ := job["output"].(object)
				if job["status"] != "completed" || job["attempts"] != 2. || out["sessions_deleted"] != float64(sessions) ||
					out["samples_deleted"] != float64(sessions*batches*samples) || out["features_deleted"] != float64(windows) || windows == 0 {
					t.Errorf("%v, with %d windows", job, windows)
				}
				if n := count("audit_records"); n != 1 {
					t.Errorf("%d audit records", n)
				}
				for _, table := range []string{"sample_batches", "feature_windows", "erasures", "erased_sessions"} {
					if n := count(table); n != 0 {
						t.Errorf("%d rows are left in %s", n, table)
					}
				}
				if again := next.json(t, 200, "DELETE", "/v1/users/user_1", s.key, nil); again["sessions_deleted"] != 0. {
					t.Errorf("again: %v", again)
				}
				next.stop(t)
			})
		})
	}
}

// TestErasureOfHours erases twelve sessions of an hour, with batches of one second, a window every two; of five minutes
// under the race detector, which makes SQLite many times slower.
func TestErasureOfHours(t *testing.T) {
	t.Parallel()
	minutes := 60
	if race.Enabled {
		minutes = 5
	}
	const sessions = 12
	batches, windows := 60*minutes, 30*minutes
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		raw := testkit.Raw(t, b.Store)
		columns := testkit.Columns(t, raw, s.dialect())
		// multiply copies a session's only row of a table n-1 times; change says what differs from copy to copy.
		multiply := func(table, session string, n int, change map[string]string) {
			t.Helper()
			var into, from []string
			for c := range columns[table] {
				into = append(into, c)
				if expr := change[c]; expr != "" {
					c = expr
				}
				from = append(from, c)
			}
			res, err := raw.Exec(fmt.Sprintf(`WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < %d)
				INSERT INTO %s (%s) SELECT %s FROM %s, series WHERE session_id = $1`, n-1, table, strings.Join(into, ", "), strings.Join(from, ", "), table), session)
			if err != nil {
				t.Fatal(err)
			}
			if rows, err := res.RowsAffected(); err != nil || rows != int64(n-1) {
				t.Fatalf("%s: %d rows, %v", table, rows, err)
			}
		}
		x := headset(4, 512)
		for range sessions {
			id := s.session(t, recordedBody)
			s.ingest(t, id, batch(x, 0, 512))
			s.windows(t, id, "")
			multiply("sample_batches", id, batches, map[string]string{"batch_id": "batch_id || n", "seq": "seq + n",
				"start_sample": "start_sample + 256 * n", "end_sample": "end_sample + 256 * n"})
			multiply("feature_windows", id, windows, map[string]string{"window_index": "window_index + n", "seq": "seq + n"})
		}
		began := time.Now()
		answer := s.json(t, 200, "DELETE", "/v1/users/user_1", s.key, nil)
		took := time.Since(began)
		t.Logf("%d sessions with %d batches and %d windows were erased in %v", sessions, sessions*batches, sessions*windows, took.Round(time.Millisecond))
		if answer["sessions_deleted"] != float64(sessions) || answer["samples_deleted"] != float64(sessions*batches*512) || answer["features_deleted"] != float64(sessions*windows) {
			t.Errorf("%v", answer)
		}
		if took > 30*time.Second { // on two busy cores; TestErasureOfHours prints what it was
			t.Errorf("it took %v", took)
		}
	})
}
