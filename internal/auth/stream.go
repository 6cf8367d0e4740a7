package auth

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// StreamTTL is how long a token for a live stream is good: long enough to reconnect during a session, short enough to
// stand in a URL.
const StreamTTL = time.Hour

// streamType and streamAudience keep stream tokens and access tokens, which have the same signer, from standing in for
// each other.
const (
	streamType     = "ws+jwt"
	streamAudience = "neurod-ws"
)

// StreamGrant is what a stream token allows: to follow one session, as long as whoever asked for it may: the key is good, or
// the user owns the project.
type StreamGrant struct {
	SessionID string
	ProjectID string
	KeyID     string
	UserID    string // where there is no key
}

type streamClaims struct {
	jwt.RegisteredClaims
	ProjectID string `json:"project"`
	KeyID     string `json:"key,omitempty"`
	UserID    string `json:"user,omitempty"`
}

// IssueStream returns a token for a grant.
func (t *Tokens) IssueStream(g StreamGrant) (string, error) {
	now := t.cfg.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, streamClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    t.cfg.Issuer,
			Subject:   g.SessionID,
			Audience:  jwt.ClaimStrings{streamAudience},
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(StreamTTL)),
			ID:        uuid.NewString(),
		},
		ProjectID: g.ProjectID,
		KeyID:     g.KeyID,
		UserID:    g.UserID,
	})
	token.Header["typ"] = streamType
	return token.SignedString(t.cfg.Key)
}

// VerifyStream returns the grant of a stream token, ErrExpiredToken or ErrInvalidToken.
func (t *Tokens) VerifyStream(raw string) (StreamGrant, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(t.cfg.Issuer),
		jwt.WithAudience(streamAudience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(t.cfg.Leeway),
		jwt.WithTimeFunc(t.cfg.Now),
		jwt.WithStrictDecoding(),
	)
	var claims streamClaims
	token, err := parser.ParseWithClaims(raw, &claims, func(*jwt.Token) (any, error) { return t.cfg.Key, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenInvalidIssuer) && !errors.Is(err, jwt.ErrTokenInvalidAudience):
		return StreamGrant{}, ErrExpiredToken
	case err != nil:
		return StreamGrant{}, errors.Join(ErrInvalidToken, err)
	}
	if typ, _ := token.Header["typ"].(string); typ != streamType || claims.Subject == "" || claims.ProjectID == "" || claims.KeyID == "" && claims.UserID == "" {
		return StreamGrant{}, ErrInvalidToken
	}
	return StreamGrant{SessionID: claims.Subject, ProjectID: claims.ProjectID, KeyID: claims.KeyID, UserID: claims.UserID}, nil
}
