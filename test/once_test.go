package test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// keyedCall is a call of an operation, and another one that is as good.
type keyedCall struct {
	path, credential string
	body, other      []byte
	headers          []string // beside the credential
	status           int
}

// keyedCalls says for every operation how it is called; each prepares what it needs.
var keyedCalls = map[string]func(t *testing.T, s *server) keyedCall{
	"POST /api/v1/neuro/decode": func(_ *testing.T, s *server) keyedCall {
		return jsonCall("/api/v1/neuro/decode", s.key, documentBody, 202)
	},
	"POST /api/v1/neuro/decode/batch": func(_ *testing.T, s *server) keyedCall {
		return jsonCall("/api/v1/neuro/decode/batch", s.key, `{"items":[`+documentBody+`]}`, 202)
	},
	"POST /v1/auth/refresh": func(t *testing.T, s *server) keyedCall {
		return jsonCall("/v1/auth/refresh", "", `{"api_key":"`+s.makeKey(t, object{})["raw_key"].(string)+`"}`, 200)
	},
	"POST /auth/refresh": func(t *testing.T, s *server) keyedCall {
		return jsonCall("/auth/refresh", "", `{"api_key":"`+s.makeKey(t, object{})["raw_key"].(string)+`"}`, 200)
	},
	"POST /v1/projects": func(_ *testing.T, s *server) keyedCall {
		return jsonCall("/v1/projects", s.token, `{"name":"A & B"}`, 201)
	},
	"POST /v1/projects/:id/keys": func(_ *testing.T, s *server) keyedCall {
		return jsonCall("/v1/projects/"+s.project+"/keys", s.token, `{"name":"k"}`, 201)
	},
	"POST /v1/projects/:id/invitations": func(_ *testing.T, s *server) keyedCall {
		return jsonCall("/v1/projects/"+s.project+"/invitations", s.token, `{"email":"repeated@example.com","role":"viewer"}`, 201)
	},
	"POST /v1/invitations/accept": func(t *testing.T, s *server) keyedCall {
		token, _, _ := s.account(t, "joins@example.com")
		i := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/invitations", s.token, object{"email": s.mail("joins@example.com"), "role": "viewer"})
		return jsonCall("/v1/invitations/accept", token, `{"token":"`+i["token"].(string)+`"}`, 200)
	},
	"POST /v1/sessions": func(_ *testing.T, s *server) keyedCall { return jsonCall("/v1/sessions", s.key, sessionBody, 201) },
	"POST /v1/sessions/import": func(_ *testing.T, s *server) keyedCall {
		var file strings.Builder
		file.WriteString("time,C3,C4\n")
		for i := range 512 {
			fmt.Fprintf(&file, "%.6f,%d,%d\n", float64(i)/256, i%17, i%13)
		}
		c := jsonCall("/v1/sessions/import?external_user_id=u&name=a.csv", s.key, file.String(), 202)
		c.other = c.body[:bytes.LastIndexByte(c.body[:len(c.body)-1], '\n')+1]
		c.headers = []string{"Content-Type: text/csv"}
		return c
	},
	"POST /v1/sessions/:id/ingest": func(t *testing.T, s *server) keyedCall {
		return jsonCall("/v1/sessions/"+s.session(t, sessionBody)+"/ingest", s.key, ingestBody, 202)
	},
	"POST /v1/sessions/:id/end": func(t *testing.T, s *server) keyedCall {
		return jsonCall("/v1/sessions/"+s.session(t, sessionBody)+"/end", s.key, `{}`, 200)
	},
	"POST /v1/sessions/:id/events": func(t *testing.T, s *server) keyedCall {
		return jsonCall("/v1/sessions/"+s.session(t, strings.Replace(sessionBody, "{", `{"started_at_unix_ms":1730000000000,`, 1))+"/events", s.key,
			`{"events":[{"onset_ms":1,"code":1}]}`, 201)
	},
	"POST /v2/sessions": func(_ *testing.T, s *server) keyedCall {
		return jsonCall("/v2/sessions", s.key, `{"patient_id":"u","device_type":"d","sample_rate":100,"channels":["Cz"]}`, 201)
	},
	"POST /v2/analysis/sessions/:id/analyze": func(t *testing.T, s *server) keyedCall {
		session := s.session(t, sessionBody)
		s.json(t, 202, "POST", "/v1/sessions/"+session+"/ingest", s.key, ingestBody)
		return jsonCall("/v2/analysis/sessions/"+session+"/analyze", s.key, `{"model_type":"motor_imagery"}`, 202)
	},
	"POST /v2/devices": func(_ *testing.T, s *server) keyedCall {
		return jsonCall("/v2/devices", s.key, `{"id":"made_once","driver":"synthetic"}`, 201)
	},
	"POST /v2/devices/:id/stream/start": func(t *testing.T, s *server) keyedCall {
		s.json(t, 201, "POST", "/v2/devices", s.key, object{"id": "started_once", "driver": "synthetic"})
		return jsonCall("/v2/devices/started_once/stream/start", s.key, `{}`, 200)
	},
	"POST /api/v1/jobs/:id/run-again": func(t *testing.T, s *server) keyedCall {
		job := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, documentBody)["id"].(string)
		s.await(t, job)
		return jsonCall("/api/v1/jobs/"+job+"/run-again", s.key, `{}`, 202)
	},
	"POST /v1/analytics/log": func(_ *testing.T, s *server) keyedCall {
		return jsonCall("/v1/analytics/log", s.key, `{"event_type":"inference"}`, 200)
	},
	"POST /api/v1/webhooks": func(_ *testing.T, s *server) keyedCall {
		return jsonCall("/api/v1/webhooks", s.key, `{"url":"https://hook.example/x"}`, 201)
	},
	"POST /api/v1/webhooks/:id/rotate": func(t *testing.T, s *server) keyedCall {
		return jsonCall("/api/v1/webhooks/"+s.webhook(t, "https://hook.example/x")["id"].(string)+"/rotate", s.key, `{}`, 200)
	},
	"POST /api/v1/webhooks/:id/test": func(t *testing.T, s *server) keyedCall {
		return jsonCall("/api/v1/webhooks/"+s.webhook(t, "https://hook.example/x")["id"].(string)+"/test", s.key, `{}`, 202)
	},
	"POST /api/v1/webhooks/:id/deliveries/:delivery_id/redeliver": func(t *testing.T, s *server) keyedCall {
		path := "/api/v1/webhooks/" + s.webhook(t, "https://hook.example/x")["id"].(string)
		d := s.json(t, 202, "POST", path+"/test", s.key, nil)
		return jsonCall(path+"/deliveries/"+d["id"].(string)+"/redeliver", s.key, `{}`, 202)
	},
	"POST /api/v1/models": func(t *testing.T, s *server) keyedCall {
		file := base64.StdEncoding.EncodeToString(modelFile(t, "uploaded", "1", models.LicenseFree))
		return jsonCall("/api/v1/models", s.key, `{"file":"`+file+`"}`, 201)
	},
	"POST /api/v1/models/:name/rollback": func(t *testing.T, s *server) keyedCall {
		for _, version := range []string{"1", "2", "3"} {
			s.uploadModel(t, s.key, modelFile(t, "turned", version, models.LicenseFree))
		}
		return jsonCall("/api/v1/models/turned/rollback", s.key, `{}`, 200)
	},
	"POST /api/v1/models/train": func(t *testing.T, s *server) keyedCall {
		return jsonCall("/api/v1/models/train", s.key, `{"name":"m","paradigm":"motor_imagery","sessions":[{"session_id":"`+s.session(t, sessionBody)+
			`"}],"classes":{"769":"left_hand","770":"right_hand"}}`, 202)
	},
	"POST /api/v1/models/:name/calibrate": func(t *testing.T, s *server) keyedCall {
		s.uploadModel(t, s.key, adaptiveFile(t, "calibrated"))
		return jsonCall("/api/v1/models/calibrated/calibrate", s.key, `{"sessions":[{"session_id":"`+s.session(t, sessionBody)+
			`"}],"classes":{"769":"left_hand","770":"right_hand"}}`, 202)
	},
}

// jsonCall is a call with a JSON body, and with one that has a space more.
func jsonCall(path, credential, body string, status int) keyedCall {
	return keyedCall{path: path, credential: credential, body: []byte(body), other: []byte(body + " "), headers: []string{"Content-Type: application/json"}, status: status}
}

// send sends the call with a body and an Idempotency-Key.
func (k keyedCall) send(t *testing.T, s *server, body []byte, key string) answer {
	t.Helper()
	headers := append([]string{"Idempotency-Key: " + key}, k.headers...)
	if k.credential != "" {
		headers = append(headers, "Authorization: Bearer "+k.credential)
	}
	return s.raw(t, "POST", k.path, headers, body)
}

// TestEveryPostIsSafeToRepeat walks the document: what takes an Idempotency-Key answers a repetition with what it answered
// first. Package handlers holds every other POST to saying why it need not.
func TestEveryPostIsSafeToRepeat(t *testing.T) {
	t.Parallel()
	var routes []string
	for name, op := range operations(t) {
		if op.Parameters.GetByInAndName(openapi3.ParameterInHeader, "Idempotency-Key") == nil {
			continue
		}
		if keyedCalls[name] == nil {
			t.Errorf("%s takes an Idempotency-Key and is not tried here", name)
			continue
		}
		routes = append(routes, name)
	}
	if len(routes) != len(keyedCalls) {
		t.Errorf("%d routes take a key, %d are tried here", len(routes), len(keyedCalls))
	}
	onBoth(t, func(t *testing.T, s *server) {
		for _, name := range routes {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				call := keyedCalls[name](t, s)
				first, again := call.send(t, s, call.body, "the same"), call.send(t, s, call.body, "the same")
				if first.StatusCode != call.status || first.Header.Get("Idempotent-Replayed") != "" {
					t.Fatalf("%d %s, replayed %q", first.StatusCode, first.body, first.Header.Get("Idempotent-Replayed"))
				}
				if again.StatusCode != first.StatusCode || !bytes.Equal(again.body, first.body) || again.Header.Get("Idempotent-Replayed") != "true" {
					t.Errorf("%d %s\nthen %d %s", first.StatusCode, first.body, again.StatusCode, again.body)
				}
				for _, h := range []string{"Location", "Content-Type"} {
					if first.Header.Get(h) != again.Header.Get(h) {
						t.Errorf("%s %q, then %q", h, first.Header.Get(h), again.Header.Get(h))
					}
				}
				if a := call.send(t, s, call.other, "the same"); a.StatusCode != 422 || !strings.EqualFold(a.code(), "idempotency_key_reused") {
					t.Errorf("another body: %d %s", a.StatusCode, a.body)
				}
				for _, key := range []string{"", strings.Repeat("k", 256), "é"} {
					if a := call.send(t, s, call.body, key); a.StatusCode != 400 {
						t.Errorf("key %q: %d %s", key, a.StatusCode, a.body)
					}
				}
			})
		}
	})
}

// TestFiftyCopiesMakeOne sends 50 identical calls at once, each with the key of the others, and counts what there is.
func TestFiftyCopiesMakeOne(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		length := func(t *testing.T, target, credential string) int {
			return strings.Count(string(s.call(t, "GET", target, credential, nil).body), `"created_at"`)
		}
		for name, tt := range map[string]struct {
			call  keyedCall
			count func(t *testing.T) int
			more  int
		}{
			"projects": {jsonCall("/v1/projects", s.token, `{"name":"p"}`, 201), func(t *testing.T) int { return length(t, "/v1/projects", s.token) }, 1},
			"keys": {jsonCall("/v1/projects/"+s.project+"/keys", s.token, `{"name":"k"}`, 201),
				func(t *testing.T) int { return length(t, "/v1/projects/"+s.project+"/keys", s.token) }, 1},
			"sessions": {jsonCall("/v1/sessions", s.key, sessionBody, 201),
				func(t *testing.T) int {
					return strings.Count(string(s.call(t, "GET", "/v1/sessions", s.key, nil).body), `"session_id"`)
				}, 1},
			"events": {jsonCall("/v1/analytics/log", s.key, `{"event_type":"inference"}`, 200), func(t *testing.T) int {
				return s.count(t, "analytics_events", "project_id", s.project)
			}, 1},
		} {
			t.Run(name, func(t *testing.T) {
				before := tt.count(t)
				var mu sync.Mutex
				var group sync.WaitGroup
				answers := map[string]int{}
				for range 50 {
					group.Go(func() {
						a := tt.call.send(t, s, tt.call.body, "fifty")
						mu.Lock()
						defer mu.Unlock()
						switch a.StatusCode {
						case tt.call.status:
							answers[string(a.body)]++
						case 409:
							if !strings.EqualFold(a.code(), "idempotency_key_in_flight") || a.Header.Get("Retry-After") == "" {
								t.Errorf("%s, Retry-After %q", a.body, a.Header.Get("Retry-After"))
							}
						default:
							t.Errorf("%d %s", a.StatusCode, a.body)
						}
					})
				}
				group.Wait()
				if n := tt.count(t) - before; n != tt.more || len(answers) != 1 {
					t.Errorf("%d were made, %d different answers", n, len(answers))
				}
			})
		}
	})
}

// TestKeptAnswers looks at whose kept answers are, what the database shows of them and how they end.
func TestKeptAnswers(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		mine := jsonCall("/v1/projects/"+s.project+"/keys", s.token, `{"name":"k"}`, 201)
		made := mine.send(t, s, mine.body, "Mallory knows it").object(t)
		raw := made["raw_key"].(string)
		session := jsonCall("/v1/sessions", s.key, sessionBody, 201)
		ws := session.send(t, s, session.body, "Mallory knows it").object(t)["ws_url"].(string)
		_, wsToken, _ := strings.Cut(ws, "token=")
		project := jsonCall("/v1/projects", s.token, `{"name":"one more"}`, 201)
		first := project.send(t, s, project.body, "Mallory knows it")

		t.Run("nothing stands in the database in clear", func(t *testing.T) {
			needles := []needle{{"the raw key", raw}, {"the ws token", wsToken}, {"the caller's key", "Mallory knows it"}}
			if len(wsToken) < 20 {
				t.Fatalf("no token in %s", ws)
			}
			found, seen := s.sweep(t, b, needles)
			if len(found) > 0 || seen["idempotency_records.body"] != 3 {
				t.Errorf("%v; %d kept answers were looked at", found, seen["idempotency_records.body"])
			}
		})
		t.Run("another account gets nothing of it", func(t *testing.T) {
			token, other, key := s.account(t, "mallory@example.com")
			theirs := mine
			theirs.credential = token
			if a := theirs.send(t, s, mine.body, "Mallory knows it"); a.StatusCode != 404 {
				t.Errorf("the key of another's project: %d %s", a.StatusCode, a.body)
			}
			theirs.path = "/v1/projects/" + other + "/keys"
			if a := theirs.send(t, s, mine.body, "Mallory knows it"); a.StatusCode != 201 || a.Header.Get("Idempotent-Replayed") != "" || bytes.Contains(a.body, []byte(raw)) {
				t.Errorf("a key of their own: %d %s", a.StatusCode, a.body)
			}
			theirs = session
			theirs.credential = key
			if a := theirs.send(t, s, session.body, "Mallory knows it"); a.StatusCode != 201 || a.Header.Get("Idempotent-Replayed") != "" {
				t.Errorf("a session of their own: %d %s", a.StatusCode, a.body)
			}
			theirs = project
			theirs.credential = token
			if a := theirs.send(t, s, project.body, "Mallory knows it"); a.StatusCode != 201 || a.Header.Get("Idempotent-Replayed") != "" {
				t.Errorf("a project of their own: %d %s", a.StatusCode, a.body)
			}
		})
		t.Run("another key of the project does not get a refreshed one", func(t *testing.T) {
			one, two := s.makeKey(t, object{})["raw_key"].(string), s.makeKey(t, object{})["raw_key"].(string)
			if a := s.call(t, "POST", "/v1/auth/refresh", one, nil, "Idempotency-Key: r"); a.StatusCode != 200 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			if a := s.call(t, "POST", "/v1/auth/refresh", two, nil, "Idempotency-Key: r"); a.StatusCode != 422 {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		})
		t.Run("what was refused may be sent again", func(t *testing.T) {
			for path, credential := range map[string]string{"/v1/projects": s.token, "/v1/projects/" + s.project + "/keys": s.token, "/v1/sessions": s.key,
				"/v1/analytics/log": s.key, "/api/v1/models": s.key} {
				for range 2 {
					if a := s.call(t, "POST", path, credential, `{}`, "Idempotency-Key: refused"); a.StatusCode != 400 || a.Header.Get("Idempotent-Replayed") != "" {
						t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
					}
				}
			}
			good := jsonCall("/v1/sessions", s.key, sessionBody, 201)
			if a := good.send(t, s, good.body, "refused"); a.StatusCode != 201 {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		})
		t.Run("the answer outlives what was made", func(t *testing.T) {
			s.call(t, "DELETE", "/v1/projects/"+s.project+"/keys/"+made["id"].(string), s.token, nil)
			if a := mine.send(t, s, mine.body, "Mallory knows it"); a.StatusCode != 201 || a.object(t)["raw_key"] != raw {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
			if a := s.call(t, "GET", "/v1/sessions", raw, nil); a.StatusCode != 401 {
				t.Errorf("the revoked key works: %d %s", a.StatusCode, a.body)
			}
		})
		t.Run("an erasure takes the answer", func(t *testing.T) {
			if a := s.call(t, "DELETE", "/v1/users/user_1", s.key, nil); a.StatusCode != 200 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			if a := session.send(t, s, session.body, "Mallory knows it"); a.StatusCode != 201 || a.Header.Get("Idempotent-Replayed") != "" {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		})
		t.Run("another signing key", func(t *testing.T) {
			kept, err := b.Open(t).KeptAnswer(t.Context(), models.IdempotencyRecord{ProjectID: s.owner, Operation: "project_create", Key: "sha256:" + auth.HashSecret("Mallory knows it")})
			if err != nil || kept == nil {
				t.Fatalf("%v, %v", kept, err)
			}
			for _, key := range [][]byte{s.signingKey(t), bytes.Repeat([]byte("x"), auth.SigningKeySize)} {
				tokens, err := auth.NewTokens(auth.TokenConfig{Key: key})
				if err != nil {
					t.Fatal(err)
				}
				b, err := tokens.Unseal(kept.Answer.Bytes, "Mallory knows it", kept.ProjectID, kept.Operation, kept.Fingerprint)
				if bytes.Equal(key, s.signingKey(t)) {
					if err != nil || !bytes.Equal(b, first.body) {
						t.Errorf("%s, %v", b, err)
					}
				} else if err == nil {
					t.Errorf("opened: %s", b)
				}
			}
		})
	})
}
