package jobs

import (
	"context"
	"time"
)

// pruneBatch is how many rows one transaction deletes, and prunePayloads how many of those that hold recordings; many small ones disturb
// nobody.
const (
	pruneBatch    = 500
	prunePayloads = 50
)

// retentionLoop deletes what need not be kept, in every process and without a leader.
func (e *Engine) retentionLoop(ctx context.Context) {
	if !pause(ctx, spread(e.cfg.RetentionTick)) {
		return
	}
	ticker := time.NewTicker(e.cfg.RetentionTick)
	defer ticker.Stop()
	var clock clockWatch
	for {
		if now, ok := e.retentionTime(ctx, &clock); ok {
			e.prune(ctx, now)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// maxAhead is the most by which a clock may be set ahead for retention to wait: a machine that slept, or whose clock was wrong since it
// began, has nothing to make up for.
const maxAhead = 2 * time.Hour

// retentionTime returns the time by which is decided what need not be kept any more, the database's. It reports false where that is not to be
// had, and after the clock was set ahead, until so much time has passed: nothing is deleted before it is as old as it seems.
func (e *Engine) retentionTime(ctx context.Context, clock *clockWatch) (now time.Time, ok bool) {
	begun := time.Now()
	if e.embedded != nil {
		now = begun.Round(0) // what was set: the difference of two such times is the clock's
	} else {
		var err error
		if now, err = e.store.Now(ctx); err != nil {
			if ctx.Err() == nil {
				e.log.Warn("prune: ask the time", "error", err)
			}
			return now, false
		}
	}
	ended := time.Now()
	before := clock.until
	ahead := clock.see(now, begun, ended, 0)
	if clock.until = before; ahead > 0 {
		wait := min(ahead, maxAhead)
		e.log.Warn("the clock was set ahead; nothing is pruned for as long", "by", ahead.Round(time.Millisecond).String(), "wait", wait.Round(time.Millisecond).String())
		if until := ended.Add(wait); until.After(before) {
			clock.until = until
		}
	}
	return now, !ended.Before(clock.until)
}

// prune deletes what need not be kept.
func (e *Engine) prune(ctx context.Context, now time.Time) {
	for _, p := range append([]Prune{
		{What: "idempotency records", Batch: pruneBatch, Do: func(ctx context.Context, _ time.Time) (int, error) { return e.store.PruneRecords(ctx, pruneBatch) }},
		{What: "payloads", Batch: prunePayloads, Do: func(ctx context.Context, now time.Time) (int, error) {
			return e.store.PrunePayloads(ctx, now.Add(-e.cfg.PayloadRetention), prunePayloads)
		}},
		{What: "jobs", Batch: pruneBatch, Do: func(ctx context.Context, now time.Time) (int, error) {
			return e.store.PruneJobs(ctx, now.Add(-e.cfg.ResultRetention), now.Add(-e.cfg.DeadLetterRetention), pruneBatch)
		}},
	}, e.cfg.Prunes...) {
		e.pruneAll(ctx, p, now)
	}
}

// pruneAll deletes a batch after another of one kind while there is more, so that what comes in faster than any number one might think of
// goes as fast; for a tick at most, because the other kinds wait. It rests after each for as long as that took.
func (e *Engine) pruneAll(ctx context.Context, p Prune, now time.Time) {
	total := 0
	for begun := time.Now(); ; {
		at := time.Now()
		n, err := p.Do(ctx, now)
		total += n
		if err != nil && ctx.Err() == nil {
			e.log.Warn("prune "+p.What, "error", err)
		}
		if err != nil || p.Batch == 0 || n < p.Batch || time.Since(begun) > e.cfg.RetentionTick || !pause(ctx, time.Since(at)) {
			break
		}
	}
	e.pruned(p.What, total)
}

func (e *Engine) pruned(what string, rows int) {
	if rows > 0 {
		e.metrics.pruned.WithLabelValues(what).Add(float64(rows))
		e.log.Info("pruned "+what, "rows", rows)
	}
}
