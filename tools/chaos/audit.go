//go:build unix

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// audit watches the rows of jobs from inside the database, whatever the program believes of them.
type audit struct{ pool *pgxpool.Pool }

// watch records every transition into a final state, every claim, and every change of a final row.
const watch = `
CREATE TABLE chaos_effects (job_id text NOT NULL, state text NOT NULL, attempt int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE chaos_changes (job_id text NOT NULL, was text NOT NULL, is_now text NOT NULL);
CREATE TABLE chaos_claims (job_id text NOT NULL, attempt int NOT NULL, owner text, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE FUNCTION chaos_watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF OLD.state IN ('completed', 'failed', 'canceled') THEN
		IF NEW IS DISTINCT FROM OLD THEN
			INSERT INTO chaos_changes VALUES (NEW.id, OLD.state, NEW.state);
		END IF;
	ELSIF NEW.state IN ('completed', 'failed', 'canceled') THEN
		INSERT INTO chaos_effects (job_id, state, attempt) VALUES (NEW.id, NEW.state, NEW.attempts);
	END IF;
	IF NEW.attempts > OLD.attempts THEN
		INSERT INTO chaos_claims (job_id, attempt, owner) VALUES (NEW.id, NEW.attempts, NEW.owner);
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER chaos_watch AFTER UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION chaos_watch();
`

func newAudit(ctx context.Context, url string) (*audit, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, watch); err != nil {
		pool.Close()
		return nil, fmt.Errorf("audit: %w", err)
	}
	return &audit{pool}, nil
}

func (a *audit) close() { a.pool.Close() }

// now is the database's clock.
func (a *audit) now(ctx context.Context) (t time.Time, err error) {
	return t, a.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&t)
}

// unfinished counts jobs that are not final, of those created before a time.
func (a *audit) unfinished(ctx context.Context, before time.Time) (n int, err error) {
	return n, a.pool.QueryRow(ctx, "SELECT count(*) FROM jobs WHERE finished_at IS NULL AND created_at <= $1", before).Scan(&n)
}

// held counts the jobs that a worker process holds.
func (a *audit) held(ctx context.Context, pid int) (n int, err error) {
	return n, a.pool.QueryRow(ctx, "SELECT count(*) FROM jobs WHERE state = 'running' AND owner LIKE '%:' || $1::text || ':%'", strconv.Itoa(pid)).Scan(&n)
}

// keptBy returns the worker processes that a supervisor keeps and that take jobs.
func (a *audit) keptBy(ctx context.Context, supervisor int) ([]int, error) {
	rows, err := a.pool.Query(ctx, `SELECT w.pid FROM processes w JOIN processes k ON k.id = w.supervisor
		WHERE k.pid = $1 AND w.ended_at IS NULL AND NOT w.draining`, supervisor)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}

// recovery is how long after a moment the last job of that moment was final.
func (a *audit) recovery(ctx context.Context, at time.Time) (time.Duration, error) {
	var s float64
	err := a.pool.QueryRow(ctx, `SELECT coalesce(extract(epoch FROM max(finished_at) - $1), 0)::float8
		FROM jobs WHERE created_at <= $1 AND finished_at > $1`, at).Scan(&s)
	return time.Duration(s * float64(time.Second)), err
}

// drain waits until every job is final.
func (a *audit) drain(ctx context.Context, timeout time.Duration) error {
	end := time.Now().Add(timeout)
	for {
		n, err := a.unfinished(ctx, time.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		if n == 0 || time.Now().After(end) {
			return nil // what is left is counted as lost
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// counts are what the database saw.
type counts struct {
	jobs, finished, completed, canceled, failed     int
	effects, doubled, twins, changed, claims, rerun int
}

func (a *audit) counts(ctx context.Context) (c counts, err error) {
	err = a.pool.QueryRow(ctx, `SELECT
		(SELECT count(*) FROM jobs),
		(SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL),
		(SELECT count(*) FROM jobs WHERE state = 'completed'),
		(SELECT count(*) FROM jobs WHERE state = 'canceled'),
		(SELECT count(*) FROM jobs WHERE state = 'failed'),
		(SELECT count(*) FROM chaos_effects),
		(SELECT count(*) FROM chaos_effects) - (SELECT count(DISTINCT job_id) FROM chaos_effects),
		(SELECT count(*) FROM (SELECT 1 FROM jobs WHERE kind = 'neuro_decode' GROUP BY request::json #>> '{context,marker}' HAVING count(*) > 1) AS t),
		(SELECT count(*) FROM chaos_changes),
		(SELECT count(*) FROM chaos_claims),
		(SELECT count(*) FROM jobs WHERE attempts > 1)`).
		Scan(&c.jobs, &c.finished, &c.completed, &c.canceled, &c.failed, &c.effects, &c.doubled, &c.twins, &c.changed, &c.claims, &c.rerun)
	return c, err
}

// row is what the database knows of a job.
type row struct {
	state  string
	output *string
	code   *string
}

// rows returns all jobs by id, and which markers they carry.
func (a *audit) rows(ctx context.Context) (map[string]row, map[string]bool, error) {
	rs, err := a.pool.Query(ctx, "SELECT id, state, output, error_code, coalesce(request::json #>> '{context,marker}', '') FROM jobs")
	if err != nil {
		return nil, nil, err
	}
	out, markers := map[string]row{}, map[string]bool{}
	var id, marker string
	var r row
	_, err = pgx.ForEachRow(rs, []any{&id, &r.state, &r.output, &r.code, &marker}, func() error {
		out[id] = r
		markers[marker] = true
		return nil
	})
	return out, markers, err
}

// sleep waits; it returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// rowsOf counts what is left of a session.
func (a *audit) rowsOf(ctx context.Context, session string) (n int, err error) {
	return n, a.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM sessions WHERE id = $1) + (SELECT count(*) FROM sample_batches WHERE session_id = $1) +
		(SELECT count(*) FROM feature_windows WHERE session_id = $1) + (SELECT count(*) FROM session_stretches WHERE session_id = $1) +
		(SELECT count(*) FROM session_decodes WHERE session_id = $1) + (SELECT count(*) FROM session_alignments WHERE session_id = $1) +
		(SELECT count(*) FROM jobs WHERE request LIKE '%' || $1 || '%')`, session).Scan(&n)
}
