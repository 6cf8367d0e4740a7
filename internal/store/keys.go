package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// The methods of this file are for the holder of a key: the hash takes the place of the owner.

// KeyByID returns a key of a project, revoked or expired as it may be, or ErrNotFound.
func (s *Store) KeyByID(ctx context.Context, projectID, id string) (models.APIKey, error) {
	var row apiKey
	if err := s.read(ctx).Where("id = ? AND project_id = ?", id, projectID).Take(&row).Error; err != nil {
		return models.APIKey{}, translate(err)
	}
	return row.entity()
}

// ReplaceKey adds next beside the key with the hash, whose time ends at oldEnds, if not before. What next may do is the old
// key's, and so is its end. It returns next as stored and the old key as it is now. Errors: ErrNotFound where the key is not
// there or is not good any more, ErrTooMany when the project has limit good keys.
func (s *Store) ReplaceKey(ctx context.Context, hash string, next models.APIKey, oldEnds time.Time, limit int) (fresh, old models.APIKey, err error) {
	now := utc(next.CreatedAt)
	err = s.tx(ctx, func(tx *gorm.DB) error {
		var row apiKey
		if err := forUpdate(tx).Where("hash = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", hash, now).Take(&row).Error; err != nil {
			return err
		}
		var n int64
		err := tx.Model(&apiKey{}).Where("project_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", row.ProjectID, now).Count(&n).Error
		if err != nil {
			return err
		}
		if n >= int64(limit) {
			return ErrTooMany
		}
		copied := row
		copied.ParentID = &row.ID
		copied.ID, copied.Hash, copied.LastFour, copied.CreatedAt, copied.LastUsedAt = next.ID, next.Hash, next.LastFour, now, nil
		if err := tx.Create(&copied).Error; err != nil {
			return err
		}
		if ends := utc(oldEnds); row.ExpiresAt == nil || ends.Before(*row.ExpiresAt) {
			row.ExpiresAt = &ends
			if err := one(tx.Model(&apiKey{}).Where("id = ?", row.ID).Update("expires_at", ends)); err != nil {
				return err
			}
		}
		if fresh, err = copied.entity(); err != nil {
			return err
		}
		if old, err = row.entity(); err != nil {
			return err
		}
		return auditProject(tx, models.AuditEvent{ActorKind: models.ActorKey, Actor: row.ID, Action: models.AuditKeyRefreshed, Subject: fresh.ID}, row.ProjectID, nil)
	})
	return fresh, old, err
}

// RevokeKeyByHash revokes a key that is not revoked, if asked with all that were refreshed from it, and returns it and the
// hashes of what it revoked; or ErrNotFound.
func (s *Store) RevokeKeyByHash(ctx context.Context, hash string, descendants bool, now time.Time) (out models.APIKey, hashes []string, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		hashes = []string{hash}
		var row apiKey
		if err := forUpdate(tx).Where("hash = ? AND revoked_at IS NULL", hash).Take(&row).Error; err != nil {
			return err
		}
		if descendants {
			hashes, err = revokeKeys(tx, row, utc(now))
		} else {
			err = one(tx.Model(&apiKey{}).Where("id = ? AND revoked_at IS NULL", row.ID).Update("revoked_at", utc(now)))
		}
		if err != nil {
			return err
		}
		if out, err = row.entity(); err != nil {
			return err
		}
		return auditProject(tx, models.AuditEvent{ActorKind: models.ActorKey, Actor: row.ID, Action: models.AuditKeyRevoked, Subject: row.ID},
			row.ProjectID, map[string]any{"keys": len(hashes)})
	})
	return out, hashes, err
}
