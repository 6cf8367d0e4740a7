package decoding_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// ledger is a Submitter that keeps what it was given: the rules are judged before anything is stored.
type ledger struct{ got []jobs.Submission }

func (l *ledger) Submit(_ context.Context, s jobs.Submission) (jobs.Accepted, error) {
	l.got = append(l.got, s)
	job := models.Job{ID: models.NewID(), State: models.JobQueued, Kind: s.Job.Kind}
	return jobs.Accepted{Answer: s.Respond(job, nil), JobID: job.ID}, nil
}

func respond(models.Job, []models.Job) models.Answer {
	return models.Answer{Protocol: "http/202", Bytes: []byte("{}")}
}

var caller = models.Principal{ProjectID: models.NewID(), KeyID: models.NewID(), Scopes: models.Scopes()}

// object is a JSON object under construction.
type object = map[string]any

// request returns the document's request with changes: keys are paths such as "input.data", nil takes a field away.
func request(t testing.TB, changes object) decoding.Recording {
	t.Helper()
	root := object{
		"input": object{
			"type": "eeg", "data": "dGVzdA==", "paradigm": "motor_imagery", "device": "OpenBCI Cyton", "channels": 8, "sample_rate": 250,
		},
		"context": object{"locale": "en", "session_history": []string{"move_left", "rest", "move_right"}, "ui_mode": "wheelchair_nav"},
		"output":  object{"format": "json", "include_diagnostics": false},
	}
	for path, v := range changes {
		at := root
		keys := strings.Split(path, ".")
		for _, k := range keys[:len(keys)-1] {
			if at[k] == nil {
				at[k] = object{}
			}
			at = at[k].(object)
		}
		if last := keys[len(keys)-1]; v == nil {
			delete(at, last)
		} else {
			at[last] = v
		}
	}
	b, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	var rec decoding.Recording
	if err := json.Unmarshal(b, &rec.Request); err != nil {
		t.Fatal(err)
	}
	return rec
}

// submit returns the error of submitting one recording, and what was handed on.
func submit(t testing.TB, rec decoding.Recording) ([]jobs.Submission, *models.Error) {
	t.Helper()
	var l ledger
	_, err := decoding.New(decoding.Config{Jobs: &l}).Submit(t.Context(), caller, rec, service.Idempotency{}, respond)
	if err == nil {
		return l.got, nil
	}
	var e *models.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is not of the error table", err)
	}
	if len(l.got) > 0 {
		t.Fatal("refused, and yet handed on")
	}
	return nil, e
}

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("E%d", i+1)
	}
	return out
}

func targets(n int, hz float64) []object {
	out := make([]object, n)
	for i := range out {
		out[i] = object{"label": fmt.Sprint(i), "frequency": hz + float64(i)/1000}
	}
	return out
}

func matrix(rows, columns int) [][]string {
	out := make([][]string, rows)
	for r := range out {
		for c := range columns {
			out[r] = append(out[r], fmt.Sprintf("%d/%d", r, c))
		}
	}
	return out
}

func events(n int, onset float64) []object {
	out := make([]object, n)
	for i := range out {
		out[i] = object{"onset_s": onset, "code": i}
	}
	return out
}

func TestDecodeRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes object
		want    string // "pointer code" of the first wrong field, "" where the request is good
	}{
		{"the document's own", nil, ""},
		{"no context, no output", object{"context": nil, "output": nil}, ""},
		{"nothing known of the input", object{"input": object{}}, "/input required"},
		{"type missing", object{"input.type": nil}, "/input/type required"},
		{"type unknown", object{"input.type": "ecg"}, "/input/type not_allowed"},
		{"data missing", object{"input.data": nil}, "/input/data required"},
		{"encoding unknown", object{"input.encoding": "mp3"}, "/input/encoding not_allowed"},
		{"encoding in capitals", object{"input.encoding": "FLOAT32LE"}, "/input/encoding not_allowed"},
		{"layout unknown", object{"input.layout": "rows"}, "/input/layout not_allowed"},
		{"layout", object{"input.layout": "channel_major"}, ""},
		{"paradigm unknown", object{"input.paradigm": "telepathy"}, "/input/paradigm not_allowed"},
		{"paradigm auto", object{"input.paradigm": "auto"}, ""},
		{"paradigm missing", object{"input.paradigm": nil}, ""},
		{"device unknown", object{"input.device": "Home-made 3000"}, ""},
		{"device too long", object{"input.device": strings.Repeat("x", 201)}, "/input/device too_long"},
		{"int16le without scale", object{"input.encoding": "int16le"}, "/input/scale_uv required"},
		{"int16le with scale", object{"input.encoding": "int16le", "input.scale_uv": 0.0224}, ""},
		{"scale of zero", object{"input.encoding": "int16le", "input.scale_uv": 0}, "/input/scale_uv out_of_range"},
		{"negative scale", object{"input.encoding": "int16le", "input.scale_uv": -1}, "/input/scale_uv out_of_range"},
		{"absurd scale", object{"input.encoding": "int16le", "input.scale_uv": 1e300}, "/input/scale_uv out_of_range"},
		{"scale with floats", object{"input.scale_uv": 1}, "/input/scale_uv not_applicable"},
		{"doubles", object{"input.encoding": "float64le"}, ""},
		{"doubles in volts", object{"input.encoding": "float64le", "input.unit": "V"}, ""},
		{"floats in either micro", object{"input.unit": "μV"}, ""},
		{"a unit of another kind", object{"input.unit": "T"}, "/input/unit not_allowed"},
		{"a unit that may be two", object{"input.unit": "MV"}, "/input/unit not_allowed"},
		{"a unit beside a scale", object{"input.encoding": "int16le", "input.scale_uv": 0.0224, "input.unit": "V"}, "/input/unit not_applicable"},
		{"a unit of a file", object{"input.encoding": "edf", "input.unit": "V"}, "/input/unit not_applicable"},
		{"one channel", object{"input.channels": 1}, ""},
		{"512 channels", object{"input.channels": 512}, ""},
		{"no channel", object{"input.channels": 0}, "/input/channels out_of_range"},
		{"negative channels", object{"input.channels": -8}, "/input/channels out_of_range"},
		{"513 channels", object{"input.channels": 513}, "/input/channels out_of_range"},
		{"absurd channels", object{"input.channels": 1 << 40}, "/input/channels out_of_range"},
		{"channel names", object{"input.channels": []string{"C3", "Cz", "C4"}}, ""},
		{"no channel name", object{"input.channels": []string{}}, "/input/channels out_of_range"},
		{"513 channel names", object{"input.channels": names(513)}, "/input/channels out_of_range"},
		{"empty channel name", object{"input.channels": []string{"C3", " "}}, "/input/channels/1 required"},
		{"channel twice", object{"input.channels": []string{"C3", "Cz", "c3"}}, "/input/channels/2 duplicate"},
		{"long channel name", object{"input.channels": []string{strings.Repeat("é", 65)}}, "/input/channels/0 too_long"},
		{"long channel name that fits", object{"input.channels": []string{strings.Repeat("é", 64)}}, ""},
		{"neither channels nor device", object{"input.channels": nil, "input.device": nil}, "/input/channels required"},
		{"device without channels", object{"input.channels": nil}, ""},
		{"file without channels, device and rate", object{"input.encoding": "edf", "input.channels": nil, "input.device": nil, "input.sample_rate": nil}, ""},
		{"no rate", object{"input.sample_rate": nil}, "/input/sample_rate required"},
		{"rate of zero", object{"input.sample_rate": 0}, "/input/sample_rate required"},
		{"negative rate", object{"input.sample_rate": -250}, "/input/sample_rate out_of_range"},
		{"rate below 1", object{"input.sample_rate": 0.5}, "/input/sample_rate out_of_range"},
		{"rate of 1", object{"input.sample_rate": 1}, ""},
		{"rate of 20000", object{"input.sample_rate": 20000}, ""},
		{"rate above 20000", object{"input.sample_rate": 20000.5}, "/input/sample_rate out_of_range"},
		{"rate of a file out of range", object{"input.encoding": "bdf", "input.sample_rate": 1e9}, "/input/sample_rate out_of_range"},
		{"events", object{"input.events": events(3, 0)}, ""},
		{"event before the start", object{"input.events": append(events(2, 1), events(1, -0.5)...)}, "/input/events/2/onset_s out_of_range"},
		{"every trial of a list", object{"input.events": events(3, 0), "input.trials": "all", "input.event_classes": object{"7": "left_hand", "S 1": "cue"}}, ""},
		{"every trial of bare samples", object{"input.events": "all"}, "/input/events not_applicable"},
		{"some trials", object{"input.trials": "some"}, "/input/trials not_allowed"},
		{"a class of nothing", object{"input.event_classes": object{"7": " "}}, "/input/event_classes/7 required"},
		{"an endless class", object{"input.event_classes": object{"7": strings.Repeat("x", 201)}}, "/input/event_classes/7 too_long"},
		{"long event label", object{"input.events": []object{{"onset_s": 1, "code": 1, "label": strings.Repeat("x", 201)}}}, "/input/events/0/label too_long"},
		{"targets", object{"input.stimulus": object{"targets": targets(3, 13)}}, ""},
		{"200 targets", object{"input.stimulus": object{"targets": targets(200, 8)}}, ""},
		{"201 targets", object{"input.stimulus": object{"targets": targets(201, 8)}}, "/input/stimulus/targets out_of_range"},
		{"no target", object{"input.stimulus": object{"targets": []object{}}}, "/input/stimulus/targets out_of_range"},
		{"target at zero", object{"input.stimulus": object{"targets": targets(1, 0)}}, "/input/stimulus/targets/0/frequency out_of_range"},
		{"target at half the rate", object{"input.stimulus": object{"targets": targets(1, 125)}}, "/input/stimulus/targets/0/frequency out_of_range"},
		{"target just below half the rate", object{"input.stimulus": object{"targets": targets(1, 124.9)}}, ""},
		{"same flicker twice", object{"input.stimulus": object{"targets": append(targets(1, 13), targets(1, 13)...)}}, "/input/stimulus/targets/1/label duplicate"},
		{"same frequency in two phases", object{"input.stimulus": object{"targets": []object{{"frequency": 13}, {"frequency": 13, "phase": 1.57}}}}, ""},
		{"same frequency without labels", object{"input.stimulus": object{"targets": []object{{"frequency": 13}, {"frequency": 13}}}}, "/input/stimulus/targets/1/frequency duplicate"},
		{"matrix", object{"input.stimulus": object{"matrix": matrix(6, 6)}}, ""},
		{"largest matrix", object{"input.stimulus": object{"matrix": matrix(20, 20)}}, ""},
		{"matrix too high", object{"input.stimulus": object{"matrix": matrix(21, 2)}}, "/input/stimulus/matrix out_of_range"},
		{"matrix too wide", object{"input.stimulus": object{"matrix": matrix(2, 21)}}, "/input/stimulus/matrix/0 out_of_range"},
		{"matrix without rows", object{"input.stimulus": object{"matrix": [][]string{}}}, "/input/stimulus/matrix out_of_range"},
		{"matrix with an empty row", object{"input.stimulus": object{"matrix": [][]string{{"A"}, {}}}}, "/input/stimulus/matrix/1 out_of_range"},
		{"ragged matrix", object{"input.stimulus": object{"matrix": [][]string{{"A", "B"}, {"C"}}}}, "/input/stimulus/matrix/1 not_rectangular"},
		{"symbol twice", object{"input.stimulus": object{"matrix": [][]string{{"A", "B"}, {"C", "A"}}}}, "/input/stimulus/matrix/1/1 duplicate"},
		{"empty symbol", object{"input.stimulus": object{"matrix": [][]string{{"A", ""}}}}, "/input/stimulus/matrix/0/1 required"},
		{"flashes", object{"input.stimulus": object{"matrix": [][]string{{"A", "B"}}, "flashes": object{"1": []string{"A"}, "-2": []string{"B", "A"}}}}, ""},
		{"flash of an unknown symbol", object{"input.stimulus": object{"matrix": [][]string{{"A", "B"}}, "flashes": object{"1": []string{"A", "Z"}}}}, "/input/stimulus/flashes/1/1 unknown_symbol"},
		{"flash without symbols", object{"input.stimulus": object{"matrix": [][]string{{"A"}}, "flashes": object{"1": []string{}}}}, "/input/stimulus/flashes/1 required"},
		{"flash code that is not a number", object{"input.stimulus": object{"matrix": [][]string{{"A"}}, "flashes": object{"a/b": []string{"A"}}}}, "/input/stimulus/flashes/a~1b invalid"},
		{"flash code in another form", object{"input.stimulus": object{"matrix": [][]string{{"A"}}, "flashes": object{"01": []string{"A"}}}}, "/input/stimulus/flashes/01 invalid"},
		{"flashes without matrix", object{"input.stimulus": object{"flashes": object{"1": []string{"A"}}}}, "/input/stimulus/flashes not_applicable"},
		{"model", object{"input.model": "motor_imagery-left_right"}, ""},
		{"model with version", object{"input.model": "motor_imagery-left_right@12"}, ""},
		{"model of another shape", object{"input.model": "../../etc/passwd"}, "/input/model invalid"},
		{"model with an empty version", object{"input.model": "x@"}, "/input/model invalid"},
		{"session", object{"input.data": nil, "input.session_id": "s1"}, "/input/session_id not_supported"},
		{"session beside data", object{"input.session_id": "s1"}, "/input/session_id conflict"},
		{"range without session", object{"input.start_ms": 5}, "/input/start_ms not_applicable"},
		{"format", object{"output.format": "xml"}, "/output/format not_allowed"},
		{"locale of another shape", object{"context.locale": "en; drop table"}, "/context/locale invalid"},
		{"locale with a region", object{"context.locale": "pt-BR"}, ""},
		{"ui_mode of one's own", object{"context.ui_mode": "my_drone"}, ""},
		{"ui_mode of another shape", object{"context.ui_mode": "a b"}, "/context/ui_mode invalid"},
		{"own intents", object{"context.intents": object{"left": "open_door"}}, ""},
		{"empty intent", object{"context.intents": object{"left": ""}}, "/context/intents/left required"},
		{"free keys", object{"context.patient": object{"ward": 7}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, e := submit(t, request(t, tt.changes))
			if tt.want == "" {
				if e != nil {
					t.Fatalf("refused: %v %v", e, e.Fields)
				}
				if len(got) != 1 {
					t.Fatalf("handed on %d jobs", len(got))
				}
				return
			}
			if e == nil {
				t.Fatal("accepted")
			}
			if e.Code != models.InvalidRequestBody || len(e.Fields) == 0 {
				t.Fatalf("got %v with fields %v", e, e.Fields)
			}
			if f := e.Fields[0]; strictjson.Pointer(f.Path)+" "+f.Code != tt.want || f.Message == "" {
				t.Errorf("got %q (%s), want %q", strictjson.Pointer(f.Path)+" "+f.Code, f.Message, tt.want)
			}
		})
	}
}

func TestEveryWrongFieldIsNamed(t *testing.T) {
	t.Parallel()
	_, e := submit(t, request(t, object{
		"input.type": "ecg", "input.channels": 0, "input.sample_rate": -1, "input.data": "%%%%", "output.format": "xml",
	}))
	if e == nil {
		t.Fatal("accepted")
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, strictjson.Pointer(f.Path))
	}
	want := []string{"/input/type", "/input/channels", "/input/sample_rate", "/output/format", "/input/data"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("fields (-want +got):\n%s", d)
	}
	for _, f := range e.Fields {
		if strictjson.Pointer(f.Path) == "/output/format" && !strings.Contains(f.Message, "json") {
			t.Errorf("message %q does not list what is allowed", f.Message)
		}
	}
}

// TestRangesBeyondAll names times that no session has, before a sample is looked for.
func TestRangesBeyondAll(t *testing.T) {
	t.Parallel()
	for _, ms := range []int64{math.MinInt64, -1 << 61, -1, 253_402_300_800_000, 1 << 61, math.MaxInt64} {
		rec := decoding.Recording{Request: eeg.Request{Input: eeg.Input{Type: "eeg", SessionID: "x", StartMS: &ms, EndMS: &ms}}}
		var l ledger
		_, err := decoding.New(decoding.Config{Jobs: &l, Sessions: noSession{}}).Submit(t.Context(), caller, rec, service.Idempotency{}, respond)
		var pointers []string
		for _, f := range models.AsError(err).Fields {
			pointers = append(pointers, strictjson.Pointer(f.Path)+" "+f.Code)
		}
		if !slices.Contains(pointers, "/input/start_ms out_of_range") || !slices.Contains(pointers, "/input/end_ms out_of_range") {
			t.Errorf("%d: %v", ms, pointers)
		}
	}
}

// noSession fails the test that asks for samples.
type noSession struct{}

func (noSession) Samples(context.Context, string, string, *int64, *int64, models.Room) (models.SessionSamples, error) {
	panic("a range that is refused needs no samples")
}

func TestFieldErrorsAreBounded(t *testing.T) {
	t.Parallel()
	_, e := submit(t, request(t, object{"input.events": events(500, -1)}))
	if e == nil || len(e.Fields) > 20 {
		t.Fatalf("got %d fields", len(e.Fields))
	}
}

func TestEventLimit(t *testing.T) {
	t.Parallel()
	rec := request(t, nil)
	rec.Request.Input.Events = make([]eeg.Event, eeg.MaxEvents)
	if _, e := submit(t, rec); e != nil {
		t.Errorf("100,000 events refused: %v", e)
	}
	rec.Request.Input.Events = append(rec.Request.Input.Events, eeg.Event{})
	rec.Request.Input.Data = "dGVzdA=="
	if _, e := submit(t, rec); e == nil || strictjson.Pointer(e.Fields[0].Path) != "/input/events" || e.Fields[0].Code != "too_many" {
		t.Errorf("100,001 events: %v", e)
	}
}

// TestContextLength holds the limit of 16,000 characters to the boundary, in characters and not in bytes, whatever
// way the caller escapes them.
func TestContextLength(t *testing.T) {
	t.Parallel()
	frame := len(`{"note":""}`)
	fill := eeg.MaxContextLength - frame
	tests := []struct {
		name string
		note string // as it is between the quotes
		ok   bool
	}{
		{"ASCII at the limit", strings.Repeat("x", fill), true},
		{"ASCII above", strings.Repeat("x", fill+1), false},
		{"two bytes each at the limit", strings.Repeat("é", fill), true},
		{"two bytes each above", strings.Repeat("é", fill+1), false},
		{"four bytes each at the limit", strings.Repeat("🧠", fill), true},
		{"four bytes each above", strings.Repeat("🧠", fill+1), false},
		{"escaped at the limit", strings.Repeat(`\u00e9`, fill), true},
		{"escaped above", strings.Repeat(`\u00e9`, fill+1), false},
		{"escaped pairs at the limit", strings.Repeat(`\ud83e\udde0`, fill), true},
		{"escaped pairs above", strings.Repeat(`\ud83e\udde0`, fill+1), false},
		{"HTML characters at the limit", strings.Repeat("<", fill), true},
		{"HTML characters above", strings.Repeat("<", fill+1), false},
		{"quotes count twice", strings.Repeat(`\"`, fill/2) + strings.Repeat("x", fill%2), true},
		{"quotes count twice, above", strings.Repeat(`\"`, fill/2) + strings.Repeat("x", fill%2+1), false},
		{"line breaks written long", strings.Repeat(`\u000a`, fill/2), true},
		{"line breaks written long, above", strings.Repeat(`\u000a`, fill/2+1), false},
		{"escaped slashes at the limit", strings.Repeat(`\/`, fill), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rec := request(t, nil)
			rec.Request.Context = &eeg.Context{}
			text := `{ "note" : "` + tt.note + `" }` // white space is not counted
			if err := json.Unmarshal([]byte(text), rec.Request.Context); err != nil {
				t.Fatal(err)
			}
			_, e := submit(t, rec)
			if (e == nil) != tt.ok {
				t.Fatalf("accepted %v, want %v (%v)", e == nil, tt.ok, e)
			}
			if e != nil && strictjson.Pointer(e.Fields[0].Path) != "/context" {
				t.Errorf("named %s", strictjson.Pointer(e.Fields[0].Path))
			}
		})
	}
	t.Run("named fields count too", func(t *testing.T) {
		t.Parallel()
		history := make([]string, 0, 8000)
		for range 8000 {
			history = append(history, "a") // 4 characters each with quotes and comma
		}
		_, e := submit(t, request(t, object{"context.session_history": history}))
		if e == nil {
			t.Fatal("32,000 characters of session_history accepted")
		}
	})
}

func TestBase64(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 70 { // every remainder of three, past the length of one group
		raw := make([]byte, n+1)
		for i := range raw {
			raw[i] = byte(rng.Uint32())
		}
		if n%2 == 0 { // bytes that need the two characters in which the alphabets differ
			raw[0], raw[len(raw)-1] = 0xfb, 0xff
		}
		for name, enc := range map[string]*base64.Encoding{
			"standard": base64.StdEncoding, "standard, no padding": base64.RawStdEncoding,
			"URL-safe": base64.URLEncoding, "URL-safe, no padding": base64.RawURLEncoding,
		} {
			rec := request(t, object{"input.data": nil})
			rec.Data = []byte(enc.EncodeToString(raw))
			got, e := submit(t, rec)
			if e != nil {
				t.Fatalf("%s of %d bytes refused: %v", name, len(raw), e.Fields)
			}
			if d := cmp.Diff(raw, got[0].Job.Payload); d != "" {
				t.Fatalf("%s of %d bytes (-want +got):\n%s", name, len(raw), d)
			}
		}
	}
}

func TestBadBase64IsLocated(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"percent sign", "dGVz%A==", "position 4"},
		{"space", "dGVz dA==", "position 4"},
		{"line break", "dGVz\ndA==", "position 4"},
		{"quote of a data URL", "data:text/plain;base64,dGVzdA==", "position 4"},
		{"letter beyond ASCII", "dGVzé===", "position 4"},
		{"padding in the middle", "dG=zdA==", "position 2"},
		{"too much padding", "dGVzdA===", "position 6"},
		{"padding that fills no group", "dGVzdA=", "position 6"},
		{"only padding", "====", "position 0"},
		{"both alphabets", "ab+d_bcd", "position 4"},
		{"both alphabets, the other way round", "ab-d/bcd", "position 4"},
		{"a length that cannot be", "dGVzd", "5 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, e := submit(t, request(t, object{"input.data": tt.text}))
			if e == nil {
				t.Fatal("accepted")
			}
			if f := e.Fields[0]; strictjson.Pointer(f.Path) != "/input/data" || f.Code != "not_base64" || !strings.Contains(f.Message, tt.want) {
				t.Errorf("got %+v, want %q in the message", f, tt.want)
			}
		})
	}
}

func TestPayloadLimit(t *testing.T) {
	t.Parallel()
	at := func(n int) decoding.Recording {
		rec := request(t, object{"input.data": nil})
		rec.Data = []byte(base64.StdEncoding.EncodeToString(make([]byte, n)))
		return rec
	}
	if _, e := submit(t, at(eeg.MaxPayloadBytes)); e != nil {
		t.Errorf("exactly 32 MiB refused: %v", e)
	}
	for _, over := range []int{1, 4096} {
		if _, e := submit(t, at(eeg.MaxPayloadBytes+over)); e == nil || e.Code != models.PayloadTooLarge || e.Class() != models.ClassTooLarge {
			t.Errorf("%d bytes above: %v", over, e)
		}
	}
}

func TestWhatIsStored(t *testing.T) {
	t.Parallel()
	got, e := submit(t, request(t, object{"context.free": object{"a": 1}}))
	if e != nil {
		t.Fatal(e)
	}
	s := got[0]
	if s.Operation != "neuro_decode" || s.ProjectID != caller.ProjectID || s.Job.Kind != models.KindDecode {
		t.Errorf("submitted as %s %s %s", s.Operation, s.ProjectID, s.Job.Kind)
	}
	if string(s.Job.Payload) != "test" {
		t.Errorf("payload %q", s.Job.Payload)
	}
	if strings.Contains(string(s.Job.Request), "dGVzdA") {
		t.Errorf("the stored request carries the recording: %s", s.Job.Request)
	}
	var stored, sent eeg.Request
	if err := json.Unmarshal(s.Job.Request, &stored); err != nil {
		t.Fatal(err)
	}
	sent = request(t, object{"context.free": object{"a": 1}}).Request
	sent.Input.Data = ""
	if d := cmp.Diff(sent, stored); d != "" {
		t.Errorf("stored request (-sent +stored):\n%s", d)
	}
}

// oneSession is a SessionReader with one session.
type oneSession struct {
	project, id string
	samples     models.SessionSamples
}

func (s oneSession) Samples(_ context.Context, projectID, sessionID string, startMS, endMS *int64, ask models.Room) (models.SessionSamples, error) {
	if projectID != s.project || sessionID != s.id {
		return models.SessionSamples{}, models.NewError(models.NotFound)
	}
	out := s.samples
	if startMS != nil && endMS != nil { // a float32 a channel every 4 ms
		frame := 4 * len(out.Channels)
		out.Data = out.Data[int(*startMS)/4*frame : int(*endMS)/4*frame]
	}
	return out, ask(int64(len(out.Data)))
}

func TestDecodeOfASession(t *testing.T) {
	t.Parallel()
	data := make([]byte, 2*4*100)
	for i := range data {
		data[i] = byte(i)
	}
	s := oneSession{caller.ProjectID, "s1", models.SessionSamples{SessionID: "s1", Data: data, Channels: []string{"C3", "C4"}, Rate: 250,
		Place: models.SessionPlace{Start: 7, Batches: 3, Cues: []int64{-4, 2}}}}
	run := func(p models.Principal, changes object) (*jobs.NewJob, *models.Error) {
		var l ledger
		d := decoding.New(decoding.Config{Jobs: &l, Sessions: s})
		if _, err := d.Submit(t.Context(), p, request(t, changes), service.Idempotency{}, respond); err != nil {
			return nil, models.AsError(err)
		}
		return &l.got[0].Job, nil
	}
	bare := object{"input.data": nil, "input.channels": nil, "input.device": nil, "input.sample_rate": nil, "input.session_id": "s1"}

	job, e := run(caller, bare)
	if e != nil {
		t.Fatal(e)
	}
	var stored models.AcceptedDecode
	if err := json.Unmarshal(job.Request, &stored); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&s.samples.Place, stored.Place); d != "" {
		t.Errorf("where it lies (-want +got):\n%s", d)
	}
	if d := cmp.Diff(data, job.Payload); d != "" || stored.Input.SampleRate != 250 || stored.Input.Encoding != "float32le" ||
		stored.Input.Channels == nil || len(stored.Input.Channels.Names) != 2 {
		t.Errorf("stored %+v, payload (-want +got):\n%s", stored.Input, d)
	}

	part := maps.Clone(bare)
	part["input.start_ms"], part["input.end_ms"] = 40, 80
	if job, e := run(caller, part); e != nil || !slices.Equal(job.Payload, data[80:160]) {
		t.Errorf("a range of time: %v", e)
	}
	part["input.end_ms"] = 40
	if _, e := run(caller, part); e == nil || strictjson.Pointer(e.Fields[0].Path) != "/input/end_ms" {
		t.Errorf("an empty range: %v", e)
	}
	stranger := caller
	stranger.ProjectID = models.NewID()
	if _, e := run(stranger, bare); e == nil || e.Code != models.NotFound {
		t.Errorf("another project's session: %v", e)
	}
}

func TestDecodeAuthorization(t *testing.T) {
	t.Parallel()
	with := func(scopes ...models.Scope) models.Principal {
		return models.Principal{ProjectID: models.NewID(), KeyID: models.NewID(), Scopes: scopes}
	}
	tests := []struct {
		name     string
		p        models.Principal
		disabled bool
		want     models.Code // "" where it is let in
	}{
		{"scope", with(models.ScopeDecode), false, ""},
		{"every other scope", with(slices.DeleteFunc(models.Scopes(), func(s models.Scope) bool { return s == models.ScopeDecode })...), false, models.InsufficientScope},
		{"a user", models.Principal{UserID: models.NewID()}, false, models.InsufficientScope},
		{"nobody", models.Principal{}, false, models.InsufficientScope},
		{"disabled", with(models.ScopeDecode), true, models.NeuroDecodeDisabled},
		{"disabled and no scope", with(), true, models.InsufficientScope},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l ledger
			d := decoding.New(decoding.Config{Jobs: &l, Disabled: tt.disabled})
			_, one := d.Submit(t.Context(), tt.p, request(t, nil), service.Idempotency{}, respond)
			_, many := d.SubmitBatch(t.Context(), tt.p, []decoding.Recording{request(t, nil)}, service.Idempotency{}, respond)
			for op, err := range map[string]error{"admit": d.Admit(tt.p), "submit": one, "batch": many} {
				switch {
				case tt.want == "" && err != nil:
					t.Errorf("%s: %v", op, err)
				case tt.want != "" && models.AsError(err).Code != tt.want:
					t.Errorf("%s: %v, want %s", op, err, tt.want)
				}
			}
			if tt.want != "" && len(l.got) > 0 {
				t.Error("refused, and yet handed on")
			}
		})
	}
}

func TestIdempotencyKeySyntax(t *testing.T) {
	t.Parallel()
	for key, ok := range map[string]bool{
		"a": true, strings.Repeat("k", 255): true, "with space ~!": true,
		strings.Repeat("k", 256): false, "tab\t": false, "é": false, "\x7f": false,
	} {
		var l ledger
		_, err := decoding.New(decoding.Config{Jobs: &l}).Submit(t.Context(), caller, request(t, nil), service.Idempotency{Key: key}, respond)
		if ok != (err == nil) || !ok && models.AsError(err).Code != models.InvalidIdempotencyKey {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	good := func() decoding.Recording { return request(t, nil) }
	bad := func() decoding.Recording { return request(t, object{"input.channels": 0}) }
	run := func(recs ...decoding.Recording) (*jobs.Submission, *models.Error) {
		var l ledger
		_, err := decoding.New(decoding.Config{Jobs: &l}).SubmitBatch(t.Context(), caller, recs, service.Idempotency{}, respond)
		if err != nil {
			return nil, models.AsError(err)
		}
		return &l.got[0], nil
	}

	t.Run("good and bad items", func(t *testing.T) {
		t.Parallel()
		s, e := run(good(), bad(), good())
		if e != nil {
			t.Fatal(e)
		}
		if s.Operation != "neuro_decode_batch" || s.Job.Kind != models.KindDecodeBatch || len(s.Items) != 3 {
			t.Fatalf("submitted %s %s with %d items", s.Operation, s.Job.Kind, len(s.Items))
		}
		for i, item := range s.Items {
			if (item.Failed != nil) != (i == 1) {
				t.Errorf("item %d: failed %v", i, item.Failed)
			}
		}
		f := s.Items[1].Failed
		if f.Code != "invalid_request_body" || !strings.Contains(string(f.Details), `"path":["input","channels"]`) {
			t.Errorf("failure %+v", f)
		}
		if strings.Contains(string(s.Items[1].Request), "dGVzdA") || len(s.Items[1].Payload) > 0 {
			t.Error("a failed item keeps its recording")
		}
	})
	t.Run("an item that could not be read", func(t *testing.T) {
		t.Parallel()
		s, e := run(good(), decoding.Recording{Err: models.InvalidField(models.At("input", "channels"), "type", "must be a number")})
		if e != nil || s.Items[1].Failed == nil || !json.Valid(s.Items[1].Request) {
			t.Fatalf("%v, %+v", e, s)
		}
	})
	t.Run("an item that is too large", func(t *testing.T) {
		t.Parallel()
		large := request(t, object{"input.data": nil})
		large.Data = []byte(strings.Repeat("AAAA", eeg.MaxPayloadBytes/3+2))
		s, e := run(good(), large)
		if e != nil || s.Items[1].Failed == nil || s.Items[1].Failed.Code != "payload_too_large" {
			t.Fatalf("%v, %+v", e, s)
		}
	})
	t.Run("only bad items", func(t *testing.T) {
		t.Parallel()
		_, e := run(bad(), bad())
		if e == nil || e.Code != models.InvalidRequestBody {
			t.Fatalf("got %v", e)
		}
		if got := strictjson.Pointer(e.Fields[1].Path); got != "/items/1/input/channels" {
			t.Errorf("named %s", got)
		}
	})
	t.Run("no items", func(t *testing.T) {
		t.Parallel()
		if _, e := run(); e == nil || strictjson.Pointer(e.Fields[0].Path) != "/items" {
			t.Fatalf("got %v", e)
		}
	})
	t.Run("too many items", func(t *testing.T) {
		t.Parallel()
		if _, e := run(slices.Repeat([]decoding.Recording{good()}, decoding.MaxBatchItems+1)...); e == nil || e.Fields[0].Code != "too_many" {
			t.Fatalf("got %v", e)
		}
	})
}

// TestDecodeNeverPanics submits requests with random values in every field.
func TestDecodeNeverPanics(t *testing.T) {
	t.Parallel()
	number := rapid.OneOf(rapid.Float64(), rapid.Float64Range(0, 300))
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "eeg", "int16le", "edf", "p300", "A", "dGVzdA=="}))
	rapid.Check(t, func(rt *rapid.T) {
		in := eeg.Input{
			Type: text.Draw(rt, "type"), Data: text.Draw(rt, "data"), Encoding: eeg.Encoding(text.Draw(rt, "encoding")),
			Layout: eeg.Layout(text.Draw(rt, "layout")), Paradigm: eeg.Paradigm(text.Draw(rt, "paradigm")), Device: text.Draw(rt, "device"),
			SampleRate: number.Draw(rt, "rate"), Model: text.Draw(rt, "model"), SessionID: text.Draw(rt, "session"),
		}
		if rapid.Bool().Draw(rt, "names") {
			in.Channels = &eeg.Channels{Names: rapid.SliceOf(text).Draw(rt, "channels")}
		} else {
			in.Channels = &eeg.Channels{Count: rapid.Int().Draw(rt, "count")}
		}
		scale := number.Draw(rt, "scale")
		in.ScaleUV = &scale
		in.Events = rapid.SliceOf(rapid.Custom(func(rt *rapid.T) eeg.Event {
			return eeg.Event{Onset: number.Draw(rt, "onset"), Code: rapid.Int().Draw(rt, "code"), Label: text.Draw(rt, "label")}
		})).Draw(rt, "events")
		in.Stimulus = &eeg.Stimulus{
			Matrix:  rapid.SliceOf(rapid.SliceOf(text)).Draw(rt, "matrix"),
			Flashes: rapid.MapOf(text, rapid.SliceOf(text)).Draw(rt, "flashes"),
			Targets: rapid.SliceOf(rapid.Custom(func(rt *rapid.T) eeg.Target {
				return eeg.Target{Label: text.Draw(rt, "label"), Frequency: number.Draw(rt, "frequency"), Phase: number.Draw(rt, "phase")}
			})).Draw(rt, "targets"),
		}
		rec := decoding.Recording{Request: eeg.Request{Input: in, Context: &eeg.Context{
			Locale: text.Draw(rt, "locale"), UIMode: eeg.UIMode(text.Draw(rt, "ui_mode")), SessionHistory: rapid.SliceOf(text).Draw(rt, "history"),
			Intents: maps.Clone(rapid.MapOf(text, text).Draw(rt, "intents")),
		}}}
		var l ledger
		_, err := decoding.New(decoding.Config{Jobs: &l}).Submit(context.Background(), caller, rec, service.Idempotency{}, respond)
		if err == nil {
			return
		}
		var e *models.Error
		if !errors.As(err, &e) {
			rt.Fatalf("%v is not of the error table", err)
		}
		if len(e.Fields) == 0 && e.Code == models.InvalidRequestBody {
			rt.Fatalf("%v names no field", e)
		}
	})
}

func BenchmarkSubmit(b *testing.B) {
	data := []byte(base64.StdEncoding.EncodeToString(make([]byte, 8*1000*4)))
	d := decoding.New(decoding.Config{Jobs: nothing{}})
	rec := request(b, object{"input.data": nil})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		rec.Data = data
		if _, err := d.Submit(b.Context(), caller, rec, service.Idempotency{}, respond); err != nil {
			b.Fatal(err)
		}
	}
}

// nothing accepts and forgets: the benchmark is about the rules and base64.
type nothing struct{}

func (nothing) Submit(context.Context, jobs.Submission) (jobs.Accepted, error) {
	return jobs.Accepted{}, nil
}

// TestSessionsOfACallHaveABound: segments of sessions count as if they had been sent: for the memory of the client, and
// together as a body.
func TestSessionsOfACallHaveABound(t *testing.T) {
	t.Parallel()
	s := oneSession{caller.ProjectID, "s1", models.SessionSamples{SessionID: "s1", Data: make([]byte, 1<<20), Channels: names(64), Rate: 250}}
	changes := object{"input.data": nil, "input.channels": nil, "input.device": nil, "input.sample_rate": nil, "input.session_id": "s1"}
	run := func(items int, room models.Room) ([]jobs.Submission, *models.Error) {
		var l ledger
		recs := make([]decoding.Recording, items)
		for i := range recs {
			recs[i] = request(t, changes)
			recs[i].Room = room
		}
		d := decoding.New(decoding.Config{Jobs: &l, Sessions: s})
		if _, err := d.SubmitBatch(t.Context(), caller, recs, service.Idempotency{}, respond); err != nil {
			return l.got, models.AsError(err)
		}
		return l.got, nil
	}
	var asked int64
	count := func(n int64) error { asked += n; return nil }
	if got, e := run(48, count); e != nil || len(got) != 1 || asked != 48<<20 {
		t.Errorf("48 MiB: %v, asked for %d bytes", e, asked)
	}
	got, e := run(49, nil)
	if e == nil || e.Code != models.PayloadTooLarge || e.Details["limit_bytes"] != decoding.MaxRecordingsBytes || len(got) > 0 {
		t.Errorf("49 MiB: %v", e)
	}
	got, e = run(3, func(int64) error { return models.NewError(models.Unavailable) })
	if e == nil || e.Code != models.Unavailable || len(got) > 0 {
		t.Errorf("no room: %v", e)
	}
}
