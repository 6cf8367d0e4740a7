package sessions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Erased is an erasure as it is when its caller is answered.
type Erased struct {
	Job   models.Job
	Audit *models.AuditRecord // nil while the job is not done
}

// EraseUser erases everything of an external user of the project. The user's sessions are out of reach at once; a job
// deletes what they leave, for which the call waits up to MaxWait. A call while one is under way waits for the same job, and
// takes along what came since. A user of whom nothing is kept is not an error: the audit record counts nothing. No answer is
// kept for an Idempotency-Key: it would name the user, and to erase again is harmless.
//
// Needs the right "erase". Errors: NotFound for what can be no user's id; Unavailable, also when the job was given up: the
// next call has another go on with it.
func (s *Service) EraseUser(ctx context.Context, p models.Principal, externalUserID string) (Erased, error) {
	if err := service.AuthorizeJob(p, models.KindUserErase); err != nil {
		return Erased{}, err
	}
	if validate.NameFault(externalUserID, validate.MaxName) != "" {
		return Erased{}, models.NewError(models.NotFound)
	}
	return s.erase(ctx, p, externalUserID, store.NewErasure{ExternalUserID: externalUserID})
}

// erase accepts an erasure of a subject, and waits for its job.
func (s *Service) erase(ctx context.Context, p models.Principal, of string, n store.NewErasure) (Erased, error) {
	subject := sha256.Sum256([]byte(p.ProjectID + "\x00" + of))
	actor, kind := p.KeyID, models.ActorKey
	if actor == "" {
		actor, kind = p.UserID, models.ActorUser
	}
	n.Erasure = models.Erasure{ID: models.NewID(), ProjectID: p.ProjectID, SubjectHash: hex.EncodeToString(subject[:]), Actor: actor, CreatedAt: s.cfg.Now()}
	n.ActorKind = kind
	n.Job = func(erasureID string) models.Job {
		return s.cfg.Jobs.Prepare(ctx, p.ProjectID, models.KindUserErase, json.RawMessage(`{"erasure_id":"`+erasureID+`"}`))
	}
	accepted, err := s.cfg.Store.AcceptErasure(ctx, n)
	if err != nil {
		return Erased{}, service.Unavailable(err)
	}
	if accepted.NewJob {
		s.cfg.Jobs.HandOver(accepted.Job)
	}
	for _, id := range accepted.Sessions {
		s.cfg.Jobs.Notify(id) // streams look, find no session and end
	}
	// On a full disk the job would try again and again while the caller waits.
	if err := s.cfg.Store.Writable(ctx); store.IsFull(err) {
		full := service.StorageFull(err)
		full.Message = "The disk of the service is full. The user's data can no longer be reached; the deletion continues when there is room."
		return Erased{}, full
	}
	job, err := s.cfg.Jobs.Wait(ctx, p.ProjectID, accepted.Job.ID, service.MaxWait)
	switch {
	case err != nil:
		return Erased{}, service.Unanswered(err)
	case !job.State.Final():
		return Erased{Job: job}, nil
	case job.State != models.JobCompleted:
		return Erased{}, models.Errorf(models.Unavailable, "The erasure was interrupted. The user's data can no longer be reached; send the request again to continue.")
	}
	audit, err := s.cfg.Store.AuditRecord(ctx, p.ProjectID, accepted.ID)
	if err != nil {
		return Erased{}, service.Unavailable(err)
	}
	return Erased{Job: job, Audit: &audit}, nil
}
