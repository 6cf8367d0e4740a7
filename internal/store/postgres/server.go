package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3/lock"
)

// A URL may name several servers, of which one takes writes:
//
//	postgres://neurod@a:5432,b:5432/neurod?target_session_attrs=read-write
//
// and it may lead to a pooler that gives a connection of the database to a client for a transaction at a time, as PgBouncer does with
// pool_mode=transaction. What is left in a session there (prepared statements, settings, locks) is lost, or worse, found by the next
// client. So behind a pooler no statement is prepared under a name, no session is given settings, and locks belong to transactions.

// errStandby says what to do about a server that takes no writes.
var errStandby = errors.New("store: DATABASE_URL leads to a standby only, which takes no writes: name the primary, or every server, as in postgres://…@a:5432,b:5432/…?target_session_attrs=read-write")

// errStatementPool refuses a pooler that gives a connection away after every statement.
var errStatementPool = errors.New("store: the pooler of DATABASE_URL allows no transactions: set pool_mode=transaction or pool_mode=session")

// toPrimary has every connection lead to a server that takes writes, whichever of the URL's servers that is at the moment.
func toPrimary(pc *pgx.ConnConfig, raw string) error {
	switch want := parameter(raw, "target_session_attrs"); want {
	case "read-write": // pgx asks for it
	case "", "any", "primary":
		pc.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	default:
		return fmt.Errorf("store: DATABASE_URL: target_session_attrs=%s: neurod writes, so it must be read-write or primary", want)
	}
	return nil
}

// parameter returns a parameter of a PostgreSQL URL. Such a URL may name several hosts, which makes it none for net/url.
func parameter(raw, name string) string {
	_, query, _ := strings.Cut(raw, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	return values.Get(name)
}

// behindPooler reports whether a pooler stands between, and refuses one that pools statements: the process that a connection was told
// of when it was made is then not the one that runs its statements.
func behindPooler(ctx context.Context, pc *pgx.ConnConfig) (bool, error) {
	conn, err := pgx.ConnectConfig(ctx, pc)
	if err != nil {
		if errors.Is(err, pgconn.ErrStandbyConnection) || errors.Is(err, pgconn.ErrReadOnlyConnection) {
			return false, errStandby
		}
		return false, fmt.Errorf("store: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var pid uint32
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid); err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	if pid == conn.PgConn().PID() {
		return false, nil
	}
	if _, err := conn.Exec(ctx, "BEGIN", pgx.QueryExecModeSimpleProtocol); err != nil {
		return false, fmt.Errorf("%w (it says: %w)", errStatementPool, err)
	}
	_, err = conn.Exec(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol)
	return true, err
}

// setUp has connections fit what stands between: see above. A way of running statements that the URL names is left.
func setUp(ctx context.Context, pc *pgx.ConnConfig, raw string) (pooled bool, err error) {
	if err := toPrimary(pc, raw); err != nil {
		return false, err
	}
	if pooled, err = behindPooler(ctx, pc); err != nil {
		return false, err
	}
	if pooled && parameter(raw, "default_query_exec_mode") == "" {
		pc.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return pooled, nil
}

// migrationLock has processes that migrate at once take turns, by goose's advisory lock. A transaction of a connection of its own holds
// it rather than goose's session, which behind a pooler is not the same at the end.
type migrationLock struct {
	config *pgx.ConnConfig
	conn   *pgx.Conn
}

var _ lock.SessionLocker = (*migrationLock)(nil)

// Turns are asked for once a second for five minutes.
const (
	turnPause = time.Second
	turnTries = 300
)

// SessionLock implements [lock.SessionLocker]. Between two tries it holds no snapshot, for which a migration of the process that has the
// lock might wait.
func (l *migrationLock) SessionLock(ctx context.Context, _ *sql.Conn) (err error) {
	if l.conn, err = pgx.ConnectConfig(ctx, l.config); err != nil {
		return fmt.Errorf("lock the migrations: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("lock the migrations: %w", err), l.SessionUnlock(ctx, nil))
		}
	}()
	// It is idle in its transaction for as long as migrations take.
	for _, statement := range []string{"BEGIN", "SET LOCAL idle_in_transaction_session_timeout = 0"} {
		if _, err := l.conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	ticker := time.NewTicker(turnPause)
	defer ticker.Stop()
	for range turnTries {
		var mine bool
		if err := l.conn.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", lock.DefaultLockID).Scan(&mine); err != nil || mine {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return errors.New("another process has held the lock for five minutes")
}

// SessionUnlock implements [lock.SessionLocker].
func (l *migrationLock) SessionUnlock(ctx context.Context, _ *sql.Conn) error {
	if l.conn == nil {
		return nil
	}
	conn := l.conn
	l.conn = nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_, err := conn.Exec(ctx, "ROLLBACK")
	return errors.Join(err, conn.Close(ctx))
}
