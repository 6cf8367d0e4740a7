package accounts_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

const issuer = "https://accounts.example.org"

// person is somebody whom the provider knows by a subject, with a verified e-mail.
func person(subject, email string) accounts.Person {
	return accounts.Person{Issuer: issuer, Subject: subject, Email: email, Verified: true, Remote: "192.0.2.1"}
}

// through logs somebody in and returns their account.
func (b *accountsBundle) through(t *testing.T, p accounts.Person) models.User {
	t.Helper()
	login, err := b.LoginThrough(t.Context(), p)
	if err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	who, err := b.AuthenticateToken(t.Context(), login.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	u, err := b.Account(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Refresh(t.Context(), login.RefreshToken); err != nil {
		t.Errorf("the login cannot be renewed: %v", err)
	}
	return u
}

// refusedAs fails unless an error has a code.
func refusedAs(t *testing.T, what string, err error, code models.Code) {
	t.Helper()
	if models.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// actions lists what the audit log has of an account, oldest first.
func (b *accountsBundle) actions(t *testing.T, userID string) (out []models.AuditAction) {
	t.Helper()
	list, err := b.store.AuditEvents(t.Context(), models.AuditQuery{AccountID: userID, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range slices.Backward(list) {
		out = append(out, e.Action)
	}
	return out
}

// TestAProviderVouchesForAnAccount: the first login through a provider takes over the account with the person's verified e-mail, without what whoever
// made it may know or hold; from then on the person is known by who they are there.
func TestAProviderVouchesForAnAccount(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		b := newAccounts(t, backend, nil)
		before, held, err := b.Signup(t.Context(), accounts.Credentials{Email: "ada@example.org", Password: goodPassword, Remote: "192.0.2.9"})
		if err != nil {
			t.Fatal(err)
		}
		unverified := person("1", "ada@example.org")
		unverified.Verified = false
		_, err = b.LoginThrough(t.Context(), unverified)
		refusedAs(t, "unverified", err, models.EmailUnverified)
		for _, email := range []string{"", "no address", "Ada <ada@example.org>"} {
			_, err = b.LoginThrough(t.Context(), person("1", email))
			refusedAs(t, email, err, models.EmailUnverified)
		}
		if _, err := b.Login(t.Context(), accounts.Credentials{Email: "ada@example.org", Password: goodPassword, Remote: "192.0.2.9"}); err != nil {
			t.Fatalf("what was refused has changed the account: %v", err)
		}

		u := b.through(t, person("1", " Ada@Example.org "))
		if u.ID != before.ID || u.HasPassword() {
			t.Errorf("%+v, want %s without a password", u, before.ID)
		}
		_, err = b.Refresh(t.Context(), held.RefreshToken)
		refusedAs(t, "a login from before", err, models.InvalidToken)
		_, err = b.Login(t.Context(), accounts.Credentials{Email: "ada@example.org", Password: goodPassword, Remote: "192.0.2.9"})
		refusedAs(t, "the password from before", err, models.InvalidCredentials)
		_, err = b.Login(t.Context(), accounts.Credentials{Email: "ada@example.org", Remote: "192.0.2.9"})
		refusedAs(t, "an empty password", err, models.InvalidCredentials)
		me := models.Principal{UserID: u.ID}
		_, err = b.ChangePassword(t.Context(), me, goodPassword, "another "+goodPassword)
		refusedAs(t, "change of no password", err, models.NoPassword)
		_, err = b.DeleteAccount(t.Context(), me, goodPassword)
		refusedAs(t, "deletion without a password", err, models.NoPassword)

		// Known by the subject, whatever the e-mail is, and nobody else with the address becomes them.
		for _, p := range []accounts.Person{person("1", "lovelace@example.org"), person("1", ""), {Issuer: issuer, Subject: "1"}} {
			if got := b.through(t, p); got.ID != u.ID {
				t.Errorf("%+v is %+v", p, got)
			}
		}
		_, err = b.LoginThrough(t.Context(), person("2", "ada@example.org"))
		refusedAs(t, "another with the address", err, models.IdentityConflict)
		other := person("1", "ada@example.org")
		other.Issuer = "https://other.example.org"
		if got := b.through(t, other); got.ID != u.ID {
			t.Errorf("a second provider: %+v", got)
		}
		_, err = b.LoginThrough(t.Context(), person("9", accounts.DemoEmail))
		refusedAs(t, "the demo account", err, models.IdentityConflict)

		// An operator can give a password again, and unlink.
		if _, err := b.ResetPassword(t.Context(), "ada@example.org", "another "+goodPassword); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Login(t.Context(), accounts.Credentials{Email: "ada@example.org", Password: "another " + goodPassword, Remote: "192.0.2.9"}); err != nil {
			t.Errorf("the password of an operator: %v", err)
		}
		if got := b.through(t, person("1", "ada@example.org")); got.ID != u.ID || !got.HasPassword() {
			t.Errorf("linked already: %+v", got)
		}
		if _, err := b.Unlink(t.Context(), "ada@example.org"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Unlink(t.Context(), "ada@example.org"); !errors.Is(err, accounts.ErrNotLinked) {
			t.Errorf("unlinked twice: %v", err)
		}
		if got := b.through(t, person("2", "ada@example.org")); got.ID != u.ID {
			t.Errorf("after unlinking: %+v", got)
		}
		log := b.actions(t, u.ID)
		for action, n := range map[models.AuditAction]int{models.AuditLoginFailed: 1, models.AuditLoginLinked: 3, models.AuditLoginUnlinked: 1} {
			found := 0
			for _, a := range log {
				if a == action {
					found++
				}
			}
			if found != n {
				t.Errorf("%s is %d times in %v, want %d", action, found, log, n)
			}
		}
	})
}

// TestAProviderBringsNewcomers where the settings say so, or somebody has invited them.
func TestAProviderBringsNewcomers(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		closed := newAccounts(t, backend, func(c *accounts.Config) { c.PasswordsDisabled = true })
		_, err := closed.LoginThrough(t.Context(), person("1", "new@example.org"))
		refusedAs(t, "closed", err, models.SignupDisabled)
		if _, err := closed.store.UserByEmail(t.Context(), "new@example.org"); err == nil {
			t.Error("an account was made")
		}
		open := newAccounts(t, backend, func(c *accounts.Config) { c.ProviderSignup = true; c.SignupsPerHour = 10 }) // each of the pages below may count as one
		first := open.through(t, person("1", "new@example.org"))
		if first.HasPassword() || first.Email != "new@example.org" || first.Operator {
			t.Errorf("%+v", first)
		}
		if log := open.actions(t, first.ID); len(log) < 3 || log[0] != models.AuditAccountCreated || log[1] != models.AuditLoginLinked || log[2] != models.AuditLogin {
			t.Errorf("audit log %v", log)
		}

		// Whoever is invited comes in where sign-up is closed, once, and under their own address alone.
		owner := open.through(t, person("2", "owner@example.org"))
		p, err := open.CreateProject(t.Context(), models.Principal{UserID: owner.ID}, "p")
		if err != nil {
			t.Fatal(err)
		}
		_, token, err := open.Invite(t.Context(), models.Principal{UserID: owner.ID}, p.ID, "guest@example.org", models.RoleViewer)
		if err != nil {
			t.Fatal(err)
		}
		stranger := person("3", "stranger@example.org")
		stranger.Invitation = token
		_, err = closed.LoginThrough(t.Context(), stranger)
		refusedAs(t, "another's invitation", err, models.InvitationNotFound)
		guest := person("4", "guest@example.org")
		guest.Invitation = "no token"
		_, err = closed.LoginThrough(t.Context(), guest)
		refusedAs(t, "no invitation", err, models.InvitationNotFound)
		guest.Invitation = token
		u := closed.through(t, guest)
		if list, err := closed.ListProjects(t.Context(), models.Principal{UserID: u.ID}); err != nil || len(list) != 1 || list[0].ID != p.ID || list[0].Role != models.RoleViewer {
			t.Errorf("%+v, %v", list, err)
		}

		// Pages of a browser that come back at once make one account.
		var pages sync.WaitGroup
		ids := make([]string, 4)
		for i := range ids {
			pages.Go(func() {
				login, err := open.LoginThrough(context.WithoutCancel(t.Context()), person("5", "twice@example.org"))
				if ids[i] = login.UserID; err != nil {
					t.Errorf("a page: %v", err)
				}
			})
		}
		pages.Wait()
		if slices.Sort(ids); ids[0] != ids[3] {
			t.Errorf("accounts %v", ids)
		}
		open.pass(time.Hour)
		for i := range 11 {
			_, err = open.LoginThrough(t.Context(), person("many "+string(rune('a'+i)), string(rune('a'+i))+"@example.org"))
		}
		refusedAs(t, "many from one address", err, models.RateLimited)
	})
}

// TestPasswordsCanBeSwitchedOff: then nobody logs in or signs up with one.
func TestPasswordsCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	backend := testkit.Backend{Store: store.Config{DatabaseURL: testkit.SQLite(t)}}
	b := newAccounts(t, backend, nil)
	b.member(t, "ada@example.org")
	off := newAccounts(t, backend, func(c *accounts.Config) { c.PasswordsDisabled = true })
	c := accounts.Credentials{Email: "ada@example.org", Password: goodPassword, Remote: "192.0.2.1"}
	_, err := off.Login(t.Context(), c)
	refusedAs(t, "login", err, models.PasswordLoginDisabled)
	c.Email = "new@example.org"
	_, _, err = off.Signup(t.Context(), c)
	refusedAs(t, "sign-up", err, models.PasswordLoginDisabled)
	if off.SignupOpen() || off.PasswordsOpen() || !b.SignupOpen() || !b.PasswordsOpen() {
		t.Error("the server says otherwise")
	}
}
