package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// jobStore keeps jobs in PostgreSQL. It bypasses gorm: a job costs five statements, each one round trip that
// concurrent callers share.
type jobStore struct {
	pool     *pgxpool.Pool
	pace     *paced
	accepts  *coalesce.Coalescer[*dialect.Acceptance, struct{}]
	claims   *coalesce.Coalescer[claim, claimed]
	finishes *coalesce.Coalescer[*dialect.Finish, []dialect.Change]
	gets     *coalesce.Coalescer[projectJob, *models.Job]
}

var _ dialect.Jobs = (*jobStore)(nil)

// Limits of one statement. What is light of a kind goes one statement after another, and what is heavy beside it: while one runs the
// calls of the next gather, and what a statement costs beside its rows is shared by more of them. With two lanes for both a statement had
// 2.8 jobs and a decode took 2.2 ms of processors with 32 clients in tools/bench, with one 4.5 jobs and 1.9 ms.
const (
	lanes      = 1
	maxCalls   = 64
	maxBytes   = 1 << 20
	heavyBytes = 2 * partBytes // of heavy calls: more is accepted by itself, in parts
	timeout    = 15 * time.Second
	maxConns   = 4*(lanes+1) + 4 // the lanes, and what runs beside them; at most half as many as the store's own
	txRetries  = 3
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
	pc.MaxConns = int32(min(maxConns, max(lanes+1, d.pool.Stats().MaxOpenConnections/2)))
	pc.MaxConnIdleTime = 5 * time.Minute
	pc.MaxConnLifetime = time.Hour
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if err := timesInUTC(ctx, conn); err != nil || d.pooled {
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
	j := &jobStore{pool: pool, pace: d.pace}
	j.accepts = coalesce.New(coalesce.Config[*dialect.Acceptance, struct{}]{Lanes: lanes, Apart: true, MaxCalls: maxCalls, Weigh: (*dialect.Acceptance).Size,
		MaxWeight: maxBytes, MaxHeavy: heavyBytes, Timeout: timeout, Isolate: isDataError, Run: j.acceptMany})
	j.claims = coalesce.New(coalesce.Config[claim, claimed]{Lanes: lanes, MaxCalls: maxCalls, Timeout: timeout,
		Isolate: isDataError, Run: j.claimMany})
	// An item is finished in a transaction with its batch: nobody whose single job has ended waits for that.
	j.finishes = coalesce.New(coalesce.Config[*dialect.Finish, []dialect.Change]{Lanes: lanes, Apart: true, MaxCalls: maxCalls, Timeout: timeout,
		Heavy: func(f *dialect.Finish) bool { return f.Item }, Isolate: isDataError, Run: j.finishMany})
	j.gets = coalesce.New(coalesce.Config[projectJob, *models.Job]{Lanes: lanes, MaxCalls: maxCalls, Timeout: timeout,
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

func (j *jobStore) Close() {
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
func (j *jobStore) transact(ctx context.Context, fn func(tx pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, j.pool, fn)
		if err == nil || try == txRetries || !isConflict(err) {
			return err
		}
	}
}

// noFlush, used as a condition, lets the statement's transaction commit without waiting for the disk.
const noFlush = `(SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL`
