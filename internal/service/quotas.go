package service

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// How long a process goes by what it has counted of a project, and of how many projects it knows.
const (
	usageFor      = time.Second
	usageProjects = 10_000
)

// jobsRetry is when a project whose jobs wait in too great a number should try again.
const jobsRetry = 5 * time.Second

// QuotaStore counts what projects use.
type QuotaStore interface {
	Usage(ctx context.Context, projectID string, at time.Time, limits map[models.QuotaName]int64) (store.Usage, error)
	AllProjects(ctx context.Context, afterID string, limit int) ([]store.ProjectListing, error)
	KeptAnswer(ctx context.Context, k models.IdempotencyRecord) (*models.IdempotencyRecord, error)
}

var _ QuotaStore = (*store.Store)(nil)

// QuotasConfig is what Quotas needs.
type QuotasConfig struct {
	// Store counts what projects use. Required.
	Store QuotaStore
	// Limits are the server's, for projects that have none of their own. Defaults to none.
	Limits map[models.QuotaName]int64
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Log takes what callers are not told. Defaults to slog.Default().
	Log *slog.Logger
}

// Quotas holds projects to what they may use. A nil *Quotas holds nobody. It is safe for concurrent use.
//
// A process counts a project at most once a second, adds to that what it has let in since, and counts anew before it refuses
// anything. So one process never lets a project pass a limit, however many calls come at once; among several, each may let in what
// was left when it last counted, for up to a second.
type Quotas struct {
	cfg      QuotasConfig
	mu       sync.Mutex
	projects map[string]*projectQuotas
}

// projectQuotas is what a process knows of a project.
type projectQuotas struct {
	mu       sync.Mutex
	at       time.Time // when it was counted last
	limits   map[models.QuotaName]int64
	used     map[models.QuotaName]int64 // then
	recent   map[models.QuotaName]int64 // let in by calls that have ended since
	inFlight map[models.QuotaName]int64 // let in by calls that go on
}

// NewQuotas returns quotas.
func NewQuotas(cfg QuotasConfig) *Quotas {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Limits == nil {
		cfg.Limits = map[models.QuotaName]int64{} // for Usage, nil means all
	}
	return &Quotas{cfg: cfg, projects: map[string]*projectQuotas{}}
}

// Wants is how much of quotas a call would use.
type Wants map[models.QuotaName]int64

// Take lets a call use so much, or refuses it: ProjectQuotaExceeded, ProjectQuotaFull. done must be called when the call has ended,
// whatever became of it. repeated says of a call that would be refused whether it only asks again for what it was given before, so
// that repeating is always safe; nil for one that cannot.
func (q *Quotas) Take(ctx context.Context, projectID string, w Wants, repeated func() bool) (done func(), err error) {
	nothing := func() {}
	if q == nil {
		return nothing, nil
	}
	p := q.project(projectID)
	done, err = q.take(ctx, p, projectID, w)
	if err != nil && repeated != nil && repeated() {
		return nothing, nil
	}
	return done, err
}

func (q *Quotas) take(ctx context.Context, p *projectQuotas, projectID string, w Wants) (done func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := q.cfg.Now()
	fresh := false
	if since := now.Sub(p.at); since >= usageFor || since < 0 || models.QuotaPeriod(now) != models.QuotaPeriod(p.at) {
		q.count(ctx, p, projectID, now)
		fresh = true
	}
	refused := p.passed(w)
	if refused != nil && !fresh { // room may have been made since
		q.count(ctx, p, projectID, now)
		refused = p.passed(w)
	}
	if refused != nil {
		return func() {}, quotaError(refused, w[refused.Name], now)
	}
	for name, n := range w {
		p.inFlight[name] += n
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for name, n := range w {
			p.inFlight[name] -= n
			p.recent[name] += n
		}
	}, nil
}

// passed returns the first quota that would be passed, nil for none.
func (p *projectQuotas) passed(w Wants) *models.Used {
	for _, q := range models.Quotas() {
		n, limit := w[q.Name], p.limits[q.Name]
		used := p.used[q.Name] + p.recent[q.Name] + p.inFlight[q.Name]
		if n > 0 && limit > 0 && used+n > limit {
			return &models.Used{Name: q.Name, Limit: limit, Used: used}
		}
	}
	return nil
}

// count reads what a project uses. A database that does not answer refuses nothing here: whatever would be stored meets it next.
func (q *Quotas) count(ctx context.Context, p *projectQuotas, projectID string, now time.Time) {
	u, err := q.cfg.Store.Usage(ctx, projectID, now, q.cfg.Limits)
	if err != nil {
		if ctx.Err() == nil {
			q.cfg.Log.WarnContext(ctx, "quotas: count", "project_id", projectID, "error", err)
		}
		return
	}
	p.at, p.limits, p.used = now, q.limits(u.Own), u.Used
	clear(p.recent) // those calls had ended before it was counted
}

// limits returns what holds for a project with those values of its own.
func (q *Quotas) limits(own map[models.QuotaName]int64) map[models.QuotaName]int64 {
	out := map[models.QuotaName]int64{}
	for _, r := range models.Quotas() {
		out[r.Name] = q.cfg.Limits[r.Name]
		if v, ok := own[r.Name]; ok {
			out[r.Name] = v
		}
	}
	return out
}

func (q *Quotas) project(id string) *projectQuotas {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.projects[id]
	if p != nil {
		return p
	}
	if len(q.projects) >= usageProjects {
		for other, o := range q.projects { // those that nobody uses; what calls in flight hold stays
			if o.mu.TryLock() {
				if idle(o.inFlight) && q.cfg.Now().Sub(o.at) > usageFor {
					delete(q.projects, other)
				}
				o.mu.Unlock()
			}
		}
	}
	p = &projectQuotas{recent: map[models.QuotaName]int64{}, inFlight: map[models.QuotaName]int64{}}
	q.projects[id] = p
	return p
}

func idle(counts map[models.QuotaName]int64) bool {
	for _, n := range counts {
		if n != 0 {
			return false
		}
	}
	return true
}

// Limit returns how much of a quota a project may use, 0 for no limit.
func (q *Quotas) Limit(ctx context.Context, projectID string, name models.QuotaName) (int64, error) {
	if q == nil {
		return 0, nil
	}
	u, err := q.cfg.Store.Usage(ctx, projectID, q.cfg.Now(), map[models.QuotaName]int64{})
	if err != nil {
		return 0, Unavailable(err)
	}
	return q.limits(u.Own)[name], nil
}

// Usage returns what the principal's project uses of every quota, in the order of the table. Error: InsufficientRole.
func (q *Quotas) Usage(ctx context.Context, p models.Principal) ([]models.Used, error) {
	if err := Authorize(p, models.RightUsage); err != nil {
		return nil, err
	}
	return q.usage(ctx, p.ProjectID)
}

func (q *Quotas) usage(ctx context.Context, projectID string) ([]models.Used, error) {
	if q == nil {
		return nil, nil
	}
	u, err := q.cfg.Store.Usage(ctx, projectID, q.cfg.Now(), nil)
	if err != nil {
		return nil, Unavailable(err)
	}
	limits := q.limits(u.Own)
	var out []models.Used
	for _, r := range models.Quotas() {
		out = append(out, models.Used{Name: r.Name, Limit: limits[r.Name], Used: u.Used[r.Name]})
	}
	return out, nil
}

// ProjectUsage is a project with what it uses, as an operator of the server sees it.
type ProjectUsage struct {
	store.ProjectListing
	Quotas []models.Used
}

// Projects returns the projects of everybody with what they use, oldest first, at most limit from the one after the cursor on, and
// the cursor of the next page, "" for none. Errors: InsufficientRole for who is not an operator, InvalidParameter.
func (q *Quotas) Projects(ctx context.Context, p models.Principal, cursor string, limit int) ([]ProjectUsage, string, error) {
	if err := Authorize(p, models.RightServer); err != nil {
		return nil, "", err
	}
	if q == nil {
		return nil, "", nil
	}
	after, ok := models.ParseID(cursor)
	if cursor != "" && !ok {
		return nil, "", models.Errorf(models.InvalidParameter, "cursor is not one that this list returned.")
	}
	found, err := q.cfg.Store.AllProjects(ctx, after, limit+1)
	if err != nil {
		return nil, "", Unavailable(err)
	}
	next := ""
	if len(found) > limit {
		found = found[:limit]
		next = found[limit-1].ID
	}
	out := make([]ProjectUsage, len(found))
	for i, one := range found {
		out[i].ProjectListing = one
		if out[i].Quotas, err = q.usage(ctx, one.ID); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// quotaError is the error of a call that would pass a quota by using n more.
func quotaError(u *models.Used, n int64, now time.Time) *models.Error {
	var rule models.QuotaRule
	for _, r := range models.Quotas() {
		if r.Name == u.Name {
			rule = r
		}
	}
	e := models.Errorf(rule.Code, "The project may have %d %s; it has %d, and this would add %d. To make room: %s.", u.Limit, rule.What, u.Used, n, rule.Free)
	e.Details = map[string]any{"quota": string(u.Name), "limit": u.Limit, "used": u.Used}
	e.Used = u
	switch u.Name {
	case models.QuotaWaitingJobs:
		e.RetryAfter = jobsRetry
	case models.QuotaWindowsPerDay:
		day := now.UTC().Truncate(24 * time.Hour)
		e.RetryAfter = day.Add(24 * time.Hour).Sub(now)
	}
	return e
}

// Refusal is the error of a call that the store has refused because of a limit.
func (q *Quotas) Refusal(ctx context.Context, projectID string, name models.QuotaName, limit int64) error {
	u, err := q.cfg.Store.Usage(ctx, projectID, q.cfg.Now(), map[models.QuotaName]int64{name: limit})
	if err != nil {
		return Unavailable(err)
	}
	return quotaError(&models.Used{Name: name, Limit: limit, Used: u.Used[name]}, 1, q.cfg.Now())
}

// Kept returns the question whether an Idempotency-Key has an answer, nil without a key.
func (q *Quotas) Kept(ctx context.Context, projectID, operation string, idem Idempotency) func() bool {
	if q == nil || idem.Key == "" {
		return nil
	}
	return func() bool {
		r, err := q.cfg.Store.KeptAnswer(ctx, models.IdempotencyRecord{ProjectID: projectID, Operation: operation, Key: idem.Key})
		return err == nil && r != nil
	}
}
