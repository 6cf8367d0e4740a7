package service

import (
	"context"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// What the use cases need of the database, by use case. *store.Store is all of them.
var (
	_ AccountStore   = (*store.Store)(nil)
	_ SessionStore   = (*store.Store)(nil)
	_ ModelStore     = (*store.Store)(nil)
	_ AnalyticsStore = (*store.Store)(nil)
	_ OnceStore      = (*store.Store)(nil)
	_ QuotaStore     = (*store.Store)(nil)
	_ TrainingStore  = (*store.Store)(nil)
)

// AccountStore keeps people, their projects and keys, and what is remembered of them.
type AccountStore interface {
	PeopleStore
	ProjectStore
	MemberStore
	KeyStore
	LoginStore
	AuditStore
	DeletionStore
}

// PeopleStore keeps people who log in.
type PeopleStore interface {
	CreateUser(ctx context.Context, u models.User) error
	CreateInvitedUser(ctx context.Context, u models.User, hash string) (store.OwnProject, error)
	SetOperator(ctx context.Context, userID string, on bool) error
	UserByEmail(ctx context.Context, email string) (models.User, error)
	UserByID(ctx context.Context, id string) (models.User, error)
	SetPassword(ctx context.Context, userID, hash string, at time.Time) error
	ReplacePasswordHash(ctx context.Context, userID, old, hash string) error
}

// ProjectStore keeps projects.
type ProjectStore interface {
	CreateProject(ctx context.Context, p models.Project, ownerID string, limit int) error
	Project(ctx context.Context, userID, id string) (store.OwnProject, error)
	Projects(ctx context.Context, userID string) ([]store.OwnProject, error)
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
	CreateRefreshToken(ctx context.Context, t models.RefreshToken) error
	RotateRefreshToken(ctx context.Context, hash string, next models.RefreshToken) (models.RefreshToken, error)
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

// ErasureStore takes away for good what was recorded of somebody.
type ErasureStore interface {
	Writable(ctx context.Context) error
	AcceptErasure(ctx context.Context, n store.NewErasure) (out store.AcceptedErasure, err error)
	AuditRecord(ctx context.Context, projectID, id string) (models.AuditRecord, error)
}

// SessionStore keeps sessions with all that is recorded, imported, followed and exported of them.
type SessionStore interface {
	SessionFinder
	IngestStore
	ImportStore
	ResultStore
	SampleStore
	StreamStore
	ErasureStore
	CreateSession(ctx context.Context, n models.Session) error
	Sessions(ctx context.Context, l store.SessionListing) ([]models.Session, error)
	EndSession(ctx context.Context, end store.SessionEnd) (out store.SessionEnded, err error)
	FailSession(ctx context.Context, projectID, id string) (ses models.Session, err error)
	KeptAnswer(ctx context.Context, k models.IdempotencyRecord) (*models.IdempotencyRecord, error)
}

// SessionFinder finds a session.
type SessionFinder interface {
	Session(ctx context.Context, projectID, id string) (models.Session, error)
}

// IngestStore takes samples as they come.
type IngestStore interface {
	IngestBatch(ctx context.Context, in store.Ingest) (store.Ingested, error)
	HasBatch(ctx context.Context, sessionID, batchID string) (bool, error)
	Segments(ctx context.Context, ses models.Session, limit int) ([]models.Segment, error)
}

// ImportStore takes recordings and events.
type ImportStore interface {
	AddChunk(ctx context.Context, c models.UploadChunk) error
	DropChunks(ctx context.Context, sessionID string) error
	AcceptImport(ctx context.Context, a store.ImportAcceptance) (replayed *models.IdempotencyRecord, err error)
	Imports(ctx context.Context, projectID string, sessionIDs ...string) (map[string]models.SessionImport, error)
	AddEvents(ctx context.Context, a store.EventsAddition) (added []models.SessionMark, replayed *models.IdempotencyRecord, err error)
	SessionEvents(ctx context.Context, projectID, sessionID string, after, limit int) ([]models.SessionMark, error)
	EachSessionEvent(ctx context.Context, projectID, sessionID string, each func(models.SessionMark) error) error
}

// ResultStore gives what workers made of samples.
type ResultStore interface {
	FeatureWindows(ctx context.Context, projectID string, l store.WindowListing) ([]models.FeatureWindow, error)
	SessionDecodes(ctx context.Context, projectID string, l store.DecodeListing) ([]models.SessionDecode, error)
}

// SampleStore gives samples back.
type SampleStore interface {
	BatchesByEnd(ctx context.Context, r store.BatchRange, afterEnd int64, afterSeq, limit int) ([]models.SampleBatch, error)
	EachBatchOver(ctx context.Context, r store.BatchRange, start, end int64, each func(*models.SampleBatch) error) (err error)
	FirstSample(ctx context.Context, r store.BatchRange, from int64) (int64, bool, error)
}

// StreamStore tells streams what is new, and whether they may go on.
type StreamStore interface {
	News(ctx context.Context, projectID, sessionID string, after, limit int) (store.News, error)
	MembershipsIn(ctx context.Context, projects, users []string) (map[[2]string]models.Role, error)
	ActiveKeys(ctx context.Context, ids []string, at time.Time) (map[string]string, error)
	SessionsByID(ctx context.Context, ids []string) (map[string]models.Session, error)
}

// ModelStore keeps the models of projects.
type ModelStore interface {
	PutModel(ctx context.Context, n store.NewModel) (out models.ProjectModel, fresh bool, err error)
	ProjectModel(ctx context.Context, projectID, name, version string) (models.ProjectModel, error)
	ProjectModels(ctx context.Context, projectID, name string) ([]models.ProjectModel, error)
	LastVersion(ctx context.Context, projectID, name string) (models.ProjectModelName, error)
	ActivateModel(ctx context.Context, projectID, name, version string) (out models.ProjectModel, err error)
	DeleteModel(ctx context.Context, projectID, name, version string) (n int, err error)
	ModelFile(ctx context.Context, projectID, id string) ([]byte, error)
}

// AnalyticsStore keeps events of the analytics.
type AnalyticsStore interface {
	LogEvent(ctx context.Context, e models.AnalyticsEvent, limit int64) (used int64, err error)
}

// OnceStore keeps answers by their Idempotency-Key.
type OnceStore interface {
	Once(ctx context.Context, r models.IdempotencyRecord, run func(context.Context, *models.IdempotencyRecord) error) (replayed *models.IdempotencyRecord, err error)
	KeptAnswer(ctx context.Context, k models.IdempotencyRecord) (*models.IdempotencyRecord, error)
}

// QuotaStore counts what projects use.
type QuotaStore interface {
	Usage(ctx context.Context, projectID string, at time.Time, limits map[models.QuotaName]int64) (store.Usage, error)
	AllProjects(ctx context.Context, afterID string, limit int) ([]store.ProjectListing, error)
	KeptAnswer(ctx context.Context, k models.IdempotencyRecord) (*models.IdempotencyRecord, error)
}

// TrainingStore finds what a training begins with.
type TrainingStore interface {
	SessionFinder
	ProjectModel(ctx context.Context, projectID, name, version string) (models.ProjectModel, error)
}
