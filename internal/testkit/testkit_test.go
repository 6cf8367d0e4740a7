//go:build unix

package testkit_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
)

func TestBackendsAreMigratedAndComplete(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := b.Open(t)
		if err := s.CheckMigrated(context.Background()); err != nil {
			t.Error(err)
		}
		want := map[string]store.Dialect{"postgres+redis": store.PostgreSQL, "embedded": store.SQLite}
		if s.Dialect() != want[b.Name] {
			t.Errorf("%s has %s", b.Name, s.Dialect())
		}
		if b.Embedded() != (b.Name == "embedded") || (b.RedisAddr() == "") != b.Embedded() {
			t.Errorf("%s: embedded %v, redis %q", b.Name, b.Embedded(), b.RedisAddr())
		}
		if !b.Embedded() {
			c := redis.NewClient(&redis.Options{Addr: b.RedisAddr()})
			defer c.Close()
			if err := c.Ping(context.Background()).Err(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestDatabasesAreSeparate(t *testing.T) {
	t.Parallel()
	if a, b := testkit.Postgres(t), testkit.Postgres(t); a == b {
		t.Errorf("two calls gave %s", a)
	}
	s, err := store.Open(context.Background(), store.Config{DatabaseURL: testkit.EmptyPostgres(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CheckMigrated(context.Background()); err == nil {
		t.Error("the empty database is migrated")
	}
}
