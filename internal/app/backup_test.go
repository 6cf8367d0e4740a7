package app

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/backup"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// TestABackupOfARunningServer: a backup is made while clients send and workers work. A server on what was restored finishes every job that
// was accepted before the backup began, each once, has every answer as it was, and knows the idempotency keys that were used.
func TestABackupOfARunningServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := boot(t, testkit.Backend{DataDir: dir})

	// What is not finished when the backup is made: the items of a batch, whose queue is paused.
	if _, err := s.store.PauseQueue(t.Context(), jobs.BulkQueue, models.NewID(), true, time.Now()); err != nil {
		t.Fatal(err)
	}
	s.engine.PausesChanged()
	items := make([]object, 8)
	for i := range items {
		items[i] = decode()
	}
	batch := s.json(t, 202, "POST", "/api/v1/neuro/decode/batch", s.key, object{"items": items})["id"].(string)

	var mu sync.Mutex
	accepted := map[string]string{} // id of a job by its idempotency key
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for c := range 3 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("%d-%d", c, n)
				id, _ := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode(), "Idempotency-Key: "+key)["id"].(string)
				mu.Lock()
				accepted[key] = id
				mu.Unlock()
			}
		})
	}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(accepted)
	}
	until(t, "twelve jobs", func() bool { return count() >= 12 })
	mu.Lock()
	before := map[string]string{}
	for key, id := range accepted {
		before[key] = id
	}
	mu.Unlock()
	path := filepath.Join(t.TempDir(), "a.backup")
	from := backup.Place{DataDir: dir, Store: s.settings.Store()}
	m, err := backup.Write(t.Context(), from, path, "test")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 2 || m.Schema == 0 {
		t.Errorf("the backup holds %+v", m)
	}
	n := count()
	until(t, "more jobs, as the server goes on", func() bool { return count() > n+3 })
	close(stop)
	clients.Wait()

	if _, _, err := backup.Restore(t.Context(), path, from, true); err == nil {
		t.Error("restored under a running server")
	}
	outputs := map[string]object{}
	for _, id := range before {
		outputs[id] = s.await(t, id)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	other := t.TempDir()
	b := testkit.Backend{DataDir: other}
	to := backup.Place{DataDir: other, Store: store.Config{DataDir: other}}
	if _, _, err := backup.Restore(t.Context(), path, to, false); err != nil {
		t.Fatal(err)
	}
	again := &wired{App: start(t, settings(t, b)), token: s.token, project: s.project, key: s.key}
	if got := again.json(t, 200, "GET", "/api/v1/jobs/"+batch, s.key, nil)["status"]; got == "completed" {
		t.Error("the batch was finished before it could be restored: nothing was shown")
	}
	if _, err := again.store.PauseQueue(t.Context(), jobs.BulkQueue, models.NewID(), false, time.Now()); err != nil {
		t.Fatal(err)
	}
	again.engine.PausesChanged()
	if got := again.await(t, batch); got["status"] != "completed" {
		t.Errorf("the batch: %v", got)
	}
	for key, id := range before {
		got := again.await(t, id)
		if got["status"] != "completed" || fmt.Sprint(got["output"]) != fmt.Sprint(outputs[id]["output"]) {
			t.Errorf("job %s: %v, was %v", id, got, outputs[id])
		}
		if replayed := again.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, decode(), "Idempotency-Key: "+key)["id"]; replayed != id {
			t.Errorf("the key %s made job %v, and had made %s", key, replayed, id)
		}
	}
	all, err := again.store.CountJobs(t.Context(), models.JobFilter{Kinds: []models.JobKind{models.KindDecode}}, jobs.BulkKinds(), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if most := len(accepted) + len(items); all < len(before)+len(items) || all > most {
		t.Errorf("%d jobs were restored; %d were accepted before the backup and %d in all", all, len(before)+len(items), most)
	}
}

// until waits for something that comes by itself.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > neurodtest.AwaitLimit {
			t.Fatalf("%s did not come", what)
		}
	}
}

// TestRestoreRefuses: what is newer than the program, damaged or in the way leaves everything as it was.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	place := func(dir string) backup.Place { return backup.Place{DataDir: dir, Store: store.Config{DataDir: dir}} }
	t.Run("a newer schema", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Dir(testkit.SQLite(t))
		db, err := sql.Open("sqlite", filepath.Join(dir, "neurod.db"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "a.backup")
		if _, err := backup.Write(t.Context(), place(dir), path, "9.9.9"); err != nil {
			t.Fatal(err)
		}
		to := t.TempDir()
		if _, _, err := backup.Restore(t.Context(), path, place(to), false); !errors.Is(err, backup.ErrNewer) {
			t.Errorf("restored: %v", err)
		}
		if _, err := os.Stat(filepath.Join(to, "neurod.db")); err == nil {
			t.Error("something was put there")
		}
	})
	t.Run("a damaged database", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Dir(testkit.SQLite(t))
		f, err := os.OpenFile(filepath.Join(dir, "neurod.db"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		junk := make([]byte, 4096*20)
		for i := range junk {
			junk[i] = 0xa5
		}
		_, err = f.WriteAt(junk, 4096*8)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "a.backup")
		if _, err := backup.Write(t.Context(), place(dir), path, "test"); err == nil {
			t.Error("a damaged database was backed up without a word")
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("a backup that failed is there")
		}
	})
}
