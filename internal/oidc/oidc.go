// Package oidc logs people in through a provider of OpenID Connect (https://openid.net/specs/openid-connect-core-1_0.html), by the authorization
// code flow with PKCE (RFC 7636). It knows nothing of accounts: it takes a person to the provider and says who came back.
//
// Invariants:
//
//   - The provider is asked when somebody logs in and never before: that it is away keeps nothing from starting.
//   - What comes back is taken only with the attempt that it answers, which the browser alone keeps, sealed (Attempts): its state, its nonce and its
//     code verifier are 256 random bits each and good for AttemptTTL.
//   - An ID token is taken when it has a signature of the provider's with an asymmetric algorithm, its issuer, this client among its audience and as its
//     authorized party, an expiry ahead and the nonce of the attempt (section 3.1.3.7).
//   - Whatever the provider answers is bounded in size and time.
package oidc

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// The ways in which a login fails. What exactly was wrong is in the text of the error, for the log.
var (
	// ErrUnavailable says that the provider does not answer, or not as one does.
	ErrUnavailable = errors.New("oidc: the provider does not answer")
	// ErrExpired says that what came back answers no attempt of this browser that is still good.
	ErrExpired = errors.New("oidc: no such attempt")
	// ErrCanceled says that the person or the provider did not want the login (access_denied, RFC 6749, section 4.1.2.1).
	ErrCanceled = errors.New("oidc: canceled")
	// ErrRefused says that the provider's answer is not to be believed, or that it refuses this client.
	ErrRefused = errors.New("oidc: refused")
)

// Config describes a provider and what this server is to it.
type Config struct {
	// Issuer is the provider's, exactly as it calls itself. Required.
	Issuer string
	// ClientID and ClientSecret are this server's there. ClientID is required; without a secret it is a public client, which PKCE alone protects.
	ClientID, ClientSecret string
	// Scopes are asked for, openid among them. Defaults to openid, email and profile.
	Scopes []string
	// Timeout bounds each call to the provider. Defaults to 10 s.
	Timeout time.Duration
	// Transport carries the calls. Defaults to one that takes the proxy of the environment.
	Transport http.RoundTripper
	// Now is the clock by which tokens expire. Defaults to time.Now.
	Now func() time.Time
}

// Identity is a person as a provider knows them.
type Identity struct {
	Issuer   string
	Subject  string // names the person at the issuer for good
	Email    string // "" for none
	Verified bool   // that the e-mail address is the person's
}

// Provider is a provider of logins. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	client *http.Client

	found  atomic.Pointer[found] // nil until the provider has answered
	asking singleflight.Group    // many who log in at once ask once
}

// found is what a provider says of itself.
type found struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	endpoint oauth2.Endpoint
}

// CallbackPath is where below the server's address the provider sends people back to.
const CallbackPath = "/v1/auth/oidc/callback"

// maxAnswer bounds an answer of the provider: Google's keys have 2 kB, a discovery document has 3 kB.
const maxAnswer = 1 << 20

// New returns a provider. Nothing is asked of it yet.
func New(cfg Config) *Provider {
	if len(cfg.Scopes) == 0 {
		cfg.Scopes = []string{oidc.ScopeOpenID, "email", "profile"}
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives = true // logins are rare
		cfg.Transport = t
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Provider{cfg: cfg, client: &http.Client{Timeout: cfg.Timeout, Transport: bounded{cfg.Transport}}}
}

// bounded cuts answers at maxAnswer.
type bounded struct{ http.RoundTripper }

// RoundTrip makes a call.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(req)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}

// Issuer returns the provider's name of itself.
func (p *Provider) Issuer() string { return p.cfg.Issuer }

// Discover asks the provider what it is (OpenID Connect Discovery 1.0), once it has answered never again: its keys are read anew by themselves when a
// token is signed with one that is not known. Error: ErrUnavailable, and the next call asks again.
func (p *Provider) Discover(ctx context.Context) error {
	_, err := p.discover(ctx)
	return err
}

func (p *Provider) discover(ctx context.Context) (*found, error) {
	if f := p.found.Load(); f != nil {
		return f, nil
	}
	answer := p.asking.DoChan("", func() (any, error) { return p.ask() })
	select {
	case a := <-answer:
		if a.Err != nil {
			return nil, a.Err
		}
		return a.Val.(*found), nil
	case <-ctx.Done(): // the others go on
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// ask reads the provider's document. The client bounds how long that takes.
func (p *Provider) ask() (*found, error) {
	ctx := p.with(context.Background())
	provider, err := oidc.NewProvider(ctx, p.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var says struct {
		Challenges []string `json:"code_challenge_methods_supported"`
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
		Keys       string   `json:"jwks_uri"`
	}
	if err := provider.Claims(&says); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	endpoint := provider.Endpoint()
	switch {
	case endpoint.AuthURL == "" || endpoint.TokenURL == "" || says.Keys == "":
		return nil, fmt.Errorf("%w: it does not name the endpoints of authorization, tokens and keys", ErrUnavailable)
	case len(says.Challenges) > 0 && !slices.Contains(says.Challenges, "S256"):
		return nil, fmt.Errorf("%w: it takes no PKCE with S256, but %v", ErrUnavailable, says.Challenges)
	}
	// How the client names itself is not tried out, for which the library would spend the code twice: the header is what every provider takes
	// that says nothing (OpenID Connect Discovery, section 3).
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if p.cfg.ClientSecret == "" || len(says.Methods) > 0 && !slices.Contains(says.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	f := &found{provider, provider.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Now}), endpoint}
	p.found.Store(f)
	return f, nil
}

// with returns a context in which both libraries call by the provider's client.
func (p *Provider) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}

func (p *Provider) oauth(f *found, redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: f.endpoint, RedirectURL: redirect, Scopes: p.cfg.Scopes}
}

// Begin returns where the person goes to log in, and the attempt that their browser keeps meanwhile. Error: ErrUnavailable.
func (p *Provider) Begin(ctx context.Context, redirect string) (to string, a Attempt, err error) {
	f, err := p.discover(ctx)
	if err != nil {
		return "", Attempt{}, err
	}
	a = newAttempt(redirect, p.cfg.Now())
	return p.oauth(f, redirect).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), a, nil
}

// Finish says who came back with the parameters of the redirection. The attempt is the one that the browser kept, the zero Attempt for none. Errors:
// ErrExpired, ErrCanceled, ErrRefused, ErrUnavailable.
func (p *Provider) Finish(ctx context.Context, a Attempt, q url.Values) (Identity, error) {
	if !a.good(q.Get("state"), p.cfg.Now()) {
		return Identity{}, ErrExpired
	}
	if iss := q.Get("iss"); iss != "" && iss != p.cfg.Issuer { // RFC 9207: the answer of another provider
		return Identity{}, fmt.Errorf("%w: the answer is of another issuer", ErrRefused)
	}
	if code := q.Get("error"); code != "" {
		return Identity{}, fmt.Errorf("%w: %.100q: %.300q", kindOf(code), code, q.Get("error_description"))
	}
	f, err := p.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	token, err := p.oauth(f, a.Redirect).Exchange(p.with(ctx), q.Get("code"), oauth2.VerifierOption(a.Verifier))
	var said *oauth2.RetrieveError
	switch {
	case errors.As(err, &said) && said.Response.StatusCode < http.StatusInternalServerError: // the library leaves the secret out of it
		return Identity{}, fmt.Errorf("%w: the code: %d %.100q: %.300q", ErrRefused, said.Response.StatusCode, said.ErrorCode, said.ErrorDescription)
	case err != nil:
		return Identity{}, fmt.Errorf("%w: the code: %w", ErrUnavailable, err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Identity{}, fmt.Errorf("%w: it gave no ID token", ErrRefused)
	}
	return p.verify(ctx, f, raw, token, a.Nonce)
}

// kindOf sorts the errors that a provider sends people back with (RFC 6749, section 4.1.2.1; OpenID Connect Core, section 3.1.2.6).
func kindOf(code string) error {
	switch code {
	case "access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required":
		return ErrCanceled
	case "server_error", "temporarily_unavailable":
		return ErrUnavailable
	}
	return ErrRefused
}

// claims are those of a person that are looked at.
type claims struct {
	Email    string `json:"email"`
	Verified truth  `json:"email_verified"`
}

// truth is a JSON truth value; some providers write it as a string.
type truth bool

// UnmarshalJSON reads true, "true" and what is not that.
func (t *truth) UnmarshalJSON(b []byte) error {
	*t = string(b) == "true" || string(b) == `"true"`
	return nil
}

// verify says whom an ID token is about.
func (p *Provider) verify(ctx context.Context, f *found, raw string, token *oauth2.Token, nonce string) (Identity, error) {
	id, err := f.verifier.Verify(p.with(ctx), raw)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: the ID token: %w", ErrRefused, err)
	}
	var says struct {
		Party string `json:"azp"`
		claims
	}
	switch err := id.Claims(&says); {
	case err != nil:
		return Identity{}, fmt.Errorf("%w: the ID token: %w", ErrRefused, err)
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1:
		return Identity{}, fmt.Errorf("%w: the ID token has another nonce", ErrRefused)
	case cmp.Or(says.Party, p.cfg.ClientID) != p.cfg.ClientID || len(id.Audience) > 1 && says.Party == "":
		return Identity{}, fmt.Errorf("%w: the ID token was made for another client", ErrRefused)
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return Identity{}, fmt.Errorf("%w: the ID token names nobody", ErrRefused)
	}
	if says.Email == "" { // as of providers that keep ID tokens small
		says.claims = p.userInfo(ctx, f, token, id.Subject)
	}
	return Identity{Issuer: p.cfg.Issuer, Subject: id.Subject, Email: says.Email, Verified: bool(says.Verified)}, nil
}

// maxSubject is the longest subject, in bytes (OpenID Connect Core, section 2).
const maxSubject = 255

// userInfo asks the provider for the e-mail address that was not in the ID token. Without an answer there is none.
func (p *Provider) userInfo(ctx context.Context, f *found, token *oauth2.Token, subject string) (out claims) {
	if f.provider.UserInfoEndpoint() == "" {
		return out
	}
	info, err := f.provider.UserInfo(p.with(ctx), oauth2.StaticTokenSource(token))
	if err != nil || info.Subject != subject || info.Claims(&out) != nil { // section 5.3.2: another's must not be used
		return claims{}
	}
	return out
}

var _ json.Unmarshaler = (*truth)(nil)
