//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// attack is one call.
type attack struct {
	route string // method and pattern
	name  string
	path  string
	query string
	body  func() []byte // nil for none
	head  http.Header
	as    string // "key", "token" or "" for nobody
	big   bool   // left out of the short form
	own   bool   // of its route alone
	like  bool   // one of several of a kind
	// stream ends the call once its answer has begun.
	stream bool
	// do is an attack that is not a call: on sockets and connections.
	do func(ctx context.Context, a *arena) error
	// prepare makes what the call needs and returns its path.
	prepare func(ctx context.Context, t *tenant) (string, error)
}

// tenant is an account with a project on the server.
type tenant struct {
	*neurod.Client
	token   string
	session string // with a few windows
	job     string
	model   string
	device  string
}

// plan returns every attack. A route without one is an error: a new route needs its row.
func plan(short bool) ([]attack, error) {
	routes := handlers.New(handlers.Config{}).Routes()
	var out []attack
	for _, r := range routes {
		name := r.Method + " " + r.Path
		list := general(r, short)
		special := ours[name]
		if special == nil {
			special = further[name]
		}
		if special == nil && r.Cost.Body > 0 {
			return nil, fmt.Errorf("%s reads a body and has no attacks of its own: add them to tools/hostile", name)
		}
		if special != nil {
			more := special(short)
			for i := range more {
				more[i].own, more[i].like = true, len(more) > 12
			}
			list = append(list, more...)
		}
		for _, a := range list {
			a.route = name
			if a.path == "" {
				a.path = r.Path
			}
			switch r.Auth {
			case middleware.AuthJWT, middleware.AuthMember, middleware.AuthOperator:
				a.as = "token"
			case middleware.AuthNone:
			default:
				a.as = "key"
			}
			out = append(out, a)
		}
	}
	out = append(out, connectionAttacks()...)
	out = append(out, topicAttacks()...)
	for name := range ours {
		found := false
		for _, r := range routes {
			found = found || r.Method+" "+r.Path == name
		}
		if !found {
			return nil, fmt.Errorf("%s has attacks and is not a route", name)
		}
	}
	return out, nil
}

// general are the attacks that every route gets: queries and headers, and the bodies of everywhere where one is read.
func general(r handlers.Route, short bool) []attack {
	var long url.Values = url.Values{}
	for i := range 1200 {
		long.Set("k"+strconv.Itoa(i), strings.Repeat("v", 10))
	}
	out := []attack{
		{name: "a query of many parameters", query: long.Encode()},
		{name: "a query of one long parameter", query: "cursor=" + strings.Repeat("A", 28_000)},
		{name: "extreme numbers", query: "limit=99999999999999999999&offset=9223372036854775807&after_ms=-9223372036854775808&after=2147483648&after_seq=-1&timeout_seconds=1e308&cursor=%00%ff"},
		{name: "the largest numbers that pass", query: "limit=1000&offset=2147483647&after_ms=9223372036854775807&after=2147483646&order=desc&include_raw=true&only_passed=false"},
		{name: "long headers", head: http.Header{"Idempotency-Key": {strings.Repeat("k", 20_000)}, "X-Request-Id": {strings.Repeat("r", 5_000)}}},
		{name: "many ranges and types", head: http.Header{"Range": {"bytes=" + strings.TrimSuffix(strings.Repeat("0-,", 4000), ",")}, "Accept": {strings.TrimSuffix(strings.Repeat("a/b;q=0.1,", 1200), ",")}}},
	}
	for i := range out {
		out[i].stream = true
	}
	if r.Cost.Body == 0 {
		return out
	}
	for i, t := range everywhere() {
		out = append(out, attack{name: t.name, body: t.body, head: t.headers(), big: i%3 != 0 && !strings.HasPrefix(t.name, "gzip of")})
	}
	return out
}

func (t text) headers() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	if t.kind != "" {
		h.Set("Content-Type", t.kind)
	}
	if t.gzip {
		h.Set("Content-Encoding", "gzip")
	}
	return h
}

func attacks(list []text) []attack {
	out := make([]attack, len(list))
	for i, t := range list {
		out[i] = attack{name: t.name, body: t.body, head: t.headers()}
	}
	return out
}

// one is a list of one array or object of a megabyte.
func one(name, head, tail string, each func(int) string) text {
	return text{name: name, body: func() []byte { return repeated(60_000, head, tail, each) }}
}

// nobody is an id that nothing has.
const nobody = "00000000-0000-7000-8000-000000000000"

// ours are the attacks of single routes, by what their handlers do.
var ours = map[string]func(short bool) []attack{
	"POST /api/v1/neuro/decode": func(short bool) []attack {
		out := append(attacks(decodeFields()), attacks(decodable(short))...)
		inSession := func(name string, input object) attack {
			return attack{name: name, prepare: func(_ context.Context, t *tenant) (string, error) { return "", nil },
				body: func() []byte {
					return marshal(object{"input": with(object{"type": "eeg", "session_id": "{session}"}, input)})
				}, head: text{}.headers()}
		}
		return append(out,
			inSession("a range of 2^62 ms", object{"start_ms": -(int64(1) << 61), "end_ms": int64(1) << 61}),
			inSession("all ms there are", object{"start_ms": int64(math.MinInt64), "end_ms": int64(math.MaxInt64)}),
			inSession("the last ms there are", object{"start_ms": int64(math.MaxInt64) - 1, "end_ms": int64(math.MaxInt64)}),
			inSession("a year without samples", object{"start_ms": 1_600_000_000_000, "end_ms": 1_600_004_000_000}))
	},
	"POST /api/v1/neuro/decode/batch": func(bool) []attack { return attacks(batches()) },
	"POST /v1/sessions/:id/ingest":    func(short bool) []attack { return ingestAttacks(short) },
	"POST /v1/sessions/import":        importAttacks,
	"POST /v1/sessions": func(bool) []attack {
		session := `{"external_user_id":"u","device_type":"d","sample_rate_hz":250,`
		decode := session + `"channels":["C3","Cz","C4"],"decode":{"paradigm":"ssvep",`
		return attacks([]text{
			one("empty names", session+`"channels":[`, "]}", always(`""`)),
			one("512 names and more", session+`"channels":[`, "]}", func(i int) string { return `"` + strconv.Itoa(i) + `"` }),
			one("targets", decode+`"stimulus":{"targets":[`, "]}}}", func(i int) string { return `{"frequency":` + fmt.Sprint(6+0.01*float64(i)) + `}` }),
			one("intents", decode+`"intents":{`, "}}}", func(i int) string { return `"` + strconv.Itoa(i) + `":""` }),
			one("flashes", decode+`"stimulus":{"matrix":[["A"]],"flashes":{`, "}}}}", func(i int) string { return `"` + strconv.Itoa(i) + `":["B"]` }),
			one("features", session+`"channels":["C3"],"features":[`, "]}", always(`"aperiodic"`)),
			{name: "as much a window as may be", body: func() []byte {
				return marshal(object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": 20000, "channels": montage(512), "hop_s": 0.05})
			}},
		})
	},
	"POST /v1/sessions/:id/events": func(bool) []attack {
		return attacks([]text{
			{name: "a thousand events", body: func() []byte {
				return repeated(most, `{"events":[`, `]}`, func(i int) string {
					return `{"t_unix_ms":1700000000000,"code":1,"label":"` + strings.Repeat("l", 900) + `"}`
				})
			}},
			{name: "events that are all wrong", body: func() []byte { return repeated(most, `{"events":[`, `]}`, always(`{}`)) }},
			{name: "a thousand wrong events", body: func() []byte { return repeated(30_000, `{"events":[`, `]}`, always(`{"sample":9223372036854775807}`)) }},
		})
	},
	"POST /v1/sessions/:id/end": func(bool) []attack {
		return attacks([]text{{name: "a time beyond all", body: func() []byte { return []byte(`{"ended_at_unix_ms":9223372036854775807}`) }}})
	},
	"POST /v1/auth/signup":            func(bool) []attack { return accountAttacks() },
	"POST /v1/auth/login":             func(bool) []attack { return accountAttacks() },
	"POST /v1/auth/refresh":           func(bool) []attack { return secretAttacks("refresh_token") },
	"POST /v1/auth/logout":            func(bool) []attack { return secretAttacks("refresh_token") },
	"POST /v1/auth/validate":          func(bool) []attack { return secretAttacks("api_key") },
	"POST /v1/installer/github-token": func(bool) []attack { return secretAttacks("api_key") },
	"POST /auth/validate":             func(bool) []attack { return secretAttacks("api_key") },
	"POST /auth/refresh":              func(bool) []attack { return secretAttacks("refresh_token") },
	"POST /auth/revoke":               func(bool) []attack { return secretAttacks("api_key") },
	"POST /installer/github-token":    func(bool) []attack { return secretAttacks("api_key") },
	"POST /v1/account/delete": func(bool) []attack {
		return attacks([]text{{name: "a long password", body: func() []byte { return []byte(`{"password":"` + strings.Repeat("p", 60_000) + `"}`) }}})
	},
	"POST /v1/account/password": func(bool) []attack {
		return attacks([]text{{name: "long passwords", body: func() []byte {
			return []byte(`{"current_password":"` + strings.Repeat("p", 30_000) + `","new_password":"` + strings.Repeat("q", 30_000) + `"}`)
		}}})
	},
	"POST /v1/auth/revoke": func(bool) []attack { return secretAttacks("api_key") },
	"POST /v1/projects": func(bool) []attack {
		return attacks([]text{{name: "a long name", body: func() []byte { return []byte(`{"name":"` + strings.Repeat("é", 30_000) + `"}`) }}})
	},
	"POST /v1/projects/:id/keys": func(bool) []attack {
		return attacks([]text{
			one("scopes", `{"name":"x","scopes":[`, "]}", always(`"?"`)),
			one("rate limits", `{"name":"x","rate_limits":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":{"per_minute":-1}` }),
			{name: "extreme days", body: func() []byte { return []byte(`{"name":"x","expires_in_days":9223372036854775807}`) }},
		})
	},
	"POST /v1/projects/:id/invitations": func(bool) []attack {
		return attacks([]text{
			{name: "a long address", body: func() []byte {
				return []byte(`{"email":"` + strings.Repeat("a.", 30_000) + `@example.com","role":"viewer"}`)
			}},
			{name: "a long role", body: func() []byte {
				return []byte(`{"email":"a@example.com","role":"` + strings.Repeat("viewer", 10_000) + `"}`)
			}},
		})
	},
	"POST /api/v1/webhooks": func(bool) []attack {
		return attacks([]text{
			one("60,000 events", `{"url":"https://hook.example/x","events":[`, `]}`, func(int) string { return `"job.completed"` }),
			{name: "a long address", body: func() []byte { return []byte(`{"url":"https://hook.example/` + strings.Repeat("x", 60_000) + `"}`) }},
			{name: "a long host", body: func() []byte { return []byte(`{"url":"https://` + strings.Repeat("x.", 30_000) + `example/"}`) }},
			{name: "a long secret", body: func() []byte {
				return []byte(`{"url":"https://hook.example/x","secret":"whsec_` + strings.Repeat("A", 60_000) + `"}`)
			}},
		})
	},
	"PATCH /api/v1/webhooks/:id": func(bool) []attack {
		return attacks([]text{one("60,000 events", `{"events":[`, `]}`, func(int) string { return `"job.completed"` })})
	},
	"POST /api/v1/webhooks/:id/rotate": func(bool) []attack {
		return attacks([]text{{name: "an object", body: func() []byte { return []byte(`{"a":1}`) }}})
	},
	"POST /api/v1/webhooks/:id/test": func(bool) []attack {
		return attacks([]text{{name: "an object", body: func() []byte { return []byte(`{"a":1}`) }}})
	},
	"POST /api/v1/webhooks/:id/deliveries/:delivery_id/redeliver": func(bool) []attack {
		return attacks([]text{{name: "an object", body: func() []byte { return []byte(`{"a":1}`) }}})
	},
	"POST /v1/invitations/accept": func(bool) []attack { return secretAttacks("token") },
	"PATCH /v1/projects/:id/retention": func(bool) []attack {
		return attacks([]text{{name: "a long number", body: func() []byte { return []byte(`{"job_hours":1` + strings.Repeat("0", 30_000) + `}`) }}})
	},
	"PATCH /v1/projects/:id/members/:user_id": func(bool) []attack {
		return attacks([]text{{name: "a long role", body: func() []byte { return []byte(`{"role":"` + strings.Repeat("viewer", 10_000) + `"}`) }}})
	},
	"POST /v1/analytics/log": func(bool) []attack {
		return attacks([]text{
			one("metadata", `{"event_type":"inference","metadata":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":0` }),
			one("deep metadata", `{"event_type":"inference","metadata":{"a":[`, "]}}", always(strings.Repeat("[", 60)+strings.Repeat("]", 60))),
		})
	},
	"POST /api/v1/models": func(short bool) []attack { return modelAttacks(short) },
	"POST /api/v1/models/:name/rollback": func(bool) []attack {
		return attacks([]text{{name: "a long version", body: func() []byte { return []byte(`{"version":"` + strings.Repeat("1.", 30_000) + `"}`) }}})
	},
	"POST /api/v1/models/train":           func(bool) []attack { return trainingAttacks() },
	"POST /api/v1/models/:name/calibrate": func(bool) []attack { return trainingAttacks() },
}

func accountAttacks() []attack {
	return attacks([]text{
		{name: "a long password", body: func() []byte {
			return []byte(`{"email":"a@example.com","password":"` + strings.Repeat("p", 60_000) + `"}`)
		}},
		{name: "a long address", body: func() []byte {
			return []byte(`{"email":"` + strings.Repeat("a.", 30_000) + `@example.com","password":"correct horse battery"}`)
		}},
	})
}

func secretAttacks(field string) []attack {
	return attacks([]text{
		{name: "a long secret", body: func() []byte { return []byte(`{"` + field + `":"` + strings.Repeat("s", 60_000) + `"}`) }},
		{name: "a secret of dots", body: func() []byte { return []byte(`{"` + field + `":"` + strings.Repeat(".", 60_000) + `"}`) }},
	})
}

func trainingAttacks() []attack {
	head := `{"name":"m","paradigm":"motor_imagery","classes":{"T1":"left","T2":"right"},`
	return attacks([]text{
		one("sessions", head+`"sessions":[`, "]}", always(`{"session_id":"00000000-0000-7000-8000-000000000000"}`)),
		one("a hundred sessions again and again", head+`"sessions":[`, "]}", func(i int) string { return `{"session_id":"x` + strconv.Itoa(i%100) + `"}` }),
		one("classes", `{"name":"m","paradigm":"motor_imagery","sessions":[{"session_id":"{session}"}],"classes":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":"c` + strconv.Itoa(i) + `"` }),
		one("channels", head+`"sessions":[{"session_id":"{session}"}],"channels":[`, "]}", func(i int) string { return `"` + strconv.Itoa(i) + `"` }),
		one("options", head+`"sessions":[{"session_id":"{session}"}],"options":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":0` }),
		{name: "options beyond all", body: func() []byte {
			return []byte(head + `"sessions":[{"session_id":"{session}"}],"options":{"filters":1000000000,"components":1000000000,"bands":[[1,2]]}}`)
		}},
	})
}

// ingestAttacks sends the bodies of ingests to sessions of every kind.
func ingestAttacks(short bool) []attack {
	var out []attack
	for i, s := range []object{
		{"sample_rate_hz": 8, "channels": montage(1), "hop_s": 0.125},
		{"sample_rate_hz": 20000, "channels": montage(1), "hop_s": 0.05},
		{"sample_rate_hz": 8, "channels": montage(1), "hop_s": 60},
		{"sample_rate_hz": 250, "channels": montage(8), "hop_s": 0.05, "decode": object{"paradigm": "motor_imagery", "window_s": 4, "hop_s": 0.05}},
		{"sample_rate_hz": 250, "channels": montage(8), "hop_s": 2, "decode": object{"paradigm": "auto", "window_s": 60, "hop_s": 0.05}},
		{"sample_rate_hz": 100, "channels": montage(8), "hop_s": 2, "decode": object{"paradigm": "ssvep", "window_s": 60, "hop_s": 0.05}},
		{"sample_rate_hz": 100, "channels": montage(1), "decode": object{"paradigm": "seizure", "window_s": 10, "hop_s": 0.05}},
		{"sample_rate_hz": 250, "channels": montage(64), "hop_s": 0.05},
		{"sample_rate_hz": 100, "channels": montage(512), "hop_s": 0.05},
		{"sample_rate_hz": 20000, "channels": montage(100), "hop_s": 0.05},
		{"sample_rate_hz": 250, "channels": montage(8), "hop_s": 0.05, "features": eeg.Names(eeg.Features)},
		{"sample_rate_hz": 100, "channels": montage(512), "hop_s": 0.05, "features": eeg.Names(eeg.Features)},
		{"sample_rate_hz": 44, "channels": montage(64), "hop_s": 0.05, "features": eeg.Names(eeg.Features)},
	} {
		channels := s["channels"].([]string)
		what := fmt.Sprintf("%d channels at %v Hz, hop %v s", len(channels), s["sample_rate_hz"], s["hop_s"])
		if d, ok := s["decode"].(object); ok {
			what += fmt.Sprintf(", %v of %v s", d["paradigm"], d["window_s"])
		}
		if _, asked := s["features"]; asked {
			what += ", all features on request"
		}
		body := marshal(with(s, object{"external_user_id": "u", "device_type": "d"}))
		for k, t := range ingests(len(channels)) {
			if i > 0 && k < 4 {
				continue // says nothing of the session
			}
			a := attack{name: what + ": " + t.name, body: t.body, head: t.headers(), big: i%2 == 1 && k != 8,
				prepare: func(ctx context.Context, v *tenant) (string, error) {
					id, err := v.newSession(ctx, body)
					return "/v1/sessions/" + id + "/ingest", err
				}}
			if t.kind != "" {
				a.query = "batch_id=b&t0_unix_ms=1700000000000"
			}
			out = append(out, a)
		}
	}
	return out
}

func (t *tenant) newSession(ctx context.Context, body []byte) (string, error) {
	var s struct {
		ID string `json:"session_id"`
	}
	err := t.Do(ctx, http.MethodPost, "/v1/sessions", t.Key, body, nil, &s)
	return s.ID, err
}

// busy reports whether jobs of the tenant wait or run.
func (t *tenant) busy(ctx context.Context) bool {
	var list struct {
		Data []json.RawMessage `json:"data"`
	}
	err := t.Do(ctx, http.MethodGet, "/api/v1/jobs?state=queued,running&limit=1", t.Key, nil, nil, &list)
	return err == nil && len(list.Data) > 0
}

// good reports whether the tenant's key and login are still let in.
func (t *tenant) good(ctx context.Context) bool {
	return t.Do(ctx, http.MethodGet, "/api/v1/jobs?limit=1", t.Key, nil, nil, nil) == nil && t.Do(ctx, http.MethodGet, "/v1/projects", t.token, nil, nil, nil) == nil
}

// fill puts what the tenant has into a path or a body.
func (t *tenant) fill(s string) string {
	s = strings.NewReplacer("{session}", t.session, "{job}", t.job, "{model}", t.model, ":external_user_id", "nobody", ":version", "1", ":name", t.model, ":key_id", nobody, ":user_id", nobody, ":invitation_id", nobody, ":delivery_id", nobody, ":seq", "1").Replace(s)
	switch {
	case strings.HasPrefix(s, "/v1/sessions/:id"), strings.HasPrefix(s, "/v2/sessions/:id"), strings.HasPrefix(s, "/v2/analysis/sessions/:id"):
		s = strings.Replace(s, ":id", t.session, 1)
	case strings.HasPrefix(s, "/v1/projects/:id"):
		s = strings.Replace(s, ":id", t.ProjectID, 1)
	}
	if strings.HasPrefix(s, "/v2/devices/:id") {
		return strings.Replace(s, ":id", t.device, 1)
	}
	return strings.Replace(s, ":id", t.job, 1)
}

// settle makes what attacks of all kinds refer to.
func (t *tenant) settle(ctx context.Context, email, password string) error {
	var login struct {
		AccessToken string `json:"access_token"`
	}
	if err := t.Do(ctx, http.MethodPost, "/v1/auth/login", "", marshal(object{"email": email, "password": password}), nil, &login); err != nil {
		return err
	}
	t.token, t.model = login.AccessToken, "hostile"
	id, err := t.live(ctx)
	if err != nil {
		return err
	}
	t.session, t.device = id, "hostile"
	if err := t.Do(ctx, http.MethodPost, "/v2/devices", t.Key, marshal(object{"id": t.device, "driver": "synthetic", "settings": object{"pattern": "rest", "channels": montage(8)}}), nil, nil); err != nil {
		return err
	}
	job, err := t.Decode(ctx, marshal(object{"input": object{"type": "eeg", "channels": []string{"C3", "Cz", "C4"}, "sample_rate": 250, "data": base(samples(3*1000, 8))}}), "")
	if err != nil {
		return err
	}
	t.job = job.Data.JobID
	_, err = t.Wait(ctx, t.job, 30e9, false)
	return err
}
