package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// PutClock keeps what the clock of a session's source does, instead of what was known before. ErrNotFound where the session is gone.
func (s *Store) PutClock(ctx context.Context, c models.SessionClock) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		// The session's row is locked, so that nothing is written of one that is erased.
		if err := forUpdate(tx).Select("id").Where("id = ? AND project_id = ?", c.SessionID, c.ProjectID).Take(&dialect.SessionRow{}).Error; err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO session_clocks (session_id, project_id, report, updated_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (session_id) DO UPDATE SET report = excluded.report, updated_at = excluded.updated_at`, c.SessionID, c.ProjectID, c.Report, c.UpdatedAt).Error
	})
}

// Clock returns what the clock of a session's source was last found to do. ErrNotFound where nobody has said.
func (s *Store) Clock(ctx context.Context, projectID, sessionID string) (models.SessionClock, error) {
	var c models.SessionClock
	err := s.read(ctx).Where("session_id = ? AND project_id = ?", sessionID, projectID).Take(&c).Error
	return c, translate(err)
}
