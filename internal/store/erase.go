package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file erase users. Invariants, the same on both databases:
//
//   - Accepting an erasure takes the user's sessions out of table sessions, and deletes the models trained on them. Whatever writes something of a session locks
//     its row there first, so that after the acceptance nothing more is written; and nobody reads it, either.
//   - What the sessions leave in other tables (sessionTables) is deleted a part at a time. The counts are kept with the
//     erasure and change in the transaction that deletes, under the lock on its row: an attempt that is killed, or comes
//     to life again, counts nothing twice.
//   - Objects outside the database are deleted after their rows and before the last transaction.
//   - The last transaction writes the audit record and deletes the erasure. No row of an erasure holds the user's id.

// sessionTable is a table with rows that belong to sessions.
type sessionTable struct {
	name    string
	session string // column with the session's id
	job     string // column with the id of a job that worked for the session, "" for none: the job goes with the row
	blobs   bool   // rows may hold megabytes: fewer go at once
	// SQL of what a row adds to samples_deleted and features_deleted, "" for nothing.
	samples, features string
}

// sessionTables lists every table with rows that belong to sessions. A new one needs a line here; a test holds the schema
// to it.
var sessionTables = []sessionTable{
	{name: "sample_batches", session: "session_id", job: "job_id", blobs: true, samples: "end_sample - start_sample"},
	{name: "feature_windows", session: "session_id", features: "1"},
	{name: "session_decodes", session: "session_id"},
	{name: "session_alignments", session: "session_id"},
	{name: "session_stretches", session: "session_id"},
	{name: "session_overviews", session: "session_id", blobs: true},
	{name: "session_clocks", session: "session_id"},
	{name: "session_events", session: "session_id"},
	{name: "webhook_events", session: "session_id"}, // with their deliveries
	{name: "session_imports", session: "session_id", job: "job_id"},
	{name: "upload_chunks", session: "session_id", blobs: true},
	{name: "session_jobs", session: "session_id", job: "job_id"},
	{name: "project_model_sessions", session: "session_id"}, // gone with its models when the erasure was accepted
}

// blobShare is how many times fewer rows with blobs than others go at once.
const blobShare = 8

// NewErasure is an erasure to be accepted.
type NewErasure struct {
	Erasure        models.Erasure // without JobID and counts
	ExternalUserID string
	SessionID      string            // instead of a user's: this one alone
	ActorKind      models.AuditActor // whether Erasure.Actor is a key or a user
	// Job makes the job that works on the erasure with the id given.
	Job func(erasureID string) models.Job
}

// AcceptedErasure is what became of it.
type AcceptedErasure struct {
	ID       string // of the erasure, and of the audit record to come
	Job      models.Job
	NewJob   bool     // Job has just been stored and must be handed to the queue; otherwise only its id is set
	Sessions []string // that have just become unreachable
}

// AcceptErasure makes the user's sessions unreachable, and has a job delete what they leave. While one is under way for
// the user, the sessions made since then join it; a job of it that was given up is replaced.
func (s *Store) AcceptErasure(ctx context.Context, n NewErasure) (out AcceptedErasure, err error) {
	for range 3 {
		// Of two that begin at once the second finds the erasure of the first when it tries again.
		if out, err = s.acceptErasure(ctx, n); !errors.Is(err, ErrDuplicate) {
			break
		}
	}
	return out, err
}

func (s *Store) acceptErasure(ctx context.Context, n NewErasure) (out AcceptedErasure, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		out = AcceptedErasure{}
		var found []models.Erasure
		err := forUpdate(tx).Where("project_id = ? AND subject_hash = ?", n.Erasure.ProjectID, n.Erasure.SubjectHash).Limit(1).Find(&found).Error
		if err != nil {
			return err
		}
		e := n.Erasure
		if len(found) > 0 {
			e = found[0]
			var alive int64
			if err := tx.Table("jobs").Where("id = ? AND finished_at IS NULL", e.JobID).Count(&alive).Error; err != nil {
				return err
			}
			out.Job, out.NewJob = models.Job{ID: e.JobID}, alive == 0
		} else {
			out.NewJob = true
		}
		if out.NewJob {
			out.Job = n.Job(e.ID)
			e.JobID = out.Job.ID
			if len(found) > 0 {
				err = one(tx.Model(&models.Erasure{}).Where("id = ?", e.ID).Update("job_id", e.JobID))
			} else {
				e.CreatedAt = utc(e.CreatedAt)
				if err = tx.Create(&e).Error; err == nil {
					err = auditProject(tx, models.AuditEvent{ActorKind: n.ActorKind, Actor: e.Actor, Action: models.AuditUserErasing, Subject: e.ID}, e.ProjectID, nil)
				}
			}
			if err != nil {
				return err
			}
			if err := dialect.InsertJob(tx, out.Job); err != nil {
				return err
			}
		}
		out.ID = e.ID
		if n.SessionID != "" {
			out.Sessions, err = eraseSessions(tx, e, "project_id = ? AND id = ?", e.ProjectID, n.SessionID)
			return err
		}
		out.Sessions, err = eraseSessions(tx, e, "project_id = ? AND external_user_id = ?", e.ProjectID, n.ExternalUserID)
		return err
	})
	return out, err
}

// eraseIDs is how many ids one statement takes.
const eraseIDs = 500

// EraseChunk deletes about limit rows of an erasure, in one transaction. When nothing is left it writes the audit record
// and returns it, as it does when that has been done before. Errors: ErrFenced, ErrNotFound.
func (s *Store) EraseChunk(ctx context.Context, erasureID string, a Attempt, limit int) (audit *models.AuditRecord, err error) {
	var gone string // the project whose objects are to go before the end
	err = s.tx(ctx, func(tx *gorm.DB) error {
		audit, gone = nil, ""
		var found []models.Erasure
		if err := forUpdate(tx).Where("id = ?", erasureID).Limit(1).Find(&found).Error; err != nil {
			return err
		}
		if len(found) == 0 {
			audit = new(models.AuditRecord)
			return tx.Where("id = ?", erasureID).Take(audit).Error
		}
		e := &found[0]
		var held int64
		err := tx.Table("jobs").Where("id = ? AND state = ? AND attempts = ?", a.ID, models.JobRunning, a.Attempt).Count(&held).Error
		if err != nil {
			return err
		}
		if held == 0 || e.JobID != a.ID {
			return ErrFenced
		}
		for left := max(limit, 1); left > 0; {
			var next []models.ErasedSession
			if err := tx.Where("erasure_id = ?", e.ID).Order("session_id").Limit(1).Find(&next).Error; err != nil {
				return err
			}
			if len(next) == 0 && e.SubjectHash == projectSubject(e.ProjectID) {
				rows, err := s.eraseProject(tx, e, left)
				if err != nil {
					return err
				}
				if rows > 0 {
					left -= rows
					continue
				}
			}
			if len(next) == 0 {
				wait, err := objectsGone(tx, e.ProjectID)
				if err != nil {
					return err
				}
				if wait { // the audit record says that all is gone
					gone = e.ProjectID
					break
				}
				audit, err = endErasure(tx, e)
				return err
			}
			rows, err := s.eraseSession(tx, e, next[0], left)
			if err != nil {
				return err
			}
			left -= rows
		}
		return one(tx.Model(&models.Erasure{}).Where("id = ?", e.ID).Updates(map[string]any{"sessions_deleted": e.SessionsDeleted,
			"samples_deleted": e.SamplesDeleted, "features_deleted": e.FeaturesDeleted}))
	})
	if err == nil && gone != "" {
		_, err = s.DeleteObjects(ctx, gone, max(limit, 1))
	}
	return audit, err
}

// endErasure writes the audit record of an erasure that has nothing left to delete, and returns it.
func endErasure(tx *gorm.DB, e *models.Erasure) (*models.AuditRecord, error) {
	audit := &models.AuditRecord{ID: e.ID, ProjectID: e.ProjectID, Action: models.ActionUserErased, SubjectHash: e.SubjectHash,
		Actor: e.Actor, SessionsDeleted: e.SessionsDeleted, SamplesDeleted: e.SamplesDeleted, FeaturesDeleted: e.FeaturesDeleted,
		CreatedAt: dialect.Now()}
	done := models.AuditEvent{ActorKind: models.ActorSystem, Action: models.AuditUserErased, Subject: e.ID}
	if e.SubjectHash == projectSubject(e.ProjectID) {
		audit.Action = models.ActionProjectDeleted
		done.Action, done.Subject, done.AccountID = models.AuditProjectDeleted, e.ProjectID, &e.Actor
	}
	if err := tx.Create(audit).Error; err != nil {
		return nil, err
	}
	if err := auditProject(tx, done, e.ProjectID, map[string]any{"sessions": e.SessionsDeleted, "samples": e.SamplesDeleted, "features": e.FeaturesDeleted}); err != nil {
		return nil, err
	}
	return audit, one(tx.Where("id = ?", e.ID).Delete(&models.Erasure{}))
}

// erasedRow is what is noted of a row that was deleted.
type erasedRow struct {
	Job      string
	Samples  int64
	Features int64
}

// eraseSession deletes rows of a session, about limit of them, adds to the counts of e, and when none is left takes the
// session off the list. It returns how many there were, at least 1.
func (s *Store) eraseSession(tx *gorm.DB, e *models.Erasure, ses models.ErasedSession, limit int) (rows int, err error) {
	// An answer without a job is kept under its session's id.
	jobs := map[string]struct{}{ses.SessionID: {}}
	if ses.JobID != nil {
		jobs[*ses.JobID] = struct{}{}
	}
	more := false
	for _, t := range sessionTables {
		weight := 1
		if t.blobs {
			weight = blobShare
		}
		most := (limit - rows + weight - 1) / weight
		gone, err := s.eraseRows(tx, t, ses.SessionID, most)
		if err != nil {
			return 0, fmt.Errorf("store: erase from %s: %w", t.name, err)
		}
		for _, r := range gone {
			e.SamplesDeleted += r.Samples
			e.FeaturesDeleted += r.Features
			if r.Job != "" {
				jobs[r.Job] = struct{}{}
			}
		}
		rows += weight * len(gone)
		if more = len(gone) == most || rows >= limit; more {
			break
		}
	}
	ids := make([]string, 0, len(jobs))
	for id := range jobs {
		ids = append(ids, id)
	}
	slices.Sort(ids) // rows of jobs are locked in the order of their ids
	if err := eraseJobs(tx, e.ProjectID, ids); err != nil {
		return 0, err
	}
	if more {
		return max(rows, 1), nil
	}
	e.SessionsDeleted++
	return rows + 1, one(tx.Where("session_id = ?", ses.SessionID).Delete(&models.ErasedSession{}))
}

// eraseRows deletes at most n rows of a session from a table.
func (s *Store) eraseRows(tx *gorm.DB, t sessionTable, sessionID string, n int) (gone []erasedRow, err error) {
	or := func(sql, fallback string) string {
		if sql == "" {
			return fallback
		}
		return sql
	}
	query := strings.NewReplacer("$job", or(t.job, "NULL"), "$samples", or(t.samples, "0"),
		"$features", or(t.features, "0")).Replace("DELETE FROM " + t.name + " WHERE " + s.db.SomeRows(t.name, t.session+" = ?") +
		" RETURNING coalesce($job, '') AS job, $samples AS samples, $features AS features")
	return gone, tx.Raw(query, sessionID, n).Scan(&gone).Error
}

// eraseJobs deletes jobs with their items, payloads and the answers that were kept for them.
func eraseJobs(tx *gorm.DB, projectID string, ids []string) error {
	for chunk := range slices.Chunk(ids, eraseIDs) {
		for _, query := range []string{
			"DELETE FROM idempotency_records WHERE project_id = ? AND job_id IN ?",
			"DELETE FROM job_payloads WHERE project_id = ? AND job_id IN (SELECT id FROM jobs WHERE parent_id IN ?)",
			"DELETE FROM job_payloads WHERE project_id = ? AND job_id IN ?",
			"DELETE FROM webhook_events WHERE project_id = ? AND subject IN ?",
			"DELETE FROM jobs WHERE project_id = ? AND parent_id IN ?",
			"DELETE FROM jobs WHERE project_id = ? AND id IN ?",
		} {
			if err := tx.Exec(query, projectID, chunk).Error; err != nil {
				return err
			}
		}
	}
	return nil
}

// AuditRecord returns an audit record of the project, or ErrNotFound.
func (s *Store) AuditRecord(ctx context.Context, projectID, id string) (models.AuditRecord, error) {
	var out models.AuditRecord
	err := s.read(ctx).Where("id = ? AND project_id = ?", id, projectID).Take(&out).Error
	return out, translate(err)
}
