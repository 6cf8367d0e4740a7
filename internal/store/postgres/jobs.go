package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/neurod/neurod/internal/store/coalesce"
	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// postgresJobs keeps jobs in PostgreSQL. It bypasses gorm: a job costs five statements, each one round trip that
// concurrent callers share.
type postgresJobs struct {
	pool     *pgxpool.Pool
	accepts  *coalesce.Coalescer[*dialect.Acceptance, struct{}]
	claims   *coalesce.Coalescer[claim, *dialect.Claimed]
	finishes *coalesce.Coalescer[*dialect.Finish, []dialect.Change]
	gets     *coalesce.Coalescer[projectJob, *models.Job]
}

var _ dialect.Jobs = (*postgresJobs)(nil)

type claim struct {
	id, owner string
	lease     time.Duration
}

type projectJob struct{ projectID, id string }

// Limits of one statement. Two lanes overlap the wait for one flush with the gathering of the next statement; more make
// the statements smaller, which costs more than the wait (4 lanes were slower with 32 clients in tools/bench).
const (
	pgLanes     = 2
	pgMaxCalls  = 64
	pgMaxBytes  = 8 << 20
	pgTimeout   = 15 * time.Second
	pgMaxConns  = 4*pgLanes + 4 // the lanes, and what runs beside them; at most half as many as the store's own
	pgTxRetries = 3
)

// OpenJobs implements [dialect.Database].
func (d *Database) OpenJobs(ctx context.Context) (dialect.Jobs, error) {
	cfg, err := d.pgxConfig(ctx)
	if err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig(cfg.ConnString())
	if err != nil {
		return nil, errors.New("store: DATABASE_URL is not a valid PostgreSQL URL") // as the store says it
	}
	pc.ConnConfig = cfg
	pc.MaxConns = int32(min(pgMaxConns, max(pgLanes, d.pool.Stats().MaxOpenConnections/2)))
	pc.MaxConnIdleTime = 5 * time.Minute
	pc.MaxConnLifetime = time.Hour
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if err := timesInUTC(ctx, conn); err != nil {
			return err
		}
		// Every statement here finds its rows by an index, whatever its parameters, so it is planned once a connection;
		// planning costs more than running. The plan may be made while the table is nearly empty, when reading all of it
		// looks cheapest.
		_, err := conn.Exec(ctx, `SELECT set_config('plan_cache_mode', 'force_generic_plan', false),
			set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false)`)
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	j := &postgresJobs{pool: pool}
	j.accepts = coalesce.New(coalesce.Config[*dialect.Acceptance, struct{}]{Lanes: pgLanes, MaxCalls: pgMaxCalls, Weigh: (*dialect.Acceptance).Size,
		MaxWeight: pgMaxBytes, Timeout: pgTimeout, Isolate: isDataError, Run: j.acceptMany})
	j.claims = coalesce.New(coalesce.Config[claim, *dialect.Claimed]{Lanes: pgLanes, MaxCalls: pgMaxCalls, Timeout: pgTimeout,
		Isolate: isDataError, Run: j.claimMany})
	j.finishes = coalesce.New(coalesce.Config[*dialect.Finish, []dialect.Change]{Lanes: pgLanes, MaxCalls: pgMaxCalls, Timeout: pgTimeout,
		Isolate: isDataError, Run: j.finishMany})
	j.gets = coalesce.New(coalesce.Config[projectJob, *models.Job]{Lanes: pgLanes, MaxCalls: pgMaxCalls, Timeout: pgTimeout,
		Isolate: isDataError, Run: j.getMany})
	return j, nil
}

// pgxConfig returns how the store's connections to PostgreSQL are made.
func (d *Database) pgxConfig(ctx context.Context) (cfg *pgx.ConnConfig, err error) {
	conn, err := d.pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	defer func(c *sql.Conn) { err = errors.Join(err, c.Close()) }(conn)
	err = conn.Raw(func(driver any) error {
		cfg = driver.(*stdlib.Conn).Conn().Config()
		return nil
	})
	return cfg, err
}

func (j *postgresJobs) Close() {
	j.accepts.Close()
	j.claims.Close()
	j.finishes.Close()
	j.gets.Close()
	j.pool.Close()
}

// isDataError reports whether PostgreSQL refused the data of a statement (classes 22 and 23 of its error codes), or the
// data did not fit its parameters, so that the other calls of a batch may well succeed.
func isDataError(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err != nil && strings.Contains(err.Error(), "encode") // pgx has no error of its own for it
	}
	return strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23")
}

// isConflict reports whether PostgreSQL ended a transaction only because of another one (class 40).
func isConflict(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "40")
}

// transact runs fn in a transaction, again when another one was in its way.
func (j *postgresJobs) transact(ctx context.Context, fn func(tx pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, j.pool, fn)
		if err == nil || try == pgTxRetries || !isConflict(err) {
			return err
		}
	}
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// collect runs a query and returns its rows.
func collect[T any](ctx context.Context, q querier, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// retrying is collect outside a transaction, again when another transaction was in its way.
func retrying[T any](ctx context.Context, q querier, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) ([]T, error) {
	for try := 1; ; try++ {
		out, err := collect(ctx, q, scan, sql, args...)
		if err == nil || try == pgTxRetries || !isConflict(err) {
			return out, err
		}
	}
}

// qualified returns dialect.JobColumns with an alias before each.
func qualified(alias string) string {
	cols := strings.Split(dialect.JobColumns, ",")
	for i, c := range cols {
		cols[i] = alias + "." + strings.TrimSpace(c)
	}
	return strings.Join(cols, ", ")
}

func pgJobTargets(j *models.Job) []any {
	return dialect.JobTargets(j, func(t *time.Time) any { return t }, func(t **time.Time) any { return t })
}

func scanJob(row pgx.CollectableRow) (models.Job, error) {
	var j models.Job
	err := row.Scan(pgJobTargets(&j)...)
	return j, err
}

func scanChange(row pgx.CollectableRow) (dialect.Change, error) {
	var c dialect.Change
	err := row.Scan(&c.ID, &c.Kind, &c.State)
	return c, err
}

// noFlush, used as a condition, lets the statement's transaction commit without waiting for the disk.
const noFlush = `(SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL`

// The parts of an accepting statement: parameters 1-15 are the jobs' columns, 16-21 the payloads'.
const (
	newJobs = `SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[],
		$9::text[], $10::text[], $11::timestamptz[], $12::int[], $13::int[], $14::timestamptz[], $15::timestamptz[])`
	newJobColumns = `(id, project_id, kind, state, parent_id, item_index, request, error_code,
		error_message, error_details, next_check, items_total, items_pending, created_at, finished_at)`
	newPayloads       = `SELECT * FROM unnest($16::text[], $17::text[], $18::text[], $19::int[], $20::bytea[], $21::timestamptz[])`
	newPayloadColumns = `(job_id, project_id, codec, size, data, created_at)`

	insertAccepted = `WITH p AS (INSERT INTO job_payloads ` + newPayloadColumns + ` ` + newPayloads + `)
		INSERT INTO jobs ` + newJobColumns + ` ` + newJobs

	// With a record all depends on getting its key: the lock tells a request in flight from an answered one.
	insertRecorded = `WITH lock AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($22) AS ok),
		record AS (
			INSERT INTO idempotency_records AS r (` + dialect.RecordColumns + `)
			SELECT $23, $24, $25, $26, $27, $28, $29, $30, $31, $32 FROM lock WHERE ok
			ON CONFLICT (project_id, operation, key) DO UPDATE SET ` + dialect.RecordUpdates + `
			WHERE r.expires_at <= now()
			RETURNING 1),
		p AS (INSERT INTO job_payloads ` + newPayloadColumns + ` ` + newPayloads + ` WHERE EXISTS (SELECT FROM record)),
		j AS (INSERT INTO jobs ` + newJobColumns + ` ` + newJobs + ` WHERE EXISTS (SELECT FROM record))
		SELECT (SELECT ok FROM lock), EXISTS (SELECT FROM record)`
)

// acceptArgs returns parameters 1-21 for the jobs and payloads of acceptances.
func acceptArgs(as []*dialect.Acceptance) []any {
	var n, np int
	for _, a := range as {
		n, np = n+len(a.Jobs), np+len(a.Payloads)
	}
	var (
		id, project, kind, state = make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]string, 0, n)
		parent                   = make([]*string, 0, n)
		item                     = make([]*int, 0, n)
		request                  = make([]string, 0, n)
		code, message, details   = make([]*string, 0, n), make([]*string, 0, n), make([]*string, 0, n)
		check                    = make([]time.Time, 0, n)
		total, pending           = make([]int, 0, n), make([]int, 0, n)
		created                  = make([]time.Time, 0, n)
		finished                 = make([]*time.Time, 0, n)
		pid, pproject, pcodec    = make([]string, 0, np), make([]string, 0, np), make([]string, 0, np)
		psize                    = make([]int, 0, np)
		pdata                    = make([][]byte, 0, np)
		pcreated                 = make([]time.Time, 0, np)
	)
	for _, a := range as {
		for i := range a.Jobs {
			j := &a.Jobs[i]
			id, project = append(id, j.ID), append(project, j.ProjectID)
			kind, state = append(kind, string(j.Kind)), append(state, string(j.State))
			parent, item = append(parent, j.ParentID), append(item, j.ItemIndex)
			request = append(request, dialect.CleanText(string(j.Request)))
			code, message, details = append(code, dialect.OptionalText(j.ErrorCode)), append(message, dialect.OptionalText(j.ErrorMessage)), append(details, dialect.Text(j.ErrorDetails))
			check = append(check, j.NextCheck)
			total, pending = append(total, j.ItemsTotal), append(pending, j.ItemsPending)
			created, finished = append(created, j.CreatedAt), append(finished, j.FinishedAt)
		}
		for i := range a.Payloads {
			p := &a.Payloads[i]
			pid, pproject, pcodec = append(pid, p.JobID), append(pproject, p.ProjectID), append(pcodec, p.Codec)
			psize, pdata, pcreated = append(psize, p.Size), append(pdata, p.Data), append(pcreated, p.CreatedAt)
		}
	}
	return []any{id, project, kind, state, parent, item, request, code, message, details, check, total, pending, created, finished,
		pid, pproject, pcodec, psize, pdata, pcreated}
}

func (j *postgresJobs) Accept(ctx context.Context, a *dialect.Acceptance) (*models.IdempotencyRecord, error) {
	existing, err := j.accept(ctx, a)
	if err == nil && existing == nil && a.Stored != nil {
		a.Stored()
	}
	return existing, err
}

func (j *postgresJobs) accept(ctx context.Context, a *dialect.Acceptance) (*models.IdempotencyRecord, error) {
	if a.Record == nil {
		if len(a.Jobs) <= pgMaxCalls && a.Size() <= pgMaxBytes && len(a.Sessions) == 0 {
			_, err := j.accepts.Do(ctx, a)
			return nil, err
		}
		return nil, j.transact(ctx, func(tx pgx.Tx) error {
			if err := linkSessions(ctx, tx, a); err != nil {
				return err
			}
			for _, part := range partsOf(a) {
				if _, err := tx.Exec(ctx, insertAccepted, acceptArgs([]*dialect.Acceptance{part})...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	// A record that expires or is pruned between the two looks at it makes a second try succeed.
	for range 2 {
		stored, err := j.acceptRecorded(ctx, a)
		if err != nil || stored {
			return nil, err
		}
		records, err := collect(ctx, j.pool, scanRecord, `SELECT `+dialect.RecordColumns+` FROM idempotency_records
			WHERE project_id = $1 AND operation = $2 AND key = $3 AND expires_at > now()`, a.Record.ProjectID, a.Record.Operation, a.Record.Key)
		if err != nil {
			return nil, err
		}
		if len(records) > 0 {
			return &records[0], nil
		}
	}
	return nil, dialect.ErrKeyInFlight
}

// linkSessions notes for which sessions an acceptance works. Their rows are locked, so that an erasure finds the note.
func linkSessions(ctx context.Context, tx pgx.Tx, a *dialect.Acceptance) error {
	for _, l := range a.Sessions {
		found, err := collect(ctx, tx, pgx.RowTo[string], "SELECT id FROM sessions WHERE id = $1 AND project_id = $2 FOR UPDATE", l.SessionID, a.Jobs[0].ProjectID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return dialect.ErrNotFound
		}
		if _, err := tx.Exec(ctx, "INSERT INTO session_jobs (session_id, job_id) VALUES ($1, $2)", l.SessionID, l.JobID); err != nil {
			return err
		}
	}
	return nil
}

// lockNumber is the PostgreSQL advisory lock of an idempotency key. Two keys that share a number by chance only make
// one of them wait for a retry of its client.
func lockNumber(r *models.IdempotencyRecord) int64 {
	h := sha256.New()
	for _, s := range []string{r.ProjectID, r.Operation, r.Key} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// acceptRecorded stores an acceptance if its key is free.
func (j *postgresJobs) acceptRecorded(ctx context.Context, a *dialect.Acceptance) (stored bool, err error) {
	r := a.Record
	record := append([]any{lockNumber(r)}, dialect.RowOfRecord(r).Values()...)
	var locked bool
	first := func(q interface {
		QueryRow(context.Context, string, ...any) pgx.Row
	}, part *dialect.Acceptance) error {
		return q.QueryRow(ctx, insertRecorded, append(acceptArgs([]*dialect.Acceptance{part}), record...)...).Scan(&locked, &stored)
	}
	parts := partsOf(a)
	if len(parts) == 1 && len(a.Sessions) == 0 {
		err = first(j.pool, parts[0])
	} else {
		err = j.transact(ctx, func(tx pgx.Tx) error {
			if err := first(tx, parts[0]); err != nil || !stored {
				return err
			}
			if err := linkSessions(ctx, tx, a); err != nil {
				return err
			}
			for _, part := range parts[1:] {
				if _, err := tx.Exec(ctx, insertAccepted, acceptArgs([]*dialect.Acceptance{part})...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err == nil && !locked {
		err = dialect.ErrKeyInFlight
	}
	return stored, err
}

// partsOf cuts an acceptance into ones of moderate size; only the first keeps the record.
func partsOf(a *dialect.Acceptance) []*dialect.Acceptance {
	payloads := make(map[string]models.Payload, len(a.Payloads))
	for _, p := range a.Payloads {
		payloads[p.JobID] = p
	}
	parts := []*dialect.Acceptance{{Record: a.Record}}
	size := 0
	for _, job := range a.Jobs {
		p, has := payloads[job.ID]
		part := parts[len(parts)-1]
		if n := len(p.Data) + len(job.Request); len(part.Jobs) >= 1000 || (len(part.Jobs) > 0 && size+n > pgMaxBytes) {
			part, size = &dialect.Acceptance{}, 0
			parts = append(parts, part)
		}
		size += len(p.Data) + len(job.Request)
		part.Jobs = append(part.Jobs, job)
		if has {
			part.Payloads = append(part.Payloads, p)
		}
	}
	return parts
}

func scanRecord(row pgx.CollectableRow) (models.IdempotencyRecord, error) {
	var r dialect.RecordRow
	err := row.Scan(r.Places()...)
	return r.Entity(), err
}

func (j *postgresJobs) acceptMany(ctx context.Context, as []*dialect.Acceptance) ([]struct{}, error) {
	_, err := j.pool.Exec(ctx, insertAccepted, acceptArgs(as)...)
	return make([]struct{}, len(as)), err
}

const claimJobs = `WITH want AS (SELECT * FROM unnest($1::text[], $2::text[], $3::float8[]) AS w(id, owner, lease)),
	free AS (
		SELECT j.id FROM jobs j WHERE j.id = ANY($1) AND j.state = 'queued' AND j.items_total = 0 AND ` + noFlush + `
		ORDER BY j.id FOR UPDATE),
	claimed AS (
		UPDATE jobs j SET state = 'running', owner = w.owner, lease_until = now() + w.lease * interval '1 second',
			attempts = j.attempts + 1, started_at = coalesce(j.started_at, now())
		FROM want w JOIN free USING (id) WHERE j.id = w.id
		RETURNING j.*),
	batch AS (
		UPDATE jobs b SET state = 'running', started_at = now()
		WHERE b.id IN (SELECT parent_id FROM claimed WHERE parent_id IS NOT NULL) AND b.state = 'queued')
	SELECT `

func (j *postgresJobs) Claim(ctx context.Context, id, owner string, lease time.Duration) (*dialect.Claimed, error) {
	return j.claims.Do(ctx, claim{id, owner, lease})
}

func (j *postgresJobs) claimMany(ctx context.Context, claims []claim) ([]*dialect.Claimed, error) {
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
		err := row.Scan(append(pgJobTargets(&f.job), &f.codec, &f.size, &f.data, &f.other)...)
		return f, err
	}, claimStatement, ids, owners, leases)
	if err != nil {
		return nil, err
	}
	out := make([]*dialect.Claimed, len(claims))
	for i := range rows {
		c := &dialect.Claimed{Job: rows[i].job, Others: rows[i].other}
		if rows[i].codec != nil {
			if c.Payload, err = dialect.Unpack(*rows[i].codec, *rows[i].size, rows[i].data); err != nil {
				return nil, err
			}
		}
		out[index[c.Job.ID]] = c
	}
	return out, nil
}

var claimStatement = claimJobs + qualified("c") + `, p.codec, p.size, p.data, c.parent_id IS NULL AND ` + dialect.OthersWait + `
	FROM claimed c LEFT JOIN job_payloads p ON p.job_id = c.id`

func (j *postgresJobs) Extend(ctx context.Context, owner string, held []dialect.Attempt, lease time.Duration) ([]string, error) {
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

func (j *postgresJobs) Finish(ctx context.Context, f *dialect.Finish) ([]dialect.Change, error) {
	return j.finishes.Do(ctx, f)
}

func (j *postgresJobs) finishMany(ctx context.Context, fs []*dialect.Finish) ([][]dialect.Change, error) {
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

func (j *postgresJobs) Release(ctx context.Context, owner string, a dialect.Attempt, pause time.Duration) (int, bool, error) {
	seqs, err := retrying(ctx, j.pool, pgx.RowTo[int], `UPDATE jobs SET state = 'queued', owner = NULL, lease_until = NULL, seq = seq + 1,
			next_check = now() + $4 * interval '1 second', not_before = now() + $4 * interval '1 second'
		WHERE id = $1 AND owner = $2 AND attempts = $3 AND state = 'running' RETURNING seq`, a.ID, owner, a.Attempt, pause.Seconds())
	if err != nil || len(seqs) == 0 {
		return 0, false, err
	}
	return seqs[0], true, nil
}

func (j *postgresJobs) Cancel(ctx context.Context, projectID, id string) (job models.Job, changes []dialect.Change, err error) {
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

func (j *postgresJobs) ExpireLeases(ctx context.Context, maxLost, limit int) (requeued []string, final []dialect.Change, err error) {
	err = j.transact(ctx, func(tx pgx.Tx) error {
		requeued, final = nil, nil
		touched, err := collect(ctx, tx, scanSettled, `WITH lost AS (
				SELECT id FROM jobs WHERE state = 'running' AND lease_until < now() ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED)
			UPDATE jobs SET lost_workers = lost_workers + 1, owner = NULL, lease_until = NULL, next_check = now(),
				state = CASE WHEN lost_workers + 1 >= $1 THEN 'failed' ELSE 'queued' END,
				finished_at = CASE WHEN lost_workers + 1 >= $1 THEN now() END,
				dead_letter = lost_workers + 1 >= $1,
				error_code = CASE WHEN lost_workers + 1 >= $1 THEN $3 END,
				error_message = CASE WHEN lost_workers + 1 >= $1 THEN $4 END
			WHERE id IN (SELECT id FROM lost) RETURNING id, kind, state, parent_id`,
			maxLost, limit, string(models.WorkerLost), models.ErrorTable[models.WorkerLost].Message)
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

func (j *postgresJobs) Due(ctx context.Context, class dialect.Class, limit int) ([]dialect.Due, error) {
	due, err := retrying(ctx, j.pool, scanDue, `WITH due AS (
			SELECT id FROM jobs WHERE state = 'queued' AND next_check < 'infinity' AND next_check <= now() AND (parent_id IS NOT NULL OR kind = ANY($1)) = $2 AND `+noFlush+`
			ORDER BY next_check LIMIT $3 FOR UPDATE SKIP LOCKED)
		UPDATE jobs SET next_check = now() + least(greatest(now() - created_at, $4 * interval '1 second'), $5 * interval '1 second')
		WHERE id IN (SELECT id FROM due) RETURNING id, kind, parent_id IS NOT NULL, seq`,
		dialect.NonNil(class.BulkKinds), class.Bulk, limit, dialect.MinRecheck.Seconds(), dialect.MaxRecheck.Seconds())
	dialect.SortDue(due)
	return due, err
}

func (j *postgresJobs) Bump(ctx context.Context, jobs []dialect.Due) ([]dialect.Due, error) {
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

func (j *postgresJobs) MakeDue(ctx context.Context, ids []string) (int, error) {
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

func (j *postgresJobs) Orphan(ctx context.Context) (int, error) {
	tag, err := j.pool.Exec(ctx, `UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running' AND lease_until > now()`)
	return int(tag.RowsAffected()), err
}

func (j *postgresJobs) Get(ctx context.Context, projectID, id string) (models.Job, error) {
	job, err := j.gets.Do(ctx, projectJob{projectID, id})
	if err != nil {
		return models.Job{}, err
	}
	if job == nil {
		return models.Job{}, dialect.ErrNotFound
	}
	return *job, nil
}

var getStatement = "SELECT " + qualified("j") + ` FROM unnest($1::text[], $2::text[]) AS w(id, project_id)
	JOIN jobs j ON j.id = w.id AND j.project_id = w.project_id`

func (j *postgresJobs) getMany(ctx context.Context, wanted []projectJob) ([]*models.Job, error) {
	index := make(map[projectJob]int, len(wanted))
	var ids, projects []string
	for i, w := range wanted {
		if _, twice := index[w]; !twice {
			index[w] = i
			ids, projects = append(ids, w.id), append(projects, w.projectID)
		}
	}
	found, err := collect(ctx, j.pool, scanJob, getStatement, ids, projects)
	if err != nil {
		return nil, err
	}
	byJob := make(map[projectJob]*models.Job, len(found))
	for i := range found {
		byJob[projectJob{found[i].ProjectID, found[i].ID}] = &found[i]
	}
	out := make([]*models.Job, len(wanted))
	for i, w := range wanted {
		if job := byJob[w]; job != nil {
			c := *job // callers own what they get
			out[i] = &c
		}
	}
	return out, nil
}

func (j *postgresJobs) List(ctx context.Context, l dialect.Listing) ([]models.Job, error) {
	query, args := l.Query(func(n int) string { return fmt.Sprintf("$%d", n) })
	return collect(ctx, j.pool, scanJob, query, args...)
}

func (j *postgresJobs) Counts(ctx context.Context, projectID, parentID string) (map[models.JobState]int, error) {
	if _, err := j.Get(ctx, projectID, parentID); err != nil {
		return nil, err
	}
	return countItems(ctx, j.pool, parentID)
}

func (j *postgresJobs) Depth(ctx context.Context, bulkKinds []string) ([]dialect.Depth, error) {
	return collect(ctx, j.pool, func(row pgx.CollectableRow) (dialect.Depth, error) {
		var d dialect.Depth
		err := row.Scan(&d.Bulk, &d.State, &d.Jobs)
		return d, err
	}, `SELECT parent_id IS NOT NULL OR kind = ANY($1), state, count(*) FROM (
			SELECT parent_id, kind, state FROM jobs WHERE state = 'queued' AND next_check < 'infinity' AND items_total = 0
			UNION ALL SELECT parent_id, kind, state FROM jobs WHERE state = 'running' AND lease_until IS NOT NULL) AS unfinished
		GROUP BY 1, 2`, dialect.NonNil(bulkKinds))
}

func (j *postgresJobs) PruneRecords(ctx context.Context, limit int) (int, error) {
	tag, err := j.pool.Exec(ctx, `WITH old AS (
			SELECT project_id, operation, key FROM idempotency_records WHERE expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		DELETE FROM idempotency_records r USING old
		WHERE r.project_id = old.project_id AND r.operation = old.operation AND r.key = old.key`, limit)
	return int(tag.RowsAffected()), err
}

func (j *postgresJobs) PrunePayloads(ctx context.Context, before time.Time, limit int) (int, error) {
	// Ids sort by creation, and so does the scan: it ends at the first payload that is too young.
	tag, err := j.pool.Exec(ctx, `WITH old AS (
			SELECT p.job_id FROM job_payloads p LEFT JOIN jobs j ON j.id = p.job_id
			WHERE p.job_id < $1 AND (j.id IS NULL OR j.finished_at < $2) ORDER BY p.job_id LIMIT $3 FOR UPDATE OF p SKIP LOCKED)
		DELETE FROM job_payloads WHERE job_id IN (SELECT job_id FROM old)`, dialect.FirstID(before), before, limit)
	return int(tag.RowsAffected()), err
}

func (j *postgresJobs) PruneJobs(ctx context.Context, before, deadLetterBefore time.Time, limit int) (int, error) {
	var n int
	err := j.transact(ctx, func(tx pgx.Tx) error {
		ids, err := collect(ctx, tx, pgx.RowTo[string], `SELECT id FROM jobs
			WHERE id < $1 AND parent_id IS NULL AND finished_at < $2 AND (NOT dead_letter OR finished_at < $3)
			ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED`, dialect.FirstID(before), before, deadLetterBefore, limit)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM job_payloads WHERE job_id = ANY($1)
			OR job_id IN (SELECT id FROM jobs WHERE parent_id = ANY($1))`, ids)
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
