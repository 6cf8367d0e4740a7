package auth_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/auth"
)

// TestSealOpensUnderItsSecretAndNamesOnly seals texts of any kind and tries every way that must not open them.
func TestSealOpensUnderItsSecretAndNamesOnly(t *testing.T) {
	t.Parallel()
	signer := func(fill byte) *auth.Tokens {
		s, err := auth.NewTokens(auth.TokenConfig{Key: bytes.Repeat([]byte{fill}, auth.SigningKeySize)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ours, others := signer(1), signer(2)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(t, "text")
		secret := rapid.String().Draw(t, "secret")
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		sealed, err := ours.Seal(text, secret, a, b)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) >= 8 && bytes.Contains(sealed, text) {
			t.Fatal("the sealed text shows the text")
		}
		if got, err := ours.Unseal(sealed, secret, a, b); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%q, %v", got, err)
		}
		if again, err := ours.Seal(text, secret, a, b); err != nil || bytes.Equal(again, sealed) {
			t.Fatalf("sealing twice gives the same bytes (%v)", err)
		}
		flipped := bytes.Clone(sealed)
		flipped[rapid.IntRange(0, len(sealed)-1).Draw(t, "flip")] ^= 1
		for name, open := range map[string]func() ([]byte, error){
			"another signing key": func() ([]byte, error) { return others.Unseal(sealed, secret, a, b) },
			"another secret":      func() ([]byte, error) { return ours.Unseal(sealed, secret+"x", a, b) },
			"names run together":  func() ([]byte, error) { return ours.Unseal(sealed, secret, a+b) },
			"another name":        func() ([]byte, error) { return ours.Unseal(sealed, secret, a, b+"x") },
			"a changed byte":      func() ([]byte, error) { return ours.Unseal(flipped, secret, a, b) },
			"a part":              func() ([]byte, error) { return ours.Unseal(sealed[:len(sealed)-1], secret, a, b) },
			"nothing":             func() ([]byte, error) { return ours.Unseal(nil, secret, a, b) },
		} {
			if got, err := open(); !errors.Is(err, auth.ErrSealed) {
				t.Fatalf("%s: %q, %v", name, got, err)
			}
		}
	})
}
