package sqlite

import (
	"context"
	"time"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

func scanDue(r rows) (d dialect.Due, err error) {
	err = r.Scan(&d.ID, (*string)(&d.Kind), &d.Item, &d.Seq)
	return d, err
}

func (j *jobStore) Now(context.Context) (time.Time, error) { return dialect.Steady(), nil }

func (j *jobStore) Rewind(ctx context.Context, lease time.Duration) (n int, err error) {
	const held, asleep = "state = 'running' AND lease_until > ?", "state = 'queued' AND items_total = 0 AND next_check > ? AND next_check < ?"
	// Most of the time there is nothing, and a look does not need the writer.
	bounds := func() (at, lastLease, lastCheck time.Time) {
		at = dialect.Steady()
		return at, at.Add(lease + time.Second), at.Add(dialect.MaxAhead)
	}
	_, lastLease, lastCheck := bounds()
	some, err := collect(j.reader, ctx, scanString, "SELECT * FROM (SELECT id FROM jobs WHERE "+held+" LIMIT 1) UNION ALL SELECT * FROM (SELECT id FROM jobs WHERE "+asleep+" LIMIT 1)",
		lastLease, lastCheck, dialect.Never)
	if err != nil || len(some) == 0 {
		return 0, err
	}
	err = j.writeRelaxed(ctx, func(tx writeTx) error {
		at, lastLease, lastCheck := bounds()
		shortened, err := tx.exec("UPDATE jobs SET lease_until = ? WHERE "+held, at.Add(lease), lastLease)
		if err != nil {
			return err
		}
		woken, err := tx.exec("UPDATE jobs SET next_check = ?, not_before = NULL WHERE "+asleep, at, lastCheck, dialect.Never)
		n = shortened + woken
		return err
	})
	return n, err
}

func (j *jobStore) ExpireLeases(ctx context.Context, before time.Time, maxLost, limit int) (requeued []string, final []dialect.Change, err error) {
	err = j.write(ctx, 0, func(tx writeTx) error {
		requeued, final = nil, nil
		at := dialect.Now() // for people to read
		failed, err := inTx(tx, scanSettled, `UPDATE jobs SET history = coalesce(history, '') || attempts || char(9) || coalesce(owner, '') || char(9) || coalesce(claimed_at, '') || char(9) || ? || ?,
				lost_workers = lost_workers + 1, owner = NULL, lease_until = NULL,
				state = 'failed', finished_at = ?, dead_letter = true, error_code = ?, error_message = ?
			WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND lease_until < ? AND lost_workers + 1 >= ? LIMIT ?)
			RETURNING id, kind, state, parent_id`,
			at.Format(timeFormat), dialect.PastLost, at, string(models.WorkerLost), models.ErrorTable[models.WorkerLost].Message, before, maxLost, limit)
		if err != nil {
			return err
		}
		if final, err = tx.settle(failed); err != nil {
			return err
		}
		requeued, err = inTx(tx, scanString, `UPDATE jobs SET history = coalesce(history, '') || attempts || char(9) || coalesce(owner, '') || char(9) || coalesce(claimed_at, '') || char(9) || ? || ?,
				lost_workers = lost_workers + 1, owner = NULL, lease_until = NULL,
				state = 'queued', next_check = ?
			WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND lease_until < ? ORDER BY lease_until LIMIT ?) RETURNING id`, at.Format(timeFormat), dialect.PastLost, dialect.Steady(), before, limit)
		return err
	})
	return requeued, final, err
}

func (j *jobStore) Due(ctx context.Context, class dialect.Class, limit int) (due []dialect.Due, err error) {
	// Most of the time nothing is due, and a look does not need the writer.
	const isDue = ` FROM jobs WHERE state = 'queued' AND next_check <= ?
		AND (parent_id IS NOT NULL OR kind IN (SELECT value FROM json_each(?))) = ?`
	some, err := collect(j.reader, ctx, scanString, "SELECT id"+isDue+" LIMIT 1", dialect.Steady(), jsonList(class.BulkKinds), class.Bulk)
	if err != nil || len(some) == 0 {
		return nil, err
	}
	err = j.writeRelaxed(ctx, func(tx writeTx) error {
		at := dialect.Steady()
		type dueAge struct {
			dialect.Due
			created time.Time
		}
		found, err := inTx(tx, func(r rows) (d dueAge, err error) {
			return d, r.Scan(&d.ID, (*string)(&d.Kind), &d.Item, &d.Seq, storedTime{&d.created})
		}, "SELECT id, kind, parent_id IS NOT NULL, seq, created_at"+isDue+" ORDER BY next_check LIMIT ?",
			at, jsonList(class.BulkKinds), class.Bulk, limit)
		if err != nil {
			return err
		}
		due = make([]dialect.Due, 0, len(found))
		for _, d := range found {
			if _, err := tx.exec("UPDATE jobs SET next_check = ? WHERE id = ?", at.Add(recheck(at.Sub(d.created))), d.ID); err != nil {
				return err
			}
			due = append(due, d.Due)
		}
		return nil
	})
	dialect.SortDue(due)
	return due, err
}

// recheck is the pause before a job of this age is looked at again.
func recheck(age time.Duration) time.Duration {
	return min(max(age, dialect.MinRecheck), dialect.MaxRecheck)
}

func (j *jobStore) Bump(ctx context.Context, jobs []dialect.Due) (bumped []dialect.Due, err error) {
	err = j.writeRelaxed(ctx, func(tx writeTx) error {
		bumped = nil
		for _, d := range jobs {
			found, err := inTx(tx, scanDue, `UPDATE jobs SET seq = seq + 1 WHERE id = ? AND seq = ? AND state = 'queued'
				RETURNING id, kind, parent_id IS NOT NULL, seq`, d.ID, d.Seq)
			if err != nil {
				return err
			}
			bumped = append(bumped, found...)
		}
		return nil
	})
	dialect.SortDue(bumped)
	return bumped, err
}

func (j *jobStore) MakeDue(ctx context.Context, ids []string) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx writeTx) (err error) {
		at := dialect.Steady()
		query, args := "UPDATE jobs SET next_check = ? WHERE state = 'queued' AND items_total = 0 AND next_check > ?", []any{at, at}
		if ids != nil {
			query, args = query+" AND id IN (SELECT value FROM json_each(?))", append(args, jsonList(ids))
		}
		n, err = tx.exec(query, args...)
		return err
	})
	return n, err
}

func (j *jobStore) Orphan(ctx context.Context) (n int, err error) {
	err = j.writeRelaxed(ctx, func(tx writeTx) (err error) {
		at := dialect.Steady()
		n, err = tx.exec("UPDATE jobs SET lease_until = ? WHERE state = 'running' AND lease_until > ?", at.Add(-time.Second), at)
		return err
	})
	return n, err
}
