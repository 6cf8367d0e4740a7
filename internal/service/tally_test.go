package service_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// tallied counts how often a store is written to, and refuses while it is away.
type tallied struct {
	*store.Store
	writes atomic.Int64
	away   atomic.Bool
}

var errAway = errors.New("the database is away")

func (s *tallied) AddActivity(ctx context.Context, counts []models.ProjectUsage) error {
	s.writes.Add(1)
	if s.away.Load() {
		return errAway
	}
	return s.Store.AddActivity(ctx, counts)
}

func newProject(t *testing.T, s *store.Store) string {
	t.Helper()
	user := models.User{ID: models.NewID(), Email: models.NewID() + "@example.com", PasswordHash: "x"}
	if err := s.CreateUser(context.Background(), user); err != nil {
		t.Fatal(err)
	}
	project := models.Project{ID: models.NewID(), Name: "p"}
	if err := s.CreateProject(context.Background(), project, user.ID, 100); err != nil {
		t.Fatal(err)
	}
	return project.ID
}

// TestTallyCountsExactly: what many calls in several processes count is told, none of it twice, none of it lost while the database is away, and
// no call writes.
func TestTallyCountsExactly(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		db := &tallied{Store: s}
		projects := []string{newProject(t, s), newProject(t, s), models.NewID()} // the last is gone
		at := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
		var processes []*service.Tally
		for range 3 {
			processes = append(processes, service.NewTally(service.TallyConfig{Store: db, Now: func() time.Time { return at }}))
		}
		const callers, calls = 8, 50
		count := func() {
			var group sync.WaitGroup
			for i := range callers {
				group.Go(func() {
					for n := range calls {
						processes[i%3].Add(projects[n%3], models.ActivitySamples, int64(n))
						processes[i%3].Entered(models.Principal{ProjectID: projects[n%3], KeyID: "k"}, "")
					}
				})
			}
			group.Wait()
		}
		count()
		if n := db.writes.Load(); n != 0 {
			t.Errorf("%d writes for %d calls", n, callers*calls)
		}
		db.away.Store(true)
		for _, p := range processes {
			if err := p.Flush(ctx); !errors.Is(err, errAway) {
				t.Errorf("flushed to a database that is away: %v", err)
			}
		}
		db.away.Store(false)
		at = at.Add(2 * time.Minute) // the next day
		count()
		before := db.writes.Load()
		for _, p := range processes {
			for range 2 {
				if err := p.Flush(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := db.writes.Load() - before; n != 3 {
			t.Errorf("%d writes of 3 processes", n)
		}
		for i, project := range projects {
			var requests, samples int64
			for n := i; n < calls; n += 3 {
				requests, samples = requests+callers, samples+callers*int64(n)
			}
			days, err := processes[0].Days(ctx, models.Principal{UserID: "u", ProjectID: project, Role: models.RoleOwner})
			if err != nil {
				t.Fatal(err)
			}
			if i == 2 {
				if len(days) != 0 {
					t.Errorf("of a project that is gone: %v", days)
				}
				continue
			}
			if len(days) != 2 || days[0].Day != "2026-03-01" || days[1].Day != "2026-03-02" {
				t.Fatalf("days %+v", days)
			}
			for _, d := range days {
				if d.Counts[models.ActivityRequests] != requests || d.Counts[models.ActivitySamples] != samples || d.Counts[models.ActivityDecodes] != 0 {
					t.Errorf("%+v, want %d requests and %d samples", d, requests, samples)
				}
			}
		}
		if _, err := processes[0].Days(ctx, models.Principal{UserID: "u", ProjectID: projects[0], Role: models.RoleMember}); models.AsError(err).Code != models.InsufficientRole {
			t.Errorf("a member reads it: %v", err)
		}
		// Days that are over are forgotten, and only they.
		if _, err := s.PruneUsage(ctx, at); err != nil {
			t.Fatal(err)
		}
		if days, err := s.Activity(ctx, projects[0], at.AddDate(0, 0, -5)); err != nil || len(days) != 1 || days[0].Day != "2026-03-02" {
			t.Errorf("%+v, %v", days, err)
		}
	})
}

// TestRefusedCallsOfUsers count for a project that the user was let into, by whatever name, and for no other.
func TestRefusedCallsOfUsers(t *testing.T) {
	t.Parallel()
	s, err := store.Open(context.Background(), store.Config{DatabaseURL: testkit.SQLite(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	project := newProject(t, s)
	tally := service.NewTally(service.TallyConfig{Store: s})
	for user, named := range map[string]string{"member": project, "sole": "", "stranger": ""} {
		if user != "stranger" {
			tally.Entered(models.Principal{UserID: user, ProjectID: project}, named)
		}
		tally.Refused(models.Principal{UserID: user}, named)
		tally.Refused(models.Principal{UserID: "stranger"}, project)
	}
	tally.Refused(models.Principal{KeyID: "k", ProjectID: project}, "")
	days, err := tally.Days(context.Background(), models.Principal{UserID: "u", ProjectID: project, Role: models.RoleOwner})
	if err != nil || len(days) != 1 || days[0].Counts[models.ActivityRequests] != 2 || days[0].Counts[models.ActivityRateLimited] != 3 {
		t.Errorf("%+v, %v", days, err)
	}
}

// TestTallyIsBounded: any number of projects takes a bounded room, those that are counted already go on, and the end of the process writes
// what there is.
func TestTallyIsBounded(t *testing.T) {
	t.Parallel()
	s, err := store.Open(context.Background(), store.Config{DatabaseURL: testkit.SQLite(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db := &tallied{Store: s}
	project := newProject(t, s)
	tally := service.NewTally(service.TallyConfig{Store: db})
	tally.Add(project, models.ActivityDecodes, 1)
	for i := range 30_000 {
		tally.Add(strconv.Itoa(i), models.ActivityDecodes, 1)
	}
	tally.Add(project, models.ActivityDecodes, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tally.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if n := db.writes.Load(); n == 0 || n > 2 {
		t.Errorf("%d writes", n)
	}
	if days, err := s.Activity(context.Background(), project, time.Now().AddDate(0, 0, -1)); err != nil || len(days) != 1 || days[0].Counts[models.ActivityDecodes] != 2 {
		t.Errorf("%+v, %v", days, err)
	}
}
