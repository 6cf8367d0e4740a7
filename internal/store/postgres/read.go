package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

type projectJob struct{ projectID, id string }

func (j *jobStore) Get(ctx context.Context, projectID, id string) (models.Job, error) {
	job, err := j.gets.Do(ctx, projectJob{projectID, id})
	if err != nil {
		return models.Job{}, err
	}
	if job == nil {
		return models.Job{}, dialect.ErrNotFound
	}
	return *job, nil
}

var getStatement = "SELECT " + qualified("j") + ` FROM unnest($1::text[], $2::text[]) AS w(id, project_id)
	JOIN jobs j ON j.id = w.id AND j.project_id = w.project_id`

func (j *jobStore) getMany(ctx context.Context, wanted []projectJob) ([]*models.Job, error) {
	index := make(map[projectJob]int, len(wanted))
	var ids, projects []string
	for i, w := range wanted {
		if _, twice := index[w]; !twice {
			index[w] = i
			ids, projects = append(ids, w.id), append(projects, w.projectID)
		}
	}
	found, err := collect(ctx, j.pool, scanJob, getStatement, ids, projects)
	if err != nil {
		return nil, err
	}
	byJob := make(map[projectJob]*models.Job, len(found))
	for i := range found {
		byJob[projectJob{found[i].ProjectID, found[i].ID}] = &found[i]
	}
	out := make([]*models.Job, len(wanted))
	for i, w := range wanted {
		if job := byJob[w]; job != nil {
			c := *job // callers own what they get
			out[i] = &c
		}
	}
	return out, nil
}

func (j *jobStore) List(ctx context.Context, l dialect.Listing) ([]models.Job, error) {
	query, args := l.Query(func(n int) string { return fmt.Sprintf("$%d", n) })
	return collect(ctx, j.pool, scanJob, query, args...)
}

func (j *jobStore) Counts(ctx context.Context, projectID, parentID string) (map[models.JobState]int, error) {
	if _, err := j.Get(ctx, projectID, parentID); err != nil {
		return nil, err
	}
	return countItems(ctx, j.pool, parentID)
}

func (j *jobStore) Depth(ctx context.Context, bulkKinds []string) ([]dialect.Depth, error) {
	return collect(ctx, j.pool, func(row pgx.CollectableRow) (dialect.Depth, error) {
		var d dialect.Depth
		err := row.Scan(&d.Bulk, &d.State, &d.Jobs)
		return d, err
	}, `SELECT parent_id IS NOT NULL OR kind = ANY($1), state, count(*) FROM (
			SELECT parent_id, kind, state FROM jobs WHERE state = 'queued' AND next_check < 'infinity' AND items_total = 0
			UNION ALL SELECT parent_id, kind, state FROM jobs WHERE state = 'running' AND lease_until IS NOT NULL) AS unfinished
		GROUP BY 1, 2`, dialect.NonNil(bulkKinds))
}
