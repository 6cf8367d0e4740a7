package sessions

import (
	"context"

	"github.com/neurod/neurod/internal/overviews"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Store keeps sessions with all that is recorded, imported, followed and exported of them.
type Store interface {
	Finder
	IngestStore
	ImportStore
	ResultStore
	SampleStore
	RecordingStore
	ErasureStore
	ClockStore
	CreateSession(ctx context.Context, n models.Session) error
	ChangeSession(ctx context.Context, c store.SessionChange) (ses models.Session, err error)
	Sessions(ctx context.Context, l store.SessionListing) ([]models.Session, error)
	EndSession(ctx context.Context, end store.SessionEnd) (out store.SessionEnded, err error)
	FailSession(ctx context.Context, projectID, id string) (ses models.Session, err error)
	KeptAnswer(ctx context.Context, k models.IdempotencyRecord) (*models.IdempotencyRecord, error)
}

var _ Store = (*store.Store)(nil)

// Finder finds a session.
type Finder interface {
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
	ChangeEvent(ctx context.Context, c store.EventChange) (ses models.Session, out models.SessionMark, err error)
	ChangedEvents(ctx context.Context, projectID, sessionID string, after, limit int) ([]models.SessionMark, error)
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
	overviews.Store
}

// ErasureStore takes away for good what was recorded of somebody.
type ErasureStore interface {
	Writable(ctx context.Context) error
	AcceptErasure(ctx context.Context, n store.NewErasure) (out store.AcceptedErasure, err error)
	AuditRecord(ctx context.Context, projectID, id string) (models.AuditRecord, error)
}
