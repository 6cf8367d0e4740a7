package app

import (
	"context"
	"errors"
	"time"
)

// How much one round of retention deletes of a project: the others wait behind it.
const (
	retentionRows     = 2000
	retentionSessions = 100
)

// pruneProjects deletes what projects keep for less long than the server, and returns how many rows and sessions that were.
func (a *App) pruneProjects(ctx context.Context, now time.Time) (n int, err error) {
	list, err := a.store.Retentions(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, r := range list {
		rows, err := a.store.PruneProject(ctx, r, now, retentionRows)
		n += rows
		errs = append(errs, err)
		if r.SessionHours > 0 && a.calls != nil {
			gone, err := a.calls.sessions.Expire(ctx, r.ProjectID, now.Add(-time.Duration(r.SessionHours)*time.Hour), retentionSessions)
			n += gone
			errs = append(errs, err)
		}
	}
	return n, errors.Join(errs...)
}
