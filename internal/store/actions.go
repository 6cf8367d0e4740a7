package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// Why a job was passed over by an operator's action.
const (
	SkipGone        = "gone"           // it is not there any more
	SkipState       = "state"          // its state does not allow it
	SkipRepeated    = "already_made"   // it was made again before
	SkipPayloadGone = "payload_gone"   // retention has deleted its recording
	SkipKind        = "not_repeatable" // jobs of its kind are not made again: they follow from other calls, or their work is settled
)

// again makes a job anew: one like it, with its recording and for the same sessions. A final state never changes, so that the job itself stays
// as it ended; it says which job was made of it, once. It returns why not, "" where it did.
func again(tx *gorm.DB, old models.Job, now time.Time, mark bool) (fresh models.Job, skip string, err error) {
	if mark && old.RetriedAs != nil {
		return fresh, SkipRepeated, nil
	}
	fresh = models.Job{ID: models.NewID(), ProjectID: old.ProjectID, Kind: old.Kind, State: models.JobQueued, Request: old.Request, CreatedAt: utc(now),
		NextCheck: utc(now.Add(recheckFresh))}
	if trace := telemetry.Traceparent(tx.Statement.Context); trace != "" {
		fresh.Trace = &trace
	}
	switch old.Kind {
	case models.KindDecode:
		// Held, so that what lies outside of it is not deleted between.
		var held []string
		if err := forUpdate(tx).Table("job_payloads").Where("job_id = ?", old.ID).Pluck("job_id", &held).Error; err != nil {
			return fresh, "", err
		}
		res := tx.Exec("INSERT INTO job_payloads (job_id, project_id, codec, size, data, created_at) SELECT ?, project_id, codec, size, data, ? FROM job_payloads WHERE job_id = ?",
			fresh.ID, utc(now), old.ID)
		if res.Error != nil {
			return fresh, "", res.Error
		}
		if res.RowsAffected == 0 {
			return fresh, SkipPayloadGone, nil
		}
	case models.KindModelTrain, models.KindModelCalibrate:
	case models.KindUserErase, models.KindProjectDelete:
		res := tx.Exec("UPDATE erasures SET job_id = ? WHERE job_id = ?", fresh.ID, old.ID)
		if res.Error != nil || res.RowsAffected == 0 { // done, or another job has taken over
			return fresh, SkipKind, res.Error
		}
	case models.KindSessionWindows:
		res := tx.Exec("UPDATE sessions SET job_id = ?, job_open = ? WHERE job_id = ? AND state IN ('OPEN', 'ENDED', 'UPLOADING', 'PROCESSING')", fresh.ID, true, old.ID)
		if res.Error != nil || res.RowsAffected == 0 {
			return fresh, SkipKind, res.Error
		}
	default:
		return fresh, SkipKind, nil
	}
	if err := dialect.InsertJob(tx, fresh); err != nil {
		return fresh, "", err
	}
	if err := tx.Exec("INSERT INTO session_jobs (session_id, job_id) SELECT session_id, ? FROM session_jobs WHERE job_id = ?", fresh.ID, old.ID).Error; err != nil {
		return fresh, "", err
	}
	if !mark {
		return fresh, "", nil
	}
	return fresh, "", tx.Exec("UPDATE jobs SET retried_as = ?, dead_letter = ? WHERE id = ?", fresh.ID, false, old.ID).Error
}

// recheckFresh is when the reconciler looks at a job that was made again, should nobody have handed it over.
const recheckFresh = 5 * time.Second

// rowsForUpdate returns jobs, locked in the order of their ids.
func rowsForUpdate(tx *gorm.DB, ids []string) (map[string]models.Job, error) {
	var rows []struct {
		models.Job
		Request *string
	}
	err := forUpdate(tx).Table("jobs").Select("id", "project_id", "kind", "state", "request", "parent_id", "items_total", "dead_letter", "retried_as").
		Where("id IN ?", ids).Order("id").Find(&rows).Error
	out := make(map[string]models.Job, len(rows))
	for _, r := range rows {
		if r.Request != nil {
			r.Job.Request = json.RawMessage(*r.Request)
		}
		out[r.ID] = r.Job
	}
	return out, err
}

// RunAgain makes a job of a project anew for who may submit one, whatever state it ended in. It returns why not, "" where it did. ErrNotFound.
func (s *Store) RunAgain(ctx context.Context, projectID, id string, now time.Time) (fresh models.Job, skip string, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		rows, err := rowsForUpdate(tx, []string{id})
		if err != nil {
			return err
		}
		old, ok := rows[id]
		switch {
		case !ok || old.ProjectID != projectID:
			return ErrNotFound
		case !old.State.Final():
			skip = SkipState
			return errUnchanged
		case old.Kind != models.KindDecode && old.Kind != models.KindModelTrain && old.Kind != models.KindModelCalibrate:
			skip = SkipKind
			return errUnchanged
		}
		if fresh, skip, err = again(tx, old, now, false); err == nil && skip != "" {
			return errUnchanged
		}
		return err
	})
	if skip != "" {
		return fresh, skip, nil
	}
	return fresh, "", err
}

// ActionResult is what became of one job.
type ActionResult struct {
	ID    string
	Skip  string      // why not, "" where it was done
	Fresh *models.Job // that was made of it and must be handed to the queue
}

// apply does what an operator wants with jobs, except to cancel them, which is the engine's.
func apply(tx *gorm.DB, verb models.OperatorVerb, ids []string, now time.Time) ([]ActionResult, error) {
	ids = slices.Sorted(slices.Values(ids))
	rows, err := rowsForUpdate(tx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]ActionResult, len(ids))
	for i, id := range ids {
		out[i].ID = id
		old, ok := rows[id]
		switch {
		case !ok:
			out[i].Skip = SkipGone
		case verb == models.VerbRetry && old.State != models.JobFailed, verb == models.VerbDiscard && !old.DeadLetter:
			out[i].Skip = SkipState
		case verb == models.VerbDiscard:
			if err := tx.Exec("UPDATE jobs SET dead_letter = ? WHERE id = ?", false, id).Error; err != nil {
				return nil, err
			}
		case old.ItemsTotal > 0:
			out[i].Skip = SkipKind
		default:
			fresh, skip, err := again(tx, old, now, true)
			if err != nil {
				return nil, err
			}
			if out[i].Skip = skip; skip == "" {
				out[i].Fresh = &fresh
			}
		}
	}
	return out, nil
}

// auditVerbs are the actions of the audit log for what is done to one job.
var auditVerbs = map[models.OperatorVerb]models.AuditAction{models.VerbRetry: models.AuditJobRetried, models.VerbDiscard: models.AuditJobDiscarded, models.VerbCancel: models.AuditJobCanceled}

// ApplyToJob retries or discards one job for an operator.
func (s *Store) ApplyToJob(ctx context.Context, verb models.OperatorVerb, id, by string, now time.Time) (r ActionResult, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		list, err := apply(tx, verb, []string{id}, now)
		if err != nil {
			return err
		}
		if r = list[0]; r.Skip != "" {
			return errUnchanged
		}
		details := map[string]any{}
		if r.Fresh != nil {
			details["job_id"] = r.Fresh.ID
		}
		return appendAudit(tx, models.AuditEvent{ActorKind: models.ActorUser, Actor: by, Action: auditVerbs[verb], Subject: id}, details)
	})
	if r.Skip != "" {
		return r, nil
	}
	return r, err
}

// CreateAction stores an action on many jobs.
func (s *Store) CreateAction(ctx context.Context, a models.OperatorAction) error {
	a.CreatedAt = utc(a.CreatedAt)
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Create(&a).Error; err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{ActorKind: models.ActorUser, Actor: a.RequestedBy, Action: models.AuditActionStarted, Subject: a.ID},
			map[string]any{"action": string(a.Action), "filter": a.Filter, "jobs": a.Total})
	})
}

// Actions returns actions on many jobs, newest first, those with an id below the one given.
func (s *Store) Actions(ctx context.Context, beforeID string, limit int) ([]models.OperatorAction, error) {
	db := s.read(ctx)
	if beforeID != "" {
		db = db.Where("id < ?", beforeID)
	}
	var out []models.OperatorAction
	err := db.Order("id DESC").Limit(limit).Find(&out).Error
	return out, translate(err)
}

// Action returns one. ErrNotFound.
func (s *Store) Action(ctx context.Context, id string) (models.OperatorAction, error) {
	var a models.OperatorAction
	err := s.read(ctx).Where("id = ?", id).Take(&a).Error
	return a, translate(err)
}

// CancelAction ends an action where it stands; what it has done stays done. It reports whether it ran. ErrNotFound.
func (s *Store) CancelAction(ctx context.Context, id, by string, now time.Time) (a models.OperatorAction, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if err := forUpdate(tx).Where("id = ?", id).Take(&a).Error; err != nil || a.State != models.ActionRunning {
			return err
		}
		at := utc(now)
		a.State, a.FinishedAt = models.ActionCanceled, &at
		if err := one(tx.Model(&models.OperatorAction{}).Where("id = ?", id).Updates(map[string]any{"state": a.State, "finished_at": at})); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{ActorKind: models.ActorUser, Actor: by, Action: models.AuditActionCanceled, Subject: id}, nil)
	})
	return a, translate(err)
}

// ClaimAction gives a process an action that nobody works on, until the lease ends. ErrNotFound where there is none.
func (s *Store) ClaimAction(ctx context.Context, owner string, lease time.Duration) (a models.OperatorAction, err error) {
	now := s.Now()
	// Most of the time there is none, and a look needs no lock.
	var open int64
	err = s.read(ctx).Model(&models.OperatorAction{}).Where("state = 'running' AND (lease_until IS NULL OR lease_until < ? OR owner = ?)", now, owner).Limit(1).Count(&open).Error
	if err != nil || open == 0 {
		if err == nil {
			err = ErrNotFound
		}
		return a, translate(err)
	}
	err = s.tx(ctx, func(tx *gorm.DB) error {
		err := forUpdate(tx).Where("state = 'running' AND (lease_until IS NULL OR lease_until < ? OR owner = ?)", now, owner).Order("id").Limit(1).Take(&a).Error
		if err != nil {
			return err
		}
		return one(tx.Model(&models.OperatorAction{}).Where("id = ?", a.ID).Updates(map[string]any{"owner": owner, "lease_until": utc(now.Add(lease))}))
	})
	return a, translate(err)
}

// ActionStep is a part of an action: the jobs behind Position that meet the filter, at most Limit, in one transaction with the action's own count.
type ActionStep struct {
	ID        string
	Owner     string
	Lease     time.Duration
	Filter    models.JobFilter
	BulkKinds []string
	Limit     int
	// Cancel cancels a job, past this transaction: it does no harm twice. It returns why not, "" where it did.
	Cancel func(ctx context.Context, projectID, id string) (skip string, err error)
}

// StepAction does a part of an action and returns it as it is then, with the jobs that it has made. Two processes never do the same part: the
// action's row is locked, and its cursor moves in the transaction. ErrFenced where the action is another's, or has ended.
//
//nolint:gocyclo // one transaction, from top to bottom
func (s *Store) StepAction(ctx context.Context, st ActionStep) (a models.OperatorAction, fresh []models.Job, err error) {
	var cancel []models.Job
	if st.Cancel != nil { // before the transaction, on which SQLite's one connection is
		if a, err = s.Action(ctx, st.ID); err != nil {
			return a, nil, err
		}
		if cancel, err = s.nextOf(s.read(ctx), a, st); err != nil {
			return a, nil, translate(err)
		}
	}
	results := map[string]string{}
	for _, job := range cancel {
		skip, err := st.Cancel(ctx, job.ProjectID, job.ID)
		if err != nil {
			return a, nil, err
		}
		results[job.ID] = skip
	}
	now := s.Now()
	err = s.tx(ctx, func(tx *gorm.DB) error {
		fresh = nil
		a = models.OperatorAction{}
		if err := forUpdate(tx).Where("id = ?", st.ID).Take(&a).Error; err != nil {
			return err
		}
		if a.State != models.ActionRunning || a.Owner != st.Owner {
			return ErrFenced
		}
		next := cancel
		if st.Cancel == nil {
			if next, err = s.nextOf(tx, a, st); err != nil {
				return err
			}
		}
		var done []ActionResult
		if st.Cancel == nil && len(next) > 0 {
			ids := make([]string, len(next))
			for i, job := range next {
				ids[i] = job.ID
			}
			if done, err = apply(tx, a.Action, ids, now); err != nil {
				return err
			}
		}
		for _, job := range next {
			if skip, canceled := results[job.ID]; canceled {
				done = append(done, ActionResult{ID: job.ID, Skip: skip})
			}
		}
		reasons := map[string]int{}
		if err := json.Unmarshal([]byte(a.Reasons), &reasons); err != nil {
			return err
		}
		for _, r := range done {
			if r.Skip != "" {
				a.Skipped++
				reasons[r.Skip]++
				continue
			}
			a.Done++
			if r.Fresh != nil {
				fresh = append(fresh, *r.Fresh)
			}
		}
		b, err := json.Marshal(reasons)
		if err != nil {
			return err
		}
		a.Reasons = string(b)
		if len(next) > 0 {
			a.Position = next[len(next)-1].ID
		}
		until := utc(now.Add(st.Lease))
		a.LeaseUntil = &until
		if len(next) < st.Limit || a.Done+a.Skipped >= a.Most {
			a.State, a.FinishedAt = models.ActionCompleted, &now
		}
		err = one(tx.Model(&models.OperatorAction{}).Where("id = ?", a.ID).Updates(map[string]any{"state": a.State, "done": a.Done, "skipped": a.Skipped, "reasons": a.Reasons,
			"position": a.Position, "lease_until": a.LeaseUntil, "finished_at": a.FinishedAt}))
		if err != nil || a.State != models.ActionCompleted {
			return err
		}
		return appendAudit(tx, models.AuditEvent{ActorKind: models.ActorSystem, Action: models.AuditActionDone, Subject: a.ID},
			map[string]any{"action": string(a.Action), "done": a.Done, "skipped": a.Skipped})
	})
	return a, fresh, translate(err)
}

// nextOf returns the jobs that an action looks at next: those made before it was asked for.
func (s *Store) nextOf(db *gorm.DB, a models.OperatorAction, st ActionStep) ([]models.Job, error) {
	f := st.Filter
	if f.Before == nil || f.Before.After(a.CreatedAt) {
		f.Before = &a.CreatedAt
	}
	where, args := jobWhere(f, st.BulkKinds)
	var out []models.Job
	limit := min(st.Limit, a.Most-a.Done-a.Skipped)
	err := db.Raw("SELECT j.id, j.project_id FROM jobs j WHERE "+where+" AND j.id > ? ORDER BY j.id LIMIT ?", append(args, a.Position, limit)...).Scan(&out).Error
	return out, err
}

// PruneActions deletes actions that ended before a time.
func (s *Store) PruneActions(ctx context.Context, before time.Time) (int, error) {
	res := s.write(ctx).Exec("DELETE FROM operator_actions WHERE finished_at < ?", utc(before))
	return int(res.RowsAffected), translate(res.Error)
}
