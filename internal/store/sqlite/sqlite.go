// Package sqlite is the store in an SQLite file: its connections, its jobs, what is written of sessions many times a second, and how
// commits reach the disk.
//
// There is one connection that writes and a pool that only reads (write-ahead log, https://sqlite.org/wal.html), so a writer never
// waits for another inside the process and readers never wait at all. A reader that starts after a commit sees it. Times are text
// that compares in time order, which holds for UTC only: write a time through dialect.UTC.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/durable"
	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// Config says which database to open and how.
type Config struct {
	Path    string       // of the file, which is made when missing, readable by its owner only
	Readers int          // how many connections read
	Trace   func(string) // takes the text of every statement; nil for nothing
}

// Database is an open database.
type Database struct {
	path             string
	writing, reading *sql.DB
	writer, reader   *gorm.DB
}

var _ dialect.Database = (*Database)(nil)

// Open opens the file, and makes sure that it answers.
func Open(ctx context.Context, cfg Config) (*Database, error) {
	if err := create(cfg.Path); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	d := &Database{path: cfg.Path}
	// The writer comes first: it puts the file into WAL mode, which the readers then find.
	// Another process may hold the lock for a moment. For synchronous see relaxed.
	var err error
	if d.writing, d.writer, err = open(ctx, cfg, 1, url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
		"_txlock": {"immediate"}, // a transaction takes the lock when it starts, not in its middle
	}); err != nil {
		return nil, err
	}
	if d.reading, d.reader, err = open(ctx, cfg, cfg.Readers, url.Values{
		"_pragma": {"busy_timeout(10000)", "query_only(1)"},
	}); err != nil {
		return nil, errors.Join(err, d.writing.Close())
	}
	return d, nil
}

// create makes the file where there is none.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// SQLite would make the file readable by everyone; its -wal and -shm take the mode of the database.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path))} { // the folder may be new as well
		if err := durable.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// open opens so many connections to the file.
func open(ctx context.Context, cfg Config, conns int, params url.Values) (*sql.DB, *gorm.DB, error) {
	pool, err := openPool(cfg.Path, params, cfg.Trace)
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	if err := pool.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("store: open %s: %w", cfg.Path, err), pool.Close())
	}
	db, err := gorm.Open(gormDialect{pool}, dialect.GormConfig())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("store: %w", err), pool.Close())
	}
	return pool, db, nil
}

// Writer implements [dialect.Database]. A transaction holds its only connection: a statement outside it would wait for ever.
func (d *Database) Writer() *gorm.DB { return d.writer }

// Reader implements [dialect.Database]. It refuses to write.
func (d *Database) Reader() *gorm.DB { return d.reader }

// Ping implements [dialect.Database].
func (d *Database) Ping(ctx context.Context) error {
	for _, p := range []*sql.DB{d.writing, d.reading} {
		if err := p.PingContext(ctx); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	return nil
}

// Now implements [dialect.Database].
func (d *Database) Now(context.Context) (time.Time, error) { return dialect.Now(), nil }

// Close implements [dialect.Database].
func (d *Database) Close() error { return errors.Join(d.writing.Close(), d.reading.Close()) }

// Migrations implements [dialect.Database]. The file belongs to one process.
func (d *Database) Migrations(files fs.FS) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectSQLite3, d.writing, files, goose.WithDisableGlobalRegistry(true))
}

// HasTable implements [dialect.Database].
func (d *Database) HasTable(ctx context.Context, name string) (bool, error) {
	var n int
	err := d.writing.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?", name).Scan(&n)
	return n > 0, err
}

// LockKey implements [dialect.Database]: a transaction that writes is the only one.
func (d *Database) LockKey(*gorm.DB, *models.IdempotencyRecord) error { return nil }

// LockModels implements [dialect.Database]: a transaction that writes is the only one.
func (d *Database) LockModels(*gorm.DB, string) error { return nil }

// SomeRows implements [dialect.Database].
func (d *Database) SomeRows(table, condition string) string {
	return "rowid IN (SELECT rowid FROM " + table + " WHERE " + condition + " LIMIT ?)"
}

// Indexed implements [dialect.Database].
func (d *Database) Indexed(table, index string) string { return table + " INDEXED BY " + index }

// JSONNumber implements [dialect.Database].
func (d *Database) JSONNumber(column string, names ...string) string {
	return "json_extract(" + column + ", '$." + strings.Join(names, ".") + "')"
}

// Lanes implements [dialect.Sessions]: there is one writer.
func (d *Database) Lanes() (n int, isolate func(error) bool) {
	return 1, func(err error) bool { return !errors.Is(err, context.DeadlineExceeded) }
}

// What SQLite says when there is no room (https://sqlite.org/rescode.html).
const (
	diskFull = 13
	shmSize  = 4874 // the shared memory beside the write-ahead log could not grow
)

// IsFull reports whether an error says that the disk of the database is full.
func IsFull(err error) bool {
	var lite interface{ Code() int }
	return errors.As(err, &lite) && (lite.Code()&0xff == diskFull || lite.Code() == shmSize)
}
