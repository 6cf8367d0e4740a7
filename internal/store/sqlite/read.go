package sqlite

import (
	"context"
	"fmt"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

func (j *jobStore) Get(ctx context.Context, projectID, id string) (models.Job, error) {
	found, err := collect(j.reader, ctx, scanJob, "SELECT "+dialect.JobColumns+" FROM jobs WHERE id = ? AND project_id = ?", id, projectID)
	if found, err = j.kept(ctx, found, err); err != nil {
		return models.Job{}, err
	}
	if len(found) == 0 {
		return models.Job{}, dialect.ErrNotFound
	}
	return found[0], nil
}

func (j *jobStore) List(ctx context.Context, l dialect.Listing) ([]models.Job, error) {
	query, args := l.Query(func(n int) string { return fmt.Sprintf("?%d", n) })
	found, err := collect(j.reader, ctx, scanJob, query, args...)
	return j.kept(ctx, found, err)
}

func (j *jobStore) Counts(ctx context.Context, projectID, parentID string) (map[models.JobState]int, error) {
	cs, err := collect(j.reader, ctx, scanCount, countItems, parentID)
	if err != nil {
		return nil, err
	}
	// It comes second: what was counted is on the disk when it returns.
	if _, err := j.Get(ctx, projectID, parentID); err != nil {
		return nil, err
	}
	return byState(cs), nil
}

func (j *jobStore) Depth(ctx context.Context, bulkKinds []string) ([]dialect.Depth, error) {
	return collect(j.reader, ctx, func(r rows) (d dialect.Depth, err error) {
		return d, r.Scan(&d.Bulk, (*string)(&d.State), &d.Jobs)
	}, `SELECT parent_id IS NOT NULL OR kind IN (SELECT value FROM json_each(?)), state, count(*) FROM (
			SELECT parent_id, kind, state FROM jobs WHERE state = 'queued' AND items_total = 0
			UNION ALL SELECT parent_id, kind, state FROM jobs WHERE state = 'running' AND lease_until IS NOT NULL)
		GROUP BY 1, 2`, jsonList(bulkKinds))
}
