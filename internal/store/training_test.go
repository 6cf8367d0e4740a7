package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestAJobStoresOneModel has two attempts of a job store a model, and one of a job that was canceled.
func TestAJobStoresOneModel(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		db, err := s.OpenJobs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		project := models.NewID()
		accept := func() models.Job {
			at := time.Now().UTC().Truncate(time.Microsecond)
			job := models.Job{ID: models.NewID(), ProjectID: project, Kind: models.KindModelTrain, State: models.JobQueued, Request: json.RawMessage("{}"), CreatedAt: at, NextCheck: at}
			if _, err := db.Accept(ctx, &store.Acceptance{Jobs: []models.Job{job}}); err != nil {
				t.Fatal(err)
			}
			return job
		}
		claim := func(job models.Job) store.Attempt {
			c, err := db.Claim(ctx, job.ID, "w", time.Minute)
			if err != nil || c == nil {
				t.Fatal(c, err)
			}
			return store.Attempt{ID: job.ID, Attempt: c.Job.Attempts}
		}
		job := accept()
		first := claim(job)
		if err := s.NoteProgress(ctx, first, json.RawMessage(`{"progress":{"done":1}}`)); err != nil {
			t.Fatal(err)
		}
		if read, err := db.Get(ctx, project, job.ID); err != nil || string(read.Diagnostics) != `{"progress":{"done":1}}` {
			t.Errorf("noted %s, %v", read.Diagnostics, err)
		}
		put := func(version string, content byte, a store.Attempt) (models.ProjectModel, bool, error) {
			n := newModel(project, "m", version, []byte{content})
			n.Attempt = a
			return s.PutModel(ctx, n)
		}
		m, fresh, err := put("1", 1, first)
		if err != nil || !fresh || m.JobID == nil || *m.JobID != job.ID {
			t.Fatal(m, fresh, err)
		}
		if _, ok, err := db.Release(ctx, "w", first, 0, ""); err != nil || !ok {
			t.Fatal(ok, err)
		}
		second := claim(job)
		if err := s.NoteProgress(ctx, first, json.RawMessage("{}")); !errors.Is(err, store.ErrFenced) {
			t.Errorf("progress of an attempt that has lost its job: %v", err)
		}
		// The second attempt finds what the first has stored, although it comes with another version and file.
		if again, fresh, err := put("2", 2, second); err != nil || fresh || again.ID != m.ID || again.Version != "1" {
			t.Errorf("the second attempt: %v %v %v", again, fresh, err)
		}
		other := accept()
		lost := claim(other)
		if _, ok, err := db.Release(ctx, "w", lost, 0, ""); err != nil || !ok {
			t.Fatal(ok, err)
		}
		claim(other)
		if _, _, err := put("2", 2, lost); !errors.Is(err, store.ErrFenced) {
			t.Errorf("an attempt that has lost its job: %v", err)
		}
		canceled := accept()
		a := claim(canceled)
		if _, _, err := db.Cancel(ctx, project, canceled.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := put("2", 2, a); !errors.Is(err, store.ErrFenced) {
			t.Errorf("a canceled job: %v", err)
		}
		if list, err := s.ProjectModels(ctx, project, "m"); err != nil || len(list) != 1 || list[0].State != models.ModelActive {
			t.Errorf("%v, %v", list, err)
		}
	})
}
