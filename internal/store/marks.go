package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// ErrTooManyEvents says that a session keeps no more events.
var ErrTooManyEvents = dialect.ErrTooManyEvents

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
		ses, err := dialect.FindSession(forUpdate(tx), a.ProjectID, a.SessionID)
		if err != nil {
			return err
		}
		if added, err = a.Place(ses); err != nil {
			return err
		}
		if err := dialect.AddMarks(tx, ses.ID, added); err != nil || a.Key == nil {
			return err
		}
		return dialect.KeepRecord(tx, a.Record(added))
	})
	return added, replayed, err
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
