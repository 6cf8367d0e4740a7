package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// Waiting is a project whose jobs wait for a worker.
type Waiting struct {
	ProjectID string
	Share     int      // of the workers, relative to the other projects'; 1 unless the operator has said otherwise
	Running   int      // jobs of the class that run
	IDs       []string // the oldest of those that wait, in order
}

// waitingProjects is how many projects one look finds. The next look goes on behind them.
const waitingProjects = 500

// waitingJob is a job that waits, with the share of its project.
type waitingJob struct {
	project, id string
	share       int
}

// The parts of a look at who waits. $queue is which of the queues: singles are jobs that are no items. Each project is found by
// one step in an index, whatever the length of the others' queues (a loose index scan), and its oldest jobs by another.
const (
	singles = "state = 'queued' AND parent_id IS NULL AND items_total = 0"
	items   = "state = 'queued' AND parent_id IS NOT NULL"

	waitingIn = `WITH RECURSIVE p (project_id, n) AS (
		SELECT * FROM (SELECT project_id, 1 AS n FROM jobs WHERE $queue AND project_id > $1 ORDER BY project_id LIMIT 1) AS first
		UNION ALL
		SELECT (SELECT j.project_id FROM jobs j WHERE $queue AND j.project_id > p.project_id ORDER BY j.project_id LIMIT 1), p.n + 1
		FROM p WHERE p.project_id IS NOT NULL AND p.n < $2)
	SELECT p.project_id, coalesce((SELECT value FROM project_quotas q WHERE q.project_id = p.project_id AND q.name = 'share'), 1) AS share
	FROM p WHERE p.project_id IS NOT NULL`

	oldestOf = `SELECT w.id FROM jobs w WHERE $queue AND w.project_id = $project AND $kind AND (w.not_before IS NULL OR w.not_before <= $now)
		ORDER BY w.id LIMIT $3`

	runningOf = `SELECT project_id, count(*) FROM jobs WHERE lease_until IS NOT NULL AND state = 'running' AND (parent_id IS NOT NULL OR $kind) = $bulk
		GROUP BY project_id`
)

// gather puts what a look found together, and says behind which project the next one goes on: "" for from the start.
func gather(found []waitingJob, running map[string]int, each int) (out []Waiting, next string) {
	slices.SortFunc(found, func(a, b waitingJob) int {
		if c := strings.Compare(a.project, b.project); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	for _, f := range found {
		if len(out) == 0 || out[len(out)-1].ProjectID != f.project {
			out = append(out, Waiting{ProjectID: f.project, Share: max(f.share, 1), Running: running[f.project]})
		}
		w := &out[len(out)-1]
		if len(w.IDs) < each { // items and single jobs together
			w.IDs = append(w.IDs, f.id)
		}
	}
	if len(out) >= waitingProjects {
		next = out[len(out)-1].ProjectID
	}
	return out, next
}

func (j *postgresJobs) Waiting(ctx context.Context, class Class, after string, each int) ([]Waiting, string, error) {
	scan := func(row pgx.CollectableRow) (w waitingJob, err error) {
		return w, row.Scan(&w.project, &w.share, &w.id)
	}
	look := func(queue, kind string) ([]waitingJob, error) {
		query := strings.NewReplacer("$queue", queue, "$kind", kind, "$now", "now()", "$project", "a.project_id").
			Replace("SELECT a.project_id, a.share, j.id FROM (" + waitingIn + ") AS a CROSS JOIN LATERAL (" + oldestOf + ") AS j")
		return collect(ctx, j.pool, scan, query, after, waitingProjects, each, nonNil(class.BulkKinds))
	}
	kind := "w.kind <> ALL($4::text[])"
	if class.Bulk {
		kind = "w.kind = ANY($4::text[])"
	}
	found, err := look(singles, kind)
	if err == nil && class.Bulk {
		var more []waitingJob
		more, err = look(items, "$4::text[] IS NOT NULL")
		found = append(found, more...)
	}
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	rows, err := j.pool.Query(ctx, strings.NewReplacer("$kind", "kind = ANY($1::text[])", "$bulk", "$2").Replace(runningOf), nonNil(class.BulkKinds), class.Bulk)
	if err != nil {
		return nil, "", err
	}
	running := map[string]int{}
	var project string
	var n int
	if _, err = pgx.ForEachRow(rows, []any{&project, &n}, func() error { running[project] = n; return nil }); err != nil {
		return nil, "", err
	}
	out, next := gather(found, running, each)
	return out, next, nil
}

func (j *sqliteJobs) Waiting(ctx context.Context, class Class, after string, each int) ([]Waiting, string, error) {
	ctx = context.WithoutCancel(ctx)
	look := func(queue, kind string) (found []waitingJob, err error) {
		projects, err := liteCollect(j.reader, ctx, func(r rows) (w waitingJob, err error) { err = r.Scan(&w.project, &w.share); return w, err },
			strings.NewReplacer("$queue", queue, "$1", "?1", "$2", "?2").Replace(waitingIn), after, waitingProjects)
		if err != nil {
			return nil, err
		}
		oldest := strings.NewReplacer("$queue", queue, "$kind", kind, "$project", "?1", "$now", "?2", "$3", "?3").Replace(oldestOf)
		for _, p := range projects {
			ids, err := liteCollect(j.reader, ctx, liteScanString, oldest, p.project, now(), each, jsonList(class.BulkKinds))
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				found = append(found, waitingJob{project: p.project, share: p.share, id: id})
			}
		}
		return found, nil
	}
	kind := "w.kind NOT IN (SELECT value FROM json_each(?4))"
	if class.Bulk {
		kind = "w.kind IN (SELECT value FROM json_each(?4))"
	}
	found, err := look(singles, kind)
	if err == nil && class.Bulk {
		var more []waitingJob
		more, err = look(items, "?4 IS NOT NULL")
		found = append(found, more...)
	}
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	type count struct {
		project string
		n       int
	}
	query := strings.NewReplacer("$kind", "kind IN (SELECT value FROM json_each(?1))", "$bulk", "?2").Replace(runningOf)
	counts, err := liteCollect(j.reader, ctx, func(r rows) (c count, err error) { err = r.Scan(&c.project, &c.n); return c, err }, query, jsonList(class.BulkKinds), class.Bulk)
	if err != nil {
		return nil, "", err
	}
	running := map[string]int{}
	for _, c := range counts {
		running[c.project] = c.n
	}
	out, next := gather(found, running, each)
	return out, next, nil
}

// othersWait is a condition on a claimed job c: a job of another project waits that is no item.
const othersWait = `(EXISTS (SELECT 1 FROM jobs o WHERE o.state = 'queued' AND o.parent_id IS NULL AND o.items_total = 0 AND o.project_id < c.project_id)
	OR EXISTS (SELECT 1 FROM jobs o WHERE o.state = 'queued' AND o.parent_id IS NULL AND o.items_total = 0 AND o.project_id > c.project_id))`

// notBefore is when a job that was put back may be claimed by turn.
func notBefore(pause time.Duration) *time.Time {
	if pause <= 0 {
		return nil
	}
	at := now().Add(pause)
	return &at
}

// SetProjectQuota gives a project a value of its own instead of the server's setting. ErrNotFound when there is no such project.
func (s *Store) SetProjectQuota(ctx context.Context, projectID string, name models.QuotaName, value int64) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := forUpdate(tx).Select("id").Where("id = ?", projectID).Take(&models.Project{}).Error; err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO project_quotas (project_id, name, value) VALUES (?, ?, ?)
			ON CONFLICT (project_id, name) DO UPDATE SET value = excluded.value`, projectID, string(name), value).Error
	})
}
