package test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/testkit"
)

// TestSessionsWithALogin works with sessions as the person who has logged in, with the project in the header or in the
// query, and follows one live; who does not own the project sees nothing of it.
func TestSessionsWithALogin(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		other := s.tenant(t, "other@example.com")
		project := "X-Project-Id: " + s.project
		created := s.json(t, 201, "POST", "/v1/sessions", s.token, sessionBody, project)
		id := created["session_id"].(string)
		if created["project_id"] != s.project {
			t.Errorf("created %v", created)
		}
		for _, call := range []struct{ path, header string }{
			{"/v1/sessions", project}, {"/v1/sessions?project_id=" + s.project, ""}, {"/v1/sessions?limit=1&project_id=" + s.project, project},
		} {
			headers := []string{}
			if call.header != "" {
				headers = append(headers, call.header)
			}
			var list []object
			a := s.call(t, "GET", call.path, s.token, nil, headers...)
			if err := json.Unmarshal(a.body, &list); err != nil || a.StatusCode != 200 || len(list) != 1 || list[0]["session_id"] != id {
				t.Errorf("%s: %d %s", call.path, a.StatusCode, a.body)
			}
		}
		if a := s.call(t, "GET", "/v1/sessions?project_id="+other.project, s.token, nil, project); a.StatusCode != 400 {
			t.Errorf("two projects: %d %s", a.StatusCode, a.body)
		}
		if a := s.call(t, "GET", "/v1/sessions/"+id, other.token, nil, "X-Project-Id: "+other.project); a.StatusCode != 404 {
			t.Errorf("of another project: %d %s", a.StatusCode, a.body)
		}
		if a := s.call(t, "GET", "/v1/sessions?project_id="+other.project, s.key, nil); a.StatusCode != 403 || a.code() != "project_mismatch" {
			t.Errorf("key and the parameter of another project: %d %s", a.StatusCode, a.body)
		}
		imported := s.raw(t, "POST", "/v1/sessions/import?external_user_id=u&project_id="+s.project,
			[]string{"Authorization: Bearer " + s.token, "Content-Type: application/octet-stream"}, edfOf(t, 4))
		if imported.StatusCode != 202 {
			t.Errorf("import: %d %s", imported.StatusCode, imported.body)
		}

		// Live, by the token of a session that a login has made.
		follower, _ := s.dial(t, created["ws_url"].(string))
		x := headset(1, 512)
		s.json(t, 202, "POST", "/v1/sessions/"+id+"/ingest", s.token, batch(x, 0, 512), project)
		if m := follower.next(t); m["type"] != "features" {
			t.Errorf("message %v", m)
		}
		s.json(t, 200, "POST", "/v1/sessions/"+id+"/end", s.token, nil, project)
		if m := follower.next(t); m["type"] != "session_ended" {
			t.Errorf("message %v", m)
		}
		if a := s.call(t, "GET", "/v1/sessions/"+id+"/features/stream?after_seq=0", s.token, nil, project); a.StatusCode != 200 || !strings.Contains(string(a.body), "session_ended") {
			t.Errorf("server-sent events: %d %s", a.StatusCode, a.body)
		}
	})
}

// TestCredentialsOfTheOtherKind sends a credential to calls that need one of another kind: the answer says which.
func TestCredentialsOfTheOtherKind(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_SIGNUPS_PER_HOUR=1000")
	login := s.json(t, 201, "POST", "/v1/auth/signup", "", object{"email": "kind@example.com", "password": "correct horse battery"})
	refresh := login["refresh_token"].(string)
	for _, tt := range []struct {
		path, credential, code string
		says                   string
	}{
		{"/api/v1/jobs", s.token, "project_required", "X-Project-Id"},
		{"/api/v1/jobs", refresh, "invalid_api_key", "This is a refresh token; this call needs an API key of a project."},
		{"/api/v1/jobs", "x", "invalid_api_key", "The API key is not valid."},
		{"/v1/projects", s.key, "invalid_token", "This is an API key; this call needs an access token."},
		{"/v1/projects", refresh, "invalid_token", "This is a refresh token; this call needs an access token."},
		{"/v1/projects", "x", "invalid_token", "The token is not valid."},
		{"/v1/projects", s.token + "x", "invalid_token", "The token is not valid."},
		{"/v1/sessions", refresh, "invalid_api_key", "This is a refresh token; this call needs an API key of a project."},
		{"/v1/sessions", s.token, "project_required", "X-Project-Id"},
		{"/v1/models/list", s.token, "PROJECT_REQUIRED", "X-Project-Id"},
	} {
		a := s.call(t, "GET", tt.path, tt.credential, nil)
		if code := a.code(); code != tt.code || !strings.Contains(string(a.body), tt.says) {
			t.Errorf("%s: %d %s, want %s and %q", tt.path, a.StatusCode, a.body, tt.code, tt.says)
		}
	}
}
