package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrSealed says that a sealed text cannot be opened: the key has changed, or the text.
var ErrSealed = errors.New("auth: the sealed text cannot be opened")

// sealPurpose keeps the keys of sealed answers apart from whatever else is derived of the signing key.
const sealPurpose = "neurod kept answer, AES-256-GCM"

// Seal encrypts and authenticates a text under a key that is derived of the signing key and of what the caller alone knows
// and the server does not keep, so that neither the database nor the database with the signing key gives it away. The names
// say what the text is about; they are not a secret, but it opens under the same ones only.
//
// The key is HKDF-SHA256 (RFC 5869) of the signing key with the SHA-256 of the caller's secret as salt; the cipher is
// AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits in front.
func (t *Tokens) Seal(text []byte, secret string, names ...string) ([]byte, error) {
	aead, err := t.sealer(secret, names)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, text, nil), nil
}

// Unseal returns a text that Seal has sealed with the same secret and names, or ErrSealed.
func (t *Tokens) Unseal(sealed []byte, secret string, names ...string) ([]byte, error) {
	aead, err := t.sealer(secret, names)
	if err != nil {
		return nil, err
	}
	n := aead.NonceSize()
	if len(sealed) < n {
		return nil, ErrSealed
	}
	text, err := aead.Open(nil, sealed[:n], sealed[n:], nil)
	if err != nil {
		return nil, ErrSealed
	}
	return text, nil
}

func (t *Tokens) sealer(secret string, names []string) (cipher.AEAD, error) {
	salt := sha256.Sum256([]byte(secret))
	info := []byte(sealPurpose)
	for _, name := range names {
		info = binary.BigEndian.AppendUint32(info, uint32(len(name)))
		info = append(info, name...)
	}
	key, err := hkdf.Key(sha256.New, t.cfg.Key, salt[:], string(info), 32)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return aead, nil
}
