// Package dialect is where the store and its databases meet: what a database does in its own way (Database, Jobs, Sessions), which
// store/postgres and store/sqlite implement, the types in which they speak, and the SQL and rows that are the same on both.
//
// A statement that runs on both databases as it is belongs to package store. What is here is what the store and both of them need.
package dialect

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/neurod/neurod/models"
)

// Errors that a caller of the store can act on. Package store exports each of them.
var (
	ErrNotFound      = errors.New("store: not found")
	ErrFenced        = errors.New("store: the attempt no longer holds its job")
	ErrKeyInFlight   = errors.New("store: idempotency key in flight")
	ErrNoSnapshot    = errors.New("store: the database is PostgreSQL: pg_dump and pg_basebackup copy it")
	ErrTooManyEvents = errors.New("store: the session has too many events")
)

// Database is an open database. Its methods are safe for concurrent use.
type Database interface {
	// Writer returns the database for statements that may write, Reader that for those that only read.
	Writer() *gorm.DB
	Reader() *gorm.DB
	// Ping reports whether the database answers.
	Ping(ctx context.Context) error
	// Now returns the time by the database's clock; of SQLite, which has none, that of this process.
	Now(ctx context.Context) (time.Time, error)
	// Close ends all connections.
	Close() error

	// Snapshot writes the database as it is at one moment into a new file, while others read and write it, and returns when the file is on
	// the disk. ErrNoSnapshot where the database has tools of its own for that.
	Snapshot(ctx context.Context, path string) error
	// Check reads all that is stored and says what is damaged, where the database has no tool of its own for that.
	Check(ctx context.Context) error

	// Migrations binds numbered SQL to the database. The provider must not be closed: that would close the connections.
	Migrations(files fs.FS) (*goose.Provider, error)
	// HasTable reports whether there is a table of that name.
	HasTable(ctx context.Context, name string) (bool, error)

	// LockKey makes sure that no other transaction accepts a request with the idempotency key until this one ends.
	// ErrKeyInFlight where another just does.
	LockKey(tx *gorm.DB, key *models.IdempotencyRecord) error
	// LockModels makes transactions that add a trained model to a project follow one another.
	LockModels(tx *gorm.DB, projectID string) error
	// SomeRows returns a condition on rows of a table that picks rows with a condition on it, at most as many as its last
	// parameter says. It needs no key of the table: both databases number their rows.
	SomeRows(table, condition string) string
	// Indexed returns the SQL of a table that is to be read by an index of it, where the database would choose another.
	Indexed(table, index string) string
	// JSONNumber returns the SQL of a number in a column of JSON: the member that the names lead to, NULL where there is none.
	JSONNumber(column string, names ...string) string

	// OpenJobs returns the jobs of the database, which must stay open until they are closed.
	OpenJobs(ctx context.Context) (Jobs, error)
	Sessions
}

// Sessions is what is written and read of sessions many times a second, each in as few round trips as the database allows.
type Sessions interface {
	// Lanes says how many flows run at once, and which errors of one may be the fault of a single call that shared it.
	Lanes() (n int, isolate func(error) bool)
	// Flow takes a decision in one transaction, again when another transaction was in its way.
	Flow(ctx context.Context, r *FlowRead, d Decision) error
	// Work returns what waits in a session. Error: ErrNotFound.
	Work(ctx context.Context, q WorkQuery) (Work, error)
	// News returns what was written after a reader's place. Error: ErrNotFound.
	News(ctx context.Context, q NewsQuery) (News, error)
	// AddChunk stores a piece of an upload, durably.
	AddChunk(ctx context.Context, c models.UploadChunk) error
	// CommitImport writes a round of an import. Errors: ErrNotFound, ErrFenced.
	CommitImport(ctx context.Context, r ImportRound) error
}

// GormConfig is how gorm works for the store on both databases.
func GormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		// gorm's cache of prepared statements stays off: a statement being prepared waits for a connection while
		// the transactions that hold the connections wait for the statement, which on SQLite's one writing
		// connection stops everything; and every opened database leaves its sweeper goroutine behind. On
		// PostgreSQL pgx caches statements by connection anyway.
		PrepareStmt:          false,
		TranslateError:       true,
		DisableAutomaticPing: true, // Open pings with the caller's context
		NowFunc:              func() time.Time { return UTC(time.Now()) },
		Plugins:              map[string]gorm.Plugin{traced{}.Name(): traced{}},
		// Errors are returned, and gorm's log would show values such as hashes.
		Logger: logger.Discard,
	}
}

// MustHit turns the result of an update that must hit a row into an error: ErrNotFound where it hit none.
func MustHit(res *gorm.DB) error {
	if res.Error == nil && res.RowsAffected == 0 {
		return ErrNotFound
	}
	return res.Error
}
