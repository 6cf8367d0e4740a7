package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

func (j *jobStore) Now(ctx context.Context) (t time.Time, err error) {
	err = j.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&t)
	return dialect.UTC(t), err
}

func (j *jobStore) Rewind(ctx context.Context, lease time.Duration) (n int, err error) {
	err = j.pool.QueryRow(ctx, `WITH held AS (
			SELECT id FROM jobs WHERE state = 'running' AND lease_until > now() + ($1 + 1) * interval '1 second' AND `+noFlush+` ORDER BY id FOR UPDATE SKIP LOCKED),
		shortened AS (UPDATE jobs SET lease_until = now() + $1 * interval '1 second' WHERE id IN (SELECT id FROM held) RETURNING 1),
		asleep AS (
			SELECT id FROM jobs WHERE state = 'queued' AND items_total = 0 AND next_check < 'infinity' AND next_check > now() + $2 * interval '1 second'
				AND next_check < $3 ORDER BY id FOR UPDATE SKIP LOCKED),
		woken AS (UPDATE jobs SET next_check = now(), not_before = NULL WHERE id IN (SELECT id FROM asleep) RETURNING 1)
		SELECT (SELECT count(*) FROM shortened) + (SELECT count(*) FROM woken)`, lease.Seconds(), dialect.MaxAhead.Seconds(), dialect.Never).Scan(&n)
	return n, err
}

func (j *jobStore) ExpireLeases(ctx context.Context, before time.Time, maxLost, limit int) (requeued []string, final []dialect.Change, err error) {
	err = j.transact(ctx, func(tx pgx.Tx) error {
		requeued, final = nil, nil
		touched, err := collect(ctx, tx, scanSettled, `WITH lost AS (
				SELECT id FROM jobs WHERE state = 'running' AND lease_until < $6 ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED)
			UPDATE jobs SET history = coalesce(history, '') || attempts::text || chr(9) || coalesce(owner, '') || chr(9) || coalesce(claimed_at::text, '') || chr(9) || now()::text || $5::text,
				lost_workers = lost_workers + 1, owner = NULL, lease_until = NULL, next_check = now(),
				state = CASE WHEN lost_workers + 1 >= $1 THEN 'failed' ELSE 'queued' END,
				finished_at = CASE WHEN lost_workers + 1 >= $1 THEN now() END,
				dead_letter = lost_workers + 1 >= $1,
				error_code = CASE WHEN lost_workers + 1 >= $1 THEN $3 END,
				error_message = CASE WHEN lost_workers + 1 >= $1 THEN $4 END
			WHERE id IN (SELECT id FROM lost) RETURNING id, kind, state, parent_id`,
			maxLost, limit, string(models.WorkerLost), models.ErrorTable[models.WorkerLost].Message, dialect.PastLost, before)
		if err != nil {
			return err
		}
		var done []dialect.Settled
		for _, t := range touched {
			if t.State.Final() {
				done, final = append(done, t), append(final, t.Change)
			} else {
				requeued = append(requeued, t.ID)
			}
		}
		batches, err := settleBatches(ctx, tx, done)
		for _, c := range batches {
			final = append(final, c)
		}
		return err
	})
	return requeued, final, err
}

func scanDue(row pgx.CollectableRow) (dialect.Due, error) {
	var d dialect.Due
	err := row.Scan(&d.ID, &d.Kind, &d.Item, &d.Seq)
	return d, err
}

// dueRows is how many rows Due changes at once: with its entries in five indexes, and whole pages after a checkpoint, a row puts kilobytes into the log.
const dueRows = 64

func (j *jobStore) Due(ctx context.Context, class dialect.Class, limit int) (due []dialect.Due, err error) {
	for err == nil && len(due) < limit {
		n := min(dueRows, limit-len(due))
		var some []dialect.Due
		some, err = j.duePart(ctx, class, n)
		due = append(due, some...)
		if err != nil || len(some) < n {
			break
		}
		err = j.pace.flushed(ctx)
	}
	if len(due) > 0 {
		err = nil // the rest is due in the next round
	}
	dialect.SortDue(due)
	return due, err
}

func (j *jobStore) duePart(ctx context.Context, class dialect.Class, limit int) ([]dialect.Due, error) {
	return retrying(ctx, j.pool, scanDue, `WITH due AS (
			SELECT id FROM jobs WHERE state = 'queued' AND next_check < 'infinity' AND next_check <= now() AND (parent_id IS NOT NULL OR kind = ANY($1)) = $2 AND `+noFlush+`
			ORDER BY next_check LIMIT $3 FOR UPDATE SKIP LOCKED)
		UPDATE jobs SET next_check = now() + least(greatest(now() - created_at, $4 * interval '1 second'), $5 * interval '1 second')
		WHERE id IN (SELECT id FROM due) RETURNING id, kind, parent_id IS NOT NULL, seq`,
		dialect.NonNil(class.BulkKinds), class.Bulk, limit, dialect.MinRecheck.Seconds(), dialect.MaxRecheck.Seconds())
}

func (j *jobStore) Bump(ctx context.Context, jobs []dialect.Due) ([]dialect.Due, error) {
	ids, seqs := make([]string, len(jobs)), make([]int, len(jobs))
	for i, d := range jobs {
		ids[i], seqs[i] = d.ID, d.Seq
	}
	due, err := retrying(ctx, j.pool, scanDue, `WITH due AS (
			SELECT j.id FROM jobs j JOIN unnest($1::text[], $2::int[]) AS d(id, seq) ON j.id = d.id AND j.seq = d.seq
			WHERE j.state = 'queued' AND `+noFlush+` ORDER BY j.id FOR UPDATE OF j)
		UPDATE jobs SET seq = seq + 1 WHERE id IN (SELECT id FROM due) RETURNING id, kind, parent_id IS NOT NULL, seq`, ids, seqs)
	dialect.SortDue(due)
	return due, err
}

func (j *jobStore) MakeDue(ctx context.Context, ids []string) (int, error) {
	query := `WITH asleep AS (SELECT id FROM jobs WHERE state = 'queued' AND next_check < 'infinity' AND items_total = 0 AND next_check > now() AND ` + noFlush + `%s
			ORDER BY id FOR UPDATE SKIP LOCKED)
		UPDATE jobs SET next_check = now() WHERE id IN (SELECT id FROM asleep)`
	var tag pgconn.CommandTag
	var err error
	if ids == nil {
		tag, err = j.pool.Exec(ctx, fmt.Sprintf(query, ""))
	} else {
		tag, err = j.pool.Exec(ctx, fmt.Sprintf(query, " AND id = ANY($1)"), ids)
	}
	return int(tag.RowsAffected()), err
}

func (j *jobStore) Orphan(ctx context.Context) (int, error) {
	tag, err := j.pool.Exec(ctx, `UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running' AND lease_until > now()`)
	return int(tag.RowsAffected()), err
}
