// Package store keeps neurod's data in PostgreSQL or in SQLite. It and what lies in it are the only packages that know gorm.
//
// What runs on both databases as it is, stands here, a file for each kind of data. What each does in its own way stands in store/postgres
// and store/sqlite, behind the interface that store/dialect declares, with the types and rows that all three share: the jobs, whose
// every statement counts, and what is written of sessions many times a second. Nobody else imports those.
//
// Invariants:
//
//   - Both databases hold the same tables (package migrations) and behave alike; every test runs on both.
//   - Every query of tenant data takes the project or the owner, so that what belongs to another is not found.
//   - Times go in and come out in UTC with microseconds, PostgreSQL's resolution. In SQLite they are text that
//     compares in time order, which holds for UTC only: write a time through utc.
//   - Errors that a caller can act on are ErrNotFound and ErrDuplicate; no others of gorm's or a driver's are to be matched.
//   - A context is a parameter, never a field.
//   - SQLite has one connection that writes: within a transaction, every statement goes through it.
package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/internal/store/postgres"
	"github.com/neurod/neurod/internal/store/sqlite"
)

var (
	// ErrNotFound says that there is no such row, or none that the caller owns.
	ErrNotFound = dialect.ErrNotFound
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
	// Objects is where recordings and batches of samples lie that are long. Defaults to nowhere: all of them lie in the database.
	Objects Objects
	// ObjectsFrom is how long they are, in bytes as they are packed. Defaults to putting nothing there: what lies there is read.
	ObjectsFrom int
	// Trace is called with the text of every statement before the database gets it, by many goroutines at once: tests count by it what an
	// operation costs. Transactions' own statements (BEGIN, COMMIT) may be among them. Defaults to nothing.
	Trace func(statement string)
}

// Store is an open database. Its methods are safe for concurrent use.
type Store struct {
	db      dialect.Database
	dialect Dialect

	probe   probe
	clock   clock
	objects objects

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
	s := &Store{dialect: DialectOf(cfg.DatabaseURL), objects: objects{at: cfg.Objects, from: cfg.ObjectsFrom}}
	switch s.dialect {
	case PostgreSQL:
		db, err := postgres.Open(ctx, postgres.Config{URL: cfg.DatabaseURL, MaxConns: cfg.MaxConns, ConnectTimeout: cfg.ConnectTimeout, Trace: cfg.Trace})
		if err != nil {
			return nil, err
		}
		s.db = db
	case SQLite:
		path, err := Path(cfg)
		if err != nil {
			return nil, err
		}
		db, err := sqlite.Open(ctx, sqlite.Config{Path: path, Readers: cfg.Readers, Trace: cfg.Trace})
		if err != nil {
			return nil, err
		}
		s.db = db
	}
	return s, nil
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
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Close ends all connections. A second call does nothing.
func (s *Store) Close() error {
	s.closeLanes()
	return s.db.Close()
}

// OpenJobs returns the jobs of the database. The store must stay open until it is closed.
func (s *Store) OpenJobs(ctx context.Context) (Jobs, error) {
	jobs, err := s.db.OpenJobs(ctx)
	if err != nil {
		return nil, err
	}
	system := "sqlite"
	if s.dialect == PostgreSQL {
		system = "postgresql"
	}
	return tracedJobs{jobs, s, system}, nil
}

// write returns the database for statements that may write; within Once, its transaction.
func (s *Store) write(ctx context.Context) *gorm.DB {
	if tx := s.joined(ctx); tx != nil {
		return tx
	}
	return s.db.Writer().WithContext(ctx)
}

// read returns the database for statements that only read; SQLite refuses a write on it. Within Once it is the transaction,
// which sees what it has written.
func (s *Store) read(ctx context.Context) *gorm.DB {
	if tx := s.joined(ctx); tx != nil {
		return tx
	}
	return s.db.Reader().WithContext(ctx)
}

// tx runs fn in a transaction that may write and commits it when fn returns nil; within Once it is a savepoint of that
// transaction. On SQLite it holds the only writing connection: fn must not use s.write, or it waits for itself.
func (s *Store) tx(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return translate(s.write(ctx).Transaction(fn))
}

// utc brings a time to the form in which the store keeps it.
func utc(t time.Time) time.Time { return dialect.UTC(t) }

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

// Path returns the SQLite file that a configuration means. It need not be there.
func Path(cfg Config) (string, error) {
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
