package store

import (
	"context"
	"slices"
	"strings"
	"time"

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

// The parts of a look at who waits. $queue is which of the queues: singles are jobs that are not items. Each project is found by
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

// othersWait is a condition on a claimed job c: a job of another project waits that is not an item.
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
