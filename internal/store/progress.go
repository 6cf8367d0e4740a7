package store

import (
	"context"
	"encoding/json"
	"errors"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// NoteProgress writes how far an attempt is into its job's diagnostics, which the end of the job replaces. Error: ErrFenced
// when the attempt no longer holds its job.
func (s *Store) NoteProgress(ctx context.Context, a Attempt, diagnostics json.RawMessage) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		err := one(tx.Table("jobs").Where("id = ? AND state = ? AND attempts = ?", a.ID, models.JobRunning, a.Attempt).
			Update("diagnostics", dialect.Text(diagnostics)))
		if errors.Is(err, ErrNotFound) {
			return ErrFenced
		}
		return err
	})
}
