package postgres

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

type claim struct {
	id, owner string
	lease     time.Duration
}

const claimJobs = `WITH want AS (SELECT * FROM unnest($1::text[], $2::text[], $3::float8[]) AS w(id, owner, lease)),
	free AS (
		SELECT j.id FROM jobs j WHERE j.id = ANY($1) AND j.state = 'queued' AND j.items_total = 0 AND ` + noFlush + `
		ORDER BY j.id FOR UPDATE),
	claimed AS (
		UPDATE jobs j SET state = 'running', owner = w.owner, lease_until = now() + w.lease * interval '1 second',
			attempts = j.attempts + 1, started_at = coalesce(j.started_at, now()), claimed_at = now()
		FROM want w JOIN free USING (id) WHERE j.id = w.id
		RETURNING j.*),
	batch AS (
		UPDATE jobs b SET state = 'running', started_at = now()
		WHERE b.id IN (SELECT parent_id FROM claimed WHERE parent_id IS NOT NULL) AND b.state = 'queued')
	SELECT `

// smallPayload is the longest payload that comes with its claim, in bytes as it was submitted: a longer one is read by itself, so that
// those who claim in the same statement do not wait for it.
const smallPayload = 128 << 10

// claimed is a job, perhaps still without its payload.
type claimed struct {
	*dialect.Claimed
	payloadLater bool
}

func (j *jobStore) Claim(ctx context.Context, id, owner string, lease time.Duration) (*dialect.Claimed, error) {
	c, err := j.claims.Do(ctx, claim{id, owner, lease})
	if err != nil || !c.payloadLater {
		return c.Claimed, err
	}
	type payload struct {
		codec string
		size  int
		data  []byte
	}
	found, err := retrying(ctx, j.pool, func(row pgx.CollectableRow) (p payload, err error) {
		return p, row.Scan(&p.codec, &p.size, &p.data)
	}, "SELECT codec, size, data FROM job_payloads WHERE job_id = $1", id)
	if err == nil && len(found) > 0 {
		err = c.Take(found[0].codec, found[0].size, found[0].data)
	}
	if err != nil {
		return nil, err
	}
	return c.Claimed, nil
}

func (j *jobStore) claimMany(ctx context.Context, claims []claim) ([]claimed, error) {
	// Of several claims of one job the first is the one that gets it.
	index := make(map[string]int, len(claims))
	var ids, owners []string
	var leases []float64
	for i, c := range claims {
		if _, twice := index[c.id]; twice {
			continue
		}
		index[c.id] = i
		ids, owners, leases = append(ids, c.id), append(owners, c.owner), append(leases, c.lease.Seconds())
	}
	type found struct {
		job   models.Job
		codec *string
		size  *int
		data  []byte
		other bool
	}
	rows, err := retrying(ctx, j.pool, func(row pgx.CollectableRow) (found, error) {
		var f found
		err := row.Scan(append(jobTargets(&f.job), &f.codec, &f.size, &f.data, &f.other)...)
		return f, err
	}, claimStatement, ids, owners, leases)
	if err != nil {
		return nil, err
	}
	out := make([]claimed, len(claims))
	for i := range rows {
		c := claimed{Claimed: &dialect.Claimed{Job: rows[i].job, Others: rows[i].other}}
		switch {
		case rows[i].codec == nil:
		case *rows[i].size > smallPayload:
			c.payloadLater = true
		default:
			if err := c.Take(*rows[i].codec, *rows[i].size, rows[i].data); err != nil {
				return nil, err
			}
		}
		out[index[c.Job.ID]] = c
	}
	return out, nil
}

var claimStatement = claimJobs + qualified("c") + `, p.codec, p.size, CASE WHEN p.size <= ` + strconv.Itoa(smallPayload) + ` THEN p.data END, c.parent_id IS NULL AND ` + dialect.OthersWait + `
	FROM claimed c LEFT JOIN job_payloads p ON p.job_id = c.id`

func (j *jobStore) Extend(ctx context.Context, owner string, held []dialect.Attempt, lease time.Duration) ([]string, error) {
	ids, attempts := make([]string, len(held)), make([]int, len(held))
	for i, a := range held {
		ids[i], attempts[i] = a.ID, a.Attempt
	}
	kept, err := retrying(ctx, j.pool, pgx.RowTo[string], `WITH held AS (
			SELECT j.id FROM jobs j JOIN unnest($1::text[], $2::int[]) AS h(id, attempt) ON j.id = h.id AND j.attempts = h.attempt
			WHERE j.owner = $3 AND j.state = 'running' AND `+noFlush+` ORDER BY j.id FOR UPDATE OF j)
		UPDATE jobs SET lease_until = now() + $4 * interval '1 second' WHERE id IN (SELECT id FROM held) RETURNING id`,
		ids, attempts, owner, lease.Seconds())
	slices.Sort(kept)
	return kept, err
}

func (j *jobStore) Release(ctx context.Context, owner string, a dialect.Attempt, pause time.Duration, why string) (int, bool, error) {
	seqs, err := retrying(ctx, j.pool, pgx.RowTo[int], `UPDATE jobs SET state = 'queued', owner = NULL, lease_until = NULL, seq = seq + 1,
			next_check = now() + $4 * interval '1 second', not_before = now() + $4 * interval '1 second',
			history = coalesce(history, '') || $5::text || coalesce(claimed_at::text, '') || chr(9) || now()::text || $6::text
		WHERE id = $1 AND owner = $2 AND attempts = $3 AND state = 'running' RETURNING seq`, a.ID, owner, a.Attempt, pause.Seconds(),
		dialect.PastBegins(a.Attempt, owner), dialect.PastEnds(pause, why))
	if err != nil || len(seqs) == 0 {
		return 0, false, err
	}
	return seqs[0], true, nil
}
