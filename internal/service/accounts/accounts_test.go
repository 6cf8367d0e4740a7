package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

const goodPassword = "correct horse"

// accountsBundle is one process's accounts, with a clock that the test moves.
type accountsBundle struct {
	*accounts.Service
	store *store.Store
	mu    sync.Mutex
	at    time.Time
}

func (b *accountsBundle) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at
}

func (b *accountsBundle) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = b.at.Add(d)
}

// newAccounts opens a process on a pair of stores. Password hashes are cheap; change may alter the rest.
func newAccounts(t *testing.T, backend testkit.Backend, change func(*accounts.Config)) *accountsBundle {
	t.Helper()
	b := &accountsBundle{store: backend.Open(t), at: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)}
	tokens, err := auth.NewTokens(auth.TokenConfig{Key: []byte(strings.Repeat("k", 32)), Now: b.now})
	if err != nil {
		t.Fatal(err)
	}
	throttle := limit.Config{Now: b.now, Timeout: 10 * time.Second}
	if !backend.Embedded() {
		c := redis.NewClient(&redis.Options{Addr: backend.RedisAddr(), ContextTimeoutEnabled: true})
		t.Cleanup(func() { c.Close() })
		throttle.Redis = c
	}
	cfg := accounts.Config{
		Store:     b.store,
		Passwords: auth.NewPasswords(auth.PasswordConfig{Cost: auth.Argon2{Memory: 64, Passes: 1, Threads: 1}}),
		Tokens:    tokens,
		Throttle:  limit.New(throttle),
		Now:       b.now,
		Log:       slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	b.Service = accounts.New(cfg)
	return b
}

// member signs somebody up and returns the principal of the access token.
func (b *accountsBundle) member(t *testing.T, email string) models.Principal {
	t.Helper()
	_, s, err := b.Signup(context.Background(), accounts.Credentials{Email: email, Password: goodPassword, Remote: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.AuthenticateToken(context.Background(), s.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// project makes a project of somebody.
func (b *accountsBundle) project(t *testing.T, p models.Principal) models.Project {
	t.Helper()
	project, err := b.CreateProject(context.Background(), p, "p")
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// wantCode checks an error's code and, where there are any, the pointers of its fields.
func wantCode(t *testing.T, err error, code models.Code, pointers ...string) {
	t.Helper()
	var e *models.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error %v, want %s", err, code)
		return
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, strictjson.Pointer(f.Path))
	}
	if diff := cmp.Diff(pointers, got); diff != "" {
		t.Errorf("fields of %v:\n%s", err, diff)
	}
}

func TestSignup(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, nil)
		u, s, err := b.Signup(ctx, accounts.Credentials{Email: " Ada@Example.ORG ", Password: goodPassword})
		if err != nil {
			t.Fatal(err)
		}
		if u.Email != "ada@example.org" || u.ID == "" || !strings.HasPrefix(u.PasswordHash, "$argon2id$") {
			t.Errorf("user %+v", u)
		}
		if p, err := b.AuthenticateToken(ctx, s.AccessToken); err != nil || p.UserID != u.ID || p.ProjectID != "" || s.ExpiresIn != 15*time.Minute {
			t.Errorf("login %+v: %+v, %v", s, p, err)
		}
		for name, tc := range map[string]struct {
			email, password string
			code            models.Code
			pointers        []string
		}{
			"taken":               {"ada@example.org", goodPassword, models.EmailTaken, nil},
			"taken in other case": {"ADA@example.org", goodPassword, models.EmailTaken, nil},
			"the demo account":    {"Demo@voxel.dev", goodPassword, models.EmailTaken, nil},
			"short password":      {"b@example.org", "1234567", models.InvalidRequestBody, []string{"/password"}},
			"long password":       {"b@example.org", strings.Repeat("x", 1025), models.InvalidRequestBody, []string{"/password"}},
			"no address":          {"example.org", goodPassword, models.InvalidRequestBody, []string{"/email"}},
			"name and address":    {"B <b@example.org>", goodPassword, models.InvalidRequestBody, []string{"/email"}},
			"two addresses":       {"b@example.org,c@example.org", goodPassword, models.InvalidRequestBody, []string{"/email"}},
			"space inside":        {"b b@example.org", goodPassword, models.InvalidRequestBody, []string{"/email"}},
			"long address":        {strings.Repeat("b", 250) + "@example.org", goodPassword, models.InvalidRequestBody, []string{"/email"}},
			"both wrong":          {"", "", models.InvalidRequestBody, []string{"/email", "/password"}},
		} {
			t.Run(name, func(t *testing.T) {
				_, _, err := b.Signup(ctx, accounts.Credentials{Email: tc.email, Password: tc.password})
				wantCode(t, err, tc.code, tc.pointers...)
			})
		}
		for _, password := range []string{"12345678", strings.Repeat("x", 1024)} {
			if _, _, err := b.Signup(ctx, accounts.Credentials{Email: fmt.Sprintf("p%d@example.org", len(password)), Password: password}); err != nil {
				t.Errorf("password of %d bytes: %v", len(password), err)
			}
		}
		closed := newAccounts(t, backend, func(c *accounts.Config) { c.SignupDisabled = true })
		_, _, err = closed.Signup(ctx, accounts.Credentials{Email: "z@example.org", Password: goodPassword})
		wantCode(t, err, models.SignupDisabled)
	})
}

func TestSignupsOfOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, func(c *accounts.Config) { c.SignupsPerHour = 2 })
		sign := func(i int, remote string) error {
			_, _, err := b.Signup(ctx, accounts.Credentials{Email: fmt.Sprintf("u%d@example.org", i), Password: goodPassword, Remote: remote})
			return err
		}
		for i := range 2 {
			if err := sign(i, "2001:db8::1"); err != nil {
				t.Fatal(err)
			}
		}
		err := sign(2, "2001:db8::ffff") // the same /64
		wantCode(t, err, models.RateLimited)
		if wait := models.AsError(err).RetryAfter; wait < 29*time.Minute || wait > 30*time.Minute {
			t.Errorf("retry after %v", wait)
		}
		if err := sign(3, "2001:db8:0:1::1"); err != nil {
			t.Errorf("another network: %v", err)
		}
	})
}

func TestLogin(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, nil)
		p := b.member(t, "ada@example.org")
		s, err := b.Login(ctx, accounts.Credentials{Email: "ADA@example.org", Password: goodPassword})
		if err != nil || s.UserID != p.UserID {
			t.Fatalf("%+v, %v", s, err)
		}
		var texts []string
		for _, c := range []accounts.Credentials{
			{Email: "ada@example.org", Password: "wrong horse"},
			{Email: "ada@example.org", Password: ""},
			{Email: "nobody@example.org", Password: goodPassword},
			{Email: "not an address", Password: goodPassword},
			{Email: "ada@example.org", Password: goodPassword + strings.Repeat("x", 2000)},
		} {
			_, err := b.Login(ctx, c)
			wantCode(t, err, models.InvalidCredentials)
			texts = append(texts, models.AsError(err).Text())
		}
		if slices.Sort(texts); texts[0] != texts[len(texts)-1] {
			t.Errorf("refusals differ: %q", texts)
		}

		b.pass(15*time.Minute + 31*time.Second)
		_, err = b.AuthenticateToken(ctx, s.AccessToken)
		wantCode(t, err, models.ExpiredToken)
		_, err = b.AuthenticateToken(ctx, auth.NewKey())
		wantCode(t, err, models.InvalidToken)
	})
}

func TestLoginRehashesAtANewCost(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		before := newAccounts(t, backend, nil)
		before.member(t, "ada@example.org")
		after := newAccounts(t, backend, func(c *accounts.Config) {
			c.Passwords = auth.NewPasswords(auth.PasswordConfig{Cost: auth.Argon2{Memory: 128, Passes: 2, Threads: 1}})
		})
		for range 2 {
			if _, err := after.Login(ctx, accounts.Credentials{Email: "ada@example.org", Password: goodPassword}); err != nil {
				t.Fatal(err)
			}
			u, err := after.store.UserByEmail(ctx, "ada@example.org")
			if err != nil || !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$m=128,t=2,p=1$") {
				t.Errorf("hash %q, %v", u.PasswordHash, err)
			}
		}
	})
}

// TestGuessingIsThrottled: over two processes, one address gets ten wrong guesses at an account; the account's owner
// elsewhere still gets in, and right passwords are never counted.
func TestGuessingIsThrottled(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		procs := []*accountsBundle{newAccounts(t, backend, nil)}
		procs[0].member(t, "ada@example.org")
		if !backend.Embedded() {
			procs = append(procs, newAccounts(t, backend, nil))
		}
		login := func(i int, email, password, remote string) error {
			_, err := procs[i%len(procs)].Login(ctx, accounts.Credentials{Email: email, Password: password, Remote: remote})
			return err
		}
		for i := range 30 {
			if err := login(i, "ada@example.org", goodPassword, "192.0.2.1"); err != nil {
				t.Fatalf("right password %d: %v", i, err)
			}
		}
		for i := range 10 {
			wantCode(t, login(i, "ada@example.org", "wrong", "198.51.100.7"), models.InvalidCredentials)
		}
		for i := range 4 { // whatever the password and the spelling
			err := login(i, "Ada@example.org", goodPassword, "198.51.100.7")
			wantCode(t, err, models.RateLimited)
			if wait := models.AsError(err).RetryAfter; wait <= 0 || wait > 90*time.Second {
				t.Errorf("retry after %v", wait)
			}
		}
		if err := login(0, "ada@example.org", goodPassword, "192.0.2.1"); err != nil {
			t.Errorf("the owner is locked out: %v", err)
		}

		// Many addresses guessing at one account are stopped at ten times as many; nobody's account as well.
		refused := 0
		for i := range 110 {
			if err := login(i, "grace@example.org", "wrong", fmt.Sprintf("203.0.113.%d", i)); models.AsError(err).Code == models.RateLimited {
				refused++
			}
		}
		if refused != 10 {
			t.Errorf("%d of 110 refused, want 10", refused)
		}
		// One address guessing at many accounts.
		refused = 0
		for i := range 110 {
			if err := login(i, fmt.Sprintf("user%d@example.org", i), "wrong", "198.51.100.99"); models.AsError(err).Code == models.RateLimited {
				refused++
			}
		}
		if refused != 10 {
			t.Errorf("%d of 110 refused, want 10", refused)
		}
	})
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, nil)
		p := b.member(t, "ada@example.org")
		first, err := b.Login(ctx, accounts.Credentials{Email: "ada@example.org", Password: goodPassword})
		if err != nil {
			t.Fatal(err)
		}
		bystander, err := b.Login(ctx, accounts.Credentials{Email: "ada@example.org", Password: goodPassword})
		if err != nil {
			t.Fatal(err)
		}
		second, err := b.Refresh(ctx, first.RefreshToken)
		if err != nil || second.UserID != p.UserID || second.RefreshToken == first.RefreshToken {
			t.Fatalf("%+v, %v", second, err)
		}
		if got, err := b.AuthenticateToken(ctx, second.AccessToken); err != nil || got.UserID != p.UserID {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = b.Refresh(ctx, first.RefreshToken) // the thief, or the owner after the thief
		wantCode(t, err, models.InvalidToken)
		_, err = b.Refresh(ctx, second.RefreshToken) // the whole family is gone
		wantCode(t, err, models.InvalidToken)
		for _, bad := range []string{"", "x", auth.NewRefreshToken(), second.AccessToken, auth.NewKey()} {
			_, err = b.Refresh(ctx, bad)
			wantCode(t, err, models.InvalidToken)
			if err := b.Logout(ctx, bad); err != nil {
				t.Errorf("log out with %q: %v", bad, err)
			}
		}
		other, err := b.Refresh(ctx, bystander.RefreshToken)
		if err != nil {
			t.Fatalf("another login is revoked too: %v", err)
		}
		if err := b.Logout(ctx, bystander.RefreshToken); err != nil { // any token of the family will do
			t.Fatal(err)
		}
		_, err = b.Refresh(ctx, other.RefreshToken)
		wantCode(t, err, models.InvalidToken)

		late, err := b.Login(ctx, accounts.Credentials{Email: "ada@example.org", Password: goodPassword})
		if err != nil {
			t.Fatal(err)
		}
		b.pass(30 * 24 * time.Hour)
		_, err = b.Refresh(ctx, late.RefreshToken)
		wantCode(t, err, models.InvalidToken)
	})
}

func TestProjects(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, func(c *accounts.Config) { c.MaxProjects = 2 })
		ada, eve := b.member(t, "ada@example.org"), b.member(t, "eve@example.org")
		first, err := b.CreateProject(ctx, ada, "  My Project ")
		if err != nil || first.Name != "My Project" {
			t.Fatalf("%+v, %v", first, err)
		}
		second, err := b.CreateProject(ctx, ada, strings.Repeat("ä", 200))
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.CreateProject(ctx, ada, "one too many")
		wantCode(t, err, models.InvalidRequestBody)
		got, err := b.ListProjects(ctx, ada)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]accounts.OwnProject{{Project: first, Role: models.RoleOwner}, {Project: second, Role: models.RoleOwner}}, got); diff != "" {
			t.Error(diff)
		}
		if got, err := b.ListProjects(ctx, eve); err != nil || len(got) != 0 {
			t.Errorf("eve sees %v, %v", got, err)
		}
		if got, err := b.GetProject(ctx, ada, strings.ToUpper(first.ID)); err != nil || got.Project != first || got.Role != models.RoleOwner {
			t.Errorf("%+v, %v", got, err)
		}
		for name, id := range map[string]string{"foreign": first.ID, "absent": models.NewID(), "malformed": "x' OR 1=1"} {
			_, err := b.GetProject(ctx, eve, id)
			wantCode(t, err, models.ProjectNotFound)
			if text := models.AsError(err).Text(); text != "There is no such project." {
				t.Errorf("%s: %q", name, text)
			}
		}
		for _, name := range []string{"", "  ", strings.Repeat("x", 201), "a\x00b", "a\nb"} {
			_, err := b.CreateProject(ctx, eve, name)
			wantCode(t, err, models.InvalidRequestBody, "/name")
		}
		// A program that acts through a key manages no accounts, and neither does a token of nobody.
		key := models.Principal{ProjectID: first.ID, KeyID: models.NewID(), Scopes: models.Scopes()}
		_, err = b.CreateProject(ctx, key, "p")
		wantCode(t, err, models.MissingCredentials)
		_, err = b.ListProjects(ctx, key)
		wantCode(t, err, models.MissingCredentials)
		_, err = b.GetProject(ctx, key, first.ID)
		wantCode(t, err, models.MissingCredentials)
		_, _, err = b.CreateKey(ctx, key, first.ID, accounts.NewKey{Name: "k"})
		wantCode(t, err, models.MissingCredentials)
		_, err = b.ListKeys(ctx, key, first.ID)
		wantCode(t, err, models.MissingCredentials)
		wantCode(t, b.RevokeKey(ctx, key, first.ID, key.KeyID), models.MissingCredentials)
		_, err = b.CreateProject(ctx, models.Principal{UserID: models.NewID()}, "p")
		wantCode(t, err, models.InvalidToken)
	})
}

func TestCreateKey(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, func(c *accounts.Config) { c.MaxKeys = 4 })
		ada, eve := b.member(t, "ada@example.org"), b.member(t, "eve@example.org")
		project := b.project(t, ada)
		soon, past, far := b.now().Add(time.Hour), b.now(), b.now().AddDate(11, 0, 0)
		days, zero := 30, 0
		month := b.now().AddDate(0, 0, 30)
		for name, tc := range map[string]struct {
			key     accounts.NewKey
			scopes  []models.Scope
			expires *time.Time
		}{
			"defaults": {accounts.NewKey{Name: "dev-key"}, models.Scopes(), nil},
			"scopes":   {accounts.NewKey{Name: "k", Scopes: []models.Scope{models.ScopeJobsRead, models.ScopeDecode, models.ScopeJobsRead}}, []models.Scope{models.ScopeJobsRead, models.ScopeDecode}, nil},
			"time":     {accounts.NewKey{Name: "k", ExpiresAt: &soon}, models.Scopes(), &soon},
			"days":     {accounts.NewKey{Name: "k", ExpiresInDays: &days}, models.Scopes(), &month},
		} {
			k, raw, err := b.CreateKey(ctx, ada, project.ID, tc.key)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !auth.WellFormedKey(raw) || k.Hash != auth.HashSecret(raw) || !strings.HasSuffix(raw, k.LastFour) || k.ProjectID != project.ID {
				t.Errorf("%s: %+v of %q", name, k, raw)
			}
			if diff := cmp.Diff(tc.scopes, k.Scopes); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
			if diff := cmp.Diff(tc.expires, k.ExpiresAt); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
			p, err := b.AuthenticateKey(ctx, raw)
			if err != nil || p.ProjectID != project.ID || p.KeyID != k.ID || p.UserID != "" || !slices.Equal(p.Scopes, tc.scopes) {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
		}
		_, _, err := b.CreateKey(ctx, ada, project.ID, accounts.NewKey{Name: "one too many"})
		wantCode(t, err, models.InvalidRequestBody)

		for name, tc := range map[string]struct {
			key      accounts.NewKey
			pointers []string
		}{
			"no name":       {accounts.NewKey{}, []string{"/name"}},
			"long name":     {accounts.NewKey{Name: strings.Repeat("x", 101)}, []string{"/name"}},
			"no scope":      {accounts.NewKey{Name: "k", Scopes: []models.Scope{}}, []string{"/scopes"}},
			"unknown scope": {accounts.NewKey{Name: "k", Scopes: []models.Scope{"decode", "admin"}}, []string{"/scopes/1"}},
			"past":          {accounts.NewKey{Name: "k", ExpiresAt: &past}, []string{"/expires_at"}},
			"far":           {accounts.NewKey{Name: "k", ExpiresAt: &far}, []string{"/expires_at"}},
			"zero days":     {accounts.NewKey{Name: "k", ExpiresInDays: &zero}, []string{"/expires_in_days"}},
			"both":          {accounts.NewKey{Name: "k", ExpiresAt: &soon, ExpiresInDays: &days}, []string{"/expires_in_days"}},
			"everything":    {accounts.NewKey{Scopes: []models.Scope{"x"}, ExpiresInDays: &zero}, []string{"/name", "/scopes/0", "/expires_in_days"}},
		} {
			t.Run(name, func(t *testing.T) {
				_, _, err := b.CreateKey(ctx, ada, project.ID, tc.key)
				wantCode(t, err, models.InvalidRequestBody, tc.pointers...)
			})
		}
		for _, id := range []string{project.ID, models.NewID(), "x"} {
			_, _, err := b.CreateKey(ctx, eve, id, accounts.NewKey{Name: "k"})
			wantCode(t, err, models.ProjectNotFound)
			_, err = b.ListKeys(ctx, eve, id)
			wantCode(t, err, models.ProjectNotFound)
		}
	})
}

func TestAuthenticateKey(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, nil)
		ada := b.member(t, "ada@example.org")
		project := b.project(t, ada)
		for name, raw := range map[string]string{"empty": "", "unknown": auth.NewKey(), "malformed": "vxl_x", "refresh token": auth.NewRefreshToken()} {
			if _, err := b.AuthenticateKey(ctx, raw); err == nil {
				t.Errorf("%s: no error", name)
			} else {
				wantCode(t, err, models.InvalidAPIKey)
			}
		}
		day := 1
		_, raw, err := b.CreateKey(ctx, ada, project.ID, accounts.NewKey{Name: "k", ExpiresInDays: &day})
		if err != nil {
			t.Fatal(err)
		}
		b.pass(24*time.Hour - time.Second)
		if _, err := b.AuthenticateKey(ctx, raw); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		b.pass(time.Second) // it is still in the cache
		_, err = b.AuthenticateKey(ctx, raw)
		wantCode(t, err, models.ExpiredAPIKey)
		b.pass(time.Hour)
		_, err = b.AuthenticateKey(ctx, raw)
		wantCode(t, err, models.ExpiredAPIKey)

		keys, err := b.ListKeys(ctx, ada, project.ID)
		if err != nil || len(keys) != 1 || keys[0].LastUsedAt == nil {
			t.Errorf("last use not noted: %+v, %v", keys, err)
		}
	})
}

// TestRevocationTakesEffect: at once in the process that revokes, within five seconds in another that has just used
// the key.
func TestRevocationTakesEffect(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		here, there := newAccounts(t, backend, nil), newAccounts(t, backend, nil)
		ada, eve := here.member(t, "ada@example.org"), here.member(t, "eve@example.org")
		project := here.project(t, ada)
		k, raw, err := here.CreateKey(ctx, ada, project.ID, accounts.NewKey{Name: "k"})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []*accountsBundle{here, there} {
			if _, err := b.AuthenticateKey(ctx, raw); err != nil {
				t.Fatal(err)
			}
		}
		wantCode(t, here.RevokeKey(ctx, eve, project.ID, k.ID), models.KeyNotFound)
		wantCode(t, here.RevokeKey(ctx, ada, models.NewID(), k.ID), models.KeyNotFound)
		wantCode(t, here.RevokeKey(ctx, ada, project.ID, "x"), models.KeyNotFound)
		if _, err := here.AuthenticateKey(ctx, raw); err != nil {
			t.Fatalf("a refused revocation worked: %v", err)
		}
		if err := here.RevokeKey(ctx, ada, project.ID, k.ID); err != nil {
			t.Fatal(err)
		}
		_, err = here.AuthenticateKey(ctx, raw)
		wantCode(t, err, models.InvalidAPIKey)
		if _, err := there.AuthenticateKey(ctx, raw); err != nil {
			t.Errorf("no cache: the key is looked up with every request (%v)", err)
		}
		there.pass(5 * time.Second)
		_, err = there.AuthenticateKey(ctx, raw)
		wantCode(t, err, models.InvalidAPIKey)
		wantCode(t, here.RevokeKey(ctx, ada, project.ID, k.ID), models.KeyNotFound)
		if keys, err := here.ListKeys(ctx, ada, project.ID); err != nil || len(keys) != 0 {
			t.Errorf("keys %v, %v", keys, err)
		}
	})
}

// TestRevocationRacesWithUse: whatever the interleaving, once RevokeKey has returned its own process refuses the key.
func TestRevocationRacesWithUse(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, func(c *accounts.Config) { c.KeyCacheTTL = time.Hour })
		ada := b.member(t, "ada@example.org")
		project := b.project(t, ada)
		for range 20 {
			k, raw, err := b.CreateKey(ctx, ada, project.ID, accounts.NewKey{Name: "k"})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() { _, _ = b.AuthenticateKey(ctx, raw) }) // either answer is right while it is being revoked
			}
			if err := b.RevokeKey(ctx, ada, project.ID, k.ID); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			_, err = b.AuthenticateKey(ctx, raw)
			wantCode(t, err, models.InvalidAPIKey)
		}
	})
}

func TestDemoAccount(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, nil)
		if err := b.RefuseDemo(ctx); err != nil {
			t.Fatal(err)
		}
		_, err := b.Login(ctx, accounts.Credentials{Email: accounts.DemoEmail, Password: accounts.DemoPassword})
		wantCode(t, err, models.InvalidCredentials)
		for range 2 { // every start of the embedded mode
			if err := b.SeedDemo(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Login(ctx, accounts.Credentials{Email: "demo@voxel.dev", Password: "demo1234"}); err != nil {
			t.Error(err)
		}
		if err := b.RefuseDemo(ctx); !errors.Is(err, accounts.ErrDemoAccount) {
			t.Errorf("production starts with the demo account: %v", err)
		}
	})
}

// TestDemoKeyWithEveryStart: the service can start any number of times, and people's keys stay.
func TestDemoKeyWithEveryStart(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, func(c *accounts.Config) { c.MaxKeys = 6 })
		if err := b.SeedDemo(ctx); err != nil {
			t.Fatal(err)
		}
		first, err := b.DemoKey(ctx)
		if err != nil {
			t.Fatal(err)
		}
		p, err := b.AuthenticateKey(ctx, first)
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.Login(ctx, accounts.Credentials{Email: accounts.DemoEmail, Password: accounts.DemoPassword})
		if err != nil {
			t.Fatal(err)
		}
		_, own, err := b.CreateKey(ctx, models.Principal{UserID: s.UserID}, p.ProjectID, accounts.NewKey{Name: "mine"})
		if err != nil {
			t.Fatal(err)
		}
		var last string
		for i := range 20 {
			raw, err := b.DemoKey(ctx)
			if err != nil {
				t.Fatalf("start %d: %v", i, err)
			}
			for _, good := range []string{raw, last, own} {
				if got, err := b.AuthenticateKey(ctx, good); good != "" && (err != nil || got.ProjectID != p.ProjectID) {
					t.Fatalf("start %d: %+v, %v", i, got, err)
				}
			}
			last = raw
		}
		_, err = b.AuthenticateKey(ctx, first)
		wantCode(t, err, models.InvalidAPIKey)
	})
}

// TestKeysThatEnded make room for others, and leave the list 30 days later.
func TestKeysThatEnded(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, func(c *accounts.Config) { c.MaxKeys = 1 })
		ada := b.member(t, "ada@example.org")
		project := b.project(t, ada)
		day := 1
		for i := range 40 { // a fresh key every day
			if _, _, err := b.CreateKey(ctx, ada, project.ID, accounts.NewKey{Name: "daily", ExpiresInDays: &day}); err != nil {
				t.Fatalf("day %d: %v", i, err)
			}
			_, _, err := b.CreateKey(ctx, ada, project.ID, accounts.NewKey{Name: "second"})
			wantCode(t, err, models.InvalidRequestBody)
			b.pass(24 * time.Hour)
		}
		if keys, err := b.ListKeys(ctx, ada, project.ID); err != nil || len(keys) < 30 || len(keys) > 32 {
			t.Errorf("%d keys listed, %v; want those of the last 30 days", len(keys), err)
		}
	})
}

// TestDatabaseGone: every use case answers unavailable, not that something is wrong with the caller.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, nil)
		p := b.member(t, "ada@example.org")
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
		id := models.NewID()
		for name, call := range map[string]func() error{
			"signup": func() error {
				_, _, err := b.Signup(ctx, accounts.Credentials{Email: "z@example.org", Password: goodPassword})
				return err
			},
			"login": func() error {
				_, err := b.Login(ctx, accounts.Credentials{Email: "ada@example.org", Password: goodPassword})
				return err
			},
			"refresh":          func() error { _, err := b.Refresh(ctx, auth.NewRefreshToken()); return err },
			"logout":           func() error { return b.Logout(ctx, auth.NewRefreshToken()) },
			"authenticate key": func() error { _, err := b.AuthenticateKey(ctx, auth.NewKey()); return err },
			"create project":   func() error { _, err := b.CreateProject(ctx, p, "p"); return err },
			"list projects":    func() error { _, err := b.ListProjects(ctx, p); return err },
			"get project":      func() error { _, err := b.GetProject(ctx, p, id); return err },
			"create key":       func() error { _, _, err := b.CreateKey(ctx, p, id, accounts.NewKey{Name: "k"}); return err },
			"list keys":        func() error { _, err := b.ListKeys(ctx, p, id); return err },
			"revoke key":       func() error { return b.RevokeKey(ctx, p, id, id) },
		} {
			t.Run(name, func(t *testing.T) { wantCode(t, call(), models.Unavailable) })
		}
	})
}
