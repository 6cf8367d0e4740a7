package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

const finishJobs = `WITH done AS (
		SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bool[])
		AS d(id, attempt, owner, state, output, diagnostics, error_code, error_message, error_details, dead_letter)),
	held AS (
		SELECT j.id FROM jobs j JOIN done d ON j.id = d.id AND j.attempts = d.attempt AND j.owner = d.owner
		WHERE j.state = 'running' ORDER BY j.id FOR UPDATE OF j)
	UPDATE jobs j SET state = d.state, output = d.output, diagnostics = d.diagnostics, error_code = d.error_code,
		error_message = d.error_message, error_details = d.error_details, dead_letter = d.dead_letter, lease_until = NULL, finished_at = now()
	FROM done d JOIN held USING (id) WHERE j.id = d.id
	RETURNING j.id, j.kind, j.state, j.parent_id`

func (j *jobStore) Finish(ctx context.Context, f *dialect.Finish) ([]dialect.Change, error) {
	return j.finishes.Do(ctx, f)
}

func (j *jobStore) finishMany(ctx context.Context, fs []*dialect.Finish) ([][]dialect.Change, error) {
	index := make(map[string]int, len(fs))
	var ids, owners, states []string
	var attempts []int
	var outputs, diagnostics, codes, messages, details []*string
	var dead []bool
	items := false
	for i, f := range fs {
		if _, twice := index[f.ID]; twice {
			continue // one attempt ends once
		}
		index[f.ID] = i
		items = items || f.Item
		ids, attempts, owners, states = append(ids, f.ID), append(attempts, f.Attempt.Attempt), append(owners, f.Owner), append(states, string(f.State))
		outputs, diagnostics = append(outputs, dialect.Text(f.Output)), append(diagnostics, dialect.Text(f.Diagnostics))
		codes, messages, details = append(codes, dialect.OptionalText(f.ErrorCode)), append(messages, dialect.OptionalText(f.ErrorMessage)), append(details, dialect.Text(f.ErrorDetails))
		dead = append(dead, f.DeadLetter)
	}
	args := []any{ids, attempts, owners, states, outputs, diagnostics, codes, messages, details, dead}
	out := make([][]dialect.Change, len(fs))
	if !items {
		done, err := retrying(ctx, j.pool, scanSettled, finishJobs, args...)
		for _, d := range done {
			out[index[d.ID]] = []dialect.Change{d.Change}
		}
		return out, err
	}
	err := j.transact(ctx, func(tx pgx.Tx) error {
		done, err := collect(ctx, tx, scanSettled, finishJobs, args...)
		if err != nil {
			return err
		}
		batches, err := settleBatches(ctx, tx, done)
		if err != nil {
			return err
		}
		clear(out)
		for _, d := range done {
			out[index[d.ID]] = []dialect.Change{d.Change}
			if d.Parent != nil {
				if c, ok := batches[*d.Parent]; ok {
					out[index[d.ID]] = append(out[index[d.ID]], c)
					delete(batches, *d.Parent)
				}
			}
		}
		return nil
	})
	return out, err
}

func scanSettled(row pgx.CollectableRow) (dialect.Settled, error) {
	var s dialect.Settled
	err := row.Scan(&s.ID, &s.Kind, &s.State, &s.Parent)
	return s, err
}

// settleBatches counts the batches of items down and finishes those that reach zero. It returns these.
func settleBatches(ctx context.Context, tx pgx.Tx, done []dialect.Settled) (map[string]dialect.Change, error) {
	counts := map[string]int{}
	for _, d := range done {
		if d.Parent != nil {
			counts[*d.Parent]++
		}
	}
	if len(counts) == 0 {
		return nil, nil
	}
	var ids []string
	var ns []int
	for id, n := range counts {
		ids, ns = append(ids, id), append(ns, n)
	}
	type batch struct {
		dialect.Change
		total int
	}
	finished, err := collect(ctx, tx, func(row pgx.CollectableRow) (batch, error) {
		var b batch
		err := row.Scan(&b.ID, &b.Kind, &b.total)
		b.State = models.JobCompleted
		return b, err
	}, `WITH locked AS (SELECT id FROM jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE),
		counted AS (
			UPDATE jobs b SET items_pending = b.items_pending - d.n,
				state = CASE WHEN b.items_pending = d.n AND b.finished_at IS NULL THEN 'completed' ELSE b.state END,
				finished_at = CASE WHEN b.items_pending = d.n AND b.finished_at IS NULL THEN now() ELSE b.finished_at END
			FROM unnest($1::text[], $2::int[]) AS d(id, n) JOIN locked USING (id) WHERE b.id = d.id
			RETURNING b.id, b.kind, b.items_total, b.items_pending, b.state)
		SELECT id, kind, items_total FROM counted WHERE items_pending = 0 AND state = 'completed'`, ids, ns)
	if err != nil {
		return nil, err
	}
	out := make(map[string]dialect.Change, len(finished))
	for _, b := range finished {
		if err := writeBatchOutput(ctx, tx, b.ID, b.total); err != nil {
			return nil, err
		}
		out[b.ID] = b.Change
	}
	return out, nil
}

// writeBatchOutput stores the counts of a batch whose items are all final.
func writeBatchOutput(ctx context.Context, tx pgx.Tx, id string, total int) error {
	counts, err := countItems(ctx, tx, id)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE jobs SET output = $2 WHERE id = $1", id, string(dialect.BatchOutput(total, counts)))
	return err
}

func countItems(ctx context.Context, q querier, parentID string) (map[models.JobState]int, error) {
	rows, err := q.Query(ctx, "SELECT state, count(*) FROM jobs WHERE parent_id = $1 GROUP BY state", parentID)
	if err != nil {
		return nil, err
	}
	counts := map[models.JobState]int{}
	var state models.JobState
	var n int
	_, err = pgx.ForEachRow(rows, []any{&state, &n}, func() error {
		counts[state] = n
		return nil
	})
	return counts, err
}

func (j *jobStore) Cancel(ctx context.Context, projectID, id string) (job models.Job, changes []dialect.Change, err error) {
	const cancel = `UPDATE jobs SET state = 'canceled', lease_until = NULL, finished_at = now() `
	err = j.transact(ctx, func(tx pgx.Tx) error {
		changes = nil
		found, err := collect(ctx, tx, scanJob, "SELECT "+dialect.JobColumns+" FROM jobs WHERE id = $1 AND project_id = $2", id, projectID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return dialect.ErrNotFound
		}
		if job = found[0]; job.State.Final() {
			return nil
		}
		if job.ItemsTotal > 0 {
			changes, err = collect(ctx, tx, scanChange, cancel+`WHERE id IN
				(SELECT id FROM jobs WHERE parent_id = $1 AND finished_at IS NULL ORDER BY id FOR UPDATE) RETURNING id, kind, state`, id)
			if err != nil {
				return err
			}
			var batch []dialect.Change
			batch, err = collect(ctx, tx, scanChange, cancel+`, items_pending = items_pending - $2
				WHERE id = $1 AND finished_at IS NULL RETURNING id, kind, state`, id, len(changes))
			if err != nil {
				return err
			}
			if len(batch) > 0 {
				changes = append(changes, batch...)
				err = writeBatchOutput(ctx, tx, id, job.ItemsTotal)
			}
		} else {
			var done []dialect.Settled
			done, err = collect(ctx, tx, scanSettled, cancel+"WHERE id = $1 AND finished_at IS NULL RETURNING id, kind, state, parent_id", id)
			if err != nil {
				return err
			}
			var batches map[string]dialect.Change
			batches, err = settleBatches(ctx, tx, done)
			for _, d := range done {
				changes = append(changes, d.Change)
			}
			for _, c := range batches {
				changes = append(changes, c)
			}
		}
		if err != nil {
			return err
		}
		found, err = collect(ctx, tx, scanJob, "SELECT "+dialect.JobColumns+" FROM jobs WHERE id = $1 AND project_id = $2", id, projectID)
		if err == nil && len(found) == 0 {
			err = dialect.ErrNotFound
		}
		if err == nil {
			job = found[0]
		}
		return err
	})
	return job, changes, err
}
