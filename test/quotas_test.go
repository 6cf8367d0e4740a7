package test

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// refusedBy holds an answer to what a quota's refusal tells.
func (a answer) refusedBy(t testing.TB, status int, name models.QuotaName, limit int) {
	t.Helper()
	code := map[int]string{403: "project_quota_full", 429: "project_quota_exceeded"}[status]
	details, _ := a.object(t)["details"].(object)
	if details == nil {
		e, _ := a.object(t)["error"].(object)
		details, _ = e["details"].(object)
	}
	if a.StatusCode != status || a.code() != code || a.Header.Get("X-Quota-Name") != string(name) || a.Header.Get("X-Quota-Limit") != strconv.Itoa(limit) ||
		a.Header.Get("X-Quota-Used") == "" || (a.Header.Get("Retry-After") != "") != (status == 429) ||
		details["quota"] != string(name) || details["limit"] != float64(limit) || fmt.Sprint(details["used"]) != a.Header.Get("X-Quota-Used") {
		t.Errorf("%d %s %v; want %d by %s of %d", a.StatusCode, a.body, a.Header, status, name, limit)
	}
}

// TestQuotasOfAProject: each refuses by its code, shows in the answer and in the project's usage, and what was answered before is
// answered again.
func TestQuotasOfAProject(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, "NEUROD_QUOTA_STORED_MB=0", "NEUROD_QUOTA_WAITING_JOBS=0", "NEUROD_QUOTA_OPEN_SESSIONS=2", "NEUROD_QUOTA_WINDOWS_PER_DAY=0", "NEUROD_QUOTA_MODELS=1")
		usage := func() object {
			return s.json(t, 200, "GET", "/v1/projects/"+s.project+"/usage", s.token, nil)["quotas"].(object)
		}
		set := func(name models.QuotaName, n int64) {
			t.Helper()
			s.command(t, "quota", s.project, string(name), strconv.FormatInt(n, 10))
		}
		if u := usage(); len(u) != len(models.Quotas()) || u["open_sessions"].(object)["limit"] != 2. || u["waiting_jobs"].(object)["limit"] != nil {
			t.Errorf("at first: %v", u)
		}

		first, _ := s.session(t, sessionBody), s.session(t, sessionBody)
		s.call(t, "POST", "/v1/sessions", s.key, sessionBody).refusedBy(t, 403, models.QuotaOpenSessions, 2)
		if u := usage()["open_sessions"].(object); u["used"] != 2. {
			t.Errorf("two open: %v", u)
		}
		s.json(t, 200, "POST", "/v1/sessions/"+first+"/end", s.key, nil)
		open := s.session(t, sessionBody)

		s.uploadModel(t, s.key, modelFile(t, "one", "1", ""))
		binary := []string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}
		s.raw(t, "POST", "/api/v1/models", binary, modelFile(t, "two", "1", "")).refusedBy(t, 403, models.QuotaModels, 1)
		if a := s.raw(t, "POST", "/api/v1/models", binary, modelFile(t, "one", "1", "")); a.StatusCode != 200 {
			t.Errorf("the same file again: %d %s", a.StatusCode, a.body)
		}

		samples := func(id string) object {
			return object{"batch_id": id, "t0_unix_ms": documentStart, "data": documentSamples()}
		}
		ingest := func(id string, headers ...string) answer {
			return s.call(t, "POST", "/v1/sessions/"+open+"/ingest", s.key, samples(id), headers...)
		}
		decode := func(headers ...string) answer {
			return s.call(t, "POST", "/api/v1/neuro/decode", s.key, object{"input": object{"type": "eeg", "paradigm": "motor_imagery", "device": "cyton", "sample_rate": 250,
				"channels": 8, "data": base64.StdEncoding.EncodeToString(make([]byte, 4*8*1000))}}, headers...)
		}
		if a := ingest("a", "Idempotency-Key: i"); a.StatusCode != 202 {
			t.Fatalf("ingest: %d %s", a.StatusCode, a.body)
		}
		if a := decode("Idempotency-Key: d"); a.StatusCode != 202 {
			t.Fatalf("decode: %d %s", a.StatusCode, a.body)
		}
		stored := usage()["stored_bytes"].(object)["used"].(float64)
		if stored < 4*8*1000 {
			t.Errorf("%v bytes are stored", stored)
		}
		set(models.QuotaStoredBytes, 1)
		tries := 0
		until(t, "the project's own quota is noticed", func() bool {
			tries++
			return ingest("b"+strconv.Itoa(tries)).StatusCode == 403
		})
		ingest("c").refusedBy(t, 403, models.QuotaStoredBytes, 1)
		decode().refusedBy(t, 403, models.QuotaStoredBytes, 1)
		s.upload(t, []byte("Cz,Pz\n1,2\n3,4\n"), "external_user_id=u&sample_rate_hz=100").refusedBy(t, 403, models.QuotaStoredBytes, 1)
		s.raw(t, "POST", "/api/v1/models", binary, modelFile(t, "three", "1", "")).refusedBy(t, 403, models.QuotaStoredBytes, 1)
		for name, a := range map[string]answer{"a batch": ingest("a"), "a key of a batch": ingest("a", "Idempotency-Key: i"), "a key of a decode": decode("Idempotency-Key: d")} {
			if a.StatusCode >= 300 {
				t.Errorf("%s again: %d %s", name, a.StatusCode, a.body)
			}
		}
		set(models.QuotaStoredBytes, 0)
		set(models.QuotaWindowsPerDay, 1)
		long := strings.Repeat("1,2\n", 1000)
		until(t, "the windows of the day are used up", func() bool {
			a := s.upload(t, []byte("Cz,Pz\n"+long), "external_user_id=u&sample_rate_hz=100")
			if a.StatusCode == 429 {
				a.refusedBy(t, 429, models.QuotaWindowsPerDay, 1)
			}
			return a.StatusCode == 429
		})
		s.call(t, "POST", "/v1/sessions", s.key, sessionBody).refusedBy(t, 403, models.QuotaOpenSessions, 2)
	})
}

// documentSamples are those of the document's batch.
func documentSamples() object {
	out := object{}
	for _, c := range []string{"TP9", "AF7", "AF8", "TP10"} {
		out[c] = []float64{820.5, 821.2, 819.8, 820.1, 820.9}
	}
	return out
}

// TestWaitingJobsAreBounded where no worker takes them.
func TestWaitingJobsAreBounded(t *testing.T) {
	t.Parallel()
	b := production(t)
	s := start(t, "api", b, "NEUROD_QUOTA_WAITING_JOBS=3")
	s.signUp(t)
	recording := object{"input": object{"type": "eeg", "paradigm": "motor_imagery", "device": "cyton", "sample_rate": 250, "channels": 8,
		"data": base64.StdEncoding.EncodeToString(make([]byte, 4*8*1000))}}
	batch := func(n int) answer {
		items := make([]object, n)
		for i := range items {
			items[i] = recording
		}
		return s.call(t, "POST", "/api/v1/neuro/decode/batch", s.key, object{"items": items})
	}
	batch(4).refusedBy(t, 429, models.QuotaWaitingJobs, 3)
	if a := batch(2); a.StatusCode != 202 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, recording); a.StatusCode != 202 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	s.call(t, "POST", "/api/v1/neuro/decode", s.key, recording).refusedBy(t, 429, models.QuotaWaitingJobs, 3)
	if u := s.json(t, 200, "GET", "/v1/projects/"+s.project+"/usage", s.token, nil)["quotas"].(object)["waiting_jobs"].(object); u["used"] != 3. || u["limit"] != 3. {
		t.Errorf("usage: %v", u)
	}
}

// TestUsageByTheDay: what keys and members do through every way in is counted once, what has to wait as such, and what is repeated not again.
func TestUsageByTheDay(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, "NEUROD_RATE_LIMIT_DECODE=10", "NEUROD_RATE_LIMIT_ACCOUNTS=6000")
		did := func() (out object) {
			out = object{"requests": 0., "rate_limited": 0., "decodes": 0., "samples": 0.}
			for _, d := range s.json(t, 200, "GET", "/v1/projects/"+s.project+"/usage", s.token, nil)["days"].([]any) { // two, about midnight
				for name := range out {
					out[name] = out[name].(float64) + d.(object)[name].(float64)
				}
			}
			return out
		}
		grew := func(step string, before object, requests, limited, decodes, samples float64) {
			t.Helper()
			after := did()
			want := object{"requests": requests + 1, "rate_limited": limited, "decodes": decodes, "samples": samples} // one more to read it
			for name, n := range want {
				if got := after[name].(float64) - before[name].(float64); got != n {
					t.Errorf("%s: %v %s, want %v", step, got, name, n)
				}
			}
		}
		recording := object{"input": object{"type": "eeg", "paradigm": "motor_imagery", "device": "cyton", "sample_rate": 250, "channels": 8,
			"data": base64.StdEncoding.EncodeToString(make([]byte, 4*8*1000))}}

		before := did()
		for range 2 {
			if a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, recording, "Idempotency-Key: a"); a.StatusCode != 202 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
		}
		s.json(t, 202, "POST", "/api/v1/neuro/decode/batch", s.key, object{"items": []object{recording, recording, recording}})
		s.json(t, 200, "POST", "/graphql", s.key, object{"query": "{ __typename }"})
		grew("decodes", before, 4, 0, 4, 0)

		before = did()
		open := s.session(t, sessionBody)
		for range 2 {
			if a := s.call(t, "POST", "/v1/sessions/"+open+"/ingest", s.key, object{"batch_id": "a", "t0_unix_ms": documentStart, "data": documentSamples()}); a.StatusCode >= 300 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
		}
		grew("a session", before, 3, 0, 0, 20)

		before = did()
		if a := s.upload(t, []byte("Cz,Pz\n"+strings.Repeat("1,2\n", 1000)), "external_user_id=u&sample_rate_hz=100"); a.StatusCode != 202 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		until(t, "the file is read", func() bool { return did()["samples"].(float64)-before["samples"].(float64) >= 2000 })
		if n := did()["samples"].(float64) - before["samples"].(float64); n != 2000 {
			t.Errorf("%v samples of a file of 2000", n)
		}

		for who, headers := range map[string][]string{s.key: nil, s.token: {"X-Project-Id: " + s.project}} {
			before, limited := did(), 0.
			for range 40 { // of 20 at once
				if s.call(t, "GET", "/api/v1/jobs", who, nil, headers...).StatusCode == 429 {
					limited++
				}
			}
			if limited == 0 {
				t.Fatal("nothing had to wait")
			}
			grew("calls that have to wait", before, 40-limited, limited, 0, 0)
		}
	})
}
