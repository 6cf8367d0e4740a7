package service

import (
	"context"
	"strings"

	"github.com/neurod/neurod/models"
)

// Bearer returns the credential of the one value that a call must carry: "Bearer", a space and the credential (RFC 6750, 2.1). place is where
// the value stands, as its caller knows it. Error: MissingCredentials.
func Bearer(values []string, place string) (string, error) {
	if len(values) == 0 {
		return "", models.NewError(models.MissingCredentials)
	}
	if len(values) > 1 {
		return "", models.Errorf(models.MissingCredentials, "There is more than one %s.", place)
	}
	scheme, token, found := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if !found || token == "" || !strings.EqualFold(scheme, "Bearer") || strings.ContainsAny(token, " \t,") {
		return "", models.Errorf(models.MissingCredentials, `The %s must read "Bearer", a space and the credential.`, place)
	}
	return token, nil
}

// Authenticator knows access tokens and API keys, as package accounts does.
type Authenticator interface {
	LooksLikeToken(raw string) bool
	AuthenticateToken(ctx context.Context, token string) (models.Principal, error)
	AuthenticateKey(ctx context.Context, rawKey string) (models.Principal, error)
}

// Authenticate returns who a credential acts for that may be the access token of a user or an API key. Errors: those of the two.
func Authenticate(ctx context.Context, a Authenticator, raw string) (models.Principal, error) {
	if a.LooksLikeToken(raw) {
		return a.AuthenticateToken(ctx, raw)
	}
	return a.AuthenticateKey(ctx, raw)
}
