package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file keep uploaded recordings. Invariants:
//
//   - The chunks of an upload are durable when its acceptance is. Each is before the next is written: those who commit a row meanwhile
//     wait for one of them at most.
//   - A session made of a file, its import, its job and the answer to an Idempotency-Key are one transaction.
//   - A round of the job is written while the writer's attempt holds its job, and only by the attempt that knows how many
//     rounds came before it: each round is written once.

// AddChunk stores a piece of an upload.
func (s *Store) AddChunk(ctx context.Context, c models.UploadChunk) error {
	c.CreatedAt = utc(c.CreatedAt)
	return translate(s.db.AddChunk(ctx, c))
}

// Chunks returns chunks of an upload in order, from the one given on.
func (s *Store) Chunks(ctx context.Context, sessionID string, from, limit int) ([]models.UploadChunk, error) {
	var out []models.UploadChunk
	err := s.read(ctx).Select("seq", "data").Where("session_id = ? AND seq >= ?", sessionID, from).Order("seq").Limit(limit).Find(&out).Error
	return out, translate(err)
}

// chunkSlice is how many chunks one statement deletes: a mebibyte, which after a checkpoint is in the log page by page.
const chunkSlice = 2

// DropChunks deletes the chunks of an upload.
func (s *Store) DropChunks(ctx context.Context, sessionID string) error {
	_, err := s.dropChunks(ctx, sessionID)
	return err
}

func (s *Store) dropChunks(ctx context.Context, sessionID string) (int, error) {
	for n := 0; ; {
		res := s.write(ctx).Exec(`DELETE FROM upload_chunks WHERE session_id = ? AND seq IN
			(SELECT seq FROM upload_chunks WHERE session_id = ? ORDER BY seq LIMIT ?)`, sessionID, sessionID, chunkSlice)
		n += int(res.RowsAffected)
		if res.Error != nil || res.RowsAffected < chunkSlice {
			return n, translate(res.Error)
		}
	}
}

// PruneUploads deletes the chunks that nobody will read: of uploads that broke off, and of imports whose job is over,
// where no chunk came after the time given. It returns how many.
func (s *Store) PruneUploads(ctx context.Context, before time.Time) (int, error) {
	var ids []string
	err := s.read(ctx).Raw(`SELECT u.session_id FROM (SELECT session_id, max(created_at) AS latest FROM upload_chunks GROUP BY session_id) u
		WHERE u.latest < ? AND NOT EXISTS (SELECT 1 FROM session_imports i JOIN jobs j ON j.id = i.job_id
			WHERE i.session_id = u.session_id AND j.finished_at IS NULL)`, utc(before)).Scan(&ids).Error
	total := 0
	for _, id := range ids {
		n, err := s.dropChunks(ctx, id)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, translate(err)
}

// ImportAcceptance is an upload that has come in.
type ImportAcceptance struct {
	Session models.Session // all but JobID and JobOpen
	Import  models.SessionImport
	Chunks  int
	Job     models.Job
	Record  *models.IdempotencyRecord // the answer to be kept for an Idempotency-Key, nil for none
}

// AcceptImport stores a session that is made of an upload. It returns nil, or the answer that the key has already, in
// which case nothing was stored. Errors: ErrNotFound when chunks are missing, ErrKeyInFlight.
func (s *Store) AcceptImport(ctx context.Context, a ImportAcceptance) (replayed *models.IdempotencyRecord, err error) {
	n := a.Session
	row, err := dialect.NewSessionRow(n)
	if err != nil {
		return nil, err
	}
	row.JobID, row.JobOpen = &a.Job.ID, true
	a.Import.CreatedAt = utc(a.Import.CreatedAt)
	err = s.tx(ctx, func(tx *gorm.DB) error {
		replayed = nil
		if a.Record != nil {
			if replayed, err = s.takeKey(tx, *a.Record); err != nil || replayed != nil {
				return err
			}
		}
		var chunks int64
		if err := tx.Model(&models.UploadChunk{}).Where("session_id = ?", n.ID).Count(&chunks).Error; err != nil {
			return err
		}
		if int(chunks) != a.Chunks {
			return ErrNotFound
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		if err := tx.Create(&a.Import).Error; err != nil {
			return err
		}
		if err := dialect.InsertJob(tx, a.Job); err != nil || a.Record == nil {
			return err
		}
		return dialect.KeepRecord(tx, *a.Record)
	})
	return replayed, err
}

// KeptAnswer returns the live answer of an Idempotency-Key, nil for none.
func (s *Store) KeptAnswer(ctx context.Context, k models.IdempotencyRecord) (*models.IdempotencyRecord, error) {
	found, err := dialect.FindRecord(s.read(ctx), k)
	return found, translate(err)
}

// Imports returns the imports of those sessions that were made of a file, by session.
func (s *Store) Imports(ctx context.Context, projectID string, sessionIDs ...string) (map[string]models.SessionImport, error) {
	var found []models.SessionImport
	if err := s.read(ctx).Where("project_id = ? AND session_id IN ?", projectID, sessionIDs).Find(&found).Error; err != nil {
		return nil, translate(err)
	}
	out := make(map[string]models.SessionImport, len(found))
	for _, i := range found {
		out[i.SessionID] = i
	}
	return out, nil
}

// ImportRound is what one round of an import has found.
type ImportRound = dialect.ImportRound

// CommitImport writes a round. Errors: ErrNotFound, and ErrFenced when another attempt holds the job or has written the
// round.
func (s *Store) CommitImport(ctx context.Context, r ImportRound) error {
	var keys []string
	var err error
	if r.Batches, keys, err = s.outBatches(ctx, r.Batches); err != nil {
		return err
	}
	err = translate(s.db.CommitImport(ctx, r))
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrFenced) {
		s.drop(ctx, keys)
	}
	return err
}
