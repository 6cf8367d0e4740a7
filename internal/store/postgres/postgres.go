// Package postgres is the store on PostgreSQL: its connections, its jobs, and what is written of sessions many times a second. Round
// trips are what costs here, so statements that belong together travel together, past gorm and database/sql.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// Config says which database to open and how.
type Config struct {
	URL            string        // postgres://… or postgresql://…
	MaxConns       int           // the most connections
	ConnectTimeout time.Duration // limit of opening one, where the URL does not say
	Trace          func(string)  // takes the text of every statement; nil for nothing
}

// Database is an open database.
type Database struct {
	pool   *sql.DB
	gorm   *gorm.DB
	config *pgx.ConnConfig // of its connections
	pooled bool            // behind a pooler, where sessions are shared
	pace   *paced
}

var _ dialect.Database = (*Database)(nil)

// Open connects to the database and makes sure that it answers.
func Open(ctx context.Context, cfg Config) (*Database, error) {
	pc, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		// pgx's message repeats the URL with the password masked, but not for every malformed URL.
		return nil, errors.New("store: DATABASE_URL is not a valid PostgreSQL URL")
	}
	if pc.ConnectTimeout <= 0 || pc.ConnectTimeout > time.Minute { // pgx fills in two minutes
		pc.ConnectTimeout = cfg.ConnectTimeout
	}
	if _, set := pc.RuntimeParams["application_name"]; !set {
		pc.RuntimeParams["application_name"] = "neurod"
	}
	pc.RuntimeParams["timezone"] = "UTC"
	if cfg.Trace != nil {
		pc.Tracer = tracer{cfg.Trace}
	}
	pooled, err := setUp(ctx, pc, cfg.URL)
	if err != nil {
		return nil, err
	}
	pool := stdlib.OpenDB(*pc, stdlib.OptionAfterConnect(timesInUTC))
	pool.SetMaxOpenConns(cfg.MaxConns)
	pool.SetMaxIdleConns(cfg.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour) // spreads the load again after a failover
	d := &Database{pool: pool, config: pc, pooled: pooled, pace: newPaced(pc)}
	if err := d.Ping(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if d.gorm, err = gorm.Open(postgres.New(postgres.Config{Conn: pool}), dialect.GormConfig()); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), d.Close())
	}
	return d, nil
}

// tracer tells the statements of a connection, those of a batch one by one.
type tracer struct{ tell func(string) }

var (
	_ pgx.QueryTracer = tracer{}
	_ pgx.BatchTracer = tracer{}
)

// TraceQueryStart implements [pgx.QueryTracer].
func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	t.tell(q.SQL)
	return ctx
}

// TraceQueryEnd implements [pgx.QueryTracer].
func (tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements [pgx.BatchTracer].
func (t tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		t.tell(q.SQL)
	}
	return ctx
}

// TraceBatchQuery implements [pgx.BatchTracer].
func (tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements [pgx.BatchTracer].
func (tracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// timesInUTC has a connection read times in UTC.
func timesInUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID,
		Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// Writer implements [dialect.Database].
func (d *Database) Writer() *gorm.DB { return d.gorm }

// Reader implements [dialect.Database]. It is the writer.
func (d *Database) Reader() *gorm.DB { return d.gorm }

// Ping implements [dialect.Database].
func (d *Database) Ping(ctx context.Context) error {
	if err := d.pool.PingContext(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Now implements [dialect.Database].
func (d *Database) Now(ctx context.Context) (t time.Time, err error) {
	if err = d.pool.QueryRowContext(ctx, "SELECT clock_timestamp()").Scan(&t); err != nil {
		err = fmt.Errorf("store: %w", err)
	}
	return t, err
}

// Close implements [dialect.Database].
func (d *Database) Close() error { return errors.Join(d.pace.close(), d.pool.Close()) }

// Snapshot implements [dialect.Database].
func (d *Database) Snapshot(context.Context, string) error { return dialect.ErrNoSnapshot }

// Check implements [dialect.Database].
func (d *Database) Check(context.Context) error { return nil }

// Migrations implements [dialect.Database]. Processes that migrate at once take turns.
func (d *Database) Migrations(files fs.FS) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectPostgres, d.pool, files, goose.WithDisableGlobalRegistry(true),
		goose.WithSessionLocker(&migrationLock{config: d.config.Copy()}))
}

// HasTable implements [dialect.Database].
func (d *Database) HasTable(ctx context.Context, name string) (bool, error) {
	var n int
	err := d.pool.QueryRowContext(ctx, "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1", name).Scan(&n)
	return n > 0, err
}

// LockKey implements [dialect.Database], by an advisory lock.
func (d *Database) LockKey(tx *gorm.DB, key *models.IdempotencyRecord) error {
	var ok bool
	if err := tx.Raw("SELECT pg_try_advisory_xact_lock(?)", lockNumber(key)).Scan(&ok).Error; err != nil {
		return err
	}
	if !ok {
		return dialect.ErrKeyInFlight
	}
	return nil
}

// LockModels implements [dialect.Database], by an advisory lock.
func (d *Database) LockModels(tx *gorm.DB, projectID string) error {
	return tx.Exec("SELECT pg_advisory_xact_lock(hashtextextended('models ' || ?, 0))", projectID).Error
}

// SomeRows implements [dialect.Database].
func (d *Database) SomeRows(table, condition string) string {
	return "ctid = ANY(ARRAY(SELECT ctid FROM " + table + " WHERE " + condition + " LIMIT ?))"
}

// Indexed implements [dialect.Database]: PostgreSQL knows how much there is of everything, and chooses by it.
func (d *Database) Indexed(table, _ string) string { return table }

// JSONNumber implements [dialect.Database].
func (d *Database) JSONNumber(column string, names ...string) string {
	return "(" + column + "::json #>> '{" + strings.Join(names, ",") + "}')::float8"
}

// flowLanes is how many flows run at once: one waits for the locks of its sessions, and the other goes on meanwhile.
const flowLanes = 2

// Lanes implements [dialect.Sessions].
func (d *Database) Lanes() (n int, isolate func(error) bool) { return flowLanes, isDataError }

// diskFull is class 53 of PostgreSQL's error codes.
const diskFull = "53100"

// IsFull reports whether an error says that the disk of the database is full.
func IsFull(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == diskFull
}
