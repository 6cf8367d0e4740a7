package test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// flickering is a recording of three looks at flickers, 4 s each without a pause, as batches of a session.
type flickering struct {
	session synthetic.Session
	targets []object
	start   int // first sample of the first look
}

func newFlickering(t testing.TB) flickering {
	t.Helper()
	f := flickering{}
	var targets []eeg.Target
	for _, g := range []struct {
		label string
		hz    float64
	}{{"door", 13}, {"light", 17}, {"blinds", 21}} {
		targets = append(targets, eeg.Target{Label: g.label, Frequency: g.hz})
		f.targets = append(f.targets, object{"label": g.label, "frequency": g.hz})
	}
	var err error
	f.session, err = synthetic.SSVEP(synthetic.Config{Channels: []string{"PO3", "POz", "PO4", "O1", "Oz", "O2"}, Seed: 7},
		synthetic.FlickerConfig{Targets: targets, TrialsPerTarget: 1, AmplitudeUV: 8, PauseSeconds: .001})
	if err != nil {
		t.Fatal(err)
	}
	f.start = int(f.session.Events[0].Onset * f.session.Rate)
	return f
}

// batch is the second k after the first look began.
func (f flickering) batch(k int) object {
	rate := int(f.session.Rate)
	data := object{}
	for ch, name := range f.session.Channels {
		data[name] = f.session.Data.RawRowView(ch)[f.start+k*rate : f.start+(k+1)*rate]
	}
	return object{"batch_id": fmt.Sprint("s", k), "t0_unix_ms": documentStart + 1000*k, "data": data}
}

// TestLiveDecoding looks at three flickers one after another while the session is decoded as it runs.
func TestLiveDecoding(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		f := newFlickering(t)
		made := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "cap", "sample_rate_hz": f.session.Rate,
			"channels": f.session.Channels, "decode": object{"paradigm": "ssvep", "window_s": 4, "hop_s": 4, "stimulus": object{"targets": f.targets},
				"intents": object{"door": "open_door"}}})
		id := made["session_id"].(string)
		if d := cmp.Diff(object{"paradigm": "ssvep", "window_s": 4., "hop_s": 4., "stimulus": object{"targets": []any{
			object{"label": "door", "frequency": 13.}, object{"label": "light", "frequency": 17.}, object{"label": "blinds", "frequency": 21.}}},
			"intents": object{"door": "open_door"}}, made["decode"]); d != "" {
			t.Errorf("decode of the session (-want +got):\n%s", d)
		}
		live, _ := s.dial(t, made["ws_url"].(string))
		if live == nil {
			t.Fatal("connect")
		}
		for k := range 12 {
			s.ingest(t, id, f.batch(k))
		}
		intents := map[string]string{"door": "open_door", "light": "light", "blinds": "blinds"}
		var wanted []string
		for i := range 3 {
			wanted = append(wanted, intents[f.session.Labels[i]])
		}
		windows, seq := 0, 0
		var got []string
		for windows < 6 || len(got) < 3 {
			m := live.next(t)
			data := m["data"].(object)
			if seq++; m["seq"] != float64(seq) || data["seq"] != m["seq"] {
				t.Fatalf("message %d has seq %v", seq, m["seq"])
			}
			switch m["type"] {
			case "features":
				windows++
			case "decode":
				hasAll(t, "decode", data, "id", "session_id", "window_start_ms", "window_end_ms", "decoded_intent", "confidence", "alternatives", "created_at")
				if at := int64(data["window_start_ms"].(float64)) - documentStart; at != int64(4000*len(got)) {
					t.Errorf("decode %d begins at %d ms", len(got), at)
				}
				got = append(got, data["decoded_intent"].(string))
			default:
				t.Fatalf("message %v", m)
			}
		}
		if d := cmp.Diff(wanted, got); d != "" {
			t.Errorf("intents (-looked at +decoded):\n%s", d)
		}
		kept := list(t, s.call(t, "GET", "/v1/sessions/"+id+"/decodes?after_ms="+fmt.Sprint(documentStart), s.key, nil))
		if len(kept) != 2 || kept[0]["decoded_intent"] != wanted[1] || kept[0]["index"] != 1. {
			t.Errorf("kept %v", kept)
		}
		if newest := list(t, s.call(t, "GET", "/v1/sessions/"+id+"/decodes?order=desc&limit=1", s.key, nil)); len(newest) != 1 || newest[0]["decoded_intent"] != wanted[2] {
			t.Errorf("newest %v", newest)
		}
		if st := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil); st["decode_count"] != 3. || st["window_count"] != 6. {
			t.Errorf("status %v", st)
		}

		// Whoever comes back gets both kinds in the order of writing.
		back, _ := s.dial(t, made["ws_url"].(string)+"&after_seq=4")
		for k := 5; k <= 9; k++ {
			if m := back.next(t); m["seq"] != float64(k) {
				t.Errorf("message %v, want %d", m["seq"], k)
			}
		}
	})
}

// TestLiveDecodingSaysWhyNot decodes what no model fits, and refuses what cannot be decoded live.
func TestLiveDecodingSaysWhyNot(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	body := func(decode object) object {
		return object{"external_user_id": "u", "device_type": "MUSE_2", "sample_rate_hz": 256, "channels": headsetChannels, "decode": decode}
	}
	id := s.json(t, 201, "POST", "/v1/sessions", s.key, body(object{"paradigm": "motor_imagery", "model": "no_such_model", "window_s": 2, "hop_s": 2}))["session_id"].(string)
	s.ingest(t, id, batch(headset(1, 512), 0, 512))
	if windows := s.windows(t, id, ""); len(windows) != 1 {
		t.Errorf("%d windows beside a decode that fails", len(windows))
	}
	found := list(t, s.call(t, "GET", "/v1/sessions/"+id+"/decodes", s.key, nil))
	if len(found) != 1 || found[0]["error"] == nil || found[0]["error"].(object)["code"] != "model_not_found" {
		t.Errorf("decodes %v", found)
	}
	// Channels that no model of the paradigm can use, or not the one named, are refused before the first window.
	for _, decode := range []object{{"paradigm": "motor_imagery"}, {"paradigm": "motor_imagery", "model": "motor_imagery-left_right"}} {
		without := body(decode)
		without["channels"] = []string{"X1", "X2"}
		a := s.json(t, 422, "POST", "/v1/sessions", s.key, without)
		if text := fmt.Sprint(a); !strings.Contains(text, "X1, X2") || !strings.Contains(text, "C3") || !strings.Contains(text, "electrodes") {
			t.Errorf("%v: %v", decode, a)
		}
	}
	for _, c := range []struct {
		decode  object
		pointer string
	}{
		{object{}, "/decode/paradigm"},
		{object{"paradigm": "telepathy"}, "/decode/paradigm"},
		{object{"paradigm": "p300"}, "/decode/paradigm"},
		{object{"paradigm": "auto"}, "/decode/paradigm"}, // nothing in a window tells what it is
		{object{"paradigm": "ssvep", "window_s": .1}, "/decode/window_s"},
		{object{"paradigm": "ssvep", "hop_s": 61}, "/decode/hop_s"},
		{object{"paradigm": "ssvep", "model": "a b"}, "/decode/model"},
		{object{"paradigm": "ssvep", "stimulus": object{"targets": []object{{"frequency": 500}}}}, "/decode/stimulus/targets/0/frequency"},
		{object{"paradigm": "ssvep", "intents": object{"left": " "}}, "/decode/intents/left"},
	} {
		a := s.json(t, 400, "POST", "/v1/sessions", s.key, body(c.decode))
		if e := a["errors"].([]any); len(e) != 1 || e[0].(object)["pointer"] != c.pointer {
			t.Errorf("%v: %v, want %s", c.decode, a["errors"], c.pointer)
		}
	}
}

// TestDecodeOfASession decodes segments of a session instead of a recording in the request.
func TestDecodeOfASession(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		f := newFlickering(t)
		id := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "cap", "sample_rate_hz": f.session.Rate,
			"channels": f.session.Channels})["session_id"].(string)
		for _, k := range []int{0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6} { // the eighth second is lost
			s.ingest(t, id, f.batch(k))
		}
		body := func(more object) object {
			in := object{"type": "eeg", "session_id": id, "paradigm": "ssvep", "stimulus": object{"targets": f.targets}}
			for k, v := range more {
				in[k] = v
			}
			return object{"input": in}
		}
		for what, c := range map[string]struct {
			range_ object
			label  int
		}{
			"a range":                {object{"start_ms": documentStart, "end_ms": documentStart + 4000}, 0},
			"the last segment":       {object{}, 2},
			"the last segment's end": {object{"start_ms": documentStart + 8000}, 2},
		} {
			job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, body(c.range_))["id"].(string))
			if job["status"] != "completed" || job["output"].(object)["decoded_intent"] != f.session.Labels[c.label] {
				t.Errorf("%s: %v", what, job)
			}
		}
		for what, c := range map[string]struct {
			range_ object
			code   string
		}{
			"across the gap":   {object{"start_ms": documentStart + 4000, "end_ms": documentStart + 9000}, "gap"},
			"before the gap":   {object{"start_ms": documentStart + 6500, "end_ms": documentStart + 7500}, "gap"},
			"in the gap":       {object{"start_ms": documentStart + 7200, "end_ms": documentStart + 7500}, "gap"},
			"backwards":        {object{"start_ms": documentStart + 13000}, "out_of_range"},
			"hours of nothing": {object{"start_ms": 0}, "too_large"},
		} {
			a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, body(c.range_))
			if c.code == "too_large" {
				if a.StatusCode != 413 {
					t.Errorf("%s: %d %s", what, a.StatusCode, a.body)
				}
				continue
			}
			details, _ := json.Marshal(a.object(t)["error"])
			if a.StatusCode != 400 || !strings.Contains(string(details), `"code":"`+c.code+`"`) {
				t.Errorf("%s: %d %s", what, a.StatusCode, a.body)
			}
		}
		kept := "Idempotency-Key: of-a-session"
		job := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, body(nil), kept)["id"].(string)
		if again := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, body(nil), kept)["id"]; again != job {
			t.Errorf("the same key made %v and %v", job, again)
		}
		batch := s.json(t, 202, "POST", "/api/v1/neuro/decode/batch", s.key, object{"items": []object{body(nil), body(nil)}})["id"].(string)
		s.await(t, job)
		s.await(t, batch)
		s.json(t, 200, "DELETE", "/v1/users/u", s.key, nil)
		for _, gone := range []string{job, batch} {
			if a := s.call(t, "GET", "/api/v1/jobs/"+gone, s.key, nil); a.StatusCode != 404 {
				t.Errorf("a job of an erased session: %d %s", a.StatusCode, a.body)
			}
		}
		if a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, body(nil)); a.StatusCode != 404 {
			t.Errorf("an erased session: %d %s", a.StatusCode, a.body)
		}

		_, _, foreign := s.account(t, "other@example.com")
		if a := s.call(t, "POST", "/api/v1/neuro/decode", foreign, body(nil)); a.StatusCode != 404 {
			t.Errorf("another project's session: %d %s", a.StatusCode, a.body)
		}
		narrow := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "narrow", "scopes": []string{"decode"}})["raw_key"].(string)
		if a := s.call(t, "POST", "/api/v1/neuro/decode", narrow, body(nil)); a.StatusCode != 403 {
			t.Errorf("a key without the scope of sessions: %d %s", a.StatusCode, a.body)
		}
	})
}

// TestEventsOfASessionAreDecoded sends flashes while they happen and decodes the segment with them. The flashes are as far apart, and marked
// as long before the response, as those were that the built-in model learned from.
func TestEventsOfASessionAreDecoded(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	spelled, err := synthetic.Speller(synthetic.Config{Seed: 5, Channels: headsetChannels}, synthetic.SpellerConfig{Text: "NO", Repetitions: 10, SOA: .6, P300UV: 16})
	if err != nil {
		t.Fatal(err)
	}
	id := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "MUSE_2", "sample_rate_hz": spelled.Rate,
		"channels": headsetChannels, "started_at_unix_ms": documentStart})["session_id"].(string)
	data := object{}
	for ch, name := range headsetChannels {
		data[name] = spelled.Data.RawRowView(ch)
	}
	s.ingest(t, id, object{"batch_id": "all", "t0_unix_ms": documentStart, "data": data})
	const seenLate = .2 // s
	var events []object
	for i, e := range spelled.Events {
		code := 1
		if spelled.Targets[i] {
			code = 2
		}
		events = append(events, object{"t_unix_ms": documentStart + int64(math.Round(1000*(e.Onset-seenLate))), "code": code})
	}
	if a := s.call(t, "POST", "/v1/sessions/"+id+"/events", s.key, object{"events": events}); a.StatusCode != 201 {
		t.Fatalf("events: %d %.500s", a.StatusCode, a.body)
	}
	job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, object{"input": object{"type": "eeg", "session_id": id, "paradigm": "p300"}})["id"].(string))
	if job["status"] != "completed" || job["output"].(object)["decoded_intent"] != "select_2" {
		t.Errorf("%v", job)
	}
}

// TestGapsAreNamed loses batches, and sends them late.
func TestGapsAreNamed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		id := s.session(t, sessionBody)
		x := headset(2, 10*256)
		gaps := func() any {
			return s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)["gaps"]
		}
		if d := cmp.Diff([]any{}, gaps()); d != "" {
			t.Errorf("before the first batch:\n%s", d)
		}
		for _, k := range []int{0, 2, 5} {
			s.ingest(t, id, batch(x, k*256, (k+1)*256))
		}
		gap := func(from, to float64) object {
			return object{"start_ms": documentStart + 1000*from, "end_ms": documentStart + 1000*to, "samples": 256 * (to - from)}
		}
		if d := cmp.Diff([]any{gap(1, 2), gap(3, 5)}, gaps()); d != "" {
			t.Errorf("two gaps (-want +got):\n%s", d)
		}
		s.ingest(t, id, batch(x, 4*256, 5*256))
		if d := cmp.Diff([]any{gap(1, 2), gap(3, 4)}, gaps()); d != "" {
			t.Errorf("one is shorter (-want +got):\n%s", d)
		}
		s.ingest(t, id, batch(x, 1*256, 4*256))
		if d := cmp.Diff([]any{}, gaps()); d != "" {
			t.Errorf("filled:\n%s", d)
		}
		if windows := s.windows(t, id, ""); len(windows) != 3 {
			t.Errorf("%d windows", len(windows))
		}
	})
}

// TestJitterTearsNoHole sends batches whose times are as clients' clocks have them.
func TestJitterTearsNoHole(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	x := headset(2, 10*256)
	send := func(id string, late ...int64) object {
		for k, ms := range late {
			body := batch(x, k*128, (k+1)*128)
			body["t0_unix_ms"] = body["t0_unix_ms"].(int64) + ms
			s.ingest(t, id, body)
		}
		s.windows(t, id, "")
		return s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)
	}
	if st := send(s.session(t, sessionBody), 0, 13, -20, 39, 2, -38, 7, 0); st["window_count"] != 2. || len(st["gaps"].([]any)) != 0 {
		t.Errorf("within the jitter: %v", st)
	}
	if st := send(s.session(t, sessionBody), 0, 13, 60, 60, 60, 60, 60, 60); st["window_count"] != 1. || len(st["gaps"].([]any)) != 1 {
		t.Errorf("a jump of the clock: %v", st)
	}
	exact := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": 256, "channels": headsetChannels, "jitter_ms": 0})
	if st := send(exact["session_id"].(string), 0, 13, 0); len(st["gaps"].([]any)) != 1 {
		t.Errorf("without jitter: %v", st)
	}
	e := s.json(t, 400, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": 256, "channels": headsetChannels, "jitter_ms": 2000})
	if p := e["errors"].([]any)[0].(object)["pointer"]; p != "/jitter_ms" {
		t.Errorf("jitter of 2 s: %v", e)
	}
}

// TestEndingAgainBringsBackAJob cancels the job of a live session while no worker runs and ends the session: its stream
// ends, and ending it again writes what the job has left.
func TestEndingAgainBringsBackAJob(t *testing.T) {
	t.Parallel()
	b := production(t)
	s := start(t, "api", b)
	s.signUp(t)
	id := s.session(t, sessionBody)
	job := s.ingest(t, id, batch(headset(2, 1024), 0, 1024))["job_id"].(string)
	s.json(t, 200, "POST", "/v1/sessions/"+id+"/end", s.key, nil)
	url, _ := s.wsToken(t, id)
	stream, _ := s.dial(t, url)
	s.json(t, 200, "POST", "/api/v1/jobs/"+job+"/cancel", s.key, nil)
	if m := stream.next(t); m["type"] != "session_ended" {
		t.Errorf("message %v", m)
	}
	s.json(t, 200, "POST", "/v1/sessions/"+id+"/end", s.key, nil)
	if again := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)["job_id"]; again == job {
		t.Fatalf("the job is still %v", again)
	}
	start(t, "worker", b)
	if windows := s.windows(t, id, ""); len(windows) != 2 {
		t.Errorf("%d windows", len(windows))
	}
}

// list reads an array of objects.
func list(t testing.TB, a answer) []object {
	t.Helper()
	var out []object
	if err := json.Unmarshal(a.body, &out); err != nil || a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	return out
}
