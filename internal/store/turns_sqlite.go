package store

import (
	"context"
	"strings"
)

func (j *sqliteJobs) Waiting(ctx context.Context, class Class, after string, each int) ([]Waiting, string, error) {
	ctx = context.WithoutCancel(ctx)
	look := func(queue, kind string) (found []waitingJob, err error) {
		projects, err := liteCollect(j.reader, ctx, func(r rows) (w waitingJob, err error) { err = r.Scan(&w.project, &w.share); return w, err },
			strings.NewReplacer("$queue", queue, "$1", "?1", "$2", "?2").Replace(waitingIn), after, waitingProjects)
		if err != nil {
			return nil, err
		}
		oldest := strings.NewReplacer("$queue", queue, "$kind", kind, "$project", "?1", "$now", "?2", "$3", "?3").Replace(oldestOf)
		for _, p := range projects {
			ids, err := liteCollect(j.reader, ctx, liteScanString, oldest, p.project, now(), each, jsonList(class.BulkKinds))
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				found = append(found, waitingJob{project: p.project, share: p.share, id: id})
			}
		}
		return found, nil
	}
	kind := "w.kind NOT IN (SELECT value FROM json_each(?4))"
	if class.Bulk {
		kind = "w.kind IN (SELECT value FROM json_each(?4))"
	}
	found, err := look(singles, kind)
	if err == nil && class.Bulk {
		var more []waitingJob
		more, err = look(items, "?4 IS NOT NULL")
		found = append(found, more...)
	}
	if err != nil || len(found) == 0 {
		return nil, "", err
	}
	type count struct {
		project string
		n       int
	}
	query := strings.NewReplacer("$kind", "kind IN (SELECT value FROM json_each(?1))", "$bulk", "?2").Replace(runningOf)
	counts, err := liteCollect(j.reader, ctx, func(r rows) (c count, err error) { err = r.Scan(&c.project, &c.n); return c, err }, query, jsonList(class.BulkKinds), class.Bulk)
	if err != nil {
		return nil, "", err
	}
	running := map[string]int{}
	for _, c := range counts {
		running[c.project] = c.n
	}
	out, next := gather(found, running, each)
	return out, next, nil
}
