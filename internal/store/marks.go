package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

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
	err := s.read(ctx).Where("session_id = ? AND project_id = ? AND seq > ? AND NOT deleted", sessionID, projectID, after).Order("seq").Limit(limit).Find(&out).Error
	return out, translate(err)
}

// EventsBefore asks for the latest events of a session up to a time.
type EventsBefore struct {
	ProjectID, SessionID string
	FromMS, ToMS         float64   // Unix ms: above the first, up to the second
	Added                time.Time // no later than that
	Limit                int
}

// LatestEvents returns events of a session in the order of their time, of those that a query allows the latest.
func (s *Store) LatestEvents(ctx context.Context, q EventsBefore) ([]models.SessionMark, error) {
	var out []models.SessionMark
	err := s.read(ctx).Where("session_id = ? AND project_id = ? AND at_ms > ? AND at_ms <= ? AND created_at <= ? AND NOT deleted", q.SessionID, q.ProjectID, q.FromMS, q.ToMS, q.Added).
		Order("at_ms DESC, seq DESC").Limit(q.Limit).Find(&out).Error
	slices.Reverse(out)
	return out, translate(err)
}

// EventChange changes an event of a session, or takes it away.
type EventChange struct {
	ProjectID string
	SessionID string
	Seq       int
	By        models.AuditEvent // who does it: ActorKind and Actor
	// Change returns the event as it shall be; nil deletes it.
	Change func(models.Session, models.SessionMark) (models.SessionMark, error)
}

// ChangeEvent changes or deletes an event and returns it as it is then. Errors: ErrNotFound for a session or an event that is not there, and
// that of Change.
func (s *Store) ChangeEvent(ctx context.Context, c EventChange) (ses models.Session, out models.SessionMark, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if ses, err = dialect.FindSession(forUpdate(tx), c.ProjectID, c.SessionID); err != nil {
			return err
		}
		if err := tx.Where("session_id = ? AND seq = ? AND NOT deleted", ses.ID, c.Seq).Take(&out).Error; err != nil {
			return err
		}
		var last int
		if err := tx.Model(&models.SessionMark{}).Select("COALESCE(max(revision), 0)").Where("session_id = ? AND revision > 0", ses.ID).Scan(&last).Error; err != nil {
			return err
		}
		action := models.AuditEventChanged
		if c.Change == nil {
			action = models.AuditEventDeleted
			out = models.SessionMark{SessionID: out.SessionID, Seq: out.Seq, ProjectID: out.ProjectID, AtMS: out.AtMS, Source: out.Source, CreatedAt: out.CreatedAt, Deleted: true}
		} else if out, err = c.Change(ses, out); err != nil {
			return err
		}
		out.Revision = last + 1
		err := one(tx.Model(&models.SessionMark{}).Where("session_id = ? AND seq = ?", ses.ID, c.Seq).Updates(map[string]any{"at_ms": out.AtMS, "duration_ms": out.DurationMS,
			"code": out.Code, "label": out.Label, "channel": out.Channel, "target": out.Target, "revision": out.Revision, "deleted": out.Deleted}))
		if err != nil {
			return err
		}
		e := c.By
		e.Action, e.Subject = action, ses.ID
		return auditProject(tx, e, ses.ProjectID, map[string]any{"seq": c.Seq})
	})
	return ses, out, err
}

// ChangedEvents returns the events of a session that were changed or deleted behind a revision, in that order.
func (s *Store) ChangedEvents(ctx context.Context, projectID, sessionID string, after, limit int) ([]models.SessionMark, error) {
	var out []models.SessionMark
	err := s.read(ctx).Where("session_id = ? AND project_id = ? AND revision > 0 AND revision > ?", sessionID, projectID, after).Order("revision").Limit(limit).Find(&out).Error
	return out, translate(err)
}

// LastEvent returns the number of the event that was added last to a session, and how often its events were changed and deleted: 0 where there is none.
func (s *Store) LastEvent(ctx context.Context, projectID, sessionID string) (seq, revision int, err error) {
	var last struct{ Seq, Revision int }
	err = s.read(ctx).Raw(`SELECT (SELECT COALESCE(max(seq), 0) FROM session_events WHERE session_id = @session AND project_id = @project) AS seq,
		(SELECT COALESCE(max(revision), 0) FROM session_events WHERE session_id = @session AND project_id = @project AND revision > 0) AS revision`,
		sql.Named("session", sessionID), sql.Named("project", projectID)).Scan(&last).Error
	return last.Seq, last.Revision, translate(err)
}
