package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// ErrForbidden says that a user is a member of the project and may not do this there.
var ErrForbidden = errors.New("store: the role does not allow it")

// ErrMember says that somebody is a member of the project already.
var ErrMember = errors.New("store: a member already")

// LastOwnerError says that projects would be left with members and without an owner.
type LastOwnerError struct{ Projects []string }

func (e *LastOwnerError) Error() string {
	return fmt.Sprintf("store: the last owner of %s", strings.Join(e.Projects, ", "))
}

// Whoever changes who is in a project, or what only some of its members may change, holds the row of the project
// (lockProject) and asks under it (allow). So what a user does and what happens to their role come one after the other. Where a
// user's row is held as well, it is taken first.

// lockProject makes others that would change the project wait. ErrNotFound when it is absent.
func lockProject(tx *gorm.DB, projectID string) error {
	return translate(forUpdate(tx).Select("id").Where("id = ?", projectID).Take(&models.Project{}).Error)
}

// lockUser makes others that would change what a user owns wait. ErrNotFound when the account is gone.
func lockUser(tx *gorm.DB, userID string) error {
	return translate(forUpdate(tx).Select("id").Where("id = ?", userID).Take(&models.User{}).Error)
}

// allow holds a user to the rights of their role: ErrNotFound for who is not a member of the project, ErrForbidden for a role
// without the right.
func allow(db *gorm.DB, projectID, userID string, right models.Right) error {
	m, err := membership(db, projectID, userID)
	if err == nil && !m.Role.May(right) {
		return ErrForbidden
	}
	return err
}

func membership(db *gorm.DB, projectID, userID string) (models.Membership, error) {
	var m models.Membership
	err := db.Where("project_id = ? AND user_id = ?", projectID, userID).Take(&m).Error
	return m, translate(err)
}

// Membership returns a user's place in a project, or ErrNotFound.
func (s *Store) Membership(ctx context.Context, projectID, userID string) (models.Membership, error) {
	return membership(s.read(ctx), projectID, userID)
}

// MembershipsIn returns the places of users in projects, by project and user. What is not there is left out.
func (s *Store) MembershipsIn(ctx context.Context, projects, users []string) (map[[2]string]models.Role, error) {
	out := map[[2]string]models.Role{}
	for p := range slices.Chunk(projects, idChunk) {
		for u := range slices.Chunk(users, idChunk) {
			var found []models.Membership
			if err := s.read(ctx).Where("project_id IN ? AND user_id IN ?", p, u).Find(&found).Error; err != nil {
				return nil, translate(err)
			}
			for _, m := range found {
				out[[2]string{m.ProjectID, m.UserID}] = m.Role
			}
		}
	}
	return out, nil
}

// OwnProject is a project with what the user is in it who asked.
type OwnProject struct {
	models.Project
	Role models.Role
}

const ownProjects = `SELECT p.id, p.name, p.created_at, m.role FROM memberships m JOIN projects p ON p.id = m.project_id WHERE m.user_id = ?`

// Projects returns the projects of which a user is a member, oldest first.
func (s *Store) Projects(ctx context.Context, userID string) ([]OwnProject, error) {
	var out []OwnProject
	err := s.read(ctx).Raw(ownProjects+" ORDER BY p.id", userID).Scan(&out).Error
	return out, translate(err)
}

// Project returns a project of which a user is a member, or ErrNotFound.
func (s *Store) Project(ctx context.Context, userID, id string) (OwnProject, error) {
	var out []OwnProject
	err := s.read(ctx).Raw(ownProjects+" AND p.id = ?", userID, id).Scan(&out).Error
	if err == nil && len(out) == 0 {
		return OwnProject{}, ErrNotFound
	}
	if err != nil {
		return OwnProject{}, translate(err)
	}
	return out[0], nil
}

// Member is a member of a project as the others see them.
type Member struct {
	models.Membership
	Email string
}

// Members returns the members of a project, in the order in which they came.
func (s *Store) Members(ctx context.Context, projectID string) ([]Member, error) {
	var out []Member
	err := s.read(ctx).Raw(`SELECT m.project_id, m.user_id, m.role, m.created_at, u.email FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE m.project_id = ? ORDER BY m.created_at, m.user_id`, projectID).Scan(&out).Error
	return out, translate(err)
}

// MemberChange gives a member of a project another role, or none. By is who asks; "" is the server's operator, who may.
type MemberChange struct {
	ProjectID string
	By        string
	UserID    string
	Role      models.Role // "" removes
	// MaxOwned is how many projects a user may own.
	MaxOwned int
}

// ChangeMember makes a change, and returns the member as they are now, or were before they were removed. What is as it should
// be already is not an error. Errors: ErrNotFound where the project is absent or By is not a member of it; ErrNoMember where the user
// is none; ErrForbidden where By may not, *LastOwnerError where the project would have no owner, ErrTooMany where the user owns
// as many projects as they may.
func (s *Store) ChangeMember(ctx context.Context, c MemberChange) (out models.Membership, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if c.Role == models.RoleOwner {
			if err := lockUser(tx, c.UserID); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		if err := lockProject(tx, c.ProjectID); err != nil {
			return err
		}
		leaves := c.By == c.UserID && c.Role == ""
		right := models.RightMembers
		if leaves {
			right = models.RightProjectRead // everybody may go
		}
		if c.By != "" {
			if err := allow(tx, c.ProjectID, c.By, right); err != nil {
				return err
			}
		}
		m, err := membership(tx, c.ProjectID, c.UserID)
		switch {
		case errors.Is(err, ErrNotFound):
			return ErrNoMember
		case err != nil:
			return err
		case m.Role == c.Role:
			out = m
			return nil
		case m.Role == models.RoleOwner:
			if err := anotherOwner(tx, m); err != nil {
				return err
			}
		case c.Role == models.RoleOwner:
			if err := roomToOwn(tx, c.UserID, c.MaxOwned); err != nil {
				return err
			}
		}
		was := m.Role
		event := models.AuditEvent{AccountID: &m.UserID, ProjectID: &m.ProjectID, ActorKind: models.ActorUser, Actor: c.By, Subject: m.UserID}
		if c.Role == "" {
			out = m
			event.Action = models.AuditMemberRemoved
			if leaves {
				event.Action = models.AuditMemberLeft
			}
			if err := one(tx.Where("project_id = ? AND user_id = ?", m.ProjectID, m.UserID).Delete(&models.Membership{})); err != nil {
				return err
			}
			return appendAudit(tx, event, map[string]any{"role": was})
		}
		m.Role = c.Role
		out = m
		if err := one(tx.Model(&models.Membership{}).Where("project_id = ? AND user_id = ?", m.ProjectID, m.UserID).Update("role", m.Role)); err != nil {
			return err
		}
		event.Action = models.AuditRoleChanged
		return appendAudit(tx, event, map[string]any{"from": was, "to": m.Role})
	})
	return out, err
}

// ErrNoMember says that a user is not a member of the project.
var ErrNoMember = errors.New("store: no member")

// anotherOwner refuses what would take the last owner from a project, whose row is held.
func anotherOwner(tx *gorm.DB, m models.Membership) error {
	var n int64
	err := tx.Model(&models.Membership{}).Where("project_id = ? AND role = ? AND user_id <> ?", m.ProjectID, models.RoleOwner, m.UserID).Count(&n).Error
	if err == nil && n == 0 {
		return &LastOwnerError{[]string{m.ProjectID}}
	}
	return err
}

// roomToOwn refuses one project more to a user, whose row is held, who owns limit.
func roomToOwn(tx *gorm.DB, userID string, limit int) error {
	var n int64
	err := tx.Model(&models.Membership{}).Where("user_id = ? AND role = ?", userID, models.RoleOwner).Count(&n).Error
	if err == nil && n >= int64(limit) {
		return ErrTooMany
	}
	return err
}

// join makes a user a member of a project, whose row is held.
func join(tx *gorm.DB, m models.Membership) error {
	m.CreatedAt = utc(m.CreatedAt)
	return tx.Create(&m).Error
}

// openInvitation selects the invitations that can be accepted at a time.
const openInvitation = "accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ?"

// Invite adds an invitation that By has made; an open one of the same e-mail into the project is revoked. Errors: ErrNotFound,
// ErrForbidden for By as in ChangeMember; ErrMember where the e-mail is a member's; ErrTooMany where the project has limit
// members and open invitations.
func (s *Store) Invite(ctx context.Context, i models.Invitation, limit int) error {
	i.CreatedAt, i.ExpiresAt = utc(i.CreatedAt), utc(i.ExpiresAt)
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockProject(tx, i.ProjectID); err != nil {
			return err
		}
		if err := allow(tx, i.ProjectID, i.CreatedBy, models.RightMembers); err != nil {
			return err
		}
		var n int64
		if err := tx.Table("memberships m").Joins("JOIN users u ON u.id = m.user_id").Where("m.project_id = ? AND u.email = ?", i.ProjectID, i.Email).Count(&n).Error; err != nil {
			return err
		}
		if n > 0 {
			return ErrMember
		}
		if err := tx.Model(&models.Invitation{}).Where("project_id = ? AND email = ? AND accepted_at IS NULL AND revoked_at IS NULL", i.ProjectID, i.Email).
			Update("revoked_at", i.CreatedAt).Error; err != nil {
			return err
		}
		old := i.CreatedAt.Add(-keptKeys)
		if err := tx.Where("project_id = ? AND (accepted_at < ? OR revoked_at < ? OR expires_at < ?)", i.ProjectID, old, old, old).Delete(&models.Invitation{}).Error; err != nil {
			return err
		}
		var members, open int64
		if err := tx.Model(&models.Membership{}).Where("project_id = ?", i.ProjectID).Count(&members).Error; err != nil {
			return err
		}
		if err := tx.Model(&models.Invitation{}).Where("project_id = ? AND "+openInvitation, i.ProjectID, i.CreatedAt).Count(&open).Error; err != nil {
			return err
		}
		if members+open >= int64(limit) {
			return ErrTooMany
		}
		if err := tx.Create(&i).Error; err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &i.CreatedBy, ProjectID: &i.ProjectID, ActorKind: models.ActorUser, Actor: i.CreatedBy,
			Action: models.AuditMemberInvited, Subject: i.ID}, map[string]any{"role": i.Role})
	})
}

// Invitations returns the invitations into a project that can be accepted at a time, oldest first.
func (s *Store) Invitations(ctx context.Context, projectID string, at time.Time) ([]models.Invitation, error) {
	var out []models.Invitation
	err := s.read(ctx).Where("project_id = ? AND "+openInvitation, projectID, utc(at)).Order("id").Find(&out).Error
	return out, translate(err)
}

// RevokeInvitation revokes an invitation that nobody has accepted. Errors: ErrNotFound where there is none, or By is not a member
// of the project; ErrForbidden where By may not.
func (s *Store) RevokeInvitation(ctx context.Context, projectID, by, id string, at time.Time) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockProject(tx, projectID); err != nil {
			return err
		}
		if err := allow(tx, projectID, by, models.RightMembers); err != nil {
			return err
		}
		if err := one(tx.Model(&models.Invitation{}).Where("project_id = ? AND id = ? AND "+openInvitation, projectID, id, utc(at)).Update("revoked_at", utc(at))); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &by, ProjectID: &projectID, ActorKind: models.ActorUser, Actor: by,
			Action: models.AuditInvitationRevoked, Subject: id}, nil)
	})
}

// OpenInvitation returns the invitation with the hash if the e-mail can accept it at a time, or ErrNotFound. It takes no
// project: it is how one is found.
func (s *Store) OpenInvitation(ctx context.Context, hash, email string, at time.Time) (models.Invitation, error) {
	return findInvitation(s.read(ctx), hash, email, at)
}

func findInvitation(db *gorm.DB, hash, email string, at time.Time) (models.Invitation, error) {
	var i models.Invitation
	err := db.Where("hash = ? AND email = ? AND "+openInvitation, hash, email, utc(at)).Take(&i).Error
	return i, translate(err)
}

// Accept makes a user a member by the invitation with the hash, once, and returns the project with their role. Of concurrent
// calls one wins. Errors: ErrNotFound where the user's e-mail cannot accept it, ErrMember, ErrTooMany for an owner who owns
// maxOwned projects.
func (s *Store) Accept(ctx context.Context, hash, userID string, at time.Time, maxOwned int) (out OwnProject, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		out, err = accept(tx, hash, userID, at, maxOwned)
		return err
	})
	return out, err
}

func accept(tx *gorm.DB, hash, userID string, at time.Time, maxOwned int) (OwnProject, error) {
	var u models.User
	if err := forUpdate(tx).Where("id = ?", userID).Take(&u).Error; err != nil {
		return OwnProject{}, translate(err)
	}
	found, err := findInvitation(tx, hash, u.Email, at)
	if err != nil {
		return OwnProject{}, err
	}
	if err := lockProject(tx, found.ProjectID); err != nil {
		return OwnProject{}, err
	}
	i, err := findInvitation(tx, hash, u.Email, at) // as it is now that nobody changes it
	if err != nil {
		return OwnProject{}, err
	}
	switch _, err := membership(tx, i.ProjectID, userID); {
	case err == nil:
		return OwnProject{}, ErrMember
	case !errors.Is(err, ErrNotFound):
		return OwnProject{}, err
	}
	if i.Role == models.RoleOwner {
		if err := roomToOwn(tx, userID, maxOwned); err != nil {
			return OwnProject{}, err
		}
	}
	if err := one(tx.Model(&models.Invitation{}).Where("id = ?", i.ID).Update("accepted_at", utc(at))); err != nil {
		return OwnProject{}, err
	}
	if err := join(tx, models.Membership{ProjectID: i.ProjectID, UserID: userID, Role: i.Role, CreatedAt: at}); err != nil {
		return OwnProject{}, err
	}
	out := OwnProject{Role: i.Role}
	if err := tx.Where("id = ?", i.ProjectID).Take(&out.Project).Error; err != nil {
		return OwnProject{}, err
	}
	return out, appendAudit(tx, models.AuditEvent{AccountID: &userID, ProjectID: &i.ProjectID, ActorKind: models.ActorUser, Actor: userID,
		Action: models.AuditMemberJoined, Subject: userID}, map[string]any{"role": i.Role, "invitation": i.ID, "invited_by": i.CreatedBy})
}

// HasOperator reports whether any user is an operator.
func (s *Store) HasOperator(ctx context.Context) (bool, error) {
	var ids []string
	err := s.read(ctx).Model(&models.User{}).Where("operator").Limit(1).Pluck("id", &ids).Error
	return len(ids) > 0, translate(err)
}

// SetOperator says whether a user is an operator. ErrNotFound.
func (s *Store) SetOperator(ctx context.Context, userID string, on bool) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		var u models.User
		if err := forUpdate(tx).Where("id = ?", userID).Take(&u).Error; err != nil || u.Operator == on {
			return err
		}
		if err := one(tx.Model(&models.User{}).Where("id = ?", userID).Update("operator", on)); err != nil {
			return err
		}
		e := models.AuditEvent{AccountID: &userID, ActorKind: models.ActorOperator, Action: models.AuditOperatorOff, Subject: userID}
		if on {
			e.Action = models.AuditOperatorOn
		}
		return appendAudit(tx, e, nil)
	})
}

// ProjectListing is a project as an operator of the server sees it.
type ProjectListing struct {
	models.Project
	Members int
}

// AllProjects returns at most limit projects of everybody, oldest first, from the one after afterID on.
func (s *Store) AllProjects(ctx context.Context, afterID string, limit int) ([]ProjectListing, error) {
	var out []ProjectListing
	err := s.read(ctx).Raw(`SELECT p.id, p.name, p.created_at, (SELECT count(*) FROM memberships m WHERE m.project_id = p.id) AS members
		FROM projects p WHERE p.id > ? ORDER BY p.id LIMIT ?`, afterID, limit).Scan(&out).Error
	return out, translate(err)
}
