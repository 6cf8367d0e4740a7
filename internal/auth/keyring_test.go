package auth_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/auth"
)

// TestAKeyIsChangedStepByStep: at each step of a change, what any process signs or seals is good for all that run beside it; and when the old key is
// gone, so is what it signed.
func TestAKeyIsChangedStepByStep(t *testing.T) {
	t.Parallel()
	old, fresh := bytes.Repeat([]byte("o1"), 16), bytes.Repeat([]byte("n1"), 16)
	tokens := func(key []byte, previous ...[]byte) *auth.Tokens {
		out, err := auth.NewTokens(auth.TokenConfig{Key: key, Previous: previous})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	steps := []*auth.Tokens{tokens(old), tokens(old, fresh), tokens(fresh, old), tokens(fresh)}
	good := func(by, at *auth.Tokens) bool {
		raw, err := by.Issue("user")
		if err != nil {
			t.Fatal(err)
		}
		user, err := at.Verify(raw)
		if err != nil && !errors.Is(err, auth.ErrInvalidToken) {
			t.Errorf("refused with %v", err)
		}
		sealed, sealErr := by.Seal([]byte("text"), "secret", "name")
		if sealErr != nil {
			t.Fatal(sealErr)
		}
		text, openErr := at.Unseal(sealed, "secret", "name")
		if (err == nil) != (openErr == nil) || openErr == nil && string(text) != "text" {
			t.Errorf("verified: %v, opened: %q, %v", err, text, openErr)
		}
		return err == nil && user == "user"
	}
	for i, by := range steps {
		for j, at := range steps {
			if beside := i-j <= 1 && j-i <= 1; beside && !good(by, at) {
				t.Errorf("what step %d signs is not good at step %d", i, j)
			}
		}
	}
	if good(steps[0], steps[3]) || good(steps[1], steps[3]) || good(steps[3], steps[0]) {
		t.Error("a key that is gone is still good")
	}
	if _, err := auth.NewTokens(auth.TokenConfig{Key: fresh, Previous: [][]byte{make([]byte, 31)}}); err == nil {
		t.Error("a short previous key was taken")
	}
}

// TestTokensNameTheirKey: a token of a version that named no key is good with any of the keys; one that names a key that is not there is not, whoever
// signed it.
func TestTokensNameTheirKey(t *testing.T) {
	t.Parallel()
	old := bytes.Repeat([]byte("o1"), 16)
	tokens, err := auth.NewTokens(auth.TokenConfig{Key: signingKey, Previous: [][]byte{old}})
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"iss": "neurod", "aud": "neurod-api", "sub": "user", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	header := func(kid any) map[string]any {
		h := map[string]any{"alg": "HS256", "typ": "at+jwt"}
		if kid != nil {
			h["kid"] = kid
		}
		return h
	}
	for name, raw := range map[string]string{
		"no name, the first key":  compact(t, header(nil), claims, signingKey, sha256.New),
		"no name, a previous key": compact(t, header(nil), claims, old, sha256.New),
		"a name that is a number": compact(t, header(7), claims, old, sha256.New),
	} {
		if _, err := tokens.Verify(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, raw := range map[string]string{
		"the name of no key":             compact(t, header("0123456789ab"), claims, signingKey, sha256.New),
		"no name, a key of someone else": compact(t, header(nil), claims, bytes.Repeat([]byte("xx"), 16), sha256.New),
	} {
		if _, err := tokens.Verify(raw); !errors.Is(err, auth.ErrInvalidToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVaultSealsAgain: what a previous key sealed is sealed by the first, once.
func TestVaultSealsAgain(t *testing.T) {
	t.Parallel()
	old, fresh := bytes.Repeat([]byte("o1"), 16), bytes.Repeat([]byte("n1"), 16)
	vault := func(key []byte, previous ...[]byte) *auth.Vault {
		v, err := auth.NewVault(key, previous...)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	sealed, err := vault(old).Seal([]byte("text"), "webhook", "7")
	if err != nil {
		t.Fatal(err)
	}
	both := vault(fresh, old)
	again, changed, err := both.Reseal(sealed, "webhook", "7")
	if err != nil || !changed {
		t.Fatalf("%v, %v", changed, err)
	}
	if text, err := vault(fresh).Unseal(again, "webhook", "7"); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if same, changed, err := both.Reseal(again, "webhook", "7"); err != nil || changed || same != again {
		t.Errorf("sealed again: %v, %v", changed, err)
	}
	if _, _, err := both.Reseal(sealed, "webhook", "8"); !errors.Is(err, auth.ErrSealed) {
		t.Errorf("under another name: %v", err)
	}
}
