package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Operations of calls about members that Once answers.
const (
	OperationInvitation       = "invitation_create"
	OperationAcceptInvitation = "invitation_accept"
)

// Member is a member of a project as the others see them.
type Member = store.Member

// ListMembers returns the members of a project, in the order in which they came. Errors: ProjectNotFound.
func (a *Service) ListMembers(ctx context.Context, p models.Principal, projectID string) ([]Member, error) {
	p, err := a.within(ctx, p, projectID, models.RightProjectRead)
	if err != nil {
		return nil, err
	}
	out, err := a.cfg.Store.Members(ctx, p.ProjectID)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return out, nil
}

// ChangeRole gives a member of a project another role. To hand a project over, its owner makes another member one and then
// leaves. Errors: InvalidRequestBody, ProjectNotFound, InsufficientRole, MemberNotFound; LastOwner for the only owner.
func (a *Service) ChangeRole(ctx context.Context, p models.Principal, projectID, userID string, role models.Role) (models.Membership, error) {
	p, err := a.within(ctx, p, projectID, models.RightMembers)
	if err != nil {
		return models.Membership{}, err
	}
	if fault := roleFault(role); fault != nil {
		return models.Membership{}, &models.Error{Code: models.InvalidRequestBody, Fields: []models.FieldError{*fault}}
	}
	return a.changeMember(ctx, p, userID, role)
}

// RemoveMember takes a member out of a project, from the next call on. Everybody may take out themselves. What they made in it
// stays, keys too. Errors: ProjectNotFound, InsufficientRole, MemberNotFound; LastOwner for the only owner.
func (a *Service) RemoveMember(ctx context.Context, p models.Principal, projectID, userID string) error {
	right := models.RightMembers
	if id, ok := models.ParseID(userID); ok && id == p.UserID {
		right = models.RightProjectRead
	}
	p, err := a.within(ctx, p, projectID, right)
	if err != nil {
		return err
	}
	_, err = a.changeMember(ctx, p, userID, "")
	return err
}

func (a *Service) changeMember(ctx context.Context, p models.Principal, userID string, role models.Role) (models.Membership, error) {
	userID, ok := models.ParseID(userID)
	if !ok {
		return models.Membership{}, models.NewError(models.MemberNotFound)
	}
	m, err := a.cfg.Store.ChangeMember(ctx, store.MemberChange{ProjectID: p.ProjectID, By: p.UserID, UserID: userID, Role: role, MaxOwned: a.cfg.MaxProjects})
	return m, a.memberError(err, p)
}

// memberError is the error of a call about members that the store refused.
func (a *Service) memberError(err error, p models.Principal) error {
	var last *store.LastOwnerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &last):
		return lastOwner(last)
	case errors.Is(err, store.ErrNoMember):
		return models.NewError(models.MemberNotFound)
	case errors.Is(err, store.ErrMember):
		return models.NewError(models.AlreadyMember)
	case errors.Is(err, store.ErrTooMany):
		return models.Errorf(models.InvalidRequestBody, "The user owns %d projects, the most an account may own.", a.cfg.MaxProjects)
	}
	return refused(err, p, models.RightMembers, models.ProjectNotFound)
}

// lastOwner is the error of what would leave projects without an owner.
func lastOwner(last *store.LastOwnerError) error {
	e := models.NewError(models.LastOwner)
	e.Details = map[string]any{"projects": last.Projects}
	return e
}

// roleFault says what is wrong with a role to be, nil for nothing.
func roleFault(role models.Role) *models.FieldError {
	switch {
	case role == "":
		return &models.FieldError{Path: models.At("role"), Code: "required", Message: "is required: owner, member or viewer"}
	case !role.Valid():
		return &models.FieldError{Path: models.At("role"), Code: "not_allowed", Message: "must be owner, member or viewer"}
	}
	return nil
}

// Invite lets an e-mail address become a member of a project, once and for Config.InvitationTTL, and returns the token
// by which it does, which is kept nowhere: it is for the inviter to pass on. The answer does not tell whether the address has an
// account. An open invitation of the address is revoked. Errors: InvalidRequestBody, ProjectNotFound, InsufficientRole,
// AlreadyMember.
func (a *Service) Invite(ctx context.Context, p models.Principal, projectID, email string, role models.Role) (models.Invitation, string, error) {
	p, err := a.within(ctx, p, projectID, models.RightMembers)
	if err != nil {
		return models.Invitation{}, "", err
	}
	wrong := models.NewError(models.InvalidRequestBody)
	email, ok := NormalizeEmail(email)
	if !ok {
		wrong.Fields = append(wrong.Fields, models.FieldError{Path: models.At("email"), Code: "not_email", Message: "must be an e-mail address"})
	}
	if fault := roleFault(role); fault != nil {
		wrong.Fields = append(wrong.Fields, *fault)
	}
	if len(wrong.Fields) > 0 {
		return models.Invitation{}, "", wrong
	}
	now := a.cfg.Now().UTC().Truncate(time.Microsecond)
	raw := auth.NewInvitation()
	i := models.Invitation{ID: models.NewID(), ProjectID: p.ProjectID, Email: email, Role: role, Hash: auth.HashSecret(raw),
		CreatedBy: p.UserID, CreatedAt: now, ExpiresAt: now.Add(a.cfg.InvitationTTL)}
	err = a.cfg.Store.Invite(ctx, i, a.cfg.MaxMembers)
	if errors.Is(err, store.ErrTooMany) {
		return models.Invitation{}, "", models.Errorf(models.InvalidRequestBody,
			"This project has %d members and open invitations, the most it may have; remove a member or revoke an invitation first.", a.cfg.MaxMembers)
	}
	if err != nil {
		return models.Invitation{}, "", a.memberError(err, p)
	}
	return i, raw, nil
}

// ListInvitations returns the open invitations into a project, oldest first. Errors: ProjectNotFound, InsufficientRole.
func (a *Service) ListInvitations(ctx context.Context, p models.Principal, projectID string) ([]models.Invitation, error) {
	p, err := a.within(ctx, p, projectID, models.RightMembers)
	if err != nil {
		return nil, err
	}
	out, err := a.cfg.Store.Invitations(ctx, p.ProjectID, a.cfg.Now())
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return out, nil
}

// RevokeInvitation ends an open invitation. Errors: ProjectNotFound, InsufficientRole, InvitationNotFound.
func (a *Service) RevokeInvitation(ctx context.Context, p models.Principal, projectID, id string) error {
	p, err := a.within(ctx, p, projectID, models.RightMembers)
	if err != nil {
		return err
	}
	id, ok := models.ParseID(id)
	if !ok {
		return models.NewError(models.InvitationNotFound)
	}
	if err := a.cfg.Store.RevokeInvitation(ctx, p.ProjectID, p.UserID, id, a.cfg.Now()); err != nil {
		return refused(err, p, models.RightMembers, models.InvitationNotFound)
	}
	return nil
}

// AcceptInvitation makes the user a member of the project that their e-mail address was invited into. Errors:
// InvitationNotFound for a token that is unknown, used, revoked, expired or another address's alike; AlreadyMember.
func (a *Service) AcceptInvitation(ctx context.Context, p models.Principal, token string) (OwnProject, error) {
	userID, err := user(p)
	if err != nil {
		return OwnProject{}, err
	}
	if err := checkInvitation(token); err != nil {
		return OwnProject{}, err
	}
	out, err := a.cfg.Store.Accept(ctx, auth.HashSecret(token), userID, a.cfg.Now(), a.cfg.MaxProjects)
	if errors.Is(err, store.ErrNotFound) {
		return OwnProject{}, noInvitation()
	}
	if err != nil {
		return OwnProject{}, a.memberError(err, p)
	}
	return out, nil
}

// checkInvitation refuses what cannot be the token of an invitation.
func checkInvitation(token string) error {
	if auth.WellFormedInvitation(token) {
		return nil
	}
	return noInvitation()
}

// noInvitation tells nobody whether a token exists that is not for them.
func noInvitation() error {
	return models.Errorf(models.InvitationNotFound, "There is no open invitation with this token for your e-mail address.")
}

// EnterServer returns the principal in which a user reads how the server does, if they are an operator: see models.RightServer.
// The database is asked every time.
func (a *Service) EnterServer(ctx context.Context, p models.Principal) (models.Principal, error) {
	id, err := user(p)
	if err != nil {
		return models.Principal{}, err
	}
	u, err := a.cfg.Store.UserByID(ctx, id)
	if err != nil {
		return models.Principal{}, service.Absent(err, models.InvalidToken) // the account is gone, its token not yet expired
	}
	return models.Principal{UserID: id, Operator: u.Operator}, nil
}
