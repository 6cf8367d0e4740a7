package workers_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// TestAJobWaitsForAFreePlaceAndNotForAnotherProjectsBacklog: with 1,000 decodes of one project waiting, what another project sends
// runs among the next few; every job runs once, and each project's in their order.
func TestAJobWaitsForAFreePlaceAndNotForAnotherProjectsBacklog(t *testing.T) {
	t.Parallel()
	const backlog, places = 1000, 4
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		big, small := tb.project, models.NewID()
		type start struct{ project, payload string }
		var mu sync.Mutex
		var starts []start
		turn := make(chan struct{}) // a job goes on only when the test lets it
		arrived := make(chan struct{}, 2*backlog)
		handler := func(_ context.Context, task *workers.Task) (workers.Result, error) {
			mu.Lock()
			starts = append(starts, start{task.Job.ProjectID, string(task.Payload)})
			mu.Unlock()
			arrived <- struct{}{}
			<-turn
			return workers.Result{Output: []byte("{}")}, nil
		}
		submit := func(project, payload string) string {
			s := tb.submission(payload)
			s.ProjectID = project
			a, err := tb.engine.Submit(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			return a.JobID
		}
		wait := func(n int) {
			t.Helper()
			for range n {
				select {
				case <-arrived:
				case <-time.After(patience):
					t.Fatal("no job started")
				}
			}
		}
		var ids []string
		for i := range backlog {
			ids = append(ids, submit(big, fmt.Sprintf("%04d", i)))
		}
		tb.startWorker(t, handler, func(c *workers.Config) { c.Concurrency = places })
		wait(places) // every place is taken
		for i := range 5 {
			ids = append(ids, submit(small, fmt.Sprintf("small %d", i)))
		}
		for range 40 { // a place at a time
			turn <- struct{}{}
			wait(1)
		}
		mu.Lock()
		got := slices.Clone(starts)
		mu.Unlock()
		first, last := -1, -1
		for i, s := range got[places:] {
			if s.project == small {
				if first < 0 {
					first = i
				}
				last = i
			}
		}
		// The next free place; then turns come one about the other. A worker may have fetched the next task before.
		if first < 0 || first > 2 || last > 12+2 {
			t.Errorf("the small project's jobs took places %d to %d after it had sent them: %v", first, last, got[places:])
		}
		close(turn)
		for _, id := range ids {
			project := big
			if slices.Index(ids, id) >= backlog {
				project = small
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			job, err := tb.engine.Wait(ctx, project, id, patience)
			cancel()
			if err != nil || job.State != models.JobCompleted || job.Attempts != 1 {
				t.Fatalf("job %s: %s after %d attempts, %v", id, job.State, job.Attempts, err)
			}
		}
		if len(starts) != len(ids) {
			t.Errorf("%d jobs ran %d times", len(ids), len(starts))
		}
		order := map[string][]string{}
		for _, s := range starts[:44] { // while one place was given at a time
			order[s.project] = append(order[s.project], s.payload)
		}
		for project, payloads := range order {
			if project == small && !slices.IsSorted(payloads) {
				t.Errorf("out of order: %v", payloads)
			}
		}
	})
}

// TestSharesAreWeighted: a project with three shares gets three places for each of another's, as long as both have work.
func TestSharesAreWeighted(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		ctx := context.Background()
		user := models.User{ID: models.NewID(), Email: models.NewID(), CreatedAt: time.Now()}
		if err := tb.store.CreateUser(ctx, user); err != nil {
			t.Fatal(err)
		}
		var projects []string
		for range 2 {
			p := models.Project{ID: models.NewID(), Name: "p", CreatedAt: time.Now()}
			if err := tb.store.CreateProject(ctx, p, user.ID, 10); err != nil {
				t.Fatal(err)
			}
			projects = append(projects, p.ID)
		}
		if err := tb.store.SetProjectQuota(ctx, projects[0], models.QuotaShare, 3); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		done := make(chan struct{})
		for range 80 {
			for _, p := range projects {
				s := tb.submission("x")
				s.ProjectID = p
				if _, err := tb.engine.Submit(ctx, s); err != nil {
					t.Fatal(err)
				}
			}
		}
		tb.startWorker(t, func(_ context.Context, task *workers.Task) (workers.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			if order = append(order, task.Job.ProjectID); len(order) == 160 {
				close(done)
			}
			return workers.Result{Output: []byte("{}")}, nil
		}, func(c *workers.Config) { c.Concurrency = 1 })
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("the jobs did not all run")
		}
		n := 0
		for _, p := range order[:80] {
			if p == projects[0] {
				n++
			}
		}
		if n < 56 || n > 64 { // 60 of 80
			t.Errorf("%d of the first 80 were of the project with three shares of four", n)
		}
	})
}

// TestBatchesShareTheBulkQueue: the items of a second project's batch run beside those of a large one, and a pause is kept.
func TestBatchesShareTheBulkQueue(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		small := models.NewID()
		var mu sync.Mutex
		var order []string
		done := make(chan struct{})
		batch := func(project string, n int) {
			s := tb.submission("x")
			s.ProjectID, s.Job = project, jobs.NewJob{Kind: models.KindDecodeBatch}
			for range n {
				s.Items = append(s.Items, jobs.NewJob{Kind: models.KindDecode, Payload: []byte("x")})
			}
			if _, err := tb.engine.Submit(context.Background(), s); err != nil {
				t.Fatal(err)
			}
		}
		batch(tb.project, 300)
		batch(small, 10)
		tb.startWorker(t, func(_ context.Context, task *workers.Task) (workers.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			if order = append(order, task.Job.ProjectID); len(order) == 310 {
				close(done)
			}
			return workers.Result{Output: []byte("{}")}, nil
		}, func(c *workers.Config) { c.Concurrency = 1 })
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("the items did not all run")
		}
		last := 0
		for i, p := range order {
			if p == small {
				last = i
			}
		}
		if last > 30 {
			t.Errorf("the last of 10 items was number %d of 310", last)
		}
	})
}

// TestAProjectLeavesSlotsToOthers: a project that is alone has nearly all slots, what another sends then begins at once, and while others' jobs come each slot
// that the project gives up stays empty until it has as few as are for one, with which it goes on.
func TestAProjectLeavesSlotsToOthers(t *testing.T) {
	t.Parallel()
	const slots, alone, few, backlog = 8, 7, 3, 40
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		tb := setup(t, b, nil)
		var mu sync.Mutex
		running := map[string]int{}
		most := 0 // jobs of the project at once since another has come
		release := map[string]chan struct{}{tb.project: make(chan struct{}), "others": make(chan struct{})}
		begun := make(chan string, 2*backlog)
		handler := func(_ context.Context, task *workers.Task) (workers.Result, error) {
			p := task.Job.ProjectID
			mu.Lock()
			running[p]++
			most = max(most, running[tb.project])
			mu.Unlock()
			begun <- p
			wait := release["others"]
			if p == tb.project {
				wait = release[p]
			}
			<-wait
			mu.Lock()
			running[p]--
			mu.Unlock()
			return workers.Result{Output: []byte("{}")}, nil
		}
		submit := func(project string) string {
			s := tb.submission("x")
			s.ProjectID = project
			a, err := tb.engine.Submit(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			return a.JobID
		}
		completed := func(project, id string) {
			t.Helper()
			if job, err := tb.engine.Wait(t.Context(), project, id, patience); err != nil || job.State != models.JobCompleted || job.Attempts != 1 {
				t.Fatalf("%s after %d attempts, %v", job.State, job.Attempts, err)
			}
		}
		next := func(want string) {
			t.Helper()
			select {
			case got := <-begun:
				if got != want {
					t.Fatalf("a job of %s has begun, want one of %s", got, want)
				}
			case <-time.After(patience):
				t.Fatalf("no job of %s begins", want)
			}
		}
		var ids []string
		for range backlog {
			ids = append(ids, submit(tb.project))
		}
		tb.startWorker(t, handler, func(c *workers.Config) { c.Concurrency, c.Together, c.Company = slots, few, time.Hour })
		for range alone {
			next(tb.project)
		}
		other := models.NewID()
		first := submit(other)
		next(other)
		for range alone - few + 1 { // down to one less than are for it
			release[tb.project] <- struct{}{}
		}
		next(tb.project) // for the last of them, and for none before
		mu.Lock()
		most = 0
		mu.Unlock()
		close(release["others"])
		completed(other, first)
		// Each that ends makes room for one.
		for range 5 {
			release[tb.project] <- struct{}{}
			next(tb.project)
		}
		mu.Lock()
		if most > few {
			t.Errorf("%d jobs of one project ran at once, want %d", most, few)
		}
		mu.Unlock()
		close(release[tb.project])
		for _, id := range ids {
			completed(tb.project, id)
		}
	})
}
