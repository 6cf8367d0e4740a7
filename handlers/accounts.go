package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/models"
)

// credentialsBody is the body of signup and login.
type credentialsBody struct {
	Email    string `json:"email" validate:"required"`
	Password string `json:"password" validate:"required"`
}

func (b credentialsBody) of(c *gin.Context) accounts.Credentials {
	return accounts.Credentials{Email: b.Email, Password: b.Password, Remote: c.ClientIP()}
}

// signupBody is the body of signup.
type signupBody struct {
	Email      string `json:"email" validate:"required"`
	Password   string `json:"password" validate:"required"`
	Invitation string `json:"invitation"` // token of one to accept
}

// loginDocument is what a login answers (the names are those of RFC 6749, section 5.1).
type loginDocument struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"` // s
	RefreshToken string `json:"refresh_token"`
}

func loginOf(s accounts.Login) loginDocument {
	return loginDocument{AccessToken: s.AccessToken, TokenType: "Bearer", ExpiresIn: int(s.ExpiresIn.Seconds()), RefreshToken: s.RefreshToken}
}

// signup is POST /v1/auth/signup: makes an account and logs it in.
func (a *API) signup(c *gin.Context) {
	var body signupBody
	if !bindJSON(c, &body) {
		return
	}
	credentials := credentialsBody{body.Email, body.Password}.of(c)
	credentials.Invitation = body.Invitation
	u, s, err := a.cfg.Accounts.Signup(c.Request.Context(), credentials)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusCreated, struct {
		ID        string `json:"id"`
		Email     string `json:"email"`
		CreatedAt string `json:"created_at"`
		loginDocument
	}{u.ID, u.Email, rfc3339(u.CreatedAt), loginOf(s)})
}

// login is POST /v1/auth/login.
func (a *API) login(c *gin.Context) {
	var body credentialsBody
	if !bindJSON(c, &body) {
		return
	}
	s, err := a.cfg.Accounts.Login(c.Request.Context(), body.of(c))
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, loginOf(s))
}

// refreshBody is the body of refresh and logout.
type refreshBody struct {
	RefreshToken string `json:"refresh_token" validate:"required"`
}

// refresh is POST /v1/auth/refresh, which two documents have: with refresh_token in its body it exchanges a refresh token,
// once, and speaks as the family of sessions; otherwise it is about an API key and speaks as the registry (refreshKey).
func (a *API) refresh(c *gin.Context) {
	b, err := readBody(c)
	if err != nil {
		fail(c, err)
		return
	}
	var given struct {
		RefreshToken json.RawMessage `json:"refresh_token"`
		APIKey       json.RawMessage `json:"api_key"`
	}
	if len(b) > 0 {
		if err := decodeJSON(b, &given); err != nil {
			fail(c, err)
			return
		}
	}
	if given.RefreshToken == nil {
		a.refreshKey(c, b)
		return
	}
	if given.APIKey != nil {
		middleware.FailIn(c, render.Problem, models.InvalidField(models.At("api_key"), "conflict", "cannot be used together with refresh_token"))
		return
	}
	var body refreshBody
	if err := decodeJSON(b, &body); err != nil {
		middleware.FailIn(c, render.Problem, err)
		return
	}
	s, err := a.cfg.Accounts.Refresh(c.Request.Context(), body.RefreshToken)
	if err != nil {
		middleware.FailIn(c, render.Problem, err)
		return
	}
	c.PureJSON(http.StatusOK, loginOf(s))
}

// logout is POST /v1/auth/logout: revokes the refresh tokens of one login.
func (a *API) logout(c *gin.Context) {
	var body refreshBody
	if !bindJSON(c, &body) {
		return
	}
	if err := a.cfg.Accounts.Logout(c.Request.Context(), body.RefreshToken); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// projectBody is the body that makes a project.
type projectBody struct {
	Name string `json:"name" validate:"required"`
}

// projectDocument is what callers see of a project.
type projectDocument struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	Role      models.Role `json:"role"` // of the caller
	CreatedAt string      `json:"created_at"`
}

func projectOf(p accounts.OwnProject) projectDocument {
	return projectDocument{ID: p.ID, Name: p.Name, Role: p.Role, CreatedAt: rfc3339(p.CreatedAt)}
}

// createProject is POST /v1/projects.
func (a *API) createProject(c *gin.Context) {
	var body projectBody
	idem, ok := bindKeyed(c, &body)
	if !ok {
		return
	}
	who := principal(c)
	location := func(id string) string { return "/v1/projects/" + id }
	a.once(c, who.UserID, idem, nil, location, nil, func(ctx context.Context) (int, any, string, error) {
		p, err := a.cfg.Accounts.CreateProject(ctx, who, body.Name)
		return http.StatusCreated, projectOf(accounts.OwnProject{Project: p, Role: models.RoleOwner}), p.ID, err
	})
}

// listProjects is GET /v1/projects: a plain array, as this family's lists are.
func (a *API) listProjects(c *gin.Context) {
	projects, err := a.cfg.Accounts.ListProjects(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]projectDocument, len(projects))
	for i, p := range projects {
		out[i] = projectOf(p)
	}
	c.PureJSON(http.StatusOK, out)
}

// getProject is GET /v1/projects/:id.
func (a *API) getProject(c *gin.Context) {
	p, err := a.cfg.Accounts.GetProject(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, projectOf(p))
}

// keyBody is the body that makes a key.
type keyBody struct {
	Name          string         `json:"name" validate:"required"`
	Scopes        []models.Scope `json:"scopes"`     // left out: all
	ExpiresAt     *string        `json:"expires_at"` // RFC 3339; left out: never
	ExpiresInDays *int           `json:"expires_in_days"`
	// RateLimits by family; left out: the server's.
	RateLimits map[models.LimitFamily]struct {
		PerMinute *int `json:"per_minute"`
		Burst     *int `json:"burst"` // left out: twice the rate
	} `json:"rate_limits"`
	License models.License `json:"license"` // left out: free
}

// keyDocument is what callers see of a key. RawKey is in the answer that makes the key and nowhere else.
type keyDocument struct {
	ID        string         `json:"id"`
	ProjectID string         `json:"project_id"`
	ParentID  *string        `json:"parent_id"`  // the key that was refreshed into this one
	CreatedBy *string        `json:"created_by"` // the user who made it
	Name      string         `json:"name"`
	RawKey    string         `json:"raw_key,omitempty"`
	LastFour  string         `json:"last_four"`
	Scopes    []models.Scope `json:"scopes"`
	CreatedAt string         `json:"created_at"`
	ExpiresAt *string        `json:"expires_at"`
	// RateLimits are those that the key has instead of the server's.
	RateLimits models.RateLimits `json:"rate_limits"`
	License    models.License    `json:"license"`
	LastUsedAt *string           `json:"last_used_at"` // to about a minute
}

func keyOf(k models.APIKey, raw string) keyDocument {
	limits := k.RateLimits
	if limits == nil {
		limits = models.RateLimits{} // {}, not null
	}
	return keyDocument{ID: k.ID, ProjectID: k.ProjectID, ParentID: k.ParentID, CreatedBy: k.CreatedBy, Name: k.Name, RawKey: raw, LastFour: k.LastFour, Scopes: k.Scopes,
		CreatedAt: rfc3339(k.CreatedAt), ExpiresAt: rfc3339p(k.ExpiresAt), RateLimits: limits, License: k.License, LastUsedAt: rfc3339p(k.LastUsedAt)}
}

// createKey is POST /v1/projects/:id/keys.
func (a *API) createKey(c *gin.Context) {
	var body keyBody
	idem, ok := bindKeyed(c, &body)
	if !ok {
		return
	}
	n := accounts.NewKey{Name: body.Name, Scopes: body.Scopes, ExpiresInDays: body.ExpiresInDays, License: body.License}
	if body.ExpiresAt != nil {
		at, err := time.Parse(time.RFC3339, *body.ExpiresAt)
		if err != nil {
			fail(c, models.InvalidField(models.At("expires_at"), "not_a_time", "must be an RFC 3339 time such as 2030-01-31T12:00:00Z"))
			return
		}
		n.ExpiresAt = &at
	}
	if len(body.RateLimits) > 0 {
		n.RateLimits = make(map[models.LimitFamily]accounts.NewRateLimit, len(body.RateLimits))
		for family, r := range body.RateLimits {
			n.RateLimits[family] = accounts.NewRateLimit(r)
		}
	}
	who := principal(c)
	projectID := who.ProjectID
	location := func(id string) string { return "/v1/projects/" + projectID + "/keys/" + id }
	a.once(c, projectID, idem, nil, location, nil, func(ctx context.Context) (int, any, string, error) {
		k, raw, err := a.cfg.Accounts.CreateKey(ctx, who, projectID, n)
		return http.StatusCreated, keyOf(k, raw), k.ID, err
	})
}

// listKeys is GET /v1/projects/:id/keys: the keys that are not revoked.
func (a *API) listKeys(c *gin.Context) {
	keys, err := a.cfg.Accounts.ListKeys(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]keyDocument, len(keys))
	for i, k := range keys {
		out[i] = keyOf(k, "")
	}
	c.PureJSON(http.StatusOK, out)
}

// revokeKey is DELETE /v1/projects/:id/keys/:key_id: the key and all that were refreshed from it.
func (a *API) revokeKey(c *gin.Context) {
	if err := a.cfg.Accounts.RevokeKey(c.Request.Context(), principal(c), c.Param("id"), c.Param("key_id")); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}
