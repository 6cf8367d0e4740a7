package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// LogEvent adds an analytics event and counts it for the project's month, in one transaction. It returns how many the month
// has with it. Error: ErrTooMany when there are limit already; then nothing is stored.
func (s *Store) LogEvent(ctx context.Context, e models.AnalyticsEvent, limit int64) (used int64, err error) {
	e.CreatedAt = utc(e.CreatedAt)
	month := e.CreatedAt.Format("2006-01")
	err = s.tx(ctx, func(tx *gorm.DB) error {
		var counted []models.AnalyticsMonth
		err := tx.Raw(`INSERT INTO analytics_months (project_id, month, used) VALUES (?, ?, 1)
			ON CONFLICT (project_id, month) DO UPDATE SET used = analytics_months.used + 1 WHERE analytics_months.used < ?
			RETURNING project_id, month, used`, e.ProjectID, month, limit).Scan(&counted).Error
		if err != nil {
			return err
		}
		if len(counted) == 0 || counted[0].Used > limit {
			return ErrTooMany
		}
		used = counted[0].Used
		return tx.Create(&e).Error
	})
	return used, err
}

// AnalyticsUsed returns how many events a project has had in the month of a time.
func (s *Store) AnalyticsUsed(ctx context.Context, projectID string, at time.Time) (int64, error) {
	var found []models.AnalyticsMonth
	err := s.read(ctx).Where("project_id = ? AND month = ?", projectID, utc(at).Format("2006-01")).Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 {
		return 0, translate(err)
	}
	return found[0].Used, nil
}

// AnalyticsEvents returns the latest events of a project, newest first.
func (s *Store) AnalyticsEvents(ctx context.Context, projectID string, limit int) ([]models.AnalyticsEvent, error) {
	var out []models.AnalyticsEvent
	err := s.read(ctx).Where("project_id = ?", projectID).Order("id DESC").Limit(limit).Find(&out).Error
	return out, translate(err)
}

// PruneEvents deletes analytics events from before a time, at most limit at once, and the counts of months that ended before
// it. It returns how many events those were.
func (s *Store) PruneEvents(ctx context.Context, before time.Time, limit int) (int, error) {
	n := 0
	err := s.tx(ctx, func(tx *gorm.DB) error {
		res := tx.Exec(`DELETE FROM analytics_events WHERE id IN (SELECT id FROM analytics_events WHERE created_at < ? ORDER BY created_at LIMIT ?)`, utc(before), limit)
		n = int(res.RowsAffected)
		if res.Error != nil {
			return res.Error
		}
		return tx.Where("month < ?", utc(before).Format("2006-01")).Delete(&models.AnalyticsMonth{}).Error
	})
	return n, err
}
