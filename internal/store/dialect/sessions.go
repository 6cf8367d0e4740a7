package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// SessionRow is the row of a models.Session: its lists are JSON.
type SessionRow struct {
	ID             string
	ProjectID      string
	ExternalUserID string
	DeviceType     string
	SampleRateHz   float64
	Channels       string
	IngestionMode  models.IngestionMode
	State          models.SessionState
	HopMS          int
	JitterMS       int
	OriginMS       *int64
	SampleCount    int64
	OverlapCount   int64
	BatchCount     int
	SeenCount      int
	LongestBatch   int64
	WindowCount    int
	LastSeq        int
	TailStart      *int64
	TailEnd        *int64
	Decode         *string
	DecodeCount    int
	JobID          *string
	JobOpen        bool
	CreatedAt      time.Time
	StartedAt      time.Time
	EndedAt        *time.Time
	Name           string
	Tags           string
	Metadata       string
	Protocol       string
	DeviceID       string
	PlannedMS      *int64
	Features       string
}

// TableName tells gorm the table.
func (SessionRow) TableName() string { return "sessions" }

// Entity is what the row keeps.
func (r SessionRow) Entity() (models.Session, error) {
	s := models.Session{ID: r.ID, ProjectID: r.ProjectID, ExternalUserID: r.ExternalUserID, DeviceType: r.DeviceType,
		SampleRateHz: r.SampleRateHz, IngestionMode: r.IngestionMode, State: r.State, HopMS: r.HopMS, JitterMS: r.JitterMS,
		OriginMS: r.OriginMS, SampleCount: r.SampleCount, OverlapCount: r.OverlapCount, BatchCount: r.BatchCount, SeenCount: r.SeenCount, LongestBatch: r.LongestBatch,
		WindowCount: r.WindowCount, LastSeq: r.LastSeq, TailStart: r.TailStart, TailEnd: r.TailEnd, DecodeCount: r.DecodeCount,
		JobID: r.JobID, JobOpen: r.JobOpen, CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, EndedAt: r.EndedAt,
		Name: r.Name, Metadata: r.Metadata, Protocol: r.Protocol, DeviceID: r.DeviceID, PlannedMS: r.PlannedMS}
	if err := json.Unmarshal([]byte(r.Channels), &s.Channels); err != nil {
		return models.Session{}, fmt.Errorf("store: channels of session %s: %w", r.ID, err)
	}
	if r.Tags != noTags { // as most have it
		if err := json.Unmarshal([]byte(r.Tags), &s.Tags); err != nil {
			return models.Session{}, fmt.Errorf("store: tags of session %s: %w", r.ID, err)
		}
	}
	if r.Features != noTags {
		if err := json.Unmarshal([]byte(r.Features), &s.Features); err != nil {
			return models.Session{}, fmt.Errorf("store: features of session %s: %w", r.ID, err)
		}
	}
	if r.Decode != nil {
		if err := json.Unmarshal([]byte(*r.Decode), &s.Decode); err != nil {
			return models.Session{}, fmt.Errorf("store: decoding of session %s: %w", r.ID, err)
		}
	}
	return s, nil
}

// noTags is an empty list in JSON, noMetadata an empty object.
const noTags, noMetadata = "[]", "{}"

// NewSessionRow is the row of a session that is made.
func NewSessionRow(n models.Session) (SessionRow, error) {
	channels, err := json.Marshal(n.Channels)
	if err != nil {
		return SessionRow{}, fmt.Errorf("store: %w", err)
	}
	tags, err := TagsText(n.Tags)
	if err != nil {
		return SessionRow{}, err
	}
	features := noTags
	if len(n.Features) > 0 {
		b, err := json.Marshal(n.Features)
		if err != nil {
			return SessionRow{}, fmt.Errorf("store: %w", err)
		}
		features = string(b)
	}
	row := SessionRow{ID: n.ID, ProjectID: n.ProjectID, ExternalUserID: n.ExternalUserID, DeviceType: n.DeviceType,
		SampleRateHz: n.SampleRateHz, Channels: string(channels), IngestionMode: n.IngestionMode, State: n.State, HopMS: n.HopMS,
		JitterMS: n.JitterMS, OriginMS: n.OriginMS, CreatedAt: UTC(n.CreatedAt), StartedAt: UTC(n.StartedAt),
		Name: n.Name, Tags: tags, Metadata: n.Metadata, Protocol: n.Protocol, DeviceID: n.DeviceID, PlannedMS: n.PlannedMS, Features: features}
	if row.Metadata == "" {
		row.Metadata = noMetadata
	}
	if n.Decode != nil {
		decode, err := json.Marshal(n.Decode)
		if err != nil {
			return SessionRow{}, fmt.Errorf("store: %w", err)
		}
		text := string(decode)
		row.Decode = &text
	}
	return row, nil
}

// TagsText is how the tags of a session are stored.
func TagsText(tags []string) (string, error) {
	if len(tags) == 0 {
		return noTags, nil
	}
	b, err := json.Marshal(tags)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return string(b), nil
}

// FindSession returns a session of the project.
func FindSession(db *gorm.DB, projectID, id string) (models.Session, error) {
	var row SessionRow
	err := db.Where("id = ? AND project_id = ?", id, projectID).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return models.Session{}, err
	}
	return row.Entity()
}

// InsertJob stores a job that is queued or completed. The row is its own outbox, as in Jobs.Accept.
func InsertJob(tx *gorm.DB, j models.Job) error {
	return tx.Exec(`INSERT INTO jobs (id, project_id, kind, state, request, output, next_check, items_total, items_pending, created_at, started_at, finished_at, trace)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?)`, j.ID, j.ProjectID, string(j.Kind), string(j.State), string(j.Request), Text(j.Output), UTC(j.NextCheck),
		UTC(j.CreatedAt), OptionalUTC(j.StartedAt), OptionalUTC(j.FinishedAt), j.Trace).Error
}

// WorkQuery asks for what waits in a session for the job that writes its windows.
type WorkQuery struct {
	ProjectID string
	SessionID string
	// Batches is the most that are looked at in one round.
	Batches int
	// WindowMS is the length of a feature window; what the session says of live decodes counts beside it.
	WindowMS int
	// AroundSamples is the most samples a channel that are read with it, where the batches that wait lie close together.
	AroundSamples int64
}

// Work is what waits in a session.
type Work struct {
	Session models.Session
	Pending []models.SampleBatch // in the order of acceptance, without their samples
	// Around has every batch that overlaps the samples [From, To), with their samples unpacked and in the order of
	// acceptance; nil where it was not read: then BatchesOver reads it.
	Around   []models.SampleBatch
	From, To int64
}

// NewsQuery asks for what was written in a session after a reader's place, of each kind that has a limit.
type NewsQuery struct {
	ProjectID string
	SessionID string
	// Results is the most windows and the most decodes that are read, those with higher numbers than AfterSeq.
	Results, AfterSeq int
	// Batches is the most batches of samples that are read, those from the number FromBatch on; of one with more than BatchBytes of samples, without them.
	Batches, FromBatch, BatchBytes int
	// Events is the most events that are read, those with higher numbers than AfterEvent.
	Events, AfterEvent int
	// Revision asks for the revision of the events.
	Revision bool
}

// News is what was written in a session after a reader's place, each kind in the order of its numbers.
type News struct {
	Session models.Session // read before the others: if it is over, they are all there will be
	Windows []models.FeatureWindow
	Decodes []models.SessionDecode
	Batches []models.SampleBatch // unpacked; Data is nil where there is more than was asked for
	Events  []models.SessionMark
	// Revision is how often events were changed and deleted, where it was asked for.
	Revision int
}
