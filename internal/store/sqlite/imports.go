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

// importPiece is how many windows of a round are written at once: everybody waits for the only writer meanwhile.
const importPiece = 64

// CommitImport implements [dialect.Sessions]. Most windows are written ahead, in transactions of their own: an attempt that goes on after
// another makes the same windows, and finds some written. The session counts them with its round.
func (d *Database) CommitImport(ctx context.Context, r dialect.ImportRound) error {
	held := func(tx *gorm.DB) error {
		var n int64
		err := tx.Table("jobs").Where("id = ? AND state = ? AND attempts = ?", r.ID, models.JobRunning, r.Attempt.Attempt).Count(&n).Error
		if err == nil && n == 0 {
			err = dialect.ErrFenced
		}
		return err
	}
	ahead := 0
	for ; len(r.Windows)-ahead > importPiece; ahead += importPiece {
		err := relaxedTx(d.writer.WithContext(ctx), func(tx *gorm.DB) error {
			ses, err := dialect.FindSession(tx, r.ProjectID, r.SessionID) // else windows would stay of a user who was erased
			if err != nil {
				return err
			}
			if err := held(tx); err != nil {
				return err
			}
			var n int64
			if err := tx.Model(&models.SessionImport{}).Where("session_id = ? AND done_rounds = ?", r.SessionID, r.Round).Count(&n).Error; err != nil {
				return err
			}
			if n == 0 {
				return dialect.ErrFenced
			}
			r.Number(&ses)
			return insertWindows(tx, r.Windows[ahead:ahead+importPiece], keepThere)
		})
		if err != nil {
			return err
		}
	}
	return d.writer.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		ses, err := dialect.FindSession(tx, r.ProjectID, r.SessionID)
		if err != nil {
			return err
		}
		if err := held(tx); err != nil {
			return err
		}
		moved := tx.Model(&models.SessionImport{}).Where("session_id = ? AND done_rounds = ?", r.SessionID, r.Round).
			Updates(map[string]any{"done_rounds": r.Round + 1, "done_bytes": r.DoneBytes})
		if moved.Error != nil {
			return moved.Error
		}
		if moved.RowsAffected == 0 {
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
		if err := insertWindows(tx, r.Windows[ahead:], keepThere); err != nil {
			return err
		}
		if err := dialect.AddMarks(tx, r.SessionID, r.Marks); err != nil && !errors.Is(err, dialect.ErrTooManyEvents) {
			return err
		}
		return dialect.MustHit(tx.Model(&dialect.SessionRow{}).Where("id = ?", ses.ID).Updates(map[string]any{"sample_count": ses.SampleCount,
			"batch_count": ses.BatchCount, "seen_count": ses.SeenCount, "longest_batch": ses.LongestBatch, "window_count": ses.WindowCount,
			"last_seq": ses.LastSeq, "tail_start": ses.TailStart, "tail_end": ses.TailEnd, "job_open": ses.JobOpen, "state": ses.State}))
	})
}
