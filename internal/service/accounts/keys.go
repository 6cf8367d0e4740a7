package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// KeyGrace is how long a key that was refreshed still works, so that a client that never got the answer can ask again, and
// others that share the key can follow.
const KeyGrace = time.Hour

// AuthenticateRegistryKey is AuthenticateKey with the distinctions of the registry's document: MissingKey for none,
// InvalidKeyFormat for what cannot be a key, InvalidAPIKey, ExpiredAPIKey.
func (a *Service) AuthenticateRegistryKey(ctx context.Context, rawKey string) (models.Principal, error) {
	if err := checkKeyForm(rawKey); err != nil {
		return models.Principal{}, err
	}
	return a.AuthenticateKey(ctx, rawKey)
}

func checkKeyForm(rawKey string) error {
	switch {
	case rawKey == "":
		return models.NewError(models.MissingKey)
	case !auth.WellFormedKey(rawKey):
		return otherKind(models.InvalidKeyFormat, rawKey, dueKey)
	}
	return nil
}

// AuthenticateDownload returns the principal of a download link's token, as long as the key that asked for the link is good, or
// the user who did is a member of the project. The token must be for this version of this model. Errors: InvalidToken,
// ExpiredToken, InvalidAPIKey, ExpiredAPIKey.
func (a *Service) AuthenticateDownload(ctx context.Context, token, name, version string) (models.Principal, error) {
	grant, err := a.cfg.Tokens.VerifyDownload(token)
	switch {
	case errors.Is(err, auth.ErrExpiredToken):
		return models.Principal{}, models.NewError(models.ExpiredToken)
	case err != nil:
		return models.Principal{}, models.NewError(models.InvalidToken).Wrap(err)
	case grant.Model != name+"@"+version:
		return models.Principal{}, models.Errorf(models.InvalidToken, "The token is for another model.")
	}
	if grant.KeyID == "" {
		p, err := a.EnterProject(ctx, models.Principal{UserID: grant.UserID}, grant.ProjectID)
		if models.CodeOf(err) == models.ProjectNotFound {
			err = models.NewError(models.InvalidToken)
		}
		return p, err
	}
	key, err := a.cfg.Store.KeyByID(ctx, grant.ProjectID, grant.KeyID)
	if err != nil {
		return models.Principal{}, service.Absent(err, models.InvalidAPIKey)
	}
	return a.principal(key)
}

// principal returns who a key acts for, while it is good.
func (a *Service) principal(key models.APIKey) (models.Principal, error) {
	switch {
	case key.RevokedAt != nil:
		return models.Principal{}, models.NewError(models.InvalidAPIKey)
	case key.ExpiresAt != nil && !a.cfg.Now().Before(*key.ExpiresAt):
		return models.Principal{}, models.NewError(models.ExpiredAPIKey)
	}
	return models.Principal{ProjectID: key.ProjectID, KeyID: key.ID, Scopes: key.Scopes, RateLimits: key.RateLimits, License: key.License}, nil
}

// DescribeKey returns what a key is to its holder. Errors are those of AuthenticateRegistryKey.
func (a *Service) DescribeKey(ctx context.Context, rawKey string) (models.APIKey, error) {
	if _, err := a.AuthenticateRegistryKey(ctx, rawKey); err != nil {
		return models.APIKey{}, err
	}
	key, err := a.cfg.Store.KeyByHash(ctx, auth.HashSecret(rawKey))
	if err != nil {
		return models.APIKey{}, service.Absent(err, models.InvalidAPIKey)
	}
	if _, err := a.principal(key); err != nil {
		return models.APIKey{}, err
	}
	return key, nil
}

// RefreshKey gives the holder of a key a new one for the same: name, scopes, licence, rates, and the end of its time, which it
// does not move. The old key works for KeyGrace longer. Errors are those of AuthenticateRegistryKey, and InvalidRequestBody
// where the project has too many keys.
func (a *Service) RefreshKey(ctx context.Context, rawKey string) (fresh models.APIKey, raw string, old models.APIKey, err error) {
	if _, err := a.AuthenticateRegistryKey(ctx, rawKey); err != nil {
		return fresh, "", old, err
	}
	now := a.cfg.Now().UTC().Truncate(time.Microsecond)
	raw = auth.NewKey()
	hash := auth.HashSecret(rawKey)
	next := models.APIKey{ID: models.NewID(), Hash: auth.HashSecret(raw), LastFour: auth.LastFour(raw), CreatedAt: now}
	// Keys in their grace count as well: twice as many are allowed, so that a project with all its keys can refresh them.
	fresh, old, err = a.cfg.Store.ReplaceKey(ctx, hash, next, now.Add(KeyGrace), 2*a.cfg.MaxKeys)
	a.keys.drop(hash)
	switch {
	case errors.Is(err, store.ErrTooMany):
		return fresh, "", old, models.Errorf(models.InvalidRequestBody, "This project has %d keys, counting those that were refreshed within the last hour; it may have no more.", 2*a.cfg.MaxKeys)
	case err != nil:
		return fresh, "", old, service.Absent(err, models.InvalidAPIKey)
	}
	return fresh, raw, old, nil
}

// RevokeRawKey revokes a key for its holder, for good, and if asked every key that was refreshed from it. It returns how
// many that were. Errors: MissingKey, InvalidKeyFormat, KeyNotFound also where it is revoked already.
func (a *Service) RevokeRawKey(ctx context.Context, rawKey string, descendants bool) (models.APIKey, int, error) {
	if err := checkKeyForm(rawKey); err != nil {
		return models.APIKey{}, 0, err
	}
	hash := auth.HashSecret(rawKey)
	key, hashes, err := a.cfg.Store.RevokeKeyByHash(ctx, hash, descendants, a.cfg.Now())
	a.keys.drop(append(hashes, hash)...)
	if err != nil {
		return models.APIKey{}, 0, service.Absent(err, models.KeyNotFound)
	}
	return key, len(hashes), nil
}
