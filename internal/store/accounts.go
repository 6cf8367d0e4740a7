package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// ErrTokenReused says that a refresh token was presented a second time; its family is now revoked.
var ErrTokenReused = errors.New("store: refresh token used twice")

// ErrTooMany says that an owner has as many rows of a kind as allowed.
var ErrTooMany = errors.New("store: too many")

// CreateUser adds a user. ErrDuplicate when the e-mail is taken.
func (s *Store) CreateUser(ctx context.Context, u models.User) error {
	return s.tx(ctx, func(tx *gorm.DB) error { return createUser(tx, u) })
}

func createUser(tx *gorm.DB, u models.User) error {
	u.CreatedAt = utc(u.CreatedAt)
	if err := tx.Create(&u).Error; err != nil {
		return err
	}
	return appendAudit(tx, models.AuditEvent{AccountID: &u.ID, ActorKind: models.ActorUser, Actor: u.ID, Action: models.AuditAccountCreated, Subject: u.ID}, nil)
}

// CreateInvitedUser adds a user who accepts the invitation with the hash in the same breath: neither is there without the
// other. Errors: ErrDuplicate when the e-mail is taken, ErrNotFound where it cannot accept the invitation.
func (s *Store) CreateInvitedUser(ctx context.Context, u models.User, hash string) (out OwnProject, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if err := createUser(tx, u); err != nil {
			return err
		}
		out, err = accept(tx, hash, u.ID, u.CreatedAt, 1)
		return err
	})
	return out, err
}

// UserByIdentity returns the user whom a provider knows by a subject, or ErrNotFound.
func (s *Store) UserByIdentity(ctx context.Context, issuer, subject string) (models.User, error) {
	var u models.User
	err := s.read(ctx).Joins("JOIN login_identities i ON i.user_id = users.id").Where("i.issuer = ? AND i.subject = ?", issuer, subject).Take(&u).Error
	return u, translate(err)
}

// CreateIdentifiedUser adds a user with who they are at a provider in the same breath; with the hash of an invitation, "" for none, they also accept it.
// Errors: ErrDuplicate when the e-mail or the identity is taken, ErrNotFound where they cannot accept the invitation.
func (s *Store) CreateIdentifiedUser(ctx context.Context, u models.User, i models.LoginIdentity, invitation string) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := createUser(tx, u); err != nil {
			return err
		}
		if err := identify(tx, i); err != nil {
			return err
		}
		if invitation == "" {
			return nil
		}
		_, err := accept(tx, invitation, u.ID, u.CreatedAt, 1)
		return err
	})
}

// LinkIdentity says who a user is at a provider, takes the password away and ends every login: whoever had one need not be the person whom the
// provider vouches for. Errors: ErrNotFound where there is no such user; ErrDuplicate where the identity is another user's, or the user is
// another person at that provider.
func (s *Store) LinkIdentity(ctx context.Context, i models.LoginIdentity) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockUser(tx, i.UserID); err != nil {
			return err
		}
		if err := identify(tx, i); err != nil {
			return err
		}
		if err := tx.Model(&models.User{}).Where("id = ?", i.UserID).Update("password_hash", "").Error; err != nil {
			return err
		}
		return revokeLogins(tx, i.UserID, utc(i.CreatedAt))
	})
}

// identify adds an identity, and notes it in the audit log.
func identify(tx *gorm.DB, i models.LoginIdentity) error {
	i.CreatedAt = utc(i.CreatedAt)
	if err := tx.Create(&i).Error; err != nil {
		return err
	}
	return appendAudit(tx, models.AuditEvent{AccountID: &i.UserID, ActorKind: models.ActorUser, Actor: i.UserID, Action: models.AuditLoginLinked, Subject: i.UserID},
		map[string]any{"issuer": i.Issuer})
}

// UnlinkIdentities forgets who a user is at providers, and ends every login. ErrNotFound where they are nobody at any.
func (s *Store) UnlinkIdentities(ctx context.Context, userID string, at time.Time) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		res := tx.Where("user_id = ?", userID).Delete(&models.LoginIdentity{})
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrNotFound
		}
		if err := revokeLogins(tx, userID, utc(at)); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &userID, ActorKind: models.ActorUser, Actor: userID, Action: models.AuditLoginUnlinked, Subject: userID},
			map[string]any{"identities": res.RowsAffected})
	})
}

// UserByEmail returns the user with a normalized e-mail, or ErrNotFound.
func (s *Store) UserByEmail(ctx context.Context, email string) (models.User, error) {
	var u models.User
	err := s.read(ctx).Where("email = ?", email).Take(&u).Error
	return u, translate(err)
}

// UserByID returns a user, or ErrNotFound.
func (s *Store) UserByID(ctx context.Context, id string) (models.User, error) {
	var u models.User
	err := s.read(ctx).Where("id = ?", id).Take(&u).Error
	return u, translate(err)
}

// ReplacePasswordHash sets a user's hash unless it has changed since it was read. ErrNotFound when it has.
func (s *Store) ReplacePasswordHash(ctx context.Context, userID, old, hash string) error {
	res := s.write(ctx).Model(&models.User{}).Where("id = ? AND password_hash = ?", userID, old).Update("password_hash", hash)
	return one(res)
}

// CreateRefreshToken adds the first link of a chain and removes the user's links that have expired. The issuer of the provider through which
// the user has logged in goes into the audit log; "" for a password.
func (s *Store) CreateRefreshToken(ctx context.Context, t models.RefreshToken, issuer string) error {
	var details map[string]any
	if issuer != "" {
		details = map[string]any{"issuer": issuer}
	}
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Where("user_id = ? AND expires_at < ?", t.UserID, utc(t.CreatedAt)).Delete(&models.RefreshToken{}).Error; err != nil {
			return err
		}
		if err := createToken(tx, t); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &t.UserID, ActorKind: models.ActorUser, Actor: t.UserID, Action: models.AuditLogin, Subject: t.Family}, details)
	})
}

func createToken(tx *gorm.DB, t models.RefreshToken) error {
	t.CreatedAt, t.ExpiresAt = utc(t.CreatedAt), utc(t.ExpiresAt)
	t.UsedAt, t.RevokedAt = dialect.OptionalUTC(t.UsedAt), dialect.OptionalUTC(t.RevokedAt)
	return tx.Create(&t).Error
}

// RotateRefreshToken uses up the token with the hash and adds next to its family; next's user and family are the old
// token's. Of concurrent calls with one token, one wins. ErrNotFound for a token that is unknown, revoked or expired;
// ErrTokenReused for one that was used before, and then its whole family is revoked: somebody has a copy
// (RFC 9700, section 4.14.2). For a time after its first use a token may be used again, as where it is shared: 0 for never.
func (s *Store) RotateRefreshToken(ctx context.Context, hash string, next models.RefreshToken, again time.Duration) (models.RefreshToken, error) {
	now := utc(next.CreatedAt)
	reused := false
	err := s.tx(ctx, func(tx *gorm.DB) error {
		reused = false
		var old models.RefreshToken
		// The update locks the row: the second of two calls sees what the first has left.
		res := tx.Model(&models.RefreshToken{}).
			Where("hash = ? AND used_at IS NULL AND revoked_at IS NULL AND expires_at > ?", hash, now).
			Update("used_at", now)
		if res.Error != nil {
			return res.Error
		}
		if err := tx.Where("hash = ?", hash).Take(&old).Error; err != nil {
			return err
		}
		if res.RowsAffected == 1 || old.UsedAt != nil && old.RevokedAt == nil && old.ExpiresAt.After(now) && now.Sub(*old.UsedAt) < again {
			next.UserID, next.Family = old.UserID, old.Family
			return createToken(tx, next)
		}
		if old.UsedAt == nil || old.RevokedAt != nil {
			return ErrNotFound
		}
		reused = true
		if err := revokeFamily(tx, old.Family, now); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &old.UserID, ActorKind: models.ActorAnonymous, Action: models.AuditTokenReused, Subject: old.Family}, nil)
	})
	switch {
	case err != nil:
		return models.RefreshToken{}, err
	case reused:
		return models.RefreshToken{}, ErrTokenReused
	}
	return next, nil
}

// RevokeRefreshFamily revokes the family of the token with the hash. An unknown token is not an error.
func (s *Store) RevokeRefreshFamily(ctx context.Context, hash string, now time.Time) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		var t models.RefreshToken
		err := tx.Where("hash = ?", hash).Take(&t).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := revokeFamily(tx, t.Family, utc(now)); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &t.UserID, ActorKind: models.ActorUser, Actor: t.UserID, Action: models.AuditLogout, Subject: t.Family}, nil)
	})
}

// RevokeLogins revokes every refresh token of a user. ErrNotFound where there is no such user.
func (s *Store) RevokeLogins(ctx context.Context, userID string, now time.Time) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockUser(tx, userID); err != nil {
			return err
		}
		if err := revokeLogins(tx, userID, utc(now)); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &userID, ActorKind: models.ActorUser, Actor: userID, Action: models.AuditLogoutAll, Subject: userID}, nil)
	})
}

// revokeLogins revokes every refresh token of a user.
func revokeLogins(tx *gorm.DB, userID string, now time.Time) error {
	return tx.Model(&models.RefreshToken{}).Where("user_id = ? AND revoked_at IS NULL", userID).Update("revoked_at", now).Error
}

func revokeFamily(tx *gorm.DB, family string, now time.Time) error {
	return tx.Model(&models.RefreshToken{}).Where("family = ? AND revoked_at IS NULL", family).Update("revoked_at", now).Error
}

// CreateProject adds a project whose owner a user is. ErrTooMany when the user owns limit already.
func (s *Store) CreateProject(ctx context.Context, p models.Project, ownerID string, limit int) error {
	p.CreatedAt = utc(p.CreatedAt)
	return s.tx(ctx, func(tx *gorm.DB) error {
		// The owner's row is the lock that makes the count hold until the insert.
		if err := lockUser(tx, ownerID); err != nil {
			return err
		}
		if err := roomToOwn(tx, ownerID, limit); err != nil {
			return err
		}
		if err := tx.Create(&p).Error; err != nil {
			return err
		}
		if err := join(tx, models.Membership{ProjectID: p.ID, UserID: ownerID, Role: models.RoleOwner, CreatedAt: p.CreatedAt}); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &ownerID, ProjectID: &p.ID, ActorKind: models.ActorUser, Actor: ownerID,
			Action: models.AuditProjectCreated, Subject: p.ID}, nil)
	})
}

// apiKey is the row of a models.APIKey: its scopes and rate limits are JSON.
type apiKey struct {
	ID         string
	ProjectID  string
	ParentID   *string
	CreatedBy  *string
	Name       string
	Hash       string
	LastFour   string
	Scopes     string
	RateLimits string
	License    models.License
	CreatedAt  time.Time
	ExpiresAt  *time.Time
	RevokedAt  *time.Time
	LastUsedAt *time.Time
}

// TableName tells gorm the table.
func (apiKey) TableName() string { return "api_keys" }

func (k apiKey) entity() (models.APIKey, error) {
	out := models.APIKey{ID: k.ID, ProjectID: k.ProjectID, ParentID: k.ParentID, CreatedBy: k.CreatedBy, Name: k.Name, Hash: k.Hash, LastFour: k.LastFour,
		License: k.License, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt}
	if err := json.Unmarshal([]byte(k.Scopes), &out.Scopes); err != nil {
		return models.APIKey{}, fmt.Errorf("store: scopes of key %s: %w", k.ID, err)
	}
	if k.RateLimits != "{}" {
		if err := json.Unmarshal([]byte(k.RateLimits), &out.RateLimits); err != nil {
			return models.APIKey{}, fmt.Errorf("store: rate limits of key %s: %w", k.ID, err)
		}
	}
	return out, nil
}

func rowOfKey(k models.APIKey) (apiKey, error) {
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return apiKey{}, fmt.Errorf("store: %w", err)
	}
	limits := []byte("{}")
	if len(k.RateLimits) > 0 {
		if limits, err = json.Marshal(k.RateLimits); err != nil {
			return apiKey{}, fmt.Errorf("store: %w", err)
		}
	}
	if k.License == "" {
		k.License = models.LicenseFree
	}
	return apiKey{ID: k.ID, ProjectID: k.ProjectID, ParentID: k.ParentID, CreatedBy: k.CreatedBy, Name: k.Name, Hash: k.Hash, LastFour: k.LastFour, Scopes: string(scopes), RateLimits: string(limits),
		License: k.License, CreatedAt: utc(k.CreatedAt), ExpiresAt: dialect.OptionalUTC(k.ExpiresAt), RevokedAt: dialect.OptionalUTC(k.RevokedAt), LastUsedAt: dialect.OptionalUTC(k.LastUsedAt)}, nil
}

// keptKeys is how long a key that has expired or was revoked stays in the database.
const keptKeys = 30 * 24 * time.Hour

// CreateKey adds a key that a user makes to a project and removes the project's keys that came to their end 30 days ago.
// ErrNotFound when the user is not a member of the project, ErrForbidden when they may not; ErrTooMany when it has limit keys
// that are neither revoked nor expired.
func (s *Store) CreateKey(ctx context.Context, userID string, k models.APIKey, limit int) error {
	k.CreatedBy = &userID
	row, err := rowOfKey(k)
	if err != nil {
		return err
	}
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockProject(tx, k.ProjectID); err != nil {
			return err
		}
		if err := allow(tx, k.ProjectID, userID, models.RightKeys); err != nil {
			return err
		}
		old := row.CreatedAt.Add(-keptKeys)
		if err := tx.Where("project_id = ? AND (expires_at < ? OR revoked_at < ?)", k.ProjectID, old, old).Delete(&apiKey{}).Error; err != nil {
			return err
		}
		var n int64
		if err := tx.Model(&apiKey{}).
			Where("project_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", k.ProjectID, row.CreatedAt).
			Count(&n).Error; err != nil {
			return err
		}
		if n >= int64(limit) {
			return ErrTooMany
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &userID, ProjectID: &k.ProjectID, ActorKind: models.ActorUser, Actor: userID,
			Action: models.AuditKeyCreated, Subject: k.ID}, map[string]any{"scopes": k.Scopes, "license": row.License})
	})
}

// Keys returns the keys of a project that are not revoked, oldest first, to a user. ErrNotFound when the user is not a member of
// the project, ErrForbidden when they may not see them.
func (s *Store) Keys(ctx context.Context, userID, projectID string) ([]models.APIKey, error) {
	db := s.read(ctx)
	if err := allow(db, projectID, userID, models.RightKeys); err != nil {
		return nil, err
	}
	var rows []apiKey
	if err := db.Where("project_id = ? AND revoked_at IS NULL", projectID).Order("id").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	out := make([]models.APIKey, 0, len(rows))
	for _, r := range rows {
		k, err := r.entity()
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

// RevokeKey revokes a key of a project for a user, with all that were refreshed from it, and returns their hashes.
// ErrNotFound when there is none that is not revoked, or the user is not a member of the project; ErrForbidden when they may not.
func (s *Store) RevokeKey(ctx context.Context, userID, projectID, id string, now time.Time) (hashes []string, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		hashes = nil
		if err := allow(tx, projectID, userID, models.RightKeys); err != nil {
			return err
		}
		var k apiKey
		if err := tx.Where("id = ? AND project_id = ? AND revoked_at IS NULL", id, projectID).Take(&k).Error; err != nil {
			return err
		}
		if hashes, err = revokeKeys(tx, k, utc(now)); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &userID, ProjectID: &projectID, ActorKind: models.ActorUser, Actor: userID,
			Action: models.AuditKeyRevoked, Subject: id}, map[string]any{"keys": len(hashes)})
	})
	return hashes, err
}

// revokeKeys revokes a key and every key that descends from it by refreshing, and returns the hashes of those that were not
// revoked before. It looks until it finds none: a refresh that held its key's row when the first look began has left one more.
func revokeKeys(tx *gorm.DB, k apiKey, now time.Time) (hashes []string, err error) {
	for {
		var found []string
		err := tx.Raw(`WITH RECURSIVE line (id) AS (
				SELECT id FROM api_keys WHERE id = ?
				UNION SELECT c.id FROM api_keys c JOIN line ON c.parent_id = line.id WHERE c.project_id = ?)
			UPDATE api_keys SET revoked_at = ? WHERE id IN (SELECT id FROM line) AND project_id = ? AND revoked_at IS NULL
			RETURNING hash`, k.ID, k.ProjectID, now, k.ProjectID).Scan(&found).Error
		if err != nil || len(found) == 0 {
			return hashes, err
		}
		hashes = append(hashes, found...)
	}
}

// KeyByHash returns the key with a hash, revoked or expired as it may be, or ErrNotFound. It takes no project: it is
// how a request's project is found.
func (s *Store) KeyByHash(ctx context.Context, hash string) (models.APIKey, error) {
	var row apiKey
	if err := s.read(ctx).Where("hash = ?", hash).Take(&row).Error; err != nil {
		return models.APIKey{}, translate(err)
	}
	return row.entity()
}

// TouchKey notes that a key was used, unless that was noted since the time given.
func (s *Store) TouchKey(ctx context.Context, id string, now, since time.Time) error {
	return translate(s.write(ctx).Model(&apiKey{}).
		Where("id = ? AND (last_used_at IS NULL OR last_used_at < ?)", id, utc(since)).
		Update("last_used_at", utc(now)).Error)
}

// forUpdate makes the rows that a transaction reads wait for it. SQLite has one writer, and no such clause.
func forUpdate(tx *gorm.DB) *gorm.DB { return tx.Clauses(clause.Locking{Strength: "UPDATE"}) }

// one turns the result of an update that must hit a row into an error.
func one(res *gorm.DB) error { return translate(dialect.MustHit(res)) }
