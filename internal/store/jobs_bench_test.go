package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// BenchmarkJob accepts, claims and finishes jobs, 8 at once, as it is and without the index by which operators list jobs: what that costs
// every job.
func BenchmarkJob(b *testing.B) {
	for name, url := range map[string]func() string{"embedded": func() string { return testkit.SQLite(b) }, "postgres": func() string { return testkit.Postgres(b) }} {
		for _, drop := range []string{"", "DROP INDEX jobs_listed"} {
			b.Run(name+map[bool]string{true: "/listed", false: "/unlisted"}[drop == ""], func(b *testing.B) {
				ctx := context.Background()
				cfg := store.Config{DatabaseURL: url()}
				s, err := store.Open(ctx, cfg)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = s.Close() })
				if _, err := testkit.Raw(b, cfg).Exec(drop); err != nil {
					b.Fatal(err)
				}
				jobs, err := s.OpenJobs(ctx)
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(jobs.Close)
				project := models.NewID()
				one := func() {
					j := newJob(project)
					if _, err := jobs.Accept(ctx, &store.Acceptance{Jobs: []models.Job{j}}); err != nil {
						b.Error(err)
					}
					if c, err := jobs.Claim(ctx, j.ID, "host:1:worker", time.Minute); err != nil || c == nil {
						b.Error(err)
					}
					if _, err := jobs.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: j.ID, Attempt: 1}, Owner: "host:1:worker", State: models.JobCompleted, Output: []byte(`{"decoded_intent":"rest"}`)}); err != nil {
						b.Error(err)
					}
				}
				run := func(n int) {
					const callers = 8
					var group sync.WaitGroup
					for i := range callers {
						group.Go(func() {
							for k := i; k < n; k += callers {
								one()
							}
						})
					}
					group.Wait()
				}
				run(2_000)
				b.ResetTimer()
				run(b.N)
			})
		}
	}
}
