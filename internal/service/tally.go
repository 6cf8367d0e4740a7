package service

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// How a process keeps what projects do until it is written.
const (
	tallyEvery = 10 * time.Second
	tallyRows  = 20_000 // counts: beyond that, what is new is not counted until some are written
	tallyUsers = 10_000 // users in their projects
	// tallyDays is how many days projects are told of, today among them, and TallyKept how long a count is kept.
	tallyDays = 30
	TallyKept = 90 * 24 * time.Hour
)

// TallyStore keeps what projects do.
type TallyStore interface {
	AddActivity(ctx context.Context, counts []models.ProjectUsage) error
	Activity(ctx context.Context, projectID string, since time.Time) ([]models.ActiveDay, error)
}

var _ TallyStore = (*store.Store)(nil)

// TallyConfig is what a Tally needs.
type TallyConfig struct {
	// Store keeps the counts. Required.
	Store TallyStore
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Log takes what callers are not told. Defaults to slog.Default().
	Log *slog.Logger
}

// Tally counts what projects do, by the day. A nil *Tally counts nothing. It is safe for concurrent use.
//
// A count is an addition in memory. All that a process has counted is written every 10 s in one statement, and when it stops; a process that
// is killed loses what it counted since. While the database is away, counts of the same project and day go on adding up.
type Tally struct {
	cfg  TallyConfig
	full chan struct{}

	mu     sync.Mutex
	counts map[tallyKey]int64
	lost   int64
	// in has the project that a call of a user led into, by the user and how the call named it, since the last but one change of generations.
	in, before map[[2]string]string

	writing sync.Mutex
}

type tallyKey struct {
	project, day string
	what         models.Activity
}

// NewTally returns a tally. Run writes it.
func NewTally(cfg TallyConfig) *Tally {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Tally{cfg: cfg, full: make(chan struct{}, 1), counts: map[tallyKey]int64{}, in: map[[2]string]string{}}
}

// Add counts n of something for a project.
func (t *Tally) Add(projectID string, what models.Activity, n int64) {
	if t == nil || projectID == "" || n <= 0 {
		return
	}
	k := tallyKey{projectID, models.QuotaPeriod(t.cfg.Now()), what}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.add(k, n)
}

func (t *Tally) add(k tallyKey, n int64) {
	if _, there := t.counts[k]; !there && len(t.counts) >= tallyRows {
		t.lost += n
		select {
		case t.full <- struct{}{}:
		default:
		}
		return
	}
	t.counts[k] += n
}

// Entered counts a call that was let into the project of its principal, which it named so: "" where it named none.
func (t *Tally) Entered(p models.Principal, named string) {
	if t == nil {
		return
	}
	t.Add(p.ProjectID, models.ActivityRequests, 1)
	if p.KeyID != "" || p.UserID == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.in) >= tallyUsers {
		t.before, t.in = t.in, map[[2]string]string{}
	}
	t.in[[2]string{p.UserID, named}] = p.ProjectID
}

// Refused counts a call that had to wait. Whether a user may enter the project that a call names is not known before it is let in, and is not
// looked up for one that is not: it counts for the project that this process has let the user into by that name lately, and for none otherwise.
func (t *Tally) Refused(p models.Principal, named string) {
	if t == nil {
		return
	}
	project := p.ProjectID
	if project == "" {
		t.mu.Lock()
		k := [2]string{p.UserID, named}
		if project = t.in[k]; project == "" {
			project = t.before[k]
		}
		t.mu.Unlock()
	}
	t.Add(project, models.ActivityRateLimited, 1)
}

// Run writes what is counted until ctx ends, and then once more.
func (t *Tally) Run(ctx context.Context) error {
	ticker := time.NewTicker(tallyEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			if err := t.Flush(last); err != nil {
				t.cfg.Log.WarnContext(ctx, "what projects did in the last seconds is not counted", "error", err)
			}
			return nil
		case <-ticker.C:
		case <-t.full:
		}
		if err := t.Flush(ctx); err != nil && ctx.Err() == nil {
			t.cfg.Log.WarnContext(ctx, "what projects do waits to be counted", "error", err)
		}
	}
}

// Flush writes what was counted before it was called. What could not be written is kept.
func (t *Tally) Flush(ctx context.Context) error {
	if t == nil {
		return nil
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	t.mu.Lock()
	counts, lost := t.counts, t.lost
	t.counts, t.lost = map[tallyKey]int64{}, 0
	t.mu.Unlock()
	if lost > 0 {
		t.cfg.Log.WarnContext(ctx, "too many projects did something at once: not all is counted", "lost", lost)
	}
	if len(counts) == 0 {
		return nil
	}
	rows := make([]models.ProjectUsage, 0, len(counts))
	for k, n := range counts {
		rows = append(rows, models.ProjectUsage{ProjectID: k.project, Name: models.QuotaName(k.what), Period: k.day, Value: n})
	}
	slices.SortFunc(rows, func(a, b models.ProjectUsage) int {
		return cmp.Or(cmp.Compare(a.ProjectID, b.ProjectID), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Period, b.Period))
	})
	err := t.cfg.Store.AddActivity(ctx, rows)
	if err != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		for k, n := range counts {
			t.add(k, n)
		}
	}
	return err
}

// Days returns what the principal's project did on each of the last 30 days on which it did something, in order, as far as it is written; what
// this process has counted is. Error: InsufficientRole.
func (t *Tally) Days(ctx context.Context, p models.Principal) ([]models.ActiveDay, error) {
	if err := Authorize(p, models.RightUsage); err != nil {
		return nil, err
	}
	if t == nil {
		return nil, nil
	}
	if err := t.Flush(ctx); err != nil {
		return nil, Unavailable(err)
	}
	days, err := t.cfg.Store.Activity(ctx, p.ProjectID, t.cfg.Now().AddDate(0, 0, 1-tallyDays))
	if err != nil {
		return nil, Unavailable(err)
	}
	return days, nil
}
