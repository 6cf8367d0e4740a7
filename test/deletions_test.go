package test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
)

// left counts the rows that the database holds of a project, by table, without those of the log.
func left(t *testing.T, raw *sql.DB, dialect store.Dialect, project string) map[string]int {
	t.Helper()
	placeholder := "?"
	if dialect == store.PostgreSQL {
		placeholder = "$1"
	}
	out := map[string]int{}
	for table, columns := range testkit.Columns(t, raw, dialect) {
		if _, has := columns["project_id"]; !has || strings.HasPrefix(table, "audit_") {
			continue
		}
		var n int
		if err := raw.QueryRow("SELECT count(*) FROM "+table+" WHERE project_id = "+placeholder, project).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			out[table] = n
		}
	}
	return out
}

// fill puts something of every kind into a project.
func (s *server) fill(t *testing.T, project, key string) (session string) {
	t.Helper()
	as := *s
	as.key, as.project = key, project
	session = as.session(t, recordedBody)
	as.ingest(t, session, batch(headset(1, 1024), 0, 1024))
	as.windows(t, session, "")
	as.imported(t, edfOf(t, 4), "external_user_id=u")
	job := as.json(t, 202, "POST", "/api/v1/neuro/decode/batch", key, `{"items":[`+documentBody+`]}`)
	as.await(t, job["id"].(string))
	as.call(t, "POST", "/v1/sessions/"+session+"/events", key, object{"events": []object{{"onset_ms": 1, "code": 1}}}, "Idempotency-Key: fill")
	as.uploadModel(t, key, modelFile(t, "deleted", "1", ""))
	as.json(t, 200, "POST", "/v1/analytics/log", key, `{"event_type":"inference"}`)
	return session
}

// TestProjectsAreDeleted deletes a project with something of every kind in it: it is out of reach at once, nothing of it is
// left in the end but the audit log, and its neighbor keeps everything.
func TestProjectsAreDeleted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		raw := s.database(t)
		project := s.json(t, 201, "POST", "/v1/projects", s.token, object{"name": "gone"})["id"].(string)
		key := s.json(t, 201, "POST", "/v1/projects/"+project+"/keys", s.token, object{"name": "k"})["raw_key"].(string)
		session := s.fill(t, project, key)
		s.fill(t, s.project, s.key)
		before := left(t, raw, s.dialect(), s.project)
		if full := left(t, raw, s.dialect(), project); len(full) < 10 {
			t.Fatalf("the project holds too little to tell: %v", full)
		}
		gone := s.json(t, 200, "DELETE", "/v1/projects/"+project, s.token, nil)
		if gone["status"] != "completed" || gone["sessions_deleted"] != 2. || gone["deleted_project_id"] != project || gone["audit_id"] == nil {
			t.Errorf("answer %v", gone)
		}
		for path, credential := range map[string]string{"/api/v1/jobs": key, "/v1/sessions/" + session: key} {
			if a := s.call(t, "GET", path, credential, nil); a.StatusCode != 401 {
				t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
			}
		}
		for _, method := range []string{"GET", "DELETE"} {
			if a := s.call(t, method, "/v1/projects/"+project, s.token, nil); a.StatusCode != 404 {
				t.Errorf("%s: %d %s", method, a.StatusCode, a.body)
			}
		}
		if a := s.call(t, "GET", "/v1/sessions", s.token, nil, "X-Project-Id: "+project); a.StatusCode != 404 {
			t.Errorf("sessions with a login: %d %s", a.StatusCode, a.body)
		}
		rest := left(t, raw, s.dialect(), project)
		delete(rest, "jobs") // the job that deleted it, which retention takes
		if len(rest) > 0 {
			t.Errorf("rows are left: %v", rest)
		}
		after := left(t, raw, s.dialect(), s.project)
		if after["project_usage"] < before["project_usage"] {
			t.Errorf("of the neighbor's usage %d rows are left of %d", after["project_usage"], before["project_usage"])
		}
		before["project_usage"] = after["project_usage"] // is written every few seconds
		if fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("the neighbor had %v and has %v", before, after)
		}
		log := string(s.call(t, "GET", "/v1/audit?project_id="+project, s.token, nil).body)
		if !strings.Contains(log, "project.deleting") || !strings.Contains(log, "project.deleted") {
			t.Errorf("the audit log does not tell: %s", log)
		}
	})
}

// TestAccountsAreDeletedAndPasswordsChanged: both take the password again, and both end every login.
func TestAccountsAreDeletedAndPasswordsChanged(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		raw := s.database(t)
		u := s.tenant(t, "leaves@example.com")
		login := func(password string) answer {
			return s.call(t, "POST", "/v1/auth/login", "", object{"email": s.mail("leaves@example.com"), "password": password})
		}
		old := login("correct horse battery").object(t)
		for name, tt := range map[string]struct {
			body   object
			status int
			code   string
		}{
			"wrong":   {object{"current_password": "wrong", "new_password": "another horse battery"}, 401, "invalid_credentials"},
			"short":   {object{"current_password": "correct horse battery", "new_password": "short"}, 400, "invalid_request_body"},
			"missing": {object{"new_password": "another horse battery"}, 400, "invalid_request_body"},
		} {
			if a := s.call(t, "POST", "/v1/account/password", u.token, tt.body); a.StatusCode != tt.status || a.code() != tt.code {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
		fresh := s.json(t, 200, "POST", "/v1/account/password", u.token, object{"current_password": "correct horse battery", "new_password": "another horse battery"})
		if a := s.call(t, "POST", "/v1/auth/refresh", "", object{"refresh_token": old["refresh_token"]}); a.StatusCode != 401 {
			t.Errorf("a login of before goes on: %d %s", a.StatusCode, a.body)
		}
		s.json(t, 200, "POST", "/v1/auth/refresh", "", object{"refresh_token": fresh["refresh_token"]})
		if a := login("correct horse battery"); a.StatusCode != 401 {
			t.Errorf("the old password: %d %s", a.StatusCode, a.body)
		}
		if a := login("another horse battery"); a.StatusCode != 200 {
			t.Errorf("the new password: %d %s", a.StatusCode, a.body)
		}

		if a := s.call(t, "POST", "/v1/account/delete", u.token, object{"password": "wrong"}); a.StatusCode != 401 || a.code() != "invalid_credentials" {
			t.Errorf("deletion with a wrong password: %d %s", a.StatusCode, a.body)
		}
		gone := s.json(t, 202, "POST", "/v1/account/delete", u.token, object{"password": "another horse battery"})
		if gone["deleted_user_id"] != u.userID || len(gone["projects"].([]any)) != 1 {
			t.Errorf("answer %v", gone)
		}
		if a := login("another horse battery"); a.StatusCode != 401 {
			t.Errorf("login: %d %s", a.StatusCode, a.body)
		}
		if a := s.call(t, "GET", "/api/v1/jobs", u.keys["good"], nil); a.StatusCode != 401 {
			t.Errorf("a key: %d %s", a.StatusCode, a.body)
		}
		if a := s.call(t, "POST", "/v1/projects", u.token, object{"name": "x"}); a.StatusCode != 401 {
			t.Errorf("the access token: %d %s", a.StatusCode, a.body)
		}
		until(t, "everything is deleted", func() bool {
			rest := left(t, raw, s.dialect(), u.project)
			delete(rest, "jobs")
			return len(rest) == 0
		})
		s.json(t, 201, "POST", "/v1/auth/signup", "", object{"email": s.mail("leaves@example.com"), "password": "third horse battery"})
	})
}
