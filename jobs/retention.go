package jobs

import (
	"context"
	"time"
)

// pruneBatch is how many rows one transaction deletes; many small ones disturb nobody.
const pruneBatch = 500

// pruneBatches limits a round.
const pruneBatches = 20

// retentionLoop deletes what need not be kept, in every process and without a leader.
func (e *Engine) retentionLoop(ctx context.Context) {
	if !pause(ctx, spread(e.cfg.RetentionTick)) {
		return
	}
	ticker := time.NewTicker(e.cfg.RetentionTick)
	defer ticker.Stop()
	for {
		e.prune(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (e *Engine) prune(ctx context.Context) {
	now := time.Now()
	for _, p := range []struct {
		what string
		do   func() (int, error)
	}{
		{"idempotency records", func() (int, error) { return e.store.PruneRecords(ctx, pruneBatch) }},
		{"payloads", func() (int, error) {
			return e.store.PrunePayloads(ctx, now.Add(-e.cfg.PayloadRetention), pruneBatch)
		}},
		{"jobs", func() (int, error) {
			return e.store.PruneJobs(ctx, now.Add(-e.cfg.ResultRetention), now.Add(-e.cfg.DeadLetterRetention), pruneBatch)
		}},
	} {
		total := 0
		for range pruneBatches {
			n, err := p.do()
			total += n
			if err != nil && ctx.Err() == nil {
				e.log.Warn("prune "+p.what, "error", err)
			}
			if err != nil || n < pruneBatch {
				break
			}
		}
		e.pruned(p.what, total)
	}
	for _, p := range e.cfg.Prunes {
		n, err := p.Do(ctx)
		if err != nil && ctx.Err() == nil {
			e.log.Warn("prune "+p.What, "error", err)
		}
		e.pruned(p.What, n)
	}
}

func (e *Engine) pruned(what string, rows int) {
	if rows > 0 {
		e.metrics.pruned.WithLabelValues(what).Add(float64(rows))
		e.log.Info("pruned "+what, "rows", rows)
	}
}
