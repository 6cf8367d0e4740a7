package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// Retention returns how long a project keeps what has ended; all 0 where it has not said.
func (s *Store) Retention(ctx context.Context, projectID string) (models.ProjectRetention, error) {
	r := models.ProjectRetention{ProjectID: projectID}
	err := s.read(ctx).Where("project_id = ?", projectID).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = nil
	}
	return r, translate(err)
}

// ChangeRetention changes how long a project keeps what has ended, by change, and returns it as it is then. by is the user, whose role must
// still allow it. Errors: ErrNotFound where the project is absent or by is no member, ErrForbidden, and what change returns.
func (s *Store) ChangeRetention(ctx context.Context, projectID, by string, change func(*models.ProjectRetention) error) (r models.ProjectRetention, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockProject(tx, projectID); err != nil {
			return err
		}
		if err := allow(tx, projectID, by, models.RightRetention); err != nil {
			return err
		}
		r = models.ProjectRetention{ProjectID: projectID}
		if err := tx.Where("project_id = ?", projectID).Take(&r).Error; err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
			return err
		}
		was := r
		if err := change(&r); err != nil {
			return err
		}
		r.UpdatedAt = utc(r.UpdatedAt)
		if err := tx.Exec(`INSERT INTO project_retention (project_id, payload_hours, job_hours, session_hours, window_hours, updated_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (project_id) DO UPDATE SET payload_hours = excluded.payload_hours, job_hours = excluded.job_hours, session_hours = excluded.session_hours,
				window_hours = excluded.window_hours, updated_at = excluded.updated_at`,
			projectID, r.PayloadHours, r.JobHours, r.SessionHours, r.WindowHours, r.UpdatedAt).Error; err != nil {
			return err
		}
		hours := func(r models.ProjectRetention) map[string]int {
			return map[string]int{"payload_hours": r.PayloadHours, "job_hours": r.JobHours, "session_hours": r.SessionHours, "window_hours": r.WindowHours}
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &by, ProjectID: &projectID, ActorKind: models.ActorUser, Actor: by,
			Action: models.AuditRetentionChanged, Subject: projectID}, map[string]any{"from": hours(was), "to": hours(r)})
	})
	return r, err
}

// Retentions returns what the projects have said that keep something for less long than the server.
func (s *Store) Retentions(ctx context.Context) ([]models.ProjectRetention, error) {
	var out []models.ProjectRetention
	err := s.read(ctx).Order("project_id").Find(&out).Error
	return out, translate(err)
}

// PruneProject deletes what a project keeps no longer, at most limit of each kind, but for sessions (see ExpiredSessions). Jobs that were given up
// stay for as long as the server keeps those. It returns how many rows.
func (s *Store) PruneProject(ctx context.Context, r models.ProjectRetention, now time.Time, limit int) (n int, err error) {
	before := func(hours int) time.Time { return utc(now.Add(-time.Duration(hours) * time.Hour)) }
	if r.PayloadHours > 0 {
		at := before(r.PayloadHours)
		// Ids begin with the time at which their jobs were made.
		res := s.write(ctx).Exec(`DELETE FROM job_payloads WHERE job_id IN (SELECT p.job_id FROM job_payloads p JOIN jobs j ON j.id = p.job_id
			WHERE p.project_id = ? AND p.job_id < ? AND j.finished_at < ? LIMIT ?)`, r.ProjectID, dialect.FirstID(at), at, limit)
		if n += int(res.RowsAffected); res.Error != nil {
			return n, translate(res.Error)
		}
	}
	if r.JobHours > 0 {
		gone, err := s.pruneJobs(ctx, r.ProjectID, before(r.JobHours), limit)
		if n += gone; err != nil {
			return n, err
		}
	}
	if r.WindowHours > 0 {
		// Of sessions to which no more are added. Their number is bounded, not that of the windows of one.
		res := s.write(ctx).Exec("DELETE FROM feature_windows WHERE "+s.db.SomeRows("feature_windows", `session_id IN (
			SELECT id FROM sessions WHERE project_id = ? AND `+longEnded+`)`), r.ProjectID, before(r.WindowHours), before(r.WindowHours), before(r.WindowHours), limit)
		if n += int(res.RowsAffected); res.Error != nil {
			return n, translate(res.Error)
		}
	}
	return n, nil
}

// pruneJobs deletes jobs of a project that ended before a time, with their recordings, batches with their items.
func (s *Store) pruneJobs(ctx context.Context, projectID string, before time.Time, limit int) (n int, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		var ids []string
		if err := tx.Raw(`SELECT id FROM jobs WHERE project_id = ? AND id < ? AND parent_id IS NULL AND finished_at < ? AND NOT dead_letter ORDER BY id LIMIT ?`,
			projectID, dialect.FirstID(before), before, limit).Scan(&ids).Error; err != nil || len(ids) == 0 {
			return err
		}
		n = len(ids)
		for _, query := range []string{
			"DELETE FROM job_payloads WHERE job_id IN (SELECT id FROM jobs WHERE parent_id IN ?)",
			"DELETE FROM job_payloads WHERE job_id IN ?",
			"DELETE FROM jobs WHERE parent_id IN ?",
			"DELETE FROM jobs WHERE id IN ?",
		} {
			if err := tx.Exec(query, ids).Error; err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// longEnded is the condition on sessions that ended before a time, three times its parameter. The end is when the last sample was taken, by the
// clock of who recorded it, which for a recording that was brought in now may be years ago: what counts is also when the session was made
// here, and when its last samples came.
const longEnded = `state IN ('ENDED', 'COMPLETE', 'FAILED') AND NOT job_open AND ended_at < ? AND created_at < ?
	AND NOT EXISTS (SELECT 1 FROM sample_batches b WHERE b.session_id = sessions.id AND b.seq = sessions.batch_count - 1 AND b.created_at >= ?)`

// ExpiredSessions returns sessions of a project that ended before a time and of which nothing is being worked on, oldest first.
func (s *Store) ExpiredSessions(ctx context.Context, projectID string, before time.Time, limit int) (ids []string, err error) {
	at := utc(before)
	err = s.read(ctx).Raw("SELECT id FROM sessions WHERE project_id = ? AND "+longEnded+" ORDER BY id LIMIT ?", projectID, at, at, at, limit).Scan(&ids).Error
	return ids, translate(err)
}
