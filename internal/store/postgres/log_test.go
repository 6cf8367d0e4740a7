package postgres

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/neurod/neurod/internal/store/dialect"
)

// TestWhatGivesWayKeepsNobodyWaiting: while as much pauses as may give way at once, others have their turns, and the next that gives way waits for the end
// of a pause.
func TestWhatGivesWayKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(nil)
		defer func() {
			if err := p.close(); err != nil {
				t.Error(err)
			}
		}()
		wrote := func() error { return nil }
		gentle := dialect.Gently(t.Context(), func() bool { return true })
		for range partsAtOnce {
			go func() { _ = p.turn(gentle, wrote) }()
		}
		synctest.Wait()
		begin := time.Now()
		if err := p.turn(t.Context(), wrote); err != nil || time.Since(begin) != 0 {
			t.Errorf("waited %v for what gives way: %v", time.Since(begin), err)
		}
		written := time.Duration(0)
		if err := p.turn(gentle, func() error { written = time.Since(begin); return nil }); err != nil || written != giveWay {
			t.Errorf("wrote after %v: %v; want %v", written, err, giveWay)
		}
	})
}
