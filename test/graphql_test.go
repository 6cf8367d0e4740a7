package test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// graphql runs an operation and returns its data and the codes of its errors.
func (s *server) graphql(t testing.TB, credential, query string, variables any, headers ...string) (data object, codes []string) {
	t.Helper()
	a := s.call(t, "POST", "/graphql", credential, object{"query": query, "variables": variables}, headers...)
	doc := a.object(t)
	data, _ = doc["data"].(object)
	list, _ := doc["errors"].([]any)
	for _, e := range list {
		codes = append(codes, fmt.Sprint(inside(e, "extensions", "code")))
	}
	if a.StatusCode != 200 {
		t.Fatalf("%s: %d %s", query, a.StatusCode, a.body)
	}
	return data, codes
}

// inside is a member of members.
func inside(v any, names ...any) any {
	for _, n := range names {
		switch n := n.(type) {
		case string:
			o, _ := v.(object)
			v = o[n]
		case int:
			list, _ := v.([]any)
			if n >= len(list) {
				return nil
			}
			v = list[n]
		}
	}
	return v
}

// The queries of the devices' document, as they stand there.
var documentQueries = map[string]string{
	"devices": `query GetDevicesWithSessions { devices { id name status sessions(last: 5) { id name startTime status recordings { id duration sampleCount quality } } } }`,
	"session": `query GetSessionData($sessionId: ID!) { session(id: $sessionId) { id name startTime endTime device { id name type } recordings { id channelCount sampleRate duration artifacts { type startTime endTime } } analysis { id modelType accuracy predictions { timestamp label confidence } } } }`,
	"search":  `query SearchSessions($filters: SessionFilters) { sessions(filters: $filters) { edges { node { id name startTime tags metadata } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
}

// socket is a connection by graphql-transport-ws.
type graphqlSocket struct {
	conn *websocket.Conn
	t    testing.TB
}

type socketMessage struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

func (s *server) graphqlSocket(t testing.TB, params object) *graphqlSocket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+s.addr+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	w := &graphqlSocket{conn, t}
	payload, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	w.send(socketMessage{Type: "connection_init", Payload: payload})
	return w
}

func (w *graphqlSocket) send(m socketMessage) {
	w.t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.conn.Write(ctx, websocket.MessageText, b); err != nil {
		w.t.Fatal(err)
	}
}

// next returns the next message that is no ping; an error is that of the connection.
func (w *graphqlSocket) next() (socketMessage, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	for {
		var m socketMessage
		_, b, err := w.conn.Read(ctx)
		if err == nil {
			err = json.Unmarshal(b, &m)
		}
		if err != nil || m.Type != "ping" {
			return m, err
		}
	}
}

func (w *graphqlSocket) must(kind string) socketMessage {
	w.t.Helper()
	m, err := w.next()
	if err != nil || m.Type != kind {
		w.t.Fatalf("%s %s, want %s: %v", m.Type, m.Payload, kind, err)
	}
	return m
}

func (w *graphqlSocket) subscribe(id, query string) {
	w.t.Helper()
	payload, err := json.Marshal(object{"query": query})
	if err != nil {
		w.t.Fatal(err)
	}
	w.send(socketMessage{ID: id, Type: "subscribe", Payload: payload})
}

// TestGraphQLOnADevice: a board is started over GraphQL, its samples come over a subscription as they are stored, sample by sample, and
// the document's queries show what was recorded.
func TestGraphQLOnADevice(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		login := s.json(t, 200, "POST", "/v2/auth/login", "", object{"email": s.mail("owner@example.com"), "password": "correct horse battery"})
		token := login["access_token"].(string)
		s.json(t, 201, "POST", "/v2/devices", token, object{"id": "openbci_001", "name": "Board", "driver": "synthetic", "settings": object{"pattern": "sine", "channels": []string{"C3", "Cz", "C4"}}})

		w := s.graphqlSocket(t, object{"Authorization": "Bearer " + token})
		w.must("connection_ack")
		w.subscribe("status", `subscription { deviceStatusUpdated(deviceIds: ["openbci_001"]) { deviceId status timestamp metadata { batteryLevel signalQuality streamStatus sessionId } } }`)
		if m := w.must("next"); !strings.Contains(string(m.Payload), `"status":"ONLINE"`) || !strings.Contains(string(m.Payload), `"batteryLevel":null`) {
			t.Errorf("the device at first: %s", m.Payload)
		}

		data, codes := s.graphql(t, token, `mutation($config: StreamConfig!) { startStreaming(deviceId: "openbci_001", config: $config, name: "Run 1") { streamId status sessionId errors { code message } } }`,
			object{"config": object{"channels": []any{1, "C4"}}})
		session, _ := inside(data, "startStreaming", "sessionId").(string)
		if len(codes) > 0 || session == "" || inside(data, "startStreaming", "status") != "STREAMING" {
			t.Fatalf("started: %v %v", data, codes)
		}
		if again, _ := s.graphql(t, token, `mutation { startStreaming(deviceId: "openbci_001", config: {}) { streamId errors { code } } }`, nil); inside(again, "startStreaming", "errors", 0, "code") != "DEVICE_BUSY" {
			t.Errorf("started again: %v", again)
		}
		w.send(socketMessage{ID: "status", Type: "complete"})

		follow := s.graphqlSocket(t, object{"Authorization": "Bearer " + token})
		follow.must("connection_ack")
		follow.subscribe("data", `subscription { neuralDataReceived(sessionId: "`+session+`") { timestamp deviceId sample channels { number value quality } events { type timestamp metadata } dropped } }`)
		type sample struct {
			Timestamp string
			DeviceID  string
			Sample    int64
			Channels  []struct {
				Number  int
				Value   float64
				Quality *float64
			}
			Dropped int64
		}
		var seen []sample
		for len(seen) < 300 {
			var m struct {
				Data struct{ NeuralDataReceived sample }
			}
			if err := json.Unmarshal(follow.must("next").Payload, &m); err != nil {
				t.Fatal(err)
			}
			if m.Data.NeuralDataReceived.Dropped == 0 || len(seen) > 0 {
				seen = append(seen, m.Data.NeuralDataReceived)
			}
		}
		if a := s.call(t, "POST", "/v1/sessions/"+session+"/events", token, object{"events": []object{{"t_unix_ms": time.Now().UnixMilli(), "label": "cue", "code": 3}}}, "X-Project-Id: "+s.project); a.StatusCode != 201 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		stopped, codes := s.graphql(t, token, `mutation { stopStreaming(deviceId: "openbci_001") { streamId status errors { code } } }`, nil)
		if len(codes) > 0 || inside(stopped, "stopStreaming", "status") != nil || len(inside(stopped, "stopStreaming", "errors").([]any)) > 0 {
			t.Errorf("stopped: %v %v", stopped, codes)
		}

		// What was seen is what is stored.
		stored := map[int64][]any{}
		for start := ""; ; {
			page := s.json(t, 200, "GET", "/v2/data/timeseries?session_id="+session+start, token, nil)
			for _, x := range page["samples"].([]any) {
				stored[int64(inside(x, "sample").(float64))] = inside(x, "values").([]any)
			}
			next, more := page["next_start"].(float64)
			if !more {
				break
			}
			start = fmt.Sprintf("&start=%f", next)
		}
		for i, x := range seen {
			want := stored[x.Sample]
			if i > 0 && x.Sample != seen[i-1].Sample+1 && x.Dropped == 0 {
				t.Fatalf("after sample %d comes %d", seen[i-1].Sample, x.Sample)
			}
			if len(want) != 2 || len(x.Channels) != 2 || float32(want[0].(float64)) != float32(x.Channels[0].Value) || float32(want[1].(float64)) != float32(x.Channels[1].Value) || x.DeviceID != "openbci_001" {
				t.Fatalf("seen %+v, stored %v", x, want)
			}
		}

		events := s.graphqlSocket(t, object{"Authorization": "Bearer " + token})
		events.must("connection_ack")
		events.subscribe("e", `subscription { sessionEventOccurred(sessionId: "`+session+`", after: 0) { type timestamp data source } }`)
		for _, want := range []string{`"type":"cue"`, `"type":"session_ended"`} {
			if m := events.must("next"); !strings.Contains(string(m.Payload), want) {
				t.Errorf("%s, want %s", m.Payload, want)
			}
		}
		events.must("complete")
		events.subscribe("f", `subscription { features(sessionId: "`+session+`", afterSeq: 0) { seq passed quality } }`)
		windows := 0
		for {
			m, err := events.next()
			if err != nil {
				t.Fatal(err)
			}
			if m.Type == "complete" {
				break
			}
			windows++
			if !strings.Contains(string(m.Payload), fmt.Sprintf(`"seq":%d`, windows)) {
				t.Errorf("window %d: %s", windows, m.Payload)
			}
		}

		// The document's queries.
		devices, codes := s.graphql(t, token, documentQueries["devices"], nil)
		part := inside(devices, "devices", 0, "sessions", 0, "recordings", 0)
		n, _ := inside(part, "sampleCount").(float64)
		if len(codes) > 0 || inside(devices, "devices", 0, "id") != "openbci_001" || inside(devices, "devices", 0, "sessions", 0, "id") != session || inside(devices, "devices", 0, "sessions", 0, "status") != "COMPLETED" ||
			int(n) != len(stored) || math.Abs(inside(part, "duration").(float64)-n/250) > 1e-9 || (inside(part, "quality") == nil) != (windows == 0) {
			t.Errorf("devices: %v %v; %d samples are stored", devices, codes, len(stored))
		}
		one, codes := s.graphql(t, token, documentQueries["session"], object{"sessionId": session})
		if len(codes) > 0 || inside(one, "session", "name") != "Run 1" || inside(one, "session", "device", "type") != "EEG" || inside(one, "session", "recordings", 0, "channelCount") != 2. {
			t.Errorf("session: %v %v", one, codes)
		}
		found, codes := s.graphql(t, token, documentQueries["search"], object{"filters": object{"search": "run", "deviceId": "openbci_001", "status": "COMPLETED"}})
		if len(codes) > 0 || inside(found, "sessions", "edges", 0, "node", "id") != session || inside(found, "sessions", "pageInfo", "hasNextPage") != false {
			t.Errorf("search: %v %v", found, codes)
		}
	})
}

// TestGraphQLPages walks sessions forward and back, and every page says what is on either side of it.
func TestGraphQLPages(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		key := s.key
		var ids []string
		for i := range 7 {
			ids = append([]string{s.json(t, 201, "POST", "/v2/sessions", key, object{"patient_id": "u", "device_type": "d", "sample_rate": 100, "channels": []string{"Cz"}, "tags": []string{fmt.Sprint("t", i%2)}})["id"].(string)}, ids...)
		}
		const query = `query($first: Int, $after: String, $last: Int, $before: String, $f: SessionFilters) { sessions(filters: $f, first: $first, after: $after, last: $last, before: $before) { totalCount edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`
		page := func(v object) (got []string, info object) {
			t.Helper()
			data, codes := s.graphql(t, key, query, v)
			if len(codes) > 0 {
				t.Fatalf("%v: %v", v, codes)
			}
			for _, e := range inside(data, "sessions", "edges").([]any) {
				got = append(got, inside(e, "node", "id").(string))
			}
			return got, inside(data, "sessions", "pageInfo").(object)
		}
		var all []string
		after := any(nil)
		for n := 0; ; n++ {
			got, info := page(object{"first": 3, "after": after})
			all = append(all, got...)
			if info["hasPreviousPage"] != (n > 0) || info["hasNextPage"] != (n < 2) {
				t.Errorf("page %d: %v", n, info)
			}
			if info["hasNextPage"] != true {
				break
			}
			after = info["endCursor"]
		}
		if d := cmp.Diff(ids, all); d != "" {
			t.Errorf("forward (-want +got):\n%s", d)
		}
		all = nil
		before := any(nil)
		for n := 0; ; n++ {
			got, info := page(object{"last": 3, "before": before})
			all = append(got, all...)
			if info["hasNextPage"] != (n > 0) || info["hasPreviousPage"] != (n < 2) {
				t.Errorf("page %d from the end: %v", n, info)
			}
			if info["hasPreviousPage"] != true {
				break
			}
			before = info["startCursor"]
		}
		if d := cmp.Diff(ids, all); d != "" {
			t.Errorf("backward (-want +got):\n%s", d)
		}
		if got, info := page(object{"first": 0}); len(got) != 0 || info["hasNextPage"] != true || info["startCursor"] != nil {
			t.Errorf("none: %v %v", got, info)
		}
		if got, _ := page(object{"f": object{"tags": []string{"t1"}}}); len(got) != 3 {
			t.Errorf("with a tag: %v", got)
		}
	})
}

// TestGraphQLSecurityMatrix asks for every field that needs a right with keys that lack one scope, with every role, and across projects.
func TestGraphQLSecurityMatrix(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		mine, other := s.tenant(t, "mine@example.com"), s.tenant(t, "other@example.com")
		s.people(t, &mine)
		session := s.json(t, 201, "POST", "/v1/sessions", mine.keys["good"], sessionBody)["session_id"].(string)
		s.json(t, 202, "POST", "/v1/sessions/"+session+"/ingest", mine.keys["good"], ingestBody)
		s.json(t, 201, "POST", "/v2/devices", mine.keys["good"], object{"id": "board", "driver": "synthetic"})
		analysis := s.json(t, 202, "POST", "/v2/analysis/sessions/"+session+"/analyze", mine.keys["good"], object{})["analysis_id"].(string)
		job := strings.TrimPrefix(mine.job, "req_pi_")
		s.uploadModel(t, mine.keys["good"], modelFile(t, "m", "1", ""))
		for name, c := range map[string]struct {
			query  string
			scopes []models.Scope
			role   models.Role
			absent string // the code for another project; "" where it sees its own, which is empty
		}{
			"devices":            {`{ devices { id } }`, []models.Scope{models.ScopeDevicesRead}, models.RoleViewer, ""},
			"device":             {`{ device(id: "board") { id } }`, []models.Scope{models.ScopeDevicesRead}, models.RoleViewer, "DEVICE_NOT_FOUND"},
			"device sessions":    {`{ device(id: "board") { sessions { id } } }`, []models.Scope{models.ScopeDevicesRead, models.ScopeSessions}, models.RoleViewer, "DEVICE_NOT_FOUND"},
			"sessions":           {`{ sessions { totalCount nodes { id } } }`, []models.Scope{models.ScopeSessions}, models.RoleViewer, ""},
			"session":            {`{ session(id: "` + session + `") { id status recordings { quality artifacts { type } } features { id } decodes { id } events { seq } } }`, []models.Scope{models.ScopeSessions}, models.RoleViewer, "SESSION_NOT_FOUND"},
			"session analysis":   {`{ session(id: "` + session + `") { analysis { id } } }`, []models.Scope{models.ScopeSessions, models.ScopeJobsRead}, models.RoleViewer, "SESSION_NOT_FOUND"},
			"analysis":           {`{ analysis(id: "` + analysis + `") { id } }`, []models.Scope{models.ScopeSessions, models.ScopeJobsRead}, models.RoleViewer, "JOB_NOT_FOUND"},
			"jobs":               {`{ jobs { nodes { id } } }`, []models.Scope{models.ScopeJobsRead}, models.RoleViewer, ""},
			"job":                {`{ job(id: "` + job + `") { id } }`, []models.Scope{models.ScopeJobsRead}, models.RoleViewer, "JOB_NOT_FOUND"},
			"models":             {`{ models { id } }`, []models.Scope{models.ScopeCatalogRead}, models.RoleViewer, ""},
			"createSession":      {`mutation { createSession(input: {patientId: "u", deviceType: "d", sampleRate: 100, channels: ["Cz"]}) { session { id } errors { code } } }`, []models.Scope{models.ScopeSessions}, models.RoleMember, ""},
			"updateSession":      {`mutation { updateSession(id: "` + session + `", input: {name: "x"}) { errors { code } } }`, []models.Scope{models.ScopeSessions}, models.RoleMember, "SESSION_NOT_FOUND"},
			"endSession":         {`mutation { endSession(id: "` + session + `") { errors { code } } }`, []models.Scope{models.ScopeSessions}, models.RoleMember, "SESSION_NOT_FOUND"},
			"deleteSession":      {`mutation { deleteSession(id: "` + models.NewID() + `") { errors { code } } }`, []models.Scope{models.ScopeErase}, models.RoleOwner, "SESSION_NOT_FOUND"},
			"stopStreaming":      {`mutation { stopStreaming(deviceId: "board") { errors { code } } }`, []models.Scope{models.ScopeDevicesUse}, models.RoleMember, "DEVICE_NOT_FOUND"},
			"startStreaming":     {`mutation { startStreaming(deviceId: "none", config: {}) { errors { code } } }`, []models.Scope{models.ScopeDevicesUse}, models.RoleMember, "DEVICE_NOT_FOUND"},
			"updateDeviceConfig": {`mutation { updateDeviceConfig(deviceId: "board", config: {}) { errors { code } } }`, []models.Scope{models.ScopeDevicesUse}, models.RoleMember, "DEVICE_NOT_FOUND"},
			"analyzeSession":     {`mutation { analyzeSession(sessionId: "` + session + `", input: {}) { analysisId errors { code } } }`, []models.Scope{models.ScopeDecode, models.ScopeSessions}, models.RoleMember, "SESSION_NOT_FOUND"},
			"decode":             {`mutation { decode(request: {input: {type: "eeg", session_id: "` + session + `"}}) { errors { code } } }`, []models.Scope{models.ScopeDecode, models.ScopeSessions}, models.RoleMember, "SESSION_NOT_FOUND"},
			"trainModel":         {`mutation { trainModel(request: {name: "m", paradigm: "motor_imagery", sessions: [{session_id: "` + session + `"}], classes: {a: "a", b: "b"}}) { errors { code } } }`, []models.Scope{models.ScopeCatalogWrite, models.ScopeSessions}, models.RoleMember, "SESSION_NOT_FOUND"},
			"deployModel":        {`mutation { deployModel(input: {modelId: "m"}) { deployment { id } errors { code } } }`, []models.Scope{models.ScopeCatalogWrite}, models.RoleMember, "MODEL_NOT_FOUND"},
			"cancelJob":          {`mutation { cancelJob(id: "` + job + `") { errors { code } } }`, []models.Scope{models.ScopeJobsWrite}, models.RoleMember, "JOB_NOT_FOUND"},
		} {
			t.Run(name, func(t *testing.T) {
				codes := func(credential string, headers ...string) []string {
					t.Helper()
					data, codes := s.graphql(t, credential, c.query, nil, headers...)
					for _, payload := range data { // what is wrong with the input stands in the payload of a mutation
						list, _ := inside(payload, "errors").([]any)
						for _, e := range list {
							codes = append(codes, inside(e, "code").(string))
						}
					}
					return codes
				}
				const forbidden = "INSUFFICIENT_PERMISSIONS"
				for scope, key := range mine.scoped {
					if got := codes(key); slices.Contains(got, forbidden) != slices.Contains(c.scopes, scope) {
						t.Errorf("without scope %s: %v", scope, got)
					}
				}
				this := "X-Project-Id: " + mine.project
				for role, token := range mine.roles {
					if got, may := codes(token, this), slices.Index(models.Roles(), role) <= slices.Index(models.Roles(), c.role); slices.Contains(got, forbidden) == may {
						t.Errorf("as %s: %v", role, got)
					}
				}
				got := codes(other.keys["good"])
				if c.absent != "" && !slices.Equal(got, []string{c.absent}) || c.absent == "" && len(got) > 0 {
					t.Errorf("from another project: %v, want %q", got, c.absent)
				}
				if a := s.call(t, "POST", "/graphql", mine.removed, object{"query": c.query}, this); a.StatusCode != http.StatusNotFound {
					t.Errorf("as one who was removed: %d %s", a.StatusCode, a.body)
				}
			})
		}
		// Subscriptions ask for the same rights, and a connection ends with them.
		for query, scope := range map[string]models.Scope{
			`subscription { neuralDataReceived(sessionId: "` + session + `") { sample } }`:    models.ScopeSessions,
			`subscription { features(sessionId: "` + session + `") { seq } }`:                 models.ScopeSessions,
			`subscription { decodes(sessionId: "` + session + `") { seq } }`:                  models.ScopeSessions,
			`subscription { sessionEventOccurred(sessionId: "` + session + `") { seq } }`:     models.ScopeSessions,
			`subscription { analysisCompleted(sessionId: "` + session + `") { analysisId } }`: models.ScopeJobsRead,
			`subscription { deviceStatusUpdated { deviceId } }`:                               models.ScopeDevicesRead,
			`subscription { jobUpdated(id: "` + job + `") { state } }`:                        models.ScopeJobsRead,
		} {
			w := s.graphqlSocket(t, object{"Authorization": "Bearer " + mine.scoped[scope]})
			w.must("connection_ack")
			w.subscribe("1", query)
			if m, err := w.next(); err != nil || !strings.Contains(string(m.Payload), "INSUFFICIENT_PERMISSIONS") {
				t.Errorf("%s without %s: %s %s %v", query, scope, m.Type, m.Payload, err)
			}
		}
		for what, c := range map[string]struct {
			params object
			code   websocket.StatusCode
		}{
			"nobody":          {object{}, 4401},
			"a bad key":       {object{"Authorization": "Bearer " + mine.keys["good"] + "x"}, 4401},
			"a revoked key":   {object{"Authorization": "Bearer " + mine.keys["revoked"]}, 4401},
			"another project": {object{"Authorization": "Bearer " + mine.keys["good"], "X-Project-Id": other.project}, 4403},
			"one removed":     {object{"Authorization": "Bearer " + mine.removed, "X-Project-Id": mine.project}, 4403},
		} {
			w := s.graphqlSocket(t, c.params)
			if _, err := w.next(); websocket.CloseStatus(err) != c.code {
				t.Errorf("%s: %v, want %d", what, err, c.code)
			}
		}
		k := s.json(t, 201, "POST", "/v1/projects/"+mine.project+"/keys", mine.token, object{"name": "short-lived"})
		w := s.graphqlSocket(t, object{"Authorization": "Bearer " + k["raw_key"].(string)})
		w.must("connection_ack")
		w.subscribe("1", `subscription { deviceStatusUpdated { deviceId } }`)
		w.must("next")
		s.call(t, "DELETE", "/v1/projects/"+mine.project+"/keys/"+k["id"].(string), mine.token, nil)
		for {
			if _, err := w.next(); err != nil {
				if websocket.CloseStatus(err) != 4401 {
					t.Errorf("a connection whose key was revoked: %v", err)
				}
				break
			}
		}
	})
}
