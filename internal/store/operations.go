package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file are for operators: they look at the jobs of all projects. They read how much a job was given and found, and
// nothing of it.

// adminColumns are what operators see of a job.
const adminColumns = `j.id, j.project_id, j.kind, j.state, j.parent_id, j.item_index, j.error_code, j.error_message, j.seq, j.next_check, j.not_before, j.attempts, j.lost_workers,
	j.owner, j.lease_until, j.dead_letter, j.items_total, j.items_pending, j.created_at, j.started_at, j.claimed_at, j.finished_at, j.retried_as,
	coalesce(length(j.request), 0) AS request_bytes, coalesce(length(j.output), 0) AS output_bytes,
	coalesce((SELECT p.name FROM projects p WHERE p.id = j.project_id), '') AS project_name`

// jobWhere returns a filter's conditions on jobs j.
func jobWhere(f models.JobFilter, bulkKinds []string) (string, []any) {
	where, args := []string{"1 = 1"}, []any{}
	add := func(sql string, values ...any) {
		where, args = append(where, sql), append(args, values...)
	}
	if len(f.States) > 0 {
		add("j.state IN ?", f.States)
	}
	if len(f.Kinds) > 0 {
		add("j.kind IN ?", f.Kinds)
	}
	if f.Queue != "" {
		add("(j.parent_id IS NOT NULL OR j.kind IN ?) = ?", dialect.NonNil(bulkKinds), f.Queue == "bulk")
	}
	if f.ProjectID != "" {
		add("j.project_id = ?", f.ProjectID)
	}
	if f.ErrorCode != "" {
		add("j.error_code = ?", f.ErrorCode)
	}
	if f.Owner != "" {
		add("j.owner = ?", f.Owner)
	}
	if f.Dead != nil && *f.Dead {
		add("j.dead_letter")
	} else if f.Dead != nil {
		add("NOT j.dead_letter")
	}
	if f.Attempts > 0 {
		add("j.attempts >= ?", f.Attempts)
	}
	// Ids begin with the time at which their jobs were made.
	if f.Before != nil {
		add("j.id < ?", dialect.FirstID(*f.Before))
	}
	if f.After != nil {
		add("j.id >= ?", dialect.FirstID(*f.After))
	}
	return strings.Join(where, " AND "), args
}

// AdminJobs returns jobs of all projects, newest first, those with an id below the one given. They are chosen by what stands in indexes, whatever
// they hold: rows are read of those alone that are shown.
func (s *Store) AdminJobs(ctx context.Context, f models.JobFilter, bulkKinds []string, beforeID string, limit int) ([]models.AdminJob, error) {
	where, args := jobWhere(f, bulkKinds)
	if beforeID != "" {
		where, args = where+" AND j.id < ?", append(args, beforeID)
	}
	var out []models.AdminJob
	err := s.read(ctx).Raw("SELECT "+adminColumns+" FROM jobs j WHERE j.id IN (SELECT j.id FROM jobs j WHERE "+where+" ORDER BY j.id DESC LIMIT ?) ORDER BY j.id DESC", append(args, limit)...).Scan(&out).Error
	return out, translate(err)
}

// CountJobs counts the jobs that meet a filter, as far as most.
func (s *Store) CountJobs(ctx context.Context, f models.JobFilter, bulkKinds []string, most int) (n int, err error) {
	where, args := jobWhere(f, bulkKinds)
	err = s.read(ctx).Raw("SELECT count(*) FROM (SELECT 1 FROM jobs j WHERE "+where+" LIMIT ?) AS counted", append(args, most)...).Scan(&n).Error
	return n, translate(err)
}

// JobPayload is what is said of the recording of a job.
type JobPayload struct {
	Bytes  int    // before compression
	SHA256 string // hex; "" where it lies outside the database and cannot be had
}

// AdminJob returns a job of any project, how its former attempts ended, and its recording's size; nil where there is none, or none any more.
// ErrNotFound.
func (s *Store) AdminJob(ctx context.Context, id string) (job models.AdminJob, past []models.Past, payload *JobPayload, err error) {
	var found []models.AdminJob
	if err := s.read(ctx).Raw("SELECT "+adminColumns+", j.history FROM jobs j WHERE j.id = ?", id).Scan(&found).Error; err != nil {
		return job, nil, nil, translate(err)
	}
	if len(found) == 0 {
		return job, nil, nil, ErrNotFound
	}
	job = found[0]
	if job.History != nil {
		past = dialect.ReadHistory(*job.History)
	}
	var p []models.Payload
	if err := s.read(ctx).Raw("SELECT codec, size, data FROM job_payloads WHERE job_id = ?", id).Scan(&p).Error; err != nil {
		return job, nil, nil, translate(err)
	}
	if len(p) > 0 {
		data, err := s.unpack(ctx, p[0].Codec, p[0].Size, p[0].Data)
		if errors.Is(err, ErrObjects) || errors.Is(err, ErrObjectLost) {
			return job, past, &JobPayload{Bytes: p[0].Size}, nil // whoever looks at the job looks, as likely as not, because of that
		}
		if err != nil {
			return job, nil, nil, err
		}
		sum := sha256.Sum256(data)
		payload = &JobPayload{p[0].Size, hex.EncodeToString(sum[:])}
	}
	return job, past, payload, nil
}

// Attempts returns when the last attempt of a job of a project began, nil where none has, and how the former ones ended. ErrNotFound.
func (s *Store) Attempts(ctx context.Context, projectID, id string) (begun *time.Time, past []models.Past, err error) {
	var found []models.Job
	if err := s.read(ctx).Raw("SELECT claimed_at, history FROM jobs WHERE id = ? AND project_id = ?", id, projectID).Scan(&found).Error; err != nil {
		return nil, nil, translate(err)
	}
	if len(found) == 0 {
		return nil, nil, ErrNotFound
	}
	if found[0].History != nil {
		past = dialect.ReadHistory(*found[0].History)
	}
	return found[0].ClaimedAt, past, nil
}

// DeadLetters counts the jobs that were given up, by kind and reason, the most frequent first.
func (s *Store) DeadLetters(ctx context.Context) ([]models.DeadLetters, error) {
	type row struct {
		Kind           models.JobKind
		ErrorCode      *string
		Jobs           int
		Oldest, Newest string
	}
	var rows []row
	err := s.read(ctx).Raw(`SELECT kind, error_code, count(*) AS jobs, CAST(min(finished_at) AS text) AS oldest, CAST(max(finished_at) AS text) AS newest
		FROM jobs WHERE dead_letter GROUP BY kind, error_code ORDER BY count(*) DESC, kind`).Scan(&rows).Error
	if err != nil {
		return nil, translate(err)
	}
	out := make([]models.DeadLetters, len(rows))
	for i, r := range rows {
		out[i] = models.DeadLetters{Kind: r.Kind, Jobs: r.Jobs}
		if r.ErrorCode != nil {
			out[i].ErrorCode = *r.ErrorCode
		}
		for text, to := range map[string]*time.Time{r.Oldest: &out[i].Oldest, r.Newest: &out[i].Newest} {
			if t := dialect.ReadTime(text); t != nil {
				*to = *t
			}
		}
		if r.Oldest == r.Newest {
			out[i].Oldest = out[i].Newest
		}
	}
	return out, nil
}

// Loads returns the projects whose jobs wait or run, those with the most first.
func (s *Store) Loads(ctx context.Context, limit int) ([]models.ProjectLoad, error) {
	type row struct {
		ProjectID       string
		Name            string
		Queued, Running int
		First           *string
	}
	var rows []row
	err := s.read(ctx).Raw(`SELECT u.project_id, coalesce((SELECT p.name FROM projects p WHERE p.id = u.project_id), '') AS name, u.queued, u.running, u.first FROM (
		SELECT project_id, sum(q) AS queued, sum(r) AS running, min(first) AS first FROM (
			SELECT project_id, count(*) AS q, 0 AS r, min(id) AS first FROM `+s.db.Indexed("jobs", "jobs_turns")+` WHERE `+dialect.Singles+` GROUP BY project_id
			UNION ALL SELECT project_id, count(*), 0, min(id) FROM `+s.db.Indexed("jobs", "jobs_item_turns")+` WHERE `+dialect.Items+` GROUP BY project_id
			UNION ALL SELECT project_id, 0, count(*), NULL FROM `+s.db.Indexed("jobs", "jobs_leases")+` WHERE lease_until IS NOT NULL AND state = 'running' GROUP BY project_id) AS open
		GROUP BY project_id ORDER BY sum(q) + sum(r) DESC, project_id LIMIT ?) AS u ORDER BY u.queued + u.running DESC, u.project_id`, limit).Scan(&rows).Error
	if err != nil {
		return nil, translate(err)
	}
	out := make([]models.ProjectLoad, len(rows))
	for i, r := range rows {
		out[i] = models.ProjectLoad{ProjectID: r.ProjectID, Name: r.Name, Queued: r.Queued, Running: r.Running}
		if r.First != nil {
			out[i].Oldest = models.TimeOfID(*r.First)
		}
	}
	return out, nil
}

// QueueStates counts the unfinished jobs of the two classes, bulk and not, and those that were given up. It reads indexes alone.
func (s *Store) QueueStates(ctx context.Context, bulkKinds []string, now time.Time) (interactive, bulk models.QueueState, err error) {
	// A row for each part: those that wait and are items, those that wait and are not, those that run, those that were given up. all has the
	// whole part, and b what of it is bulk.
	type row struct {
		Part                           string
		AllJobs, Later, Tried          int
		BulkJobs, BulkLater, BulkTried int
		FirstBulk, FirstOther          *string
	}
	const waiting = `count(*) AS all_jobs, coalesce(sum(CASE WHEN not_before > ? THEN 1 ELSE 0 END), 0) AS later, coalesce(sum(CASE WHEN attempts > 0 THEN 1 ELSE 0 END), 0) AS tried`
	var rows []row
	kinds, at := bulkKinds, utc(now)
	if len(kinds) == 0 {
		kinds = []string{""} // an empty list would make every condition on kinds unknown
	}
	err = s.read(ctx).Raw(`SELECT 'singles' AS part, `+waiting+`, coalesce(sum(CASE WHEN kind IN ? THEN 1 ELSE 0 END), 0) AS bulk_jobs,
			coalesce(sum(CASE WHEN not_before > ? AND kind IN ? THEN 1 ELSE 0 END), 0) AS bulk_later, coalesce(sum(CASE WHEN attempts > 0 AND kind IN ? THEN 1 ELSE 0 END), 0) AS bulk_tried,
			min(CASE WHEN kind IN ? AND (not_before IS NULL OR not_before <= ?) THEN id END) AS first_bulk,
			min(CASE WHEN kind NOT IN ? AND (not_before IS NULL OR not_before <= ?) THEN id END) AS first_other
		FROM `+s.db.Indexed("jobs", "jobs_turns")+` WHERE `+dialect.Singles+`
		UNION ALL SELECT 'items', `+waiting+`, 0, 0, 0, min(CASE WHEN not_before IS NULL OR not_before <= ? THEN id END), NULL
			FROM `+s.db.Indexed("jobs", "jobs_item_turns")+` WHERE `+dialect.Items+`
		UNION ALL SELECT 'running', count(*), 0, 0, coalesce(sum(CASE WHEN parent_id IS NOT NULL OR kind IN ? THEN 1 ELSE 0 END), 0), 0, 0, NULL, NULL
			FROM `+s.db.Indexed("jobs", "jobs_leases")+` WHERE state = 'running' AND lease_until IS NOT NULL
		UNION ALL SELECT 'dead', count(*), 0, 0, coalesce(sum(CASE WHEN parent_id IS NOT NULL OR kind IN ? THEN 1 ELSE 0 END), 0), 0, 0, NULL, NULL
			FROM `+s.db.Indexed("jobs", "jobs_dead")+` WHERE dead_letter`,
		at, kinds, at, kinds, kinds, kinds, at, kinds, at, at, at, kinds, kinds).Scan(&rows).Error
	if err != nil {
		return interactive, bulk, translate(err)
	}
	for _, r := range rows {
		switch r.Part {
		case "running":
			interactive.Running, bulk.Running = r.AllJobs-r.BulkJobs, r.BulkJobs
		case "dead":
			interactive.Dead, bulk.Dead = r.AllJobs-r.BulkJobs, r.BulkJobs
		case "items": // all are bulk
			bulk.Scheduled, bulk.Retrying, bulk.Pending = bulk.Scheduled+r.Later, bulk.Retrying+r.Tried, bulk.Pending+r.AllJobs-r.Later
			bulk.Oldest = older(bulk.Oldest, r.FirstBulk)
		default:
			bulk.Scheduled, bulk.Retrying, bulk.Pending = bulk.Scheduled+r.BulkLater, bulk.Retrying+r.BulkTried, bulk.Pending+r.BulkJobs-r.BulkLater
			bulk.Oldest = older(bulk.Oldest, r.FirstBulk)
			interactive = models.QueueState{Scheduled: r.Later - r.BulkLater, Retrying: r.Tried - r.BulkTried, Pending: r.AllJobs - r.BulkJobs - (r.Later - r.BulkLater),
				Running: interactive.Running, Dead: interactive.Dead, Oldest: older(nil, r.FirstOther)}
		}
	}
	return interactive, bulk, nil
}

// older returns the earlier of a time and that of an id, nil for neither.
func older(t *time.Time, id *string) *time.Time {
	if id == nil {
		return t
	}
	if other := models.TimeOfID(*id); t == nil || other != nil && other.Before(*t) {
		return other
	}
	return t
}

// QueuePauses returns the queues that are paused.
func (s *Store) QueuePauses(ctx context.Context) ([]models.QueuePause, error) {
	var out []models.QueuePause
	err := s.read(ctx).Raw("SELECT queue, paused_by, created_at FROM queue_pauses").Scan(&out).Error
	return out, translate(err)
}

// PausedQueues returns the names of the queues that are paused.
func (s *Store) PausedQueues(ctx context.Context) ([]string, error) {
	var out []string
	err := s.read(ctx).Raw("SELECT queue FROM queue_pauses ORDER BY queue").Scan(&out).Error
	return out, translate(err)
}

// PauseQueue pauses a queue, or has it go on. It reports whether that changed anything.
func (s *Store) PauseQueue(ctx context.Context, queue, by string, paused bool, at time.Time) (changed bool, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		action := models.AuditQueueResumed
		res := tx.Exec("DELETE FROM queue_pauses WHERE queue = ?", queue)
		if paused {
			action = models.AuditQueuePaused
			if res.Error == nil && res.RowsAffected == 0 {
				res = tx.Exec("INSERT INTO queue_pauses (queue, paused_by, created_at) VALUES (?, ?, ?)", queue, by, utc(at))
			} else if res.Error == nil {
				return errUnchanged
			}
		}
		if res.Error != nil {
			return res.Error
		}
		if changed = res.RowsAffected > 0; !changed {
			return nil
		}
		return appendAudit(tx, models.AuditEvent{ActorKind: models.ActorUser, Actor: by, Action: action, Subject: queue}, nil)
	})
	if errors.Is(err, errUnchanged) {
		return false, nil
	}
	return changed, err
}

// errUnchanged rolls a transaction back that would change nothing.
var errUnchanged = errors.New("store: unchanged")

// SaveProcess notes what a process says of itself.
func (s *Store) SaveProcess(ctx context.Context, p models.Process) error {
	return translate(s.write(ctx).Exec(`INSERT INTO processes (id, role, host, pid, version, slots, running, memory, started_at, seen_at, ended_at, supervisor, draining,
			workers_min, workers_max, known_schema) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET running = excluded.running, memory = excluded.memory, seen_at = excluded.seen_at, ended_at = excluded.ended_at,
			draining = excluded.draining`,
		p.ID, p.Role, p.Host, p.Pid, p.Version, p.Slots, p.Running, p.Memory, utc(p.StartedAt), utc(p.SeenAt), dialect.OptionalUTC(p.EndedAt), p.Supervisor, p.Draining,
		p.WorkersMin, p.WorkersMax, p.KnownSchema).Error)
}

// Processes returns the processes that were heard of since a time, the youngest first.
func (s *Store) Processes(ctx context.Context, since time.Time, limit int) ([]models.Process, error) {
	var out []models.Process
	err := s.read(ctx).Where("seen_at >= ?", utc(since)).Order("started_at DESC, id").Limit(limit).Find(&out).Error
	return out, translate(err)
}

// PruneProcesses forgets processes that were last heard of before a time.
func (s *Store) PruneProcesses(ctx context.Context, before time.Time) (int, error) {
	res := s.write(ctx).Exec("DELETE FROM processes WHERE seen_at < ?", utc(before))
	return int(res.RowsAffected), translate(res.Error)
}

// RunningOf returns the jobs that run, by their owner.
func (s *Store) RunningOf(ctx context.Context, limit int) ([]models.AdminJob, error) {
	var out []models.AdminJob
	err := s.read(ctx).Raw("SELECT "+adminColumns+" FROM "+s.db.Indexed("jobs j", "jobs_leases")+" WHERE j.lease_until IS NOT NULL AND j.state = 'running' ORDER BY j.id LIMIT ?", limit).Scan(&out).Error
	return out, translate(err)
}

// Size returns how many bytes the database takes on its disk.
func (s *Store) Size(ctx context.Context) (n int64, err error) {
	query := "SELECT pg_database_size(current_database())"
	if s.dialect == SQLite {
		query = "SELECT (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size())"
	}
	err = s.read(ctx).Raw(query).Scan(&n).Error
	return n, translate(err)
}

// OldestJob returns when the oldest job that is kept was made, nil for none.
func (s *Store) OldestJob(ctx context.Context) (*time.Time, error) {
	var ids []string
	if err := s.read(ctx).Raw("SELECT id FROM jobs ORDER BY id LIMIT 1").Scan(&ids).Error; err != nil || len(ids) == 0 {
		return nil, translate(err)
	}
	return models.TimeOfID(ids[0]), nil
}
