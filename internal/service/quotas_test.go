package service_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// quotaWriter stores what uses one of a quota.
type quotaWriter struct {
	name  models.QuotaName
	n     int64 // that one write uses
	write func(i int) error
}

func quotaWriters(t *testing.T, s *store.Store, project string, at time.Time) []quotaWriter {
	t.Helper()
	ctx := context.Background()
	jobs, err := s.OpenJobs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(jobs.Close)
	session := func() models.Session {
		return models.Session{ID: models.NewID(), ProjectID: project, ExternalUserID: "u", DeviceType: "d", SampleRateHz: 100, Channels: []string{"Cz"},
			IngestionMode: models.ModeStreaming, State: models.SessionOpen, HopMS: 2000, CreatedAt: at, StartedAt: at}
	}
	job := func(kind models.JobKind) models.Job {
		return models.Job{ID: models.NewID(), ProjectID: project, Kind: kind, State: models.JobQueued, Request: []byte("{}"), CreatedAt: at, NextCheck: at}
	}
	ses := session()
	if err := s.CreateSession(ctx, ses); err != nil {
		t.Fatal(err)
	}
	if _, err := s.EndSession(ctx, store.SessionEnd{ProjectID: project, SessionID: ses.ID, At: at, Job: job(models.KindSessionWindows)}); err != nil {
		t.Fatal(err)
	}
	taking := make([]models.Session, 50)
	for i := range taking { // one each, so that nothing but the quota holds them up; they belong to the sessions' own count
		taking[i] = session()
		taking[i].IngestionMode = models.ModeRecorded
		taking[i].State = models.SessionUploading
	}
	return []quotaWriter{
		{models.QuotaOpenSessions, 1, func(int) error { return s.CreateSession(ctx, session()) }},
		{models.QuotaWaitingJobs, 1, func(int) error {
			_, err := jobs.Accept(ctx, &store.Acceptance{Jobs: []models.Job{job(models.KindDecode)}})
			return err
		}},
		{models.QuotaStoredBytes, 100, func(i int) error {
			return s.AddChunk(ctx, models.UploadChunk{SessionID: ses.ID, Seq: i, ProjectID: project, Data: make([]byte, 100), CreatedAt: at})
		}},
		{models.QuotaWindowsPerDay, 2, func(i int) error { // 4 s
			if err := s.CreateSession(ctx, taking[i]); err != nil {
				return err
			}
			_, err := s.IngestBatch(ctx, store.Ingest{Samples: 400, Job: job(models.KindSessionWindows), Batch: models.SampleBatch{SessionID: taking[i].ID,
				BatchID: "b", ProjectID: project, StartMS: 1000, Digest: "d", Codec: "none", Size: 1600, Data: make([]byte, 1600), CreatedAt: at}})
			return err
		}},
	}
}

// TestQuotasHoldUnderConcurrency sends 50 calls at once, in one process and in three. One lets in exactly what the limit has room for;
// three let in at most what each saw left.
func TestQuotasHoldUnderConcurrency(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		for _, processes := range []int{1, 3} {
			for k := range 4 {
				project := models.NewID()
				now := time.Now()
				w := quotaWriters(t, s, project, now)[k]
				t.Run(fmt.Sprintf("%s by %d", w.name, processes), func(t *testing.T) {
					const room = 10
					limit := room * w.n
					var qs []*service.Quotas
					for range processes {
						qs = append(qs, service.NewQuotas(service.QuotasConfig{Store: s, Limits: map[models.QuotaName]int64{w.name: limit}}))
					}
					var wg sync.WaitGroup
					var in atomic.Int64
					for i := range 50 {
						wg.Go(func() {
							done, err := qs[i%processes].Take(ctx, project, service.Wants{w.name: w.n}, nil)
							if err != nil {
								if e := models.AsError(err); e.Used == nil || e.Used.Name != w.name || e.Used.Limit != limit || e.Used.Used+w.n <= limit {
									t.Errorf("%v, %+v", err, e.Used)
								}
								return
							}
							defer done()
							if err := w.write(i); err != nil {
								t.Error(err)
							}
							in.Add(w.n)
						})
					}
					wg.Wait()
					u, err := s.Usage(ctx, project, now, nil)
					if err != nil {
						t.Fatal(err)
					}
					got := u.Used[w.name]
					if got != in.Load() || got < limit || got > limit*int64(processes) {
						t.Errorf("%d let in, %d counted, want from %d to %d", in.Load(), got, limit, limit*int64(processes))
					}
					if _, err := qs[0].Take(ctx, project, service.Wants{w.name: w.n}, nil); err == nil {
						t.Error("one more was let in afterwards")
					}
					if done, err := qs[0].Take(ctx, project, service.Wants{w.name: w.n}, func() bool { return true }); err != nil {
						t.Errorf("a repeated call: %v", err)
					} else {
						done()
					}
				})
			}
		}
	})
}

// TestAProjectsOwnQuotaCounts instead of the server's, 0 for none, and within a second.
func TestAProjectsOwnQuotaCounts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		u := models.User{ID: models.NewID(), Email: models.NewID() + "@example.org", PasswordHash: "h", CreatedAt: time.Now()}
		p := models.Project{ID: models.NewID(), Name: "p", CreatedAt: time.Now()}
		if err := s.CreateUser(ctx, u); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateProject(ctx, p, u.ID, 10); err != nil {
			t.Fatal(err)
		}
		clock := time.Date(2026, 1, 31, 23, 0, 0, 0, time.UTC)
		q := service.NewQuotas(service.QuotasConfig{Store: s, Limits: map[models.QuotaName]int64{models.QuotaModels: 5}, Now: func() time.Time { return clock }})
		takes := func(want bool, w service.Wants) *models.Error {
			t.Helper()
			done, err := q.Take(ctx, p.ID, w, nil)
			if err == nil {
				done()
			}
			if (err == nil) != want {
				t.Errorf("%v: %v, want %v", w, err, want)
			}
			return models.AsError(err)
		}
		takes(true, service.Wants{models.QuotaModels: 5})
		clock = clock.Add(time.Second)
		takes(false, service.Wants{models.QuotaModels: 6})
		for name, n := range map[models.QuotaName]int64{models.QuotaModels: 0, models.QuotaWindowsPerDay: 3, models.QuotaWaitingJobs: 2} {
			if err := s.SetProjectQuota(ctx, p.ID, name, n); err != nil {
				t.Fatal(err)
			}
		}
		clock = clock.Add(time.Second)
		takes(true, service.Wants{models.QuotaModels: 1000, models.QuotaWindowsPerDay: 3})
		if e := takes(false, service.Wants{models.QuotaWindowsPerDay: 4}); e.Code != models.ProjectQuotaExceeded || e.RetryAfter != time.Hour-2*time.Second {
			t.Errorf("%+v", e)
		}
		if e := takes(false, service.Wants{models.QuotaWaitingJobs: 3}); e.Class() != models.ClassExhausted || e.RetryAfter <= 0 {
			t.Errorf("%+v", e)
		}
		if n, err := q.Limit(ctx, p.ID, models.QuotaWindowsPerDay); err != nil || n != 3 {
			t.Errorf("limit %d, %v", n, err)
		}
		var none *service.Quotas
		if done, err := none.Take(ctx, p.ID, service.Wants{models.QuotaModels: 1000}, nil); err != nil {
			t.Error(err)
		} else {
			done()
		}
	})
}
