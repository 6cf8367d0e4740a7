//go:build unix

package jobs_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/internal/testkit/walltime"
	"github.com/neurod/neurod/jobs"
)

// TestTheDatabasesClockIsSet: set an hour ahead it ends no lease of a worker that is there, and set back it keeps no job with a worker that is lost, nor one that was put
// off for a moment.
func TestTheDatabasesClockIsSet(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pg, err := servers.StartPostgres(ctx, "fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Close() })
	set := func(by time.Duration) {
		t.Helper()
		if err := errors.Join(walltime.Set(by, pg.PIDs()...), walltime.Set(by, pg.PIDs()...)); errors.Is(err, walltime.ErrUnsupported) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	set(0)
	b := testkit.Backend{Name: "postgres+redis", Store: store.Config{DatabaseURL: pg.DSN()}, Redis: testkit.RedisServer(t)}
	if _, err := b.Open(t).Migrate(ctx, "up"); err != nil {
		t.Fatal(err)
	}
	const lease = 3 * time.Second // generous: what renews it in time may have to wait for a processor
	p := start(t, b, func(c *jobs.Config) { c.Lease = lease })
	claim := func() store.Attempt {
		t.Helper()
		id := submit(t, p, submission("p")).JobID
		c, err := p.Claim(ctx, id, "w")
		if err != nil || c == nil {
			t.Fatalf("Claim = %v, %v", c, err)
		}
		return store.Attempt{ID: id, Attempt: c.Job.Attempts}
	}
	held := claim()
	renew := func() bool {
		t.Helper()
		kept, err := p.Extend(ctx, "w", []store.Attempt{held})
		if err != nil {
			t.Fatal(err)
		}
		return slices.Contains(kept, held.ID)
	}
	// The reconciler has looked at the clock.
	lost := claim()
	until(t, "a lease that ends", func() bool {
		if !renew() {
			t.Fatal("a lease that is renewed has ended")
		}
		c, err := p.Claim(ctx, lost.ID, "w")
		return err == nil && c != nil
	})
	for _, by := range []time.Duration{time.Hour, 2 * time.Hour, 0} {
		set(by)
		for begun := time.Now(); time.Since(begun) < lease/2; time.Sleep(50 * time.Millisecond) { // some looks
			if !renew() {
				t.Fatalf("set by %v: a lease that is renewed has ended", by)
			}
		}
	}

	set(time.Hour)
	if !renew() {
		t.Fatal("a lease that is renewed has ended")
	}
	gone := claim()
	put := claim()
	c, err := p.Get(ctx, "p", put.ID)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := p.Retry(ctx, "w", &store.Claimed{Job: c}, "for a moment"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	set(0)
	until(t, "the job of a worker that is lost", func() bool {
		c, err := p.Claim(ctx, gone.ID, "another")
		return err == nil && c != nil
	})
	until(t, "the job that was put off", func() bool {
		job, err := p.Get(ctx, "p", put.ID)
		return err == nil && !job.NextCheck.After(time.Now().Add(15*time.Minute))
	})
}
