package sqlite

import (
	"context"
	"time"

	"github.com/neurod/neurod/internal/store/dialect"
)

func (j *jobStore) PruneRecords(ctx context.Context, limit int) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx writeTx) (err error) {
		n, err = tx.exec(`DELETE FROM idempotency_records WHERE rowid IN
			(SELECT rowid FROM idempotency_records WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`, dialect.Now(), limit)
		return err
	})
	return n, err
}

func (j *jobStore) PrunePayloads(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx writeTx) (err error) {
		n, err = tx.exec(`DELETE FROM job_payloads WHERE job_id IN (
			SELECT p.job_id FROM job_payloads p LEFT JOIN jobs j ON j.id = p.job_id
			WHERE p.job_id < ? AND (j.id IS NULL OR j.finished_at < ?) ORDER BY p.job_id LIMIT ?)`, dialect.FirstID(before), dialect.UTC(before), limit)
		return err
	})
	return n, err
}

func (j *jobStore) PruneJobs(ctx context.Context, before, deadLetterBefore time.Time, limit int) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx writeTx) error {
		ids, err := inTx(tx, scanString, `SELECT id FROM jobs
			WHERE id < ? AND parent_id IS NULL AND finished_at < ? AND (NOT dead_letter OR finished_at < ?) ORDER BY id LIMIT ?`,
			dialect.FirstID(before), dialect.UTC(before), dialect.UTC(deadLetterBefore), limit)
		if err != nil {
			return err
		}
		n = len(ids)
		const list = "SELECT value FROM json_each(?1)"
		const these = "(" + list + ")"
		for _, query := range []string{
			"DELETE FROM job_payloads WHERE job_id IN (" + list + " UNION ALL SELECT id FROM jobs WHERE parent_id IN " + these + ")",
			"DELETE FROM jobs WHERE parent_id IN " + these,
			"DELETE FROM jobs WHERE id IN " + these,
		} {
			if _, err := tx.exec(query, jsonList(ids)); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
