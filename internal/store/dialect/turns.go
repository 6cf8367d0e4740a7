package dialect

import (
	"slices"
	"strings"
)

// Waiting is a project whose jobs wait for a worker.
type Waiting struct {
	ProjectID string
	Share     int      // of the workers, relative to the other projects'; 1 unless the operator has said otherwise
	Running   int      // jobs of the class that run
	IDs       []string // the oldest of those that wait, in order
}

// WaitingProjects is how many projects one look finds. The next look goes on behind them.
const WaitingProjects = 500

// WaitingJob is a job that waits, with the share of its project.
type WaitingJob struct {
	Project, ID string
	Share       int
}

// The parts of a look at who waits. $queue is which of the queues: Singles are jobs that are not items of a batch. Each project is found by
// one step in an index, whatever the length of the others' queues (a loose index scan), and its oldest jobs by another.
const (
	Singles = "state = 'queued' AND parent_id IS NULL AND items_total = 0"
	Items   = "state = 'queued' AND parent_id IS NOT NULL"

	WaitingIn = `WITH RECURSIVE p (project_id, n) AS (
		SELECT * FROM (SELECT project_id, 1 AS n FROM jobs WHERE $queue AND project_id > $1 ORDER BY project_id LIMIT 1) AS first
		UNION ALL
		SELECT (SELECT j.project_id FROM jobs j WHERE $queue AND j.project_id > p.project_id ORDER BY j.project_id LIMIT 1), p.n + 1
		FROM p WHERE p.project_id IS NOT NULL AND p.n < $2)
	SELECT p.project_id, coalesce((SELECT value FROM project_quotas q WHERE q.project_id = p.project_id AND q.name = 'share'), 1) AS share
	FROM p WHERE p.project_id IS NOT NULL`

	OldestOf = `SELECT w.id FROM jobs w WHERE $queue AND w.project_id = $project AND $kind AND (w.not_before IS NULL OR w.not_before <= $now)
		ORDER BY w.id LIMIT $3`

	RunningOf = `SELECT project_id, count(*) FROM jobs WHERE lease_until IS NOT NULL AND state = 'running' AND (parent_id IS NOT NULL OR $kind) = $bulk
		GROUP BY project_id`
)

// Gather puts what a look found together, and says behind which project the next one goes on: "" for from the start.
func Gather(found []WaitingJob, running map[string]int, each int) (out []Waiting, next string) {
	slices.SortFunc(found, func(a, b WaitingJob) int {
		if c := strings.Compare(a.Project, b.Project); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, f := range found {
		if len(out) == 0 || out[len(out)-1].ProjectID != f.Project {
			out = append(out, Waiting{ProjectID: f.Project, Share: max(f.Share, 1), Running: running[f.Project]})
		}
		w := &out[len(out)-1]
		if len(w.IDs) < each { // items and single jobs together
			w.IDs = append(w.IDs, f.ID)
		}
	}
	if len(out) >= WaitingProjects {
		next = out[len(out)-1].ProjectID
	}
	return out, next
}

// OthersWait is a condition on a claimed job c: a job of another project waits that is not an item.
const OthersWait = `(EXISTS (SELECT 1 FROM jobs o WHERE o.state = 'queued' AND o.parent_id IS NULL AND o.items_total = 0 AND o.project_id < c.project_id)
	OR EXISTS (SELECT 1 FROM jobs o WHERE o.state = 'queued' AND o.parent_id IS NULL AND o.items_total = 0 AND o.project_id > c.project_id))`
