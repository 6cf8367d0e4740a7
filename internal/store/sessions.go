package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file and of ingest.go and windows.go keep sessions. Invariants, the same on both databases:
//
//   - Whatever changes a session locks its row first, so that batches, the end and the windows of one session follow
//     one another, and two copies of a batch are one. Several sessions are locked in the order of their ids.
//   - A batch, the job that will look at it and the answer to its Idempotency-Key are one transaction.
//   - A session has at most one open job. The job is closed in the transaction that finds nothing pending, under the
//     same lock under which a batch finds it open or makes the next one: no batch is left without a job.
//   - Windows and decodes are written under the lock and only while the writer's attempt still holds its job; the
//     primary key (session, index) lets each be written once.
//   - The segments of samples are disjoint and do not touch; the last one is the session's tail.

// ErrSessionClosed says that the session takes no more samples.
var ErrSessionClosed = errors.New("store: the session has ended")

func sessionEntities(rows []dialect.SessionRow) ([]models.Session, error) {
	out := make([]models.Session, len(rows))
	for i := range rows {
		s, err := rows[i].Entity()
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

// CreateSession adds a session.
func (s *Store) CreateSession(ctx context.Context, n models.Session) error {
	row, err := dialect.NewSessionRow(n)
	if err != nil {
		return err
	}
	return translate(s.write(ctx).Create(&row).Error)
}

// Session returns a session of the project, or ErrNotFound.
func (s *Store) Session(ctx context.Context, projectID, id string) (models.Session, error) {
	ses, err := dialect.FindSession(s.read(ctx), projectID, id)
	return ses, translate(err)
}

// SessionListing selects sessions of a project, newest first.
type SessionListing struct {
	ProjectID      string
	Mode           models.IngestionMode // "" for both
	ExternalUserID string               // "" for everyone's
	BeforeID       string               // continues a list that ended with this session
	Limit          int
}

// Sessions returns a page of sessions.
func (s *Store) Sessions(ctx context.Context, l SessionListing) ([]models.Session, error) {
	db := s.read(ctx).Where("project_id = ?", l.ProjectID)
	if l.Mode != "" {
		db = db.Where("ingestion_mode = ?", l.Mode)
	}
	if l.ExternalUserID != "" {
		db = db.Where("external_user_id = ?", l.ExternalUserID)
	}
	if l.BeforeID != "" {
		db = db.Where("id < ?", l.BeforeID)
	}
	var rows []dialect.SessionRow
	if err := db.Order("id DESC").Limit(l.Limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	return sessionEntities(rows)
}

// openJob returns the session's open job, or stores the one given when there is none that still runs.
func openJob(tx *gorm.DB, ses models.Session, job models.Job) (id string, created bool, err error) {
	if ses.JobOpen && ses.JobID != nil {
		// A job that failed or was canceled never closed itself.
		var n int64
		err := tx.Table("jobs").Where("id = ? AND finished_at IS NULL", *ses.JobID).Count(&n).Error
		if err != nil || n > 0 {
			return *ses.JobID, false, err
		}
	}
	return job.ID, true, dialect.InsertJob(tx, job)
}

// takeKey returns the live answer of an Idempotency-Key, nil when this transaction is the first.
func (s *Store) takeKey(tx *gorm.DB, k models.IdempotencyRecord) (*models.IdempotencyRecord, error) {
	if err := s.db.LockKey(tx, &k); err != nil {
		return nil, err
	}
	return dialect.FindRecord(tx, k)
}

// SessionEnd is the end of a session.
type SessionEnd struct {
	ProjectID string
	SessionID string
	At        time.Time
	Given     bool // At is what the caller said; else it is now, and models.Session.EndsBy tells the end
	// Job brings a RECORDED session to COMPLETE if it has no open job.
	Job    models.Job
	Key    *models.IdempotencyRecord
	Record func(SessionEnded) models.IdempotencyRecord
}

// SessionEnded is what became of it.
type SessionEnded struct {
	Replayed *models.IdempotencyRecord
	Session  models.Session // as it is then
	Changed  bool           // it was still taking samples
	NewJob   bool           // Session.JobID has just been stored and must be handed to the queue
}

// EndSession ends a session; one that has ended is returned as it is then. Errors: ErrNotFound, ErrKeyInFlight.
func (s *Store) EndSession(ctx context.Context, end SessionEnd) (out SessionEnded, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		out = SessionEnded{}
		if end.Key != nil {
			if out.Replayed, err = s.takeKey(tx, *end.Key); err != nil || out.Replayed != nil {
				return err
			}
		}
		ses, err := dialect.FindSession(forUpdate(tx), end.ProjectID, end.SessionID)
		if err != nil {
			return err
		}
		state, ok := ses.State.Next(models.TriggerEnd)
		if !ok {
			return fmt.Errorf("store: session %s cannot end in state %s", ses.ID, ses.State)
		}
		if out.Changed = !ses.Ending(); out.Changed {
			at := end.At
			if !end.Given {
				at = ses.EndsBy(at)
			}
			at = utc(at)
			ses.State, ses.EndedAt = state, &at
		}
		// A live session has nothing left to do unless a batch waits; ending it again brings back a job that was given up.
		if (out.Changed && state == models.SessionProcessing) || (state == models.SessionEnded && ses.Pending() > 0) {
			id, created, err := openJob(tx, ses, end.Job)
			if err != nil {
				return err
			}
			if created { // no batch names it, and the next may take its place: erasure finds it here
				if err := tx.Create(&models.SessionJob{SessionID: ses.ID, JobID: id}).Error; err != nil {
					return err
				}
			}
			ses.JobID, ses.JobOpen, out.NewJob = &id, true, created
		}
		if out.Changed || out.NewJob {
			err = one(tx.Model(&dialect.SessionRow{}).Where("id = ?", ses.ID).Updates(map[string]any{
				"state": ses.State, "ended_at": ses.EndedAt, "job_id": ses.JobID, "job_open": ses.JobOpen,
			}))
			if err != nil {
				return err
			}
		}
		out.Session = ses
		if end.Key == nil {
			return nil
		}
		return dialect.KeepRecord(tx, end.Record(out))
	})
	return out, err
}

// FailSession closes the job of a session that has ended when that job was given up or canceled without writing every
// window, and moves a RECORDED session to FAILED. It returns the session as it is then.
func (s *Store) FailSession(ctx context.Context, projectID, id string) (ses models.Session, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if ses, err = dialect.FindSession(forUpdate(tx), projectID, id); err != nil {
			return err
		}
		next, ok := ses.State.Next(models.TriggerFailed)
		if !ok || !ses.JobOpen || ses.JobID == nil {
			return nil
		}
		var n int64
		if err := tx.Table("jobs").Where("id = ? AND finished_at IS NULL", *ses.JobID).Count(&n).Error; err != nil || n > 0 {
			return err
		}
		ses.State, ses.JobOpen = next, false
		return one(tx.Model(&dialect.SessionRow{}).Where("id = ?", ses.ID).Updates(map[string]any{"state": ses.State, "job_open": false}))
	})
	return ses, err
}

// BatchesOver returns the batches that overlap the samples [start, end), with their samples unpacked, in the order of
// acceptance. longest is the session's LongestBatch, which bounds how far the index is read.
func (s *Store) BatchesOver(ctx context.Context, sessionID string, start, end, longest int64) ([]models.SampleBatch, error) {
	var out []models.SampleBatch
	err := s.read(ctx).Select("session_id", "batch_id", "seq", "start_ms", "start_sample", "end_sample", "codec", "size", "data").
		Where("session_id = ? AND end_sample > ? AND end_sample < ? AND start_sample < ?", sessionID, start, end+longest, end).
		Order("seq").Find(&out).Error
	if err == nil {
		err = s.unpackBatches(ctx, out)
	}
	if err != nil {
		return nil, translate(err)
	}
	return out, nil
}

// WindowListing selects feature windows of a session.
type WindowListing struct {
	SessionID  string
	AfterMS    *int64 // only those that start later
	AfterIndex *int64 // only those with a higher index
	AfterSeq   *int   // only those written later, in the order of writing
	OnlyPassed bool
	Descending bool // by start
	Offset     int
	Limit      int
}

// FeatureWindows returns windows in the order of their start, or of writing with AfterSeq.
func (s *Store) FeatureWindows(ctx context.Context, projectID string, l WindowListing) ([]models.FeatureWindow, error) {
	db := s.read(ctx).Where("session_id = ? AND project_id = ?", l.SessionID, projectID)
	order := "window_index"
	if l.AfterMS != nil {
		db = db.Where("start_ms > ?", *l.AfterMS)
	}
	if l.AfterIndex != nil {
		db = db.Where("window_index > ?", *l.AfterIndex)
	}
	if l.AfterSeq != nil {
		db, order = db.Where("seq > ?", *l.AfterSeq), "seq"
	}
	if l.OnlyPassed {
		db = db.Where("passed = ?", true)
	}
	if l.Descending {
		order += " DESC"
	}
	var out []models.FeatureWindow
	err := db.Order(order).Offset(l.Offset).Limit(l.Limit).Find(&out).Error
	return out, translate(err)
}

// ActiveKeys returns the projects of those keys that are neither revoked nor expired, by key.
func (s *Store) ActiveKeys(ctx context.Context, ids []string, at time.Time) (map[string]string, error) {
	out := map[string]string{}
	for chunk := range slices.Chunk(ids, idChunk) {
		var found []apiKey
		err := s.read(ctx).Select("id", "project_id").Where("id IN ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", chunk, utc(at)).
			Find(&found).Error
		if err != nil {
			return nil, translate(err)
		}
		for _, k := range found {
			out[k.ID] = k.ProjectID
		}
	}
	return out, nil
}

// SessionsByID returns those sessions that are there, of any project.
func (s *Store) SessionsByID(ctx context.Context, ids []string) (map[string]models.Session, error) {
	out := map[string]models.Session{}
	for chunk := range slices.Chunk(ids, idChunk) {
		var rows []dialect.SessionRow
		if err := s.read(ctx).Where("id IN ?", chunk).Find(&rows).Error; err != nil {
			return nil, translate(err)
		}
		found, err := sessionEntities(rows)
		if err != nil {
			return nil, err
		}
		for _, ses := range found {
			out[ses.ID] = ses
		}
	}
	return out, nil
}

// idChunk is how many ids one statement takes.
const idChunk = 500

// SessionChange changes what is said about a session. What is nil stays.
type SessionChange struct {
	ProjectID, SessionID     string
	Name, Protocol, Metadata *string
	Tags                     *[]string
	PlannedMS                *int64
}

// ChangeSession makes a change and returns the session as it is then. Error: ErrNotFound.
func (s *Store) ChangeSession(ctx context.Context, c SessionChange) (ses models.Session, err error) {
	set := map[string]any{}
	for column, value := range map[string]*string{"name": c.Name, "protocol": c.Protocol, "metadata": c.Metadata} {
		if value != nil {
			set[column] = *value
		}
	}
	if c.Tags != nil {
		if set["tags"], err = dialect.TagsText(*c.Tags); err != nil {
			return ses, err
		}
	}
	if c.PlannedMS != nil {
		set["planned_ms"] = *c.PlannedMS
	}
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if ses, err = dialect.FindSession(forUpdate(tx), c.ProjectID, c.SessionID); err != nil || len(set) == 0 {
			return err
		}
		if err := one(tx.Model(&dialect.SessionRow{}).Where("id = ?", c.SessionID).Updates(set)); err != nil {
			return err
		}
		ses, err = dialect.FindSession(tx, c.ProjectID, c.SessionID)
		return err
	})
	return ses, err
}
