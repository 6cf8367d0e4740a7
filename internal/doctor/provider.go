package doctor

import (
	"context"
	"strings"

	"github.com/neurod/neurod/internal/oidc"
)

// provider asks the provider of logins what it is, as the server does when somebody logs in.
func (e *examination) provider(ctx context.Context) {
	s := e.settings
	if s.OIDCIssuer == "" {
		return
	}
	p := oidc.New(oidc.Config{Issuer: s.OIDCIssuer, ClientID: s.OIDCClientID, Timeout: e.Timeout})
	if err := p.Discover(ctx); err != nil {
		level, whose := Warning, "nobody logs in through it"
		if !s.PasswordLogin {
			level, whose = Error, "nobody can log in: NEUROD_PASSWORD_LOGIN is false"
		}
		e.say("oidc", level, "NEUROD_OIDC_ISSUER must be exactly what the provider calls itself in "+strings.TrimSuffix(s.OIDCIssuer, "/")+"/.well-known/openid-configuration, and this machine must reach it.",
			"the provider of logins does not answer, and %s: %v", whose, err)
		return
	}
	redirect := "below the address by which people reach the server"
	if s.PublicURL != "" {
		redirect = strings.TrimRight(s.PublicURL, "/") + oidc.CallbackPath
	}
	e.ok("oidc", "the provider of logins, %s, answers; it must know the redirect URI %s", s.OIDCIssuer, redirect)
}
