package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

var (
	// ErrInvalidToken says that a token is not one of ours.
	ErrInvalidToken = errors.New("auth: invalid token")
	// ErrExpiredToken says that a token was one of ours.
	ErrExpiredToken = errors.New("auth: expired token")
)

// accessType is the type of an access token's header (RFC 9068, section 2.1): a token made for another use with the
// same key is not an access token.
const accessType = "at+jwt"

// TokenConfig sets how access tokens are made.
type TokenConfig struct {
	// Key signs the tokens, HMAC-SHA256. Required, at least 32 bytes.
	Key []byte
	// Previous are keys that signed before, or will after the next change: what they sign is good, too, and nothing new is signed with them.
	// Defaults to none.
	Previous [][]byte
	// Issuer of the tokens. Defaults to "neurod".
	Issuer string
	// Audience of the tokens. Defaults to "neurod-api".
	Audience string
	// TTL is how long an access token is good. Defaults to 15 min.
	TTL time.Duration
	// Leeway forgives differences between the clocks of several processes. Defaults to 30 s.
	Leeway time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Tokens issues and verifies access tokens and grants. It is safe for concurrent use.
type Tokens struct {
	cfg     TokenConfig
	keys    keyring
	parsers map[string]*jwt.Parser // by audience
}

// NewTokens returns an issuer; a key shorter than 32 bytes is an error.
func NewTokens(cfg TokenConfig) (*Tokens, error) {
	keys, err := newKeyring(cfg.Key, cfg.Previous)
	if err != nil {
		return nil, err
	}
	if cfg.Issuer == "" {
		cfg.Issuer = "neurod"
	}
	if cfg.Audience == "" {
		cfg.Audience = "neurod-api"
	}
	if cfg.TTL <= 0 {
		cfg.TTL = 15 * time.Minute
	}
	if cfg.Leeway <= 0 {
		cfg.Leeway = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	t := &Tokens{cfg: cfg, keys: keys, parsers: map[string]*jwt.Parser{}}
	for _, audience := range []string{cfg.Audience, streamUse.audience, downloadUse.audience} {
		t.parsers[audience] = t.parser(audience)
	}
	return t, nil
}

// parser returns a parser of tokens for an audience.
func (t *Tokens) parser(audience string) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(t.cfg.Issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(t.cfg.Leeway),
		jwt.WithTimeFunc(t.cfg.Now),
		jwt.WithStrictDecoding(),
	)
}

// claims returns the claims that every token has.
func (t *Tokens) claims(subject, audience string, ttl time.Duration) jwt.RegisteredClaims {
	now := t.cfg.Now()
	return jwt.RegisteredClaims{
		Issuer: t.cfg.Issuer, Subject: subject, Audience: jwt.ClaimStrings{audience},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
	}
}

func (t *Tokens) sign(typ string, c jwt.Claims) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
	token.Header["typ"], token.Header["kid"] = typ, t.keys[0].id
	return token.SignedString(t.keys[0].secret)
}

// parse reads a token of a type for an audience into c. Errors: ErrExpiredToken, ErrInvalidToken.
func (t *Tokens) parse(audience, typ, raw string, c jwt.Claims) error {
	token, err := t.parsers[audience].ParseWithClaims(raw, c, t.keys.find)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenInvalidIssuer) && !errors.Is(err, jwt.ErrTokenInvalidAudience):
		return ErrExpiredToken // the signature is checked before the claims
	case err != nil:
		return fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	if found, _ := token.Header["typ"].(string); found != typ {
		return ErrInvalidToken
	}
	return nil
}

// TTL returns how long an access token is good.
func (t *Tokens) TTL() time.Duration { return t.cfg.TTL }

// Issue returns an access token for a user.
func (t *Tokens) Issue(userID string) (string, error) {
	c := t.claims(userID, t.cfg.Audience, t.cfg.TTL)
	c.ID = uuid.NewString()
	return t.sign(accessType, c)
}

// Verify returns the user of an access token, ErrExpiredToken or ErrInvalidToken.
func (t *Tokens) Verify(raw string) (userID string, err error) {
	var c jwt.RegisteredClaims
	if err := t.parse(t.cfg.Audience, accessType, raw, &c); err != nil {
		return "", err
	}
	if c.Subject == "" {
		return "", ErrInvalidToken
	}
	return c.Subject, nil
}

// LooksLikeToken reports whether a text has the form of a signed token (RFC 7519, JWS compact serialization), good or not:
// three parts with points between, the first a JSON object in base64url.
func LooksLikeToken(s string) bool { return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 }
