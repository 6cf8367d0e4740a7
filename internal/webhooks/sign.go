package webhooks

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// secretPrefix precedes the base64 of a secret, as Standard Webhooks has it
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
const secretPrefix = "whsec_"

// The lengths of secrets in bytes: what the specification allows, and what is made here.
const (
	minSecret, maxSecret = 24, 64
	madeSecret           = 32
)

// ErrSecret refuses a text that is not a secret of Standard Webhooks.
var ErrSecret = errors.New(`webhooks: a secret is "whsec_" and the base64 of 24 to 64 random bytes`)

// NewSecret returns a fresh secret.
func NewSecret() string {
	var b [madeSecret]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program rather
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// CheckSecret holds a secret to its form and to a length that nobody guesses. Error: ErrSecret.
func CheckSecret(secret string) error {
	_, err := secretKey(secret)
	return err
}

// secretKey returns the bytes of a secret.
func secretKey(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return nil, ErrSecret
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) < minSecret || len(key) > maxSecret {
		return nil, ErrSecret
	}
	return key, nil
}

// signature returns the version 1 signature of Standard Webhooks: HMAC-SHA256 over id, timestamp and body with dots between.
func signature(secret, id, timestamp string, body []byte) (string, error) {
	key, err := secretKey(secret)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// Sign sets the headers by which a receiver knows that an event came from here, at this time: those of Standard Webhooks, with a
// signature for each secret, the newest first; and X-Pi-Signature, for clients of the decode document's service, with the newest.
//
// X-Pi-Signature says nothing of the time, so a receiver that looks at it alone takes an old event again. Its key is the secret as it
// is written, and that of the others are the bytes it stands for: neither signature can pass for the other.
func Sign(h http.Header, secrets []string, id, event string, at time.Time, body []byte) error {
	if len(secrets) == 0 {
		return ErrSecret
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	all := make([]string, len(secrets))
	for i, secret := range secrets {
		var err error
		if all[i], err = signature(secret, id, timestamp, body); err != nil {
			return err
		}
	}
	mac := hmac.New(sha256.New, []byte(secrets[0]))
	mac.Write(body)
	// As the specification writes them; net/http sends the names as they are.
	h["webhook-id"], h["webhook-timestamp"], h["webhook-signature"] = []string{id}, []string{timestamp}, []string{strings.Join(all, " ")}
	h.Set("X-Pi-Event", event)
	h.Set("X-Pi-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return nil
}
