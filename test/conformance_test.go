package test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/documents"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/models"
)

// The body of the public decode document's request, and the query of its poll.
const (
	documentBody = documents.DecodeRequest
	documentPoll = "?wait_for_completion=true&timeout_seconds=30"
)

const uuidPattern = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`

// acceptedPattern is the document's answer, with nothing beside what the document shows.
var acceptedPattern = regexp.MustCompile(`^\{"id":"req_pi_(` + uuidPattern + `)","object":"job","status":"queued","created_at":\d{10},"data":\{"job_id":"(` + uuidPattern + `)"\}\}\n$`)

// outputFields are the fields of a completed job's output in the document, and the JSON types they may have.
var outputFields = map[string][]string{
	"decoded_intent":    {"string"},
	"confidence":        {"number"},
	"paradigm_detected": {"string"},
	"predicted_text":    {"string"}, // optional
	"alternatives":      {"array"},
	"session_context":   {"string"},
	"seizure_detected":  {"boolean", "null"},
	"red_flags":         {"array"},
	"disclaimer":        {"string"},
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// float32le writes channels × samples in the request's default form.
func float32le(signal [][]float64) string {
	b := make([]byte, 0, 4*len(signal)*len(signal[0]))
	for s := range signal[0] {
		for c := range signal {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(signal[c][s])))
		}
	}
	return base64.StdEncoding.EncodeToString(b)
}

// noisy returns background activity in µV: seeded, each sample leaning on the one before, as EEG does.
func noisy(seed uint64, channels, samples int) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([][]float64, channels)
	for c := range out {
		out[c] = make([]float64, samples)
		last := 0.0
		for s := range out[c] {
			last = 0.95*last + 3*rng.NormFloat64()
			out[c][s] = last
		}
	}
	return out
}

// flicker adds a response at a frequency and its second harmonic, in µV.
func flicker(signal [][]float64, rate, hz float64) [][]float64 {
	for c := range signal {
		for s := range signal[c] {
			at := 2 * math.Pi * hz * float64(s) / rate
			signal[c][s] += 8*math.Sin(at) + 4*math.Sin(2*at)
		}
	}
	return signal
}

// motorImagery is the document's request with a recording of 4 s.
func motorImagery() object {
	return object{
		"input": object{
			"type": "eeg", "data": float32le(noisy(7, 8, 1000)), "paradigm": "motor_imagery",
			"device": "OpenBCI Cyton", "channels": 8, "sample_rate": 250,
		},
		"context": object{"locale": "en", "session_history": []string{"move_left", "rest", "move_right"}, "ui_mode": "wheelchair_nav"},
		"output":  object{"format": "json", "include_diagnostics": false},
	}
}

// ssvep is a recording of someone who looks at 13 of 13, 17 and 21 Hz.
func ssvep() object {
	return object{"input": object{
		"type": "eeg", "data": float32le(flicker(noisy(3, 4, 1000), 250, 13)), "paradigm": "ssvep",
		"channels": []string{"O1", "Oz", "O2", "POz"}, "sample_rate": 250,
		"stimulus": object{"targets": []object{
			{"label": "door", "frequency": 13}, {"label": "lamp", "frequency": 17}, {"label": "radio", "frequency": 21},
		}},
	}}
}

// TestDocument holds the service to the decode document: the request, the answer and the poll as it prints them.
func TestDocument(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		t.Run("request and answer", func(t *testing.T) {
			t.Parallel()
			before := time.Now().Unix()
			a := s.raw(t, "POST", "/api/v1/neuro/decode", []string{"Authorization: Bearer " + s.key, "Content-Type: application/json"}, []byte(documentBody))
			if a.StatusCode != 202 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			ids := acceptedPattern.FindSubmatch(a.body)
			if ids == nil {
				t.Fatalf("%s is not the document's answer", a.body)
			}
			if !bytes.Equal(ids[1], ids[2]) {
				t.Errorf("id and data.job_id differ: %s, %s", ids[1], ids[2])
			}
			if at := int64(a.object(t)["created_at"].(float64)); at < before-1 || at > time.Now().Unix()+1 {
				t.Errorf("created_at %d is not now", at)
			}
			if got := a.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
				t.Errorf("Content-Type %q", got)
			}
			if got := a.Header.Get("Location"); got != "/api/v1/jobs/"+string(ids[1]) {
				t.Errorf("Location %q", got)
			}

			// The document's four bytes are not a recording: the job says how much is needed.
			for _, id := range []string{"req_pi_" + string(ids[1]), string(ids[1])} {
				job := s.json(t, 200, "GET", "/api/v1/jobs/"+id+documentPoll, s.key, nil)
				fault := job["error"].(object)
				if job["status"] != "failed" || fault["code"] != "payload_too_short" {
					t.Fatalf("polled as %s: %v", id, job)
				}
				details := fault["details"].(object)
				if details["samples_needed"].(float64) <= details["samples_got"].(float64) || details["channels"] != 8.0 {
					t.Errorf("details %v", details)
				}
				if job["id"] != "req_pi_"+string(ids[1]) {
					t.Errorf("id %v", job["id"])
				}
			}
		})
		for name, tt := range map[string]struct {
			body     object
			paradigm string
			intents  []string
		}{
			"motor imagery": {motorImagery(), "motor_imagery", nil},
			"ssvep":         {ssvep(), "ssvep", []string{"door"}},
		} {
			t.Run("completed "+name, func(t *testing.T) {
				t.Parallel()
				id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, tt.body)["id"].(string)
				job := s.json(t, 200, "GET", "/api/v1/jobs/"+id+documentPoll, s.key, nil)
				if job["status"] != "completed" {
					t.Fatalf("job %v", job)
				}
				if _, shown := job["diagnostics"]; shown {
					t.Error("diagnostics were not asked for")
				}
				out := job["output"].(object)
				checkOutput(t, out)
				if out["paradigm_detected"] != tt.paradigm {
					t.Errorf("paradigm_detected %v", out["paradigm_detected"])
				}
				if tt.intents != nil && !slices.Contains(tt.intents, out["decoded_intent"].(string)) {
					t.Errorf("decoded_intent %v, want one of %v", out["decoded_intent"], tt.intents)
				}

				with := s.json(t, 200, "GET", "/api/v1/jobs/"+id+"?include=diagnostics", s.key, nil)
				d, ok := with["diagnostics"].(object)
				if !ok {
					t.Fatalf("include=diagnostics shows none: %v", with)
				}
				steps, _ := d["steps"].([]any)
				if d["routing"] == nil || len(steps) == 0 {
					t.Errorf("diagnostics lack routing or steps: %v", d)
				}
				for _, step := range steps {
					if ms, ok := step.(object)["ms"].(float64); !ok || ms < 0 {
						t.Errorf("step without milliseconds: %v", step)
					}
				}
				if d := cmp.Diff(out, with["output"]); d != "" {
					t.Errorf("the output changed between two polls:\n%s", d)
				}
			})
		}
		t.Run("include_diagnostics in the request", func(t *testing.T) {
			t.Parallel()
			body := ssvep()
			body["output"] = object{"include_diagnostics": true}
			id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, body)["id"].(string)
			if job := s.json(t, 200, "GET", "/api/v1/jobs/"+id+documentPoll, s.key, nil); job["diagnostics"] == nil {
				t.Errorf("no diagnostics: %v", job)
			}
		})
	})
}

// checkOutput holds the output of a completed job to the document's fields.
func checkOutput(t *testing.T, out object) {
	t.Helper()
	for name, types := range outputFields {
		v, given := out[name]
		if !given {
			if name != "predicted_text" {
				t.Errorf("output lacks %s", name)
			}
			continue
		}
		if !slices.Contains(types, typeOf(v)) {
			t.Errorf("%s is a %s, want %v", name, typeOf(v), types)
		}
	}
	confidence, _ := out["confidence"].(float64)
	sum, last := confidence, confidence
	for i, alt := range out["alternatives"].([]any) {
		a := alt.(object)
		p := a["confidence"].(float64)
		if a["intent"] == "" || p < 0 || p > last+1e-9 {
			t.Errorf("alternative %d is not ranked: %v after %v", i, a, last)
		}
		sum, last = sum+p, p
	}
	if math.Abs(sum-1) > 1e-6 || confidence <= 0 || confidence > 1 {
		t.Errorf("confidence %v and alternatives add up to %v", confidence, sum)
	}
	if out["decoded_intent"] == "" || out["disclaimer"] == "" {
		t.Errorf("decoded_intent %q, disclaimer %q", out["decoded_intent"], out["disclaimer"])
	}
}

// TestDocumentErrors provokes every error code of the document by what its table says causes it.
func TestDocumentErrors(t *testing.T) {
	t.Parallel()
	envelope := func(t *testing.T, a answer, status int, code string) object {
		t.Helper()
		if a.StatusCode != status || a.code() != code {
			t.Fatalf("%d %s, want %d %s", a.StatusCode, a.body, status, code)
		}
		e := a.object(t)["error"].(object)
		for _, field := range []string{"code", "message", "details", "request_id", "timestamp"} {
			if _, given := e[field]; !given {
				t.Errorf("the error lacks %s: %s", field, a.body)
			}
		}
		if e["request_id"] != a.Header.Get("X-Request-Id") {
			t.Errorf("request_id %v, header %q", e["request_id"], a.Header.Get("X-Request-Id"))
		}
		if at, err := time.Parse(time.RFC3339, e["timestamp"].(string)); err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("timestamp %v", e["timestamp"])
		}
		return e
	}
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		t.Run("invalid_request_body", func(t *testing.T) {
			t.Parallel()
			s := boot(t, fresh(t, b))
			for name, tt := range map[string]struct{ body, pointer string }{
				"schema":     {strings.Replace(documentBody, `"eeg"`, `"ecg"`, 1), "/input/type"},
				"type":       {strings.Replace(documentBody, `8,`, `"eight",`, 1), "/input/channels"},
				"no input":   {`{"context":{}}`, "/input"},
				"not base64": {strings.Replace(documentBody, "dGVzdA==", "d%GV", 1), "/input/data"},
				"no object":  {`[1,2]`, ""},
				"no JSON":    {`{"input":`, "-"},
				"empty body": {``, "-"},
			} {
				e := envelope(t, s.call(t, "POST", "/api/v1/neuro/decode", s.key, tt.body), 400, "invalid_request_body")
				if tt.pointer == "-" {
					continue
				}
				fields, _ := e["details"].(object)["fields"].([]any)
				if len(fields) != 1 || fields[0].(object)["pointer"] != tt.pointer {
					t.Errorf("%s: fields %v, want %s", name, fields, tt.pointer)
				}
			}
		})
		t.Run("neuro_decode_disabled", func(t *testing.T) {
			t.Parallel()
			s := boot(t, fresh(t, b), "NEURO_DECODE_ENABLED=false")
			for _, path := range []string{"/api/v1/neuro/decode", "/api/v1/neuro/decode/batch"} {
				envelope(t, s.call(t, "POST", path, s.key, documentBody), 403, "neuro_decode_disabled")
				envelope(t, s.call(t, "POST", path, s.key, `{}`), 403, "neuro_decode_disabled")
			}
			s.json(t, 200, "GET", "/api/v1/jobs", s.key, nil) // only decoding is off
		})
		t.Run("job_create_failed", func(t *testing.T) {
			t.Parallel()
			if b.Embedded() {
				return // its database is inside the process: see TestTheDatabaseCloses of internal/app
			}
			s, fell := withOwnDatabase(t, b)
			id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, documentBody)["id"].(string)
			s.await(t, id) // a worker that cannot store its result goes on trying for a while
			fell()
			e := envelope(t, s.call(t, "POST", "/api/v1/neuro/decode", s.key, documentBody), 500, "job_create_failed")
			if text := fmt.Sprint(e); strings.Contains(strings.ToLower(text), "sql") || strings.Contains(text, "connect") {
				t.Errorf("the answer shows the cause: %v", e)
			}
			for _, path := range []string{"/api/v1/jobs", "/api/v1/jobs/" + id} {
				envelope(t, s.call(t, "GET", path, s.key, nil), 503, "unavailable")
			}
			// What needs the database says so, and no more than the truth.
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
		})
		t.Run("job_trigger_failed", func(t *testing.T) {
			t.Parallel()
			if b.Embedded() {
				return // its Redis lives and dies with the process
			}
			b := fresh(t, b)
			s := boot(t, b, "NEUROD_REDIS_OUTAGE_LIMIT=300ms")
			s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, documentBody)
			if err := b.Redis.Stop(); err != nil {
				t.Fatal(err)
			}
			var accepted []string
			until(t, "502", func() bool {
				a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, documentBody)
				if a.StatusCode == 202 { // within the limit the outage is invisible
					accepted = append(accepted, a.object(t)["id"].(string))
					return false
				}
				envelope(t, a, 502, "job_trigger_failed")
				return true
			})
			listed := len(s.json(t, 200, "GET", "/api/v1/jobs?limit=100", s.key, nil)["data"].([]any))
			envelope(t, s.call(t, "POST", "/api/v1/neuro/decode", s.key, documentBody), 502, "job_trigger_failed")
			if now := len(s.json(t, 200, "GET", "/api/v1/jobs?limit=100", s.key, nil)["data"].([]any)); now != listed {
				t.Errorf("a refused decode was stored: %d jobs, then %d", listed, now)
			}
			if a := s.call(t, "GET", "/readyz", "", nil); a.StatusCode != 200 || a.object(t)["redis"] != "disconnected" {
				t.Errorf("/readyz: %d %s", a.StatusCode, a.body)
			}
			if err := b.Redis.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			until(t, "202 again", func() bool {
				return s.call(t, "POST", "/api/v1/neuro/decode", s.key, documentBody).StatusCode == 202
			})
			for _, id := range accepted { // whatever was accepted is done
				s.await(t, id)
			}
		})
	})
}

// fresh returns a backend of the same kind with stores of its own.
func fresh(t *testing.T, b testkit.Backend) testkit.Backend {
	t.Helper()
	if b.Embedded() {
		return testkit.Backend{Name: b.Name, DataDir: t.TempDir()}
	}
	b.Store.DatabaseURL = testkit.Postgres(t)
	b.DataDir = t.TempDir()
	b.Redis = testkit.RedisServer(t)
	return b
}

// withOwnDatabase boots a server on a PostgreSQL that the test may end underneath it.
func withOwnDatabase(t *testing.T, b testkit.Backend) (*server, func()) {
	t.Helper()
	pg, err := servers.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Close() })
	if err := pg.CreateDatabase(t.Context(), "neurod", ""); err != nil {
		t.Fatal(err)
	}
	b.Store.DatabaseURL, b.DataDir, b.Redis = pg.URL("neurod"), t.TempDir(), testkit.RedisServer(t)
	(&server{backend: b}).command(t, "migrate", "up")
	return boot(t, b), func() {
		if err := pg.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestIdempotency holds Idempotency-Key to its promise.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		post := func(key, body string) answer {
			return s.call(t, "POST", "/api/v1/neuro/decode", s.key, body, "Idempotency-Key: "+key)
		}
		t.Run("replay", func(t *testing.T) {
			t.Parallel()
			first, second := post("replay", documentBody), post("replay", documentBody)
			if first.StatusCode != 202 || first.Header.Get("Idempotent-Replayed") != "" {
				t.Fatalf("%d %s", first.StatusCode, first.body)
			}
			if second.StatusCode != 202 || !bytes.Equal(first.body, second.body) || second.Header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("%d %s, replayed %q", second.StatusCode, second.body, second.Header.Get("Idempotent-Replayed"))
			}
			if first.Header.Get("Location") != second.Header.Get("Location") {
				t.Errorf("Location %q, then %q", first.Header.Get("Location"), second.Header.Get("Location"))
			}
		})
		t.Run("another body", func(t *testing.T) {
			t.Parallel()
			post("reused", documentBody)
			if a := post("reused", documentBody+" "); a.StatusCode != 422 || a.code() != "idempotency_key_reused" {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		})
		t.Run("scope is the operation", func(t *testing.T) {
			t.Parallel()
			batch := `{"items":[` + documentBody + `]}`
			one := post("scope", documentBody)
			many := s.call(t, "POST", "/api/v1/neuro/decode/batch", s.key, batch, "Idempotency-Key: scope")
			if one.StatusCode != 202 || many.StatusCode != 202 {
				t.Errorf("%d %s, %d %s", one.StatusCode, one.body, many.StatusCode, many.body)
			}
		})
		t.Run("scope is the project", func(t *testing.T) {
			t.Parallel()
			_, _, other := s.account(t, "idempotent@example.com")
			a := post("mine", documentBody)
			o := s.call(t, "POST", "/api/v1/neuro/decode", other, documentBody+" ", "Idempotency-Key: mine")
			if o.StatusCode != 202 || bytes.Equal(a.body, o.body) {
				t.Errorf("%d %s", o.StatusCode, o.body)
			}
		})
		t.Run("errors are not stored", func(t *testing.T) {
			t.Parallel()
			if a := post("mended", `{}`); a.StatusCode != 400 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			if a := post("mended", documentBody); a.StatusCode != 202 || a.Header.Get("Idempotent-Replayed") != "" {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		})
		t.Run("syntax", func(t *testing.T) {
			t.Parallel()
			for key, status := range map[string]int{
				strings.Repeat("k", 255): 202, strings.Repeat("k", 256): 400, "": 400, "é": 400, "a b": 202,
			} {
				if a := post(key, documentBody); a.StatusCode != status {
					t.Errorf("key of %d bytes: %d %s", len(key), a.StatusCode, a.body)
				}
			}
			two := s.call(t, "POST", "/api/v1/neuro/decode", s.key, documentBody, "Idempotency-Key: a", "Idempotency-Key: b")
			if two.StatusCode != 400 || two.code() != "invalid_idempotency_key" {
				t.Errorf("two keys: %d %s", two.StatusCode, two.body)
			}
		})
		t.Run("fifty at once make one job", func(t *testing.T) {
			t.Parallel()
			_, _, key := s.account(t, "fifty@example.com")
			var mu sync.Mutex
			var group sync.WaitGroup
			ids := map[string]int{}
			for range 50 {
				group.Go(func() {
					a := s.call(t, "POST", "/api/v1/neuro/decode", key, documentBody, "Idempotency-Key: fifty")
					mu.Lock()
					defer mu.Unlock()
					switch a.StatusCode {
					case 202:
						ids[string(a.body)]++
					case 409:
						if a.code() != "idempotency_key_in_flight" || a.Header.Get("Retry-After") == "" {
							t.Errorf("%s, Retry-After %q", a.body, a.Header.Get("Retry-After"))
						}
					default:
						t.Errorf("%d %s", a.StatusCode, a.body)
					}
				})
			}
			group.Wait()
			jobs := s.json(t, 200, "GET", "/api/v1/jobs", key, nil)["data"].([]any)
			if len(ids) != 1 || len(jobs) != 1 {
				t.Errorf("%d different answers, %d jobs", len(ids), len(jobs))
			}
		})
	})
}

// TestPolling holds GET /api/v1/jobs/:id to its parameters.
func TestPolling(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, documentBody)["id"].(string)
		s.await(t, id)
		for query, want := range map[string]struct {
			status int
			field  string
		}{
			"":                             {200, ""},
			"?wait_for_completion=true":    {200, ""},
			"?wait_for_completion=1":       {200, ""},
			"?wait_for_completion=false":   {200, ""},
			"?wait_for_completion=perhaps": {400, "wait_for_completion"},
			"?wait_for_completion=true&timeout_seconds=0":     {200, ""},
			"?wait_for_completion=true&timeout_seconds=0.5":   {200, ""},
			"?wait_for_completion=true&timeout_seconds=61":    {200, ""},
			"?wait_for_completion=true&timeout_seconds=1e300": {200, ""},
			"?wait_for_completion=true&timeout_seconds=-1":    {400, "timeout_seconds"},
			"?wait_for_completion=true&timeout_seconds=soon":  {400, "timeout_seconds"},
			"?wait_for_completion=true&timeout_seconds=NaN":   {400, "timeout_seconds"},
			"?wait_for_completion=true&timeout_seconds=Inf":   {400, "timeout_seconds"},
			"?wait_for_completion=true&timeout_seconds=":      {400, "timeout_seconds"},
			"?timeout_seconds=-1":                             {400, "timeout_seconds"},
			"?include=diagnostics":                            {200, ""},
			"?include=diagnostics,diagnostics":                {200, ""},
			"?include=everything":                             {400, "include"},
			"?unknown=parameter":                              {400, "unknown"},
			"?timeout_seconds=-1&include=x":                   {400, "timeout_seconds"},
		} {
			a := s.call(t, "GET", "/api/v1/jobs/"+id+query, s.key, nil)
			if a.StatusCode != want.status {
				t.Errorf("%s: %d %s", query, a.StatusCode, a.body)
				continue
			}
			if want.status == 400 {
				fields, _ := a.object(t)["error"].(object)["details"].(object)["fields"].([]any)
				if a.code() != "invalid_parameter" || len(fields) == 0 || fields[0].(object)["pointer"] != want.field {
					t.Errorf("%s: %s", query, a.body)
				}
			}
		}
		_, _, other := s.account(t, "other@example.com")
		absent := "0190a4a6-0000-7000-8000-000000000000"
		var bodies []string
		for _, tt := range []struct{ key, id string }{{s.key, absent}, {other, id}, {s.key, "nonsense"}, {s.key, "req_pi_"}} {
			for _, call := range []struct{ method, suffix string }{{"GET", ""}, {"GET", documentPoll}, {"POST", "/cancel"}} {
				a := s.call(t, call.method, "/api/v1/jobs/"+tt.id+call.suffix, tt.key, nil, "X-Request-Id: same")
				if a.StatusCode != 404 || a.code() != "job_not_found" {
					t.Errorf("%s %s: %d %s", call.method, tt.id, a.StatusCode, a.body)
				}
				e := a.object(t)["error"].(object)
				delete(e, "timestamp")
				bodies = append(bodies, fmt.Sprint(e))
			}
		}
		if len(slices.Compact(bodies)) != 1 {
			t.Errorf("a foreign job does not look like an absent one: %v", bodies)
		}
	})
}

// TestWaitEndsWithTheJob waits for a job that finishes meanwhile, for one that does not, and through a stop.
func TestWaitEndsWithTheJob(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		if b.Embedded() {
			// One process: a job cannot be held back from its worker, so only the first part is asked of it.
			s := boot(t, b)
			id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, ssvep())["id"].(string)
			if job := s.json(t, 200, "GET", "/api/v1/jobs/"+id+documentPoll, s.key, nil); job["status"] != "completed" {
				t.Errorf("waited, and got %v", job)
			}
			return
		}
		apiOnly := start(t, "api", b)
		apiOnly.signUp(t)
		id := apiOnly.json(t, 202, "POST", "/api/v1/neuro/decode", apiOnly.key, ssvep())["id"].(string)

		// Nobody works: a wait that times out is 200 with the job as it is then.
		if job := apiOnly.json(t, 200, "GET", "/api/v1/jobs/"+id+"?wait_for_completion=true&timeout_seconds=0.2", apiOnly.key, nil); job["status"] != "queued" {
			t.Errorf("timed out with %v", job)
		}

		// A worker in another process ends the wait.
		waiting := make(chan answer, 1)
		go func() { waiting <- apiOnly.call(t, "GET", "/api/v1/jobs/"+id+documentPoll, apiOnly.key, nil) }()
		start(t, "worker", b)
		if a := <-waiting; a.object(t)["status"] != "completed" {
			t.Errorf("waited, and got %d %s", a.StatusCode, a.body)
		}
	})
}

// TestStopAnswersWaiters stops a process while a client waits: it is answered with the job as it is then.
func TestStopAnswersWaiters(t *testing.T) {
	t.Parallel()
	b := production(t)
	s := start(t, "api", b)
	s.signUp(t)
	id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, ssvep())["id"].(string)
	waiting := make(chan answer, 1)
	go func() {
		a, err := s.tryRaw("GET", "/api/v1/jobs/"+id+"?wait_for_completion=true&timeout_seconds=60", []string{"Authorization: Bearer " + s.key}, nil)
		if err != nil {
			t.Error(err)
		}
		waiting <- a
	}()
	until(t, "a waiting client", func() bool {
		return strings.Contains(string(s.call(t, "GET", "/metrics", "", nil).body), "neurod_jobs_waiting 1")
	})
	s.stop(t)
	a := <-waiting
	if a.Response == nil || a.StatusCode != 200 || a.object(t)["status"] != "queued" {
		t.Errorf("the waiter got %+v %s", a.Response, a.body)
	}
}

// TestListing pages through jobs and filters them.
func TestListing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		var want []string
		for range 5 {
			id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, documentBody)["id"].(string)
			s.await(t, id)
			want = append([]string{id}, want...) // newest first
		}
		batch := s.json(t, 202, "POST", "/api/v1/neuro/decode/batch", s.key, `{"items":[`+documentBody+`]}`)["id"].(string)
		s.await(t, batch)

		list := func(query string) (ids []string, next any) {
			page := s.json(t, 200, "GET", "/api/v1/jobs"+query, s.key, nil)
			for _, j := range page["data"].([]any) {
				ids = append(ids, j.(object)["id"].(string))
			}
			if more := page["has_more"].(bool); more != (page["next_cursor"] != nil) {
				t.Errorf("has_more %v, next_cursor %v", more, page["next_cursor"])
			}
			return ids, page["next_cursor"]
		}
		var got []string
		query := "?limit=2&kind=neuro_decode"
		for next := any(""); next != nil; {
			var ids []string
			ids, next = list(query + "&cursor=" + fmt.Sprint(next))
			if len(ids) > 2 {
				t.Fatalf("a page of %d", len(ids))
			}
			got = append(got, ids...)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("pages (-want +got):\n%s", d)
		}
		for query, n := range map[string]int{
			"": 6, "?kind=neuro_decode_batch": 1, "?kind=neuro_decode,neuro_decode_batch": 6, "?kind=neuro_decode&kind=neuro_decode_batch": 6,
			"?state=failed&kind=neuro_decode": 5, "?state=queued,running": 0, "?state=completed": 1, "?parent_id=" + batch: 1,
		} {
			if ids, _ := list(query); len(ids) != n {
				t.Errorf("%s lists %d jobs, want %d", query, len(ids), n)
			}
		}
		for query, field := range map[string]string{
			"?state=done": "state", "?kind=train": "kind", "?limit=0": "limit", "?limit=101": "limit", "?limit=ten": "limit", "?parent_id=x": "parent_id",
		} {
			a := s.call(t, "GET", "/api/v1/jobs"+query, s.key, nil)
			if a.StatusCode != 400 || a.code() != "invalid_parameter" || !strings.Contains(string(a.body), field) {
				t.Errorf("%s: %d %s", query, a.StatusCode, a.body)
			}
		}
		if a := s.call(t, "GET", "/api/v1/jobs?cursor=%21", s.key, nil); a.StatusCode != 400 || a.code() != "invalid_parameter" {
			t.Errorf("bad cursor: %d %s", a.StatusCode, a.body)
		}
		_, _, other := s.account(t, "lister@example.com")
		if n := len(s.json(t, 200, "GET", "/api/v1/jobs", other, nil)["data"].([]any)); n != 0 {
			t.Errorf("another project sees %d jobs", n)
		}
	})
}

// TestCancel cancels a job before any worker is there; then nothing succeeds after it.
func TestCancel(t *testing.T) {
	t.Parallel()
	b := production(t)
	s := start(t, "api", b)
	s.signUp(t)
	one := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, ssvep())["id"].(string)
	batch := s.json(t, 202, "POST", "/api/v1/neuro/decode/batch", s.key, object{"items": []object{ssvep(), ssvep()}})["id"].(string)
	for range 2 { // again changes nothing
		for _, id := range []string{one, batch} {
			job := s.json(t, 200, "POST", "/api/v1/jobs/"+id+"/cancel", s.key, nil)
			if job["status"] != "canceled" || job["finished_at"] == nil {
				t.Errorf("canceled as %v", job)
			}
		}
	}
	if job := s.json(t, 200, "GET", "/api/v1/jobs/"+batch, s.key, nil); job["batch"].(object)["canceled"] != 2.0 {
		t.Errorf("items of the batch: %v", job["batch"])
	}
	start(t, "worker", b)
	later := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, ssvep())["id"].(string)
	if job := s.await(t, later); job["status"] != "completed" {
		t.Fatalf("%v", job)
	}
	if job := s.json(t, 200, "GET", "/api/v1/jobs/"+one, s.key, nil); job["status"] != "canceled" || job["output"] != nil {
		t.Errorf("after a worker came: %v", job)
	}
	if job := s.json(t, 200, "POST", "/api/v1/jobs/"+later+"/cancel", s.key, nil); job["status"] != "completed" {
		t.Errorf("a finished job was canceled: %v", job)
	}
}

// TestBatch submits good and bad recordings together.
func TestBatch(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		bad := ssvep()
		bad["input"].(object)["sample_rate"] = 0
		unreadable := object{"input": object{"type": "eeg", "channels": "many"}}
		var short object
		if err := json.Unmarshal([]byte(documentBody), &short); err != nil {
			t.Fatal(err)
		}
		a := s.call(t, "POST", "/api/v1/neuro/decode/batch", s.key, object{"items": []any{ssvep(), bad, short, unreadable, 7}})
		if a.StatusCode != 202 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		now := a.object(t)["batch"].(object)
		if now["total"] != 5.0 || now["failed"] != 3.0 || now["pending"] != 2.0 {
			t.Errorf("in the 202: %s", a.body)
		}
		job := s.await(t, a.object(t)["id"].(string))
		counts := job["batch"].(object)
		if job["status"] != "completed" || counts["completed"] != 1.0 || counts["failed"] != 4.0 || counts["pending"] != 0.0 {
			t.Fatalf("%v", job)
		}
		wantCodes := []string{"", "invalid_request_body", "payload_too_short", "invalid_request_body", "invalid_request_body"}
		wantFields := []string{"", "/input/sample_rate", "", "/input/channels", ""}
		for i, it := range counts["items"].([]any) {
			item := it.(object)
			code := ""
			if e, failed := item["error"].(object); failed {
				code = e["code"].(string)
				if wantFields[i] != "" && !strings.Contains(fmt.Sprint(e["details"]), wantFields[i]) {
					t.Errorf("item %d: details %v do not name %s", i, e["details"], wantFields[i])
				}
			}
			if item["index"] != float64(i) || code != wantCodes[i] {
				t.Errorf("item %d: %v", i, item)
			}
			if i == 0 {
				checkOutput(t, item["output"].(object))
			}
			one := s.json(t, 200, "GET", "/api/v1/jobs/"+item["job_id"].(string), s.key, nil)
			if one["status"] != item["status"] || one["data"].(object)["parent_id"] != job["data"].(object)["job_id"] {
				t.Errorf("item %d by itself: %v", i, one)
			}
		}
		if n := len(s.json(t, 200, "GET", "/api/v1/jobs", s.key, nil)["data"].([]any)); n != 1 {
			t.Errorf("the list shows %d jobs, want the batch alone", n)
		}

		for name, tt := range map[string]struct{ body, pointer string }{
			"no items":            {`{}`, "/items"},
			"items of no array":   {`{"items":{}}`, "/items"},
			"empty":               {`{"items":[]}`, "/items"},
			"too many":            {`{"items":[` + strings.TrimSuffix(strings.Repeat("{},", 101), ",") + `]}`, "/items"},
			"only bad ones":       {`{"items":[{},{"input":{"type":"ecg"}}]}`, "/items/0/input"},
			"data in the default": {`{"items":[{}],"defaults":{"input":{"data":"QQ=="}}}`, "/defaults/input/data"},
			"default of no shape": {`{"items":[{}],"defaults":[]}`, "/defaults"},
		} {
			a := s.call(t, "POST", "/api/v1/neuro/decode/batch", s.key, tt.body)
			if a.StatusCode != 400 || a.code() != "invalid_request_body" || !strings.Contains(string(a.body), `"pointer":"`+tt.pointer+`"`) {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
	})
}

// TestEmbeddedIsOneProcess refuses to split the embedded mode or to share its data folder.
func TestEmbeddedIsOneProcess(t *testing.T) {
	t.Parallel()
	b := testkit.Backend{DataDir: t.TempDir()}
	for _, role := range []string{"api", "worker"} {
		if says := refused(t, role, b); !strings.Contains(says, "one process") {
			t.Errorf("role %s: %s", role, says)
		}
	}
	start(t, "serve", b)
	if says := refused(t, "serve", b); !strings.Contains(says, "another neurod") {
		t.Errorf("a second process on the same folder: %s", says)
	}
}

// TestDemoAccount is in the embedded mode, and keeps production from starting.
func TestDemoAccount(t *testing.T) {
	t.Parallel()
	b := testkit.Backend{DataDir: t.TempDir()}
	s := start(t, "serve", b)
	s.json(t, 200, "POST", "/v1/auth/login", "", object{"email": "demo@voxel.dev", "password": "demo1234"})

	prod := testkit.Backend{DataDir: t.TempDir(), Redis: testkit.RedisServer(t)}
	prod.Store.DatabaseURL = testkit.Postgres(t)
	if err := prod.Open(t).CreateUser(t.Context(), models.User{ID: models.NewID(), Email: "demo@voxel.dev", PasswordHash: "x", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"serve", "api", "worker"} {
		if says := refused(t, role, prod); !strings.Contains(says, "demo account") {
			t.Errorf("role %s beside the demo account: %s", role, says)
		}
	}
	prod.Store.DatabaseURL = testkit.EmptyPostgres(t)
	if says := refused(t, "serve", prod); !strings.Contains(says, "migrate") {
		t.Errorf("on an unmigrated schema: %s", says)
	}
}

// TestJobsSurviveARestart accepts a job while nobody works, ends the process and starts another.
func TestJobsSurviveARestart(t *testing.T) {
	t.Parallel()
	b := production(t)
	first := start(t, "api", b)
	first.signUp(t)
	id := first.json(t, 202, "POST", "/api/v1/neuro/decode", first.key, ssvep())["id"].(string)
	first.stop(t)
	second := start(t, "serve", b)
	second.key = first.key
	if job := second.await(t, id); job["status"] != "completed" {
		t.Errorf("%v", job)
	}
}
