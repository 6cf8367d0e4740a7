package auth

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// DownloadTTL is how long a download link is good.
const DownloadTTL = time.Hour

// downloadType and downloadAudience keep download tokens apart from the others of the same signer.
const (
	downloadType     = "dl+jwt"
	downloadAudience = "neurod-download"
)

// DownloadGrant is what a download token allows: to fetch one version of one model as the key or the user that asked for the
// link, as long as that key is good or that user a member of the project.
type DownloadGrant struct {
	Model     string // name@version
	ProjectID string
	KeyID     string
	UserID    string // where there is no key
}

type downloadClaims struct {
	jwt.RegisteredClaims
	ProjectID string `json:"project"`
	KeyID     string `json:"key,omitempty"`
	UserID    string `json:"user,omitempty"`
}

// IssueDownload returns a token for a grant.
func (t *Tokens) IssueDownload(g DownloadGrant) (string, error) {
	now := t.cfg.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, downloadClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    t.cfg.Issuer,
			Subject:   g.Model,
			Audience:  jwt.ClaimStrings{downloadAudience},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(DownloadTTL)),
		},
		ProjectID: g.ProjectID,
		KeyID:     g.KeyID,
		UserID:    g.UserID,
	})
	token.Header["typ"] = downloadType
	return token.SignedString(t.cfg.Key)
}

// VerifyDownload returns the grant of a download token, ErrExpiredToken or ErrInvalidToken.
func (t *Tokens) VerifyDownload(raw string) (DownloadGrant, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(t.cfg.Issuer),
		jwt.WithAudience(downloadAudience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(t.cfg.Leeway),
		jwt.WithTimeFunc(t.cfg.Now),
		jwt.WithStrictDecoding(),
	)
	var claims downloadClaims
	token, err := parser.ParseWithClaims(raw, &claims, func(*jwt.Token) (any, error) { return t.cfg.Key, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenInvalidIssuer) && !errors.Is(err, jwt.ErrTokenInvalidAudience):
		return DownloadGrant{}, ErrExpiredToken
	case err != nil:
		return DownloadGrant{}, errors.Join(ErrInvalidToken, err)
	}
	if typ, _ := token.Header["typ"].(string); typ != downloadType || claims.Subject == "" || claims.ProjectID == "" || claims.KeyID == "" && claims.UserID == "" {
		return DownloadGrant{}, ErrInvalidToken
	}
	return DownloadGrant{Model: claims.Subject, ProjectID: claims.ProjectID, KeyID: claims.KeyID, UserID: claims.UserID}, nil
}
