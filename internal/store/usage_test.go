package store_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestUsageFollowsTheRows adds and deletes rows of every kind that counts and holds the counts to what is there.
func TestUsageFollowsTheRows(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		jobs := openJobs(t, s)
		ses := newSession(t, s, models.ModeStreaming) // 100 Hz, windows every 2 s
		project := ses.ProjectID
		now := time.Now()
		expect := func(step string, bytes, waiting, sessions, windows, versions int64) {
			t.Helper()
			u, err := s.Usage(ctx, project, now, nil)
			want := map[models.QuotaName]int64{models.QuotaStoredBytes: bytes, models.QuotaWaitingJobs: waiting, models.QuotaOpenSessions: sessions,
				models.QuotaWindowsPerDay: windows, models.QuotaModels: versions, models.QuotaWebhooks: 0}
			if err != nil {
				t.Fatal(err)
			}
			for name, n := range want {
				if u.Used[name] != n {
					t.Errorf("%s: %s is %d, want %d", step, name, u.Used[name], n)
				}
			}
		}
		expect("a session", 0, 0, 1, 0, 0)
		for i, id := range []string{"a", "b", "a"} { // the last is the first again
			in := ingestOf(ses, id, 1000+int64(i%2)*5000, 500)
			in.Batch.CreatedAt = now
			if _, err := s.IngestBatch(ctx, in); err != nil {
				t.Fatal(err)
			}
		}
		expect("10 s of samples", 4000, 1, 1, 5, 0)
		job := newJob(project)
		if _, err := jobs.Accept(ctx, &store.Acceptance{Jobs: []models.Job{job}, Payloads: []models.Payload{store.NewPayload(job, make([]byte, 300))}}); err != nil {
			t.Fatal(err)
		}
		batch := newBatch(project, 3)
		if _, err := jobs.Accept(ctx, batch); err != nil {
			t.Fatal(err)
		}
		payloads := int64(300)
		for _, p := range batch.Payloads {
			payloads += int64(len(p.Data))
		}
		expect("a job and a batch", 4000+payloads, 5, 1, 5, 0)
		upload := models.NewID()
		for i := range 3 {
			if err := s.AddChunk(ctx, models.UploadChunk{SessionID: upload, Seq: i, ProjectID: project, Data: make([]byte, 1000), CreatedAt: now}); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := s.PutModel(ctx, newModel(project, "m", "1", []byte("model"))); err != nil {
			t.Fatal(err)
		}
		expect("an upload and a model", 4000+payloads+3005, 5, 1, 5, 1)
		if err := s.DropChunks(ctx, upload); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeleteModel(ctx, project, "m", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := s.EndSession(ctx, store.SessionEnd{ProjectID: project, SessionID: ses.ID, At: now, Job: sessionJob(ses)}); err != nil {
			t.Fatal(err)
		}
		expect("deletions and an end", 4000+payloads, 5, 0, 5, 0)
		if n, err := s.PruneUsage(ctx, now); err != nil || n != 0 {
			t.Errorf("pruned %d of today, %v", n, err)
		}
		if n, err := s.PruneUsage(ctx, now.Add(24*time.Hour)); err != nil || n < 1 {
			t.Errorf("pruned %d of yesterday, %v", n, err)
		}
		expect("a new day", 4000+payloads, 5, 0, 0, 0)
		if u, err := s.Usage(ctx, models.NewID(), now, nil); err != nil || u.Used[models.QuotaStoredBytes] != 0 {
			t.Errorf("another project: %v, %v", u, err)
		}
	})
}

// TestJobsAreCountedNoFurtherThanTheLimit.
func TestJobsAreCountedNoFurtherThanTheLimit(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		jobs := openJobs(t, s)
		project := models.NewID()
		for range 10 {
			accept(t, jobs, &store.Acceptance{Jobs: []models.Job{newJob(project)}})
		}
		for limit, want := range map[int64]int64{3: 4, 9: 10, 10: 10, 100: 10} {
			u, err := s.Usage(ctx, project, time.Now(), map[models.QuotaName]int64{models.QuotaWaitingJobs: limit})
			if err != nil || u.Used[models.QuotaWaitingJobs] != want || len(u.Used) != 1 {
				t.Errorf("limit %d: %v, %v; want %d", limit, u.Used, err, want)
			}
		}
	})
}

// TestModelsNeverPassTheirNumber stores versions of many names at once, which share no lock of a name.
func TestModelsNeverPassTheirNumber(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		project := models.NewID()
		var wg sync.WaitGroup
		var mu sync.Mutex
		stored := 0
		for i := range 50 {
			wg.Go(func() {
				n := newModel(project, "m"+string(rune('a'+i%26))+string(rune('a'+i/26)), "1", []byte{byte(i)})
				n.MaxModels = 7
				_, fresh, err := s.PutModel(ctx, n)
				mu.Lock()
				defer mu.Unlock()
				if fresh {
					stored++
				} else if !errors.Is(err, store.ErrTooManyModels) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if u, err := s.Usage(ctx, project, time.Now(), nil); err != nil || stored != 7 || u.Used[models.QuotaModels] != 7 {
			t.Errorf("%d stored, %v counted, %v; want 7", stored, u.Used, err)
		}
	})
}

// TestOverviewsCountAsStored as they are made, made again, and deleted with their session.
func TestOverviewsCountAsStored(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		ses := newSession(t, s, models.ModeStreaming)
		put := func(seen int, sizes ...int) {
			t.Helper()
			var list []models.SessionOverview
			for chunk, n := range sizes {
				list = append(list, models.SessionOverview{Chunk: int64(chunk), Seen: seen, Coarse: make([]byte, n), Mid: make([]byte, 10*n), Fine: make([]byte, 100*n)})
			}
			if err := s.PutOverviews(ctx, ses.ProjectID, ses.ID, list); err != nil {
				t.Fatal(err)
			}
		}
		expect := func(step string, want int64) {
			t.Helper()
			u, err := s.Usage(ctx, ses.ProjectID, time.Now(), nil)
			if err != nil || u.Used[models.QuotaStoredBytes] != want {
				t.Errorf("%s: %d bytes, %v; want %d", step, u.Used[models.QuotaStoredBytes], err, want)
			}
		}
		put(5, 2, 3)
		expect("two chunks", 111*5)
		put(7, 4)
		expect("one was made again", 111*7)
		put(6, 100)
		expect("one of fewer batches came late", 111*7)
		if _, err := raw.Exec("DELETE FROM session_overviews WHERE session_id = '" + ses.ID + "'"); err != nil {
			t.Fatal(err)
		}
		expect("the session is erased", 0)
	})
}
