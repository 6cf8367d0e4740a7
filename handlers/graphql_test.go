package handlers_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// graphql runs an operation.
func (b *bench) graphql(t *testing.T, credential, query string, variables any, headers ...string) answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return b.call(t, "POST", "/graphql", credential, string(body), headers...)
}

// told are the errors of an answer.
func told(t *testing.T, a answer) []string {
	t.Helper()
	var doc struct {
		Errors []struct {
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal([]byte(a.raw), &doc); err != nil {
		t.Fatalf("%v: %s", err, a.raw)
	}
	out := []string{}
	for _, e := range doc.Errors {
		out = append(out, e.Extensions.Code)
	}
	return out
}

// The queries of the devices' document.
const (
	devicesWithSessions = `query GetDevicesWithSessions { devices { id name status sessions(last: 5) { id name startTime status recordings { id duration sampleCount quality } } } }`
	sessionData         = `query GetSessionData($sessionId: ID!) { session(id: $sessionId) { id name startTime endTime device { id name type } recordings { id channelCount sampleRate duration artifacts { type startTime endTime } } analysis { id modelType accuracy predictions { timestamp label confidence } } } }`
	searchSessions      = `query SearchSessions($filters: SessionFilters) { sessions(filters: $filters) { edges { node { id name startTime tags metadata } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`
)

func TestGraphQL(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.work(t, map[models.JobKind]workers.Handler{models.KindSessionWindows: workers.SessionWindows(b.store, nil, b.engine.Notify), models.KindUserErase: workers.EraseUser(b.store)})
	made := b.graphql(t, b.key, `mutation($in: CreateSessionInput!) { createSession(input: $in) { session { id name status tags metadata } errors { field code message } } }`,
		map[string]any{"in": map[string]any{"name": "Day 2", "patientId": "u1", "deviceType": "d", "sampleRate": 100, "channels": []string{"Cz"}, "tags": []string{"a"}, "metadata": map[string]any{"room": 7}}})
	var doc struct {
		Data struct {
			CreateSession struct {
				Session struct{ ID, Name, Status string }
			}
		}
	}
	if err := json.Unmarshal([]byte(made.raw), &doc); err != nil || doc.Data.CreateSession.Session.Status != "PREPARING" {
		t.Fatalf("%v: %s", err, made.raw)
	}
	id := doc.Data.CreateSession.Session.ID
	for name, a := range map[string]answer{
		"devices":  b.graphql(t, b.key, devicesWithSessions, nil),
		"session":  b.graphql(t, b.key, sessionData, map[string]any{"sessionId": id}),
		"sessions": b.graphql(t, b.key, searchSessions, map[string]any{"filters": map[string]any{"tags": []string{"a"}, "search": "DAY"}}),
		"get":      b.call(t, "GET", "/graphql?query="+url.QueryEscape("{session(id:\""+id+"\"){id}}"), b.key, ""),
		"totals":   b.graphql(t, b.key, `{ sessions(first: 1) { totalCount nodes { id device { id } decodes { id } features { id } events { seq } } } jobs { nodes { id } } }`, nil),
	} {
		if codes := told(t, a); a.status != 200 || len(codes) > 0 || !strings.Contains(a.raw, map[bool]string{true: `"devices":[]`, false: id}[name == "devices"]) {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	for name, c := range map[string]struct {
		query string
		code  string
	}{
		"unknown field": {"{ boards }", "GRAPHQL_VALIDATION_FAILED"},
		"syntax":        {"{ devices { ", "GRAPHQL_PARSE_FAILED"},
		"depth":         {"{sessions{edges{node{device{sessions{device{sessions{device{id}}}}}}}}}", "QUERY_TOO_COMPLEX"},
		"aliases": {"{" + strings.Repeat("a:devices{id}", 1) + func() (s string) {
			for i := range 20 {
				s += " a" + string(rune('b'+i)) + ":devices{id}"
			}
			return s
		}() + "}", "QUERY_TOO_COMPLEX"},
		"complexity":     {"{sessions(first:200){nodes{recordings{artifacts{type}} features(last:100){id}}}}", "COMPLEXITY_LIMIT_EXCEEDED"},
		"no session":     {`{session(id:"x"){id}}`, "SESSION_NOT_FOUND"},
		"no device":      {`{device(id:"x"){id}}`, "DEVICE_NOT_FOUND"},
		"first and last": {`{sessions(first:1,last:1){nodes{id}}}`, "INVALID_PARAMETER"},
	} {
		if codes := told(t, b.graphql(t, b.key, c.query, nil)); len(codes) != 1 || codes[0] != c.code {
			t.Errorf("%s: %v, want %s", name, codes, c.code)
		}
	}
	if a := b.call(t, "POST", "/graphql", "", `{"query":"{devices{id}}"}`); a.status != 401 || told(t, a)[0] != "INVALID_TOKEN" {
		t.Errorf("without a credential: %d %s", a.status, a.raw)
	}
	if a := b.call(t, "POST", "/graphql", b.key, `[{"query":"{devices{id}}"}]`); a.status != 400 {
		t.Errorf("a batch: %d %s", a.status, a.raw)
	}
	if a := b.call(t, "GET", "/graphql?query="+url.QueryEscape(`mutation{endSession(id:"x"){errors{code}}}`), b.key, ""); a.status != 405 {
		t.Errorf("a mutation by GET: %d %s", a.status, a.raw)
	}
}

// TestGraphQLOnce: with an Idempotency-Key, what a mutation makes is made once, each field of an operation by itself; another operation
// with the key is refused.
func TestGraphQLOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const mutation = `mutation($name: String, $request: JSON!) { a: createSession(input: {name: $name, patientId: "u1", deviceType: "d", sampleRate: 100, channels: ["Cz"]}) { session { id } errors { code } }
		b: createSession(input: {name: $name, patientId: "u1", deviceType: "d", sampleRate: 100, channels: ["Cz"]}) { session { id } errors { code } }
		decode(request: $request) { job { id } errors { code field } } }`
	named := func(name string) map[string]any {
		return map[string]any{"name": name, "request": json.RawMessage(recording)}
	}
	first := b.graphql(t, b.key, mutation, named("x"), "Idempotency-Key", "k1")
	if codes := told(t, first); first.status != 200 || len(codes) > 0 || strings.Count(first.raw, `"errors":[]`) != 3 {
		t.Fatalf("%d %s", first.status, first.raw)
	}
	if again := b.graphql(t, b.key, mutation, named("x"), "Idempotency-Key", "k1"); again.raw != first.raw {
		t.Errorf("repeated: %s, first %s", again.raw, first.raw)
	}
	if other := b.graphql(t, b.key, mutation, named("y"), "Idempotency-Key", "k1"); strings.Count(other.raw, `"IDEMPOTENCY_KEY_REUSED"`) != 3 {
		t.Errorf("another with the key: %s", other.raw)
	}
	if all := b.graphql(t, b.key, `{ sessions { totalCount } jobs { nodes { id } } }`, nil); !strings.Contains(all.raw, `"totalCount":2`) || strings.Count(all.raw, `"id"`) != 1 {
		t.Errorf("made: %s", all.raw)
	}
	if without := b.graphql(t, b.key, mutation, named("x")); without.raw == first.raw {
		t.Errorf("without a key nothing is made: %s", without.raw)
	}
}
