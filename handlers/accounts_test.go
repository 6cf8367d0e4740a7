package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// accountsAPI is a running server with the accounts of one pair of stores, and its log.
type accountsAPI struct {
	url      string
	accounts *accounts.Service
	log      *bytes.Buffer // whole only after stop
	stop     func()
}

func newAccountsAPI(t *testing.T, backend testkit.Backend) *accountsAPI {
	t.Helper()
	tokens, err := auth.NewTokens(auth.TokenConfig{Key: []byte(strings.Repeat("k", 32))})
	if err != nil {
		t.Fatal(err)
	}
	a := &accountsAPI{log: &bytes.Buffer{}}
	a.accounts = accounts.New(accounts.Config{
		Store:     backend.Open(t),
		Passwords: auth.NewPasswords(auth.PasswordConfig{Cost: auth.Argon2{Memory: 64, Passes: 1, Threads: 1}}),
		Tokens:    tokens,
		Throttle:  limit.New(limit.Config{}),
	})
	ok := func(context.Context) error { return nil }
	router, err := handlers.NewRouter(handlers.Config{
		Accounts: a.accounts, Health: service.Health{Database: ok, Queue: ok},
		Log: slog.New(slog.NewJSONHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	a.url, a.stop = server.URL, server.Close
	return a
}

// answer is what a call brought back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
	list   []map[string]any
}

func (a *accountsAPI) call(t *testing.T, method, path, credential, body string) answer {
	t.Helper()
	req, err := http.NewRequest(method, a.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answerOf(t, res.StatusCode, res.Header, b)
}

// answerOf reads an answer of JSON.
func answerOf(t *testing.T, status int, header http.Header, b []byte) answer {
	t.Helper()
	out := answer{status: status, header: header, raw: string(b)}
	var err error
	switch {
	case len(b) == 0 || !strings.Contains(header.Get("Content-Type"), "json"):
	case b[0] == '[':
		err = json.Unmarshal(b, &out.list)
	default:
		err = json.Unmarshal(b, &out.body)
	}
	if err != nil {
		t.Fatalf("answered %q: %v", b, err)
	}
	return out
}

// text returns a string field of an answer.
func (r answer) text(t *testing.T, field string) string {
	t.Helper()
	s, ok := r.body[field].(string)
	if !ok || s == "" {
		t.Fatalf("no %q in %d %s", field, r.status, r.raw)
	}
	return s
}

// problem checks that an answer is a problem of RFC 9457 with the code and the pointers of its wrong fields.
func (r answer) problem(t *testing.T, status int, code models.Code, pointers ...string) {
	t.Helper()
	if r.status != status || r.body["code"] != string(code) || r.body["status"] != float64(status) {
		t.Errorf("%d %s, want %d %s", r.status, r.raw, status, code)
		return
	}
	if ct := r.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("media type %q", ct)
	}
	if d, _ := r.body["detail"].(string); d == "" {
		t.Errorf("no detail in %s", r.raw)
	}
	var got []string
	fields, _ := r.body["errors"].([]any)
	for _, f := range fields {
		got = append(got, f.(map[string]any)["pointer"].(string))
	}
	if diff := cmp.Diff(pointers, got); diff != "" {
		t.Errorf("fields of %s:\n%s", r.raw, diff)
	}
}

func (a *accountsAPI) signup(t *testing.T, email string) answer {
	t.Helper()
	r := a.call(t, "POST", "/v1/auth/signup", "", fmt.Sprintf(`{"email":%q,"password":"correct horse"}`, email))
	if r.status != http.StatusCreated {
		t.Fatalf("signup: %d %s", r.status, r.raw)
	}
	return r
}

var (
	uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)
)

// TestDocumentedAccountSequence makes the first three calls of the sessions document with the demo account, as its
// curl lines do.
func TestDocumentedAccountSequence(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		a := newAccountsAPI(t, backend)
		if err := a.accounts.SeedDemo(context.Background()); err != nil {
			t.Fatal(err)
		}
		login := a.call(t, "POST", "/v1/auth/login", "", `{"email":"demo@voxel.dev","password":"demo1234"}`)
		token := login.text(t, "access_token")
		if login.status != 200 || login.body["token_type"] != "Bearer" || login.body["expires_in"] != 900.0 || !strings.HasPrefix(login.text(t, "refresh_token"), "vxr_") {
			t.Errorf("%d %s", login.status, login.raw)
		}

		project := a.call(t, "POST", "/v1/projects", token, `{"name":"My Project"}`)
		id := project.text(t, "id")
		if project.status != 201 || !uuidForm.MatchString(id) || project.body["name"] != "My Project" ||
			!timeForm.MatchString(project.text(t, "created_at")) || project.header.Get("Location") != "/v1/projects/"+id {
			t.Errorf("%d %s", project.status, project.raw)
		}
		if got := a.call(t, "GET", "/v1/projects/"+id, token, ""); got.status != 200 || got.raw != project.raw {
			t.Errorf("%d %s, want %s", got.status, got.raw, project.raw)
		}
		if got := a.call(t, "GET", "/v1/projects", token, ""); got.status != 200 || len(got.list) != 1 || got.list[0]["id"] != id {
			t.Errorf("%d %s", got.status, got.raw)
		}

		key := a.call(t, "POST", "/v1/projects/"+id+"/keys", token, `{"name":"dev-key"}`)
		raw := key.text(t, "raw_key")
		if key.status != 201 || !strings.HasPrefix(raw, "vxl_") || !strings.HasSuffix(raw, key.text(t, "last_four")) ||
			key.body["project_id"] != id || key.body["name"] != "dev-key" || len(key.body["scopes"].([]any)) != len(models.Scopes()) {
			t.Errorf("%d %s", key.status, key.raw)
		}
		if at, ok := key.body["expires_at"]; !ok || at != nil {
			t.Errorf("expires_at %v, want null", at)
		}
		p, err := a.accounts.AuthenticateKey(context.Background(), raw)
		if err != nil || p.ProjectID != id {
			t.Errorf("%+v, %v", p, err)
		}

		list := a.call(t, "GET", "/v1/projects/"+id+"/keys", token, "")
		if list.status != 200 || len(list.list) != 1 || list.list[0]["last_four"] != key.body["last_four"] {
			t.Errorf("%d %s", list.status, list.raw)
		}
		if strings.Contains(list.raw, raw) || strings.Contains(list.raw, "raw_key") || strings.Contains(list.raw, auth.HashSecret(raw)) {
			t.Errorf("the list shows the key: %s", list.raw)
		}
		gone := a.call(t, "DELETE", "/v1/projects/"+id+"/keys/"+key.text(t, "id"), token, "")
		if gone.status != 204 || gone.raw != "" {
			t.Errorf("%d %q", gone.status, gone.raw)
		}
		a.call(t, "DELETE", "/v1/projects/"+id+"/keys/"+key.text(t, "id"), token, "").problem(t, 404, models.KeyNotFound)
		if _, err := a.accounts.AuthenticateKey(context.Background(), raw); err == nil {
			t.Error("the revoked key works")
		}
		if list := a.call(t, "GET", "/v1/projects/"+id+"/keys", token, ""); list.raw != "[]" && list.raw != "[]\n" {
			t.Errorf("keys after revoking: %s", list.raw)
		}
		a.stop()
		if !strings.Contains(a.log.String(), "/v1/auth/login") {
			t.Errorf("no access log: %s", a.log)
		}
		for _, secret := range []string{"demo1234", token, login.text(t, "refresh_token"), raw} {
			if strings.Contains(a.log.String(), secret) {
				t.Errorf("the log shows %q", secret)
			}
		}
	})
}

func TestKeyExpiryAndScopes(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		a := newAccountsAPI(t, backend)
		token := a.signup(t, "ada@example.org").text(t, "access_token")
		keys := "/v1/projects/" + a.call(t, "POST", "/v1/projects", token, `{"name":"p"}`).text(t, "id") + "/keys"
		at := time.Now().UTC().Add(48 * time.Hour).Truncate(time.Second)
		for name, body := range map[string]string{
			"time":           fmt.Sprintf(`{"name":"k","scopes":["decode"],"expires_at":%q}`, at.Format(time.RFC3339)),
			"time elsewhere": fmt.Sprintf(`{"name":"k","scopes":["decode"],"expires_at":%q}`, at.In(time.FixedZone("", -7*3600)).Format(time.RFC3339)),
		} {
			r := a.call(t, "POST", keys, token, body)
			if r.status != 201 || r.body["expires_at"] != at.Format(time.RFC3339) || fmt.Sprint(r.body["scopes"]) != "[decode]" {
				t.Errorf("%s: %d %s", name, r.status, r.raw)
			}
		}
		if r := a.call(t, "POST", keys, token, `{"name":"k","scope":["decode"]}`); r.status != 400 || !strings.Contains(r.raw, `did you mean \"scopes\"?`) {
			t.Errorf("a misspelled field would give every scope: %d %s", r.status, r.raw)
		}
		r := a.call(t, "POST", keys, token, `{"name":"k","expires_in_days":30}`)
		got, err := time.Parse(time.RFC3339, r.text(t, "expires_at"))
		if err != nil || time.Until(got).Round(time.Hour) != 30*24*time.Hour {
			t.Errorf("%s", r.raw)
		}
	})
}

func TestAccountValidation(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		a := newAccountsAPI(t, backend)
		token := a.signup(t, "ada@example.org").text(t, "access_token")
		id := a.call(t, "POST", "/v1/projects", token, `{"name":"p"}`).text(t, "id")
		keys := "/v1/projects/" + id + "/keys"
		for name, tc := range map[string]struct {
			path, body string
			pointers   []string
		}{
			"signup nothing":        {"/v1/auth/signup", `{}`, []string{"/email", "/password"}},
			"signup wrong types":    {"/v1/auth/signup", `{"email":1,"password":["x"]}`, []string{"/email", "/password"}},
			"signup no address":     {"/v1/auth/signup", `{"email":"x","password":"correct horse"}`, []string{"/email"}},
			"signup short password": {"/v1/auth/signup", `{"email":"x@example.org","password":"1234567"}`, []string{"/password"}},
			"signup null":           {"/v1/auth/signup", `{"email":null,"password":"correct horse"}`, []string{"/email"}},
			"signup no object":      {"/v1/auth/signup", `[]`, []string{""}},
			"signup no json":        {"/v1/auth/signup", `email=x`, nil},
			"signup empty":          {"/v1/auth/signup", ``, nil},
			"login nothing":         {"/v1/auth/login", `{}`, []string{"/email", "/password"}},
			"project no name":       {"/v1/projects", `{}`, []string{"/name"}},
			"project blank name":    {"/v1/projects", `{"name":" "}`, []string{"/name"}},
			"project number":        {"/v1/projects", `{"name":7}`, []string{"/name"}},
			"key no name":           {keys, `{"scopes":["decode"]}`, []string{"/name"}},
			"key unknown scope":     {keys, `{"name":"k","scopes":["decode","root"]}`, []string{"/scopes/1"}},
			"key scope number":      {keys, `{"name":"k","scopes":["decode",5]}`, []string{"/scopes/1"}},
			"key scopes no list":    {keys, `{"name":"k","scopes":"decode"}`, []string{"/scopes"}},
			"key past":              {keys, `{"name":"k","expires_at":"2020-01-01T00:00:00Z"}`, []string{"/expires_at"}},
			"key no time":           {keys, `{"name":"k","expires_at":"tomorrow"}`, []string{"/expires_at"}},
			"key days of text":      {keys, `{"name":"k","expires_in_days":"30"}`, []string{"/expires_in_days"}},
			"key half days":         {keys, `{"name":"k","expires_in_days":0.5}`, []string{"/expires_in_days"}},
			"key negative days":     {keys, `{"name":"k","expires_in_days":-1}`, []string{"/expires_in_days"}},
		} {
			t.Run(name, func(t *testing.T) {
				credential := token
				if strings.HasPrefix(tc.path, "/v1/auth/") {
					credential = ""
				}
				a.call(t, "POST", tc.path, credential, tc.body).problem(t, 400, models.InvalidRequestBody, tc.pointers...)
			})
		}
	})
}

// TestForeignProjects: to everybody else, a project and its keys look exactly like ones that never were.
func TestForeignProjects(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		a := newAccountsAPI(t, backend)
		ada, eve := a.signup(t, "ada@example.org").text(t, "access_token"), a.signup(t, "eve@example.org").text(t, "access_token")
		id := a.call(t, "POST", "/v1/projects", ada, `{"name":"p"}`).text(t, "id")
		key := a.call(t, "POST", "/v1/projects/"+id+"/keys", ada, `{"name":"k"}`)
		keyID := key.text(t, "id")
		own := a.call(t, "POST", "/v1/projects", eve, `{"name":"q"}`).text(t, "id")

		requestID := regexp.MustCompile(`"request_id":"[^"]*"`)
		for _, tc := range []struct {
			name, method, path, body string
			code                     models.Code
		}{
			{"get", "GET", "/v1/projects/%s", "", models.ProjectNotFound},
			{"list keys", "GET", "/v1/projects/%s/keys", "", models.ProjectNotFound},
			{"create key", "POST", "/v1/projects/%s/keys", `{"name":"k"}`, models.ProjectNotFound},
			{"revoke key", "DELETE", "/v1/projects/%s/keys/" + keyID, "", models.KeyNotFound},
		} {
			var texts []string
			for _, project := range []string{id, models.NewID(), "nonsense"} {
				r := a.call(t, tc.method, fmt.Sprintf(tc.path, project), eve, tc.body)
				r.problem(t, 404, tc.code)
				texts = append(texts, requestID.ReplaceAllString(r.raw, ""))
			}
			if texts[0] != texts[1] || texts[0] != texts[2] {
				t.Errorf("%s: foreign, absent and malformed differ: %q", tc.name, texts)
			}
		}
		a.call(t, "DELETE", "/v1/projects/"+own+"/keys/"+keyID, eve, "").problem(t, 404, models.KeyNotFound)
		if list := a.call(t, "GET", "/v1/projects", eve, ""); len(list.list) != 1 || list.list[0]["id"] != own {
			t.Errorf("eve sees %s", list.raw)
		}
		if _, err := a.accounts.AuthenticateKey(context.Background(), key.text(t, "raw_key")); err != nil {
			t.Errorf("eve has revoked ada's key: %v", err)
		}
		// A key is not a credential for accounts, and neither is nothing.
		for _, credential := range []string{key.text(t, "raw_key"), "eyJhbGciOiJub25lIn0.e30.", "x"} {
			r := a.call(t, "GET", "/v1/projects", credential, "")
			r.problem(t, 401, models.InvalidToken)
			if !strings.Contains(r.header.Get("WWW-Authenticate"), "invalid_token") {
				t.Errorf("WWW-Authenticate %q", r.header.Get("WWW-Authenticate"))
			}
		}
		a.call(t, "GET", "/v1/projects", "", "").problem(t, 401, models.MissingCredentials)
	})
}

func TestLoginRefusals(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		a := newAccountsAPI(t, backend)
		a.signup(t, "ada@example.org")
		a.call(t, "POST", "/v1/auth/signup", "", `{"email":"ADA@example.org","password":"correct horse"}`).problem(t, 409, models.EmailTaken)
		for range 5 {
			for _, email := range []string{"ada@example.org", "nobody@example.org"} {
				a.call(t, "POST", "/v1/auth/login", "", fmt.Sprintf(`{"email":%q,"password":"wrong horse"}`, email)).problem(t, 401, models.InvalidCredentials)
			}
		}
		for range 5 {
			a.call(t, "POST", "/v1/auth/login", "", `{"email":"ada@example.org","password":"wrong horse"}`).problem(t, 401, models.InvalidCredentials)
		}
		r := a.call(t, "POST", "/v1/auth/login", "", `{"email":"ada@example.org","password":"correct horse"}`)
		r.problem(t, 429, models.RateLimited)
		after, err := strconv.Atoi(r.header.Get("Retry-After"))
		if err != nil || after < 1 || after > 90 {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
		if want := fmt.Sprintf("Rate limit exceeded. Retry after %d seconds.", after); r.body["detail"] != want {
			t.Errorf("detail %q, want %q", r.body["detail"], want)
		}
	})
}

// TestRefreshOverHTTP rotates a token, uses the old one again and finds the family gone. The path belongs to the
// registry family, whose errors have their own shape.
func TestRefreshOverHTTP(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		a := newAccountsAPI(t, backend)
		first := a.signup(t, "ada@example.org").text(t, "refresh_token")
		refresh := func(token string) answer {
			return a.call(t, "POST", "/v1/auth/refresh", "", fmt.Sprintf(`{"refresh_token":%q}`, token))
		}
		r := refresh(first)
		second := r.text(t, "refresh_token")
		if r.status != 200 || second == first {
			t.Fatalf("%d %s", r.status, r.raw)
		}
		if list := a.call(t, "GET", "/v1/projects", r.text(t, "access_token"), ""); list.status != 200 {
			t.Errorf("%d %s", list.status, list.raw)
		}
		for name, token := range map[string]string{"used": first, "of a revoked family": second, "made up": auth.NewRefreshToken(), "malformed": "x"} {
			if name == "of a revoked family" {
				refresh(first) // whatever the order of the map
			}
			if r := refresh(token); r.status != 401 || r.body["code"] != "invalid_token" {
				t.Errorf("%s: %d %s", name, r.status, r.raw)
			}
		}
		if r := a.call(t, "POST", "/v1/auth/refresh", "", `{}`); r.status != 400 {
			t.Errorf("%d %s", r.status, r.raw)
		}

		login := a.call(t, "POST", "/v1/auth/login", "", `{"email":"ada@example.org","password":"correct horse"}`).text(t, "refresh_token")
		for range 2 {
			if r := a.call(t, "POST", "/v1/auth/logout", "", fmt.Sprintf(`{"refresh_token":%q}`, login)); r.status != 204 {
				t.Errorf("logout: %d %s", r.status, r.raw)
			}
		}
		if r := refresh(login); r.status != 401 {
			t.Errorf("after logout: %d %s", r.status, r.raw)
		}
	})
}
