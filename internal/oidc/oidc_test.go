package oidc_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/oidc"
)

// The client at the provider, and where it sends people back to.
const (
	client   = "neurod"
	secret   = "a secret of the client"
	redirect = "https://eeg.example.org/v1/auth/oidc/callback"
)

// key is one that a provider signs with.
type key struct {
	id      string
	private *ecdsa.PrivateKey
}

func newKey(t *testing.T, id string) key {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, k}
}

// provider is one that says whatever a test wants: the real one of internal/app's tests tells no lies.
type provider struct {
	*httptest.Server

	mu        sync.Mutex
	document  map[string]any             // changes to what it says of itself
	claims    func(jwt.MapClaims)        // changes to the ID token
	sign      func(jwt.MapClaims) string // nil for with keys[0]
	keys      []key
	info      map[string]any // the answer about a user
	status    int            // of the token endpoint, 0 for 200
	challenge string         // of the login under way
	nonce     string
	asked     map[string]int // by path
}

func start(t *testing.T) *provider {
	t.Helper()
	p := &provider{keys: []key{newKey(t, "first")}, asked: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.answer))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) answer(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[r.URL.Path]++
	var out any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		d := map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"userinfo_endpoint": p.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"ES256"}}
		maps.Copy(d, p.document)
		out = d
	case "/keys":
		list := []any{}
		for _, k := range p.keys {
			b, err := k.private.PublicKey.Bytes() // 4, x, y
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			text := base64.RawURLEncoding.EncodeToString
			list = append(list, map[string]any{"kty": "EC", "crv": "P-256", "kid": k.id, "use": "sig", "x": text(b[1:33]), "y": text(b[33:])})
		}
		out = map[string]any{"keys": list}
	case "/token":
		id, pass, _ := r.BasicAuth()
		sum := crypto.SHA256.New()
		sum.Write([]byte(r.FormValue("code_verifier")))
		challenge := base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
		if p.status != 0 {
			w.WriteHeader(p.status)
		} else if id != client || pass != url.QueryEscape(secret) || r.FormValue("code") != "good" || challenge != p.challenge || r.FormValue("redirect_uri") != redirect {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			out = map[string]any{"error": "invalid_grant"}
			break
		}
		c := jwt.MapClaims{"iss": p.URL, "aud": client, "sub": "42", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": p.nonce, "email": "ada@example.org", "email_verified": true}
		if p.claims != nil {
			p.claims(c)
		}
		sign := p.sign
		if sign == nil {
			sign = p.keys[0].sign
		}
		token := map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 60}
		if text := sign(c); text != "" {
			token["id_token"] = text
		}
		out = token
	case "/userinfo":
		if r.Header.Get("Authorization") != "Bearer at" || p.info == nil {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		out = p.info
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		panic(err)
	}
}

// sign signs with a key, and panics where that cannot be.
func (k key) sign(c jwt.MapClaims) string {
	t := jwt.NewWithClaims(jwt.SigningMethodES256, c)
	t.Header["kid"] = k.id
	text, err := t.SignedString(k.private)
	if err != nil {
		panic(err)
	}
	return text
}

func (p *provider) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *provider) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

func (p *provider) client() *oidc.Provider {
	return oidc.New(oidc.Config{Issuer: p.URL, ClientID: client, ClientSecret: secret})
}

// login is a login of somebody whom the provider sends back with a code, and with what else a test says.
func (p *provider) login(t *testing.T, c *oidc.Provider, back url.Values) (oidc.Identity, error) {
	t.Helper()
	to, attempt, err := c.Begin(t.Context(), redirect)
	if err != nil {
		return oidc.Identity{}, err
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{"response_type": "code", "client_id": client, "redirect_uri": redirect, "scope": "openid email profile", "code_challenge_method": "S256",
		"state": attempt.State, "nonce": attempt.Nonce} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if strings.Contains(to, attempt.Verifier) || strings.Contains(to, "secret") {
		t.Errorf("the browser is told what it must not know: %s", to)
	}
	p.change(func() { p.challenge, p.nonce = q.Get("code_challenge"), q.Get("nonce") })
	values := url.Values{"code": {"good"}, "state": {attempt.State}}
	maps.Copy(values, back)
	return c.Finish(t.Context(), attempt, values)
}

// TestLogin says who came back, as the provider has it.
func TestLogin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*provider)
		want   oidc.Identity
	}{
		"all in the token":      {func(*provider) {}, oidc.Identity{Email: "ada@example.org", Verified: true}},
		"truth as text":         {func(p *provider) { p.claims = func(c jwt.MapClaims) { c["email_verified"] = "true" } }, oidc.Identity{Email: "ada@example.org", Verified: true}},
		"not verified":          {func(p *provider) { p.claims = func(c jwt.MapClaims) { c["email_verified"] = false } }, oidc.Identity{Email: "ada@example.org"}},
		"not verified, as text": {func(p *provider) { p.claims = func(c jwt.MapClaims) { c["email_verified"] = "false" } }, oidc.Identity{Email: "ada@example.org"}},
		"a number is no truth":  {func(p *provider) { p.claims = func(c jwt.MapClaims) { c["email_verified"] = 1 } }, oidc.Identity{Email: "ada@example.org"}},
		"nothing said of it":    {func(p *provider) { p.claims = func(c jwt.MapClaims) { delete(c, "email_verified") } }, oidc.Identity{Email: "ada@example.org"}},
		"for us among others": {func(p *provider) {
			p.claims = func(c jwt.MapClaims) { c["aud"], c["azp"] = []string{"other", client}, client }
		}, oidc.Identity{Email: "ada@example.org", Verified: true}},
		"no e-mail": {func(p *provider) {
			p.claims = func(c jwt.MapClaims) { delete(c, "email"); delete(c, "email_verified") }
		}, oidc.Identity{}},
		"verified, but no e-mail": {func(p *provider) { p.claims = func(c jwt.MapClaims) { delete(c, "email") } }, oidc.Identity{}},
		"told of the user apart": {func(p *provider) {
			p.claims = func(c jwt.MapClaims) { delete(c, "email") }
			p.info = map[string]any{"sub": "42", "email": "b@example.org", "email_verified": true}
		}, oidc.Identity{Email: "b@example.org", Verified: true}},
		"told of another user": {func(p *provider) {
			p.claims = func(c jwt.MapClaims) { delete(c, "email") }
			p.info = map[string]any{"sub": "43", "email": "b@example.org", "email_verified": true}
		}, oidc.Identity{}},
		"the answer has an issuer": {func(*provider) {}, oidc.Identity{Email: "ada@example.org", Verified: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			c.change(p)
			back := url.Values{}
			if name == "the answer has an issuer" {
				back.Set("iss", p.URL)
			}
			c.want.Issuer, c.want.Subject = p.URL, "42"
			if got, err := p.login(t, p.client(), back); err != nil || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

// TestLiesAreRefused: whatever is wrong with an answer, nobody is logged in by it.
func TestLiesAreRefused(t *testing.T) {
	t.Parallel()
	claims := func(f func(jwt.MapClaims)) func(*testing.T, *provider) {
		return func(_ *testing.T, p *provider) { p.claims = f }
	}
	for name, c := range map[string]struct {
		change func(*testing.T, *provider)
		back   url.Values
		want   error
		says   string
	}{
		"another nonce":           {change: claims(func(c jwt.MapClaims) { c["nonce"] = "x" }), says: "another nonce"},
		"no nonce":                {change: claims(func(c jwt.MapClaims) { delete(c, "nonce") }), says: "another nonce"},
		"another audience":        {change: claims(func(c jwt.MapClaims) { c["aud"] = "other" }), says: "audience"},
		"no audience":             {change: claims(func(c jwt.MapClaims) { delete(c, "aud") }), says: "audience"},
		"another party":           {change: claims(func(c jwt.MapClaims) { c["azp"] = "other" }), says: "another client"},
		"several, and no party":   {change: claims(func(c jwt.MapClaims) { c["aud"] = []string{client, "other"} }), says: "another client"},
		"another issuer":          {change: claims(func(c jwt.MapClaims) { c["iss"] = "https://accounts.example.org" }), says: "different provider"},
		"expired":                 {change: claims(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() }), says: "expired"},
		"no end":                  {change: claims(func(c jwt.MapClaims) { delete(c, "exp") }), says: "expired"},
		"not yet":                 {change: claims(func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Hour).Unix() }), says: "not before"},
		"nobody":                  {change: claims(func(c jwt.MapClaims) { delete(c, "sub") }), says: "nobody"},
		"a subject too long":      {change: claims(func(c jwt.MapClaims) { c["sub"] = strings.Repeat("x", 256) }), says: "nobody"},
		"another's key":           {change: func(t *testing.T, p *provider) { p.sign = newKey(t, "first").sign }, says: "signature"},
		"a key that is not there": {change: func(t *testing.T, p *provider) { p.sign = newKey(t, "second").sign }, says: "signature"},
		"no signature": {change: func(_ *testing.T, p *provider) {
			p.sign = func(c jwt.MapClaims) string {
				text, err := jwt.NewWithClaims(jwt.SigningMethodNone, c).SignedString(jwt.UnsafeAllowNoneSignatureType)
				if err != nil {
					panic(err)
				}
				return text
			}
		}, says: "ID token"},
		"signed with the client's secret": {change: func(_ *testing.T, p *provider) {
			p.document = map[string]any{"id_token_signing_alg_values_supported": []string{"HS256", "ES256"}}
			p.sign = func(c jwt.MapClaims) string {
				text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString([]byte(secret))
				if err != nil {
					panic(err)
				}
				return text
			}
		}, says: "ID token"},
		"no ID token":    {change: func(_ *testing.T, p *provider) { p.sign = func(jwt.MapClaims) string { return "" } }, says: "no ID token"},
		"no token":       {change: func(_ *testing.T, p *provider) { p.sign = func(jwt.MapClaims) string { return "a.b.c" } }, says: "ID token"},
		"another code":   {back: url.Values{"code": {"stolen"}}, says: "invalid_grant"},
		"no code":        {back: url.Values{"code": nil}, says: "invalid_grant"},
		"mixed up":       {back: url.Values{"iss": {"https://accounts.example.org"}}, says: "another issuer"},
		"another state":  {back: url.Values{"state": {"x"}}, want: oidc.ErrExpired},
		"no state":       {back: url.Values{"state": nil}, want: oidc.ErrExpired},
		"denied":         {back: url.Values{"error": {"access_denied"}, "error_description": {"no\nthanks"}}, want: oidc.ErrCanceled, says: `no\nthanks`},
		"a wrong client": {back: url.Values{"error": {"unauthorized_client"}}, says: "unauthorized_client"},
		"overloaded":     {back: url.Values{"error": {"temporarily_unavailable"}}, want: oidc.ErrUnavailable},
		"a fault":        {change: func(_ *testing.T, p *provider) { p.status = 502 }, want: oidc.ErrUnavailable},
		"calls itself otherwise": {change: func(_ *testing.T, p *provider) { p.document = map[string]any{"issuer": "https://accounts.example.org"} },
			want: oidc.ErrUnavailable, says: "did not match"},
		"no PKCE": {change: func(_ *testing.T, p *provider) {
			p.document = map[string]any{"code_challenge_methods_supported": []string{"plain"}}
		}, want: oidc.ErrUnavailable, says: "PKCE"},
		"no endpoint": {change: func(_ *testing.T, p *provider) { p.document = map[string]any{"token_endpoint": ""} }, want: oidc.ErrUnavailable, says: "endpoints"},
		"endless":     {change: func(_ *testing.T, p *provider) { p.document = map[string]any{"x": strings.Repeat("x", 1<<20)} }, want: oidc.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			if c.change != nil {
				c.change(t, p)
			}
			if c.want == nil {
				c.want = oidc.ErrRefused
			}
			got, err := p.login(t, p.client(), c.back)
			if !errors.Is(err, c.want) || got != (oidc.Identity{}) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), secret) {
				t.Errorf("%+v, %v; want %v with %q", got, err, c.want, c.says)
			}
		})
	}
}

// TestProviderComesAndGoes: nothing is asked before somebody logs in, what was not answered is asked again, what was answered is not, and a new key is
// found by the first token that it has signed.
func TestProviderComesAndGoes(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := p.client()
	p.change(func() { p.document = map[string]any{"issuer": "somebody else"} })
	if n := p.count("/.well-known/openid-configuration"); n != 0 {
		t.Errorf("it was asked %d times before anybody logged in", n)
	}
	if _, err := p.login(t, c, nil); !errors.Is(err, oidc.ErrUnavailable) {
		t.Fatal(err)
	}
	p.change(func() { p.document = nil })
	for range 3 {
		if _, err := p.login(t, c, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n, keys := p.count("/.well-known/openid-configuration"), p.count("/keys"); n != 2 || keys != 1 {
		t.Errorf("the document was asked for %d times, the keys %d times", n, keys)
	}
	p.change(func() { p.keys = []key{newKey(t, "second")} })
	if _, err := p.login(t, c, nil); err != nil {
		t.Errorf("after another key: %v", err)
	}
	p.change(func() { p.keys = append([]key{newKey(t, "third")}, p.keys...) })
	if _, err := p.login(t, c, nil); err != nil {
		t.Errorf("with a key beside the other: %v", err)
	}
	p.Close()
	if _, err := p.login(t, c, nil); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("away: %v", err)
	}
	// A caller that goes does not wait for one that never answers.
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slow := oidc.New(oidc.Config{Issuer: hang.URL, ClientID: client})
	if _, _, err := slow.Begin(ctx, redirect); !errors.Is(err, oidc.ErrUnavailable) {
		t.Errorf("gone: %v", err)
	}
	hang.CloseClientConnections()
	hang.Close()
}

// TestHowTheClientShowsItself: by what the provider takes, with the secret in the form where it takes no header, and without one where there is none.
func TestHowTheClientShowsItself(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		methods []string
		secret  string
		want    url.Values
	}{
		"in the form": {[]string{"client_secret_post", "private_key_jwt"}, secret, url.Values{"client_id": {client}, "client_secret": {secret}}},
		"public":      {[]string{"client_secret_basic", "none"}, "", url.Values{"client_id": {client}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var form url.Values
			var header string
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/token" {
					header = r.Header.Get("Authorization")
					if err := r.ParseForm(); err != nil {
						t.Error(err)
					}
					form = r.PostForm
				}
				if err := json.NewEncoder(w).Encode(map[string]any{"issuer": server.URL, "authorization_endpoint": server.URL + "/auth", "token_endpoint": server.URL + "/token", "jwks_uri": server.URL + "/keys",
					"token_endpoint_auth_methods_supported": c.methods, "access_token": "at", "token_type": "Bearer"}); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			o := oidc.New(oidc.Config{Issuer: server.URL, ClientID: client, ClientSecret: c.secret})
			_, attempt, err := o.Begin(t.Context(), redirect)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := o.Finish(t.Context(), attempt, url.Values{"state": {attempt.State}, "code": {"good"}}); !errors.Is(err, oidc.ErrRefused) {
				t.Error(err) // there is no ID token
			}
			for _, field := range []string{"client_id", "client_secret"} {
				if form.Get(field) != c.want.Get(field) || header != "" {
					t.Errorf("%s is %q, header %q; want %v", field, form.Get(field), header, c.want)
				}
			}
		})
	}
}

// TestAttemptsEnd: what a browser keeps is good for a while, under this server's key, and as it was.
func TestAttemptsEnd(t *testing.T) {
	t.Parallel()
	p := start(t)
	vault := func(key string) oidc.Attempts {
		v, err := auth.NewVault([]byte(strings.Repeat(key, 32)))
		if err != nil {
			t.Fatal(err)
		}
		return oidc.NewAttempts(v)
	}
	ours, theirs := vault("k"), vault("x")
	_, attempt, err := p.client().Begin(t.Context(), redirect)
	if err != nil {
		t.Fatal(err)
	}
	attempt.Wish = json.RawMessage(`{"to":"#/p"}`)
	sealed, err := ours.Seal(attempt)
	if err != nil {
		t.Fatal(err)
	}
	got := ours.Unseal(sealed)
	if got.State != attempt.State || got.Nonce != attempt.Nonce || got.Verifier != attempt.Verifier || got.Redirect != redirect || !got.Begun.Equal(attempt.Begun) || string(got.Wish) != string(attempt.Wish) {
		t.Errorf("%+v, want %+v", got, attempt)
	}
	for _, secret := range []string{attempt.State, attempt.Nonce, attempt.Verifier} {
		if strings.Contains(sealed, secret) {
			t.Error("the browser can read what it keeps")
		}
	}
	other, err := theirs.Seal(attempt)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"another key's": other, "cut": sealed[:len(sealed)-4], "nothing": "", "no base64": "%", "changed": "A" + sealed[1:]} {
		if text == sealed {
			continue // the first letter was an A
		}
		if got := ours.Unseal(text); got.State != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		o := oidc.New(oidc.Config{Issuer: "https://accounts.example.org", ClientID: client})
		a := oidc.Attempt{State: "s", Begun: time.Now()}
		back := url.Values{"state": {"s"}, "error": {"access_denied"}}
		time.Sleep(oidc.AttemptTTL - time.Second)
		if _, err := o.Finish(t.Context(), a, back); !errors.Is(err, oidc.ErrCanceled) {
			t.Errorf("in time: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := o.Finish(t.Context(), a, back); !errors.Is(err, oidc.ErrExpired) {
			t.Errorf("too late: %v", err)
		}
	})
	if _, err := p.client().Finish(t.Context(), oidc.Attempt{}, url.Values{"state": {""}, "code": {"good"}}); !errors.Is(err, oidc.ErrExpired) {
		t.Errorf("no attempt: %v", err)
	}
}
