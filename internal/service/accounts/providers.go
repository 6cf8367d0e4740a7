package accounts

import (
	"context"
	"errors"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Person is somebody who has logged in at a provider, as it tells of them.
type Person struct {
	Issuer, Subject string // name the person for good
	Email           string // "" for none
	Verified        bool   // the provider says that the address is the person's
	Remote          string // the client's IP address, for the throttle
	// Invitation is the token of an invitation that who has no account accepts, "" for none.
	Invitation string
}

// LoginThrough begins a login of a person for whom a provider vouches. Whoever it has vouched for before is known by issuer and subject, whatever
// their e-mail is now. Anybody else must have a verified e-mail: the account with it becomes theirs, without the password and the logins that it
// had, for nobody has seen whether who made them could read mail to it. Where there is none, one is made if Config.ProviderSignup says so or
// they are invited. Errors: EmailUnverified, IdentityConflict, SignupDisabled, InvitationNotFound, RateLimited.
func (a *Service) LoginThrough(ctx context.Context, p Person) (Login, error) {
	u, err := a.identified(ctx, p)
	if errors.Is(err, store.ErrDuplicate) { // another of the person's pages was faster: what is there now counts
		u, err = a.identified(ctx, p)
	}
	var known *models.Error
	switch {
	case err == nil:
		return a.newLogin(ctx, u.ID, p.Issuer)
	case errors.Is(err, store.ErrDuplicate):
		return Login{}, models.NewError(models.IdentityConflict)
	case errors.As(err, &known):
		return Login{}, err
	}
	return Login{}, service.Unavailable(err)
}

// identified returns the account of a person. Errors: those of LoginThrough, and store.ErrDuplicate where the identity or the e-mail is another's.
func (a *Service) identified(ctx context.Context, p Person) (models.User, error) {
	u, err := a.cfg.Store.UserByIdentity(ctx, p.Issuer, p.Subject)
	if errors.Is(err, store.ErrNotFound) {
		return a.newcomer(ctx, p)
	}
	return u, err
}

// newcomer links the account of a person for whom the provider vouches the first time, or makes one.
func (a *Service) newcomer(ctx context.Context, p Person) (models.User, error) {
	email, ok := NormalizeEmail(p.Email)
	if !ok {
		return models.User{}, models.NewError(models.EmailUnverified)
	}
	if email == DemoEmail {
		return models.User{}, models.NewError(models.IdentityConflict)
	}
	i := models.LoginIdentity{Issuer: p.Issuer, Subject: p.Subject, CreatedAt: a.cfg.Now().UTC()}
	u, err := a.cfg.Store.UserByEmail(ctx, email)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return models.User{}, err
	case !p.Verified:
		if err == nil {
			a.noteFailed(ctx, u.ID, map[string]any{"issuer": p.Issuer, "reason": string(models.EmailUnverified)})
		}
		return models.User{}, models.NewError(models.EmailUnverified)
	case err == nil:
		i.UserID = u.ID
		return u, a.cfg.Store.LinkIdentity(ctx, i)
	}
	return a.signUpThrough(ctx, p, email, i)
}

// signUpThrough makes the account of a person for whom the provider vouches.
func (a *Service) signUpThrough(ctx context.Context, p Person, email string, i models.LoginIdentity) (models.User, error) {
	hash := ""
	switch {
	case p.Invitation != "":
		if err := checkInvitation(p.Invitation); err != nil {
			return models.User{}, err
		}
		hash = auth.HashSecret(p.Invitation)
	case !a.cfg.ProviderSignup:
		return models.User{}, models.Errorf(models.SignupDisabled, "There is no account with your e-mail address on this server.")
	}
	if err := a.countSignup(ctx, p.Remote); err != nil {
		return models.User{}, err
	}
	u := models.User{ID: models.NewID(), Email: email, CreatedAt: i.CreatedAt}
	i.UserID = u.ID
	err := a.cfg.Store.CreateIdentifiedUser(ctx, u, i, hash)
	if errors.Is(err, store.ErrNotFound) {
		return models.User{}, noInvitation()
	}
	return u, err
}
