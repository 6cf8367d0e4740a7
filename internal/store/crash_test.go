//go:build unix

package store_test

import (
	"context"
	"sync"
	"testing"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/models"
)

// TestACrashLosesNothingThatWasAccepted: PostgreSQL ends as a crash does, with what it had not written to the disk gone, at the moment in
// which a job was accepted. A job may be claimed before that moment, and every one that was accepted is there afterwards, with its payload.
func TestACrashLosesNothingThatWasAccepted(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pg, err := servers.StartPostgres(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Close() })
	s := openStore(t, store.Config{DatabaseURL: pg.DSN()})
	if _, err := s.Migrate(ctx, "up"); err != nil {
		t.Fatal(err)
	}
	j := openJobs(t, s)
	project := models.NewID()
	for range 3 {
		var mu sync.Mutex
		var kept []models.Job
		var all sync.WaitGroup
		done := make(chan struct{}, 64)
		for range 8 {
			all.Go(func() {
				for {
					job := newJob(project)
					early := false
					a := &store.Acceptance{Jobs: []models.Job{job}, Payloads: []models.Payload{store.NewPayload(job, make([]byte, 32<<10))},
						Stored: func() { early = true }}
					if _, err := j.Accept(ctx, a); err != nil {
						return // the database has gone
					}
					if !early {
						t.Error("a job was accepted and nobody told that it can be claimed")
					}
					mu.Lock()
					kept = append(kept, job)
					mu.Unlock()
					select {
					case done <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 20 {
			<-done
		}
		if err := pg.Kill(); err != nil { // between two answers, or within one
			t.Fatal(err)
		}
		all.Wait()
		if err := pg.Start(ctx); err != nil {
			t.Fatal(err)
		}
		for _, job := range kept {
			c, err := j.Claim(ctx, job.ID, "w", 1<<40)
			for range 20 { // connections of before the crash
				if err == nil {
					break
				}
				c, err = j.Claim(ctx, job.ID, "w", 1<<40)
			}
			if err != nil || c == nil || len(c.Payload) != 32<<10 {
				t.Fatalf("one of %d jobs that were accepted: %v, %v", len(kept), c, err)
			}
		}
	}
}

// TestAJobCanBeClaimedOnceItIsStored, which is told before or as it is accepted.
func TestAJobCanBeClaimedOnceItIsStored(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		job := newJob(models.NewID())
		told := 0
		var claimed *store.Claimed
		var err error
		accept(t, j, &store.Acceptance{Jobs: []models.Job{job}, Stored: func() {
			told++
			claimed, err = j.Claim(ctx, job.ID, "w", 1<<40)
		}})
		if err != nil || claimed == nil || told != 1 {
			t.Fatalf("told %d times, claimed %v, %v", told, claimed, err)
		}
	})
}
