package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// maxMarks is the most events that a session keeps: an hour of flashes at 10 Hz has 36,000.
const maxMarks = 1 << 21

// ErrTooManyEvents says that a session keeps no more events.
var ErrTooManyEvents = errors.New("store: the session has too many events")

// EventsAddition is events to be added to a session.
type EventsAddition struct {
	ProjectID string
	SessionID string
	// Place fills in what depends on the session, such as a time that was given relative to its origin.
	Place func(models.Session) ([]models.SessionMark, error)
	// Key is the scope of an Idempotency-Key, nil for none; Record makes the answer to be kept.
	Key    *models.IdempotencyRecord
	Record func([]models.SessionMark) models.IdempotencyRecord
}

// AddEvents adds events to a session, all or none, and returns them with their numbers, or the answer that the key has
// already. Errors: ErrNotFound, ErrTooManyEvents, ErrKeyInFlight and that of Place.
func (s *Store) AddEvents(ctx context.Context, a EventsAddition) (added []models.SessionMark, replayed *models.IdempotencyRecord, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		added, replayed = nil, nil
		if a.Key != nil {
			if replayed, err = s.takeKey(tx, *a.Key); err != nil || replayed != nil {
				return err
			}
		}
		ses, err := session(forUpdate(tx), a.ProjectID, a.SessionID)
		if err != nil {
			return err
		}
		if added, err = a.Place(ses); err != nil {
			return err
		}
		if err := addMarks(tx, ses.ID, added, maxMarks); err != nil || a.Key == nil {
			return err
		}
		return keepRecord(tx, a.Record(added))
	})
	return added, replayed, err
}

// addMarks gives events their numbers and stores them. The session's row is locked.
func addMarks(tx *gorm.DB, sessionID string, marks []models.SessionMark, most int) error {
	if len(marks) == 0 {
		return nil
	}
	var last int
	err := tx.Model(&models.SessionMark{}).Select("COALESCE(max(seq), 0)").Where("session_id = ?", sessionID).Scan(&last).Error
	if err != nil {
		return err
	}
	if last+len(marks) > most {
		return ErrTooManyEvents
	}
	at := utc(time.Now())
	for i := range marks {
		marks[i].Seq, marks[i].CreatedAt = last+1+i, at
	}
	return tx.CreateInBatches(marks, rowsChunk).Error
}

// eventsPage is how many events are read at once.
const eventsPage = 1000

// EachSessionEvent calls each with every event of a session, in the order in which they were added.
func (s *Store) EachSessionEvent(ctx context.Context, projectID, sessionID string, each func(models.SessionMark) error) error {
	for after := 0; ; {
		found, err := s.SessionEvents(ctx, projectID, sessionID, after, eventsPage)
		if err != nil {
			return err
		}
		for _, m := range found {
			after = m.Seq
			if err := each(m); err != nil {
				return err
			}
		}
		if len(found) < eventsPage {
			return nil
		}
	}
}

// SessionEvents returns events of a session in the order in which they were added, those with a number above after.
func (s *Store) SessionEvents(ctx context.Context, projectID, sessionID string, after, limit int) ([]models.SessionMark, error) {
	var out []models.SessionMark
	err := s.read(ctx).Where("session_id = ? AND project_id = ? AND seq > ?", sessionID, projectID, after).Order("seq").Limit(limit).Find(&out).Error
	return out, translate(err)
}
