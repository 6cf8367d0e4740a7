package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// AddChunk implements [dialect.Sessions].
func (d *Database) AddChunk(ctx context.Context, c models.UploadChunk) error {
	return d.pace.turn(ctx, func() error {
		return d.conn(ctx, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "INSERT INTO upload_chunks (session_id, seq, project_id, data, created_at) VALUES ($1, $2, $3, $4, $5)",
				c.SessionID, c.Seq, c.ProjectID, c.Data, c.CreatedAt)
			return err
		})
	})
}

// CommitImport implements [dialect.Sessions], in two round trips for what is not much: on busy machines each costs more than what it does.
func (d *Database) CommitImport(ctx context.Context, r dialect.ImportRound) error {
	return d.conn(ctx, func(conn *pgx.Conn) error {
		var found []models.Session
		held, moved, last := false, false, 0
		b := &pgx.Batch{}
		b.Queue("BEGIN")
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
			return dialect.ErrNotFound
		case !held || !moved:
			return dialect.ErrFenced
		}
		ses := found[0]
		left := r.Advance(&ses)
		p := &parts{}
		queueBatches(p, r.Batches)
		queueWindows(p, r.Windows)
		for _, x := range left {
			p.more(rowBytes).Queue("INSERT INTO session_stretches (session_id, start_sample, end_sample) VALUES ($1, $2, $3)", x.SessionID, x.StartSample, x.EndSample)
		}
		if last+len(r.Marks) <= dialect.MaxMarks {
			at := dialect.UTC(time.Now())
			for i := range r.Marks {
				x := &r.Marks[i]
				p.more(rowBytes).Queue(`INSERT INTO session_events (session_id, seq, project_id, at_ms, duration_ms, code, label, target, source, created_at)
					VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, x.SessionID, last+1+i, x.ProjectID, x.AtMS, x.DurationMS, x.Code, x.Label, x.Target, string(x.Source), at)
			}
		}
		p.more(0).Queue(`UPDATE sessions SET sample_count = $2, batch_count = $3, seen_count = $4, longest_batch = $5, window_count = $6, last_seq = $7,
			tail_start = $8, tail_end = $9, job_open = $10, state = $11 WHERE id = $1`, ses.ID, ses.SampleCount, ses.BatchCount, ses.SeenCount,
			ses.LongestBatch, ses.WindowCount, ses.LastSeq, ses.TailStart, ses.TailEnd, ses.JobOpen, string(ses.State))
		return p.commit(ctx, conn, d.pace)
	})
}
