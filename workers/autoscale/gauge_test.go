package autoscale_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers/autoscale"
)

// TestGaugeReadsTheDatabase: what waits, runs and has run is counted by queue, without any worker or Redis.
func TestGaugeReadsTheDatabase(t *testing.T) {
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
		own, err := db.OpenJobs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(own.Close)
		now, reads := time.Now(), 0
		gauge := autoscale.NewGauge(autoscale.GaugeConfig{Store: counted{db, &reads}, BulkKinds: engine.BulkKinds(), Law: autoscale.Law{Slots: 4}, Now: func() time.Time { return now }})
		read := func() models.Scale {
			t.Helper()
			s, err := gauge.Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		accept := func(kind models.JobKind) models.Job {
			t.Helper()
			j := jobs.Prepare(t.Context(), models.NewID(), kind, []byte("{}"))
			if _, err := own.Accept(ctx, &store.Acceptance{Jobs: []models.Job{j}}); err != nil {
				t.Fatal(err)
			}
			return j
		}
		claim := func(id string) {
			t.Helper()
			if c, err := own.Claim(ctx, id, "w", time.Minute); err != nil || c == nil {
				t.Fatal(c, err)
			}
		}

		if s := read(); s.Need != 0 || s.Wanted != 0 || s.Fleet.Workers != 0 || s.Slots != 4 {
			t.Errorf("with nothing to do: %+v", s)
		}
		first := accept(models.KindDecode)
		accept(models.KindModelTrain)
		if s := read(); s.Need != 0 || reads != 1 {
			t.Errorf("read again within a second: %+v, %d reads", s, reads)
		}
		now = first.CreatedAt.Add(3 * time.Second)
		s := read()
		bulk, interactive := s.Queues[0], s.Queues[1]
		if s.Need != 1 || s.Wanted != 1 || interactive.Queue != jobs.InteractiveQueue || interactive.Backlog != 1 || bulk.Queue != jobs.BulkQueue || bulk.Backlog != 1 ||
			interactive.Oldest < 2900*time.Millisecond || interactive.Oldest > 3100*time.Millisecond {
			t.Errorf("two wait: %+v", s)
		}

		// A worker comes, and one that drains.
		for id, p := range map[string]models.Process{"w": {Slots: 8}, "d": {Slots: 8, Draining: true}, "api": {}, "gone": {Slots: 8, EndedAt: &now}} {
			p.ID, p.Role, p.Host, p.StartedAt, p.SeenAt = id, "worker", "h", now, now
			if err := db.SaveProcess(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		claim(first.ID)
		if _, err := own.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: first.ID, Attempt: 1}, Owner: "w", State: models.JobCompleted}); err != nil {
			t.Fatal(err)
		}
		second := accept(models.KindDecode)
		claim(second.ID)
		now = time.Now().Add(6 * time.Second)
		s = read()
		bulk, interactive = s.Queues[0], s.Queues[1]
		if want := (models.Fleet{Workers: 1, Draining: 1, Slots: 8}); s.Fleet != want || s.Slots != 8 {
			t.Errorf("workers: %+v, want %+v", s.Fleet, want)
		}
		// The second has run for about 6 of the last 30 s.
		if interactive.Backlog != 0 || interactive.Running != 1 || interactive.Rate < 1./31 || interactive.Rate > 1./29 || interactive.Busy < .19 || interactive.Busy > .3 || bulk.Backlog != 1 {
			t.Errorf("one runs, one waits, one has run: %+v", s.Queues)
		}
		if s.Need != 1 {
			t.Errorf("need %d", s.Need)
		}

		// What is paused waits for no worker.
		if _, err := db.PauseQueue(ctx, jobs.BulkQueue, "boss", true, now); err != nil {
			t.Fatal(err)
		}
		if _, err := own.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: second.ID, Attempt: 1}, Owner: "w", State: models.JobCompleted}); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
		s = read()
		if s.Need != 0 || !s.Queues[0].Paused || s.Queues[0].Backlog != 1 || s.Queues[1].Paused || s.Queues[1].Busy != 0 {
			t.Errorf("paused: %+v", s)
		}
	})
}

// TestGaugeGoesDownForWhoFollowsLate: what starts the workers by /metrics/scale looks every few seconds, waits a while before it goes down, and takes none away
// meanwhile. What is wanted goes down all the same, to none in the end, and does not come back in between.
func TestGaugeGoesDownForWhoFollowsLate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	idle := &fleetOf{workers: 4}
	gauge := autoscale.NewGauge(autoscale.GaugeConfig{Store: idle, Law: autoscale.Law{Slots: 1}, Now: func() time.Time { return now }})
	begin, last := now, 4
	zero := time.Duration(0)
	for ; now.Sub(begin) < 10*time.Minute; now = now.Add(5 * time.Second) {
		s, err := gauge.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Wanted > last || s.Wanted < last-1 {
			t.Errorf("after %v %d are wanted, before %d", now.Sub(begin), s.Wanted, last)
		}
		if last = s.Wanted; last == 0 && zero == 0 {
			zero = now.Sub(begin)
		}
	}
	if zero != 5*time.Minute {
		t.Errorf("none was wanted after %v", zero)
	}
	idle.backlog = 1
	if s, err := gauge.Read(t.Context()); err != nil || s.Need != 1 || s.Wanted != 1 {
		t.Errorf("a job waits: %+v, %v", s, err)
	}

	// Who has not asked for long begins with the workers that there are.
	idle.backlog, idle.workers, now = 0, 3, now.Add(time.Hour)
	if s, err := gauge.Read(t.Context()); err != nil || s.Wanted != 2 {
		t.Errorf("an hour later: %+v, %v", s, err)
	}

	// Where none is left, none is wanted back for nothing.
	idle.workers, now = 0, now.Add(5*time.Second)
	if s, err := gauge.Read(t.Context()); err != nil || s.Wanted != 0 {
		t.Errorf("none is left: %+v, %v", s, err)
	}
}

// fleetOf is a store with so many workers and so many waiting jobs.
type fleetOf struct{ workers, backlog int }

func (f *fleetOf) QueueLoads(context.Context, []string, time.Time) (interactive, bulk models.QueueLoad, err error) {
	return models.QueueLoad{Backlog: f.backlog, Window: 30 * time.Second}, models.QueueLoad{Window: 30 * time.Second}, nil
}

func (f *fleetOf) PausedQueues(context.Context) ([]string, error) { return nil, nil }

func (f *fleetOf) Fleet(context.Context, time.Time) (models.Fleet, error) {
	return models.Fleet{Workers: f.workers, Slots: f.workers}, nil
}

// counted counts the reads of a store.
type counted struct {
	autoscale.Store
	reads *int
}

func (c counted) QueueLoads(ctx context.Context, bulkKinds []string, now time.Time) (interactive, bulk models.QueueLoad, err error) {
	*c.reads++
	return c.Store.QueueLoads(ctx, bulkKinds, now)
}
