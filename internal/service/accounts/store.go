package accounts

import (
	"context"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Store keeps people, their projects and keys, and what is remembered of them.
type Store interface {
	PeopleStore
	ProjectStore
	MemberStore
	KeyStore
	LoginStore
	AuditStore
	DeletionStore
}

var _ Store = (*store.Store)(nil)

// PeopleStore keeps people who log in.
type PeopleStore interface {
	CreateUser(ctx context.Context, u models.User) error
	CreateInvitedUser(ctx context.Context, u models.User, hash string) (store.OwnProject, error)
	HasOperator(ctx context.Context) (bool, error)
	SetOperator(ctx context.Context, userID string, on bool) error
	UserByEmail(ctx context.Context, email string) (models.User, error)
	UserByID(ctx context.Context, id string) (models.User, error)
	UserByIdentity(ctx context.Context, issuer, subject string) (models.User, error)
	CreateIdentifiedUser(ctx context.Context, u models.User, i models.LoginIdentity, invitation string) error
	LinkIdentity(ctx context.Context, i models.LoginIdentity) error
	UnlinkIdentities(ctx context.Context, userID string, at time.Time) error
	SetPassword(ctx context.Context, userID, hash string, at time.Time) error
	ReplacePasswordHash(ctx context.Context, userID, old, hash string) error
}

// ProjectStore keeps projects.
type ProjectStore interface {
	CreateProject(ctx context.Context, p models.Project, ownerID string, limit int) error
	Project(ctx context.Context, userID, id string) (store.OwnProject, error)
	Projects(ctx context.Context, userID string) ([]store.OwnProject, error)
	Retention(ctx context.Context, projectID string) (models.ProjectRetention, error)
	ChangeRetention(ctx context.Context, projectID, by string, change func(*models.ProjectRetention) error) (models.ProjectRetention, error)
}

// MemberStore keeps who is in projects, and who is invited.
type MemberStore interface {
	Membership(ctx context.Context, projectID, userID string) (models.Membership, error)
	Members(ctx context.Context, projectID string) ([]store.Member, error)
	ChangeMember(ctx context.Context, c store.MemberChange) (models.Membership, error)
	Invite(ctx context.Context, i models.Invitation, limit int) error
	Invitations(ctx context.Context, projectID string, at time.Time) ([]models.Invitation, error)
	OpenInvitation(ctx context.Context, hash, email string, at time.Time) (models.Invitation, error)
	RevokeInvitation(ctx context.Context, projectID, by, id string, at time.Time) error
	Accept(ctx context.Context, hash, userID string, at time.Time, maxOwned int) (store.OwnProject, error)
}

// KeyStore keeps API keys.
type KeyStore interface {
	CreateKey(ctx context.Context, userID string, k models.APIKey, limit int) error
	Keys(ctx context.Context, userID, projectID string) ([]models.APIKey, error)
	KeyByHash(ctx context.Context, hash string) (models.APIKey, error)
	KeyByID(ctx context.Context, projectID, id string) (models.APIKey, error)
	ReplaceKey(ctx context.Context, hash string, next models.APIKey, oldEnds time.Time, limit int) (fresh, old models.APIKey, err error)
	RevokeKey(ctx context.Context, userID, projectID, id string, now time.Time) (hashes []string, err error)
	RevokeKeyByHash(ctx context.Context, hash string, descendants bool, now time.Time) (out models.APIKey, hashes []string, err error)
	TouchKey(ctx context.Context, id string, now, since time.Time) error
}

// LoginStore keeps the refresh tokens of logins.
type LoginStore interface {
	CreateRefreshToken(ctx context.Context, t models.RefreshToken, issuer string) error
	RotateRefreshToken(ctx context.Context, hash string, next models.RefreshToken, again time.Duration) (models.RefreshToken, error)
	RevokeLogins(ctx context.Context, userID string, now time.Time) error
	RevokeRefreshFamily(ctx context.Context, hash string, now time.Time) error
}

// AuditStore keeps the audit log.
type AuditStore interface {
	AppendAudit(ctx context.Context, e models.AuditEvent, details map[string]any) error
	AuditEvents(ctx context.Context, q models.AuditQuery) ([]models.AuditEvent, error)
}

// DeletionStore takes accounts away for good.
type DeletionStore interface {
	Delete(ctx context.Context, n store.NewDeletion) (out []store.Deletion, err error)
	AuditRecord(ctx context.Context, projectID, id string) (models.AuditRecord, error)
}
