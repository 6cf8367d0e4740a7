package test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/internal/testkit"
)

// asyncAPI compiles the schemas of the WebSockets' document by the name of their message.
var asyncAPI = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	text, err := api.AsyncAPIJSON()
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // what AsyncAPI 3 schemas are a superset of
	if err := c.AddResource("asyncapi.json", doc); err != nil {
		return nil, err
	}
	out := map[string]*jsonschema.Schema{}
	for name := range doc.(map[string]any)["components"].(map[string]any)["messages"].(map[string]any) {
		if name == "neural_data_frame" {
			continue // bytes
		}
		if out[name], err = c.Compile("asyncapi.json#/components/schemas/" + name); err != nil {
			return nil, err
		}
	}
	return out, nil
})

// checkFrame holds a message to the document. prefix tells the messages of /v1/ws, whose names others have.
func checkFrame(t testing.TB, prefix string, b []byte) {
	t.Helper()
	schemas, err := asyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Errorf("%s: %v", b, err)
		return
	}
	kind, _ := v.(map[string]any)["type"].(string)
	if prefix != "" {
		kind = prefix + strings.TrimPrefix(kind, prefix)
	}
	schema := schemas[kind]
	if schema == nil {
		t.Errorf("the document has no message %q: %s", kind, b)
		return
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s does not fit the document: %v", b, err)
	}
}

// topics is a client of /ws. Everything it sends and receives is held to the document.
type topics struct {
	*follower
	loose bool // what it sends is not held
}

func (s *server) topics(t testing.TB, token string) *topics {
	t.Helper()
	f, status := s.dial(t, "/ws")
	if f == nil {
		t.Fatalf("connect: %d", status)
	}
	c := &topics{follower: f}
	if token != "" {
		c.send(t, object{"type": "auth", "token": token})
		if m := c.next(t); m["type"] != "auth_success" || m["project_id"] != s.project {
			t.Fatalf("auth: %v", m)
		}
	}
	return c
}

func (c *topics) send(t testing.TB, m object) {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if !c.loose {
		checkFrame(t, "", b)
	}
	ctx, cancel := context.WithDeadline(t.Context(), c.until)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, b); err != nil {
		t.Fatal(err)
	}
}

func (c *topics) next(t testing.TB) object {
	t.Helper()
	kind, b, err := c.read(t)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if kind != websocket.MessageText {
		t.Fatalf("%d bytes came", len(b))
	}
	checkFrame(t, "", b)
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// expect reads until a message of a type comes.
func (c *topics) expect(t testing.TB, kind string) object {
	t.Helper()
	for {
		m := c.next(t)
		if m["type"] == kind {
			return m
		}
		if m["type"] == "error" && kind != "error" {
			t.Fatalf("%v", m)
		}
	}
}

func (c *topics) subscribe(t testing.TB, m object) object {
	t.Helper()
	m["type"] = "subscribe"
	c.send(t, m)
	return c.expect(t, "subscription_confirmed")
}

// refuse sends a message and returns the error that comes.
func (c *topics) refuse(t testing.TB, m object, code string) object {
	t.Helper()
	c.send(t, m)
	e := c.expect(t, "error")
	if e["error_code"] != code {
		t.Errorf("%v: %v", m, e)
	}
	return e
}

// board is what somebody has put together of the samples of a session, by position.
type board map[int64][]float32

// instant takes a neural_data message.
func (b board) instant(t testing.TB, m object) {
	t.Helper()
	at := int64(m["sample"].(float64))
	if _, twice := b[at]; twice {
		t.Fatalf("sample %d comes twice", at)
	}
	var row []float32
	for i, c := range m["channels"].([]any) {
		c := c.(object)
		if c["number"] != float64(i+1) {
			t.Fatalf("%v", m)
		}
		row = append(row, float32(c["value"].(float64)))
	}
	b[at] = row
}

// packed takes a neural_data_batch message.
func (b board) packed(t testing.TB, m object) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(m["compressed_data"].(string))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	k, n, step := len(m["channels"].([]any)), int(m["sample_count"].(float64)), int64(m["step"].(float64))
	if len(data) != 4*k*n {
		t.Fatalf("%d bytes for %d samples of %d channels", len(data), n, k)
	}
	b.rows(t, data, int64(m["sample"].(float64)), step, n, k)
}

func (b board) rows(t testing.TB, data []byte, first, step int64, n, k int) {
	t.Helper()
	for i := range n {
		at := first + int64(i)*step
		if _, twice := b[at]; twice {
			t.Fatalf("sample %d comes twice", at)
		}
		row := make([]float32, k)
		for c := range row {
			row[c] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*(i*k+c):]))
		}
		b[at] = row
	}
}

// frame takes a frame of bytes and returns its seq and the position behind which it is resumed.
func (b board) frame(t testing.TB, f []byte) (seq int, last int64) {
	t.Helper()
	le := binary.LittleEndian
	if len(f) < 56 || string(f[:4]) != "NDS1" {
		t.Fatalf("a frame of %d bytes", len(f))
	}
	n, k := int(le.Uint32(f[44:])), int(le.Uint16(f[48:]))
	if len(f) != 56+4*k+4*n*k {
		t.Fatalf("%d bytes for %d samples of %d channels", len(f), n, k)
	}
	first, step := int64(le.Uint64(f[16:])), int64(le.Uint32(f[40:]))
	b.rows(t, f[56+4*k:], first, step, n, k)
	return int(le.Uint64(f[8:])), first + int64(n-1)*step
}

// stored is what a session has, by its export.
func (s *server) stored(t testing.TB, session string) board {
	t.Helper()
	o := s.json(t, 200, "GET", "/v1/sessions/"+session+"/export?format=json&include_raw=true", s.key, nil)
	out := board{}
	for _, b := range o["raw_batches"].([]any) {
		b := b.(object)
		first := int64(b["first_sample"].(float64))
		for c, name := range o["session"].(object)["channels"].([]any) {
			for i, v := range b["data"].(object)[name.(string)].([]any) {
				if c == 0 {
					out[first+int64(i)] = nil
				}
				out[first+int64(i)] = append(out[first+int64(i)], float32(v.(float64)))
			}
		}
	}
	return out
}

func (b board) same(t testing.TB, name string, want board) {
	t.Helper()
	if len(b) != len(want) {
		t.Errorf("%s: %d samples, %d are stored", name, len(b), len(want))
	}
	for at, row := range want {
		for c := range row {
			if got := b[at]; got == nil || got[c] != row[c] {
				t.Fatalf("%s: sample %d is %v, stored %v", name, at, got, row)
			}
		}
	}
}

// TestSamplesOverTheSocketAreThoseStored follows one session in every format, from two processes, over lost connections, and compares with the export sample by
// sample; and the windows and events that come beside it.
func TestSamplesOverTheSocketAreThoseStored(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		far := s
		if !s.backend.Embedded() {
			far = start(t, "api", s.backend)
			far.key, far.token, far.project = s.key, s.token, s.project
		}
		id := s.session(t, sessionBody)
		x := headset(5, 20*256)
		single, batches, bytewise := far.topics(t, s.key), s.topics(t, s.token), far.topics(t, s.token)
		c := single.subscribe(t, object{"topic": "neural_data", "session_id": id})
		if c["sample_rate"] != 256. || c["format"] != "sample" || c["drop_policy"] != "newest" || len(c["channels"].([]any)) != 4 || c["channels"].([]any)[1].(object)["label"] != "AF7" {
			t.Errorf("%v", c)
		}
		single.subscribe(t, object{"topic": "features", "session_id": id, "subscription_id": "windows"})
		single.subscribe(t, object{"topic": "custom_events", "filters": object{"event_types": []string{"left"}, "session_id": id}, "subscription_id": "cues"})
		batches.subscribe(t, object{"topic": "neural_data", "session_id": id, "format": "batch", "drop_policy": "none", "ack_window": 2})
		number := bytewise.subscribe(t, object{"topic": "neural_data", "session_id": id, "format": "binary"})["number"]

		one, many, raw := board{}, board{}, board{}
		seq, through := -1, int64(-1)
		for k := range 20 {
			if k == 12 {
				continue // a gap of a second
			}
			s.ingest(t, id, batch(x, k*256, (k+1)*256))
			if k == 3 {
				a := s.call(t, "POST", "/v1/sessions/"+id+"/events", s.key, object{"events": []object{{"sample": 4*256 + 7, "label": "left", "code": 3}, {"sample": 4*256 + 9, "label": "right"}}})
				if a.StatusCode != 201 {
					t.Fatalf("%d %s", a.StatusCode, a.body)
				}
			}
			m := batches.expect(t, "neural_data_batch")
			many.packed(t, m)
			if m["timestamp_end"].(float64)-m["timestamp_start"].(float64) != 1000 || m["sample_count"] != 256. || (m["gap"] != nil) != (k == 13) {
				t.Errorf("batch %d: %v %v %v %v", k, m["timestamp_start"], m["timestamp_end"], m["sample_count"], m["gap"])
			}
			batches.send(t, object{"type": "ack", "subscription_id": m["subscription_id"], "seq": m["seq"]})
			if k%5 == 4 { // the network is gone; what it has is in seq and through
				_ = bytewise.conn.CloseNow()
				bytewise = far.topics(t, s.token)
				bytewise.subscribe(t, object{"topic": "neural_data", "session_id": id, "format": "binary", "after_seq": seq, "after_sample": through})
			}
			kind, f, err := bytewise.read(t)
			if err != nil || kind != websocket.MessageBinary || float64(binary.LittleEndian.Uint32(f[4:])) != number {
				t.Fatalf("%v %d bytes, %v", kind, len(f), err)
			}
			seq, through = raw.frame(t, f)
		}
		s.json(t, 200, "POST", "/v1/sessions/"+id+"/end", s.key, nil)
		want := s.stored(t, id)
		if len(want) != 19*256 {
			t.Fatalf("%d samples are stored", len(want))
		}
		windows, cues, events, quality := 0, 0, []string{}, 0
		for ended := 0; ended < 3; {
			m := single.next(t)
			switch m["type"] {
			case "neural_data":
				one.instant(t, m)
				if q := m["channels"].([]any)[0].(object)["quality"]; q != nil {
					quality++
				}
				for _, e := range m["events"].([]any) {
					e := e.(object)
					at := int64(m["timestamp"].(float64)) - int64(e["timestamp"].(float64))
					if at < 0 || at > 4 {
						t.Errorf("event %v goes with the sample of %v", e, m["timestamp"])
					}
					events = append(events, e["type"].(string))
				}
			case "features":
				windows++
				if m["subscription_id"] != "windows" || m["seq"] != float64(windows) {
					t.Errorf("%v", m)
				}
			case "event":
				cues++
				if e := m["event"].(object); e["type"] != "left" || e["data"].(object)["code"] != 3. || e["timestamp"] != float64(at(4*256+7)) {
					t.Errorf("%v", m)
				}
			case "session_event":
				if m["event"] != "recording_ended" || m["user_id"] != "user_1" {
					t.Errorf("%v", m)
				}
			case "subscription_ended":
				if ended++; m["reason"] != "session_ended" {
					t.Errorf("%v", m)
				}
			default:
				t.Fatalf("%v", m)
			}
		}
		if windows != 9 || cues != 1 || strings.Join(events, " ") != "left right" || quality == 0 {
			t.Errorf("%d windows, %d cues, events %v, %d samples with quality", windows, cues, events, quality)
		}
		one.same(t, "one by one", want)
		many.same(t, "in batches", want)
		raw.same(t, "as bytes, over lost connections", want)

		// Everything again from the beginning, three times as slow, of two channels.
		again := s.topics(t, s.key)
		again.subscribe(t, object{"topic": "neural_data", "session_id": id, "format": "batch", "after_seq": -1, "channels": []any{"TP10", 1}})
		got := board{}
		for len(got) < len(want) {
			m := again.expect(t, "neural_data_batch")
			if c := m["channels"].([]any); c[0].(object)["number"] != 4. || c[1].(object)["number"] != 1. {
				t.Fatalf("%v", c)
			}
			got.packed(t, m)
		}
		for at, row := range want {
			if g := got[at]; g[0] != row[3] || g[1] != row[0] {
				t.Fatalf("sample %d: %v of %v", at, g, row)
			}
		}
		again.subscribe(t, object{"topic": "neural_data", "session_id": id, "format": "batch", "after_seq": -1, "decimate": 4, "filters": object{"notch": 50}, "subscription_id": "slow"})
		slow := board{}
		for {
			m := again.next(t)
			if m["type"] == "neural_data_batch" && m["subscription_id"] == "slow" {
				slow.packed(t, m)
			}
			if m["type"] == "subscription_ended" && m["subscription_id"] == "slow" {
				break
			}
		}
		if len(slow) != len(want)/4 {
			t.Errorf("%d of %d samples at a quarter of the rate", len(slow), len(want))
		}
	})
}

// TestTheSocketKnowsItsClient: who says nothing is let go after ten seconds, who says something wrong at once, and who may not sees nothing: of every topic.
func TestChangedEventsAreToldOverTheSocket(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		far := s
		if !s.backend.Embedded() { // the change comes to another process
			far = start(t, "api", s.backend)
			far.key, far.token, far.project = s.key, s.token, s.project
		}
		id := s.session(t, sessionBody)
		s.ingest(t, id, batch(headset(5, 256), 0, 256))
		follower := far.topics(t, s.token)
		follower.subscribe(t, object{"topic": "events", "session_id": id})
		path := "/v1/sessions/" + id + "/events"
		if a := s.call(t, "POST", path, s.key, object{"events": []object{{"sample": 7, "label": "eyes open"}}}); a.StatusCode != 201 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		seq := follower.expect(t, "event")["seq"].(float64)
		one := fmt.Sprintf("%s/%.0f", path, seq)
		s.json(t, 200, "PATCH", one, s.key, object{"label": "eyes closed"})
		if m := follower.expect(t, "events_changed"); m["revision"] != 1. || m["session_id"] != id {
			t.Errorf("%v", m)
		}
		late := far.topics(t, s.token)
		late.subscribe(t, object{"topic": "events", "session_id": id})
		if a := s.call(t, "DELETE", one, s.key, nil); a.StatusCode != 204 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		for name, c := range map[string]*topics{"who was told before": follower, "who came later": late} {
			if m := c.expect(t, "events_changed"); m["revision"] != 2. {
				t.Errorf("%s: %v", name, m)
			}
		}
		changes := s.json(t, 200, "GET", "/v1/sessions/"+id+"/event-changes?after=1", far.key, nil)
		if gone := changes["deleted"].([]any); len(gone) != 1 || gone[0] != seq {
			t.Errorf("%v", changes)
		}
	})
}

func TestTheSocketKnowsItsClient(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	id := s.session(t, sessionBody)
	silent := s.topics(t, "")
	began := time.Now()

	for name, m := range map[string]object{
		"a stream before auth": {"type": "subscribe", "topic": "neural_data", "session_id": id},
		"a token of nobody":    {"type": "auth", "token": s.token[:len(s.token)-4] + "abcd"},
		"a key of nobody":      {"type": "auth", "token": "nk_live_nothing"},
		"a stream token":       {"type": "auth", "token": second(s.wsToken(t, id))},
	} {
		c := s.topics(t, "")
		c.refuse(t, m, "INVALID_TOKEN")
		if code, reason := c.closed(t); code != websocket.StatusPolicyViolation || reason != "INVALID_TOKEN" {
			t.Errorf("%s: closed with %d %q", name, code, reason)
		}
	}
	c := s.topics(t, "")
	c.send(t, object{"type": "ping", "id": "before"}) // anybody may ask whether it is there
	if m := c.next(t); m["type"] != "pong" || m["id"] != "before" {
		t.Errorf("%v", m)
	}
	c.refuse(t, object{"type": "auth", "token": s.key, "project_id": "00000000-0000-7000-8000-000000000000"}, "INSUFFICIENT_PERMISSIONS")

	// Another's session looks like none, whatever the topic, and a key without the scope sees nothing.
	otherToken, _, otherKey := s.account(t, s.mail("other@example.com"))
	for _, topic := range []string{"neural_data", "features", "decodes", "events", "custom_events"} {
		for _, credential := range []string{otherKey, otherToken} {
			c := s.topicsOf(t, credential)
			e := c.refuse(t, object{"type": "subscribe", "topic": topic, "session_id": id, "id": "x"}, "SESSION_NOT_FOUND")
			if e["id"] != "x" || e["session_id"] != id || e["topic"] != topic || e["retry_suggested"] != false {
				t.Errorf("%v", e)
			}
			c.refuse(t, object{"type": "subscribe", "topic": topic, "device_id": "openbci_001"}, "DEVICE_NOT_FOUND")
		}
	}
	narrow := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "narrow", "scopes": []string{"decode"}})
	c = s.topics(t, "")
	c.refuse(t, object{"type": "auth", "token": narrow["raw_key"]}, "INSUFFICIENT_PERMISSIONS")
	if code, _ := c.closed(t); code != websocket.StatusPolicyViolation {
		t.Errorf("closed with %d", code)
	}

	if m := silent.expect(t, "error"); m["error_code"] != "INVALID_TOKEN" {
		t.Errorf("%v", m)
	}
	if code, reason := silent.closed(t); code != websocket.StatusPolicyViolation || reason != "auth_timeout" || time.Since(began) < 9*time.Second {
		t.Errorf("closed with %d %q after %v", code, reason, time.Since(began))
	}
}

func second(_, b string) string { return b }

// topicsOf is topics for the credential of another account.
func (s *server) topicsOf(t testing.TB, credential string) *topics {
	t.Helper()
	c := s.topics(t, "")
	c.send(t, object{"type": "auth", "token": credential})
	c.expect(t, "auth_success")
	return c
}

// TestTheSocketRefusesByName: each thing that is wrong is answered with the code and the field, and the connection goes on.
func TestTheSocketRefusesByName(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	id := s.session(t, sessionBody)
	c := s.topics(t, s.key)
	c.loose = true
	for _, tc := range []struct {
		m     object
		code  string
		field string
	}{
		{object{"type": "subscibe"}, "INVALID_REQUEST_BODY", "/type"},
		{object{"type": "subscribe", "topic": "neural", "session_id": id}, "INVALID_REQUEST_BODY", "/topic"},
		{object{"type": "subscribe", "topic": "neural_data"}, "INVALID_REQUEST_BODY", "/session_id"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "device_id": "d"}, "INVALID_REQUEST_BODY", "/device_id"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "chanels": []int{1}}, "INVALID_REQUEST_BODY", "/chanels"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "channels": []int{1, 5}}, "INVALID_REQUEST_BODY", "/channels/1"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "channels": []any{true}}, "INVALID_REQUEST_BODY", "/channels/0"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "format": "edf"}, "INVALID_REQUEST_BODY", "/format"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "drop_policy": "oldest"}, "INVALID_REQUEST_BODY", "/drop_policy"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "ack_window": 0}, "INVALID_REQUEST_BODY", "/ack_window"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "after_seq": -2}, "INVALID_REQUEST_BODY", "/after_seq"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "decimate": 2000}, "INVALID_REQUEST_BODY", "/decimate"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "filters": object{"notch": 200}}, "INVALID_REQUEST_BODY", "/filters/notch"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": id, "filters": object{"nocth": 50}}, "INVALID_REQUEST_BODY", "/filters/nocth"},
		{object{"type": "subscribe", "topic": "features", "session_id": id, "format": "batch"}, "INVALID_REQUEST_BODY", "/topic"},
		{object{"type": "subscribe", "topic": "neural_data", "session_id": "session_123"}, "SESSION_NOT_FOUND", ""},
		{object{"type": "unsubscribe", "subscription_id": "sub_9"}, "INVALID_REQUEST_BODY", "/subscription_id"},
		{object{"type": "ack", "subscription_id": "sub_9", "seq": 1}, "INVALID_REQUEST_BODY", "/subscription_id"},
		{object{"type": "device_control", "action": "start", "device_id": "d"}, "INVALID_REQUEST_BODY", "/action"},
		{object{"type": "device_control", "action": "update_config", "device_id": "d", "config": object{"filters": object{"bandpass": []int{1}}}}, "INVALID_REQUEST_BODY", "/config/filters/bandpass"},
	} {
		e := c.refuse(t, tc.m, tc.code)
		fields, _ := e["details"].(object)["fields"].([]any)
		if tc.field == "" {
			continue
		}
		if len(fields) == 0 || fields[0].(object)["pointer"] != tc.field {
			t.Errorf("%v: %v", tc.m, e)
		}
	}
	for _, raw := range []string{"", "{", "[]", `{"type":"auth"} x`, `{"type":5}`, strings.Repeat("[", 200), "\xff"} {
		ctx, cancel := context.WithDeadline(t.Context(), c.until)
		if err := c.conn.Write(ctx, websocket.MessageText, []byte(raw)); err != nil && raw != "\xff" {
			t.Fatal(err)
		}
		cancel()
		if raw == "\xff" {
			break // not text: WebSocket itself refuses it
		}
		if e := c.expect(t, "error"); e["error_code"] != "INVALID_REQUEST_BODY" {
			t.Errorf("%q: %v", raw, e)
		}
	}
	c = s.topics(t, s.key)
	// device_control of a device that is not there is answered twice: as the document's error, and to the one who waits.
	c.send(t, object{"type": "device_control", "action": "start_stream", "device_id": "openbci_001", "id": "r1", "config": object{"sample_rate": 250, "channels": []int{1, 2}, "filters": object{"notch": 60, "bandpass": []float64{0.5, 100}}}})
	if e := c.expect(t, "error"); e["error_code"] != "DEVICE_NOT_FOUND" || e["device_id"] != "openbci_001" || e["id"] != "r1" || fmt.Sprint(e["details"].(object)["available_devices"]) != "[]" {
		t.Errorf("%v", e)
	}
	if r := c.expect(t, "device_response"); r["status"] != "error" || r["action"] != "start_stream" || r["error_code"] != "DEVICE_NOT_FOUND" {
		t.Errorf("%v", r)
	}
	c.subscribe(t, object{"topic": "events", "session_id": id, "subscription_id": "a"})
	c.refuse(t, object{"type": "subscribe", "topic": "events", "session_id": id, "subscription_id": "a"}, "INVALID_REQUEST_BODY")
	c.send(t, object{"type": "unsubscribe", "topic": "events", "session_id": id})
	if m := c.expect(t, "subscription_ended"); m["subscription_id"] != "a" || m["reason"] != "unsubscribed" {
		t.Errorf("%v", m)
	}
	if err := c.conn.Write(t.Context(), websocket.MessageBinary, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if code, _ := c.closed(t); code != websocket.StatusUnsupportedData {
		t.Errorf("closed with %d", code)
	}
}

// TestTheSocketIsHeldToLimits: subscriptions, messages, their length, and connections.
func TestTheSocketIsHeldToLimits(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_SOCKETS_PER_USER=10")
	id := s.session(t, sessionBody)
	c := s.topics(t, s.key)
	for range 64 {
		c.subscribe(t, object{"topic": "events", "session_id": id})
	}
	c.refuse(t, object{"type": "subscribe", "topic": "events", "session_id": id}, "RATE_LIMIT_EXCEEDED")
	long := s.topics(t, s.key)
	if err := long.conn.Write(t.Context(), websocket.MessageText, bytes.Repeat([]byte(" "), 70<<10)); err != nil {
		t.Fatal(err)
	}
	if code, _ := long.closed(t); code != websocket.StatusMessageTooBig {
		t.Errorf("closed with %d", code)
	}
	flood := s.topics(t, s.key)
	go func() {
		for range 2100 {
			if flood.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping"}`)) != nil {
				return
			}
		}
	}()
	if code, reason := flood.closed(t); code != websocket.StatusPolicyViolation || reason != "too many messages" {
		t.Errorf("closed with %d %q", code, reason)
	}
	var mine []*topics
	for range 10 {
		mine = append(mine, s.topics(t, s.token))
	}
	over := s.topics(t, "")
	over.refuse(t, object{"type": "auth", "token": s.token}, "RATE_LIMIT_EXCEEDED")
	over.closed(t)
	_ = mine[0].conn.Close(websocket.StatusNormalClosure, "")
	for try := 0; ; try++ { // its place is free when the server has seen it go
		c := s.topics(t, "")
		c.send(t, object{"type": "auth", "token": s.token})
		if m := c.next(t); m["type"] == "auth_success" {
			break
		} else if try > 500 {
			t.Fatal(m)
		}
	}
}

// TestTheSocketEndsWithTheRightAndTheProcess: with nothing subscribed, too; and a process that stops says so.
func TestTheSocketEndsWithTheRightAndTheProcess(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	id := s.session(t, sessionBody)
	lent := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "lent"})
	idle, following, staying := s.topics(t, lent["raw_key"].(string)), s.topics(t, lent["raw_key"].(string)), s.topics(t, s.key)
	following.subscribe(t, object{"topic": "neural_data", "session_id": id})
	s.call(t, "DELETE", "/v1/projects/"+s.project+"/keys/"+lent["id"].(string), s.token, nil)
	for _, c := range []*topics{idle, following} {
		if code, reason := c.closed(t); code != websocket.StatusPolicyViolation || reason != "INVALID_TOKEN" {
			t.Errorf("closed with %d %q", code, reason)
		}
	}
	staying.subscribe(t, object{"topic": "events", "session_id": id})
	s.call(t, "DELETE", "/v1/users/user_1", s.key, nil)
	if m := staying.expect(t, "error"); m["error_code"] != "SESSION_NOT_FOUND" {
		t.Errorf("%v", m)
	}
	if m := staying.expect(t, "subscription_ended"); m["reason"] != "fault" {
		t.Errorf("%v", m)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.process.Stop(patience) }()
	if m := staying.expect(t, "system_event"); m["event"] != "server_restarting" {
		t.Errorf("%v", m)
	}
	if code, _ := staying.closed(t); code != websocket.StatusGoingAway {
		t.Errorf("closed with %d", code)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestABoardOverTheSocket starts a synthetic board, sees what it gives and how it stands, changes its filters while it runs, and stops it, over one connection. What
// it saw is what is stored; the next recording comes over the same subscription.
func TestABoardOverTheSocket(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		s.json(t, 201, "POST", "/v2/devices", s.token, object{"id": "board_1", "driver": "synthetic", "settings": object{"pattern": "sine"}})
		c, status := s.topics(t, s.key), s.topics(t, s.token)
		status.subscribe(t, object{"topic": "device_status", "device_id": "board_1"})
		if m := status.expect(t, "device_status"); m["status"] != "ONLINE" || m["stream"] != nil || m["metadata"].(object)["battery_level"] != nil {
			t.Errorf("%v", m)
		}
		c.refuse(t, object{"type": "subscribe", "topic": "neural_data", "device_id": "board_1"}, "STREAM_UNAVAILABLE")
		c.subscribe(t, object{"topic": "neural_data", "device_id": "board_1", "wait": true, "format": "batch", "filters": object{}, "subscription_id": "raw"})
		c.subscribe(t, object{"topic": "neural_data", "device_id": "board_1", "wait": true, "format": "batch", "subscription_id": "shown"})
		begin := object{"type": "device_control", "action": "start_stream", "device_id": "board_1", "id": "one", "config": object{"sample_rate": 250, "channels": []int{1, 2, 3, 4},
			"filters": object{"notch": 60, "highpass": 0.5}}}
		c.send(t, begin)

		raw, shown, late, clocked := board{}, 0, 0, false
		var session, stream string
		filters := []any{}
		for stopping := false; ; {
			m := c.next(t)
			switch m["type"] {
			case "device_response":
				if m["status"] != "success" {
					t.Fatalf("%v", m)
				}
				if m["action"] == "start_stream" {
					session, stream = m["session_id"].(string), m["stream_id"].(string)
				}
			case "subscription_confirmed":
				if m["subscription_id"] == "shown" {
					filters = append(filters, m["filters"])
				}
			case "neural_data_batch":
				if m["device_id"] != "board_1" || m["session_id"] == nil {
					t.Fatalf("%v", m)
				}
				if clock, _ := m["clock"].(object); clock != nil && clock["reported_at"].(float64) > 0 && clock["stamps"] == "exact" {
					clocked = true
				}
				if m["subscription_id"] == "raw" {
					raw.packed(t, m)
				} else {
					shown += int(m["sample_count"].(float64))
					if len(filters) > 1 {
						late += int(m["sample_count"].(float64))
					}
				}
				if shown >= 250 && len(filters) == 1 {
					filters = append(filters, "asked")
					c.send(t, object{"type": "device_control", "action": "update_config", "device_id": "board_1", "config": object{"filters": object{"bandpass": []float64{1, 40}}}})
				}
				if late >= 250 && clocked && !stopping {
					stopping = true
					c.send(t, object{"type": "device_control", "action": "stop_stream", "device_id": "board_1"})
				}
			case "error":
				t.Fatalf("%v", m)
			}
			if m["type"] == "session_event" && m["event"] == "recording_ended" && m["subscription_id"] == "raw" {
				break
			}
		}
		want := s.stored(t, session)
		raw.same(t, "the board", want)
		if len(want) < 500 {
			t.Errorf("%d samples", len(want))
		}
		if got := fmt.Sprint(filters); got != "[map[highpass:0.5 notch:60] asked map[highpass:1 lowpass:40]]" {
			t.Errorf("filters %s", got)
		}
		events := map[string]bool{}
		clockShown := false
		for !events["device_streaming_stopped"] {
			m := status.next(t)
			if m["type"] == "system_event" {
				events[m["event"].(string)] = true
			} else if st, _ := m["stream"].(object); st != nil && (st["stream_id"] != stream || st["session_id"] != session) {
				t.Errorf("%v", m)
			}
			if clock, _ := m["clock"].(object); clock != nil && clock["nominal_hz"] == 250. && clock["within_ms"] != nil {
				clockShown = true
			}
		}
		if !events["device_streaming_started"] || !clockShown {
			t.Errorf("%v, with a clock: %v", events, clockShown)
		}
		begin["id"] = "two"
		c.send(t, begin)
		for {
			if m := c.next(t); m["type"] == "neural_data_batch" && m["session_id"] != session {
				if m["sample"] != 0. {
					t.Errorf("the next recording begins with sample %v", m["sample"])
				}
				break
			}
		}
		c.send(t, object{"type": "device_control", "action": "stop_stream", "device_id": "board_1"})
		for {
			if m := c.next(t); m["type"] == "device_response" && m["action"] == "stop_stream" {
				break
			}
		}
	})
}
