package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
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
	return seal(aead, text), nil
}

// seal puts a random nonce before what it encrypts.
func seal(aead cipher.AEAD, text []byte) []byte {
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, text, nil)
}

// Unseal returns a text that Seal has sealed with the same secret and names, or ErrSealed.
func (t *Tokens) Unseal(sealed []byte, secret string, names ...string) ([]byte, error) {
	aead, err := t.sealer(secret, names)
	if err != nil {
		return nil, err
	}
	return unseal(aead, sealed)
}

func unseal(aead cipher.AEAD, sealed []byte) ([]byte, error) {
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
	return sealer(t.cfg.Key, sealPurpose, secret, names)
}

func sealer(key []byte, purpose, secret string, names []string) (cipher.AEAD, error) {
	salt := sha256.Sum256([]byte(secret))
	info := []byte(purpose)
	for _, name := range names {
		info = binary.BigEndian.AppendUint32(info, uint32(len(name)))
		info = append(info, name...)
	}
	derived, err := hkdf.Key(sha256.New, key, salt[:], string(info), 32)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return aead, nil
}

// Vault seals what the server itself must read again, such as the secrets that it signs with: the database alone gives nothing away.
type Vault struct{ key []byte }

// vaultPurpose keeps the keys of vaults apart from whatever else is derived of the signing key.
const vaultPurpose = "neurod secret at rest, AES-256-GCM"

// NewVault returns the vault of a signing key. What one seals opens with the same signing key only.
func NewVault(signingKey []byte) (*Vault, error) {
	if len(signingKey) < SigningKeySize {
		return nil, fmt.Errorf("auth: the signing key has %d bytes and needs at least %d", len(signingKey), SigningKeySize)
	}
	return &Vault{signingKey}, nil
}

// Seal encrypts and authenticates a text, base64. It opens under the same names only, which say what it is and whose.
func (v *Vault) Seal(text []byte, names ...string) (string, error) {
	aead, err := sealer(v.key, vaultPurpose, "", names)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(seal(aead, text)), nil
}

// Unseal returns a text that Seal has sealed under the same names, or ErrSealed.
func (v *Vault) Unseal(sealed string, names ...string) ([]byte, error) {
	aead, err := sealer(v.key, vaultPurpose, "", names)
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, ErrSealed
	}
	return unseal(aead, b)
}
