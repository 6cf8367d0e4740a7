package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/oidc"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/models"
)

// A login through a provider is two visits of a browser: to oidcLogin, which sends it to the provider with an attempt in a cookie, and back to
// oidcCallback, which takes the attempt and what the provider says. Both end on a page of the console whatever happens; the page asks for its access
// token as after any login of a browser. Where it goes from there is its own word, which stands behind the # of its address: no answer here
// leads to another place than the console's login.

// Provider is where people log in who do not with a password.
type Provider struct {
	// OIDC is the provider. Required.
	OIDC *oidc.Provider
	// Attempts is how browsers keep what they have begun. Required.
	Attempts oidc.Attempts
	// Name is what people call it. Required.
	Name string
}

// attemptCookie keeps the attempt while its person is at the provider. The browser sends it when the provider sends the person back (SameSite=Lax),
// which it does not with the login's cookie.
const attemptCookie = "neurod_attempt"

// wish is what a login page wants after the login; it comes back with the attempt.
type wish struct {
	Admin      bool   `json:"admin,omitempty"`      // back to the pages of operators
	To         string `json:"to,omitempty"`         // where in them, as the page says it
	Invitation string `json:"invitation,omitempty"` // that who has no account accepts
	Former     string `json:"former,omitempty"`     // the login that the browser had
}

// Bounds of what a login page says: the attempt has to fit into a cookie of 4 kB.
const (
	maxTo         = 1000
	maxInvitation = 100
)

// oidcLogin is GET /v1/auth/oidc/login.
func (a *API) oidcLogin(c *gin.Context) {
	p := a.cfg.Provider
	if p == nil {
		fail(c, noProvider())
		return
	}
	w := wish{To: c.Query("to"), Invitation: c.Query("invitation"), Former: a.loginToken(c)}
	switch page := c.Query("page"); {
	case page != "" && page != "admin":
		fail(c, models.Errorf(models.InvalidParameter, "page must be admin, or left out."))
		return
	case len(w.To) > maxTo:
		fail(c, models.Errorf(models.InvalidParameter, "to must have at most %d bytes.", maxTo))
		return
	case len(w.Invitation) > maxInvitation:
		fail(c, models.Errorf(models.InvalidParameter, "invitation must have at most %d bytes.", maxInvitation))
		return
	default:
		w.Admin = page == "admin"
	}
	to, attempt, err := p.OIDC.Begin(c.Request.Context(), a.base(c).String()+oidc.CallbackPath)
	sealed := ""
	if err == nil {
		if attempt.Wish, err = json.Marshal(w); err == nil {
			sealed, err = p.Attempts.Seal(attempt)
		}
	}
	if err != nil {
		a.backToLogin(c, w, a.providerError(c, err))
		return
	}
	a.setAttempt(c, sealed)
	c.Redirect(http.StatusSeeOther, to)
}

// oidcCallback is GET /v1/auth/oidc/callback.
func (a *API) oidcCallback(c *gin.Context) {
	p := a.cfg.Provider
	if p == nil {
		fail(c, noProvider())
		return
	}
	var attempt oidc.Attempt
	if kept := c.Request.CookiesNamed(a.attemptName(c)); len(kept) == 1 {
		attempt = p.Attempts.Unseal(kept[0].Value)
	}
	var w wish
	if attempt.Wish != nil {
		if err := json.Unmarshal(attempt.Wish, &w); err != nil {
			fail(c, err)
			return
		}
	}
	a.setAttempt(c, "") // it is good once
	who, err := p.OIDC.Finish(c.Request.Context(), attempt, c.Request.URL.Query())
	if err != nil {
		a.backToLogin(c, w, a.providerError(c, err))
		return
	}
	login, err := a.cfg.Accounts.LoginThrough(c.Request.Context(), accounts.Person{Issuer: who.Issuer, Subject: who.Subject, Email: who.Email, Verified: who.Verified,
		Remote: c.ClientIP(), Invitation: w.Invitation})
	if err == nil && w.Former != "" {
		err = a.cfg.Accounts.Logout(c.Request.Context(), w.Former)
	}
	if err != nil {
		a.backToLogin(c, w, err)
		return
	}
	a.setLoginCookie(c, login.RefreshToken, login.RefreshFor)
	a.backToLogin(c, w, nil)
}

// attemptName is the name of the attempt's cookie at the address of the server.
func (a *API) attemptName(c *gin.Context) string { return cookieName(a.base(c), attemptCookie) }

// setAttempt gives the browser an attempt to keep, or takes it away with "".
func (a *API) setAttempt(c *gin.Context, sealed string) {
	cookie := http.Cookie{Name: a.attemptName(c), Value: sealed, Path: "/", HttpOnly: true, Secure: a.base(c).Scheme == "https",
		SameSite: http.SameSiteLaxMode, MaxAge: int(oidc.AttemptTTL.Seconds())}
	if sealed == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.Writer, &cookie)
}

// noProvider is the error of a server through which nobody logs in.
func noProvider() error {
	return models.Errorf(models.NotConfigured, "This server has no provider of logins (NEUROD_OIDC_ISSUER).")
}

// providerErrors are the codes of the ways in which a login at a provider fails.
var providerErrors = []struct {
	err  error
	code models.Code
}{
	{oidc.ErrExpired, models.LoginExpired},
	{oidc.ErrCanceled, models.LoginCanceled},
	{oidc.ErrRefused, models.LoginRefused},
	{oidc.ErrUnavailable, models.ProviderUnavailable},
}

// providerError is the error for people of a login that failed at the provider. What exactly it was is logged.
func (a *API) providerError(c *gin.Context, err error) error {
	for _, e := range providerErrors {
		if errors.Is(err, e.err) {
			a.cfg.Log.WarnContext(context.WithoutCancel(c.Request.Context()), "login through the provider failed", "code", e.code, "error", err)
			return models.NewError(e.code).Wrap(err)
		}
	}
	return err
}

// backToLogin sends a browser to the login page, which goes on by itself where the login has succeeded, and else says what the error's code stands for.
func (a *API) backToLogin(c *gin.Context, w wish, err error) {
	q := url.Values{}
	if w.To != "" {
		q.Set("to", w.To)
	}
	if err == nil {
		q.Set("entered", "yes")
	} else {
		known := models.AsError(err)
		if known.Class() == models.ClassInternal {
			a.cfg.Log.ErrorContext(c.Request.Context(), "login through the provider failed", "error", err)
		}
		q.Set("error", string(known.Code))
		if w.Invitation != "" {
			q.Set("invitation", w.Invitation)
		}
	}
	page := "/"
	if w.Admin {
		page = "/admin"
	}
	c.Redirect(http.StatusSeeOther, a.base(c).String()+page+"#/login?"+q.Encode())
}
