package middleware

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// Authenticator establishes who a request acts for. Errors are *models.Error.
type Authenticator interface {
	// AuthenticateKey returns the project and scopes of a raw API key: InvalidAPIKey for an unknown, malformed or
	// revoked one, ExpiredAPIKey for one past its time.
	AuthenticateKey(ctx context.Context, rawKey string) (models.Principal, error)
	// AuthenticateToken returns the user of an access token: InvalidToken or ExpiredToken otherwise.
	AuthenticateToken(ctx context.Context, token string) (models.Principal, error)
	// EnterProject returns the principal of a user within a project: ProjectRequired for none, ProjectNotFound for one that
	// is absent or another's.
	EnterProject(ctx context.Context, p models.Principal, projectID string) (models.Principal, error)
	// EnterSoleProject is EnterProject of the one that a user is in: ProjectRequired where there are more or none.
	EnterSoleProject(ctx context.Context, p models.Principal) (models.Principal, error)
	// EnterServer returns the principal of a user who would read how the server does, operator or not.
	EnterServer(ctx context.Context, p models.Principal) (models.Principal, error)
	// LooksLikeToken reports whether a credential has the form of an access token, good or not.
	LooksLikeToken(raw string) bool
	// AuthenticateRegistryKey is AuthenticateKey with MissingKey for none and InvalidKeyFormat for what cannot be a key.
	AuthenticateRegistryKey(ctx context.Context, rawKey string) (models.Principal, error)
	// AuthenticateDownload returns the principal of the token of a download link, which must be for this model:
	// InvalidToken, ExpiredToken, and the errors of the key that asked for the link.
	AuthenticateDownload(ctx context.Context, token, name, version string) (models.Principal, error)
}

// Auth says what credential a route takes.
type Auth string

// The credentials a route can ask for. They travel as "Authorization: Bearer ...", and where the registry's document says
// so in other places as well.
const (
	AuthNone     Auth = "none"
	AuthJWT      Auth = "jwt"      // a user's access token: the account, and all projects
	AuthMember   Auth = "member"   // a user's access token: the project that the path names by :id
	AuthOperator Auth = "operator" // a user's access token, of an operator: the server
	AuthProject  Auth = "project"  // an API key, or a user's access token with the project it is for: data
	AuthQueryKey Auth = "querykey" // as AuthProject, the key also as the parameter api_key; or the token of a download link as the parameter token
	AuthUpgrade  Auth = "upgrade"  // as AuthProject; of a WebSocket, with its first message: the handler asks for it with Enter
	AuthBodyKey  Auth = "bodykey"  // as AuthProject, the key also as api_key of the body: the handler asks for it with AuthenticateBody
)

// Parameters that carry a credential. Queries are never logged.
const (
	keyParameter   = "api_key"
	tokenParameter = "token"
)

// Count counts a request against the rate limit of its caller: nobody (the zero principal) where its credential is
// missing or not good. It returns RateLimited where the request must not go on, and the quota that is left otherwise.
type Count func(c *gin.Context, p models.Principal) (models.Quota, error)

// take counts a request, and tells the caller what is left in headers that the answer carries whatever it is.
func (count Count) take(c *gin.Context, p models.Principal) error {
	if count == nil {
		return nil
	}
	q, err := count(c, p)
	render.Quota(c.Writer.Header(), q)
	return err
}

// Meter counts what projects ask for; *service.Tally is one.
type Meter interface {
	// Entered counts a request that was let into the project of its principal, which it named so: "" where it named none.
	Entered(p models.Principal, named string)
	// Refused counts one of a user that Count has refused.
	Refused(p models.Principal, named string)
}

// Limit counts a request on a route that takes no credential. A nil count limits nothing.
func Limit(count Count) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := count.take(c, models.Principal{}); err != nil {
			Fail(c, err)
			return
		}
		c.Next()
	}
}

// ProjectHeader names the project that a user acts in, or that a key is expected to belong to; ProjectParameter may say it as
// well.
const (
	ProjectHeader    = "X-Project-Id"
	ProjectParameter = "project_id"
)

// Authenticate establishes the principal of a request, or ends it with 401 or 403; and it counts the request for the
// principal, or for nobody before it answers 401, and ends it with 429 where that is too much. A nil count limits
// nothing. A user is led into the project, or to the server, that the request is about, and the request counted for the project by the meter,
// nil for none.
//
// Of authorization it does only what saves reading a body in vain, and what must be known before a kept answer is given again:
// authorize is the service layer's own rule for rights, and the service asks it again.
func Authenticate(a Authenticator, kind Auth, right models.Right, authorize func(models.Principal, models.Right) error, count Count, meter Meter) gin.HandlerFunc {
	return func(c *gin.Context) {
		p, err := authenticate(c, a, kind)
		if err != nil {
			failUnauthenticated(c, err, count)
			return
		}
		if !admit(c, p, kind, count, meter) {
			return
		}
		if p, err = enter(c, a, p, kind, meter); err == nil && kind != AuthJWT && right != "" {
			err = authorize(p, right)
		}
		if err != nil {
			Fail(c, err)
			return
		}
		c.Set(principalKey, p)
		c.Next()
	}
}

// failUnauthenticated ends a request without a good credential, and counts it for nobody.
func failUnauthenticated(c *gin.Context, err error, count Count) {
	if !models.AsError(err).Class().Ours() {
		if limited := count.take(c, models.Principal{}); limited != nil {
			err = limited
		}
	}
	Fail(c, err)
}

// admit counts a request for its principal. It returns false where the request has been ended.
func admit(c *gin.Context, p models.Principal, kind Auth, count Count, meter Meter) bool {
	c.Set(principalKey, p)
	if err := count.take(c, p); err != nil {
		if meter != nil && p.ProjectID == "" { // of those with a project it is known where they are refused
			if named, err := named(c, kind); err == nil {
				meter.Refused(p, named)
			}
		}
		Fail(c, err)
		return false
	}
	return true
}

// enter leads a user to what the request is about, and holds a key to the project that it names. A request that is in a project then is counted
// for it.
func enter(c *gin.Context, a Authenticator, p models.Principal, kind Auth, meter Meter) (models.Principal, error) {
	switch kind {
	case AuthNone, AuthJWT:
		return p, nil
	case AuthOperator:
		return a.EnterServer(c.Request.Context(), p)
	}
	named, err := named(c, kind)
	if err != nil {
		return p, err
	}
	if p, err = enterProject(c, a, p, kind, named); err == nil && meter != nil {
		meter.Entered(p, named)
	}
	return p, err
}

func enterProject(c *gin.Context, a Authenticator, p models.Principal, kind Auth, named string) (models.Principal, error) {
	switch {
	case kind == AuthMember:
		return a.EnterProject(c.Request.Context(), p, named)
	case p.ProjectID == "" && named == "" && (factsOf(c).Family == render.Devices || factsOf(c).Family == render.GraphQL):
		return a.EnterSoleProject(c.Request.Context(), p) // clients of the devices' document name none
	case p.ProjectID == "":
		return a.EnterProject(c.Request.Context(), p, named)
	case named != "" && named != p.ProjectID:
		return p, models.NewError(models.ProjectMismatch)
	}
	return p, nil
}

// named returns the project that a request is for by what it says, "" for none. Error: InvalidParameter.
func named(c *gin.Context, kind Auth) (string, error) {
	switch kind {
	case AuthNone, AuthJWT, AuthOperator:
		return "", nil
	case AuthMember:
		return c.Param("id"), nil
	}
	return namedProject(c)
}

// Enter establishes who a connection acts for whose credential comes with its first message: as AuthProject, by what the Authorization header
// would hold and the project that X-Project-Id would name. raw is the credential.
func Enter(ctx context.Context, a Authenticator, authorization, project string) (p models.Principal, raw string, err error) {
	var values []string
	if authorization != "" {
		values = []string{authorization}
	}
	if raw, err = bearer(values); err != nil {
		return p, "", err
	}
	p, err = service.Authenticate(ctx, a, raw)
	switch {
	case err != nil:
	case p.ProjectID == "" && project == "":
		p, err = a.EnterSoleProject(ctx, p)
	case p.ProjectID == "":
		p, err = a.EnterProject(ctx, p, project)
	default:
		if id, ok := models.ParseID(project); ok {
			project = id
		}
		if project != "" && project != p.ProjectID {
			err = models.NewError(models.ProjectMismatch)
		}
	}
	return p, raw, err
}

// namedProject returns the project that a request names, in its header or its query, "" for none. Error: InvalidParameter where it
// names more than one: a proxy and this server might each believe another.
func namedProject(c *gin.Context) (string, error) {
	named, where := "", ""
	for _, in := range []struct {
		name   string
		values []string
	}{{ProjectHeader, c.Request.Header.Values(ProjectHeader)}, {ProjectParameter, c.QueryArray(ProjectParameter)}} {
		for _, v := range in.values {
			if id, ok := models.ParseID(v); ok {
				v = id
			}
			switch {
			case v == "" || v == named:
			case named == "":
				named, where = v, in.name
			default:
				message := "is not the project that " + where + " names"
				if where == in.name {
					message = "is given more than once, with different values"
				}
				return "", &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At(in.name), Code: "conflict", Message: message}}}
			}
		}
	}
	return named, nil
}

// AuthenticateBody establishes the principal of a route that takes AuthBodyKey, once the handler has read the body: by the
// key that the body had, or else by the Authorization header, which may also be a user's. unreadable is what was wrong with the body, nil for nothing. It
// returns false where the request has been ended.
func AuthenticateBody(c *gin.Context, a Authenticator, bodyKey string, unreadable error, count Count, meter Meter) bool {
	raw, err := PresentedKey(c, bodyKey)
	var p models.Principal
	if err == nil && raw == "" && unreadable != nil {
		err = unreadable
	}
	switch {
	case err != nil:
	case bodyKey == "" && a.LooksLikeToken(raw):
		p, err = a.AuthenticateToken(c.Request.Context(), raw)
	default:
		p, err = a.AuthenticateRegistryKey(c.Request.Context(), raw)
	}
	if err != nil {
		failUnauthenticated(c, err, count)
		return false
	}
	if !admit(c, p, AuthBodyKey, count, meter) {
		return false
	}
	if p, err = enter(c, a, p, AuthBodyKey, meter); err != nil {
		Fail(c, err)
		return false
	}
	c.Set(principalKey, p)
	if unreadable != nil {
		Fail(c, unreadable)
		return false
	}
	return true
}

// PresentedKey returns the key of a request's body, or else of its Authorization header, "" for none. Error: MissingKey for a
// header that carries none.
func PresentedKey(c *gin.Context, bodyKey string) (string, error) {
	if bodyKey != "" {
		return bodyKey, nil
	}
	values := c.Request.Header.Values("Authorization")
	if len(values) == 0 {
		return "", nil
	}
	token, err := bearer(values)
	if err != nil {
		return "", models.Errorf(models.MissingKey, "%s", render.Text(models.AsError(err)))
	}
	return token, nil
}

// authenticate returns the principal of a request's credential.
func authenticate(c *gin.Context, a Authenticator, kind Auth) (models.Principal, error) {
	if kind == AuthQueryKey {
		raw, err := PresentedKey(c, "")
		if err != nil {
			return models.Principal{}, err
		}
		if a.LooksLikeToken(raw) {
			return a.AuthenticateToken(c.Request.Context(), raw)
		}
		if raw == "" {
			raw = c.Query(keyParameter)
		}
		if token := c.Query(tokenParameter); raw == "" && token != "" {
			return a.AuthenticateDownload(c.Request.Context(), token, c.Param("name"), c.Param("version"))
		}
		return a.AuthenticateRegistryKey(c.Request.Context(), raw)
	}
	token, err := bearer(c.Request.Header.Values("Authorization"))
	if err != nil {
		return models.Principal{}, err
	}
	if kind == AuthProject {
		return service.Authenticate(c.Request.Context(), a, token)
	}
	return a.AuthenticateToken(c.Request.Context(), token)
}

// bearer returns the credential of the one Authorization header that a request must have.
func bearer(values []string) (string, error) { return service.Bearer(values, "Authorization header") }

// Principal returns who the request acts for; false on routes without authentication.
func Principal(c *gin.Context) (models.Principal, bool) {
	v, ok := c.Get(principalKey)
	if !ok {
		return models.Principal{}, false
	}
	return v.(models.Principal), true
}
