package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// openJobs opens the jobs of a store and closes them with the test.
func openJobs(t testing.TB, s *store.Store) store.Jobs {
	t.Helper()
	j, err := s.OpenJobs(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	return j
}

// newJob returns a queued job that is due at once.
func newJob(project string) models.Job {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return models.Job{ID: models.NewID(), ProjectID: project, Kind: models.KindDecode, State: models.JobQueued,
		Request: json.RawMessage(`{"input":{"type":"eeg"}}`), CreatedAt: now, NextCheck: now}
}

// newBatch returns a batch with n items.
func newBatch(project string, n int) *store.Acceptance {
	batch := newJob(project)
	batch.Kind, batch.NextCheck, batch.ItemsTotal, batch.ItemsPending = models.KindDecodeBatch, store.Never, n, n
	a := &store.Acceptance{Jobs: []models.Job{batch}}
	for i := range n {
		item := newJob(project)
		item.ParentID, item.ItemIndex = &batch.ID, &i
		a.Jobs = append(a.Jobs, item)
	}
	return a
}

func accept(t rapid.TB, j store.Jobs, a *store.Acceptance) {
	t.Helper()
	existing, err := j.Accept(context.Background(), a)
	if err != nil || existing != nil {
		t.Fatalf("Accept = %v, %v; want nil, nil", existing, err)
	}
}

func get(t testing.TB, j store.Jobs, job models.Job) models.Job {
	t.Helper()
	got, err := j.Get(context.Background(), job.ProjectID, job.ID)
	if err != nil {
		t.Fatalf("Get(%s): %v", job.ID, err)
	}
	return got
}

func TestAcceptedJobsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		project := models.NewID()
		long := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MiB that compresses
		for name, payload := range map[string][]byte{"none": nil, "empty": {}, "short": []byte("\x00\x01\xff"), "long": long} {
			job := newJob(project)
			job.Request = json.RawMessage("{\"note\":\"\\u0000 and \xff\"}") // an escape PostgreSQL's jsonb refuses, a byte that is not UTF-8
			a := &store.Acceptance{Jobs: []models.Job{job}}
			if payload != nil {
				a.Payloads = []models.Payload{store.NewPayload(job, payload)}
			}
			accept(t, j, a)
			got := get(t, j, job)
			if want := `{"note":"\u0000 and ` + "\uFFFD" + `"}`; string(got.Request) != want {
				t.Errorf("%s: request = %q, want %q", name, got.Request, want)
			}
			if !got.CreatedAt.Equal(job.CreatedAt) || !got.NextCheck.Equal(job.NextCheck) || got.State != models.JobQueued ||
				got.Attempts != 0 || got.LeaseUntil != nil || got.Output != nil || got.CreatedAt.Location() != time.UTC {
				t.Errorf("%s: got %+v, stored %+v", name, got, job)
			}
			c, err := j.Claim(ctx, job.ID, "w", time.Minute)
			if err != nil || c == nil {
				t.Fatalf("%s: Claim = %v, %v", name, c, err)
			}
			if !bytes.Equal(c.Payload, payload) {
				t.Errorf("%s: payload of %d bytes came back with %d", name, len(payload), len(c.Payload))
			}
			if c.Job.State != models.JobRunning || c.Job.Attempts != 1 || c.Job.StartedAt == nil || c.Job.LeaseUntil == nil || *c.Job.Owner != "w" {
				t.Errorf("%s: claimed %+v", name, c.Job)
			}
		}
		if _, err := j.Get(ctx, models.NewID(), newJob(project).ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get of nothing = %v, want ErrNotFound", err)
		}
	})
}

func TestAForeignJobIsNotFound(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		job := newJob(models.NewID())
		accept(t, j, &store.Acceptance{Jobs: []models.Job{job}})
		other := models.NewID()
		if _, err := j.Get(ctx, other, job.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get = %v, want ErrNotFound", err)
		}
		if _, _, err := j.Cancel(ctx, other, job.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Cancel = %v, want ErrNotFound", err)
		}
		if _, err := j.Counts(ctx, other, job.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Counts = %v, want ErrNotFound", err)
		}
		if got := get(t, j, job); got.State != models.JobQueued {
			t.Errorf("state = %s after another project's cancel", got.State)
		}
		if l, err := j.List(ctx, store.Listing{ProjectID: other, Limit: 10}); err != nil || len(l) != 0 {
			t.Errorf("List = %v, %v; want none", l, err)
		}
	})
}

// TestOneOfManyClaimsWins claims the same jobs from many goroutines at once.
func TestOneOfManyClaimsWins(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		var ids []string
		for range 20 {
			job := newJob("p")
			ids = append(ids, job.ID)
			accept(t, j, &store.Acceptance{Jobs: []models.Job{job}})
		}
		var mu sync.Mutex
		won := map[string]int{}
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for _, id := range ids {
					c, err := j.Claim(context.Background(), id, fmt.Sprint("w", w), time.Minute)
					if err != nil {
						t.Error(err)
					}
					if c != nil {
						mu.Lock()
						won[id]++
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		for _, id := range ids {
			if won[id] != 1 {
				t.Errorf("job %s was claimed %d times", id, won[id])
			}
		}
	})
}

// modelJob is what the property test believes of a job.
type modelJob struct {
	job      models.Job
	state    models.JobState
	attempts int
	lost     int
	owner    string
	expired  bool // the lease has ended
	output   string
}

// TestJobsFollowTheirStateMachine runs random sequences of what workers, clients and the reconciler do against a
// model: the fence, the counting of lost workers, the accounting of a batch, and final states that never change.
func TestJobsFollowTheirStateMachine(t *testing.T) {
	t.Parallel()
	const maxLost = 3
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		rapid.Check(t, func(r *rapid.T) {
			project := models.NewID()
			all := map[string]*modelJob{}
			var ids []string
			add := func(a *store.Acceptance) {
				accept(t, j, a)
				for _, job := range a.Jobs {
					all[job.ID] = &modelJob{job: job, state: models.JobQueued}
					if job.ItemsTotal == 0 {
						ids = append(ids, job.ID)
					}
				}
			}
			batch := newBatch(project, 3)
			add(batch)
			add(&store.Acceptance{Jobs: []models.Job{newJob(project)}})
			add(&store.Acceptance{Jobs: []models.Job{newJob(project)}})
			parent := all[batch.Jobs[0].ID]
			items := func() (n int, done bool) {
				for _, m := range all {
					if m.job.ParentID != nil && !m.state.Final() {
						n++
					}
				}
				return n, n == 0
			}
			settle := func() {
				if _, done := items(); done && !parent.state.Final() {
					parent.state = models.JobCompleted
				}
			}
			workers := []string{"a", "b", "c"}
			pick := func() *modelJob { return all[rapid.SampledFrom(ids).Draw(r, "job")] }
			// fence draws an owner and attempt: mostly those that hold the job.
			fence := func(m *modelJob) (string, store.Attempt) {
				owner, attempt := m.owner, m.attempts
				if rapid.IntRange(0, 3).Draw(r, "other") == 0 {
					owner = rapid.SampledFrom(workers).Draw(r, "owner")
				}
				if rapid.IntRange(0, 3).Draw(r, "stale") == 0 {
					attempt = rapid.IntRange(0, m.attempts+1).Draw(r, "attempt")
				}
				return owner, store.Attempt{ID: m.job.ID, Attempt: attempt}
			}
			holds := func(m *modelJob, owner string, a store.Attempt) bool {
				return m.state == models.JobRunning && m.owner == owner && m.attempts == a.Attempt
			}
			r.Repeat(map[string]func(*rapid.T){
				"claim": func(r *rapid.T) {
					m, owner := pick(), rapid.SampledFrom(workers).Draw(r, "owner")
					lease := time.Hour
					if rapid.Bool().Draw(r, "short") {
						lease = -time.Second // ended when it began
					}
					c, err := j.Claim(ctx, m.job.ID, owner, lease)
					if err != nil {
						r.Fatal(err)
					}
					if (c != nil) != (m.state == models.JobQueued) {
						r.Fatalf("claim of a %s job: got %v", m.state, c != nil)
					}
					if c == nil {
						return
					}
					m.state, m.owner, m.expired = models.JobRunning, owner, lease < 0
					m.attempts++
					if c.Job.Attempts != m.attempts {
						r.Fatalf("attempt %d, want %d", c.Job.Attempts, m.attempts)
					}
					if m.job.ParentID != nil && parent.state == models.JobQueued {
						parent.state = models.JobRunning
					}
				},
				"claim batch": func(r *rapid.T) {
					if c, err := j.Claim(ctx, parent.job.ID, "a", time.Hour); err != nil || c != nil {
						r.Fatalf("a batch was claimed: %v, %v", c, err)
					}
				},
				"heartbeat": func(r *rapid.T) {
					m := pick()
					owner, a := fence(m)
					kept, err := j.Extend(ctx, owner, []store.Attempt{a}, time.Hour)
					if err != nil {
						r.Fatal(err)
					}
					if (len(kept) == 1) != holds(m, owner, a) {
						r.Fatalf("heartbeat by %s %+v of %+v kept %v", owner, a, m, kept)
					}
					if len(kept) == 1 {
						m.expired = false
					}
				},
				"finish": func(r *rapid.T) {
					m := pick()
					owner, a := fence(m)
					f := &store.Finish{Attempt: a, Owner: owner, Item: m.job.ParentID != nil, State: models.JobCompleted}
					code := "bad"
					f.Output = json.RawMessage(fmt.Sprintf(`{"by":%q,"attempt":%d}`, owner, a.Attempt))
					if rapid.Bool().Draw(r, "fails") {
						f.State, f.Output, f.ErrorCode = models.JobFailed, nil, &code
					}
					changes, err := j.Finish(ctx, f)
					if err != nil {
						r.Fatal(err)
					}
					if !holds(m, owner, a) {
						if len(changes) != 0 {
							r.Fatalf("finish by %s %+v passed the fence of %+v", owner, a, m)
						}
						return
					}
					m.state, m.output = f.State, string(f.Output)
					settle()
					want := []store.Change{{ID: m.job.ID, Kind: m.job.Kind, State: m.state}}
					if m.job.ParentID != nil && parent.state == models.JobCompleted {
						want = append(want, store.Change{ID: parent.job.ID, Kind: parent.job.Kind, State: parent.state})
					}
					if !slices.Equal(changes, want) {
						r.Fatalf("finish reported %v, want %v", changes, want)
					}
				},
				"release": func(r *rapid.T) {
					m := pick()
					owner, a := fence(m)
					_, ok, err := j.Release(ctx, owner, a, 0, "")
					if err != nil {
						r.Fatal(err)
					}
					if ok != holds(m, owner, a) {
						r.Fatalf("release by %s %+v of %+v = %v", owner, a, m, ok)
					}
					if ok {
						m.state, m.owner = models.JobQueued, ""
					}
				},
				"cancel": func(r *rapid.T) {
					m := pick()
					job, changes, err := j.Cancel(ctx, project, m.job.ID)
					if err != nil {
						r.Fatal(err)
					}
					if (len(changes) > 0) == m.state.Final() {
						r.Fatalf("cancel of a %s job changed %v", m.state, changes)
					}
					if !m.state.Final() {
						m.state = models.JobCanceled
						settle()
					}
					if job.State != m.state {
						r.Fatalf("cancel returned %s, want %s", job.State, m.state)
					}
				},
				"cancel batch": func(r *rapid.T) {
					if rapid.IntRange(0, 4).Draw(r, "rarely") > 0 {
						return
					}
					n, _ := items()
					_, changes, err := j.Cancel(ctx, project, parent.job.ID)
					if err != nil {
						r.Fatal(err)
					}
					if parent.state.Final() {
						if len(changes) > 0 {
							r.Fatalf("cancel of a %s batch changed %v", parent.state, changes)
						}
						return
					}
					if len(changes) != n+1 {
						r.Fatalf("cancel of a batch with %d unfinished items changed %v", n, changes)
					}
					parent.state = models.JobCanceled
					for _, m := range all {
						if !m.state.Final() && m.job.ParentID != nil {
							m.state = models.JobCanceled
						}
					}
				},
				"expire": func(r *rapid.T) {
					now, err := j.Now(ctx)
					if err != nil {
						r.Fatal(err)
					}
					if _, _, err := j.ExpireLeases(ctx, now, maxLost, 100); err != nil {
						r.Fatal(err)
					}
					for _, m := range all {
						if m.state != models.JobRunning || !m.expired {
							continue
						}
						m.lost++
						m.state, m.owner = models.JobQueued, ""
						if m.lost == maxLost {
							m.state = models.JobFailed
						}
					}
					settle()
				},
				"": func(r *rapid.T) {
					for _, m := range all {
						got := get(t, j, m.job)
						if got.State != m.state || got.Attempts != m.attempts || got.LostWorkers != m.lost {
							r.Fatalf("job is %s, attempt %d, lost %d; the model says %+v", got.State, got.Attempts, got.LostWorkers, m)
						}
						if m.state.Final() != (got.FinishedAt != nil) || (m.job.ItemsTotal == 0 && string(got.Output) != m.output) {
							r.Fatalf("job %+v, model %+v", got, m)
						}
						if m.lost == maxLost && (!got.DeadLetter || *got.ErrorCode != string(models.WorkerLost)) {
							r.Fatalf("a job that lost %d workers: %+v", m.lost, got)
						}
					}
					n, _ := items()
					if got := get(t, j, parent.job); got.ItemsPending != n {
						r.Fatalf("batch has %d pending, the model %d", got.ItemsPending, n)
					}
				},
			})
		})
	})
}

// TestBatchesSettleUnderConcurrency finishes and cancels the items of batches from many goroutines.
func TestBatchesSettleUnderConcurrency(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		const batches, size = 6, 12
		var parents []models.Job
		var wg sync.WaitGroup
		var mu sync.Mutex
		finals := map[string]int{}
		note := func(cs []store.Change) {
			mu.Lock()
			defer mu.Unlock()
			for _, c := range cs {
				finals[c.ID]++
			}
		}
		for b := range batches {
			a := newBatch("p", size)
			accept(t, j, a)
			parents = append(parents, a.Jobs[0])
			for i, item := range a.Jobs[1:] {
				wg.Go(func() {
					if i%5 == 4 {
						_, cs, err := j.Cancel(ctx, "p", item.ID)
						if err != nil {
							t.Error(err)
						}
						note(cs)
						return
					}
					c, err := j.Claim(ctx, item.ID, "w", time.Minute)
					if err != nil {
						t.Error(err)
						return
					}
					if c == nil {
						return // its batch was canceled
					}
					cs, err := j.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: item.ID, Attempt: 1}, Owner: "w", Item: true, State: models.JobCompleted})
					if err != nil {
						t.Error(err)
					}
					note(cs)
				})
			}
			if b == 0 {
				wg.Go(func() {
					_, cs, err := j.Cancel(ctx, "p", a.Jobs[0].ID)
					if err != nil {
						t.Error(err)
					}
					note(cs)
				})
			}
		}
		wg.Wait()
		for _, p := range parents {
			got := get(t, j, p)
			if got.ItemsPending != 0 || !got.State.Final() || finals[p.ID] != 1 {
				t.Errorf("batch %+v became final %d times", got, finals[p.ID])
			}
			counts, err := j.Counts(ctx, "p", p.ID)
			if err != nil {
				t.Fatal(err)
			}
			var out struct{ Total, Completed, Failed, Canceled int }
			if err := json.Unmarshal(got.Output, &out); err != nil {
				t.Fatalf("output %q: %v", got.Output, err)
			}
			if out.Total != size || out.Completed+out.Failed+out.Canceled != size || out.Completed != counts[models.JobCompleted] || out.Canceled != counts[models.JobCanceled] {
				t.Errorf("output %+v, counts %v", out, counts)
			}
		}
	})
}

func TestDueHandsEachJobToOneCaller(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		a := newBatch("p", 10)
		for range 20 {
			a.Jobs = append(a.Jobs, newJob("p"))
		}
		later := newJob("p")
		later.NextCheck = time.Now().Add(time.Hour).UTC()
		a.Jobs = append(a.Jobs, later)
		accept(t, j, a)
		var mu sync.Mutex
		seen := map[string]int{}
		var wg sync.WaitGroup
		for range 4 {
			for _, bulk := range []bool{false, true} {
				wg.Go(func() {
					for range 4 { // a concurrent caller may hold rows back for a moment
						due, err := j.Due(ctx, store.Class{Bulk: bulk}, 7)
						if err != nil {
							t.Error(err)
						}
						mu.Lock()
						for _, d := range due {
							seen[d.ID]++
							if d.Item != bulk || d.Seq != 0 {
								t.Errorf("due %+v in bulk=%v", d, bulk)
							}
						}
						mu.Unlock()
					}
				})
			}
		}
		wg.Wait()
		for _, job := range a.Jobs[1:31] {
			if seen[job.ID] != 1 {
				t.Errorf("job was due %d times", seen[job.ID])
			}
		}
		if len(seen) != 30 {
			t.Errorf("%d jobs were due, want 30", len(seen))
		}
		if n, err := j.MakeDue(ctx, []string{later.ID}); err != nil || n != 1 {
			t.Errorf("MakeDue of one = %d, %v", n, err)
		}
		if n, err := j.MakeDue(ctx, nil); err != nil || n != 30 {
			t.Errorf("MakeDue of all = %d, %v; want the 30 others, not the batch", n, err)
		}
		due, err := j.Due(ctx, store.Class{}, 100)
		if err != nil || len(due) != 21 {
			t.Fatalf("due after MakeDue: %d, %v; want 21", len(due), err)
		}
		bumped, err := j.Bump(ctx, append(slices.Clone(due), store.Due{ID: a.Jobs[1].ID, Seq: 7}))
		if err != nil || len(bumped) != 21 || bumped[0].Seq != 1 {
			t.Errorf("Bump = %v, %v; want 21 with seq 1", bumped, err)
		}
	})
}

// TestDueIsGivenInParts: however many are due, a call hands out as many as it is asked for, those that are due for longest, each once.
func TestDueIsGivenInParts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const all, first = 200, 150
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		a := &store.Acceptance{}
		now := time.Now().UTC()
		for i := range all {
			job := newJob("p")
			job.CreatedAt, job.NextCheck = now.Add(-time.Hour), now.Add(time.Duration(i-2*all)*time.Second)
			a.Jobs = append(a.Jobs, job)
		}
		accept(t, j, a)
		for _, want := range [][]models.Job{a.Jobs[:first], a.Jobs[first:], nil} {
			due, err := j.Due(ctx, store.Class{}, first)
			if err != nil {
				t.Fatal(err)
			}
			ids := map[string]bool{}
			for _, d := range due {
				ids[d.ID] = true
			}
			if len(due) != len(want) || len(ids) != len(want) {
				t.Fatalf("%d jobs are due, %d of them different; want %d", len(due), len(ids), len(want))
			}
			for _, job := range want {
				if !ids[job.ID] {
					t.Fatal("a job that is due for longer is left out")
				}
			}
		}
	})
}

func TestIdempotencyRecords(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		now := time.Now().UTC().Truncate(time.Microsecond)
		submit := func(key, fingerprint string, ttl time.Duration) (models.Job, *models.IdempotencyRecord, error) {
			job := newJob("p")
			r, err := j.Accept(ctx, &store.Acceptance{Jobs: []models.Job{job}, Payloads: []models.Payload{store.NewPayload(job, []byte("x"))},
				Record: &models.IdempotencyRecord{ProjectID: "p", Operation: "op", Key: key, Fingerprint: fingerprint, JobID: job.ID,
					Answer: models.Answer{Protocol: "http/202", Bytes: []byte{0, 'b', 0xff}}, CreatedAt: now, ExpiresAt: now.Add(ttl)}})
			return job, r, err
		}
		stored := func(job models.Job) bool {
			_, err := j.Get(ctx, "p", job.ID)
			return err == nil
		}
		first, r, err := submit("k", "f1", time.Hour)
		if err != nil || r != nil || !stored(first) {
			t.Fatalf("first: %v, %v, stored %v", r, err, stored(first))
		}
		second, r, err := submit("k", "f2", time.Hour)
		if err != nil || r == nil || stored(second) {
			t.Fatalf("second: %v, %v, stored %v", r, err, stored(second))
		}
		if r.JobID != first.ID || r.Fingerprint != "f1" || r.Answer.Protocol != "http/202" || !bytes.Equal(r.Answer.Bytes, []byte{0, 'b', 0xff}) || !r.ExpiresAt.Equal(now.Add(time.Hour)) {
			t.Errorf("record %+v", r)
		}
		// An expired record no longer counts, whether pruned or not.
		old, _, _ := submit("old", "f", -time.Second)
		again, r, err := submit("old", "f", time.Hour)
		if err != nil || r != nil || !stored(old) || !stored(again) {
			t.Errorf("after expiry: %v, %v", r, err)
		}
		if _, _, err := submit("older", "f", -time.Second); err != nil {
			t.Fatal(err)
		}
		if n, err := j.PruneRecords(ctx, 10); err != nil || n != 1 {
			t.Errorf("pruned %d, %v; want 1", n, err)
		}
	})
}

// TestFiftyAtOnceMakeOneJob submits one key from many connections without any lock of a process.
func TestFiftyAtOnceMakeOneJob(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		repos := []store.Jobs{openJobs(t, s), openJobs(t, s)} // as two processes
		now := time.Now().UTC()
		var wg sync.WaitGroup
		var mu sync.Mutex
		created, replayed, inFlight := 0, 0, 0
		for i := range 50 {
			wg.Go(func() {
				job := newJob("p")
				r, err := repos[i%2].Accept(ctx, &store.Acceptance{Jobs: []models.Job{job}, Record: &models.IdempotencyRecord{ProjectID: "p",
					Operation: "op", Key: "k", Fingerprint: "f", JobID: job.ID, Answer: models.Answer{Protocol: "http/202", Bytes: []byte("b")}, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, store.ErrKeyInFlight):
					inFlight++
				case err != nil:
					t.Error(err)
				case r != nil:
					replayed++
				default:
					created++
				}
			})
		}
		wg.Wait()
		if created != 1 || created+replayed+inFlight != 50 {
			t.Errorf("created %d, replayed %d, in flight %d; want 1 created of 50", created, replayed, inFlight)
		}
		if l, err := repos[0].List(ctx, store.Listing{ProjectID: "p", Limit: 10}); err != nil || len(l) != 1 {
			t.Errorf("%d jobs, %v; want 1", len(l), err)
		}
	})
}

func TestListing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		batch := newBatch("p", 5)
		accept(t, j, batch)
		var singles []models.Job
		for range 3 {
			job := newJob("p")
			singles = append(singles, job)
			accept(t, j, &store.Acceptance{Jobs: []models.Job{job}})
		}
		if _, _, err := j.Cancel(ctx, "p", singles[1].ID); err != nil {
			t.Fatal(err)
		}
		one := 1
		for _, tc := range []struct {
			name string
			l    store.Listing
			want []models.Job
		}{
			{"newest first, without items", store.Listing{Limit: 10}, []models.Job{singles[2], singles[1], singles[0], batch.Jobs[0]}},
			{"limit", store.Listing{Limit: 2}, []models.Job{singles[2], singles[1]}},
			{"next page", store.Listing{Limit: 2, BeforeID: singles[1].ID}, []models.Job{singles[0], batch.Jobs[0]}},
			{"by state", store.Listing{Limit: 10, States: []models.JobState{models.JobCanceled, models.JobFailed}}, []models.Job{singles[1]}},
			{"by kind", store.Listing{Limit: 10, Kinds: []models.JobKind{models.KindDecodeBatch}}, []models.Job{batch.Jobs[0]}},
			{"items in order", store.Listing{Limit: 3, ParentID: batch.Jobs[0].ID}, batch.Jobs[1:4]},
			{"items, next page", store.Listing{Limit: 9, ParentID: batch.Jobs[0].ID, AfterItem: &one}, batch.Jobs[3:6]},
		} {
			t.Run(tc.name, func(t *testing.T) {
				tc.l.ProjectID = "p"
				got, err := j.List(ctx, tc.l)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != len(tc.want) {
					t.Fatalf("%d jobs, want %d", len(got), len(tc.want))
				}
				for i := range got {
					if got[i].ID != tc.want[i].ID {
						t.Errorf("job %d is %s, want %s", i, got[i].ID, tc.want[i].ID)
					}
				}
			})
		}
		depth, err := j.Depth(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(depth, func(a, b store.Depth) int { return a.Jobs - b.Jobs })
		if want := []store.Depth{{State: models.JobQueued, Jobs: 2}, {Bulk: true, State: models.JobQueued, Jobs: 5}}; !slices.Equal(depth, want) {
			t.Errorf("depth %v, want %v", depth, want)
		}
	})
}

func TestPruning(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		old := newBatch("p", 2)
		unfinished := newJob("p")
		dead := newJob("p")
		a := &store.Acceptance{Jobs: append(slices.Clone(old.Jobs), unfinished, dead)}
		for _, job := range a.Jobs[1:] {
			a.Payloads = append(a.Payloads, store.NewPayload(job, []byte("samples")))
		}
		accept(t, j, a)
		for _, job := range []models.Job{old.Jobs[1], old.Jobs[2], dead} {
			if c, err := j.Claim(ctx, job.ID, "w", time.Minute); err != nil || c == nil {
				t.Fatal(c, err)
			}
			code := string(models.RetriesExhausted)
			f := &store.Finish{Attempt: store.Attempt{ID: job.ID, Attempt: 1}, Owner: "w", Item: job.ParentID != nil, State: models.JobCompleted}
			if job.ID == dead.ID {
				f.State, f.ErrorCode, f.DeadLetter = models.JobFailed, &code, true
			}
			if _, err := j.Finish(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
		past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Minute)
		count := func(what string, want int, got int, err error) {
			t.Helper()
			if err != nil || got != want {
				t.Errorf("%s: pruned %d, %v; want %d", what, got, err, want)
			}
		}
		n, err := j.PrunePayloads(ctx, past, 10)
		count("payloads, all too young", 0, n, err)
		n, err = j.PrunePayloads(ctx, future, 2)
		count("payloads, limited", 2, n, err)
		n, err = j.PrunePayloads(ctx, future, 10)
		count("payloads, the rest but the unfinished job's", 1, n, err)
		n, err = j.PruneJobs(ctx, past, past, 10)
		count("jobs, all too young", 0, n, err)
		n, err = j.PruneJobs(ctx, future, past, 10)
		count("jobs: the batch, not the dead letter", 1, n, err)
		n, err = j.PruneJobs(ctx, future, future, 10)
		count("jobs: the dead letter", 1, n, err)
		for _, job := range a.Jobs {
			_, err := j.Get(ctx, "p", job.ID)
			if gone := errors.Is(err, store.ErrNotFound); gone == (job.ID == unfinished.ID) {
				t.Errorf("job gone: %v", gone)
			}
		}
		if c, err := j.Claim(ctx, unfinished.ID, "w", time.Minute); err != nil || string(c.Payload) != "samples" {
			t.Errorf("the unfinished job lost its payload: %v, %v", c, err)
		}
	})
}

// TestJobsReadNoWholeTable: PostgreSQL, which counts how often it reads a whole table, never does so with jobs or their recordings, whatever is done with
// them: each statement has an index that serves it. Its connections avoid such reads, so that a table need not be large for one to mean that there is no other way.
func TestJobsReadNoWholeTable(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	cfg := store.Config{DatabaseURL: testkit.Postgres(t)}
	j := openJobs(t, openStore(t, cfg))
	raw := testkit.Raw(t, cfg)
	var before, after struct{ scans, deleted int }
	count := func() (c struct{ scans, deleted int }) {
		t.Helper()
		if err := raw.QueryRowContext(ctx, "SELECT sum(seq_scan), sum(n_tup_del) FROM pg_stat_user_tables WHERE relname IN ('jobs', 'job_payloads')").Scan(&c.scans, &c.deleted); err != nil {
			t.Fatal(err)
		}
		return c
	}
	before = count()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	finished := func(job models.Job) {
		t.Helper()
		c, err := j.Claim(ctx, job.ID, "w", time.Minute)
		if must(err); c == nil {
			t.Fatal("not claimed")
		}
		_, err = j.Extend(ctx, "w", []store.Attempt{{ID: job.ID, Attempt: 1}}, time.Minute)
		must(err)
		_, err = j.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: job.ID, Attempt: 1}, Owner: "w", Item: job.ParentID != nil, State: models.JobCompleted})
		must(err)
	}
	const singles, items = 20, 10
	rows := 0
	for range singles {
		a := submit("p", []byte("samples"))
		accept(t, j, a)
		finished(a.Jobs[0])
		rows += 2
	}
	batch := newBatch("p", items)
	for _, item := range batch.Jobs[1:] {
		batch.Payloads = append(batch.Payloads, store.NewPayload(item, []byte("samples")))
	}
	accept(t, j, batch)
	for _, item := range batch.Jobs[1:] {
		finished(item)
	}
	rows += 1 + 2*items
	waits := submit("p", []byte("samples"))
	accept(t, j, waits)
	id := waits.Jobs[0].ID
	for _, class := range []store.Class{{}, {Bulk: true, BulkKinds: []string{"model_train"}}} {
		_, _, err := j.Waiting(ctx, class, "", 10)
		must(err)
		_, err = j.Due(ctx, class, 10)
		must(err)
	}
	c, err := j.Claim(ctx, id, "w", time.Minute)
	if must(err); c == nil {
		t.Fatal("not claimed")
	}
	_, _, err = j.Release(ctx, "w", store.Attempt{ID: id, Attempt: 1}, 0, "again")
	must(err)
	_, _, err = j.ExpireLeases(ctx, time.Now(), 3, 10)
	must(err)
	_, err = j.MakeDue(ctx, []string{id})
	must(err)
	_, err = j.Bump(ctx, []store.Due{{ID: id, Seq: c.Job.Seq}})
	must(err)
	_, err = j.Get(ctx, "p", id)
	must(err)
	_, err = j.Counts(ctx, "p", batch.Jobs[0].ID)
	must(err)
	_, _, err = j.Cancel(ctx, "p", id)
	must(err)
	rows += 2
	future := time.Now().Add(time.Minute)
	n, err := j.PruneJobs(ctx, future, future, 5) // with their recordings
	if must(err); n != 5 {
		t.Fatalf("%d pruned", n)
	}
	_, err = j.PrunePayloads(ctx, future, 1000)
	must(err)
	_, err = j.PruneRecords(ctx, 10)
	must(err)
	_, err = j.PruneJobs(ctx, future, future, 1000)
	must(err)
	// What a connection has counted is seen a second later at most, all of it together.
	for deadline := time.Now().Add(time.Minute); after.deleted < before.deleted+rows; after = count() {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows deleted, want %d", after.deleted-before.deleted, rows)
		}
		_, err = j.PruneRecords(ctx, 10) // has it tell
		must(err)
	}
	if n := after.scans - before.scans; n != 0 {
		t.Errorf("whole tables were read %d times", n)
	}
}

// TestOneBadCallSpoilsNoOther accepts a job twice beside good ones, in statements that they share.
func TestOneBadCallSpoilsNoOther(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		taken := newJob("p")
		accept(t, j, &store.Acceptance{Jobs: []models.Job{taken}})
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				job := newJob("p")
				if i%6 == 0 {
					job = taken
				}
				_, err := j.Accept(ctx, &store.Acceptance{Jobs: []models.Job{job}})
				if (err != nil) != (job.ID == taken.ID) {
					t.Errorf("accept of a taken id: %v, error %v", job.ID == taken.ID, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestClosedJobsAnswerWithAnError(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		j.Close()
		j.Close()
		if _, err := j.Accept(context.Background(), &store.Acceptance{Jobs: []models.Job{newJob("p")}}); err == nil {
			t.Error("accepted after Close")
		}
	})
}
