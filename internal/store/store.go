// Package store keeps neurod's data in PostgreSQL or in SQLite. It is the only package that knows gorm.
//
// Invariants:
//
//   - Both databases hold the same tables (package migrations) and behave alike; every test runs on both.
//   - Every query of tenant data takes the project or the owner, so that what belongs to another is not found.
//   - Times go in and come out in UTC with microseconds, PostgreSQL's resolution. In SQLite they are text that
//     compares in time order, which holds for UTC only: write a time through utc.
//   - Errors that a caller can act on are ErrNotFound and ErrDuplicate; no others of gorm's or a driver's are to be matched.
//   - SQLite has one connection that writes and a pool that only reads (write-ahead log, https://sqlite.org/wal.html),
//     so a writer never waits for another inside the process and readers never wait at all. A reader that starts
//     after a commit sees it.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/neurod/neurod/internal/durable"
)

var (
	// ErrNotFound says that there is no such row, or none that the caller owns.
	ErrNotFound = errors.New("store: not found")
	// ErrDuplicate says that a unique value is taken.
	ErrDuplicate = errors.New("store: duplicate")
	// ErrNotMigrated says that the database lacks migrations this program needs.
	ErrNotMigrated = errors.New("store: the database schema is not up to date")
)

// Dialect names the kind of database.
type Dialect string

// The dialects. Each is the name of its folder in package migrations.
const (
	PostgreSQL Dialect = "postgres"
	SQLite     Dialect = "sqlite"
)

// Config says which database to open and how.
type Config struct {
	// DatabaseURL is postgres://… (or postgresql://…) for PostgreSQL; "sqlite:PATH" or a bare path for SQLite.
	// Defaults to the file neurod.db in DataDir.
	DatabaseURL string
	// DataDir is the folder of the embedded database. It is made when missing, readable by its owner only.
	// Defaults to "data".
	DataDir string
	// MaxConns limits the connections to PostgreSQL. Defaults to 20.
	MaxConns int
	// Readers limits the connections that read from SQLite. Defaults to the number of CPUs, at least 4.
	Readers int
	// ConnectTimeout limits how long opening one connection to PostgreSQL may take, where the URL does not say.
	// Defaults to 5s.
	ConnectTimeout time.Duration
}

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	dialect Dialect
	writer  *gorm.DB
	reader  *gorm.DB // the same as writer on PostgreSQL
	pools   []*sql.DB
	path    string // of the SQLite database

	probe probe

	lanesOnce sync.Once
	lanes     *lanes // nil until a session needs them
}

// Open connects to the database and makes sure that it answers. It changes nothing in it: see Migrate.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.DataDir == "" {
		cfg.DataDir = "data"
	}
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = 20
	}
	if cfg.Readers <= 0 {
		cfg.Readers = max(4, runtime.NumCPU())
	}
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = 5 * time.Second
	}
	if DialectOf(cfg.DatabaseURL) == PostgreSQL {
		return openPostgres(ctx, cfg)
	}
	return openSQLite(ctx, cfg)
}

// DialectOf tells from a database URL which dialect Open takes it for.
func DialectOf(databaseURL string) Dialect {
	if strings.HasPrefix(databaseURL, "postgres://") || strings.HasPrefix(databaseURL, "postgresql://") {
		return PostgreSQL
	}
	return SQLite
}

// Dialect returns the kind of database that is open.
func (s *Store) Dialect() Dialect { return s.dialect }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	for _, p := range s.pools {
		if err := p.PingContext(ctx); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	return nil
}

// Close ends all connections. A second call does nothing.
func (s *Store) Close() error {
	s.closeLanes()
	var errs []error
	for _, p := range s.pools {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// write returns the database for statements that may write; within Once, its transaction.
func (s *Store) write(ctx context.Context) *gorm.DB {
	if tx := s.joined(ctx); tx != nil {
		return tx
	}
	return s.writer.WithContext(ctx)
}

// read returns the database for statements that only read; SQLite refuses a write on it. Within Once it is the transaction,
// which sees what it has written.
func (s *Store) read(ctx context.Context) *gorm.DB {
	if tx := s.joined(ctx); tx != nil {
		return tx
	}
	return s.reader.WithContext(ctx)
}

// tx runs fn in a transaction that may write and commits it when fn returns nil; within Once it is a savepoint of that
// transaction. On SQLite it holds the only writing connection: fn must not use s.write, or it waits for itself.
func (s *Store) tx(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return translate(s.write(ctx).Transaction(fn))
}

// utc brings a time to the form in which the store keeps it.
func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// utcp is utc for an optional time.
func utcp(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := utc(*t)
	return &u
}

// translate turns gorm's errors into the package's.
func translate(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrDuplicate):
		return err
	case errors.Is(err, gorm.ErrRecordNotFound):
		return ErrNotFound
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return fmt.Errorf("%w: %w", ErrDuplicate, err)
	}
	return err
}

func gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		// gorm's cache of prepared statements stays off: a statement being prepared waits for a connection while
		// the transactions that hold the connections wait for the statement, which on SQLite's one writing
		// connection stops everything; and every opened database leaves its sweeper goroutine behind. On
		// PostgreSQL pgx caches statements by connection anyway.
		PrepareStmt:          false,
		TranslateError:       true,
		DisableAutomaticPing: true, // Open pings with the caller's context
		NowFunc:              func() time.Time { return utc(time.Now()) },
		// Errors are returned, and gorm's log would show values such as hashes.
		Logger: logger.Discard,
	}
}

func openPostgres(ctx context.Context, cfg Config) (*Store, error) {
	pc, err := pgx.ParseConfig(cfg.DatabaseURL)
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
	pool := stdlib.OpenDB(*pc, stdlib.OptionAfterConnect(func(_ context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID,
			Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return nil
	}))
	pool.SetMaxOpenConns(cfg.MaxConns)
	pool.SetMaxIdleConns(cfg.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour) // spreads the load again after a failover
	s := &Store{dialect: PostgreSQL, pools: []*sql.DB{pool}}
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.writer, err = gorm.Open(postgres.New(postgres.Config{Conn: pool}), gormConfig()); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), s.Close())
	}
	s.reader = s.writer
	return s, nil
}

func openSQLite(ctx context.Context, cfg Config) (*Store, error) {
	path, err := sqlitePath(cfg)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	// SQLite would make the file readable by everyone; its -wal and -shm take the mode of the database.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} { // the folder may be new as well
		if err := durable.SyncDir(dir); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}

	s := &Store{dialect: SQLite, path: path}
	open := func(conns int, params url.Values) (*gorm.DB, error) {
		pool, err := openLitePool(path, params)
		if err != nil {
			return nil, err
		}
		pool.SetMaxOpenConns(conns)
		pool.SetMaxIdleConns(conns)
		s.pools = append(s.pools, pool)
		if err := pool.PingContext(ctx); err != nil {
			return nil, fmt.Errorf("store: open %s: %w", path, err)
		}
		db, err := gorm.Open(liteDialect{pool}, gormConfig())
		if err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		return db, nil
	}
	// The writer comes first: it puts the file into WAL mode, which the readers then find.
	// Another process may hold the lock for a moment. For synchronous see relaxed.
	if s.writer, err = open(1, url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
		"_txlock": {"immediate"}, // a transaction takes the lock when it starts, not in its middle
	}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.reader, err = open(cfg.Readers, url.Values{
		"_pragma": {"busy_timeout(10000)", "query_only(1)"},
	}); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// sqlitePath returns the file that the configuration means.
func sqlitePath(cfg Config) (string, error) {
	path := cfg.DatabaseURL
	switch {
	case path == "":
		path = filepath.Join(cfg.DataDir, "neurod.db")
	case strings.HasPrefix(path, "sqlite:"):
		path = strings.TrimPrefix(strings.TrimPrefix(path, "sqlite:"), "//")
	case strings.Contains(path, "://"):
		scheme, _, _ := strings.Cut(path, "://")
		return "", fmt.Errorf("store: DATABASE_URL has the scheme %q; this program knows postgres and sqlite", scheme)
	}
	if path == "" || path == ":memory:" || strings.ContainsAny(path, "?#") {
		return "", errors.New("store: DATABASE_URL must name an SQLite file, without parameters")
	}
	return path, nil
}
