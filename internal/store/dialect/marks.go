package dialect

import (
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// MaxMarks is the most events that a session keeps: an hour of flashes at 10 Hz has 36,000.
const MaxMarks = 1 << 21

// AddMarks gives events their numbers and stores them. The session's row is locked. ErrTooManyEvents, and nothing stored, where it would
// have more than MaxMarks.
func AddMarks(tx *gorm.DB, sessionID string, marks []models.SessionMark) error {
	if len(marks) == 0 {
		return nil
	}
	var last int
	err := tx.Model(&models.SessionMark{}).Select("COALESCE(max(seq), 0)").Where("session_id = ?", sessionID).Scan(&last).Error
	if err != nil {
		return err
	}
	if last+len(marks) > MaxMarks {
		return ErrTooManyEvents
	}
	at := UTC(time.Now())
	for i := range marks {
		marks[i].Seq, marks[i].CreatedAt = last+1+i, at
	}
	return tx.CreateInBatches(marks, RowsChunk).Error
}
