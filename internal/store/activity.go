package store

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// maxActivityRows is how many counts one statement adds.
const maxActivityRows = 500

// AddActivity adds counts of days to those that are kept, sorted by project, name and period, so that processes that add at once do not wait
// for one another in a circle. Projects that are gone are passed over.
func (s *Store) AddActivity(ctx context.Context, counts []models.ProjectUsage) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		for len(counts) > 0 {
			n := min(len(counts), maxActivityRows)
			if err := addActivity(tx, counts[:n]); err != nil {
				return err
			}
			counts = counts[n:]
		}
		return nil
	})
}

func addActivity(tx *gorm.DB, counts []models.ProjectUsage) error {
	ids := make([]string, len(counts))
	for i, c := range counts {
		ids[i] = c.ProjectID
	}
	var there []string
	if err := tx.Raw("SELECT id FROM projects WHERE id IN ?", ids).Scan(&there).Error; err != nil {
		return err
	}
	known := make(map[string]bool, len(there))
	for _, id := range there {
		known[id] = true
	}
	var rows []string
	var args []any
	for _, c := range counts {
		if known[c.ProjectID] {
			rows = append(rows, "(?, ?, ?, 0, ?)")
			args = append(args, c.ProjectID, string(c.Name), c.Period, c.Value)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.Exec("INSERT INTO project_usage (project_id, name, period, slot, value) VALUES "+strings.Join(rows, ", ")+
		" ON CONFLICT (project_id, name, period, slot) DO UPDATE SET value = project_usage.value + excluded.value", args...).Error
}

// Activity returns what a project did on the days since the one of the time given, those on which it did something, in order.
func (s *Store) Activity(ctx context.Context, projectID string, since time.Time) ([]models.ActiveDay, error) {
	type row struct {
		Period string
		Name   models.Activity
		Value  int64
	}
	var rows []row
	err := s.read(ctx).Raw(`SELECT period, name, sum(value) AS value FROM project_usage WHERE project_id = ? AND name IN ? AND period >= ?
		GROUP BY period, name ORDER BY period`, projectID, models.Activities(), models.QuotaPeriod(since)).Scan(&rows).Error
	if err != nil {
		return nil, translate(err)
	}
	var out []models.ActiveDay
	for _, r := range rows {
		if n := len(out); n == 0 || out[n-1].Day != r.Period {
			out = append(out, models.ActiveDay{Day: r.Period, Counts: map[models.Activity]int64{}})
		}
		out[len(out)-1].Counts[r.Name] = r.Value
	}
	return out, nil
}
