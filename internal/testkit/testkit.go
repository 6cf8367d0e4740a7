//go:build unix

// Package testkit gives tests the real PostgreSQL and Redis, and runs a suite on both pairs of stores.
//
// A test process has one PostgreSQL server, started when the first test asks; every call gets a database of its
// own, copied from a migrated template. Redis starts in milliseconds, so every call gets a server of its own,
// which also separates pub/sub channels and lets a test flush or kill it. Missing programs fail the test with
// what to install: such a test is never skipped.
package testkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit/powercut"
	"github.com/neurod/neurod/internal/testkit/servers"
)

const template = "neurod_template"

var (
	postgresOnce = sync.OnceValues(func() (*servers.Postgres, error) {
		// Nothing here outlives the process, and dropping a database checkpoints all others. Tests of crashes start a server of their
		// own (package servers), with fsync.
		return servers.StartPostgres(context.Background(), "fsync=off", "full_page_writes=off", "synchronous_commit=off")
	})
	templateOnce = sync.OnceValue(func() error {
		pg, err := postgresOnce()
		if err != nil {
			return err
		}
		if err := pg.CreateDatabase(context.Background(), template, ""); err != nil {
			return err
		}
		return migrated(store.Config{DatabaseURL: pg.URL(template)})
	})
	sqliteOnce = sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "neurod-template-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		if err := migrated(store.Config{DataDir: dir}); err != nil {
			return nil, err
		}
		// The last connection to close moves the write-ahead log into the file.
		return os.ReadFile(filepath.Join(dir, "neurod.db"))
	})
	databases atomic.Int64
)

func migrated(cfg store.Config) error {
	ctx := context.Background()
	s, err := store.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Migrate(ctx, "up")
	return err
}

// PostgresServer returns the test process's PostgreSQL server. Other tests use it at the same time: do not stop it.
func PostgresServer(t testing.TB) *servers.Postgres {
	t.Helper()
	pg, err := postgresOnce()
	if err != nil {
		t.Fatal(err)
	}
	return pg
}

// Postgres returns the URL of a fresh migrated PostgreSQL database, dropped at the end of the test.
func Postgres(t testing.TB) string {
	t.Helper()
	PostgresServer(t)
	if err := templateOnce(); err != nil {
		t.Fatalf("migrate the template: %v", err)
	}
	return database(t, template)
}

// EmptyPostgres returns the URL of a fresh PostgreSQL database without any table.
func EmptyPostgres(t testing.TB) string {
	t.Helper()
	return database(t, "")
}

func database(t testing.TB, from string) string {
	t.Helper()
	pg := PostgresServer(t)
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := pg.CreateDatabase(context.Background(), name, from); err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if err := pg.DropDatabase(context.Background(), name); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return pg.URL(name)
}

// RedisServer starts a Redis server for this test alone, ended with it.
func RedisServer(t testing.TB) *servers.Redis {
	t.Helper()
	r, err := servers.StartRedis(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close redis: %v", err)
		}
	})
	return r
}

// Redis starts a Redis server for this test alone and returns its host:port.
func Redis(t testing.TB) string {
	t.Helper()
	return RedisServer(t).Addr()
}

// SQLite returns the path of a fresh migrated SQLite file in the test's own folder.
func SQLite(t testing.TB) string {
	t.Helper()
	content, err := sqliteOnce()
	if err != nil {
		t.Fatalf("migrate the template: %v", err)
	}
	path := filepath.Join(t.TempDir(), "neurod.db")
	// As with PostgreSQL: what tests commit need not survive a crash of the machine.
	if err := powercut.NeverSync(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Backend is one of the two pairs of stores, fresh and migrated.
type Backend struct {
	// Name is "postgres+redis" or "embedded".
	Name string
	// Store says how to open the database.
	Store store.Config
	// DataDir is a folder of the test's own, for whatever an embedded process keeps.
	DataDir string
	// Redis is the test's own Redis server, nil when embedded.
	Redis *servers.Redis
}

// Embedded reports whether the pair is SQLite and an in-process Redis.
func (b Backend) Embedded() bool { return b.Redis == nil }

// RedisAddr returns host:port of the Redis server, "" when embedded.
func (b Backend) RedisAddr() string {
	if b.Redis == nil {
		return ""
	}
	return b.Redis.Addr()
}

// Open opens the database and closes it at the end of the test. Several calls act as several processes.
func (b Backend) Open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), b.Store)
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	return s
}

// Backends runs the suite on both pairs, as parallel subtests named after them.
func Backends(t *testing.T, suite func(t *testing.T, b Backend)) {
	t.Helper()
	t.Run("postgres+redis", func(t *testing.T) {
		t.Parallel()
		suite(t, Backend{Name: "postgres+redis", Store: store.Config{DatabaseURL: Postgres(t)}, DataDir: t.TempDir(), Redis: RedisServer(t)})
	})
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		path := SQLite(t)
		suite(t, Backend{Name: "embedded", Store: store.Config{DatabaseURL: path, DataDir: filepath.Dir(path)}, DataDir: filepath.Dir(path)})
	})
}

// Stores runs the suite on both kinds of database, without any Redis, as parallel subtests named after them.
func Stores(t *testing.T, suite func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		suite(t, Backend{Store: store.Config{DatabaseURL: Postgres(t)}}.Open(t))
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		suite(t, Backend{Store: store.Config{DatabaseURL: SQLite(t)}}.Open(t))
	})
}
