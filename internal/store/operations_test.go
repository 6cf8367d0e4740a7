package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestActionDoesEachJobOnce: every dead job is made again once and none is lost, however many processes work at it, are taken for dead and
// come back, and the ends that they had stay.
func TestActionDoesEachJobOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rawStores(t, func(t *testing.T, s *store.Store, raw *sql.DB) {
		jobs := openJobs(t, s)
		const n = 230
		project := models.NewID()
		ids := map[string]bool{}
		for range n {
			j := newJob(project)
			j.Kind = models.KindDecode
			_, err := jobs.Accept(ctx, &store.Acceptance{Jobs: []models.Job{j}, Payloads: []models.Payload{store.NewPayload(j, []byte("samples"))}})
			if err != nil {
				t.Fatal(err)
			}
			ids[j.ID] = true
			if c, err := jobs.Claim(ctx, j.ID, "w", time.Minute); err != nil || c == nil {
				t.Fatalf("%v %v", c, err)
			}
			code := string(models.RetriesExhausted)
			if _, err := jobs.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: j.ID, Attempt: 1}, Owner: "w", State: models.JobFailed, ErrorCode: &code, DeadLetter: true}); err != nil {
				t.Fatal(err)
			}
		}
		yes := true
		filter := models.JobFilter{Dead: &yes}
		b, err := json.Marshal(filter)
		if err != nil {
			t.Fatal(err)
		}
		count, err := s.CountJobs(ctx, filter, nil, 1000)
		if err != nil || count != n {
			t.Fatalf("%d, %v", count, err)
		}
		a := models.OperatorAction{ID: models.NewID(), Action: models.VerbRetry, Filter: string(b), State: models.ActionRunning, RequestedBy: models.NewID(), Most: 1000, Total: n, Reasons: "{}", CreatedAt: time.Now().Add(time.Second)}
		if err := s.CreateAction(ctx, a); err != nil {
			t.Fatal(err)
		}
		step := func(owner string) (models.OperatorAction, []models.Job, error) {
			return s.StepAction(ctx, store.ActionStep{ID: a.ID, Owner: owner, Lease: time.Minute, Filter: filter, Limit: 50})
		}
		// The first takes two steps and is not heard of again; what it was about to do is the second's.
		if _, err := s.ClaimAction(ctx, "first", -time.Second); err != nil {
			t.Fatal(err)
		}
		made := map[string]bool{}
		take := func(fresh []models.Job) {
			for _, j := range fresh {
				if made[j.ID] {
					t.Errorf("%s was made twice", j.ID)
				}
				made[j.ID] = true
			}
		}
		_, fresh, err := step("first")
		if err != nil || len(fresh) != 50 {
			t.Fatalf("%d, %v", len(fresh), err)
		}
		take(fresh)
		if _, err := s.ClaimAction(ctx, "second", time.Minute); err == nil {
			t.Error("an action whose lease holds was given to another")
		}
		// Its lease has passed.
		if _, err := raw.Exec("UPDATE operator_actions SET lease_until = '2020-01-01 00:00:00+00:00'"); err != nil {
			t.Fatal(err)
		}
		if got, err := s.ClaimAction(ctx, "second", time.Minute); err != nil || got.Done != 50 {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, _, err := step("first"); err == nil { // it comes back
			t.Error("the first goes on though the action is the second's")
		}
		for {
			got, fresh, err := step("second")
			if err != nil {
				t.Fatal(err)
			}
			take(fresh)
			if got.State == models.ActionCompleted {
				if got.Done != n || got.Skipped != 0 {
					t.Errorf("%+v", got)
				}
				break
			}
		}
		if len(made) != n {
			t.Errorf("%d jobs were made of %d", len(made), n)
		}
		all, err := s.AdminJobs(ctx, models.JobFilter{ProjectID: project}, nil, "", 1000)
		if err != nil || len(all) != 2*n {
			t.Fatalf("%d jobs, %v", len(all), err)
		}
		of := map[string]int{}
		for _, j := range all {
			switch {
			case ids[j.ID]:
				if j.State != models.JobFailed || j.DeadLetter || j.RetriedAs == nil || !made[*j.RetriedAs] {
					t.Fatalf("%+v", j)
				}
				of[*j.RetriedAs]++
			case j.State != models.JobQueued || j.Attempts != 0:
				t.Fatalf("%+v", j)
			}
			_, _, payload, err := s.AdminJob(ctx, j.ID)
			if err != nil || payload == nil || payload.Bytes != 7 {
				t.Fatalf("payload %+v, %v", payload, err)
			}
		}
		for id, n := range of {
			if n != 1 {
				t.Errorf("%s was made of %d jobs", id, n)
			}
		}
	})
}

// TestQueuesAreCounted: jobs of both queues in every state are counted where they belong, and the oldest that is due is told.
func TestQueuesAreCounted(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rawStores(t, func(t *testing.T, s *store.Store, _ *sql.DB) {
		jobs := openJobs(t, s)
		const bulk = models.KindModelTrain
		var projects []string
		add := func(kind models.JobKind, n int) (ids []string) {
			projects = append(projects, models.NewID())
			for range n {
				j := newJob(projects[len(projects)-1])
				j.Kind = kind
				accept(t, jobs, &store.Acceptance{Jobs: []models.Job{j}})
				ids = append(ids, j.ID)
			}
			return ids
		}
		claim := func(id string) {
			if c, err := jobs.Claim(ctx, id, "w", time.Minute); err != nil || c == nil {
				t.Fatalf("%v %v", c, err)
			}
		}
		// Of each: 1 runs, 1 waits for a time, 1 was handed back, 1 was given up, the rest is new. The first job is none of the rest.
		first := map[models.JobKind]string{}
		for kind, n := range map[models.JobKind]int{models.KindDecode: 9, bulk: 7} {
			ids := add(kind, n)
			for i, pause := range []time.Duration{time.Hour, 0} {
				claim(ids[i])
				if _, ok, err := jobs.Release(ctx, "w", store.Attempt{ID: ids[i], Attempt: 1}, pause, "x"); err != nil || !ok {
					t.Fatal(err)
				}
			}
			claim(ids[2])
			claim(ids[3])
			code := string(models.RetriesExhausted)
			if _, err := jobs.Finish(ctx, &store.Finish{Attempt: store.Attempt{ID: ids[3], Attempt: 1}, Owner: "w", State: models.JobFailed, ErrorCode: &code, DeadLetter: true}); err != nil {
				t.Fatal(err)
			}
			first[kind] = ids[1] // handed back, and due
		}
		projects = append(projects, models.NewID())
		accept(t, jobs, newBatch(projects[2], 3)) // items are bulk; the batch itself is nothing that waits
		interactive, queued, err := s.QueueStates(ctx, []string{string(bulk)}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			got  models.QueueState
			want models.QueueState
			kind models.JobKind
		}{
			{interactive, models.QueueState{Pending: 6, Scheduled: 1, Retrying: 2, Running: 1, Dead: 1}, models.KindDecode},
			{queued, models.QueueState{Pending: 4 + 3, Scheduled: 1, Retrying: 2, Running: 1, Dead: 1}, bulk},
		} {
			oldest := c.got.Oldest
			c.got.Oldest = nil
			if c.got != c.want || oldest == nil || !oldest.Equal(*models.TimeOfID(first[c.kind])) {
				t.Errorf("%s: %+v, oldest %v; want %+v, %v", c.kind, c.got, oldest, c.want, models.TimeOfID(first[c.kind]))
			}
		}
		if all, none, err := s.QueueStates(ctx, nil, time.Now()); err != nil || all.Pending != 6+4 || none.Pending != 3 || all.Oldest == nil {
			t.Errorf("where no kind is bulk: %+v, %+v, %v", all, none, err)
		}
		loads, err := s.Loads(ctx, 2)
		if err != nil || len(loads) != 2 {
			t.Fatalf("%+v, %v", loads, err)
		}
		for i, want := range []models.ProjectLoad{{Queued: 7, Running: 1}, {Queued: 5, Running: 1}} {
			if got := loads[i]; got.Queued != want.Queued || got.Running != want.Running || got.Oldest == nil {
				t.Errorf("load %d: %+v, want %+v", i, got, want)
			}
		}
		dead, err := s.DeadLetters(ctx)
		if err != nil || len(dead) != 2 || dead[0].Jobs != 1 || dead[0].Oldest.IsZero() {
			t.Errorf("%+v, %v", dead, err)
		}
	})
}

// TestOperatorsReadNoRowsToCount: whatever operators ask of the embedded database, it chooses and counts by indexes, not by reading the jobs, each
// with all that it was given and found.
func TestOperatorsReadNoRowsToCount(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var mu sync.Mutex
	var statements []string
	cfg := store.Config{DatabaseURL: testkit.SQLite(t), Trace: func(q string) {
		mu.Lock()
		defer mu.Unlock()
		statements = append(statements, q)
	}}
	s := openStore(t, cfg)
	raw := testkit.Raw(t, cfg)
	yes, no, at := true, false, time.Now()
	bulk := []string{"model_train"}
	filters := []models.JobFilter{{}, {States: []models.JobState{models.JobCanceled}}, {Kinds: []models.JobKind{models.KindDecode}}, {Queue: "bulk"}, {ProjectID: "p"}, {ErrorCode: "e"}, {Owner: "w"}, {Dead: &yes},
		{Dead: &no, Attempts: 2}, {Before: &at}, {Dead: &yes, Kinds: []models.JobKind{models.KindDecode}, ProjectID: "p"}, {States: []models.JobState{models.JobQueued}, Queue: "interactive", Owner: "w"}}
	asks := map[string]func() error{
		"queues":  func() error { _, _, err := s.QueueStates(ctx, bulk, at); return err },
		"loads":   func() error { _, err := s.Loads(ctx, 10); return err },
		"dead":    func() error { _, err := s.DeadLetters(ctx); return err },
		"running": func() error { _, err := s.RunningOf(ctx, 10); return err },
	}
	for i, f := range filters {
		asks[fmt.Sprint("list ", i)] = func() error { _, err := s.AdminJobs(ctx, f, bulk, "", 10); return err }
		asks[fmt.Sprint("page ", i)] = func() error { _, err := s.AdminJobs(ctx, f, bulk, models.NewID(), 10); return err }
		asks[fmt.Sprint("count ", i)] = func() error { _, err := s.CountJobs(ctx, f, bulk, 10); return err }
	}
	for name, ask := range asks {
		statements = nil
		if err := ask(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(statements) != 1 {
			t.Fatalf("%s: %d statements", name, len(statements))
		}
		rows, err := raw.Query("EXPLAIN QUERY PLAN "+statements[0], make([]any, strings.Count(statements[0], "?"))...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			// Rows are looked up by ids that were chosen before; all other steps over jobs are in an index that has what they ask for.
			if table, _, _ := strings.Cut(strings.TrimPrefix(step, "SCAN "), " "); strings.HasPrefix(step, "SCAN ") && (table == "j" || table == "jobs") && !strings.Contains(step, "INDEX") {
				t.Errorf("%s reads all jobs: %s\n%s", name, step, statements[0])
			}
			if strings.Contains(step, "USING INDEX jobs_project ") || strings.Contains(step, "USING INDEX jobs_due") {
				t.Errorf("%s reads rows by an index that has not what it asks for: %s\n%s", name, step, statements[0])
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
