package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/neurod/neurod/internal/store/dialect"
)

func (j *jobStore) Claim(ctx context.Context, id, owner string, lease time.Duration) (claimed *dialect.Claimed, err error) {
	err = j.writeRelaxed(ctx, func(tx writeTx) error {
		claimed = nil
		at := dialect.Now()
		found, err := inTx(tx, scanJob, `UPDATE jobs SET state = 'running', owner = ?, lease_until = ?, attempts = attempts + 1,
				started_at = coalesce(started_at, ?), claimed_at = ?
			WHERE id = ? AND state = 'queued' AND items_total = 0 RETURNING `+dialect.JobColumns, owner, dialect.Steady().Add(lease), at, at, id)
		if err != nil || len(found) == 0 {
			return err
		}
		c := &dialect.Claimed{Job: found[0]}
		if c.Job.ParentID != nil {
			if _, err := tx.exec("UPDATE jobs SET state = 'running', started_at = ? WHERE id = ? AND state = 'queued'", at, *c.Job.ParentID); err != nil {
				return err
			}
		}
		if c.Job.ParentID == nil {
			others, err := inTx(tx, func(r rows) (yes bool, err error) { return yes, r.Scan(&yes) },
				"SELECT "+dialect.OthersWait+" FROM (SELECT ? AS project_id) AS c", c.Job.ProjectID)
			if err != nil {
				return err
			}
			c.Others = len(others) > 0 && others[0]
		}
		claimed = c
		return nil
	})
	if err != nil || claimed == nil {
		return nil, err
	}
	// The payload is read outside: it never changes, and the writer is free for others.
	type payload struct {
		codec string
		size  int
		data  []byte
	}
	found, err := collect(j.reader, context.WithoutCancel(ctx), func(r rows) (p payload, err error) {
		return p, r.Scan(&p.codec, &p.size, &p.data)
	}, "SELECT codec, size, data FROM job_payloads WHERE job_id = ?", id)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 {
		if err := claimed.Take(found[0].codec, found[0].size, found[0].data); err != nil {
			return nil, err
		}
	}
	return claimed, nil
}

func (j *jobStore) Extend(ctx context.Context, owner string, held []dialect.Attempt, lease time.Duration) (kept []string, err error) {
	err = j.writeRelaxed(ctx, func(tx writeTx) error {
		kept = nil
		until := dialect.Steady().Add(lease)
		for _, a := range held {
			n, err := tx.exec("UPDATE jobs SET lease_until = ? WHERE id = ? AND owner = ? AND attempts = ? AND state = 'running'", until, a.ID, owner, a.Attempt)
			if err != nil {
				return err
			}
			if n > 0 {
				kept = append(kept, a.ID)
			}
		}
		return nil
	})
	slices.Sort(kept)
	return kept, err
}

func (j *jobStore) Release(ctx context.Context, owner string, a dialect.Attempt, pause time.Duration, why string) (seq int, ok bool, err error) {
	err = j.write(ctx, 0, func(tx writeTx) error {
		seq, ok = 0, false
		seqs, err := inTx(tx, func(r rows) (n int, err error) { return n, r.Scan(&n) },
			`UPDATE jobs SET state = 'queued', owner = NULL, lease_until = NULL, seq = seq + 1, next_check = ?, not_before = ?,
				history = coalesce(history, '') || ? || coalesce(claimed_at, '') || char(9) || ? || ?
			WHERE id = ? AND owner = ? AND attempts = ? AND state = 'running' RETURNING seq`, dialect.Steady().Add(pause), notBefore(pause),
			dialect.PastBegins(a.Attempt, owner), dialect.Now().Format(timeFormat), dialect.PastEnds(pause, why), a.ID, owner, a.Attempt)
		if err == nil && len(seqs) > 0 {
			seq, ok = seqs[0], true
		}
		return err
	})
	return seq, ok, err
}

// notBefore is when a job that was put back may be claimed by turn.
func notBefore(pause time.Duration) *time.Time {
	if pause <= 0 {
		return nil
	}
	at := dialect.Steady().Add(pause)
	return &at
}
