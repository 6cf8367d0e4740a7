package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit/powercut"
	"github.com/neurod/neurod/models"
)

// watchedStore opens a fresh embedded database on a disk whose power can be cut.
func watchedStore(t *testing.T) (*powercut.Disk, *store.Store) {
	t.Helper()
	dir := t.TempDir()
	disk, err := powercut.Watch(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, store.Config{DataDir: dir})
	if _, err := s.Migrate(context.Background(), "up"); err != nil {
		t.Fatal(err)
	}
	return disk, s
}

// TestAPowerCutLosesNothingThatWasAccepted: whatever the store has answered before the power goes is there afterwards: accepted
// jobs with their payloads and answers, results, cancellations, samples, keys, the audit log. The disk may have kept any part
// of what was not synced, torn at any sector.
func TestAPowerCutLosesNothingThatWasAccepted(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	disk, s := watchedStore(t)
	j := openJobs(t, s)
	u := newUser(t, s)
	p := newProject(t, s, u.ID)
	ses := newSession(t, s, models.ModeStreaming)

	// kept is what the store has promised so far.
	type promise struct {
		accepted, finished, canceled map[string]string // job id → idempotency key
		keys                         map[string]bool
		batches                      int
	}
	kept := promise{map[string]string{}, map[string]string{}, map[string]string{}, map[string]bool{}, 0}
	var mu sync.Mutex
	promised := make(chan struct{}, 1_000_000)
	note := func(fn func()) {
		mu.Lock()
		defer mu.Unlock()
		fn()
		promised <- struct{}{}
	}
	var stop atomic.Bool
	var load sync.WaitGroup
	defer load.Wait()
	defer stop.Store(true)
	for worker := range 8 {
		load.Go(func() {
			for n := 0; !stop.Load(); n++ {
				job := newJob(p.ID)
				payload := bytes.Repeat([]byte(job.ID), 1+n%200)
				a := &store.Acceptance{Jobs: []models.Job{job}, Payloads: []models.Payload{store.NewPayload(job, payload)}}
				key := ""
				if n%2 == 0 {
					key = job.ID
					a.Record = &models.IdempotencyRecord{ProjectID: p.ID, Operation: "decode", Key: key, Fingerprint: "f", JobID: job.ID,
						Answer: models.Answer{Protocol: "http/202", Bytes: []byte("{}")}, CreatedAt: job.CreatedAt, ExpiresAt: job.CreatedAt.Add(time.Hour)}
				}
				if _, err := j.Accept(ctx, a); err != nil {
					t.Error(err)
					return
				}
				note(func() { kept.accepted[job.ID] = key })
				switch n % 4 {
				case 0:
					owner := fmt.Sprint("w", worker)
					c, err := j.Claim(ctx, job.ID, owner, time.Minute)
					if err != nil || c == nil {
						t.Error(c, err)
						return
					}
					out := json.RawMessage(`{"of":"` + job.ID + `"}`)
					// A result is promised as soon as anybody can read it.
					load.Go(func() {
						for !stop.Load() {
							switch found, err := j.Get(ctx, p.ID, job.ID); {
							case err != nil:
								t.Error(err)
								return
							case found.State.Final():
								note(func() { kept.finished[job.ID] = string(found.Output) })
								return
							}
						}
					})
					if _, err := j.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: job.ID, Attempt: 1}, Owner: owner, State: models.JobCompleted, Output: out}); err != nil {
						t.Error(err)
						return
					}
					note(func() { kept.finished[job.ID] = string(out) })
				case 1:
					if _, _, err := j.Cancel(ctx, p.ID, job.ID); err != nil {
						t.Error(err)
						return
					}
					note(func() { kept.canceled[job.ID] = "" })
				case 2:
					k := models.APIKey{ID: models.NewID(), ProjectID: p.ID, Name: "k", LastFour: "abcd", Scopes: models.Scopes(), CreatedAt: epoch}
					k.Hash = k.ID
					if err := s.CreateKey(ctx, u.ID, k, 1_000_000); err != nil {
						t.Error(err)
						return
					}
					note(func() { kept.keys[k.ID] = true })
				}
			}
		})
	}
	load.Go(func() {
		for n := 0; !stop.Load(); n++ {
			if _, err := s.IngestBatch(ctx, ingestOf(ses, fmt.Sprint("b", n), int64(n)*640, 64)); err != nil {
				t.Error(err)
				return
			}
			note(func() { kept.batches++ })
		}
	})

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	type cut struct {
		promise
		disk powercut.Cut
	}
	var cuts []cut
	for i := range 12 {
		for range 5 + rng.IntN(40) {
			<-promised
		}
		mu.Lock() // the power goes while the others go on: what they are at may be on the disk or not
		c := cut{promise: promise{maps.Clone(kept.accepted), maps.Clone(kept.finished), maps.Clone(kept.canceled), maps.Clone(kept.keys), kept.batches}}
		mu.Unlock()
		if i%3 == 0 {
			c.disk = disk.Cut(nil)
		} else {
			c.disk = disk.Cut(rng)
		}
		cuts = append(cuts, c)
	}
	stop.Store(true)
	load.Wait()

	last := cuts[len(cuts)-1]
	if len(last.accepted) == 0 || len(last.finished) == 0 || len(last.canceled) == 0 || len(last.keys) == 0 || last.batches == 0 {
		t.Fatalf("%d jobs accepted, %d finished, %d canceled, %d keys, %d batches: the test shows too little", len(last.accepted), len(last.finished),
			len(last.canceled), len(last.keys), last.batches)
	}
	for i, c := range cuts {
		dir := t.TempDir()
		if err := c.disk.Save(dir); err != nil {
			t.Fatal(err)
		}
		after := openStore(t, store.Config{DatabaseURL: filepath.Join(dir, "neurod.db")})
		if err := after.CheckMigrated(ctx); err != nil {
			t.Fatalf("cut %d, %v: %v", i, c.disk.Files(), err)
		}
		jobs := openJobs(t, after)
		lost := 0
		for id, key := range c.accepted {
			got, err := jobs.Get(ctx, p.ID, id)
			switch {
			case errors.Is(err, store.ErrNotFound):
				lost++
				continue
			case err != nil:
				t.Fatal(err)
			}
			if out, ok := c.finished[id]; ok && (got.State != models.JobCompleted || string(got.Output) != out) {
				t.Errorf("cut %d: job %s was finished and is %s with %q", i, id, got.State, got.Output)
			}
			if _, ok := c.canceled[id]; ok && got.State != models.JobCanceled {
				t.Errorf("cut %d: job %s was canceled and is %s", i, id, got.State)
			}
			if key != "" {
				again := newJob(p.ID)
				record, err := jobs.Accept(ctx, &store.Acceptance{Jobs: []models.Job{again}, Record: &models.IdempotencyRecord{ProjectID: p.ID, Operation: "decode",
					Key: key, Fingerprint: "f", JobID: again.ID, Answer: models.Answer{Protocol: "http/202", Bytes: []byte("{}")}, CreatedAt: again.CreatedAt, ExpiresAt: again.CreatedAt.Add(time.Hour)}})
				if err != nil || record == nil || record.JobID != id {
					t.Errorf("cut %d: the key of job %s answers %v, %v", i, id, record, err)
				}
			}
			if got.State == models.JobQueued {
				claimed, err := jobs.Claim(ctx, id, "after", time.Minute)
				if err != nil || claimed == nil || !bytes.HasPrefix(claimed.Payload, []byte(id)) {
					t.Errorf("cut %d: job %s has lost its payload: %v", i, id, err)
				}
			}
		}
		if lost > 0 {
			t.Errorf("cut %d: %d of %d accepted jobs are lost", i, lost, len(c.accepted))
		}
		keys, err := after.Keys(ctx, u.ID, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		for id := range c.keys {
			if !slices.ContainsFunc(keys, func(k models.APIKey) bool { return k.ID == id }) {
				t.Errorf("cut %d: key %s is lost", i, id)
			}
		}
		made := slices.DeleteFunc(audited(t, after, u.ID), func(a models.AuditAction) bool { return a != models.AuditKeyCreated })
		if len(keys) < 500 && len(made) != len(keys) {
			t.Errorf("cut %d: the audit log tells of %d keys, there are %d", i, len(made), len(keys))
		}
		if got, err := after.Session(ctx, ses.ProjectID, ses.ID); err != nil || got.BatchCount < c.batches {
			t.Errorf("cut %d: %d of %d batches, %v", i, got.BatchCount, c.batches, err)
		}
	}
}

// TestCommitsShareFlushes: what many accept at the same time costs few flushes of the disk, and what can be computed again none.
func TestCommitsShareFlushes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	disk, s := watchedStore(t)
	j := openJobs(t, s)
	project := models.NewID()
	const n = 400
	jobs := make([]models.Job, n)
	before := disk.Syncs()
	var wg sync.WaitGroup
	for i := range jobs {
		wg.Go(func() {
			jobs[i] = newJob(project)
			if _, err := j.Accept(ctx, &store.Acceptance{Jobs: jobs[i : i+1]}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// At most 128 calls a commit; checkpoints may add two each. Without sharing there would be 400.
	if got := disk.Syncs() - before; got < 1 || got > n/4 {
		t.Errorf("%d jobs took %d flushes", n, got)
	}
	before = disk.Syncs()
	for i := range 50 {
		if _, err := j.Claim(ctx, jobs[i].ID, "w", time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if got := disk.Syncs() - before; got > 20 { // by checkpoints
		t.Errorf("50 claims took %d flushes", got)
	}
	before = disk.Syncs()
	accept(t, j, &store.Acceptance{Jobs: []models.Job{newJob(project)}})
	if disk.Syncs() == before {
		t.Error("accepting after a claim took no flush")
	}
}

// TestAFlushThatFails: when the disk has refused what an acceptance was to be kept by, its answer and those that follow are still
// kept, however little the disk has of the log.
func TestAFlushThatFails(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	disk, s := watchedStore(t)
	j := openJobs(t, s)
	project := models.NewID()
	var ids []string
	stored := 0
	for i := range 6 {
		if i%2 == 1 {
			disk.FailSync()
		}
		job := newJob(project)
		if _, err := j.Accept(ctx, &store.Acceptance{Jobs: []models.Job{job}, Stored: func() { stored++ }}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, job.ID)
		dir := t.TempDir()
		if err := disk.Cut(nil).Save(dir); err != nil {
			t.Fatal(err)
		}
		after := openJobs(t, openStore(t, store.Config{DatabaseURL: filepath.Join(dir, "neurod.db")}))
		for k, id := range ids {
			if _, err := after.Get(ctx, project, id); err != nil {
				t.Errorf("after %d jobs, job %d: %v", len(ids), k, err)
			}
		}
	}
	if stored != len(ids) {
		t.Errorf("told of %d stored jobs, want %d", stored, len(ids))
	}
}
