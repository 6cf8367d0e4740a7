package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/build"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/models"
)

// Browsers log in as other clients do, but for the refresh token, which is a cookie that no script can read: the page holds the access
// token alone, in its memory, and gets the next one by the cookie. A cookie is sent by the browser whoever asks, so that each of these
// calls must come from a page of this server (ownPage); no other route looks at cookies.

// browserLogin is what a page gets of a login.
type browserLogin struct {
	AccessToken string          `json:"access_token"`
	TokenType   string          `json:"token_type"`
	ExpiresIn   int             `json:"expires_in"` // s
	Account     accountDocument `json:"account"`
}

// accountDocument is a user as they see themselves.
type accountDocument struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	Operator  bool   `json:"operator"`
	Password  bool   `json:"password"` // they have one
	CreatedAt string `json:"created_at"`
}

func accountOf(u models.User) accountDocument {
	return accountDocument{u.ID, u.Email, u.Operator, u.HasPassword(), rfc3339(u.CreatedAt)}
}

// The name of the cookie. Behind TLS it begins such that browsers take it from this very host alone and over TLS
// (draft-ietf-httpbis-rfc6265bis, 4.1.3.2): a neighbouring host cannot slip its own login under a page of this one.
const (
	loginCookie  = "neurod_login"
	securePrefix = "__Host-"
)

// cookieName is the name of a cookie at an address. Browsers do not tell ports apart: two servers of one machine would
// end each other's logins.
func cookieName(base *url.URL, name string) string {
	if port := base.Port(); port != "" {
		name += "_" + port
	}
	if base.Scheme == "https" {
		return securePrefix + name
	}
	return name
}

// setLoginCookie gives the browser a refresh token, or takes it away with "".
func (a *API) setLoginCookie(c *gin.Context, token string, ttl time.Duration) {
	base := a.base(c)
	cookie := http.Cookie{Name: cookieName(base, loginCookie), Value: token, Path: "/", HttpOnly: true, Secure: base.Scheme == "https",
		SameSite: http.SameSiteStrictMode, MaxAge: int(ttl.Seconds())}
	if token == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.Writer, &cookie)
}

// loginToken returns the refresh token of the browser, "" for none. Of several cookies of the name, which only another host of the
// domain can have set, none is believed.
func (a *API) loginToken(c *gin.Context) string {
	found := c.Request.CookiesNamed(cookieName(a.base(c), loginCookie))
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// consoleHeader must be on calls that are authenticated by a cookie. A page of another origin cannot send it: browsers ask
// first (CORS preflight), and it is on no list of ours.
const consoleHeader = "X-Neurod-Console"

// ownPage refuses calls that do not come from a page of this server (OWASP, "Cross-Site Request Forgery Prevention"): by the header that
// only such a page can send, by the Origin that browsers say, and by Fetch Metadata (https://www.w3.org/TR/fetch-metadata/), each
// where it is there. CORS lets no origin pass here, whatever it lets read the rest of the API.
func (a *API) ownPage() gin.HandlerFunc {
	return func(c *gin.Context) {
		h := c.Request.Header
		site, origins := h.Get("Sec-Fetch-Site"), h.Values("Origin")
		switch {
		case h.Get(consoleHeader) == "", site != "" && site != "same-origin", len(origins) > 1, len(origins) == 1 && !a.isOwn(c, origins[0]):
			fail(c, models.Errorf(render.OriginNotAllowed, "Only pages of this server may make this call, and send %s with it.", consoleHeader))
		default:
			c.Next()
		}
	}
}

// isOwn reports whether an origin is this server's, as the client reaches it.
func (a *API) isOwn(c *gin.Context, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	base := a.base(c)
	return strings.EqualFold(u.Host, base.Host) && u.Scheme == base.Scheme || strings.EqualFold(u.Host, c.Request.Host)
}

// answerLogin writes a login of a browser.
func (a *API) answerLogin(c *gin.Context, status int, s accounts.Login) {
	u, err := a.cfg.Accounts.Account(c.Request.Context(), models.Principal{UserID: s.UserID})
	if err != nil {
		fail(c, err)
		return
	}
	a.setLoginCookie(c, s.RefreshToken, s.RefreshFor)
	c.PureJSON(status, browserLogin{AccessToken: s.AccessToken, TokenType: "Bearer", ExpiresIn: int(s.ExpiresIn.Seconds()), Account: accountOf(u)})
}

// endFormer ends the login that the browser had, if any, so that a new one never goes on with it.
func (a *API) endFormer(c *gin.Context) error {
	if former := a.loginToken(c); former != "" {
		return a.cfg.Accounts.Logout(c.Request.Context(), former)
	}
	return nil
}

// browserSignup is POST /v1/auth/browser/signup.
func (a *API) browserSignup(c *gin.Context) {
	var body signupBody
	if !bindJSON(c, &body) {
		return
	}
	credentials := credentialsBody{body.Email, body.Password}.of(c)
	credentials.Invitation = body.Invitation
	_, s, err := a.cfg.Accounts.Signup(c.Request.Context(), credentials)
	if err == nil {
		err = a.endFormer(c)
	}
	if err != nil {
		fail(c, err)
		return
	}
	a.answerLogin(c, http.StatusCreated, s)
}

// browserLogin is POST /v1/auth/browser/login. It always begins a login of its own, whatever cookie the browser had.
func (a *API) browserLogin(c *gin.Context) {
	var body credentialsBody
	if !bindJSON(c, &body) {
		return
	}
	s, err := a.cfg.Accounts.Login(c.Request.Context(), body.of(c))
	if err == nil {
		err = a.endFormer(c)
	}
	if err != nil {
		fail(c, err)
		return
	}
	a.answerLogin(c, http.StatusOK, s)
}

// browserRefresh is POST /v1/auth/browser/refresh.
func (a *API) browserRefresh(c *gin.Context) {
	token := a.loginToken(c)
	if token == "" {
		fail(c, models.Errorf(models.MissingCredentials, "This browser is not logged in."))
		return
	}
	s, err := a.cfg.Accounts.RefreshShared(c.Request.Context(), token)
	if err != nil {
		if models.AsError(err).Code == models.InvalidToken {
			a.setLoginCookie(c, "", 0)
		}
		fail(c, err)
		return
	}
	a.answerLogin(c, http.StatusOK, s)
}

// browserLogout is POST /v1/auth/browser/logout.
func (a *API) browserLogout(c *gin.Context) {
	if err := a.endFormer(c); err != nil {
		fail(c, err)
		return
	}
	a.setLoginCookie(c, "", 0)
	c.Status(http.StatusNoContent)
}

// account is GET /v1/account.
func (a *API) account(c *gin.Context) {
	u, err := a.cfg.Accounts.Account(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, accountOf(u))
}

// logoutEverywhere is POST /v1/account/logout.
func (a *API) logoutEverywhere(c *gin.Context) {
	if err := a.cfg.Accounts.LogoutEverywhere(c.Request.Context(), principal(c)); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// serverDocument is what anybody may know of a server before they log in.
type serverDocument struct {
	Object   string            `json:"object"`
	Version  string            `json:"version"`
	Signup   bool              `json:"signup"`   // anybody may make an account
	Demo     bool              `json:"demo"`     // the demo account exists
	Password bool              `json:"password"` // one may log in with a password
	Provider *providerDocument `json:"provider"` // through which one may log in
}

// providerDocument is a provider of logins, at which a browser logs in that goes to /v1/auth/oidc/login.
type providerDocument struct {
	Name string `json:"name"`
}

// server is GET /api/v1/server.
func (a *API) server(c *gin.Context) {
	d := serverDocument{"server", build.Read().String(), a.cfg.Accounts.SignupOpen(), a.cfg.Demo, a.cfg.Accounts.PasswordsOpen(), nil}
	if p := a.cfg.Provider; p != nil {
		d.Provider = &providerDocument{p.Name}
	}
	c.PureJSON(http.StatusOK, d)
}
