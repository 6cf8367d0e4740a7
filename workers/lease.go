package workers

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/store"
)

// leases renews the leases of all attempts of a server.
type leases struct {
	extend func(ctx context.Context, owner string, held []store.Attempt) ([]string, error)
	owner  string
	lease  time.Duration
	log    *slog.Logger

	mu    sync.Mutex
	held  map[store.Attempt]*holding
	ended error // why no attempt may go on any more
}

// holding is an attempt that this server believes to hold.
type holding struct {
	cancel context.CancelCauseFunc
	until  time.Time // the lease holds at least so long
}

func newLeases(extend func(context.Context, string, []store.Attempt) ([]string, error), owner string, lease time.Duration, log *slog.Logger) *leases {
	return &leases{extend: extend, owner: owner, lease: lease, log: log, held: map[store.Attempt]*holding{}}
}

// hold keeps an attempt's lease from now on; claimed is a time before its claim. cancel is called with ErrLeaseLost
// when it is lost. The function returned lets go.
func (l *leases) hold(a store.Attempt, claimed time.Time, cancel context.CancelCauseFunc) (release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[a] = &holding{cancel: cancel, until: claimed.Add(l.lease)}
	if l.ended != nil {
		cancel(l.ended)
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.held, a)
	}
}

// endAll ends the contexts of all attempts, and of those to come.
func (l *leases) endAll(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = cause
	for _, h := range l.held {
		h.cancel(cause)
	}
}

func (l *leases) run(ctx context.Context, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			l.beat(ctx)
		}
	}
}

// beat renews all leases in one statement and ends the attempts that are no longer held.
func (l *leases) beat(ctx context.Context) {
	l.mu.Lock()
	held := make([]store.Attempt, 0, len(l.held))
	for a := range l.held {
		held = append(held, a)
	}
	l.mu.Unlock()
	if len(held) == 0 {
		return
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.lease/2)
	kept, err := l.extend(ctx, l.owner, held)
	cancel()
	if err != nil {
		l.log.Warn("could not renew leases", "jobs", len(held), "error", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range held {
		h, still := l.held[a]
		if !still {
			continue
		}
		if _, ok := slices.BinarySearch(kept, a.ID); ok && err == nil {
			h.until = start.Add(l.lease)
			continue
		}
		// Told so by the database, or too long without an answer: another worker may have it by now.
		if err == nil || time.Now().After(h.until) {
			h.cancel(ErrLeaseLost)
		}
	}
}
