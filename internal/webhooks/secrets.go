package webhooks

import (
	"fmt"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/models"
)

// Secrets makes the secrets of webhooks and keeps them sealed.
type Secrets struct{ vault *auth.Vault }

// NewSecrets returns the secrets that a vault keeps.
func NewSecrets(v *auth.Vault) Secrets { return Secrets{v} }

// New returns a fresh secret.
func (s Secrets) New() string { return NewSecret() }

// Check holds a secret to its form. Error: ErrSecret.
func (s Secrets) Check(secret string) error { return CheckSecret(secret) }

// secretName is what secrets of webhooks are sealed as.
const secretName = "webhook"

// Seal seals a secret of a webhook: it opens for that one alone.
func (s Secrets) Seal(w models.Webhook, secret string) (string, error) {
	return s.vault.Seal([]byte(secret), secretName, w.ProjectID, w.ID)
}

// Reseal seals the secrets of a webhook with the server's first signing key where another had, and reports whether it had. What cannot be opened
// stays.
func (s Secrets) Reseal(w *models.Webhook) (changed bool) {
	for _, sealed := range []*string{&w.Secret, &w.OldSecret} {
		if *sealed == "" {
			continue
		}
		if again, other, err := s.vault.Reseal(*sealed, secretName, w.ProjectID, w.ID); err == nil && other {
			*sealed, changed = again, true
		}
	}
	return changed
}

// open opens a sealed secret of a webhook. Error: auth.ErrSealed.
func (s Secrets) open(w models.Webhook, sealed string) (string, error) {
	b, err := s.vault.Unseal(sealed, secretName, w.ProjectID, w.ID)
	if err != nil {
		return "", fmt.Errorf("webhooks: secret of %s: %w", w.ID, err)
	}
	return string(b), nil
}
