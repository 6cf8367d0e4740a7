package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// FinishedJob is when a job that has ended was made, begun and ended.
type FinishedJob struct {
	Kind       models.JobKind
	State      models.JobState
	Item       bool
	Attempts   int
	CreatedAt  time.Time
	StartedAt  *time.Time
	ClaimedAt  *time.Time
	FinishedAt time.Time
}

// FinishedJobs returns the jobs that ended in [from, to), without batches themselves.
func (s *Store) FinishedJobs(ctx context.Context, from, to time.Time) ([]FinishedJob, error) {
	var out []FinishedJob
	err := s.read(ctx).Raw(`SELECT kind, state, parent_id IS NOT NULL AS item, attempts, created_at, started_at, claimed_at, finished_at FROM jobs
		WHERE finished_at IS NOT NULL AND finished_at >= ? AND finished_at < ? AND items_total = 0`, utc(from), utc(to)).Scan(&out).Error
	return out, translate(err)
}

// PutStats keeps rows of statistics. One that is there already stays: whoever counts finds the same.
func (s *Store) PutStats(ctx context.Context, list []models.JobStat) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		for _, r := range list {
			err := tx.Exec(`INSERT INTO job_stats (step, at, queue, kind, completed, failed, canceled, waited, ran) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (step, at, queue, kind) DO NOTHING`, r.Step, utc(r.At), r.Queue, string(r.Kind), r.Completed, r.Failed, r.Canceled, r.Waited, r.Ran).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Stats returns the rows of a step that begin in [from, to), in order.
func (s *Store) Stats(ctx context.Context, step int, from, to time.Time) ([]models.JobStat, error) {
	var out []models.JobStat
	err := s.read(ctx).Raw("SELECT * FROM job_stats WHERE step = ? AND at >= ? AND at < ? ORDER BY at, queue, kind", step, utc(from), utc(to)).Scan(&out).Error
	return out, translate(err)
}

// LastStat returns when the last step that was counted began, and false where none was.
func (s *Store) LastStat(ctx context.Context, step int) (time.Time, bool, error) {
	var out []models.JobStat
	err := s.read(ctx).Raw("SELECT * FROM job_stats WHERE step = ? AND queue = '' AND kind = '' ORDER BY at DESC LIMIT 1", step).Scan(&out).Error
	if err != nil || len(out) == 0 {
		return time.Time{}, false, translate(err)
	}
	return out[0].At.UTC(), true, nil
}

// PruneStats deletes minutes and hours that began before the times given.
func (s *Store) PruneStats(ctx context.Context, minutes, hours time.Time) (int, error) {
	res := s.write(ctx).Exec("DELETE FROM job_stats WHERE step = 60 AND at < ? OR step = 3600 AND at < ?", utc(minutes), utc(hours))
	return int(res.RowsAffected), translate(res.Error)
}
