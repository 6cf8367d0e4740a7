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
				{What: "what cannot be pruned", Do: func(context.Context) (int, error) { return 0, errors.New("no") }},
				{What: "leftovers", Do: func(ctx context.Context) (int, error) {
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
