package handlers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// read is the JSON of an answer.
func read[T any](t *testing.T, a answer, status int) (out T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.raw), &out); err != nil || a.status != status {
		t.Fatalf("%d, want %d: %v\n%s", a.status, status, err, a.raw)
	}
	return out
}

type recorded struct {
	ID, Name, Status, Protocol string
	PatientID                  string   `json:"patient_id"`
	DeviceIDs                  []string `json:"device_ids"`
	Tags                       []string
	Metadata                   map[string]any
	DurationMinutes            *float64 `json:"duration_minutes"`
	SampleCount                int64    `json:"sample_count"`
	StartTime                  string   `json:"start_time"`
	EndTime                    *string  `json:"end_time"`
}

// TestRecordedSessions follows a session under /v2 from its making to its erasure: what was said, what was recorded, with a gap in it,
// and every sample of it, are there, and are those of the session at /v1.
func TestRecordedSessions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.work(t, map[models.JobKind]workers.Handler{models.KindSessionWindows: workers.SessionWindows(b.store, nil, b.engine.Notify), models.KindUserErase: workers.EraseUser(b.store)})
	base := b.serve(t)
	const body = `{"name":"Day 2","patient_id":"u1","device_ids":["openbci_001"],"device_type":"Cyton","duration_minutes":1.5,"protocol":"mi","metadata":{"room":7},"tags":["a"],"sample_rate":100,"channels":["Cz","Pz"]}`
	made := b.call(t, "POST", "/v2/sessions", b.key, body, "Idempotency-Key", "k1")
	s := read[recorded](t, made, 201)
	minutes := 1.5
	want := recorded{ID: s.ID, Name: "Day 2", Status: "PREPARING", Protocol: "mi", PatientID: "u1", DeviceIDs: []string{"openbci_001"}, Tags: []string{"a"}, Metadata: map[string]any{"room": 7.},
		DurationMinutes: &minutes, StartTime: s.StartTime}
	if d := cmp.Diff(want, s); d != "" {
		t.Errorf("made (-want +got):\n%s", d)
	}
	if again := b.call(t, "POST", "/v2/sessions", b.key, body, "Idempotency-Key", "k1"); again.raw != made.raw || made.header.Get("Location") != "/v2/sessions/"+s.ID {
		t.Errorf("again: %d %s, at %s", again.status, again.raw, made.header.Get("Location"))
	}
	origin := time.Now().Add(-time.Minute).Truncate(time.Second).UnixMilli()
	value := func(channel string, sample int) float64 {
		return float64(sample%50) + map[string]float64{"Cz": 0.5, "Pz": -7.25}[channel]
	}
	lastJob := ""
	ingest := func(first, n int) {
		data := map[string][]float64{}
		for _, ch := range []string{"Cz", "Pz"} {
			for i := range n {
				data[ch] = append(data[ch], value(ch, first+i))
			}
		}
		text, err := json.Marshal(map[string]any{"batch_id": fmt.Sprint("b", first), "t0_unix_ms": origin + int64(first)*10, "data": data})
		if err != nil {
			t.Fatal(err)
		}
		lastJob = b.made(t, "/v1/sessions/"+s.ID+"/ingest", b.key, string(text)).text(t, "job_id")
	}
	ingest(0, 500)
	ingest(500, 100)
	ingest(1000, 300) // 4 s are missing
	got := read[recorded](t, b.call(t, "GET", "/v2/sessions/"+s.ID, b.key, ""), 200)
	if got.Status != "RECORDING" || got.SampleCount != 900 || got.StartTime != time.UnixMilli(origin).UTC().Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("with samples: %+v", got)
	}

	type recordings struct {
		Recordings []struct {
			ID          string
			StartTime   string `json:"start_time"`
			Duration    float64
			SampleCount int64 `json:"sample_count"`
			Channels    int   `json:"channel_count"`
			FirstSample int64 `json:"first_sample"`
			Quality     *float64
			Artifacts   []struct {
				Type      string
				StartTime string `json:"start_time"`
				EndTime   string `json:"end_time"`
				Windows   int
			}
		}
		HasMore bool `json:"has_more"`
	}
	b.made(t, "/v1/sessions/"+s.ID+"/end", b.key, "")
	if job := b.call(t, "GET", "/api/v1/jobs/"+lastJob+"?wait_for_completion=true", b.key, ""); job.body["status"] != "completed" {
		t.Fatalf("the job of the last batch: %s", job.raw)
	}
	parts := read[recordings](t, b.call(t, "GET", "/v2/sessions/"+s.ID+"/recordings", b.key, ""), 200)
	if len(parts.Recordings) != 2 || parts.HasMore {
		t.Fatalf("recordings: %+v", parts)
	}
	var features []struct {
		StartMS   int64                      `json:"window_start_ms"`
		EndMS     int64                      `json:"window_end_ms"`
		Quality   struct{ Overall float64 }  `json:"quality"`
		Artifacts map[string]json.RawMessage `json:"artifacts"`
	}
	if err := json.Unmarshal([]byte(b.call(t, "GET", "/v1/sessions/"+s.ID+"/features", b.key, "").raw), &features); err != nil || len(features) != 4 {
		t.Fatalf("%d windows, %v", len(features), err)
	}
	for i, part := range parts.Recordings {
		first, n := []int64{0, 1000}[i], []int64{600, 300}[i]
		from, to := origin+first*10, origin+(first+n)*10
		sum, windows, bad := 0.0, 0, 0
		for _, w := range features {
			if w.StartMS >= from && w.EndMS <= to {
				sum, windows = sum+w.Quality.Overall, windows+1
				if score, err := json.Marshal(w.Artifacts["bad_contact"]); err == nil && string(score) >= "0.5" {
					bad++
				}
			}
		}
		if part.FirstSample != first || part.SampleCount != n || part.Duration != float64(n)/100 || part.Channels != 2 || windows == 0 {
			t.Errorf("part %d: %+v, %d windows", i, part, windows)
		}
		if part.Quality == nil || *part.Quality-sum/float64(windows) > 1e-9 || *part.Quality-sum/float64(windows) < -1e-9 {
			t.Errorf("part %d: quality %v, want the mean of its windows, %g", i, part.Quality, sum/float64(windows))
		}
		counted := 0
		for _, a := range part.Artifacts {
			if a.Type == "bad_contact" {
				counted += a.Windows
			}
		}
		if counted != bad {
			t.Errorf("part %d: %d windows of bad contact in its artifacts, %d among the windows: %+v", i, counted, bad, part.Artifacts)
		}
	}
	if second := read[recordings](t, b.call(t, "GET", "/v2/sessions/"+s.ID+"/recordings?limit=1&offset=1", b.key, ""), 200); len(second.Recordings) != 1 || second.Recordings[0].ID != parts.Recordings[1].ID {
		t.Errorf("the second part alone: %+v", second)
	}

	type series struct {
		Samples []struct {
			Sample    int
			Timestamp float64
			Values    []float64
		}
		Channels  []struct{ Number int }
		NextStart *float64 `json:"next_start"`
	}
	var numbers []int
	path := base + "/v2/data/timeseries?limit=70&channels=2,Cz&session_id=" + s.ID
	for start := fmt.Sprint(origin + 4900); ; {
		page := read[series](t, send(t, "GET", path+"&start="+start, b.key, nil), 200)
		for _, x := range page.Samples {
			numbers = append(numbers, x.Sample)
			if x.Timestamp != float64(origin+int64(x.Sample)*10) || x.Values[0] != value("Pz", x.Sample) || x.Values[1] != value("Cz", x.Sample) {
				t.Fatalf("sample %+v", x)
			}
		}
		if page.NextStart == nil {
			break
		}
		start = fmt.Sprint(int64(*page.NextStart))
	}
	var all []int
	for i := 490; i < 1300; i++ {
		if i < 600 || i >= 1000 {
			all = append(all, i)
		}
	}
	if !slices.Equal(numbers, all) {
		t.Errorf("%d samples, want %d", len(numbers), len(all))
	}
	csv := send(t, "GET", path+"&format=csv&start="+time.UnixMilli(origin).UTC().Format(time.RFC3339)+"&end="+fmt.Sprint(origin+20), b.key, nil)
	if csv.raw != "sample,timestamp,Pz,Cz\r\n0,"+fmt.Sprint(origin)+",-7.25,0.5\r\n1,"+fmt.Sprint(origin+10)+",-6.25,1.5\r\n" {
		t.Errorf("as CSV: %q", csv.raw)
	}
	if edf := send(t, "POST", base+"/v2/data/export", b.key, strings.NewReader(`{"session_id":"`+s.ID+`"}`), "Content-Type", "application/json"); edf.status != 200 || !strings.HasPrefix(edf.raw, "0       X X X X") {
		t.Errorf("export: %d %.80q", edf.status, edf.raw)
	}

	// What follows the first batch, as it came in, and the end.
	stream := send(t, "GET", base+"/v2/data/stream/"+s.ID, b.key, nil, "Last-Event-ID", "0")
	for _, part := range []string{"id: 1\nevent: neural_data\n", `"first_sample":500,"step":1`, `"sample_count":100`, "id: 2\nevent: neural_data\n", `"sample_count":300,"sample_rate":100,"gap":400`, `{"number":2,"name":"Pz"`, "event: session_ended\n"} {
		if !strings.Contains(stream.raw, part) {
			t.Errorf("stream without %q: %.600s", part, stream.raw)
		}
	}
	if got := b.call(t, "GET", "/v2/data/stream/none", b.key, ""); got.status != 409 || !strings.Contains(got.raw, "STREAM_UNAVAILABLE") {
		t.Errorf("no stream: %d %s", got.status, got.raw)
	}

	changed := read[recorded](t, b.call(t, "PATCH", "/v2/sessions/"+s.ID, b.key, `{"name":"","tags":["b"],"metadata":null}`), 200)
	if changed.Name != "" || !slices.Equal(changed.Tags, []string{"b"}) || len(changed.Metadata) != 0 || changed.Protocol != "mi" || changed.Status != "COMPLETED" {
		t.Errorf("changed: %+v", changed)
	}
	for query, n := range map[string]int{"": 1, "?status=completed": 1, "?status=PAUSED": 0, "?tag=b": 1, "?tag=b&tag=x": 0, "?patient_id=u1&device_id=openbci_001&protocol=mi": 1, "?patient_id=u2": 0, "?offset=1": 0} {
		list := read[struct {
			Sessions []recorded
			Total    int
		}](t, b.call(t, "GET", "/v2/sessions"+query, b.key, ""), 200)
		if total := n; len(list.Sessions) != n || list.Total != total && query != "?offset=1" {
			t.Errorf("%s: %d sessions of %d, want %d", query, len(list.Sessions), list.Total, n)
		}
	}
	if gone := b.call(t, "DELETE", "/v2/sessions/"+s.ID, b.key, ""); gone.status != 200 || gone.body["samples_deleted"] != 900. || gone.body["status"] != "deleted" {
		t.Errorf("deleted: %d %s", gone.status, gone.raw)
	}
	for _, path := range []string{"/v2/sessions/" + s.ID, "/v1/sessions/" + s.ID, "/v2/sessions/" + s.ID + "/recordings", "/v2/data/timeseries?session_id=" + s.ID} {
		if got := b.call(t, "GET", path, b.key, ""); got.status != 404 || !strings.Contains(got.raw, "session_not_found") && !strings.Contains(got.raw, "SESSION_NOT_FOUND") {
			t.Errorf("%s after it is gone: %d %s", path, got.status, got.raw)
		}
	}
}

// TestRecordedSessionsAreRefused names what is wrong by the names of /v2.
func TestRecordedSessionsAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ses := b.session(t)
	for _, c := range []struct{ method, path, body, pointer, code string }{
		{"POST", "/v2/sessions", `{"sample_rate":250,"channels":["Cz"],"device_type":"d"}`, "/patient_id", "required"},
		{"POST", "/v2/sessions", `{"patient_id":"u","channels":["Cz"],"device_type":"d"}`, "/sample_rate", "out_of_range"},
		{"POST", "/v2/sessions", `{"patient_id":"u","sample_rate":250,"channels":["Cz"],"device_ids":["a","b"]}`, "/device_ids", "too_many"},
		{"POST", "/v2/sessions", `{"patient_id":"u","sample_rate":250,"channels":["Cz"],"device_type":"d","duration_minutes":0}`, "/duration_minutes", "out_of_range"},
		{"PATCH", "/v2/sessions/" + ses, `{"status":"PAUSED"}`, "/status", "not_allowed"},
		{"PATCH", "/v2/sessions/" + ses, `{"patient_id":"x"}`, "/patient_id", "unknown_field"},
		{"GET", "/v2/sessions?status=DONE", "", "status", "not_allowed"},
		{"GET", "/v2/data/timeseries", "", "session_id", "required"},
		{"GET", "/v2/data/timeseries?start=today&session_id=" + ses, "", "start", "type"},
		{"GET", "/v2/data/timeseries?channels=99&session_id=" + ses, "", "channels.0", "not_allowed"},
		{"POST", "/v2/data/export", `{"session_id":"` + ses + `","format":"fif"}`, "/format", "not_supported"},
		{"POST", "/v2/analysis/sessions/" + ses + "/analyze", `{"model_type":"csp lda"}`, "/model_type", "invalid"},
		{"POST", "/v2/analysis/sessions/" + ses + "/analyze", `{"model_type":"ssvep","parameters":{"paradigm":"p300"}}`, "/parameters/paradigm", "conflict"},
		{"POST", "/v2/analysis/sessions/" + ses + "/analyze", `{"model_type":"ssvep","parameters":{"trials":"some"}}`, "/parameters/trials", "not_allowed"},
		{"POST", "/v2/analysis/sessions/" + ses + "/analyze", `{"model_type":"ssvep"}`, "/session_id", "no_samples"},
	} {
		got := b.call(t, c.method, c.path, b.key, c.body)
		var doc struct {
			Error struct {
				Code    string
				Details struct {
					Fields []struct{ Pointer, Code string }
				}
			}
		}
		if err := json.Unmarshal([]byte(got.raw), &doc); err != nil || got.status != 400 || len(doc.Error.Details.Fields) == 0 ||
			doc.Error.Details.Fields[0].Pointer != c.pointer || doc.Error.Details.Fields[0].Code != c.code || doc.Error.Code != strings.ToUpper(doc.Error.Code) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, got.status, got.raw)
		}
	}
}
