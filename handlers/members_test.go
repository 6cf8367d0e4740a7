package handlers_test

import (
	"fmt"
	"testing"

	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/models"
)

// TestInvitedPeopleSignUpWhereNobodyElseMay: with sign-up off an invitation makes an account of its own address, once.
func TestInvitedPeopleSignUpWhereNobodyElseMay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Handler = b.process(t, func(c *accounts.Config) { c.SignupDisabled = true })
	invite := func(email, role string) (id, token string) {
		a := b.made(t, "/v1/projects/"+b.project+"/invitations", b.token, fmt.Sprintf(`{"email":%q,"role":%q}`, email, role))
		return a.text(t, "id"), a.text(t, "token")
	}
	signUp := func(email, invitation string) answer {
		return b.call(t, "POST", "/v1/auth/signup", "", fmt.Sprintf(`{"email":%q,"password":"correct horse","invitation":%q}`, email, invitation))
	}
	_, token := invite("guest@example.com", "viewer")
	revoked, void := invite("late@example.com", "member")
	if a := b.call(t, "DELETE", "/v1/projects/"+b.project+"/invitations/"+revoked, b.token, ""); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	b.call(t, "POST", "/v1/auth/signup", "", `{"email":"guest@example.com","password":"correct horse"}`).problem(t, 403, models.SignupDisabled)
	signUp("guest@example.com", "").problem(t, 403, models.SignupDisabled)
	signUp("another@example.com", token).problem(t, 404, models.InvitationNotFound)
	signUp("late@example.com", void).problem(t, 404, models.InvitationNotFound)
	signUp("guest@example.com", token[:len(token)-1]).problem(t, 404, models.InvitationNotFound)
	b.call(t, "POST", "/v1/auth/signup", "", fmt.Sprintf(`{"email":"guest@example.com","password":"short","invitation":%q}`, token)).problem(t, 400, models.InvalidRequestBody, "/password")

	guest := signUp("Guest@example.com", token)
	if guest.status != 201 || guest.body["email"] != "guest@example.com" {
		t.Fatalf("%d %s", guest.status, guest.raw)
	}
	access := guest.text(t, "access_token")
	if a := b.call(t, "GET", "/v1/projects", access, ""); len(a.list) != 1 || a.list[0]["id"] != b.project || a.list[0]["role"] != "viewer" {
		t.Errorf("projects of the guest: %s", a.raw)
	}
	b.call(t, "POST", "/v1/sessions", access, `{}`, "X-Project-Id", b.project).problem(t, 403, models.InsufficientRole)
	signUp("guest@example.com", token).problem(t, 404, models.InvitationNotFound) // it was accepted
	b.call(t, "POST", "/v1/invitations/accept", access, `{}`).problem(t, 400, models.InvalidRequestBody, "/token")
	b.call(t, "POST", "/v1/projects/"+b.project+"/invitations", b.token, `{"role":"viewer"}`).problem(t, 400, models.InvalidRequestBody, "/email")
	b.made(t, "/v1/auth/login", "", `{"email":"guest@example.com","password":"correct horse"}`)
	if list := b.call(t, "GET", "/v1/projects/"+b.project+"/invitations", b.token, ""); len(list.list) != 0 {
		t.Errorf("invitations that are left: %s", list.raw)
	}
}
