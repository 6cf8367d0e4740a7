package sqlite

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// AddChunk implements [dialect.Sessions].
func (d *Database) AddChunk(ctx context.Context, c models.UploadChunk) error {
	return d.writer.WithContext(ctx).Create(&c).Error
}

// CommitImport implements [dialect.Sessions].
func (d *Database) CommitImport(ctx context.Context, r dialect.ImportRound) error {
	return d.writer.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		ses, err := dialect.FindSession(tx, r.ProjectID, r.SessionID)
		if err != nil {
			return err
		}
		var held int64
		if err := tx.Table("jobs").Where("id = ? AND state = ? AND attempts = ?", r.ID, models.JobRunning, r.Attempt.Attempt).Count(&held).Error; err != nil {
			return err
		}
		moved := tx.Model(&models.SessionImport{}).Where("session_id = ? AND done_rounds = ?", r.SessionID, r.Round).
			Updates(map[string]any{"done_rounds": r.Round + 1, "done_bytes": r.DoneBytes})
		if moved.Error != nil {
			return moved.Error
		}
		if held == 0 || moved.RowsAffected == 0 {
			return dialect.ErrFenced
		}
		left := r.Advance(&ses)
		if len(r.Batches) > 0 {
			if err := tx.CreateInBatches(r.Batches, dialect.BatchesChunk).Error; err != nil {
				return err
			}
		}
		if len(left) > 0 {
			if err := tx.CreateInBatches(left, dialect.RowsChunk).Error; err != nil {
				return err
			}
		}
		if len(r.Windows) > 0 {
			if err := tx.CreateInBatches(r.Windows, dialect.RowsChunk).Error; err != nil {
				return err
			}
		}
		if err := dialect.AddMarks(tx, r.SessionID, r.Marks); err != nil && !errors.Is(err, dialect.ErrTooManyEvents) {
			return err
		}
		return dialect.MustHit(tx.Model(&dialect.SessionRow{}).Where("id = ?", ses.ID).Updates(map[string]any{"sample_count": ses.SampleCount,
			"batch_count": ses.BatchCount, "seen_count": ses.SeenCount, "longest_batch": ses.LongestBatch, "window_count": ses.WindowCount,
			"last_seq": ses.LastSeq, "tail_start": ses.TailStart, "tail_end": ses.TailEnd, "job_open": ses.JobOpen, "state": ses.State}))
	})
}
