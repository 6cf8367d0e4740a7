package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// Usage is what the quotas of a project are checked against.
type Usage struct {
	Own  map[models.QuotaName]int64 // the project's own values, where it has any
	Used map[models.QuotaName]int64 // of the quotas asked for
}

// Usage counts what a project uses of those quotas that have a limit: the server's, or one of its own. Bytes and windows are counted
// as they come and go (table project_usage), the rest by an index, and jobs no further than one beyond the limit, so that it costs
// the same however much there is. limits may be nil: then all are counted, to the end.
func (s *Store) Usage(ctx context.Context, projectID string, at time.Time, limits map[models.QuotaName]int64) (Usage, error) {
	out := Usage{Own: map[models.QuotaName]int64{}, Used: map[models.QuotaName]int64{}}
	var own []models.ProjectQuota
	if err := s.read(ctx).Raw("SELECT project_id, name, value FROM project_quotas WHERE project_id = ?", projectID).Scan(&own).Error; err != nil {
		return out, translate(err)
	}
	for _, q := range own {
		out.Own[q.Name] = q.Value
	}
	for _, q := range models.Quotas() {
		limit, ok := out.Own[q.Name]
		if !ok {
			limit = limits[q.Name]
		}
		if limits == nil {
			limit = 1<<62 - 1
		}
		if limit == 0 {
			continue
		}
		query, args := usageQuery(q.Name, projectID, at, limit+1)
		var n int64
		if err := s.read(ctx).Raw(query, args...).Scan(&n).Error; err != nil {
			return out, translate(err)
		}
		out.Used[q.Name] = n
	}
	return out, nil
}

// usageQuery counts what a project uses of a quota, jobs up to atMost.
func usageQuery(name models.QuotaName, projectID string, at time.Time, atMost int64) (string, []any) {
	switch name {
	case models.QuotaWaitingJobs:
		return `SELECT count(*) FROM (SELECT * FROM (SELECT 1 AS one FROM jobs WHERE project_id = ? AND ` + dialect.Singles + ` LIMIT ?) AS a
			UNION ALL SELECT * FROM (SELECT 1 AS one FROM jobs WHERE project_id = ? AND ` + dialect.Items + ` LIMIT ?) AS b) AS waiting`,
			[]any{projectID, atMost, projectID, atMost}
	case models.QuotaOpenSessions:
		return "SELECT count(*) FROM sessions WHERE project_id = ? AND state IN ('OPEN', 'UPLOADING')", []any{projectID}
	case models.QuotaWebhooks:
		return "SELECT count(*) FROM webhooks WHERE project_id = ?", []any{projectID}
	case models.QuotaDevices:
		return "SELECT count(*) FROM devices WHERE project_id = ?", []any{projectID}
	case models.QuotaModels:
		return "SELECT count(*) FROM project_models WHERE project_id = ?", []any{projectID}
	}
	period := ""
	if name == models.QuotaWindowsPerDay {
		period = models.QuotaPeriod(at)
	}
	return "SELECT coalesce(sum(value), 0) FROM project_usage WHERE project_id = ? AND name = ? AND period = ?", []any{projectID, string(name), period}
}

// HasBatch reports whether a session has a batch of that name.
func (s *Store) HasBatch(ctx context.Context, sessionID, batchID string) (bool, error) {
	var n int64
	err := s.read(ctx).Model(&models.SampleBatch{}).Where("session_id = ? AND batch_id = ?", sessionID, batchID).Count(&n).Error
	return n > 0, translate(err)
}

// PruneUsage deletes the counts of the days before the time given, and returns how many.
func (s *Store) PruneUsage(ctx context.Context, before time.Time) (int, error) {
	res := s.write(ctx).Exec("DELETE FROM project_usage WHERE period <> '' AND period < ?", models.QuotaPeriod(before))
	return int(res.RowsAffected), translate(res.Error)
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
