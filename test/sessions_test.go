package test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/internal/testkit"
)

// Bodies of the sessions document, as it prints them.
const (
	sessionBody = `{
    "external_user_id": "user_1",
    "device_type": "MUSE_2",
    "sample_rate_hz": 256,
    "channels": ["TP9","AF7","AF8","TP10"],
    "ingestion_mode": "STREAMING"
  }`
	ingestBody = `{
    "batch_id": "batch_001",
    "t0_unix_ms": 1730000000000,
    "data": {
      "TP9":  [820.5, 821.2, 819.8, 820.1, 820.9],
      "AF7":  [830.1, 831.4, 828.9, 830.5, 831.0],
      "AF8":  [815.3, 816.0, 814.7, 815.8, 815.5],
      "TP10": [825.0, 825.7, 824.3, 825.2, 825.8]
    }
  }`
)

const documentStart = 1730000000000 // Unix ms, the document's

var recordedBody = strings.Replace(sessionBody, "STREAMING", "RECORDED", 1)

func (s *server) session(t testing.TB, body string) string {
	t.Helper()
	return s.json(t, 201, "POST", "/v1/sessions", s.key, body)["session_id"].(string)
}

// headset is a seeded recording of the document's headset: noise and 10 Hz around 820 µV. channels × samples, float32.
func headset(seed uint64, n int) [][]float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([][]float32, 4)
	for ch := range out {
		out[ch] = make([]float32, n)
		for i := range out[ch] {
			out[ch][i] = float32(820 + 8*r.NormFloat64() + 12*math.Sin(2*math.Pi*10*float64(i)/256))
		}
	}
	return out
}

var headsetChannels = []string{"TP9", "AF7", "AF8", "TP10"}

// batch is the samples [from, to) of a recording as a JSON batch.
func batch(x [][]float32, from, to int) object {
	data := object{}
	for ch, name := range headsetChannels {
		data[name] = x[ch][from:to]
	}
	return object{"batch_id": fmt.Sprintf("b%d-%d", from, to), "t0_unix_ms": at(from), "data": data}
}

// at is the time of a sample at 256 Hz, in whole ms as clients have it.
func at(sample int) int64 { return documentStart + int64(math.Round(float64(sample)*1000/256)) }

// interleaved is the samples as float32 little-endian, sample-major.
func interleaved(x [][]float32, from, to int) []byte {
	var b []byte
	for i := from; i < to; i++ {
		for ch := range x {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x[ch][i]))
		}
	}
	return b
}

func (s *server) ingest(t testing.TB, session string, body object) object {
	t.Helper()
	return s.json(t, 202, "POST", "/v1/sessions/"+session+"/ingest", s.key, body)
}

// windows waits until nothing is pending and returns the feature windows.
func (s *server) windows(t testing.TB, session, query string) []object {
	t.Helper()
	until(t, "every batch was looked at", func() bool {
		return s.json(t, 200, "GET", "/v1/sessions/"+session+"/status", s.key, nil)["pending_batches"] == 0.
	})
	a := s.call(t, "GET", "/v1/sessions/"+session+"/features"+query, s.key, nil)
	var out []object
	if err := json.Unmarshal(a.body, &out); err != nil || a.StatusCode != 200 {
		t.Fatalf("features: %d %s", a.StatusCode, a.body)
	}
	return out
}

func starts(windows []object) []int64 {
	out := []int64{}
	for _, w := range windows {
		out = append(out, int64(w["window_start_ms"].(float64))-documentStart)
	}
	return out
}

// want computes the window that begins at a sample with the decoders alone, and returns it as JSON has it.
func want(t testing.TB, x [][]float32, from int) object {
	t.Helper()
	e, err := features.New(features.Config{Rate: 256, Channels: headsetChannels})
	if err != nil {
		t.Fatal(err)
	}
	m := mat.NewDense(4, 512, nil)
	for ch := range x {
		for i := range 512 {
			m.Set(ch, i, float64(x[ch][from+i]))
		}
	}
	var w features.Window
	if err := e.Compute(&w, m); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(&w)
	if err != nil {
		t.Fatal(err)
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// sameValues compares what was computed, not the ids and times around it.
func sameValues(t testing.TB, what string, got, want object) {
	t.Helper()
	for _, part := range []string{"features", "artifacts", "quality", "confidence", "gate"} {
		if d := cmp.Diff(want[part], got[part]); d != "" {
			t.Errorf("%s: %s differs (-decoder +served):\n%s", what, part, d)
		}
	}
}

func keys(o object) []string {
	out := []string{}
	for k := range o {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func hasAll(t testing.TB, what string, o object, fields ...string) {
	t.Helper()
	for _, f := range fields {
		if _, given := o[f]; !given {
			t.Errorf("%s lacks %s: %v", what, f, keys(o))
		}
	}
}

// TestSessionsDocument walks through the sessions document's examples.
func TestSessionsDocument(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		project := "X-Project-Id: " + s.project
		created := s.json(t, 201, "POST", "/v1/sessions", s.key, sessionBody, project)
		hasAll(t, "session", created, "session_id", "project_id", "external_user_id", "device_type", "sample_rate_hz", "channels",
			"started_at", "ended_at", "ingestion_mode", "processing_state")
		if created["project_id"] != s.project || created["ended_at"] != nil || created["processing_state"] != nil || created["ingestion_mode"] != "STREAMING" {
			t.Errorf("created %v", created)
		}
		if _, err := time.Parse("2006-01-02T15:04:05Z", created["started_at"].(string)); err != nil {
			t.Errorf("started_at %v", created["started_at"])
		}
		id := created["session_id"].(string)
		path := "/v1/sessions/" + id
		if url := created["ws_url"].(string); !strings.HasPrefix(url, "ws://"+s.addr+"/v1/ws?session_id="+id+"&ws_token=eyJ") {
			t.Errorf("ws_url %q", url)
		}
		delete(created, "ws_url") // it holds a token, and is shown when the session is made and on request
		if got := s.json(t, 200, "GET", path, s.key, nil); cmp.Diff(created, got) != "" {
			t.Errorf("read back (-created +read):\n%s", cmp.Diff(created, got))
		}
		// Without the mode a session is live.
		var plain object
		if err := json.Unmarshal([]byte(sessionBody), &plain); err != nil {
			t.Fatal(err)
		}
		delete(plain, "ingestion_mode")
		if got := s.json(t, 201, "POST", "/v1/sessions", s.key, plain); got["ingestion_mode"] != "STREAMING" {
			t.Errorf("default mode %v", got["ingestion_mode"])
		}

		a := s.call(t, "POST", path+"/ingest", s.key, ingestBody, project)
		if a.StatusCode != 202 || !regexp.MustCompile(`^\{"status":"accepted","sample_count":5,"job_id":"`+uuidPattern+`"\}\n$`).Match(a.body) {
			t.Errorf("ingest: %d %s", a.StatusCode, a.body)
		}
		if a := s.call(t, "POST", path+"/ingest", s.key, ingestBody, project); a.StatusCode != 200 || string(a.body) != `{"status":"duplicate_ignored","sample_count":0}`+"\n" {
			t.Errorf("duplicate: %d %s", a.StatusCode, a.body)
		}
		other := strings.Replace(ingestBody, "820.5", "820.6", 1)
		if a := s.call(t, "POST", path+"/ingest", s.key, other); a.StatusCode != 200 || string(a.body) != `{"status":"duplicate_ignored","sample_count":0,"payload_differs":true}`+"\n" {
			t.Errorf("duplicate of another payload: %d %s", a.StatusCode, a.body)
		}

		ended := s.json(t, 200, "POST", path+"/end", s.key, `{"ended_at_unix_ms": 1730000030000}`, project)
		if ended["ended_at"] != "2024-10-27T03:33:50Z" || ended["status"] != "ended" {
			t.Errorf("ended %v", ended)
		}
		if again := s.json(t, 200, "POST", path+"/end", s.key, nil); cmp.Diff(ended, again) != "" {
			t.Errorf("ended again: %v", cmp.Diff(ended, again))
		}
		late := strings.Replace(ingestBody, "batch_001", "batch_002", 1)
		if a := s.call(t, "POST", path+"/ingest", s.key, late); a.StatusCode != 409 || a.code() != "session_ended" {
			t.Errorf("ingest after the end: %d %s", a.StatusCode, a.body)
		}
		status := s.json(t, 200, "GET", path+"/status", s.key, nil)
		if status["session_id"] != id || status["ingestion_mode"] != "STREAMING" || status["processing_state"] != nil || status["window_count"] != 0. {
			t.Errorf("status %v", status)
		}

		// A recorded session, with its windows and its export.
		id = s.session(t, recordedBody)
		path = "/v1/sessions/" + id
		if got := s.json(t, 200, "GET", path+"/status", s.key, nil)["processing_state"]; got != "UPLOADING" {
			t.Errorf("processing_state %v", got)
		}
		x := headset(1, 10*256)
		for i := range 10 {
			s.ingest(t, id, batch(x, i*256, (i+1)*256))
		}
		end := s.json(t, 202, "POST", path+"/end", s.key, nil)
		if end["status"] != "accepted" || end["job_id"] == nil {
			t.Errorf("end of a recorded session: %v", end)
		}
		if job := s.await(t, end["job_id"].(string)); job["status"] != "completed" || job["kind"] != "session_windows" {
			t.Errorf("job %v", job)
		}
		status = s.json(t, 200, "GET", path+"/status", s.key, nil)
		if status["processing_state"] != "COMPLETE" || status["window_count"] != 5. || status["ended_at"] == nil {
			t.Errorf("status %v", status)
		}
		if again := s.json(t, 200, "POST", path+"/end", s.key, nil); again["processing_state"] != "COMPLETE" || again["job_id"] == nil {
			t.Errorf("ended again: %v", again)
		}

		windows := s.windows(t, id, "")
		if d := cmp.Diff([]int64{0, 2000, 4000, 6000, 8000}, starts(windows)); d != "" {
			t.Fatalf("windows (-want +got):\n%s", d)
		}
		for i, w := range windows {
			hasAll(t, "window", w, "id", "session_id", "window_start_ms", "window_end_ms", "features", "artifacts", "quality", "confidence", "gate", "created_at")
			sameValues(t, fmt.Sprintf("window %d", i), w, want(t, x, i*512))
			if w["window_end_ms"].(float64)-w["window_start_ms"].(float64) != 2000 || w["session_id"] != id {
				t.Errorf("window %v", w)
			}
		}
		q := func(query string) []int64 { return starts(s.windows(t, id, query)) }
		for query, want := range map[string][]int64{
			"?limit=2":                     {0, 2000},
			"?limit=10&after_ms=0":         {0, 2000, 4000, 6000, 8000},
			"?after_ms=1730000004000":      {6000, 8000},
			"?limit=1&order=desc":          {8000},
			"?only_passed=true":            {0, 2000, 4000, 6000, 8000},
			"?limit=1&after_ms=1730000008": {0},
		} {
			if d := cmp.Diff(want, q(query)); d != "" {
				t.Errorf("features%s (-want +got):\n%s", query, d)
			}
		}
		for _, query := range []string{"?limit=1001", "?limit=0", "?after_ms=x", "?only_passed=maybe", "?order=up"} {
			if a := s.call(t, "GET", path+"/features"+query, s.key, nil); a.StatusCode != 400 || a.code() != "invalid_parameter" {
				t.Errorf("features%s: %d %s", query, a.StatusCode, a.body)
			}
		}

		export := s.json(t, 200, "GET", path+"/export?include_raw=true&limit=2&offset=1", s.key, nil)
		if d := cmp.Diff(object{"offset": 1., "limit": 2., "total": 5., "has_more": true}, export["pagination"].(object)); d != "" {
			t.Errorf("pagination:\n%s", d)
		}
		hasAll(t, "exported session", export["session"].(object), "id", "external_user_id", "device_type", "sample_rate_hz", "channels",
			"ingestion_mode", "processing_state", "started_at", "ended_at")
		if n := len(export["feature_windows"].([]any)); n != 2 {
			t.Errorf("%d windows exported", n)
		}
		for i, b := range export["raw_batches"].([]any) {
			if d := cmp.Diff(batchAsJSON(t, batch(x, i*256, (i+1)*256))["data"], b.(object)["data"]); d != "" {
				t.Errorf("batch %d came back changed:\n%s", i, d)
			}
		}
		if n := len(export["raw_batches"].([]any)); n != 10 {
			t.Errorf("%d batches exported", n)
		}
		plainExport := s.json(t, 200, "GET", path+"/export", s.key, nil)
		if d := cmp.Diff(object{"offset": 0., "limit": 1000., "total": 5., "has_more": false}, plainExport["pagination"].(object)); d != "" {
			t.Errorf("pagination:\n%s", d)
		}
		if _, given := plainExport["raw_batches"]; given {
			t.Error("raw batches without include_raw")
		}

		// Lists.
		list := func(query string) (ids []string, next string) {
			a := s.call(t, "GET", "/v1/sessions"+query, s.key, nil)
			var out []object
			if err := json.Unmarshal(a.body, &out); err != nil || a.StatusCode != 200 {
				t.Fatalf("list: %d %s", a.StatusCode, a.body)
			}
			for _, o := range out {
				ids = append(ids, o["session_id"].(string))
			}
			return ids, a.Header.Get("X-Next-Cursor")
		}
		all, _ := list("?limit=50")
		if len(all) != 3 || all[0] != id {
			t.Errorf("list %v", all)
		}
		if recorded, _ := list("?ingestion_mode=RECORDED"); !slices.Equal(recorded, []string{id}) {
			t.Errorf("recorded %v", recorded)
		}
		if users, _ := list("?external_user_id=user_2"); len(users) != 0 {
			t.Errorf("sessions of nobody: %v", users)
		}
		var paged []string
		for cursor := "?limit=1"; cursor != ""; {
			ids, next := list(cursor)
			if paged = append(paged, ids...); next == "" {
				break
			}
			cursor = "?limit=1&cursor=" + next
		}
		if !slices.Equal(all, paged) {
			t.Errorf("paged %v, all %v", paged, all)
		}
		for _, query := range []string{"?limit=201", "?ingestion_mode=LIVE", "?cursor=x"} {
			if a := s.call(t, "GET", "/v1/sessions"+query, s.key, nil); a.StatusCode != 400 {
				t.Errorf("list%s: %d %s", query, a.StatusCode, a.body)
			}
		}
	})
}

func batchAsJSON(t testing.TB, o object) object {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSessionRefusals sends batches and sessions that do not fit; every answer names what is wrong.
func TestSessionRefusals(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	id := s.session(t, sessionBody)
	with := func(from, to string) string {
		if !strings.Contains(ingestBody, from) {
			t.Fatalf("the body has no %s", from)
		}
		return strings.Replace(ingestBody, from, to, 1)
	}
	octet := func(b []byte, query string) answer {
		return s.raw(t, "POST", "/v1/sessions/"+id+"/ingest"+query, []string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}, b)
	}
	nan := interleaved(headset(1, 5), 0, 5)
	binary.LittleEndian.PutUint32(nan[4*(3*4+2):], math.Float32bits(float32(math.NaN())))
	post := func(body string) answer { return s.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, body) }
	for name, tt := range map[string]struct {
		a                   answer
		status              int
		code, pointer, what string
	}{
		"missing channel":           {post(with(`"TP10": [825.0, 825.7, 824.3, 825.2, 825.8]`, `"AF9": [1,2,3,4,5]`)), 422, "invalid_samples", "/data/AF9", "unknown_channel"},
		"two channels":              {post(`{"batch_id":"b","t0_unix_ms":1730000000000,"data":{"TP9":[1],"AF7":[1]}}`), 422, "invalid_samples", "/data/AF8", "missing_channel"},
		"unequal lengths":           {post(with(`, 831.0]`, `]`)), 422, "invalid_samples", "/data/AF7", "unequal_length"},
		"no samples":                {post(`{"batch_id":"b","t0_unix_ms":1,"data":{"TP9":[],"AF7":[],"AF8":[],"TP10":[]}}`), 422, "invalid_samples", "/data/TP9", "too_few"},
		"null sample":               {post(with("828.9", "null")), 400, "invalid_request_body", "/data/AF7/2", "type"},
		"text sample":               {post(with("828.9", `"828.9"`)), 400, "invalid_request_body", "/data/AF7/2", "type"},
		"number of no float64":      {post(with("828.9", "1e999")), 422, "invalid_samples", "/data/AF7/2", "not_finite"},
		"volts":                     {post(with("828.9", "1e8")), 422, "invalid_samples", "/data/AF7/2", "out_of_range"},
		"NaN in JSON":               {post(with("828.9", "NaN")), 400, "invalid_request_body", "", ""},
		"NaN in octets":             {octet(nan, "?batch_id=b&t0_unix_ms=1730000000000"), 422, "invalid_samples", "/data/AF8/3", "not_finite"},
		"odd octets":                {octet(nan[1:], "?batch_id=b&t0_unix_ms=1730000000000"), 422, "invalid_samples", "", "length"},
		"octets without id":         {octet(nan, "?t0_unix_ms=1730000000000"), 400, "invalid_request_body", "/batch_id", "required"},
		"octets, odd time":          {octet(nan, "?batch_id=b&t0_unix_ms=soon"), 400, "invalid_request_body", "/t0_unix_ms", "type"},
		"no batch id":               {post(with(`"batch_id": "batch_001",`, "")), 400, "invalid_request_body", "/batch_id", "required"},
		"no time":                   {post(with(`"t0_unix_ms": 1730000000000,`, "")), 400, "invalid_request_body", "/t0_unix_ms", "required"},
		"time in seconds, negative": {post(with(`1730000000000`, "-1")), 400, "invalid_request_body", "/t0_unix_ms", "out_of_range"},
		"time in microseconds":      {post(with(`1730000000000`, "1730000000000000")), 400, "invalid_request_body", "/t0_unix_ms", "out_of_range"},
		"no data":                   {post(`{"batch_id":"b","t0_unix_ms":1}`), 400, "invalid_request_body", "/data", "required"},
		"data of another kind":      {post(`{"batch_id":"b","t0_unix_ms":1,"data":[1,2]}`), 400, "invalid_request_body", "/data", "type"},
		"channel of another kind":   {post(`{"batch_id":"b","t0_unix_ms":1,"data":{"TP9":1}}`), 400, "invalid_request_body", "/data/TP9", "type"},
		"channel twice":             {post(with(`"AF7"`, `"TP9"`)), 400, "invalid_request_body", "/data/TP9", "duplicate"},
		"absent session":            {s.call(t, "POST", "/v1/sessions/0190a4a6-0000-7000-8000-000000000000/ingest", s.key, ingestBody), 404, "session_not_found", "", ""},
		"no session id":             {s.call(t, "GET", "/v1/sessions/x/status", s.key, nil), 404, "session_not_found", "", ""},
		"end in the future":         {s.call(t, "POST", "/v1/sessions/"+id+"/end", s.key, `{"ended_at_unix_ms":99999999999999}`), 400, "invalid_request_body", "/ended_at_unix_ms", "out_of_range"},
		"rate of zero":              {s.call(t, "POST", "/v1/sessions", s.key, strings.Replace(sessionBody, "256", "0", 1)), 400, "invalid_request_body", "/sample_rate_hz", "out_of_range"},
		"no channels":               {s.call(t, "POST", "/v1/sessions", s.key, strings.Replace(sessionBody, `["TP9","AF7","AF8","TP10"]`, "[]", 1)), 400, "invalid_request_body", "/channels", "required"},
		"same channels":             {s.call(t, "POST", "/v1/sessions", s.key, strings.Replace(sessionBody, `AF7`, "TP9", 1)), 400, "invalid_request_body", "/channels/1", "duplicate"},
		"other mode":                {s.call(t, "POST", "/v1/sessions", s.key, strings.Replace(sessionBody, `STREAMING`, "LIVE", 1)), 400, "invalid_request_body", "/ingestion_mode", "not_allowed"},
		"no user":                   {s.call(t, "POST", "/v1/sessions", s.key, strings.Replace(sessionBody, `user_1`, "", 1)), 400, "invalid_request_body", "/external_user_id", "required"},
	} {
		if tt.a.StatusCode != tt.status || tt.a.code() != tt.code {
			t.Errorf("%s: %d %s, want %d %s", name, tt.a.StatusCode, tt.a.body, tt.status, tt.code)
			continue
		}
		if tt.what == "" {
			continue
		}
		first := tt.a.object(t)["errors"].([]any)[0].(object)
		if first["pointer"] != tt.pointer || first["code"] != tt.what {
			t.Errorf("%s: %v, want %s %s", name, first, tt.pointer, tt.what)
		}
	}
	if got := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)["batch_count"]; got != 0. {
		t.Errorf("%v batches were stored", got)
	}
}

// TestFiftyCopiesOfABatch sends one batch from 50 clients at once, and one under one Idempotency-Key.
func TestFiftyCopiesOfABatch(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		id := s.session(t, sessionBody)
		send := func(body string, headers ...string) map[string]int {
			answers, mu, wg := map[string]int{}, sync.Mutex{}, sync.WaitGroup{}
			for range 50 {
				wg.Go(func() {
					head := append([]string{"Authorization: Bearer " + s.key, "Content-Type: application/json"}, headers...)
					a, err := s.tryRaw("POST", "/v1/sessions/"+id+"/ingest", head, []byte(body))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					if a.StatusCode == 409 {
						answers["in flight"]++
						return
					}
					var o object
					if err := json.Unmarshal(a.body, &o); err != nil {
						t.Errorf("%s: %v", a.body, err)
					}
					answers[fmt.Sprintf("%d %v", a.StatusCode, o["status"])]++
				})
			}
			wg.Wait()
			return answers
		}
		if d := cmp.Diff(map[string]int{"202 accepted": 1, "200 duplicate_ignored": 49}, send(ingestBody)); d != "" {
			t.Errorf("50 copies (-want +got):\n%s", d)
		}
		keyed := send(strings.Replace(ingestBody, "batch_001", "batch_002", 1), "Idempotency-Key: k")
		if keyed["200 duplicate_ignored"] != 0 || keyed["202 accepted"] < 1 || keyed["202 accepted"]+keyed["in flight"] != 50 {
			t.Errorf("50 copies with a key: %v", keyed)
		}
		if got := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)["sample_count"]; got != 10. {
			t.Errorf("%v samples", got)
		}
	})
}

// TestSessionIdempotencyKeys repeats batches and ends.
func TestSessionIdempotencyKeys(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		id := s.session(t, recordedBody)
		path := "/v1/sessions/" + id
		for _, call := range []struct{ path, body, other string }{
			{path + "/ingest", ingestBody, strings.Replace(ingestBody, "820.5", "820.6", 1)},
			{path + "/end", `{"ended_at_unix_ms":1730000030000}`, `{"ended_at_unix_ms":1730000030001}`},
		} {
			first := s.call(t, "POST", call.path, s.key, call.body, "Idempotency-Key: same") // each operation has keys of its own
			if first.StatusCode != 202 || first.Header.Get("Idempotent-Replayed") != "" {
				t.Errorf("%s: %d %s", call.path, first.StatusCode, first.body)
			}
			again := s.call(t, "POST", call.path, s.key, call.body, "Idempotency-Key: same")
			if again.StatusCode != 202 || again.Header.Get("Idempotent-Replayed") != "true" || !bytes.Equal(first.body, again.body) {
				t.Errorf("%s again: %d %s, first %s", call.path, again.StatusCode, again.body, first.body)
			}
			if a := s.call(t, "POST", call.path, s.key, call.other, "Idempotency-Key: same"); a.StatusCode != 422 || a.code() != "idempotency_key_reused" {
				t.Errorf("%s with another body: %d %s", call.path, a.StatusCode, a.body)
			}
		}
		// The key names one session's batch: with another session it is another request.
		other := s.session(t, recordedBody)
		if a := s.call(t, "POST", "/v1/sessions/"+other+"/ingest", s.key, ingestBody, "Idempotency-Key: same"); a.StatusCode != 422 {
			t.Errorf("same key, other session: %d %s", a.StatusCode, a.body)
		}
	})
}

// TestWindowsFollowTheSamples ingests out of order, overlapping, with gaps and late samples, in every form.
func TestWindowsFollowTheSamples(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		hop := func(seconds string) string {
			return strings.Replace(sessionBody, `"ingestion_mode"`, `"hop_s": `+seconds+`, "ingestion_mode"`, 1)
		}
		x := headset(7, 20*256)

		t.Run("gap and late samples", func(t *testing.T) {
			t.Parallel()
			id := s.session(t, sessionBody)
			s.ingest(t, id, batch(x, 0, 700))     // 0-2.73 s
			s.ingest(t, id, batch(x, 1000, 2560)) // 3.9-10 s
			if d := cmp.Diff([]int64{0, 4000, 6000, 8000}, starts(s.windows(t, id, ""))); d != "" {
				t.Errorf("with the gap (-want +got):\n%s", d)
			}
			s.ingest(t, id, batch(x, 650, 1100)) // fills it, and overlaps both sides
			windows := s.windows(t, id, "")
			if d := cmp.Diff([]int64{0, 2000, 4000, 6000, 8000}, starts(windows)); d != "" {
				t.Fatalf("filled (-want +got):\n%s", d)
			}
			for i, w := range windows {
				sameValues(t, fmt.Sprintf("window %d", i), w, want(t, x, i*512))
			}
			if windows[1]["seq"] != 5. {
				t.Errorf("the late window has seq %v", windows[1]["seq"])
			}
		})
		t.Run("samples before the first batch", func(t *testing.T) {
			t.Parallel()
			id := s.session(t, sessionBody)
			s.ingest(t, id, batch(x, 512, 1024)) // the origin is the first accepted batch's time
			s.ingest(t, id, batch(x, 0, 512))
			windows := s.windows(t, id, "")
			if d := cmp.Diff([]int64{0, 2000}, starts(windows)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if windows[0]["index"] != -1. || windows[1]["index"] != 0. {
				t.Errorf("indexes %v, %v", windows[0]["index"], windows[1]["index"])
			}
		})
		t.Run("overlap keeps what came first", func(t *testing.T) {
			t.Parallel()
			id := s.session(t, sessionBody)
			y := headset(8, 20*256)
			s.ingest(t, id, batch(x, 0, 300))
			s.ingest(t, id, batch(y, 200, 512))
			mixed := make([][]float32, len(x))
			for ch := range mixed {
				mixed[ch] = append(slices.Clone(x[ch][:300]), y[ch][300:512]...)
			}
			windows := s.windows(t, id, "")
			if len(windows) != 1 {
				t.Fatalf("%d windows", len(windows))
			}
			sameValues(t, "window", windows[0], want(t, mixed, 0))
		})
		t.Run("hop of half a second, small batches in all forms", func(t *testing.T) {
			t.Parallel()
			id := s.session(t, hop("0.5"))
			forms := 0
			for from := 0; from < 10*256; from += 37 {
				to := min(from+37, 10*256)
				query := fmt.Sprintf("?batch_id=b%d&t0_unix_ms=%d", from, at(from))
				head := []string{"Authorization: Bearer " + s.key}
				var a answer
				switch forms++; forms % 3 {
				case 0:
					a = s.raw(t, "POST", "/v1/sessions/"+id+"/ingest"+query, append(head, "Content-Type: application/octet-stream"), interleaved(x, from, to))
				case 1:
					a = s.raw(t, "POST", "/v1/sessions/"+id+"/ingest", append(head, "Content-Type: application/octet-stream",
						fmt.Sprintf("X-Batch-Id: b%d", from), fmt.Sprintf("X-T0-Unix-Ms: %d", at(from))), interleaved(x, from, to))
				default:
					var packed bytes.Buffer
					z := gzip.NewWriter(&packed)
					if err := json.NewEncoder(z).Encode(batch(x, from, to)); err != nil {
						t.Fatal(err)
					}
					if err := z.Close(); err != nil {
						t.Fatal(err)
					}
					a = s.raw(t, "POST", "/v1/sessions/"+id+"/ingest", append(head, "Content-Type: application/json", "Content-Encoding: gzip"), packed.Bytes())
				}
				if a.StatusCode != 202 || a.object(t)["sample_count"] != float64(to-from) {
					t.Fatalf("samples %d-%d: %d %s", from, to, a.StatusCode, a.body)
				}
			}
			windows := s.windows(t, id, "")
			if len(windows) != 17 { // (10-2)/0.5 + 1
				t.Fatalf("%d windows", len(windows))
			}
			for i, w := range windows {
				sameValues(t, fmt.Sprintf("window %d", i), w, want(t, x, i*128))
			}
		})
		t.Run("stated origin", func(t *testing.T) {
			t.Parallel()
			body := strings.Replace(sessionBody, `"ingestion_mode"`, fmt.Sprintf(`"started_at_unix_ms": %d, "ingestion_mode"`, documentStart-1000), 1)
			id := s.session(t, body)
			s.ingest(t, id, batch(x, 0, 5*256))
			if d := cmp.Diff([]int64{1000, 3000}, starts(s.windows(t, id, ""))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
		t.Run("parallel upload", func(t *testing.T) {
			t.Parallel()
			body := strings.Replace(recordedBody, `"ingestion_mode"`, fmt.Sprintf(`"started_at_unix_ms": %d, "ingestion_mode"`, documentStart), 1)
			id := s.session(t, body)
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() { s.ingest(t, id, batch(x, i*256, (i+1)*256)) })
			}
			wg.Wait()
			end := s.json(t, 202, "POST", "/v1/sessions/"+id+"/end", s.key, nil)
			s.await(t, end["job_id"].(string))
			if got := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)["processing_state"]; got != "COMPLETE" {
				t.Errorf("processing_state %v", got)
			}
			windows := s.windows(t, id, "")
			if len(windows) != 10 {
				t.Errorf("%d windows", len(windows))
			}
			for i, w := range windows {
				sameValues(t, fmt.Sprintf("window %d", i), w, want(t, x, i*512))
			}
		})
		t.Run("recorded session without samples", func(t *testing.T) {
			t.Parallel()
			id := s.session(t, recordedBody)
			end := s.json(t, 202, "POST", "/v1/sessions/"+id+"/end", s.key, nil)
			s.await(t, end["job_id"].(string))
			if got := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil); got["processing_state"] != "COMPLETE" || got["window_count"] != 0. {
				t.Errorf("status %v", got)
			}
		})
	})
}

// curlSequence is "curl, full streaming sequence" of the sessions document, from top to bottom.
const curlSequence = `set -e
# 1. Login
TOKEN=$(curl -s -X POST http://localhost:8000/v1/auth/login \
  -H "Content-Type: application/json" \
  -d '{"email":"demo@voxel.dev","password":"demo1234"}' | jq -r .access_token)

# 2. Create a project
PROJECT_ID=$(curl -s -X POST http://localhost:8000/v1/projects \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"name":"My Project"}' | jq -r .id)

# 3. Create an API key
API_KEY=$(curl -s -X POST http://localhost:8000/v1/projects/$PROJECT_ID/keys \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d '{"name":"dev-key"}' | jq -r .raw_key)

# 4. Create a streaming session
SESSION_ID=$(curl -s -X POST http://localhost:8000/v1/sessions \
  -H "Authorization: Bearer $API_KEY" \
  -H "X-Project-Id: $PROJECT_ID" \
  -H "Content-Type: application/json" \
  -d '{
    "external_user_id": "user_1",
    "device_type": "MUSE_2",
    "sample_rate_hz": 256,
    "channels": ["TP9","AF7","AF8","TP10"]
  }' | jq -r .session_id)

# 5. Ingest a batch
curl -s -X POST http://localhost:8000/v1/sessions/$SESSION_ID/ingest \
  -H "Authorization: Bearer $API_KEY" \
  -H "X-Project-Id: $PROJECT_ID" \
  -H "Content-Type: application/json" \
  -d '{
    "batch_id": "batch_001",
    "t0_unix_ms": 1730000000000,
    "data": {
      "TP9":  [820.5, 821.2, 819.8, 820.1],
      "AF7":  [830.1, 831.4, 828.9, 830.5],
      "AF8":  [815.3, 816.0, 814.7, 815.8],
      "TP10": [825.0, 825.7, 824.3, 825.2]
    }
  }'

# 6. End the session
curl -s -X POST http://localhost:8000/v1/sessions/$SESSION_ID/end \
  -H "Authorization: Bearer $API_KEY" \
  -H "X-Project-Id: $PROJECT_ID"
`

// TestCurlSequenceOfTheSessionsDocument runs the document's shell lines; only the port is another.
func TestCurlSequenceOfTheSessionsDocument(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: apt-get install %s", err, tool)
		}
	}
	s := start(t, "serve", testkit.Backend{DataDir: t.TempDir()})
	_, port, _ := strings.Cut(s.addr, ":")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(curlSequence, "localhost:8000", "127.0.0.1:"+port))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], `{"status":"accepted","sample_count":4,"job_id":"`) ||
		!strings.Contains(lines[1], `"status":"ended"`) || !strings.Contains(lines[1], `"external_user_id":"user_1"`) {
		t.Errorf("the sequence printed\n%s", out)
	}
}
