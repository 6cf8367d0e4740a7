package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
)

// TestRetentionPrunesWhatElseThereIs: every round calls each of Config.Prunes, whatever became of the others.
func TestRetentionPrunesWhatElseThereIs(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		calls := make(chan struct{}, 1)
		start(t, b, func(c *jobs.Config) {
			c.RetentionTick = 10 * time.Millisecond
			c.Prunes = []jobs.Prune{
				{What: "what cannot be pruned", Do: func(context.Context, time.Time) (int, error) { return 0, errors.New("no") }},
				{What: "leftovers", Do: func(ctx context.Context, _ time.Time) (int, error) {
					select {
					case calls <- struct{}{}:
					case <-ctx.Done():
					}
					return 3, nil
				}},
			}
		})
		for range 2 { // and again in the next round
			select {
			case <-calls:
			case <-time.After(30 * time.Second):
				t.Fatal("nothing was pruned")
			}
		}
	})
}

// TestRetentionKeepsUp: what a round finds is gone after it, however many batches that takes, and one kind that never ends does not keep the others from theirs.
func TestRetentionKeepsUp(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		const batches = 1000 // in rounds of a second, one each would take a quarter of an hour
		left, gone := batches, make(chan struct{})
		start(t, b, func(c *jobs.Config) {
			c.RetentionTick = time.Second
			c.Prunes = []jobs.Prune{
				{What: "what comes in as fast as it goes", Batch: 1, Do: func(context.Context, time.Time) (int, error) { return 1, nil }},
				{What: "leftovers", Batch: 7, Do: func(context.Context, time.Time) (int, error) {
					if left--; left == 0 {
						close(gone)
					}
					if left <= 0 {
						return 6, nil
					}
					return 7, nil
				}},
			}
		})
		select {
		case <-gone:
		case <-time.After(patience):
			t.Fatal("a round did not delete all that there was")
		}
	})
}
