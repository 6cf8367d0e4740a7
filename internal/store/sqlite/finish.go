package sqlite

import (
	"context"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

func scanSettled(r rows) (s dialect.Settled, err error) {
	err = r.Scan(&s.ID, (*string)(&s.Kind), (*string)(&s.State), &s.Parent)
	return s, err
}

func (j *jobStore) Finish(ctx context.Context, f *dialect.Finish) (changes []dialect.Change, err error) {
	var shown []string // by all attempts of the transaction
	durable, err := j.commit(ctx, write{relaxed: true, size: len(f.Output) + len(f.Diagnostics), fn: func(tx writeTx) error {
		changes = nil
		done, err := inTx(tx, scanSettled, `UPDATE jobs SET state = ?, output = ?, diagnostics = ?, error_code = ?, error_message = ?,
				error_details = ?, dead_letter = ?, lease_until = NULL, finished_at = ?
			WHERE id = ? AND owner = ? AND attempts = ? AND state = 'running' RETURNING id, kind, state, parent_id`,
			string(f.State), dialect.Text(f.Output), dialect.Text(f.Diagnostics), dialect.OptionalText(f.ErrorCode), dialect.OptionalText(f.ErrorMessage), dialect.Text(f.ErrorDetails),
			f.DeadLetter, dialect.Now(), f.ID, f.Owner, f.Attempt.Attempt)
		if err != nil {
			return err
		}
		for _, d := range done {
			shown = append(shown, j.early.show(d.ID))
			if d.Parent != nil { // it counts its items
				shown = append(shown, j.early.show(*d.Parent))
			}
		}
		changes, err = tx.settle(done)
		return err
	}})
	if err == nil && !durable {
		if err = j.wal.flush(ctx); err != nil {
			return changes, err // the end is in the database, and whoever reads it tries to flush it again
		}
	}
	j.early.hide(shown)
	return changes, err
}

// settle counts the batches of finished items down, finishes those that reach zero, and returns all that became final.
func (t writeTx) settle(done []dialect.Settled) ([]dialect.Change, error) {
	var out []dialect.Change
	for _, d := range done {
		out = append(out, d.Change)
		if d.Parent == nil {
			continue
		}
		type batch struct {
			dialect.Settled
			total, pending int
		}
		found, err := inTx(t, func(r rows) (b batch, err error) {
			return b, r.Scan(&b.ID, (*string)(&b.Kind), (*string)(&b.State), &b.total, &b.pending)
		}, "UPDATE jobs SET items_pending = items_pending - 1 WHERE id = ? RETURNING id, kind, state, items_total, items_pending", *d.Parent)
		if err != nil {
			return nil, err
		}
		for _, b := range found {
			if b.pending > 0 || b.State.Final() {
				continue
			}
			counts, err := t.count(b.ID)
			if err != nil {
				return nil, err
			}
			if _, err := t.exec("UPDATE jobs SET state = 'completed', finished_at = ?, output = ? WHERE id = ?", dialect.Now(), string(dialect.BatchOutput(b.total, counts)), b.ID); err != nil {
				return nil, err
			}
			b.State = models.JobCompleted
			out = append(out, b.Change)
		}
	}
	return out, nil
}

type stateCount struct {
	state models.JobState
	n     int
}

func scanCount(r rows) (c stateCount, err error) { return c, r.Scan((*string)(&c.state), &c.n) }

const countItems = "SELECT state, count(*) FROM jobs WHERE parent_id = ? GROUP BY state"

func byState(cs []stateCount) map[models.JobState]int {
	counts := map[models.JobState]int{}
	for _, c := range cs {
		counts[c.state] = c.n
	}
	return counts
}

func (t writeTx) count(parentID string) (map[models.JobState]int, error) {
	cs, err := inTx(t, scanCount, countItems, parentID)
	return byState(cs), err
}

func (j *jobStore) Cancel(ctx context.Context, projectID, id string) (job models.Job, changes []dialect.Change, err error) {
	const selectJob = "SELECT " + dialect.JobColumns + " FROM jobs WHERE id = ? AND project_id = ?"
	const cancel = "UPDATE jobs SET state = 'canceled', lease_until = NULL, finished_at = ?"
	const returning = " RETURNING id, kind, state, parent_id"
	missing := false
	err = j.write(ctx, 0, func(tx writeTx) error {
		changes, missing = nil, false
		found, err := inTx(tx, scanJob, selectJob, id, projectID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			missing = true // no error: that would undo what others wrote in this transaction
			return nil
		}
		if job = found[0]; job.State.Final() {
			return nil
		}
		at := dialect.Now()
		if job.ItemsTotal > 0 {
			items, err := inTx(tx, scanSettled, cancel+" WHERE parent_id = ? AND finished_at IS NULL"+returning, at, id)
			if err != nil {
				return err
			}
			for _, d := range items {
				changes = append(changes, d.Change)
			}
			counts, err := tx.count(id)
			if err != nil {
				return err
			}
			if _, err := tx.exec(cancel+", items_pending = items_pending - ?, output = ? WHERE id = ?", at, len(items), string(dialect.BatchOutput(job.ItemsTotal, counts)), id); err != nil {
				return err
			}
			changes = append(changes, dialect.Change{ID: id, Kind: job.Kind, State: models.JobCanceled})
		} else {
			done, err := inTx(tx, scanSettled, cancel+" WHERE id = ?"+returning, at, id)
			if err != nil {
				return err
			}
			if changes, err = tx.settle(done); err != nil {
				return err
			}
		}
		found, err = inTx(tx, scanJob, selectJob, id, projectID)
		if err == nil && len(found) == 1 {
			job = found[0]
		}
		return err
	})
	if err == nil && missing {
		err = dialect.ErrNotFound
	}
	return job, changes, err
}
