package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
)

// Prefixes of the secrets that callers hold.
const (
	KeyPrefix        = "vxl_" // API key
	RefreshPrefix    = "vxr_" // refresh token
	InvitationPrefix = "vxi_" // invitation into a project
)

// A secret is prefix + body + checksum in base 62, all of fixed length: 43 digits hold 256 bits (62^43 > 2^256),
// 6 digits a CRC-32 (62^6 > 2^32). The checksum lets a mistyped or made-up key be refused without asking the
// database; it adds no security.
const (
	bodyDigits     = 43
	checksumDigits = 6
	secretBytes    = 32
	digits         = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewKey returns a fresh API key.
func NewKey() string { return newSecret(KeyPrefix) }

// NewRefreshToken returns a fresh refresh token.
func NewRefreshToken() string { return newSecret(RefreshPrefix) }

// NewInvitation returns a fresh token of an invitation.
func NewInvitation() string { return newSecret(InvitationPrefix) }

func newSecret(prefix string) string {
	var b [secretBytes]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program rather
	s := prefix + base62(new(big.Int).SetBytes(b[:]), bodyDigits)
	return s + checksum(s)
}

// WellFormedKey reports whether a text has the form of an API key, checksum included.
func WellFormedKey(s string) bool { return wellFormed(s, KeyPrefix) }

// WellFormedRefreshToken reports whether a text has the form of a refresh token, checksum included.
func WellFormedRefreshToken(s string) bool { return wellFormed(s, RefreshPrefix) }

// WellFormedInvitation reports whether a text has the form of an invitation's token, checksum included.
func WellFormedInvitation(s string) bool { return wellFormed(s, InvitationPrefix) }

func wellFormed(s, prefix string) bool {
	if len(s) != len(prefix)+bodyDigits+checksumDigits || !strings.HasPrefix(s, prefix) {
		return false
	}
	for i := len(prefix); i < len(s); i++ {
		if strings.IndexByte(digits, s[i]) < 0 {
			return false
		}
	}
	cut := len(s) - checksumDigits
	return s[cut:] == checksum(s[:cut])
}

// checksum returns the CRC-32 (IEEE 802.3) of a text in base 62.
func checksum(s string) string {
	return base62(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(s)))), checksumDigits)
}

// base62 writes n with leading zeros; it must fit.
func base62(n *big.Int, width int) string {
	out := make([]byte, width)
	base, rest := big.NewInt(int64(len(digits))), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n.QuoRem(n, base, rest)
		out[i] = digits[rest.Int64()]
	}
	return string(out)
}

// HashSecret returns the SHA-256 of a secret, hex. A fast hash is enough for 256 random bits.
func HashSecret(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// LastFour returns the end of a key, by which its owner tells it from others.
func LastFour(key string) string { return key[max(0, len(key)-4):] }

// SigningKeySize is the least size of a key that signs tokens, bytes: HS256 asks for as much as its hash
// (RFC 7518, section 3.2).
const SigningKeySize = 32

// SigningKeyFile returns the signing key kept in a file, made with mode 0600 when there is none. Processes that
// start at once get the same key.
func SigningKeyFile(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	key, err := readSigningKey(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	// Written beside and linked into place: another process sees no file or a whole one, and the first one wins.
	tmp, err := os.CreateTemp(filepath.Dir(path), ".signing-key-") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	defer os.Remove(tmp.Name())
	fresh := make([]byte, SigningKeySize)
	rand.Read(fresh)
	_, err = tmp.WriteString(hex.EncodeToString(fresh) + "\n")
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return readSigningKey(path)
}

func readSigningKey(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("auth: %s can be read by others (mode %v); set it to 0600 or remove it to get a new key", path, info.Mode().Perm())
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) < SigningKeySize {
		return nil, fmt.Errorf("auth: %s does not hold a signing key; remove it to get a new one", path)
	}
	return key, nil
}
