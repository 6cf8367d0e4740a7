package operations

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

var boss = models.Principal{UserID: "u", Operator: true}

// TestQuantilesAreNear: whatever times jobs took, a percentile of the histogram is at most a tenth off the one of the times themselves, and
// merging histograms is adding up their times.
func TestQuantilesAreNear(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Float64Range(1, 1e8), 1, 300).Draw(t, "ms")
		a, b := histogram{}, histogram{}
		for i, ms := range times {
			h := a
			if i%2 == 1 {
				h = b
			}
			h[bucketOf(time.Duration(ms*float64(time.Millisecond)))]++
		}
		read, err := readHistogram(a.String())
		if err != nil {
			t.Fatal(err)
		}
		read.merge(b)
		slices.Sort(times)
		for _, q := range []float64{.5, .95, .99} {
			want := times[max(0, int(math.Ceil(q*float64(len(times))))-1)]
			if got := float64(read.quantile(q)) / float64(time.Millisecond); got < want/1.11 || got > want*1.11 {
				t.Fatalf("%v: %v ms, want %v", q, got, want)
			}
		}
	})
}

// TestStatsAreTheDatabases: two processes say the same of how jobs did, one of which has just been started; minutes that were counted stay
// as they were counted, and the minute that runs is there at once.
func TestStatsAreTheDatabases(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		engine, err := jobs.New(jobs.Config{Store: db, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := engine.Close(); err != nil {
				t.Error(err)
			}
		})
		at := time.Now()
		process := func(shift time.Duration) *Service {
			return New(Config{Store: db, Engine: engine, Now: func() time.Time { return at.Add(shift) }})
		}
		own, err := db.OpenJobs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(own.Close)
		finish := func(n int, state models.JobState) {
			for range n {
				j := jobs.Prepare(t.Context(), models.NewID(), models.KindDecode, []byte("{}"))
				if _, err := own.Accept(ctx, &store.Acceptance{Jobs: []models.Job{j}}); err != nil {
					t.Fatal(err)
				}
				if c, err := own.Claim(ctx, j.ID, "w", time.Minute); err != nil || c == nil {
					t.Fatal(err)
				}
				if _, err := own.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: j.ID, Attempt: 1}, Owner: "w", State: state}); err != nil {
					t.Fatal(err)
				}
			}
		}
		check := func(s *Service, period string, completed, failed int) {
			t.Helper()
			got, err := s.Stats(ctx, boss, period, "", "")
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Kinds) != 1 || got.Kinds[0].Completed != completed || got.Kinds[0].Failed != failed || got.Kinds[0].Waited.P50 <= 0 || got.Kinds[0].Ran.P99 < got.Kinds[0].Ran.P50 {
				t.Errorf("%s: %+v, want %d completed and %d failed", period, got.Kinds, completed, failed)
			}
			sum := 0
			for _, p := range got.Series {
				sum += p.Completed + p.Failed
			}
			if sum != completed+failed {
				t.Errorf("%s: the series has %d jobs of %d", period, sum, completed+failed)
			}
			if other, err := s.Stats(ctx, boss, period, jobs.BulkQueue, ""); err != nil || len(other.Kinds) != 0 {
				t.Errorf("of the bulk queue: %+v, %v", other.Kinds, err)
			}
		}
		finish(5, models.JobCompleted)
		finish(2, models.JobFailed)
		for _, period := range []string{"1h", "24h", "7d"} { // not yet counted
			check(process(time.Second), period, 5, 2)
		}
		later := 3 * time.Minute
		for range 2 { // counted by two processes, once
			if err := process(later).rollUp(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for _, period := range []string{"1h", "24h", "7d"} {
			check(process(later), period, 5, 2)
		}
		if err := process(2 * time.Hour).rollUp(ctx); err != nil {
			t.Fatal(err)
		}
		for _, period := range []string{"24h", "7d"} { // by the hour
			check(process(2*time.Hour), period, 5, 2)
		}
		if _, err := process(0).Stats(ctx, models.Principal{UserID: "x"}, "1h", "", ""); models.AsError(err).Code != models.InsufficientRole {
			t.Errorf("who is no operator: %v", err)
		}
	})
}
