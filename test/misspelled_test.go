package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit"
)

// freeKeys are the objects whose keys are the caller's own: the context, and what is named by channels, events and classes.
var freeKeys = regexp.MustCompile(`/(context|metadata|data|classes|intents|flashes|rate_limits)$`)

// slips calls each with the body in which one key is misspelled, and the pointer of that key.
func slips(t *testing.T, v any, pointer string, each func(pointer, was string)) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			slips(t, v[k], pointer+"/"+k, each)
			if freeKeys.MatchString(pointer) || len(k) < 4 {
				continue
			}
			wrong := k[:len(k)-2] + string(k[len(k)-1]) + string(k[len(k)-2]) // the last two letters swapped
			if wrong == k {
				wrong = k + "x"
			}
			was := v[k]
			delete(v, k)
			v[wrong] = was
			each(pointer+"/"+wrong, k)
			delete(v, wrong)
			v[k] = was
		}
	case []any:
		for i := range v {
			slips(t, v[i], fmt.Sprintf("%s/%d", pointer, i), each)
		}
	}
}

// TestMisspelledFieldsAreRefused misspells every key of a good body of every call that takes JSON, one at a time. Each
// answer is 400, names the key that was sent, and says which was meant.
func TestMisspelledFieldsAreRefused(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_SIGNUPS_PER_HOUR=1000")
	session := s.session(t, sessionBody)
	speller := `{"input":{"type":"eeg","data":"dGVzdA==","encoding":"int16le","layout":"sample_major","scale_uv":0.1,"paradigm":"p300","device":"x","channels":["Cz","Pz"],
		"sample_rate":250,"events":[{"onset_s":0,"code":1,"label":"a"}],"stimulus":{"matrix":[["A","B"]],"flashes":{"1":["A"]},"targets":[{"label":"A","frequency":9,"phase":0}]},
		"model":"m","alignment":"none"},"context":{"locale":"en"},"output":{"format":"json","include_diagnostics":true}}`
	of := `{"input":{"type":"eeg","session_id":"` + session + `","start_ms":1,"end_ms":2,"paradigm":"motor_imagery"}}`
	live := strings.Replace(sessionBody, "{", `{"hop_s":1,"jitter_ms":5,"started_at_unix_ms":1730000000000,"decode":{"paradigm":"ssvep","model":"ssvep-scan","window_s":4,"hop_s":1,
		"stimulus":{"targets":[{"label":"a","frequency":9}]},"intents":{"a":"b"},"alignment":"none"},`, 1)
	train := `{"name":"m","paradigm":"motor_imagery","pipeline":"ts_lr","sessions":[{"session_id":"` + session + `","start_ms":1,"end_ms":2}],"classes":{"1":"a","2":"b"},
		"base":"none","window":{"from_s":0,"to_s":1},"channels":["C3"],"options":{},"reject_low_quality":true,"summary":"x","intended_use":"y"}`
	key := `{"name":"k","scopes":["decode"],"expires_in_days":3,"license":"free","rate_limits":{"sessions":{"per_minute":10,"burst":20}}}`
	for _, tt := range []struct{ method, path, credential, body string }{
		{"POST", "/api/v1/neuro/decode", s.key, documentBody},
		{"POST", "/api/v1/neuro/decode", s.key, speller},
		{"POST", "/api/v1/neuro/decode", s.key, of},
		{"POST", "/v1/auth/signup", "", `{"email":"a@b.de","password":"correct horse battery"}`},
		{"POST", "/v1/auth/login", "", `{"email":"a@b.de","password":"correct horse battery"}`},
		{"POST", "/v1/auth/refresh", "", `{"refresh_token":"x"}`},
		{"POST", "/v1/auth/logout", "", `{"refresh_token":"x"}`},
		{"POST", "/v1/projects", s.token, `{"name":"x"}`},
		{"POST", "/v1/projects/" + s.project + "/keys", s.token, key},
		{"POST", "/v1/projects/" + s.project + "/keys", s.token, `{"name":"k","expires_at":"2030-01-01T00:00:00Z"}`},
		{"POST", "/v1/sessions", s.key, sessionBody},
		{"POST", "/v1/sessions", s.key, live},
		{"POST", "/v1/sessions/" + session + "/ingest", s.key, ingestBody},
		{"POST", "/v1/sessions/" + session + "/end", s.key, `{"ended_at_unix_ms":1730000030000}`},
		{"POST", "/v1/sessions/" + session + "/events", s.key, `{"events":[{"t_unix_ms":1000,"code":1,"label":"x","duration_ms":1},{"onset_ms":1,"code":1},{"sample":1,"code":1}]}`},
		{"POST", "/v1/analytics/log", s.key, `{"api_key":"` + s.key + `","event_type":"inference","model_name":"m","inference_type":"batch","duration_ms":1,"success":true,"error_message":"x","metadata":{"anything":1}}`},
		{"POST", "/v1/auth/validate", s.key, `{"api_key":"` + s.key + `"}`},
		{"POST", "/v1/auth/revoke", "", `{"api_key":"` + s.key + `"}`},
		{"POST", "/api/v1/webhooks", s.key, `{"url":"https://hook.example/x","description":"x","events":["job.completed"],"enabled":true,"secret":"x"}`},
		{"PATCH", "/api/v1/webhooks/" + s.webhook(t, "https://hook.example/x")["id"].(string), s.key, `{"endpoint_url":"https://hook.example/x","is_active":true}`},
		{"POST", "/api/v1/models", s.key, `{"file":"QUJD"}`},
		{"POST", "/api/v1/models/m/rollback", s.key, `{"version":"1"}`},
		{"POST", "/api/v1/models/train", s.key, train},
		{"POST", "/api/v1/models/m/calibrate", s.key, `{"version":"1","sessions":[{"session_id":"` + session + `"}],"classes":{"1":"a"},"window":{"from_s":0,"to_s":1},"reject_low_quality":true}`},
	} {
		t.Run(tt.path, func(t *testing.T) {
			var body any
			if err := json.Unmarshal([]byte(tt.body), &body); err != nil {
				t.Fatal(err)
			}
			n := 0
			slips(t, body, "", func(pointer, was string) {
				n++
				a := s.call(t, tt.method, tt.path, tt.credential, body)
				if a.StatusCode != 400 || !strings.Contains(string(a.body), pointer) || !strings.Contains(string(a.body), `did you mean \"`+was+`\"?`) {
					t.Errorf("%s: %d %s", pointer, a.StatusCode, a.body)
				}
			})
			if n == 0 {
				t.Error("nothing was misspelled")
			}
		})
	}

	t.Run("in a batch", func(t *testing.T) {
		for _, body := range []string{`{"itmes":[` + documentBody + `]}`, `{"items":[` + documentBody + `],"default":{}}`,
			`{"items":[` + documentBody + `],"defaults":{"input":{"paradigma":"p300"}}}`, `{"items":[` + documentBody + `],"defaults":{"inputs":{}}}`} {
			if a := s.call(t, "POST", "/api/v1/neuro/decode/batch", s.key, body); a.StatusCode != 400 || !strings.Contains(string(a.body), "did you mean") {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		}
		item := strings.Replace(documentBody, `"paradigm"`, `"paradigma"`, 1)
		got := s.json(t, 202, "POST", "/api/v1/neuro/decode/batch", s.key, `{"items":[`+documentBody+`,`+item+`]}`)
		if second := fmt.Sprint(got["batch"].(object)["items"].([]any)[1]); !strings.Contains(second, "invalid_request_body") || !strings.Contains(second, "/input/paradigma") {
			t.Errorf("the item with a slip: %s", second)
		}
	})
	t.Run("a name of another object", func(t *testing.T) {
		a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, strings.Replace(documentBody, "{", `{"paradigm":"p300",`, 1))
		if a.StatusCode != 400 || !strings.Contains(string(a.body), "it is one of /input") {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("the context is the caller's", func(t *testing.T) {
		s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, strings.Replace(documentBody, `"locale"`, `"room": {"name": "kitchen"}, "local": "x", "locale"`, 1))
	})
}

// TestMisspelledModesAreRefused holds context.ui_mode to the modes that the decoders know: a slip is refused, a mode of
// one's own is not.
func TestMisspelledModesAreRefused(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	with := func(mode string) answer {
		return s.call(t, "POST", "/api/v1/neuro/decode", s.key, strings.Replace(documentBody, "wheelchair_nav", mode, 1))
	}
	for _, mode := range []eeg.UIMode{eeg.WheelchairNav, eeg.Cursor, eeg.Speller, eeg.SmartHome} {
		if a := with(string(mode)); a.StatusCode != 202 {
			t.Errorf("%s: %d %s", mode, a.StatusCode, a.body)
		}
		slip := string(mode[:2]) + string(mode[3:])
		if a := with(slip); a.StatusCode != 400 || !strings.Contains(string(a.body), `did you mean \"`+string(mode)) || !strings.Contains(string(a.body), "/context/ui_mode") {
			t.Errorf("%s: %d %s", slip, a.StatusCode, a.body)
		}
	}
	if a := with("curser"); a.StatusCode != 400 || !strings.Contains(string(a.body), `did you mean \"cursor\"`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	if a := with("exoskeleton"); a.StatusCode != 202 {
		t.Errorf("a mode of one's own: %d %s", a.StatusCode, a.body)
	}
}

// lax are the calls that do not look at their query: those of machines, which may add what they like, and those whose body
// says everything.
var lax = []string{"POST /v1/auth/signup", "POST /v1/auth/login", "POST /v1/auth/refresh", "POST /v1/auth/logout", "POST /v1/projects", "POST /v1/projects/:id/keys",
	"POST /v1/projects/:id/invitations", "POST /v1/invitations/accept",
	"POST /v1/account/password", "POST /v1/account/delete", "POST /v1/sessions/import", "POST /v1/analytics/log", "POST /v1/auth/validate", "POST /v1/auth/revoke",
	"POST /auth/validate", "POST /auth/refresh", "POST /auth/revoke", "POST /installer/github-token",
	"POST /v1/installer/github-token", "POST /api/v1/models", "POST /api/v1/models/:name/rollback", "POST /api/v1/models/train", "POST /api/v1/models/:name/calibrate",
	"POST /v2/auth/login", "POST /v2/auth/refresh", "POST /v2/auth/logout", "GET /docs", "GET /docs/:file", "GET /proto/:package/:version/:file",
	"GET /v1/auth/oidc/callback", "GET /api/health", "GET /clients/", "GET /clients/:file", "GET /openapi.yaml", "GET /openapi.json", "GET /asyncapi.yaml", "GET /healthz", "GET /readyz", "GET /metrics", "GET /metrics/scale"}

// TestMisspelledParametersAreRefused misspells every documented query parameter of every call, and gives each twice.
func TestMisspelledParametersAreRefused(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	_, operator := s.user(t, "operator@example.com")
	s.command(t, "users", "operator", s.mail("operator@example.com"), "on")
	session := s.session(t, sessionBody)
	job := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, documentBody)["id"].(string)
	for name, op := range operations(t) {
		if slices.Contains(lax, name) {
			continue
		}
		method, path, _ := strings.Cut(name, " ")
		credential := s.key
		if op.Security != nil && len(*op.Security) == 1 && (*op.Security)[0]["UserToken"] != nil {
			credential = s.token
		}
		if strings.HasPrefix(path, "/api/v1/admin/") {
			credential = operator
		}
		path = strings.NewReplacer("/sessions/:id", "/sessions/"+session, "/projects/:id", "/projects/"+s.project, "/jobs/:id", "/jobs/"+job).Replace(path)
		path = strings.NewReplacer(":key_id", "x", ":external_user_id", "nobody", ":name", "m", ":version", "1", "/webhooks/:id", "/webhooks/x", ":delivery_id", "x").Replace(path)
		var body any
		if op.RequestBody != nil {
			body = object{}
		}
		for _, p := range op.Parameters {
			if p.Value.In != "query" || p.Value.Name == "project_id" {
				continue
			}
			k, several := p.Value.Name, p.Value.Schema.Value.Type.Is("array")
			if a := s.call(t, method, path+"?"+url.Values{k + "s": {"1"}}.Encode(), credential, body); a.StatusCode != 400 || !strings.Contains(string(a.body), k+"s") || !strings.Contains(string(a.body), "did you mean") {
				t.Errorf("%s?%ss: %d %s", name, k, a.StatusCode, a.body)
			}
			if a := s.call(t, method, path+"?"+url.Values{k: {"1", "2"}}.Encode(), credential, body); !several && (a.StatusCode != 400 || !strings.Contains(string(a.body), "more than once")) {
				t.Errorf("%s?%s twice: %d %s", name, k, a.StatusCode, a.body)
			}
		}
		if a := s.call(t, method, path+"?unheard_of=1", credential, body); a.StatusCode != 400 || !strings.Contains(string(a.body), "unheard_of") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
}
