package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Jobs is what deleting projects needs of the engine.
type Jobs interface {
	HandOver(job models.Job)
	Notify(topic string)
	Wait(ctx context.Context, projectID, id string, d time.Duration) (models.Job, error)
}

var _ Jobs = (*jobs.Engine)(nil)

// ChangePassword gives the user another password, ends every login there is and returns a new one. Access tokens that were
// given out live on until they expire. Errors: InvalidRequestBody, InvalidCredentials for a wrong current password,
// NoPassword, RateLimited.
func (a *Service) ChangePassword(ctx context.Context, p models.Principal, current, next string) (Login, error) {
	u, err := a.confirmed(ctx, p, current, models.At("current_password"))
	if err != nil {
		return Login{}, err
	}
	if err := a.setPassword(ctx, u, next, models.At("new_password")); err != nil {
		return Login{}, err
	}
	return a.newLogin(ctx, u.ID, "")
}

// confirmed returns the user of a login who has shown the password again. Wrong ones are counted as those of logins are.
func (a *Service) confirmed(ctx context.Context, p models.Principal, password string, path models.Path) (models.User, error) {
	id, err := user(p)
	if err != nil {
		return models.User{}, err
	}
	if password == "" || len(password) > maxPassword {
		return models.User{}, models.InvalidField(path, "required", "is required: the password of the account")
	}
	key, few := "confirm user "+id, limit.Rate{Requests: a.cfg.LoginFailures, Per: loginWindow}
	if d := a.cfg.Throttle.Take(ctx, key, few); d.Wait > 0 {
		return models.User{}, service.Limited(d, a.cfg.Now())
	}
	u, err := a.cfg.Store.UserByID(ctx, id)
	if err != nil {
		return models.User{}, service.Absent(err, models.InvalidToken) // the account is gone, its token not yet expired
	}
	if !u.HasPassword() {
		a.cfg.Throttle.Refund(ctx, key, few)
		return models.User{}, models.NewError(models.NoPassword)
	}
	ok, _, err := a.cfg.Passwords.Verify(ctx, u.PasswordHash, password)
	switch {
	case err != nil:
		return models.User{}, service.Unavailable(err)
	case !ok:
		return models.User{}, models.NewError(models.InvalidCredentials)
	}
	a.cfg.Throttle.Refund(ctx, key, few)
	return u, nil
}

func (a *Service) setPassword(ctx context.Context, u models.User, password string, path models.Path) error {
	if fault := passwordFault(password); fault != nil {
		fault.Path = path
		return &models.Error{Code: models.InvalidRequestBody, Fields: []models.FieldError{*fault}}
	}
	hash, err := a.cfg.Passwords.Hash(ctx, password)
	if err != nil {
		return service.Unavailable(err)
	}
	if err := a.cfg.Store.SetPassword(ctx, u.ID, hash, a.cfg.Now()); err != nil {
		return service.Absent(err, models.InvalidToken)
	}
	return nil
}

// DeletedProject is a project that is out of reach, and what a job has deleted of it.
type DeletedProject struct {
	ProjectID string
	Job       models.Job
	Audit     *models.AuditRecord // nil while the job is not done
}

// DeleteProject deletes a project with everything in it, for all its members: its keys work no more and nothing of it can be
// read at once; a job deletes the rest, for which the call waits up to MaxWait. Errors: ProjectNotFound, InsufficientRole.
func (a *Service) DeleteProject(ctx context.Context, p models.Principal, projectID string) (DeletedProject, error) {
	p, err := a.within(ctx, p, projectID, models.RightProjectDelete)
	if err != nil {
		return DeletedProject{}, err
	}
	id := p.ProjectID
	gone, err := a.delete(ctx, p.UserID, id)
	if err != nil {
		return DeletedProject{}, refused(err, p, models.RightProjectDelete, models.ProjectNotFound)
	}
	d := DeletedProject{ProjectID: id, Job: gone[0].Job}
	if a.cfg.Jobs == nil {
		return d, nil
	}
	job, err := a.cfg.Jobs.Wait(ctx, id, d.Job.ID, service.MaxWait)
	if err != nil {
		return d, service.Unanswered(err)
	}
	d.Job = job
	if job.State == models.JobCompleted {
		audit, err := a.cfg.Store.AuditRecord(ctx, id, gone[0].ErasureID)
		if err != nil {
			return d, service.Unavailable(err)
		}
		d.Audit = &audit
	}
	return d, nil
}

// DeleteAccount deletes the user's account with all projects that nobody else is in, where the password is given again. The
// account is gone at once and those projects are out of reach; a job each deletes the rest. Projects with another owner lose a
// member. Errors: InvalidRequestBody, InvalidCredentials, NoPassword, RateLimited; LastOwner where others would be left in a project
// without an owner.
func (a *Service) DeleteAccount(ctx context.Context, p models.Principal, password string) ([]DeletedProject, error) {
	u, err := a.confirmed(ctx, p, password, models.At("password"))
	if err != nil {
		return nil, err
	}
	return a.deleteAccount(ctx, u.ID)
}

func (a *Service) deleteAccount(ctx context.Context, userID string) ([]DeletedProject, error) {
	gone, err := a.delete(ctx, userID, "")
	var last *store.LastOwnerError
	if errors.As(err, &last) {
		return nil, lastOwner(last)
	}
	if err != nil {
		return nil, service.Absent(err, models.InvalidToken)
	}
	out := make([]DeletedProject, len(gone))
	for i, d := range gone {
		out[i] = DeletedProject{ProjectID: d.ProjectID, Job: d.Job}
	}
	return out, nil
}

func (a *Service) delete(ctx context.Context, userID, projectID string) ([]store.Deletion, error) {
	gone, err := a.cfg.Store.Delete(ctx, store.NewDeletion{UserID: userID, ProjectID: projectID, At: a.cfg.Now(),
		Job: func(projectID, erasureID string) models.Job {
			return jobs.Prepare(ctx, projectID, models.KindProjectDelete, json.RawMessage(`{"erasure_id":"`+erasureID+`"}`))
		}})
	if err != nil {
		return nil, err
	}
	a.keys.dropAll()
	if a.cfg.Jobs == nil {
		return gone, nil
	}
	for _, d := range gone {
		a.cfg.Jobs.HandOver(d.Job)
		for _, id := range d.Sessions {
			a.cfg.Jobs.Notify(id) // streams look, find no session and end
		}
	}
	return gone, nil
}

// The methods below are an operator's, who acts at the command line of the server and passes by sign-up and passwords.

// ErrNoUser says that there is no account with an e-mail.
var ErrNoUser = errors.New("there is no account with this e-mail")

// ErrNotLinked says that an account belongs to nobody at a provider of logins.
var ErrNotLinked = errors.New("the account is not linked to a provider of logins")

// AddUser makes an account. Errors: InvalidRequestBody, EmailTaken.
func (a *Service) AddUser(ctx context.Context, email, password string) (models.User, error) {
	email, err := checkCredentials(Credentials{Email: email, Password: password})
	if err != nil {
		return models.User{}, err
	}
	if email == DemoEmail {
		return models.User{}, models.NewError(models.EmailTaken)
	}
	u, err := a.createUser(ctx, email, password)
	if errors.Is(err, store.ErrDuplicate) {
		return models.User{}, models.NewError(models.EmailTaken)
	}
	return u, err
}

// ResetPassword gives an account another password and ends every login there is. Errors: ErrNoUser, InvalidRequestBody.
func (a *Service) ResetPassword(ctx context.Context, email, password string) (models.User, error) {
	u, err := a.byEmail(ctx, email)
	if err != nil {
		return u, err
	}
	return u, a.setPassword(ctx, u, password, models.At("password"))
}

// Unlink forgets who a user is at providers of logins, and ends every login there is; the next login through one links the account anew, to whoever has
// its e-mail address there. Errors: ErrNoUser, ErrNotLinked.
func (a *Service) Unlink(ctx context.Context, email string) (models.User, error) {
	u, err := a.byEmail(ctx, email)
	if err != nil {
		return u, err
	}
	err = a.cfg.Store.UnlinkIdentities(ctx, u.ID, a.cfg.Now())
	if errors.Is(err, store.ErrNotFound) {
		return u, ErrNotLinked
	}
	return u, err
}

// RemoveUser deletes an account with all projects that nobody else is in; workers delete what these leave. Errors: ErrNoUser,
// LastOwner.
func (a *Service) RemoveUser(ctx context.Context, email string) (models.User, []DeletedProject, error) {
	u, err := a.byEmail(ctx, email)
	if err != nil {
		return u, nil, err
	}
	gone, err := a.deleteAccount(ctx, u.ID)
	return u, gone, err
}

// SetOperator says whether a user may read how the whole server does. Error: ErrNoUser.
func (a *Service) SetOperator(ctx context.Context, email string, on bool) (models.User, error) {
	u, err := a.byEmail(ctx, email)
	if err != nil {
		return u, err
	}
	u.Operator = on
	return u, a.cfg.Store.SetOperator(ctx, u.ID, on)
}

// SetRole gives a member of a project another role, or takes them out with "". Errors: ErrNoUser, ProjectNotFound, MemberNotFound, LastOwner.
func (a *Service) SetRole(ctx context.Context, email, projectID string, role models.Role) (models.User, error) {
	u, err := a.byEmail(ctx, email)
	if err != nil {
		return u, err
	}
	id, ok := models.ParseID(projectID)
	if !ok {
		return u, models.NewError(models.ProjectNotFound)
	}
	_, err = a.cfg.Store.ChangeMember(ctx, store.MemberChange{ProjectID: id, UserID: u.ID, Role: role, MaxOwned: a.cfg.MaxProjects})
	return u, a.memberError(err, models.Principal{ProjectID: id})
}

func (a *Service) byEmail(ctx context.Context, email string) (models.User, error) {
	normal, ok := NormalizeEmail(email)
	if !ok {
		return models.User{}, fmt.Errorf("%q is not an e-mail address", email)
	}
	u, err := a.cfg.Store.UserByEmail(ctx, normal)
	if errors.Is(err, store.ErrNotFound) {
		return u, ErrNoUser
	}
	return u, err
}
