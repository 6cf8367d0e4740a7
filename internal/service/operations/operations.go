// Package operations holds the use cases of operators: queues, jobs, dead letters and processes of the whole server, and what is done to many
// jobs at once. An operator sees names and numbers, and nothing that is recorded in projects: of what a job was given and found, its size.
//
// Every method asks for RightServer. What changes something is in the audit log, in the transaction that changes it.
package operations

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Bounds of lists and actions.
const (
	DefaultLimit = 50
	MaxLimit     = 200
	MaxAction    = 100_000 // jobs of one action
	maxProcesses = 500
	maxRunning   = 2000
)

// Store is what operators need of the database.
type Store interface {
	AdminJobs(ctx context.Context, f models.JobFilter, bulkKinds []string, beforeID string, limit int) ([]models.AdminJob, error)
	AdminJob(ctx context.Context, id string) (models.AdminJob, []models.Past, *store.JobPayload, error)
	CountJobs(ctx context.Context, f models.JobFilter, bulkKinds []string, most int) (int, error)
	DeadLetters(ctx context.Context) ([]models.DeadLetters, error)
	Loads(ctx context.Context, limit int) ([]models.ProjectLoad, error)
	QueueStates(ctx context.Context, bulkKinds []string, now time.Time) (interactive, bulk models.QueueState, err error)
	QueuePauses(ctx context.Context) ([]models.QueuePause, error)
	PauseQueue(ctx context.Context, queue, by string, paused bool, at time.Time) (bool, error)
	SaveProcess(ctx context.Context, p models.Process) error
	Processes(ctx context.Context, since time.Time, limit int) ([]models.Process, error)
	RunningOf(ctx context.Context, limit int) ([]models.AdminJob, error)
	Size(ctx context.Context) (int64, error)
	OldestJob(ctx context.Context) (*time.Time, error)
	Ping(ctx context.Context) error

	ApplyToJob(ctx context.Context, verb models.OperatorVerb, id, by string, now time.Time) (store.ActionResult, error)
	AppendAudit(ctx context.Context, e models.AuditEvent, details map[string]any) error
	AuditEvents(ctx context.Context, q models.AuditQuery) ([]models.AuditEvent, error)
	CreateAction(ctx context.Context, a models.OperatorAction) error
	Actions(ctx context.Context, beforeID string, limit int) ([]models.OperatorAction, error)
	Action(ctx context.Context, id string) (models.OperatorAction, error)
	CancelAction(ctx context.Context, id, by string, now time.Time) (models.OperatorAction, error)
	ScaleEvents(ctx context.Context, beforeID string, limit int) ([]models.ScaleEvent, error)
	ClaimAction(ctx context.Context, owner string, lease time.Duration) (models.OperatorAction, error)
	StepAction(ctx context.Context, st store.ActionStep) (models.OperatorAction, []models.Job, error)

	FinishedJobs(ctx context.Context, from, to time.Time) ([]store.FinishedJob, error)
	PutStats(ctx context.Context, list []models.JobStat) error
	Stats(ctx context.Context, step int, from, to time.Time) ([]models.JobStat, error)
	LastStat(ctx context.Context, step int) (time.Time, bool, error)
}

var _ Store = (*store.Store)(nil)

// Engine is what operators need of the engine.
type Engine interface {
	Cancel(ctx context.Context, projectID, id string) (models.Job, error)
	HandOver(job models.Job)
	PausesChanged()
	BulkKinds() []string
	RedisDownFor() time.Duration
	Embedded() bool
	Notify(topic string)
	Subscribe(topic string) (<-chan struct{}, func())
}

var _ Engine = (*jobs.Engine)(nil)

// Config is what the use cases are made of.
type Config struct {
	// Store and Engine are required.
	Store  Store
	Engine Engine
	// Process says what this one is, to be kept where all see it. Defaults to not saying anything.
	Process func() models.Process
	// Ready asks Redis for an answer. Defaults to not asking.
	Redis func(ctx context.Context) error
	// Retention is how long what is kept, by its name. Defaults to none.
	Retention map[string]time.Duration
	// Database names the kind of database.
	Database string
	// Disk returns the free and all bytes of the disk with the data of this process. Defaults to none.
	Disk func() (free, all int64, err error)
	// Serves tells that this process works on actions, as one that has an API does.
	Serves bool
	// Log takes what nobody waits for. Defaults to slog.Default().
	Log *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Service is the use cases. It is safe for concurrent use.
type Service struct {
	cfg   Config
	owner string // of actions
}

// New returns the use cases.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg, owner: models.NewID()}
}

func operator(p models.Principal) error { return service.Authorize(p, models.RightServer) }

// QueueNames lists the queues.
func QueueNames() []string { return slices.Sorted(maps.Keys(jobs.Queues())) }

// Queues returns the state of each queue, by name.
func (s *Service) Queues(ctx context.Context, p models.Principal) ([]models.QueueState, error) {
	if err := operator(p); err != nil {
		return nil, err
	}
	interactive, bulk, err := s.cfg.Store.QueueStates(ctx, s.cfg.Engine.BulkKinds(), s.cfg.Now())
	if err != nil {
		return nil, service.Unavailable(err)
	}
	pauses, err := s.cfg.Store.QueuePauses(ctx)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	interactive.Queue, bulk.Queue = jobs.InteractiveQueue, jobs.BulkQueue
	out := []models.QueueState{bulk, interactive}
	for i := range out {
		for _, p := range pauses {
			if p.Queue == out[i].Queue {
				out[i].Paused = &p
			}
		}
	}
	return out, nil
}

// Pause has workers take no more jobs of a queue, or take them again; those that run go on. Error: QueueNotFound.
func (s *Service) Pause(ctx context.Context, p models.Principal, queue string, paused bool) error {
	if err := operator(p); err != nil {
		return err
	}
	if _, ok := jobs.Queues()[queue]; !ok {
		return models.NewError(models.QueueNotFound)
	}
	if _, err := s.cfg.Store.PauseQueue(ctx, queue, p.UserID, paused, s.cfg.Now()); err != nil {
		return service.Unavailable(err)
	}
	s.cfg.Engine.PausesChanged()
	return nil
}

// JobPage is a page of jobs, newest first.
type JobPage struct {
	Jobs []models.AdminJob
	Next string
}

// Jobs returns jobs of all projects, items of batches among them.
func (s *Service) Jobs(ctx context.Context, p models.Principal, f models.JobFilter, cursor string, limit int) (JobPage, error) {
	if err := operator(p); err != nil {
		return JobPage{}, err
	}
	before, ok := models.ParseID(cursor)
	if cursor != "" && !ok {
		return JobPage{}, models.Errorf(models.InvalidParameter, "cursor is not one that this list returned.")
	}
	found, err := s.cfg.Store.AdminJobs(ctx, f, s.cfg.Engine.BulkKinds(), before, limit+1)
	if err != nil {
		return JobPage{}, service.Unavailable(err)
	}
	page := JobPage{Jobs: found}
	if len(found) > limit {
		page.Jobs, page.Next = found[:limit], found[limit-1].ID
	}
	return page, nil
}

// JobDetail is a job with how its attempts went.
type JobDetail struct {
	Job     models.AdminJob
	Queue   string
	Past    []models.Past     // attempts that did not end it
	Payload *store.JobPayload // nil where it has none, or none any more
}

// Job returns one. Error: JobNotFound.
func (s *Service) Job(ctx context.Context, p models.Principal, id string) (JobDetail, error) {
	if err := operator(p); err != nil {
		return JobDetail{}, err
	}
	job, past, payload, err := s.cfg.Store.AdminJob(ctx, id)
	if err != nil {
		return JobDetail{}, service.Absent(err, models.JobNotFound)
	}
	return JobDetail{Job: job, Queue: s.QueueOf(job.Job), Past: past, Payload: payload}, nil
}

// QueueOf returns the queue of a job.
func (s *Service) QueueOf(job models.Job) string {
	if job.ParentID != nil || slices.Contains(s.cfg.Engine.BulkKinds(), string(job.Kind)) {
		return jobs.BulkQueue
	}
	return jobs.InteractiveQueue
}

// Apply does something to one job, and returns the id of the job that was made of it, "" for none. Errors: JobNotFound; JobNotRepeatable and
// JobStateConflict, whose details say why.
func (s *Service) Apply(ctx context.Context, p models.Principal, verb models.OperatorVerb, id string) (string, error) {
	if err := operator(p); err != nil {
		return "", err
	}
	job, _, _, err := s.cfg.Store.AdminJob(ctx, id)
	if err != nil {
		return "", service.Absent(err, models.JobNotFound)
	}
	if verb == models.VerbCancel {
		skip, err := s.cancel(ctx, job.ProjectID, id, job.Kind, job.State)
		if err != nil || skip != "" {
			return "", skipped(err, skip)
		}
		e := models.AuditEvent{ActorKind: models.ActorUser, Actor: p.UserID, Action: models.AuditJobCanceled, Subject: id}
		if err := s.cfg.Store.AppendAudit(ctx, e, nil); err != nil {
			return "", service.Unavailable(err)
		}
		return "", nil
	}
	r, err := s.cfg.Store.ApplyToJob(ctx, verb, id, p.UserID, s.cfg.Now())
	if err != nil || r.Skip != "" {
		return "", skipped(err, r.Skip)
	}
	if r.Fresh == nil {
		return "", nil
	}
	s.cfg.Engine.HandOver(*r.Fresh)
	return r.Fresh.ID, nil
}

// skipped is the error of a job that was left as it is.
func skipped(err error, why string) error {
	if err != nil {
		var known *models.Error
		if errors.As(err, &known) {
			return known
		}
		return service.Unavailable(err)
	}
	e := models.NewError(models.JobNotRepeatable)
	switch why {
	case store.SkipGone:
		return models.NewError(models.JobNotFound)
	case store.SkipState:
		e = models.NewError(models.JobStateConflict)
	case store.SkipPayloadGone:
		e.Message = "The recording of the job has been deleted by retention: it cannot be made again."
	case store.SkipRepeated:
		e.Message = "The job has been made again before."
	}
	e.Details = map[string]any{"reason": why}
	return e
}

// cancel cancels a job unless it cannot be.
func (s *Service) cancel(ctx context.Context, projectID, id string, kind models.JobKind, state models.JobState) (skip string, err error) {
	switch {
	case state.Final():
		return store.SkipState, nil
	case !jobs.KindOf(kind).Cancelable:
		return store.SkipKind, nil
	}
	_, err = s.cfg.Engine.Cancel(ctx, projectID, id)
	if err != nil && models.AsError(err).Code == models.JobNotFound {
		return store.SkipGone, nil
	}
	return "", err
}

// DeadLetters returns the jobs that were given up, by kind and reason.
func (s *Service) DeadLetters(ctx context.Context, p models.Principal) ([]models.DeadLetters, error) {
	if err := operator(p); err != nil {
		return nil, err
	}
	out, err := s.cfg.Store.DeadLetters(ctx)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return out, nil
}

// Loads returns the projects whose jobs wait or run.
func (s *Service) Loads(ctx context.Context, p models.Principal, limit int) ([]models.ProjectLoad, error) {
	if err := operator(p); err != nil {
		return nil, err
	}
	out, err := s.cfg.Store.Loads(ctx, limit)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return out, nil
}

// AuditPage is a page of the audit log, newest first.
type AuditPage struct {
	Events []models.AuditEvent
	Next   string
}

// Audit returns what operators have done.
func (s *Service) Audit(ctx context.Context, p models.Principal, cursor string, limit int) (AuditPage, error) {
	if err := operator(p); err != nil {
		return AuditPage{}, err
	}
	before, ok := models.ParseID(cursor)
	if cursor != "" && !ok {
		return AuditPage{}, models.Errorf(models.InvalidParameter, "cursor is not one that this list returned.")
	}
	found, err := s.cfg.Store.AuditEvents(ctx, models.AuditQuery{Actions: models.OperatorAuditActions(), BeforeID: before, Limit: limit + 1})
	if err != nil {
		return AuditPage{}, service.Unavailable(err)
	}
	page := AuditPage{Events: found}
	if len(found) > limit {
		page.Events, page.Next = found[:limit], found[limit-1].ID
	}
	return page, nil
}

// System is how the parts of the server do.
type System struct {
	Database      string
	DatabaseBytes int64
	DatabasePing  time.Duration
	Embedded      bool
	RedisPing     time.Duration
	RedisDownFor  time.Duration
	DiskFree      int64 // 0 where it is not known
	DiskAll       int64
	Retention     map[string]time.Duration
	OldestJob     *time.Time
	Process       models.Process // the one that answers
}

// System returns how the parts of the server do, as the process sees it that answers.
func (s *Service) System(ctx context.Context, p models.Principal) (System, error) {
	if err := operator(p); err != nil {
		return System{}, err
	}
	out := System{Database: s.cfg.Database, Embedded: s.cfg.Engine.Embedded(), RedisDownFor: s.cfg.Engine.RedisDownFor(), Retention: s.cfg.Retention}
	begin := time.Now()
	if err := s.cfg.Store.Ping(ctx); err != nil {
		return out, service.Unavailable(err)
	}
	out.DatabasePing = time.Since(begin)
	var err error
	if out.DatabaseBytes, err = s.cfg.Store.Size(ctx); err != nil {
		return out, service.Unavailable(err)
	}
	if out.OldestJob, err = s.cfg.Store.OldestJob(ctx); err != nil {
		return out, service.Unavailable(err)
	}
	if s.cfg.Redis != nil {
		begin = time.Now()
		if err := s.cfg.Redis(ctx); err == nil {
			out.RedisPing = time.Since(begin)
		}
	}
	if s.cfg.Disk != nil {
		if free, all, err := s.cfg.Disk(); err == nil {
			out.DiskFree, out.DiskAll = free, all
		}
	}
	if s.cfg.Process != nil {
		out.Process = s.cfg.Process()
	}
	return out, nil
}

// Action is an action with its filter.
type Action struct {
	models.OperatorAction
	Filter  models.JobFilter
	Reasons map[string]int
}

func actionOf(a models.OperatorAction) (Action, error) {
	out := Action{OperatorAction: a}
	if err := json.Unmarshal([]byte(a.Filter), &out.Filter); err != nil {
		return out, err
	}
	return out, json.Unmarshal([]byte(a.Reasons), &out.Reasons)
}

// NewAction is an action to be taken.
type NewAction struct {
	Verb   models.OperatorVerb
	Filter models.JobFilter
	Most   int // jobs, at most; 0 for MaxAction
}

// check fills in what follows from the verb: only jobs that it can be done to are counted.
func (n *NewAction) check() error {
	if !slices.Contains(models.OperatorVerbs(), n.Verb) {
		return models.InvalidField(models.At("action"), "not_allowed", "must be retry, cancel or discard")
	}
	if n.Most == 0 {
		n.Most = MaxAction
	}
	if n.Most < 1 || n.Most > MaxAction {
		return models.InvalidField(models.At("limit"), "out_of_range", "must be a whole number from 1 to %d", MaxAction)
	}
	yes := true
	switch {
	case n.Verb == models.VerbDiscard:
		n.Filter.Dead = &yes
	case n.Verb == models.VerbRetry && len(n.Filter.States) == 0:
		n.Filter.States = []models.JobState{models.JobFailed}
		if n.Filter.Dead == nil {
			n.Filter.Dead = &yes // the others failed by what they were given, and would again
		}
	case n.Verb == models.VerbCancel && len(n.Filter.States) == 0:
		n.Filter.States = []models.JobState{models.JobQueued, models.JobRunning}
	}
	return nil
}

// Count returns how many jobs an action would look at now. Error: InvalidRequestBody.
func (s *Service) Count(ctx context.Context, p models.Principal, n NewAction) (int, models.JobFilter, error) {
	if err := operator(p); err != nil {
		return 0, n.Filter, err
	}
	if err := n.check(); err != nil {
		return 0, n.Filter, err
	}
	count, err := s.cfg.Store.CountJobs(ctx, n.Filter, s.cfg.Engine.BulkKinds(), n.Most)
	if err != nil {
		return 0, n.Filter, service.Unavailable(err)
	}
	return count, n.Filter, nil
}

// actionTopic is said when an action waits for a process.
const actionTopic = "operator.actions"

// Act begins an action, which a process works through; it goes on where that process is killed. Error: InvalidRequestBody.
func (s *Service) Act(ctx context.Context, p models.Principal, n NewAction) (Action, error) {
	count, filter, err := s.Count(ctx, p, n)
	if err != nil {
		return Action{}, err
	}
	if n.Most == 0 {
		n.Most = MaxAction
	}
	b, err := json.Marshal(filter)
	if err != nil {
		return Action{}, err
	}
	a := models.OperatorAction{ID: models.NewID(), Action: n.Verb, Filter: string(b), State: models.ActionRunning, RequestedBy: p.UserID, Most: n.Most, Total: count,
		Reasons: "{}", CreatedAt: s.cfg.Now().UTC()}
	if err := s.cfg.Store.CreateAction(ctx, a); err != nil {
		return Action{}, service.Unavailable(err)
	}
	s.cfg.Engine.Notify(actionTopic)
	return actionOf(a)
}

// Actions returns actions, newest first.
func (s *Service) Actions(ctx context.Context, p models.Principal, cursor string, limit int) ([]Action, string, error) {
	if err := operator(p); err != nil {
		return nil, "", err
	}
	before, ok := models.ParseID(cursor)
	if cursor != "" && !ok {
		return nil, "", models.Errorf(models.InvalidParameter, "cursor is not one that this list returned.")
	}
	found, err := s.cfg.Store.Actions(ctx, before, limit+1)
	if err != nil {
		return nil, "", service.Unavailable(err)
	}
	next := ""
	if len(found) > limit {
		found, next = found[:limit], found[limit-1].ID
	}
	out := make([]Action, len(found))
	for i, a := range found {
		if out[i], err = actionOf(a); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// Action returns one. Error: ActionNotFound.
func (s *Service) Action(ctx context.Context, p models.Principal, id string) (Action, error) {
	if err := operator(p); err != nil {
		return Action{}, err
	}
	a, err := s.cfg.Store.Action(ctx, id)
	if err != nil {
		return Action{}, service.Absent(err, models.ActionNotFound)
	}
	return actionOf(a)
}

// CancelAction ends an action where it stands. Error: ActionNotFound.
func (s *Service) CancelAction(ctx context.Context, p models.Principal, id string) (Action, error) {
	if err := operator(p); err != nil {
		return Action{}, err
	}
	a, err := s.cfg.Store.CancelAction(ctx, id, p.UserID, s.cfg.Now())
	if err != nil {
		return Action{}, service.Absent(err, models.ActionNotFound)
	}
	return actionOf(a)
}
