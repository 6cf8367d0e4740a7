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
	aead, err := sealer(t.keys[0].secret, sealPurpose, secret, names)
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
	text, _, err := t.keys.unseal(sealed, sealPurpose, secret, names)
	return text, err
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

// unseal tries each key, and says which one it was.
func (k keyring) unseal(sealed []byte, purpose, secret string, names []string) (text []byte, key int, err error) {
	for i := range k {
		aead, err := sealer(k[i].secret, purpose, secret, names)
		if err != nil {
			return nil, 0, err
		}
		if text, err := unseal(aead, sealed); err == nil {
			return text, i, nil
		}
	}
	return nil, 0, ErrSealed
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
type Vault struct{ keys keyring }

// vaultPurpose keeps the keys of vaults apart from whatever else is derived of the signing key.
const vaultPurpose = "neurod secret at rest, AES-256-GCM"

// NewVault returns the vault of a signing key, which seals, and of previous ones, which open what they have sealed.
func NewVault(signingKey []byte, previous ...[]byte) (*Vault, error) {
	keys, err := newKeyring(signingKey, previous)
	if err != nil {
		return nil, err
	}
	return &Vault{keys}, nil
}

// Seal encrypts and authenticates a text, base64. It opens under the same names only, which say what it is and whose.
func (v *Vault) Seal(text []byte, names ...string) (string, error) {
	aead, err := sealer(v.keys[0].secret, vaultPurpose, "", names)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(seal(aead, text)), nil
}

// Unseal returns a text that Seal has sealed under the same names, or ErrSealed.
func (v *Vault) Unseal(sealed string, names ...string) ([]byte, error) {
	text, _, err := v.unseal(sealed, names)
	return text, err
}

func (v *Vault) unseal(sealed string, names []string) (text []byte, key int, err error) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, 0, ErrSealed
	}
	return v.keys.unseal(b, vaultPurpose, "", names)
}

// Reseal returns a sealed text as the first key seals it, and whether another had: it opens then when that one is gone. Error: ErrSealed.
func (v *Vault) Reseal(sealed string, names ...string) (out string, changed bool, err error) {
	text, key, err := v.unseal(sealed, names)
	if err != nil || key == 0 {
		return sealed, false, err
	}
	out, err = v.Seal(text, names...)
	return out, err == nil, err
}
