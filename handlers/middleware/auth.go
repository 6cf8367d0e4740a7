package middleware

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

// Authenticator establishes who a request acts for. Errors are *models.Error.
type Authenticator interface {
	// AuthenticateKey returns the project and scopes of a raw API key: InvalidAPIKey for an unknown, malformed or
	// revoked one, ExpiredAPIKey for one past its time.
	AuthenticateKey(ctx context.Context, rawKey string) (models.Principal, error)
	// AuthenticateToken returns the user of an access token: InvalidToken or ExpiredToken otherwise.
	AuthenticateToken(ctx context.Context, token string) (models.Principal, error)
}

// Auth says what credential a route takes.
type Auth string

// The credentials a route can ask for. All travel as "Authorization: Bearer ...".
const (
	AuthNone Auth = "none"
	AuthJWT  Auth = "jwt" // a user's access token: projects, keys
	AuthKey  Auth = "key" // an API key: data
)

// Count counts a request against the rate limit of whoever makes it: nobody (the zero principal) where its credential is
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

// ProjectHeader names the project a key is expected to belong to.
const ProjectHeader = "X-Project-Id"

// Authenticate establishes the principal of a request, or ends it with 401 or 403; and it counts the request for the
// principal, or for nobody before it answers 401, and ends it with 429 where that is too much. A nil count limits
// nothing.
//
// Of authorization it does only what saves reading a body in vain: authorize is the service layer's own rule for
// scopes, and the service asks it again.
func Authenticate(a Authenticator, kind Auth, scope models.Scope, authorize func(models.Principal, models.Scope) error, count Count) gin.HandlerFunc {
	return func(c *gin.Context) {
		p, err := authenticate(c, a, kind)
		if err != nil {
			if models.AsError(err).Status() == http.StatusUnauthorized {
				if limited := count.take(c, models.Principal{}); limited != nil {
					err = limited
				}
			}
			Fail(c, err)
			return
		}
		c.Set(principalKey, p)
		if err := count.take(c, p); err != nil {
			Fail(c, err)
			return
		}
		if kind == AuthKey {
			if want := c.GetHeader(ProjectHeader); want != "" {
				if id, ok := models.ParseID(want); !ok || id != p.ProjectID {
					Fail(c, models.NewError(models.ProjectMismatch))
					return
				}
			}
			if err := authorize(p, scope); err != nil {
				Fail(c, err)
				return
			}
		}
		c.Next()
	}
}

// authenticate returns the principal of a request's credential.
func authenticate(c *gin.Context, a Authenticator, kind Auth) (models.Principal, error) {
	token, err := bearer(c.Request.Header.Values("Authorization"))
	if err != nil {
		return models.Principal{}, err
	}
	if kind == AuthKey {
		return a.AuthenticateKey(c.Request.Context(), token)
	}
	return a.AuthenticateToken(c.Request.Context(), token)
}

// bearer returns the token of the one Authorization header that a request must have (RFC 6750, 2.1).
func bearer(values []string) (string, error) {
	if len(values) == 0 {
		return "", models.NewError(models.MissingCredentials)
	}
	if len(values) > 1 {
		return "", models.Errorf(models.MissingCredentials, "There is more than one Authorization header.")
	}
	scheme, token, found := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if !found || token == "" || !strings.EqualFold(scheme, "Bearer") || strings.ContainsAny(token, " \t,") {
		return "", models.Errorf(models.MissingCredentials, `The Authorization header must read "Bearer", a space and the credential.`)
	}
	return token, nil
}

// Principal returns who the request acts for; false on routes without authentication.
func Principal(c *gin.Context) (models.Principal, bool) {
	v, ok := c.Get(principalKey)
	if !ok {
		return models.Principal{}, false
	}
	return v.(models.Principal), true
}
