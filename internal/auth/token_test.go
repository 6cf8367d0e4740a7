package auth_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/auth"
)

var signingKey = bytes.Repeat([]byte("k1"), 16)

// compact assembles a signed token by hand (RFC 7515, 3.1), independent of the library under test.
func compact(t *testing.T, header, claims map[string]any, key []byte, newHash func() hash.Hash) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(header) + "." + part(claims)
	if newHash == nil {
		return signed + "."
	}
	m := hmac.New(newHash, key)
	m.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func TestTokens(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tokens, err := auth.NewTokens(auth.TokenConfig{Key: signingKey, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if tokens.TTL() != 15*time.Minute {
		t.Errorf("TTL %v", tokens.TTL())
	}
	raw, err := tokens.Issue("user-1")
	if err != nil {
		t.Fatal(err)
	}
	if user, err := tokens.Verify(raw); err != nil || user != "user-1" {
		t.Fatalf("Verify = %q, %v", user, err)
	}

	with := func(base map[string]any, changes map[string]any) map[string]any {
		out := map[string]any{}
		for k, v := range base {
			out[k] = v
		}
		for k, v := range changes {
			if v == nil {
				delete(out, k)
			} else {
				out[k] = v
			}
		}
		return out
	}
	header := map[string]any{"alg": "HS256", "typ": "at+jwt"}
	claims := map[string]any{"iss": "neurod", "aud": "neurod-api", "sub": "user-1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	if user, err := tokens.Verify(compact(t, header, claims, signingKey, sha256.New)); err != nil || user != "user-1" {
		t.Fatalf("the token made by hand: %q, %v", user, err)
	}
	for name, tc := range map[string]struct {
		raw  string
		want error
	}{
		"empty":            {"", auth.ErrInvalidToken},
		"an api key":       {auth.NewKey(), auth.ErrInvalidToken},
		"alg none":         {compact(t, with(header, map[string]any{"alg": "none"}), claims, nil, nil), auth.ErrInvalidToken},
		"other algorithm":  {compact(t, with(header, map[string]any{"alg": "HS512"}), claims, signingKey, sha512.New), auth.ErrInvalidToken},
		"other key":        {compact(t, header, claims, bytes.Repeat([]byte("k2"), 16), sha256.New), auth.ErrInvalidToken},
		"no signature":     {raw[:strings.LastIndexByte(raw, '.')+1], auth.ErrInvalidToken},
		"other type":       {compact(t, with(header, map[string]any{"typ": "JWT"}), claims, signingKey, sha256.New), auth.ErrInvalidToken},
		"other issuer":     {compact(t, header, with(claims, map[string]any{"iss": "evil"}), signingKey, sha256.New), auth.ErrInvalidToken},
		"other audience":   {compact(t, header, with(claims, map[string]any{"aud": "neurod-ws"}), signingKey, sha256.New), auth.ErrInvalidToken},
		"no audience":      {compact(t, header, with(claims, map[string]any{"aud": nil}), signingKey, sha256.New), auth.ErrInvalidToken},
		"no expiry":        {compact(t, header, with(claims, map[string]any{"exp": nil}), signingKey, sha256.New), auth.ErrInvalidToken},
		"no subject":       {compact(t, header, with(claims, map[string]any{"sub": nil}), signingKey, sha256.New), auth.ErrInvalidToken},
		"from the future":  {compact(t, header, with(claims, map[string]any{"iat": now.Add(time.Minute).Unix()}), signingKey, sha256.New), auth.ErrInvalidToken},
		"expired":          {compact(t, header, with(claims, map[string]any{"exp": now.Add(-31 * time.Second).Unix()}), signingKey, sha256.New), auth.ErrExpiredToken},
		"expired, foreign": {compact(t, header, with(claims, map[string]any{"exp": now.Add(-time.Hour).Unix(), "aud": "x"}), signingKey, sha256.New), auth.ErrInvalidToken},
		"within leeway":    {compact(t, header, with(claims, map[string]any{"exp": now.Add(-29 * time.Second).Unix()}), signingKey, sha256.New), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			user, err := tokens.Verify(tc.raw)
			if !errors.Is(err, tc.want) || (err != nil) == (user != "") {
				t.Errorf("Verify = %q, %v; want %v", user, err, tc.want)
			}
		})
	}
}

func TestTokenKeySize(t *testing.T) {
	t.Parallel()
	if _, err := auth.NewTokens(auth.TokenConfig{Key: make([]byte, 31)}); err == nil {
		t.Error("a key of 31 bytes is accepted")
	}
}

func FuzzVerifyToken(f *testing.F) {
	tokens, err := auth.NewTokens(auth.TokenConfig{Key: signingKey})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Add("")
	f.Fuzz(func(t *testing.T, raw string) {
		if user, err := tokens.Verify(raw); err == nil {
			t.Errorf("%q is a token of %q", raw, user)
		}
	})
}
