package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// The methods of this file keep uploaded recordings. Invariants:
//
//   - The chunks of an upload are durable when its acceptance is: on PostgreSQL they do not wait for the disk one by one,
//     and the commit of the acceptance, which comes after them in the log, does.
//   - A session made of a file, its import, its job and the answer to an Idempotency-Key are one transaction.
//   - A round of the job is written while the writer's attempt holds its job, and only by the attempt that knows how many
//     rounds came before it: each round is written once.

// AddChunk stores a piece of an upload.
func (s *Store) AddChunk(ctx context.Context, c models.UploadChunk) error {
	c.CreatedAt = utc(c.CreatedAt)
	if s.dialect != PostgreSQL {
		return translate(s.write(ctx).Create(&c).Error)
	}
	return s.pgConn(ctx, func(conn *pgx.Conn) error {
		b := &pgx.Batch{}
		b.Queue("BEGIN")
		b.Queue("SELECT set_config('synchronous_commit', 'off', true)")
		b.Queue("INSERT INTO upload_chunks (session_id, seq, project_id, data, created_at) VALUES ($1, $2, $3, $4, $5)",
			c.SessionID, c.Seq, c.ProjectID, c.Data, c.CreatedAt)
		b.Queue("COMMIT")
		return conn.SendBatch(ctx, b).Close()
	})
}

// Chunks returns chunks of an upload in order, from the one given on.
func (s *Store) Chunks(ctx context.Context, sessionID string, from, limit int) ([]models.UploadChunk, error) {
	var out []models.UploadChunk
	err := s.read(ctx).Select("seq", "data").Where("session_id = ? AND seq >= ?", sessionID, from).Order("seq").Limit(limit).Find(&out).Error
	return out, translate(err)
}

// chunkSlice is how many chunks one statement deletes: as many mebibytes.
const chunkSlice = 32

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
	channels, err := json.Marshal(a.Session.Channels)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	n := a.Session
	row := sessionRow{ID: n.ID, ProjectID: n.ProjectID, ExternalUserID: n.ExternalUserID, DeviceType: n.DeviceType, SampleRateHz: n.SampleRateHz,
		Channels: string(channels), IngestionMode: n.IngestionMode, State: n.State, HopMS: n.HopMS, JitterMS: n.JitterMS, OriginMS: n.OriginMS,
		JobID: &a.Job.ID, JobOpen: true, CreatedAt: utc(n.CreatedAt), StartedAt: utc(n.StartedAt)}
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
		if err := insertJob(tx, a.Job); err != nil || a.Record == nil {
			return err
		}
		return keepRecord(tx, *a.Record)
	})
	return replayed, err
}

// KeptAnswer returns the live answer of an Idempotency-Key, nil for none.
func (s *Store) KeptAnswer(ctx context.Context, k models.IdempotencyRecord) (*models.IdempotencyRecord, error) {
	found, err := findRecord(s.read(ctx), k)
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

// ImportRound is what one round of an import has found. Batches follow one another.
type ImportRound struct {
	ProjectID string
	SessionID string
	Attempt         // the attempt that has computed it
	Round     int   // rounds that came before
	DoneBytes int64 // of the file, read so far
	Batches   []models.SampleBatch
	Windows   []models.FeatureWindow
	Marks     []models.SessionMark
	Last      bool // the file is at its end: the session is complete
}

// rowsChunk is how many rows go into one INSERT (SQLite takes 32,766 parameters), and batchesChunk how many batches of samples.
const (
	rowsChunk    = 500
	batchesChunk = 4
)

// advance moves a session over a round and gives what the round writes its numbers. It returns the segments that the
// session's tail leaves behind.
func (r *ImportRound) advance(ses *models.Session) (left []models.SessionSegment) {
	for i := range r.Batches {
		b := &r.Batches[i]
		b.Seq, b.JobID, b.CreatedAt = ses.BatchCount+i, r.ID, utc(b.CreatedAt)
		n := b.EndSample - b.StartSample
		ses.SampleCount += n
		ses.LongestBatch = max(ses.LongestBatch, n)
		start, end := b.StartSample, b.EndSample
		if t, ok := ses.Tail(); ok && t.End == start {
			start = t.Start
		} else if ok {
			left = append(left, models.SessionSegment{SessionID: ses.ID, StartSample: t.Start, EndSample: t.End})
		}
		ses.TailStart, ses.TailEnd = &start, &end
	}
	for i := range r.Windows {
		r.Windows[i].Seq, r.Windows[i].CreatedAt = ses.LastSeq+1+i, utc(r.Windows[i].CreatedAt)
	}
	ses.BatchCount += len(r.Batches)
	ses.SeenCount = ses.BatchCount
	ses.WindowCount += len(r.Windows)
	ses.LastSeq += len(r.Windows)
	if r.Last {
		ses.JobOpen = false
		if next, ok := ses.State.Next(models.TriggerWindowed); ok {
			ses.State = next
		}
	}
	return left
}

// CommitImport writes a round. Errors: ErrNotFound, and ErrFenced when another attempt holds the job or has written the
// round.
func (s *Store) CommitImport(ctx context.Context, r ImportRound) error {
	if s.dialect == PostgreSQL {
		return s.pgCommitImport(ctx, r)
	}
	return s.tx(ctx, func(tx *gorm.DB) error {
		ses, err := session(forUpdate(tx), r.ProjectID, r.SessionID)
		if err != nil {
			return err
		}
		var held int64
		if err := tx.Table("jobs").Where("id = ? AND state = ? AND attempts = ?", r.ID, models.JobRunning, r.Attempt.Attempt).Count(&held).Error; err != nil {
			return err
		}
		moved := tx.Model(&models.SessionImport{}).Where("session_id = ? AND done_rounds = ?", r.SessionID, r.Round).
			Updates(map[string]any{"done_rounds": r.Round + 1, "done_bytes": r.DoneBytes})
		if moved.Error != nil {
			return moved.Error
		}
		if held == 0 || moved.RowsAffected == 0 {
			return ErrFenced
		}
		left := r.advance(&ses)
		if len(r.Batches) > 0 {
			if err := tx.CreateInBatches(r.Batches, batchesChunk).Error; err != nil {
				return err
			}
		}
		if len(left) > 0 {
			if err := tx.CreateInBatches(left, rowsChunk).Error; err != nil {
				return err
			}
		}
		if len(r.Windows) > 0 {
			if err := tx.CreateInBatches(r.Windows, rowsChunk).Error; err != nil {
				return err
			}
		}
		if err := addMarks(tx, r.SessionID, r.Marks, maxMarks); err != nil && !errors.Is(err, ErrTooManyEvents) {
			return err
		}
		return one(tx.Model(&sessionRow{}).Where("id = ?", ses.ID).Updates(map[string]any{"sample_count": ses.SampleCount,
			"batch_count": ses.BatchCount, "seen_count": ses.SeenCount, "longest_batch": ses.LongestBatch, "window_count": ses.WindowCount,
			"last_seq": ses.LastSeq, "tail_start": ses.TailStart, "tail_end": ses.TailEnd, "job_open": ses.JobOpen, "state": ses.State}))
	})
}

// pgCommitImport is CommitImport in two round trips: on busy machines each costs more than what it does.
func (s *Store) pgCommitImport(ctx context.Context, r ImportRound) error {
	return s.pgConn(ctx, func(conn *pgx.Conn) error {
		var found []models.Session
		held, moved, last := false, false, 0
		b := &pgx.Batch{}
		b.Queue("BEGIN")
		if !r.Last { // the last round's commit takes the others with it
			b.Queue("SELECT set_config('synchronous_commit', 'off', true)")
		}
		each(b, func(row pgx.CollectableRow) error {
			ses, err := scanSession(row)
			found = append(found, ses)
			return err
		}, "SELECT "+sessionColumns+" FROM sessions WHERE id = $1 AND project_id = $2 FOR UPDATE", r.SessionID, r.ProjectID)
		each(b, func(row pgx.CollectableRow) error { return row.Scan(&held) },
			"SELECT EXISTS (SELECT 1 FROM jobs WHERE id = $1 AND state = 'running' AND attempts = $2)", r.ID, r.Attempt.Attempt)
		each(b, func(row pgx.CollectableRow) error { return row.Scan(&moved) },
			"UPDATE session_imports SET done_rounds = $2 + 1, done_bytes = $3 WHERE session_id = $1 AND done_rounds = $2 RETURNING true",
			r.SessionID, r.Round, r.DoneBytes)
		each(b, func(row pgx.CollectableRow) error { return row.Scan(&last) },
			"SELECT COALESCE(max(seq), 0) FROM session_events WHERE session_id = $1", r.SessionID)
		if err := conn.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		switch {
		case len(found) == 0:
			return ErrNotFound
		case !held || !moved:
			return ErrFenced
		}
		ses := found[0]
		left := r.advance(&ses)
		w := &pgx.Batch{}
		for i := range r.Batches {
			x := &r.Batches[i]
			w.Queue(`INSERT INTO sample_batches (session_id, batch_id, project_id, seq, start_ms, start_sample, end_sample, job_id, digest, codec, size, data, created_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, x.SessionID, x.BatchID, x.ProjectID, x.Seq, x.StartMS, x.StartSample, x.EndSample,
				x.JobID, x.Digest, x.Codec, x.Size, x.Data, x.CreatedAt)
		}
		for _, x := range left {
			w.Queue("INSERT INTO session_stretches (session_id, start_sample, end_sample) VALUES ($1, $2, $3)", x.SessionID, x.StartSample, x.EndSample)
		}
		queueWindows(w, r.Windows)
		if last+len(r.Marks) <= maxMarks {
			at := utc(time.Now())
			for i := range r.Marks {
				x := &r.Marks[i]
				w.Queue(`INSERT INTO session_events (session_id, seq, project_id, at_ms, duration_ms, code, label, source, created_at)
					VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, x.SessionID, last+1+i, x.ProjectID, x.AtMS, x.DurationMS, x.Code, x.Label, string(x.Source), at)
			}
		}
		w.Queue(`UPDATE sessions SET sample_count = $2, batch_count = $3, seen_count = $4, longest_batch = $5, window_count = $6, last_seq = $7,
			tail_start = $8, tail_end = $9, job_open = $10, state = $11 WHERE id = $1`, ses.ID, ses.SampleCount, ses.BatchCount, ses.SeenCount,
			ses.LongestBatch, ses.WindowCount, ses.LastSeq, ses.TailStart, ses.TailEnd, ses.JobOpen, string(ses.State))
		w.Queue("COMMIT")
		return conn.SendBatch(ctx, w).Close()
	})
}
