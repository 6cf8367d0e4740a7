package service

import (
	"context"

	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Submitter accepts jobs. Accepted means kept: see package jobs.
type Submitter interface {
	Submit(ctx context.Context, s jobs.Submission) (jobs.Accepted, error)
}

var _ Submitter = (*jobs.Engine)(nil)

// AdmitJob refuses principals that may not submit jobs of a kind, and calls with a key that cannot be one: InsufficientScope,
// InsufficientRole, InvalidIdempotencyKey.
func AdmitJob(p models.Principal, kind models.JobKind, idem Idempotency) error {
	if err := AuthorizeJob(p, kind); err != nil {
		return err
	}
	return CheckKey(idem)
}

// Submit has a submission accepted as far as its project may use so much, under the operation of its job's kind unless it names another. A repeated call is
// answered as the first was, however little is left. Errors: ProjectQuotaExceeded, ProjectQuotaFull and those of the engine.
func Submit(ctx context.Context, to Submitter, quotas *Quotas, w Wants, s jobs.Submission) (Accepted, error) {
	if s.Operation == "" {
		s.Operation = jobs.KindOf(s.Job.Kind).Operation
	}
	done, err := quotas.Take(ctx, s.ProjectID, w, quotas.Kept(ctx, s.ProjectID, s.Operation, s.Idempotency))
	if err != nil {
		return Accepted{}, err
	}
	defer done()
	return to.Submit(ctx, s)
}
