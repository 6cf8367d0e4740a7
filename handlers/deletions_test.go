package handlers_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// TestPasswordIsChanged for who knows the old one, which is then good for nothing; other logins have ended.
func TestPasswordIsChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.made(t, "/v1/auth/login", "", `{"email":"a@example.com","password":"correct horse"}`).text(t, "refresh_token")
	for name, tc := range map[string]struct {
		credential, body string
		status           int
		code             models.Code
		pointers         []string
	}{
		"nobody":             {"", `{"current_password":"correct horse","new_password":"battery staple"}`, 401, models.MissingCredentials, nil},
		"a key":              {b.key, `{"current_password":"correct horse","new_password":"battery staple"}`, 401, models.InvalidToken, nil},
		"another old one":    {b.token, `{"current_password":"wrong horse","new_password":"battery staple"}`, 401, models.InvalidCredentials, nil},
		"no old one":         {b.token, `{"new_password":"battery staple"}`, 400, models.InvalidRequestBody, []string{"/current_password"}},
		"no new one":         {b.token, `{"current_password":"correct horse"}`, 400, models.InvalidRequestBody, []string{"/new_password"}},
		"a new one too near": {b.token, `{"current_password":"correct horse","new_password":"short"}`, 400, models.InvalidRequestBody, []string{"/new_password"}},
		"a misspelled field": {b.token, `{"current_password":"correct horse","new_passwort":"battery staple"}`, 400, models.InvalidRequestBody, []string{"/new_passwort"}},
	} {
		t.Run(name, func(t *testing.T) {
			b.call(t, "POST", "/v1/account/password", tc.credential, tc.body).problem(t, tc.status, tc.code, tc.pointers...)
		})
	}
	fresh := b.call(t, "POST", "/v1/account/password", b.token, `{"current_password":"correct horse","new_password":"battery staple"}`)
	if fresh.status != 200 || fresh.body["token_type"] != "Bearer" {
		t.Fatalf("%d %s", fresh.status, fresh.raw)
	}
	if a := b.call(t, "GET", "/v1/projects", fresh.text(t, "access_token"), ""); a.status != 200 || len(a.list) != 1 {
		t.Errorf("with the new login: %d %s", a.status, a.raw)
	}
	b.call(t, "POST", "/v1/auth/refresh", "", `{"refresh_token":"`+other+`"}`).problem(t, 401, models.InvalidToken)
	b.call(t, "POST", "/v1/auth/login", "", `{"email":"a@example.com","password":"correct horse"}`).problem(t, 401, models.InvalidCredentials)
	b.made(t, "/v1/auth/login", "", `{"email":"a@example.com","password":"battery staple"}`)
}

// TestProjectIsDeleted by an owner, with its keys and sessions, and counted once a job has done it.
func TestProjectIsDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.work(t, map[models.JobKind]workers.Handler{models.KindProjectDelete: workers.EraseUser(b.store)}) // without the grace for other processes
	b.session(t)
	_, viewer := b.member(t, "viewer@example.com", "viewer")
	_, stranger := b.signUp(t, "stranger@example.com")
	path := "/v1/projects/" + b.project
	b.call(t, "DELETE", path, "", "").problem(t, 401, models.MissingCredentials)
	b.call(t, "DELETE", path, b.key, "").problem(t, 401, models.InvalidToken)
	b.call(t, "DELETE", path, viewer, "").problem(t, 403, models.InsufficientRole)
	for _, id := range []string{b.project, models.NewID(), "no-id"} {
		b.call(t, "DELETE", "/v1/projects/"+id, stranger, "").problem(t, 404, models.ProjectNotFound)
	}
	if a := b.call(t, "GET", path, b.token, ""); a.status != 200 {
		t.Fatalf("the project is gone after refusals: %d %s", a.status, a.raw)
	}
	a := b.call(t, "DELETE", path, b.token, "")
	if a.status != 200 || a.text(t, "deleted_project_id") != b.project || a.body["status"] != "completed" || a.body["sessions_deleted"] != 1. || a.body["samples_deleted"] != 0. ||
		!strings.HasPrefix(a.text(t, "audit_id"), "aud_") || a.text(t, "job_id") == "" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	b.call(t, "GET", path, b.token, "").problem(t, 404, models.ProjectNotFound)
	b.call(t, "DELETE", path, b.token, "").problem(t, 404, models.ProjectNotFound)
	b.call(t, "GET", "/v1/sessions", b.key, "").problem(t, 401, models.InvalidAPIKey)
}

// TestDeletionIsAcceptedWithoutItsClient: whoever leaves before the job has ended has deleted the project all the same.
func TestDeletionIsAcceptedWithoutItsClient(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v1/projects/:project", "/v1/users/u1"} {
		b := newBench(t) // no worker: the call waits
		session := b.session(t)
		credential := b.token
		if strings.HasPrefix(path, "/v1/users/") {
			credential = b.key
		}
		ctx, leave := context.WithCancel(t.Context())
		req := httptest.NewRequestWithContext(ctx, "DELETE", strings.Replace(path, ":project", b.project, 1), nil)
		req.Header.Set("Authorization", "Bearer "+credential)
		left := make(chan *httptest.ResponseRecorder)
		go func() {
			w := httptest.NewRecorder()
			b.ServeHTTP(w, req)
			left <- w
		}()
		for b.call(t, "GET", "/v1/sessions/"+session, b.key, "").status == 200 { // until it is out of reach: then the deletion was accepted
		}
		leave()
		if w := <-left; w.Body.Len() != 0 || w.Code != 499 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if a := b.call(t, "GET", "/v1/projects/"+b.project, b.token, ""); strings.HasPrefix(path, "/v1/projects/") && a.status != 404 {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
}

// TestAccountIsDeleted with its projects for who shows its password; a project with another owner stays.
func TestAccountIsDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other, token := b.member(t, "b@example.com", "member")
	b.call(t, "POST", "/v1/account/delete", b.token, `{"password":"wrong horse"}`).problem(t, 401, models.InvalidCredentials)
	b.call(t, "POST", "/v1/account/delete", b.token, `{}`).problem(t, 400, models.InvalidRequestBody, "/password")
	b.call(t, "POST", "/v1/account/delete", b.token, ``).problem(t, 400, models.InvalidRequestBody)
	b.call(t, "POST", "/v1/account/delete", b.key, `{"password":"correct horse"}`).problem(t, 401, models.InvalidToken)
	b.call(t, "POST", "/v1/account/delete", b.token, `{"password":"correct horse"}`).problem(t, 409, models.LastOwner)
	if a := b.call(t, "PATCH", "/v1/projects/"+b.project+"/members/"+other, b.token, `{"role":"owner"}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	own := b.made(t, "/v1/projects", b.token, `{"name":"alone"}`).text(t, "id")
	a := b.call(t, "POST", "/v1/account/delete", b.token, `{"password":"correct horse"}`)
	gone, _ := a.body["projects"].([]any)
	if a.status != 202 || a.text(t, "deleted_user_id") == "" || len(gone) != 1 || gone[0].(map[string]any)["deleted_project_id"] != own || gone[0].(map[string]any)["status"] != "queued" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := b.call(t, "GET", "/v1/projects", b.token, ""); len(a.list) != 0 { // the token lives on, and reaches nothing
		t.Errorf("%d %s", a.status, a.raw)
	}
	b.call(t, "GET", "/v1/projects/"+b.project, b.token, "").problem(t, 404, models.ProjectNotFound)
	b.call(t, "POST", "/v1/auth/login", "", `{"email":"a@example.com","password":"correct horse"}`).problem(t, 401, models.InvalidCredentials)
	if a := b.call(t, "GET", "/v1/projects/"+b.project, token, ""); a.status != 200 {
		t.Errorf("the project of another owner: %d %s", a.status, a.raw)
	}
}
