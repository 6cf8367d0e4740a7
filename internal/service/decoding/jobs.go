package decoding

import (
	"context"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// JobReader reads, awaits and cancels jobs.
type JobReader interface {
	Get(ctx context.Context, projectID, id string) (models.Job, error)
	Wait(ctx context.Context, projectID, id string, d time.Duration) (models.Job, error)
	List(ctx context.Context, q jobs.Query) (jobs.Page, error)
	Cancel(ctx context.Context, projectID, id string) (models.Job, error)
	Depths(ctx context.Context) ([]jobs.QueueDepth, error)
	HandOver(job models.Job)
}

var _ JobReader = (*jobs.Engine)(nil)

// Limits of listing.
const (
	DefaultLimit = 20
	MaxLimit     = 100
)

// JobCursor is the cursor behind a job of a list that is no batch's.
func JobCursor(id string) string { return jobs.Cursor(id) }

// JobKinds lists the kinds of jobs that callers may ask for.
func JobKinds() []models.JobKind { return jobs.ListedKinds() }

// JobView is a job with the items of a batch.
type JobView struct {
	Job   models.Job
	Items []models.Job // in order of their index; nil unless the job is a batch
}

// JobFilter selects jobs of a project.
type JobFilter struct {
	States []models.JobState
	Kinds  []models.JobKind
	Parent string // UUID of a batch: its items
	// Before and After are when they were made; nil for any time.
	Before, After *time.Time
	Limit         int    // 0 takes DefaultLimit
	Cursor        string // Next of the page before
}

// JobPage is one page of jobs, newest first.
type JobPage struct {
	Jobs []models.Job
	Next string // cursor of the next page, "" at the end
}

// Jobs is the use case of following jobs.
type Jobs struct {
	jobs  JobReader
	store JobStore
}

// NewJobs returns the use case.
func NewJobs(r JobReader, s JobStore) *Jobs { return &Jobs{r, s} }

// Get returns a job of the principal's project. Errors: InsufficientScope, JobNotFound.
func (j *Jobs) Get(ctx context.Context, p models.Principal, id string) (JobView, error) {
	if err := service.Authorize(p, models.RightJobsRead); err != nil {
		return JobView{}, err
	}
	job, err := j.jobs.Get(ctx, p.ProjectID, id)
	if err != nil {
		return JobView{}, service.Unanswered(err)
	}
	return j.view(ctx, p, job)
}

// Wait returns a job once it is in a final state, or as it is when d has passed; d is clamped to MaxWait.
func (j *Jobs) Wait(ctx context.Context, p models.Principal, id string, d time.Duration) (JobView, error) {
	if err := service.Authorize(p, models.RightJobsRead); err != nil {
		return JobView{}, err
	}
	job, err := j.jobs.Wait(ctx, p.ProjectID, id, min(d, service.MaxWait))
	if err != nil {
		return JobView{}, service.Unanswered(err)
	}
	return j.view(ctx, p, job)
}

// List returns a page of the project's jobs, newest first; items of batches only with Parent.
func (j *Jobs) List(ctx context.Context, p models.Principal, f JobFilter) (JobPage, error) {
	if err := service.Authorize(p, models.RightJobsRead); err != nil {
		return JobPage{}, err
	}
	if f.Limit <= 0 {
		f.Limit = DefaultLimit
	}
	page, err := j.jobs.List(ctx, jobs.Query{
		ProjectID: p.ProjectID,
		States:    f.States,
		Kinds:     f.Kinds,
		ParentID:  f.Parent,
		Before:    f.Before,
		After:     f.After,
		Limit:     min(f.Limit, MaxLimit),
		Cursor:    f.Cursor,
	})
	if err != nil {
		return JobPage{}, service.Unanswered(err)
	}
	return JobPage{Jobs: page.Jobs, Next: page.Next}, nil
}

// Cancel cancels a job that is not final yet and returns it as it is then; again it changes nothing.
// A batch takes its items along; an erasure goes on, whoever wants it to end. Who may not read jobs learns the state of the job
// and nothing of what it found. Errors: InsufficientScope, JobNotFound, JobNotCancelable.
func (j *Jobs) Cancel(ctx context.Context, p models.Principal, id string) (JobView, error) {
	if err := service.Authorize(p, models.RightJobsWrite); err != nil {
		return JobView{}, err
	}
	job, err := j.jobs.Get(ctx, p.ProjectID, id)
	if err != nil {
		return JobView{}, service.Unanswered(err)
	}
	if !jobs.KindOf(job.Kind).Cancelable && !job.State.Final() {
		return JobView{}, models.NewError(models.JobNotCancelable)
	}
	job, err = j.jobs.Cancel(ctx, p.ProjectID, id)
	if err != nil {
		return JobView{}, service.Unanswered(err)
	}
	v, err := j.view(ctx, p, job)
	if err == nil && !p.May(models.RightJobsRead) {
		v.withhold()
	}
	return v, err
}

// OperationRunAgain is the scope of Idempotency-Keys of calls that make a job again.
const OperationRunAgain = "job_run_again"

// JobStore makes jobs again, and knows how their attempts went.
type JobStore interface {
	RunAgain(ctx context.Context, projectID, id string, now time.Time) (fresh models.Job, skip string, err error)
	Attempts(ctx context.Context, projectID, id string) (begun *time.Time, past []models.Past, err error)
}

var _ JobStore = (*store.Store)(nil)

// RunAgain makes another job with the request and the recording of one that has ended, which stays as it is. It takes the right to submit
// such a job. Errors: JobNotFound; JobStateConflict for one that has not ended; JobNotRepeatable, whose details say why.
func (j *Jobs) RunAgain(ctx context.Context, p models.Principal, id string) (models.Job, error) {
	if err := service.Authorize(p, models.RightJobsRead); err != nil {
		return models.Job{}, err
	}
	old, err := j.jobs.Get(ctx, p.ProjectID, id)
	if err != nil {
		return models.Job{}, service.Unanswered(err)
	}
	if err := service.AuthorizeJob(p, old.Kind); err != nil {
		return models.Job{}, err
	}
	fresh, skip, err := j.store.RunAgain(ctx, p.ProjectID, id, time.Now())
	switch {
	case err != nil:
		return fresh, service.Absent(err, models.JobNotFound)
	case skip == store.SkipState:
		return fresh, models.Errorf(models.JobStateConflict, "The job has not ended yet.")
	case skip != "":
		e := models.NewError(models.JobNotRepeatable)
		if skip == store.SkipPayloadGone {
			e.Message = "The recording of the job has been deleted by retention: send it again."
		}
		e.Details = map[string]any{"reason": skip}
		return fresh, e
	}
	j.jobs.HandOver(fresh)
	return fresh, nil
}

// JobAttempts is a job with how its attempts went.
type JobAttempts struct {
	Job   models.Job
	Begun *time.Time    // the last attempt; nil where there is none
	Past  []models.Past // those that did not end the job. What went wrong in one is for operators, and is not among it.
}

// Attempts returns how the attempts of a job of the principal's project went. Errors: InsufficientScope, JobNotFound.
func (j *Jobs) Attempts(ctx context.Context, p models.Principal, id string) (JobAttempts, error) {
	if err := service.Authorize(p, models.RightJobsRead); err != nil {
		return JobAttempts{}, err
	}
	job, err := j.jobs.Get(ctx, p.ProjectID, id)
	if err != nil {
		return JobAttempts{}, service.Unanswered(err)
	}
	out := JobAttempts{Job: job}
	if out.Begun, out.Past, err = j.store.Attempts(ctx, p.ProjectID, id); err != nil {
		return JobAttempts{}, service.Absent(err, models.JobNotFound)
	}
	for i := range out.Past {
		out.Past[i].Error = ""
	}
	return out, nil
}

// withhold takes out what a job was asked and what it found.
func (v *JobView) withhold() {
	hide := func(j *models.Job) {
		j.Request, j.Output, j.Diagnostics, j.ErrorMessage, j.ErrorDetails = nil, nil, nil, nil, nil
	}
	hide(&v.Job)
	for i := range v.Items {
		hide(&v.Items[i])
	}
}

// view adds the items of a batch.
func (j *Jobs) view(ctx context.Context, p models.Principal, job models.Job) (JobView, error) {
	v := JobView{Job: job}
	if !jobs.KindOf(job.Kind).Batch {
		return v, nil
	}
	q := jobs.Query{ProjectID: p.ProjectID, ParentID: job.ID, Limit: MaxBatchItems}
	for {
		page, err := j.jobs.List(ctx, q)
		if err != nil {
			return JobView{}, service.Unanswered(err)
		}
		v.Items = append(v.Items, page.Jobs...)
		if page.Next == "" {
			return v, nil
		}
		q.Cursor = page.Next
	}
}

// Queues returns how many jobs of all projects are not finished, by queue. Error: InsufficientRole for who is not an operator.
func (j *Jobs) Queues(ctx context.Context, p models.Principal) ([]jobs.QueueDepth, error) {
	if err := service.Authorize(p, models.RightServer); err != nil {
		return nil, err
	}
	out, err := j.jobs.Depths(ctx)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return out, nil
}
