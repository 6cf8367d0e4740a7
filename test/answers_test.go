package test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/internal/testkit"
)

// TestLinksCarryThePublicAddress asks by several names and through a proxy: the links of an answer carry what the server
// was told, or what a trusted proxy says; never a name that a stranger has put into a header.
func TestLinksCarryThePublicAddress(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env     []string
		host    string
		headers []string
		ws      string // beginning of ws_url; {addr} is the server's
		http    string // beginning of download_url
	}{
		"its own address":        {ws: "ws://{addr}/v1/ws?", http: "http://{addr}/v1/models/"},
		"localhost":              {host: "localhost:4711", ws: "ws://localhost:4711/v1/ws?", http: "http://localhost:4711/"},
		"a stranger's name":      {host: "evil.example", ws: "ws://{addr}/v1/ws?", http: "http://{addr}/"},
		"a stranger's forwarded": {headers: []string{"X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"}, ws: "ws://{addr}/v1/ws?", http: "http://{addr}/"},
		"a trusted proxy": {env: []string{"NEUROD_TRUSTED_PROXIES=127.0.0.0/8"}, headers: []string{"X-Forwarded-Host: eeg.example.org", "X-Forwarded-Proto: https"},
			ws: "wss://eeg.example.org/v1/ws?", http: "https://eeg.example.org/v1/models/"},
		"a trusted proxy that keeps the host": {env: []string{"NEUROD_TRUSTED_PROXIES=127.0.0.1"}, host: "eeg.example.org:8443", headers: []string{"X-Forwarded-Proto: https"},
			ws: "wss://eeg.example.org:8443/v1/ws?", http: "https://eeg.example.org:8443/"},
		"a trusted proxy that adds to a stranger's word": {env: []string{"NEUROD_TRUSTED_PROXIES=127.0.0.1"}, headers: []string{"X-Forwarded-Host: evil.example, eeg.example.org"},
			ws: "ws://eeg.example.org/v1/ws?", http: "http://eeg.example.org/"},
		"a trusted proxy that passes on no host": {env: []string{"NEUROD_TRUSTED_PROXIES=127.0.0.1"}, headers: []string{"X-Forwarded-Host: evil.example/path?"},
			ws: "ws://{addr}/v1/ws?", http: "http://{addr}/"},
		"the public address": {env: []string{"NEUROD_PUBLIC_URL=https://eeg.example.org/neuro/", "NEUROD_TRUSTED_PROXIES=127.0.0.1"}, host: "evil.example",
			headers: []string{"X-Forwarded-Host: evil.example"}, ws: "wss://eeg.example.org/neuro/v1/ws?", http: "https://eeg.example.org/neuro/v1/models/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := boot(t, testkit.Backend{DataDir: t.TempDir()}, tt.env...)
			ask := func(method, path string, body []byte) object {
				host := tt.host
				if host == "" {
					host = s.addr
				}
				req, err := http.NewRequest(method, "http://"+s.addr+path, bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Host = host
				req.Header.Set("Authorization", "Bearer "+s.key)
				req.Header.Set("Content-Type", "application/json")
				for _, h := range tt.headers {
					k, v, _ := strings.Cut(h, ": ")
					req.Header.Set(k, v)
				}
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				text, err := io.ReadAll(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(text, []byte(`\u0026`)) {
					t.Errorf("an ampersand is written so that only a JSON parser knows it: %s", text)
				}
				var out object
				if err := json.Unmarshal(text, &out); err != nil {
					t.Fatalf("%d %s", res.StatusCode, text)
				}
				return out
			}
			created := ask("POST", "/v1/sessions", []byte(sessionBody))
			again := ask("POST", fmt.Sprintf("/v1/sessions/%s/ws-token", created["session_id"]), nil)
			listed := ask("GET", "/v1/models/list", nil)["models"].([]any)[0].(object)
			for _, l := range []struct {
				got  any
				want string
			}{{created["ws_url"], tt.ws}, {again["ws_url"], tt.ws}, {listed["download_url"], tt.http}} {
				if want := strings.ReplaceAll(l.want, "{addr}", s.addr); !strings.HasPrefix(fmt.Sprint(l.got), want) {
					t.Errorf("%v, want %s…", l.got, want)
				}
			}
		})
	}
}

// TestAnswersAreCompressed for who takes gzip, where they are long and hold no secret.
func TestAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	for range 20 {
		s.session(t, sessionBody)
	}
	get := func(path string, encodings string) *http.Response {
		req, err := http.NewRequest("GET", "http://"+s.addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.key)
		req.Header.Set("Accept-Encoding", encodings)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	for _, path := range []string{"/v1/sessions", "/openapi.json", "/openapi.yaml", "/api/v1/models"} {
		plain, packed := get(path, "identity"), get(path, "gzip")
		want, err := io.ReadAll(plain.Body)
		if err != nil || plain.Header.Get("Content-Encoding") != "" {
			t.Fatalf("%s: %v %v", path, plain.Header, err)
		}
		raw, err := io.ReadAll(packed.Body)
		if err != nil || packed.StatusCode != 200 || packed.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(strings.Join(packed.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Fatalf("%s: %d %v %v", path, packed.StatusCode, packed.Header, err)
		}
		zr, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(zr)
		if err != nil || !bytes.Equal(got, want) || len(raw) > len(want)/2 {
			t.Errorf("%s: %d bytes of %d came as %d: %v", path, len(got), len(want), len(raw), err)
		}
	}
	// Not where it is short, not where it is an error, not where an answer holds a secret, not of a file.
	for _, path := range []string{"/v1/sessions?limit=1", "/v1/sessions?limit=x", "/v1/models/list", "/api/health"} {
		if res := get(path, "gzip"); res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %v", path, res.Header)
		}
	}
}

// TestOpenAPIInJSON reads the same document from both.
func TestOpenAPIInJSON(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	a := s.call(t, "GET", "/openapi.json", "", nil)
	if a.StatusCode != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	fromJSON, err := openapi3.NewLoader().LoadFromData(a.body)
	if err != nil {
		t.Fatal(err)
	}
	fromYAML, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := json.Marshal(fromJSON)
	two, err2 := json.Marshal(fromYAML)
	if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
		t.Errorf("the documents differ: %v %v", err1, err2)
	}
}

// TestPagesSayThatMoreFollow walks lists of a session by the links in their headers.
func TestPagesSayThatMoreFollow(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	id := s.session(t, recordedBody)
	x := headset(1, 10*256)
	s.ingest(t, id, batch(x, 0, 10*256))
	events := []object{}
	for i := range 5 {
		events = append(events, object{"onset_ms": 100 * i, "code": i + 1})
	}
	s.json(t, 202, "POST", "/v1/sessions/"+id+"/end", s.key, nil) // the windows are written before it is COMPLETE
	a := s.call(t, "POST", "/v1/sessions/"+id+"/events", s.key, object{"events": events})
	if a.StatusCode != 201 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	s.windows(t, id, "")
	for _, list := range []string{"events", "features"} {
		n, pages := 0, 0
		for path := "/v1/sessions/" + id + "/" + list + "?limit=2"; path != ""; pages++ {
			a := s.call(t, "GET", path, s.key, nil)
			var found []object
			if err := json.Unmarshal(a.body, &found); err != nil {
				t.Fatalf("%s: %d %s", path, a.StatusCode, a.body)
			}
			n += len(found)
			next, has := strings.CutPrefix(a.Header.Get("Link"), "<")
			if a.Header.Get("X-Has-More") != fmt.Sprint(has) || has != (n < 5) || len(found) > 2 {
				t.Errorf("%s: %d of 5 so far, X-Has-More %q, Link %q", path, n, a.Header.Get("X-Has-More"), a.Header.Get("Link"))
			}
			path, _, _ = strings.Cut(next, ">")
			if pages > 5 {
				t.Fatal("the pages have no end")
			}
		}
		if n != 5 || pages != 3 {
			t.Errorf("%s: %d in %d pages", list, n, pages)
		}
	}
	if a := s.call(t, "GET", "/v1/sessions/"+id+"/features?limit=2&order=desc", s.key, nil); a.Header.Get("X-Has-More") != "true" || a.Header.Get("Link") != "" {
		t.Errorf("the other way: %v", a.Header)
	}
	newest := list(t, s.call(t, "GET", "/v1/sessions/"+id+"/features?limit=1&order=desc", s.key, nil))[0]
	if latest := s.json(t, 200, "GET", "/v1/sessions/"+id+"/features/latest", s.key, nil); fmt.Sprint(latest) != fmt.Sprint(newest) {
		t.Errorf("the latest is %v, want %v", latest, newest)
	}
	for _, path := range []string{id, s.session(t, sessionBody)} { // none passed, none is there: where there is one, it passed
		a := s.call(t, "GET", "/v1/sessions/"+path+"/features/latest?only_passed=true", s.key, nil)
		if a.StatusCode == 200 && a.object(t)["gate"].(object)["passed"] != true || a.StatusCode != 200 && (a.StatusCode != 404 || a.code() != "no_features_yet") {
			t.Errorf("the latest that passed: %d %s", a.StatusCode, a.body)
		}
	}
}

// TestSmallFaultsOfAnswers are words and numbers that said another thing than was sent.
func TestSmallFaultsOfAnswers(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	for path, credential := range map[string]string{"/v1/sessions": s.key, "/api/v1/neuro/decode": s.key, "/v1/projects": s.token, "/v1/analytics/log": s.key} {
		a := s.call(t, "POST", path, credential, "[]")
		if a.StatusCode != 400 || strings.Contains(string(a.body), ". : ") || !strings.Contains(string(a.body), "The body must be an object.") {
			t.Errorf("%s of []: %d %s", path, a.StatusCode, a.body)
		}
	}
	for _, n := range []string{"99999999999999999999", "-99999999999999999999", "1e300"} {
		a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, strings.Replace(documentBody, `"channels": 8`, `"channels": `+n, 1))
		if a.StatusCode != 400 || strings.Contains(string(a.body), "2147483") || !strings.Contains(string(a.body), "must be from 1 to 512") {
			t.Errorf("%s channels: %d %s", n, a.StatusCode, a.body)
		}
	}
	if a := s.call(t, "GET", "/api/v1/jobs?kind=session_imprt", s.key, nil); a.StatusCode != 400 || !strings.Contains(string(a.body), `did you mean \"session_import\"?`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	kinds := doc.Components.Schemas["JobKind"].Value.Enum // package jobs holds them to its registry
	if len(kinds) < 8 {
		t.Errorf("the document has the kinds %v", kinds)
	}
	for _, kind := range kinds {
		s.json(t, 200, "GET", "/api/v1/jobs?kind="+kind.(string), s.key, nil)
	}
	for path, hint := range map[string]bool{"/v1/sessions/": true, "/v1/projects/": true, "/api/v1/jobs/": true, "/api/v1/jobs/x/": true, "/v1/nothing/": false, "/nothing/": false, "/v1/sessions//": true} {
		a := s.call(t, "GET", path, s.key, nil)
		if a.StatusCode != 404 || strings.Contains(string(a.body), "without the slash") != hint {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	for _, media := range []string{"application/x-edf", "application/edf", "application/octet-stream"} {
		a := s.raw(t, "POST", "/v1/sessions/import?external_user_id=u", []string{"Authorization: Bearer " + s.key, "Content-Type: " + media}, edfOf(t, 4))
		if a.StatusCode != 202 {
			t.Errorf("%s: %d %s", media, a.StatusCode, a.body)
		}
	}
	contentType, body := form(t, "x.edf", edfOf(t, 4), [2]string{"external_user_id", "one"})
	for query, want := range map[string]int{"?external_user_id=two": 400, "?external_user_id=one": 202, "?external_user_id=one&external_user_id=two": 400} {
		a := s.raw(t, "POST", "/v1/sessions/import"+query, []string{"Authorization: Bearer " + s.key, "Content-Type: " + contentType}, body)
		if a.StatusCode != want || want == 400 && !strings.Contains(string(a.body), "more than once") {
			t.Errorf("%s: %d %s", query, a.StatusCode, a.body)
		}
	}
	for _, m := range s.json(t, 200, "GET", "/v1/models/list", s.key, nil)["models"].([]any) {
		m := m.(object)
		meta := m["metadata"].(object)
		if m["paradigm"] == "p300" && m["n_classes"] != 2. {
			t.Errorf("%s tells %v classes apart", m["name"], m["n_classes"])
		}
		if meta["accuracy"] != "" && meta["chance_level"] == nil {
			t.Errorf("%s quotes an accuracy of %v without its chance level", m["name"], meta["accuracy"])
		}
	}
}
