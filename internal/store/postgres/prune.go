package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/store/dialect"
)

func (j *jobStore) PruneRecords(ctx context.Context, limit int) (int, error) {
	tag, err := j.pool.Exec(ctx, `WITH old AS (
			SELECT project_id, operation, key FROM idempotency_records WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		DELETE FROM idempotency_records r USING old
		WHERE r.project_id = old.project_id AND r.operation = old.operation AND r.key = old.key`, limit)
	return int(tag.RowsAffected()), err
}

func (j *jobStore) PrunePayloads(ctx context.Context, before time.Time, limit int) (int, error) {
	// Ids sort by creation, and so does the scan: it ends at the first payload that is too young.
	tag, err := j.pool.Exec(ctx, `WITH old AS (
			SELECT p.job_id FROM job_payloads p LEFT JOIN jobs j ON j.id = p.job_id
			WHERE p.job_id < $1 AND (j.id IS NULL OR j.finished_at < $2) ORDER BY p.job_id LIMIT $3 FOR UPDATE OF p SKIP LOCKED)
		DELETE FROM job_payloads WHERE job_id IN (SELECT job_id FROM old)`, dialect.FirstID(before), before, limit)
	return int(tag.RowsAffected()), err
}

func (j *jobStore) PruneJobs(ctx context.Context, before, deadLetterBefore time.Time, limit int) (int, error) {
	var n int
	err := j.transact(ctx, func(tx pgx.Tx) error {
		ids, err := collect(ctx, tx, pgx.RowTo[string], `SELECT id FROM jobs
			WHERE id < $1 AND parent_id IS NULL AND finished_at < $2 AND (NOT dead_letter OR finished_at < $3)
			ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED`, dialect.FirstID(before), before, deadLetterBefore, limit)
		if err != nil {
			return err
		}
		// One list of ids, for which the index serves; PostgreSQL reads the whole table for one condition or another.
		_, err = tx.Exec(ctx, "DELETE FROM job_payloads WHERE job_id = ANY($1 || ARRAY(SELECT id FROM jobs WHERE parent_id = ANY($1)))", ids)
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, "DELETE FROM jobs WHERE parent_id = ANY($1)", ids); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "DELETE FROM jobs WHERE id = ANY($1)", ids)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}
