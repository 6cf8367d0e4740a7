package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/store/dialect"
)

func (j *jobStore) Waiting(ctx context.Context, class dialect.Class, after string, each int) ([]dialect.Waiting, string, error) {
	scan := func(row pgx.CollectableRow) (w dialect.WaitingJob, err error) {
		return w, row.Scan(&w.Project, &w.Share, &w.ID)
	}
	look := func(queue, kind string) ([]dialect.WaitingJob, error) {
		query := strings.NewReplacer("$queue", queue, "$kind", kind, "$now", "now()", "$project", "a.project_id").
			Replace("SELECT a.project_id, a.share, j.id FROM (" + dialect.WaitingIn + ") AS a CROSS JOIN LATERAL (" + dialect.OldestOf + ") AS j")
		return collect(ctx, j.pool, scan, query, after, dialect.WaitingProjects, each, dialect.NonNil(class.BulkKinds))
	}
	kind := "w.kind <> ALL($4::text[])"
	if class.Bulk {
		kind = "w.kind = ANY($4::text[])"
	}
	found, err := look(dialect.Singles, kind)
	if err == nil && class.Bulk {
		var more []dialect.WaitingJob
		more, err = look(dialect.Items, "$4::text[] IS NOT NULL")
		found = append(found, more...)
	}
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	rows, err := j.pool.Query(ctx, strings.NewReplacer("$kind", "kind = ANY($1::text[])", "$bulk", "$2").Replace(dialect.RunningOf), dialect.NonNil(class.BulkKinds), class.Bulk)
	if err != nil {
		return nil, "", err
	}
	running := map[string]int{}
	var project string
	var n int
	if _, err = pgx.ForEachRow(rows, []any{&project, &n}, func() error { running[project] = n; return nil }); err != nil {
		return nil, "", err
	}
	out, next := dialect.Gather(found, running, each)
	return out, next, nil
}
