package dialect_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neurod/neurod/internal/store/dialect"
)

// TestGiveWay: what is marked pauses while someone waits, and no longer than its context lasts; nothing else does.
func TestGiveWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pause = 100 * time.Millisecond
		present := false
		ctx := dialect.Gently(t.Context(), func() bool { return present })
		took := func(ctx context.Context) time.Duration {
			begin := time.Now()
			dialect.GiveWay(ctx, pause)
			return time.Since(begin)
		}
		if d := took(ctx); d != 0 {
			t.Errorf("waited %v for nobody", d)
		}
		present = true
		if d := took(t.Context()); d != 0 {
			t.Errorf("what does not give way waited %v", d)
		}
		if d := took(ctx); d != pause {
			t.Errorf("waited %v, want %v", d, pause)
		}
		ended, cancel := context.WithTimeout(ctx, pause/4)
		defer cancel()
		if d := took(ended); d != pause/4 {
			t.Errorf("waited %v, though it was to end after %v", d, pause/4)
		}
	})
}
