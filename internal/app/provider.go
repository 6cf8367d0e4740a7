package app

import (
	"fmt"
	"strings"

	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/oidc"
)

// provider makes what logs people in who do not with a password, nil where the settings name none. It asks nothing of the provider, which may be away.
func (a *App) provider() (*handlers.Provider, error) {
	s := a.settings
	if s.OIDCIssuer == "" {
		return nil, nil
	}
	key, err := s.SigningKey()
	if err != nil {
		return nil, err
	}
	vault, err := auth.NewVault(key, s.PreviousKeys()...)
	if err != nil {
		return nil, fmt.Errorf("app: %w", err)
	}
	return &handlers.Provider{
		OIDC:     oidc.New(oidc.Config{Issuer: s.OIDCIssuer, ClientID: s.OIDCClientID, ClientSecret: s.OIDCClientSecret.Reveal(), Scopes: strings.Fields(s.OIDCScopes)}),
		Attempts: oidc.NewAttempts(vault), Name: s.OIDCName,
	}, nil
}
