package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

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
