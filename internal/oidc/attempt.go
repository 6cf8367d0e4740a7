package oidc

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"time"

	"golang.org/x/oauth2"
)

// AttemptTTL is how long somebody may take at the provider.
const AttemptTTL = 10 * time.Minute

// Attempt is a login that was begun: what the answer must fit to, and what the browser wants afterwards.
type Attempt struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"` // of PKCE
	Redirect string    `json:"r"` // where the provider sends the person back to
	Begun    time.Time `json:"b"`
	// Wish is what is to happen after the login; it means nothing here.
	Wish json.RawMessage `json:"w,omitempty"`
}

func newAttempt(redirect string, now time.Time) Attempt {
	return Attempt{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Redirect: redirect, Begun: now.UTC()}
}

// random returns 256 random bits.
func random() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// good reports whether the attempt is one, and an answer with a state is its.
func (a Attempt) good(state string, now time.Time) bool {
	age := now.Sub(a.Begun)
	return a.State != "" && subtle.ConstantTimeCompare([]byte(a.State), []byte(state)) == 1 && age < AttemptTTL && age > -AttemptTTL
}

// Sealer seals what only this server opens again, under a name that says what it is.
type Sealer interface {
	Seal(text []byte, names ...string) (string, error)
	Unseal(sealed string, names ...string) ([]byte, error)
}

// Attempts is how browsers keep attempts: sealed, so that they can neither be read nor made elsewhere.
type Attempts struct{ sealer Sealer }

// NewAttempts returns the attempts that a sealer seals.
func NewAttempts(s Sealer) Attempts { return Attempts{s} }

// attemptName is what sealed attempts are sealed under.
const attemptName = "attempt of a login through a provider"

// Seal returns an attempt as a browser keeps it.
func (s Attempts) Seal(a Attempt) (string, error) {
	b, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	return s.sealer.Seal(b, attemptName)
}

// Unseal returns the attempt that a browser kept; the zero Attempt for anything else.
func (s Attempts) Unseal(sealed string) Attempt {
	var a Attempt
	b, err := s.sealer.Unseal(sealed, attemptName)
	if err != nil || json.Unmarshal(b, &a) != nil {
		return Attempt{}
	}
	return a
}
