package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// keyring is the signing keys of a server: the first signs and seals, all of them verify and open. So a key is changed without a moment in which
// one process does not believe another: first every process is told the new key beside the old, then they sign with the new, and when nothing
// that the old one signed is good any more, it goes.
type keyring []signingKey

type signingKey struct {
	id     string // what tokens name it by
	secret []byte
}

// newKeyring checks that each key is long enough.
func newKeyring(first []byte, previous [][]byte) (keyring, error) {
	var ring keyring
	for _, secret := range append([][]byte{first}, previous...) {
		if len(secret) < SigningKeySize {
			return nil, fmt.Errorf("auth: the signing key has %d bytes; it needs at least %d", len(secret), SigningKeySize)
		}
		ring = append(ring, signingKey{keyID(secret), secret})
	}
	return ring, nil
}

// keyID names a key without giving anything of it away: 48 bits of an HMAC under it.
func keyID(secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("neurod key id"))
	return hex.EncodeToString(mac.Sum(nil)[:6])
}

// errUnknownKey says that a token names a key that this server does not have.
var errUnknownKey = errors.New("auth: signed with a key that is not known")

// find returns the key of a token. One that names none was signed by a version of the program that had only one: any may be its.
func (k keyring) find(t *jwt.Token) (any, error) {
	id, named := t.Header["kid"].(string)
	if !named {
		var all jwt.VerificationKeySet
		for _, key := range k {
			all.Keys = append(all.Keys, key.secret)
		}
		return all, nil
	}
	for _, key := range k {
		if key.id == id {
			return key.secret, nil
		}
	}
	return nil, errUnknownKey
}
