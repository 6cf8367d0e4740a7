package sqlite

import (
	"context"
	"strings"

	"github.com/neurod/neurod/internal/store/dialect"
)

func (j *jobStore) Waiting(ctx context.Context, class dialect.Class, after string, each int) ([]dialect.Waiting, string, error) {
	ctx = context.WithoutCancel(ctx)
	look := func(queue, kind string) (found []dialect.WaitingJob, err error) {
		projects, err := collect(j.reader, ctx, func(r rows) (w dialect.WaitingJob, err error) { err = r.Scan(&w.Project, &w.Share); return w, err },
			strings.NewReplacer("$queue", queue, "$1", "?1", "$2", "?2").Replace(dialect.WaitingIn), after, dialect.WaitingProjects)
		if err != nil {
			return nil, err
		}
		oldest := strings.NewReplacer("$queue", queue, "$kind", kind, "$project", "?1", "$now", "?2", "$3", "?3").Replace(dialect.OldestOf)
		for _, p := range projects {
			ids, err := collect(j.reader, ctx, scanString, oldest, p.Project, dialect.Steady(), each, jsonList(class.BulkKinds))
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				found = append(found, dialect.WaitingJob{Project: p.Project, Share: p.Share, ID: id})
			}
		}
		return found, nil
	}
	kind := "w.kind NOT IN (SELECT value FROM json_each(?4))"
	if class.Bulk {
		kind = "w.kind IN (SELECT value FROM json_each(?4))"
	}
	found, err := look(dialect.Singles, kind)
	if err == nil && class.Bulk {
		var more []dialect.WaitingJob
		more, err = look(dialect.Items, "?4 IS NOT NULL")
		found = append(found, more...)
	}
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	type count struct {
		project string
		n       int
	}
	query := strings.NewReplacer("$kind", "kind IN (SELECT value FROM json_each(?1))", "$bulk", "?2").Replace(dialect.RunningOf)
	counts, err := collect(j.reader, ctx, func(r rows) (c count, err error) { err = r.Scan(&c.project, &c.n); return c, err }, query, jsonList(class.BulkKinds), class.Bulk)
	if err != nil {
		return nil, "", err
	}
	running := map[string]int{}
	for _, c := range counts {
		running[c.project] = c.n
	}
	out, next := dialect.Gather(found, running, each)
	return out, next, nil
}
