package sqlite

import (
	"context"
	"errors"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// Accept writes what is large in transactions of its own, of about maxPiece, before the one that makes the jobs: payloads without a
// job are nobody's, and go like those of jobs that are over. So nobody waits for the whole of a batch of recordings.
func (j *jobStore) Accept(ctx context.Context, a *dialect.Acceptance) (existing *models.IdempotencyRecord, err error) {
	if a.Size() <= maxPiece {
		return j.accept(ctx, a)
	}
	rest, ahead := *a, a.Payloads
	rest.Payloads = nil
	written := 0
	defer func() {
		if written > 0 && (err != nil || existing != nil) {
			err = errors.Join(err, j.dropPayloads(ctx, ahead[:written]))
		}
	}()
	for written < len(ahead) {
		n, size := 0, 0
		for n == 0 || written+n < len(ahead) && size+len(ahead[written+n].Data) <= maxPiece {
			size += dialect.RowSize + len(ahead[written+n].Data)
			n++
		}
		piece := ahead[written : written+n]
		written += n // also where it is not known what became of it
		if _, err := j.commit(ctx, write{relaxed: true, size: size, fn: func(tx writeTx) error { return tx.insertPayloads(piece) }}); err != nil {
			return nil, err
		}
	}
	return j.accept(ctx, &rest)
}

func (j *jobStore) dropPayloads(ctx context.Context, list []models.Payload) error {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].JobID
	}
	return j.writeRelaxed(ctx, func(tx writeTx) error {
		_, err := tx.exec("DELETE FROM job_payloads WHERE job_id IN (SELECT value FROM json_each(?))", jsonList(ids))
		return err
	})
}

func (t writeTx) insertPayloads(list []models.Payload) error {
	for i := range list {
		p := &list[i]
		data := p.Data
		if data == nil {
			data = []byte{} // nil is NULL
		}
		if _, err := t.exec(`INSERT INTO job_payloads (job_id, project_id, codec, size, data, created_at) VALUES (?,?,?,?,?,?)`,
			p.JobID, p.ProjectID, p.Codec, p.Size, data, p.CreatedAt); err != nil {
			return err
		}
	}
	return nil
}

func (j *jobStore) accept(ctx context.Context, a *dialect.Acceptance) (existing *models.IdempotencyRecord, err error) {
	durable, err := j.commit(ctx, write{relaxed: true, size: a.Size(), fn: func(tx writeTx) error {
		existing = nil
		if r := a.Record; r != nil {
			stored, err := tx.exec(`INSERT INTO idempotency_records (`+dialect.RecordColumns+`) VALUES (?,?,?,?,?,?,?,?,?,?)
				ON CONFLICT (project_id, operation, key) DO UPDATE SET `+dialect.RecordUpdates+`
				WHERE idempotency_records.expires_at <= ?`, append(dialect.RowOfRecord(r).Values(), dialect.Now())...)
			if err != nil {
				return err
			}
			if stored == 0 {
				found, err := inTx(tx, scanRecord, `SELECT `+dialect.RecordColumns+` FROM idempotency_records
					WHERE project_id = ? AND operation = ? AND key = ?`, r.ProjectID, r.Operation, r.Key)
				if err != nil {
					return err
				}
				if len(found) == 0 {
					return dialect.ErrKeyInFlight // cannot be: this transaction is the only writer
				}
				existing = &found[0]
				return nil
			}
		}
		for _, l := range a.Sessions {
			n, err := tx.exec(`INSERT INTO session_jobs (session_id, job_id) SELECT id, ? FROM sessions WHERE id = ? AND project_id = ?`,
				l.JobID, l.SessionID, a.Jobs[0].ProjectID)
			if err != nil {
				return err
			}
			if n == 0 {
				return dialect.ErrNotFound
			}
		}
		for i := range a.Jobs {
			job := &a.Jobs[i]
			check := job.NextCheck
			if latest := dialect.Steady().Add(check.Sub(job.CreatedAt)); job.ItemsTotal == 0 && latest.Before(check) { // the clock was set ahead
				check = latest
			}
			if _, err := tx.exec(`INSERT INTO jobs (id, project_id, kind, state, parent_id, item_index, request, error_code, error_message,
					error_details, next_check, items_total, items_pending, created_at, finished_at, trace) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
				job.ID, job.ProjectID, string(job.Kind), string(job.State), job.ParentID, job.ItemIndex, dialect.CleanText(string(job.Request)),
				dialect.OptionalText(job.ErrorCode), dialect.OptionalText(job.ErrorMessage), dialect.Text(job.ErrorDetails), check, job.ItemsTotal, job.ItemsPending,
				job.CreatedAt, job.FinishedAt, job.Trace); err != nil {
				return err
			}
		}
		return tx.insertPayloads(a.Payloads)
	}})
	if err != nil {
		return nil, err
	}
	if existing == nil && a.Stored != nil {
		a.Stored()
	}
	if !durable {
		err = j.wal.flush(ctx)
	}
	return existing, err
}

func scanRecord(rs rows) (models.IdempotencyRecord, error) {
	var r dialect.RecordRow
	at := r.Places()
	at[8], at[9] = storedTime{&r.CreatedAt}, storedTime{&r.ExpiresAt}
	err := rs.Scan(at...)
	return r.Entity(), err
}
