package jobs

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// translate turns the store's errors into those of the error table.
func translate(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return models.NewError(models.JobNotFound)
	}
	return err
}

// Get returns a job of the project. Error: JobNotFound.
func (e *Engine) Get(ctx context.Context, projectID, id string) (models.Job, error) {
	job, err := e.store.Get(ctx, projectID, id)
	return job, translate(err)
}

// Wait returns a job as soon as it is final, or as it is after d, or when the engine closes or drains. Error:
// JobNotFound, or ctx's when the caller goes away.
func (e *Engine) Wait(ctx context.Context, projectID, id string, d time.Duration) (models.Job, error) {
	if d <= 0 {
		return e.Get(ctx, projectID, id)
	}
	ctx, span := telemetry.Start(ctx, "wait for job", telemetry.Internal)
	defer span.End()
	start := time.Now()
	e.metrics.waiting.Inc()
	defer func() {
		e.metrics.waiting.Dec()
		telemetry.Observe(ctx, e.metrics.waited, time.Since(start).Seconds())
	}()
	// Watch before reading: what becomes final after the read is announced to the watch.
	final, end := e.hub.watch(id)
	defer end()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	poll := time.NewTicker(e.cfg.WaitPoll)
	defer poll.Stop()
	var job models.Job
	// What this process has just accepted and nobody has announced is not final yet, or will be found so by the first poll.
	for look := e.RedisDownFor() > 0 || !e.hub.unheard(id, projectID); ; look = true {
		if look {
			now, err := e.Get(ctx, projectID, id)
			switch {
			case err == nil:
				job = now
			case job.ID == "" || ctx.Err() != nil || models.AsError(err).Code == models.JobNotFound:
				return models.Job{}, err
			default: // the database is away for a moment, and the client has time
				e.log.Warn("could not look at a job that is waited for", "job", id, "error", err)
			}
			if job.State.Final() {
				return job, nil
			}
		}
		select {
		case <-final:
			continue
		case <-poll.C:
			continue
		case <-deadline.C:
		case <-e.hub.drained:
		case <-ctx.Done():
			return models.Job{}, ctx.Err()
		}
		if !look {
			return e.Get(ctx, projectID, id)
		}
		return job, nil
	}
}

// Drain ends all waiting calls with the job as it is then, and those to come at once: the first step of a graceful
// stop. A second call does nothing.
func (e *Engine) Drain() { e.hub.drain() }

// Query selects jobs of a project.
type Query struct {
	ProjectID string
	// IDs selects these jobs, items of batches or not: all of them are one page, whatever Limit says. Defaults to all that are not items.
	IDs    []string
	States []models.JobState // none for all
	Kinds  []models.JobKind  // none for all
	// ParentID selects the items of a batch, in their order. Without it jobs that are not items are listed, newest
	// first.
	ParentID string
	// Before and After are when the jobs were made, nil for any time.
	Before, After *time.Time
	Limit         int    // Defaults to 20, at most 100
	Cursor        string // Page.Next of the page before, "" for the first
}

// Page is a part of a list.
type Page struct {
	Jobs []models.Job
	Next string // cursor of the next page, "" at the end
}

// Limits of a page.
const (
	defaultPage = 20
	maxPage     = 100
)

// List returns a page of jobs. Error: InvalidParameter for a cursor that is none of the same query's.
func (e *Engine) List(ctx context.Context, q Query) (Page, error) {
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	q.Limit = min(q.Limit, maxPage)
	if len(q.IDs) > 0 {
		q.Limit = len(q.IDs)
	}
	l := store.Listing{ProjectID: q.ProjectID, IDs: q.IDs, States: q.States, Kinds: q.Kinds, ParentID: q.ParentID, Before: q.Before, After: q.After, Limit: q.Limit + 1}
	if q.Cursor != "" {
		at, ok := parseCursor(q.Cursor)
		switch {
		case ok && q.ParentID == "":
			l.BeforeID, ok = models.ParseID(at)
		case ok:
			n, err := strconv.Atoi(at)
			l.AfterItem, ok = &n, err == nil
		}
		if !ok {
			return Page{}, models.Errorf(models.InvalidParameter, "cursor is not one that this list returned.")
		}
	}
	found, err := e.store.List(ctx, l)
	if err != nil {
		return Page{}, err
	}
	page := Page{Jobs: found}
	if len(found) > q.Limit {
		page.Jobs = found[:q.Limit]
		last := page.Jobs[q.Limit-1]
		if q.ParentID == "" {
			page.Next = cursor(last.ID)
		} else {
			page.Next = cursor(strconv.Itoa(*last.ItemIndex))
		}
	}
	return page, nil
}

// cursor hides where a page ended, so that callers do not build on its form.
// Cursor names the place behind a job in a list of jobs that are not items.
func Cursor(jobID string) string { return cursor(jobID) }

func cursor(at string) string { return base64.RawURLEncoding.EncodeToString([]byte(at)) }

func parseCursor(s string) (string, bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return string(b), err == nil
}

// Counts returns how many items of a batch are in each state. Error: JobNotFound.
func (e *Engine) Counts(ctx context.Context, projectID, id string) (map[models.JobState]int, error) {
	counts, err := e.store.Counts(ctx, projectID, id)
	return counts, translate(err)
}

// Cancel cancels a job, with its items if it is a batch, and returns it as it is then; a final job is returned
// unchanged. A worker that runs it is told to stop. Error: JobNotFound.
func (e *Engine) Cancel(ctx context.Context, projectID, id string) (models.Job, error) {
	job, changes, err := e.store.Cancel(ctx, projectID, id)
	if err != nil {
		return models.Job{}, translate(err)
	}
	e.Announce(changes)
	return job, nil
}

// Watched returns how many jobs are waited for in this process.
func (e *Engine) Watched() int { return e.hub.size() }
