package store

import (
	"context"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/store/dialect"
)

// clock knows the time by the database's clock without asking for it at every call.
type clock struct {
	mu     sync.Mutex
	theirs time.Time // when it was last asked
	ours   time.Time // at the same moment, by this process's clock
	asked  time.Time // when it was last asked in vain
}

// How old what is known of the database's clock may be, and how long asking it may take.
const (
	clockAge     = time.Second
	clockTimeout = time.Second
)

// Now returns the time by the clock of all processes, the database's: leases, schedules and retention go by it, so that a process whose own
// clock is set wrong disturbs none of them. While the database does not answer it is what it would be. On SQLite, where there is one
// process, it is that process's.
func (s *Store) Now() time.Time {
	if s.dialect == SQLite {
		return dialect.Now()
	}
	c := &s.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	// Differences of this process's times are by its monotonic clock, which nobody sets.
	if (c.ours.IsZero() || time.Since(c.ours) > clockAge) && (c.asked.IsZero() || time.Since(c.asked) > clockAge) {
		ctx, cancel := context.WithTimeout(context.Background(), clockTimeout)
		defer cancel()
		begun := time.Now()
		if theirs, err := s.db.Now(ctx); err == nil {
			took := time.Since(begun)
			c.theirs, c.ours, c.asked = theirs.Add(took/2), begun.Add(took), time.Time{}
		} else {
			c.asked = time.Now()
		}
	}
	if c.ours.IsZero() {
		return dialect.Now()
	}
	return dialect.UTC(c.theirs.Add(time.Since(c.ours)))
}
