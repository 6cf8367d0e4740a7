package store

import (
	"context"
	"slices"
	"time"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// What the load is read from: the jobs that ended in the last scaleWindow, or the last scaleSample of them, and those that run, as far as
// scaleRunning.
const (
	scaleWindow  = 30 * time.Second
	scaleSample  = 1000
	scaleRunning = 10_000
)

// QueueLoads returns what waits and runs in the two classes of jobs, bulk and not, and how it went of late. Of Queue and Paused it says nothing.
func (s *Store) QueueLoads(ctx context.Context, bulkKinds []string, now time.Time) (interactive, bulk models.QueueLoad, err error) {
	kinds := dialect.NonNil(bulkKinds)
	type due struct {
		Bulk    bool
		Backlog int
		First   *string // id of the oldest, of those that were never put off
		Put     *string // the earliest time to which one was
	}
	var waiting []due
	err = s.read(ctx).Raw(`SELECT bulk, count(*) AS backlog, min(CASE WHEN not_before IS NULL THEN id END) AS first, CAST(min(not_before) AS text) AS put FROM (
			SELECT parent_id IS NOT NULL OR kind IN ? AS bulk, id, not_before FROM jobs
			WHERE state = 'queued' AND items_total = 0 AND (not_before IS NULL OR not_before <= ?)) AS due
		GROUP BY bulk`, kinds, utc(now)).Scan(&waiting).Error
	if err != nil {
		return interactive, bulk, translate(err)
	}
	type attempt struct {
		Bulk       bool
		ClaimedAt  time.Time
		FinishedAt time.Time
	}
	var running, ended []attempt
	err = s.read(ctx).Raw(`SELECT parent_id IS NOT NULL OR kind IN ? AS bulk, claimed_at FROM jobs
		WHERE lease_until IS NOT NULL AND state = 'running' AND claimed_at IS NOT NULL LIMIT ?`, kinds, scaleRunning).Scan(&running).Error
	if err != nil {
		return interactive, bulk, translate(err)
	}
	err = s.read(ctx).Raw(`SELECT parent_id IS NOT NULL OR kind IN ? AS bulk, claimed_at, finished_at FROM jobs
		WHERE finished_at IS NOT NULL AND finished_at >= ? AND claimed_at IS NOT NULL AND items_total = 0 ORDER BY finished_at DESC LIMIT ?`,
		kinds, utc(now.Add(-scaleWindow)), scaleSample).Scan(&ended).Error
	if err != nil {
		return interactive, bulk, translate(err)
	}

	window := scaleWindow
	if len(ended) == scaleSample {
		window = max(now.Sub(ended[len(ended)-1].FinishedAt), 10*time.Millisecond)
	}
	took := map[bool][]time.Duration{}
	interactive.Window, bulk.Window = window, window
	of := func(isBulk bool) *models.QueueLoad {
		if isBulk {
			return &bulk
		}
		return &interactive
	}
	for _, w := range waiting {
		q := of(w.Bulk)
		q.Backlog = w.Backlog
		if w.First != nil {
			if t := models.TimeOfID(*w.First); t != nil {
				q.Oldest = max(0, now.Sub(*t))
			}
		}
		if w.Put != nil {
			if t := dialect.ReadTime(*w.Put); t != nil {
				q.Oldest = max(q.Oldest, now.Sub(*t))
			}
		}
	}
	// The average of how many ran at once is how long they ran within the window, together, by its length.
	for _, a := range running {
		q := of(a.Bulk)
		q.Running++
		q.Busy += min(max(now.Sub(a.ClaimedAt), 0), window).Seconds()
	}
	for _, a := range ended {
		q := of(a.Bulk)
		ran := max(a.FinishedAt.Sub(a.ClaimedAt), 0)
		took[a.Bulk] = append(took[a.Bulk], ran)
		q.Busy += min(ran, max(window-now.Sub(a.FinishedAt), 0)).Seconds()
	}
	for _, isBulk := range []bool{false, true} {
		q, n := of(isBulk), len(took[isBulk])
		q.Busy /= window.Seconds()
		q.Rate = float64(n) / window.Seconds()
		if n > 0 {
			slices.Sort(took[isBulk])
			q.P50 = took[isBulk][n/2]
		}
	}
	return interactive, bulk, nil
}

// Fleet counts the workers that were heard of since a time.
func (s *Store) Fleet(ctx context.Context, since time.Time) (models.Fleet, error) {
	var out models.Fleet
	err := s.read(ctx).Raw(`SELECT count(CASE WHEN NOT draining THEN 1 END) AS workers, count(CASE WHEN draining THEN 1 END) AS draining,
		coalesce(sum(CASE WHEN draining THEN 0 ELSE slots END), 0) AS slots FROM processes WHERE seen_at >= ? AND ended_at IS NULL AND slots > 0`,
		utc(since)).Scan(&out).Error
	return out, translate(err)
}

// LiveProcesses returns the processes that were heard of since a time and have not ended, each with how many jobs it runs.
func (s *Store) LiveProcesses(ctx context.Context, since time.Time) ([]models.Process, error) {
	var out []models.Process
	err := s.read(ctx).Raw(`SELECT p.id, p.role, p.host, p.pid, p.slots, coalesce(r.jobs, 0) AS running, p.supervisor, p.draining, p.workers_min, p.workers_max, p.started_at, p.seen_at
		FROM processes p LEFT JOIN (SELECT owner, count(*) AS jobs FROM jobs WHERE lease_until IS NOT NULL AND state = 'running' GROUP BY owner) AS r ON r.owner = p.id
		WHERE p.seen_at >= ? AND p.ended_at IS NULL ORDER BY p.id`, utc(since)).Scan(&out).Error
	return out, translate(err)
}

// AppendScaleEvent keeps what a supervisor did.
func (s *Store) AppendScaleEvent(ctx context.Context, e models.ScaleEvent) error {
	return translate(s.write(ctx).Exec(`INSERT INTO scale_events (id, supervisor, host, kind, workers_from, workers_to, need, reason, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, e.ID, e.Supervisor, e.Host, string(e.Kind), e.WorkersFrom, e.WorkersTo, e.Need, e.Reason, utc(e.CreatedAt)).Error)
}

// ScaleEvents returns what supervisors did, newest first, with ids below the one given.
func (s *Store) ScaleEvents(ctx context.Context, beforeID string, limit int) ([]models.ScaleEvent, error) {
	q := s.read(ctx).Order("id DESC").Limit(limit)
	if beforeID != "" {
		q = q.Where("id < ?", beforeID)
	}
	var out []models.ScaleEvent
	err := q.Find(&out).Error
	return out, translate(err)
}

// PruneScaleEvents forgets what supervisors did before a time.
func (s *Store) PruneScaleEvents(ctx context.Context, before time.Time) (int, error) {
	res := s.write(ctx).Exec("DELETE FROM scale_events WHERE created_at < ?", utc(before))
	return int(res.RowsAffected), translate(res.Error)
}
