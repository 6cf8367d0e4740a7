package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/neurod/neurod/models"
)

// The methods of this file keep sessions. Invariants, the same on both databases:
//
//   - Whatever changes a session locks its row first, so that batches, the end and the windows of one session follow
//     one another, and two copies of a batch are one.
//   - A batch, the job that will look at it and the answer to its Idempotency-Key are one transaction.
//   - A session has at most one open job. The job is closed in the transaction that finds nothing pending, under the
//     same lock under which a batch finds it open or makes the next one: no batch is left without a job.
//   - Windows are written under the lock and only while the writer's attempt still holds its job; the primary key
//     (session, index) lets each be written once.

var (
	// ErrSessionClosed says that the session takes no more samples.
	ErrSessionClosed = errors.New("store: the session has ended")
	// ErrFenced says that the attempt no longer holds its job.
	ErrFenced = errors.New("store: the attempt no longer holds its job")
)

// sessionRow is the row of a models.Session: its channels are JSON.
type sessionRow struct {
	ID             string
	ProjectID      string
	ExternalUserID string
	DeviceType     string
	SampleRateHz   float64
	Channels       string
	IngestionMode  models.IngestionMode
	State          models.SessionState
	HopMS          int
	OriginMS       *int64
	SampleCount    int64
	BatchCount     int
	PendingCount   int
	LongestBatch   int64
	WindowCount    int
	JobID          *string
	JobOpen        bool
	CreatedAt      time.Time
	StartedAt      time.Time
	EndedAt        *time.Time
}

// TableName tells gorm the table.
func (sessionRow) TableName() string { return "sessions" }

func (r sessionRow) entity() (models.Session, error) {
	s := models.Session{ID: r.ID, ProjectID: r.ProjectID, ExternalUserID: r.ExternalUserID, DeviceType: r.DeviceType,
		SampleRateHz: r.SampleRateHz, IngestionMode: r.IngestionMode, State: r.State, HopMS: r.HopMS, OriginMS: r.OriginMS,
		SampleCount: r.SampleCount, BatchCount: r.BatchCount, PendingCount: r.PendingCount, LongestBatch: r.LongestBatch,
		WindowCount: r.WindowCount, JobID: r.JobID, JobOpen: r.JobOpen, CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, EndedAt: r.EndedAt}
	if err := json.Unmarshal([]byte(r.Channels), &s.Channels); err != nil {
		return models.Session{}, fmt.Errorf("store: channels of session %s: %w", r.ID, err)
	}
	return s, nil
}

func sessionEntities(rows []sessionRow) ([]models.Session, error) {
	out := make([]models.Session, len(rows))
	for i := range rows {
		s, err := rows[i].entity()
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

// CreateSession adds a session.
func (s *Store) CreateSession(ctx context.Context, n models.Session) error {
	channels, err := json.Marshal(n.Channels)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	row := sessionRow{ID: n.ID, ProjectID: n.ProjectID, ExternalUserID: n.ExternalUserID, DeviceType: n.DeviceType,
		SampleRateHz: n.SampleRateHz, Channels: string(channels), IngestionMode: n.IngestionMode, State: n.State, HopMS: n.HopMS,
		OriginMS: n.OriginMS, CreatedAt: utc(n.CreatedAt), StartedAt: utc(n.StartedAt)}
	return translate(s.write(ctx).Create(&row).Error)
}

// Session returns a session of the project, or ErrNotFound.
func (s *Store) Session(ctx context.Context, projectID, id string) (models.Session, error) {
	return session(s.read(ctx), projectID, id)
}

func session(db *gorm.DB, projectID, id string) (models.Session, error) {
	var row sessionRow
	if err := db.Where("id = ? AND project_id = ?", id, projectID).Take(&row).Error; err != nil {
		return models.Session{}, translate(err)
	}
	return row.entity()
}

// SessionListing selects sessions of a project, newest first.
type SessionListing struct {
	ProjectID      string
	Mode           models.IngestionMode // "" for both
	ExternalUserID string               // "" for everyone's
	BeforeID       string               // continues a list that ended with this session
	Limit          int
}

// Sessions returns a page of sessions.
func (s *Store) Sessions(ctx context.Context, l SessionListing) ([]models.Session, error) {
	db := s.read(ctx).Where("project_id = ?", l.ProjectID)
	if l.Mode != "" {
		db = db.Where("ingestion_mode = ?", l.Mode)
	}
	if l.ExternalUserID != "" {
		db = db.Where("external_user_id = ?", l.ExternalUserID)
	}
	if l.BeforeID != "" {
		db = db.Where("id < ?", l.BeforeID)
	}
	var rows []sessionRow
	if err := db.Order("id DESC").Limit(l.Limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	return sessionEntities(rows)
}

// PackSamples returns the samples of a batch as they are stored: compressed when they are long and get shorter by it.
func PackSamples(data []byte) (codec string, packed []byte) {
	p := NewPayload(models.Job{}, data)
	return p.Codec, p.Data
}

// Ingest is a batch to be stored.
type Ingest struct {
	// Batch has all but Seq, StartSample, EndSample, Pending and JobID.
	Batch   models.SampleBatch
	Samples int64 // a channel
	// Job looks at the batch if the session has no open job.
	Job models.Job
	// Record makes the answer to be kept for an Idempotency-Key; Key is its scope, nil for none.
	Key    *models.IdempotencyRecord
	Record func(Ingested) models.IdempotencyRecord
}

// Ingested is what became of a batch.
type Ingested struct {
	Replayed  *models.IdempotencyRecord // the key was used before: nothing was stored
	Duplicate bool                      // the batch id was used before: nothing was stored
	Differs   bool                      // and with other samples
	JobID     string                    // the job that looks at the batch
	NewJob    bool                      // it has just been stored and must be handed to the queue
}

// IngestBatch stores a batch once. Errors: ErrNotFound, ErrSessionClosed, ErrKeyInFlight.
func (s *Store) IngestBatch(ctx context.Context, in Ingest) (out Ingested, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		out = Ingested{}
		if in.Key != nil {
			if out.Replayed, err = s.takeKey(tx, *in.Key); err != nil || out.Replayed != nil {
				return err
			}
		}
		b := in.Batch
		ses, err := session(forUpdate(tx), b.ProjectID, b.SessionID)
		if err != nil {
			return err
		}
		var same []models.SampleBatch
		if err := tx.Select("digest", "job_id").Where("session_id = ? AND batch_id = ?", b.SessionID, b.BatchID).Limit(1).Find(&same).Error; err != nil {
			return err
		}
		if len(same) > 0 {
			out.Duplicate, out.Differs, out.JobID = true, same[0].Digest != b.Digest, same[0].JobID
			return keepAnswer(tx, in, out)
		}
		state, ok := ses.State.Next(models.EventIngest)
		if !ok {
			return ErrSessionClosed
		}
		if ses.OriginMS == nil {
			ses.OriginMS = &b.StartMS
		}
		if b.StartSample, err = place(tx, ses, b.StartMS, in.Samples); err != nil {
			return err
		}
		b.EndSample = b.StartSample + in.Samples
		b.Seq, b.Pending, b.CreatedAt = ses.BatchCount, true, utc(b.CreatedAt)
		if out.JobID, out.NewJob, err = openJob(tx, ses, in.Job); err != nil {
			return err
		}
		b.JobID = out.JobID
		if err := tx.Create(&b).Error; err != nil {
			return err
		}
		err = one(tx.Model(&sessionRow{}).Where("id = ?", ses.ID).Updates(map[string]any{
			"state": state, "origin_ms": *ses.OriginMS, "sample_count": ses.SampleCount + in.Samples, "batch_count": ses.BatchCount + 1,
			"pending_count": ses.PendingCount + 1, "longest_batch": max(ses.LongestBatch, in.Samples), "job_id": out.JobID, "job_open": true,
		}))
		if err != nil {
			return err
		}
		return keepAnswer(tx, in, out)
	})
	return out, err
}

// place returns the number of a batch's first sample. A batch whose time says that it begins where another ends, or ends
// where another begins, within the rounding of times to ms, continues it without a seam.
func place(tx *gorm.DB, ses models.Session, startMS, samples int64) (int64, error) {
	at := ses.SampleAt(startMS)
	seam := ses.SeamSamples()
	nearest := func(column string, want int64) (int64, bool, error) {
		var found []int64
		err := tx.Model(&models.SampleBatch{}).Where("session_id = ? AND "+column+" BETWEEN ? AND ?", ses.ID, want-seam, want+seam).
			Distinct().Pluck(column, &found).Error
		if err != nil || len(found) == 0 {
			return 0, false, err
		}
		return slices.MinFunc(found, func(a, b int64) int { return int(max(a-want, want-a) - max(b-want, want-b)) }), true, nil
	}
	if end, ok, err := nearest("end_sample", at); ok || err != nil {
		return end, err
	}
	start, ok, err := nearest("start_sample", at+samples)
	if ok {
		return start - samples, err
	}
	return at, err
}

// openJob returns the session's open job, or stores the one given when there is none that still runs.
func openJob(tx *gorm.DB, ses models.Session, job models.Job) (id string, created bool, err error) {
	if ses.JobOpen && ses.JobID != nil {
		// A job that failed or was canceled never closed itself.
		var n int64
		err := tx.Table("jobs").Where("id = ? AND finished_at IS NULL", *ses.JobID).Count(&n).Error
		if err != nil || n > 0 {
			return *ses.JobID, false, err
		}
	}
	return job.ID, true, insertJob(tx, job)
}

// insertJob stores a queued job. The row is its own outbox, as in Jobs.Accept.
func insertJob(tx *gorm.DB, j models.Job) error {
	return tx.Exec(`INSERT INTO jobs (id, project_id, kind, state, request, next_check, items_total, items_pending, created_at)
		VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?)`, j.ID, j.ProjectID, string(j.Kind), string(j.State), string(j.Request), utc(j.NextCheck), utc(j.CreatedAt)).Error
}

// takeKey returns the live answer of an Idempotency-Key, nil when this transaction is the first.
func (s *Store) takeKey(tx *gorm.DB, k models.IdempotencyRecord) (*models.IdempotencyRecord, error) {
	if s.dialect == PostgreSQL {
		var ok bool
		if err := tx.Raw("SELECT pg_try_advisory_xact_lock(?)", lockNumber(&k)).Scan(&ok).Error; err != nil {
			return nil, err
		}
		if !ok {
			return nil, ErrKeyInFlight
		}
	}
	var found []models.IdempotencyRecord
	err := tx.Where("project_id = ? AND operation = ? AND key = ? AND expires_at > ?", k.ProjectID, k.Operation, k.Key, now()).Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// keepAnswer stores the answer to an Idempotency-Key, in place of one that expired.
func keepAnswer(tx *gorm.DB, in Ingest, out Ingested) error {
	if in.Key == nil {
		return nil
	}
	r := in.Record(out)
	return keepRecord(tx, r)
}

func keepRecord(tx *gorm.DB, r models.IdempotencyRecord) error {
	r.CreatedAt, r.ExpiresAt = utc(r.CreatedAt), utc(r.ExpiresAt)
	return tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "project_id"}, {Name: "operation"}, {Name: "key"}},
		DoUpdates: clause.AssignmentColumns([]string{"fingerprint", "job_id", "status", "body", "created_at", "expires_at"}),
	}).Create(&r).Error
}

// SessionEnd is the end of a session.
type SessionEnd struct {
	ProjectID string
	SessionID string
	At        time.Time
	// Job brings a RECORDED session to COMPLETE if it has no open job.
	Job    models.Job
	Key    *models.IdempotencyRecord
	Record func(SessionEnded) models.IdempotencyRecord
}

// SessionEnded is what became of it.
type SessionEnded struct {
	Replayed *models.IdempotencyRecord
	Session  models.Session // as it stands now
	Changed  bool           // it was still taking samples
	NewJob   bool           // Session.JobID has just been stored and must be handed to the queue
}

// EndSession ends a session; one that has ended is returned as it stands. Errors: ErrNotFound, ErrKeyInFlight.
func (s *Store) EndSession(ctx context.Context, end SessionEnd) (out SessionEnded, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		out = SessionEnded{}
		if end.Key != nil {
			if out.Replayed, err = s.takeKey(tx, *end.Key); err != nil || out.Replayed != nil {
				return err
			}
		}
		ses, err := session(forUpdate(tx), end.ProjectID, end.SessionID)
		if err != nil {
			return err
		}
		state, ok := ses.State.Next(models.EventEnd)
		if !ok {
			return fmt.Errorf("store: session %s cannot end in state %s", ses.ID, ses.State)
		}
		if ses.EndedAt == nil {
			at := utc(end.At)
			ses.State, ses.EndedAt, out.Changed = state, &at, true
			// A live session has nothing left to do unless a batch waits.
			if state == models.SessionProcessing || ses.PendingCount > 0 {
				id, created, err := openJob(tx, ses, end.Job)
				if err != nil {
					return err
				}
				ses.JobID, ses.JobOpen, out.NewJob = &id, true, created
			}
			err = one(tx.Model(&sessionRow{}).Where("id = ?", ses.ID).Updates(map[string]any{
				"state": ses.State, "ended_at": at, "job_id": ses.JobID, "job_open": ses.JobOpen,
			}))
			if err != nil {
				return err
			}
		}
		out.Session = ses
		if end.Key == nil {
			return nil
		}
		return keepRecord(tx, end.Record(out))
	})
	return out, err
}

// FailSession moves a session to FAILED when the job that processes it ended without writing every window. It returns
// the session as it stands.
func (s *Store) FailSession(ctx context.Context, projectID, id string) (ses models.Session, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if ses, err = session(forUpdate(tx), projectID, id); err != nil {
			return err
		}
		next, ok := ses.State.Next(models.EventFailed)
		if !ok || !ses.JobOpen || ses.JobID == nil {
			return nil
		}
		var n int64
		if err := tx.Table("jobs").Where("id = ? AND finished_at IS NULL", *ses.JobID).Count(&n).Error; err != nil || n > 0 {
			return err
		}
		ses.State, ses.JobOpen = next, false
		return one(tx.Model(&sessionRow{}).Where("id = ?", ses.ID).Updates(map[string]any{"state": ses.State, "job_open": false}))
	})
	return ses, err
}

// PendingBatches returns batches that the job has not looked at, in the order of acceptance, without their samples: at
// most limit, and no more after those that together hold maxSamples a channel.
func (s *Store) PendingBatches(ctx context.Context, sessionID string, limit int, maxSamples int64) ([]models.SampleBatch, error) {
	var out []models.SampleBatch
	err := s.read(ctx).Select("session_id", "batch_id", "seq", "start_sample", "end_sample").
		Where("session_id = ? AND pending = ?", sessionID, true).Order("seq").Limit(limit).Find(&out).Error
	var n int64
	for i := range out {
		n += out[i].EndSample - out[i].StartSample
		if n >= maxSamples {
			out = out[:i+1]
			break
		}
	}
	return out, translate(err)
}

// BatchesOver returns the batches that overlap the samples [start, end), with their samples unpacked, in the order of
// acceptance. longest is the session's LongestBatch, which bounds how far the index is read.
func (s *Store) BatchesOver(ctx context.Context, sessionID string, start, end, longest int64) ([]models.SampleBatch, error) {
	var out []models.SampleBatch
	err := s.read(ctx).Select("session_id", "batch_id", "seq", "start_ms", "start_sample", "end_sample", "codec", "size", "data").
		Where("session_id = ? AND end_sample > ? AND end_sample < ? AND start_sample < ?", sessionID, start, end+longest, end).
		Order("seq").Find(&out).Error
	if err != nil {
		return nil, translate(err)
	}
	for i := range out {
		if out[i].Data, err = unpack(out[i].Codec, out[i].Size, out[i].Data); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// WindowIndexes returns which of the windows first..last are written, in order.
func (s *Store) WindowIndexes(ctx context.Context, sessionID string, first, last int64) ([]int64, error) {
	return windowIndexes(s.read(ctx), sessionID, first, last)
}

func windowIndexes(db *gorm.DB, sessionID string, first, last int64) (out []int64, err error) {
	err = db.Model(&models.FeatureWindow{}).Where("session_id = ? AND window_index BETWEEN ? AND ?", sessionID, first, last).
		Order("window_index").Pluck("window_index", &out).Error
	return out, translate(err)
}

// WindowCommit is what one round of the job has found.
type WindowCommit struct {
	ProjectID string
	SessionID string
	JobID     string // the attempt that has computed it
	Attempt   int
	Seen      []int // the batches that were looked at
	Windows   []models.FeatureWindow
}

// windowChunk is how many windows go into one INSERT.
const windowChunk = 500

// CommitWindows writes windows, each once, and notes the batches as seen. When nothing is pending any more it closes the
// session's job, completes the session if it has ended, and returns idle. Errors: ErrNotFound, ErrFenced.
func (s *Store) CommitWindows(ctx context.Context, c WindowCommit) (written int, idle bool, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		written, idle = 0, false
		ses, err := session(forUpdate(tx), c.ProjectID, c.SessionID)
		if err != nil {
			return err
		}
		var held int64
		if err := tx.Table("jobs").Where("id = ? AND state = ? AND attempts = ?", c.JobID, models.JobRunning, c.Attempt).Count(&held).Error; err != nil {
			return err
		}
		if held == 0 {
			return ErrFenced
		}
		if n := len(c.Windows); n > 0 {
			slices.SortFunc(c.Windows, func(a, b models.FeatureWindow) int {
				switch {
				case a.WindowIndex < b.WindowIndex:
					return -1
				case a.WindowIndex > b.WindowIndex:
					return 1
				}
				return 0
			})
			there, err := windowIndexes(tx, c.SessionID, c.Windows[0].WindowIndex, c.Windows[n-1].WindowIndex)
			if err != nil {
				return err
			}
			fresh := make([]models.FeatureWindow, 0, n)
			for _, w := range c.Windows {
				if _, found := slices.BinarySearch(there, w.WindowIndex); !found {
					w.Seq, w.CreatedAt = ses.WindowCount+len(fresh)+1, utc(w.CreatedAt)
					fresh = append(fresh, w)
				}
			}
			if written = len(fresh); written > 0 {
				if err := tx.CreateInBatches(fresh, windowChunk).Error; err != nil {
					return err
				}
			}
		}
		seen := int64(0)
		for chunk := range slices.Chunk(c.Seen, windowChunk) {
			res := tx.Model(&models.SampleBatch{}).Where("session_id = ? AND pending = ? AND seq IN ?", c.SessionID, true, chunk).Update("pending", false)
			if res.Error != nil {
				return res.Error
			}
			seen += res.RowsAffected
		}
		pending := ses.PendingCount - int(seen)
		update := map[string]any{"window_count": ses.WindowCount + written, "pending_count": pending}
		if idle = pending == 0; idle {
			if ses.JobID != nil && *ses.JobID == c.JobID {
				update["job_open"] = false
			}
			if next, ok := ses.State.Next(models.EventWindowed); ok {
				update["state"] = next
			}
		}
		return one(tx.Model(&sessionRow{}).Where("id = ?", ses.ID).Updates(update))
	})
	return written, idle, err
}

// WindowListing selects feature windows of a session.
type WindowListing struct {
	SessionID  string
	AfterMS    *int64 // only those that start later
	AfterIndex *int64 // only those with a higher index
	AfterSeq   *int   // only those written later, in the order of writing
	OnlyPassed bool
	Descending bool // by start
	Offset     int
	Limit      int
}

// FeatureWindows returns windows in the order of their start, or of writing with AfterSeq.
func (s *Store) FeatureWindows(ctx context.Context, projectID string, l WindowListing) ([]models.FeatureWindow, error) {
	db := s.read(ctx).Where("session_id = ? AND project_id = ?", l.SessionID, projectID)
	order := "window_index"
	if l.AfterMS != nil {
		db = db.Where("start_ms > ?", *l.AfterMS)
	}
	if l.AfterIndex != nil {
		db = db.Where("window_index > ?", *l.AfterIndex)
	}
	if l.AfterSeq != nil {
		db, order = db.Where("seq > ?", *l.AfterSeq), "seq"
	}
	if l.OnlyPassed {
		db = db.Where("passed = ?", true)
	}
	if l.Descending {
		order += " DESC"
	}
	var out []models.FeatureWindow
	err := db.Order(order).Offset(l.Offset).Limit(l.Limit).Find(&out).Error
	return out, translate(err)
}

// Batches returns batches of a session with their samples unpacked, in the order of their start, after the one that
// begins at the sample and has the number given.
func (s *Store) Batches(ctx context.Context, projectID, sessionID string, afterSample int64, afterSeq, limit int) ([]models.SampleBatch, error) {
	var out []models.SampleBatch
	err := s.read(ctx).Where("session_id = ? AND project_id = ?", sessionID, projectID).
		Where("start_sample > ? OR (start_sample = ? AND seq > ?)", afterSample, afterSample, afterSeq).
		Order("start_sample, seq").Limit(limit).Find(&out).Error
	if err != nil {
		return nil, translate(err)
	}
	for i := range out {
		if out[i].Data, err = unpack(out[i].Codec, out[i].Size, out[i].Data); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// KeyActive reports whether a key of the project is neither revoked nor expired.
func (s *Store) KeyActive(ctx context.Context, projectID, keyID string, at time.Time) (bool, error) {
	var n int64
	err := s.read(ctx).Model(&apiKey{}).
		Where("id = ? AND project_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", keyID, projectID, utc(at)).Count(&n).Error
	return n > 0, translate(err)
}
