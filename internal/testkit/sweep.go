//go:build unix

package testkit

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/store"
)

// Raw opens a plain connection to a database beside the store, to look at it or to fill it. It ends with the test.
func Raw(t testing.TB, cfg store.Config) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", cfg.DatabaseURL
	if store.DialectOf(dsn) == store.SQLite {
		driver, dsn = "sqlite", dsn+"?_pragma=busy_timeout(10000)&_txlock=immediate"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Columns returns the columns of every table, with the type that the database gives each.
func Columns(t testing.TB, db *sql.DB, dialect store.Dialect) map[string]map[string]string {
	t.Helper()
	list := "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
	if dialect == store.SQLite {
		list = "SELECT m.name, p.name, p.type FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
	}
	rows, err := db.Query(list)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]map[string]string{}
	for rows.Next() {
		var table, column, kind string
		if err := rows.Scan(&table, &column, &kind); err != nil {
			t.Fatal(err)
		}
		if out[table] == nil {
			out[table] = map[string]string{}
		}
		out[table][column] = kind
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// Sweep visits every value of every column of every table, as bytes, and then what it unpacks to where it is compressed.
func Sweep(t testing.TB, db *sql.DB, dialect store.Dialect, visit func(table, column string, value []byte)) {
	t.Helper()
	for table, columns := range Columns(t, db, dialect) {
		for column, kind := range columns {
			form := `"` + column + `"::text`
			switch {
			case dialect == store.SQLite:
				form = `CAST("` + column + `" AS blob)`
			case kind == "bytea":
				form = `"` + column + `"`
			}
			rows, err := db.Query(fmt.Sprintf(`SELECT %s FROM %s WHERE %q IS NOT NULL`, form, table, column))
			if err != nil {
				t.Fatalf("%s.%s: %v", table, column, err)
			}
			for rows.Next() {
				var v []byte
				if err := rows.Scan(&v); err != nil {
					t.Fatal(err)
				}
				visit(table, column, v)
				if inner := unpacked(v); inner != nil {
					visit(table, column, inner)
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// unpacked returns what is inside of zstd (RFC 8878) or gzip (RFC 1952), nil for anything else.
func unpacked(v []byte) []byte {
	switch {
	case bytes.HasPrefix(v, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(nil)
		if err != nil {
			return nil
		}
		defer d.Close()
		if b, err := d.DecodeAll(v, nil); err == nil {
			return b
		}
	case bytes.HasPrefix(v, []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(bytes.NewReader(v))
		if err != nil {
			return nil
		}
		if b, err := io.ReadAll(r); err == nil {
			return b
		}
	}
	return nil
}

// SweepRedis visits every key of a Redis with each of its values. A key is visited at least once.
func SweepRedis(t testing.TB, c redis.UniversalClient, visit func(key string, value []byte)) {
	t.Helper()
	ctx := context.Background()
	fail := func(key string, err error) {
		if err != nil {
			t.Fatalf("redis %s: %v", key, err)
		}
	}
	keys := c.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		visit(key, nil)
		kind, err := c.Type(ctx, key).Result()
		fail(key, err)
		var values []string
		switch kind {
		case "string":
			var v string
			v, err = c.Get(ctx, key).Result()
			values = []string{v}
		case "hash":
			var all map[string]string
			all, err = c.HGetAll(ctx, key).Result()
			for field, v := range all {
				values = append(values, field, v)
			}
		case "list":
			values, err = c.LRange(ctx, key, 0, -1).Result()
		case "set":
			values, err = c.SMembers(ctx, key).Result()
		case "zset":
			values, err = c.ZRange(ctx, key, 0, -1).Result()
		case "stream":
			var all []redis.XMessage
			all, err = c.XRange(ctx, key, "-", "+").Result()
			for _, m := range all {
				values = append(values, fmt.Sprint(m.ID, m.Values))
			}
		case "none": // expired meanwhile
		default:
			t.Fatalf("redis %s: the sweep cannot read a %s", key, kind)
		}
		if !errors.Is(err, redis.Nil) { // expired meanwhile
			fail(key, err)
		}
		for _, v := range values {
			visit(key, []byte(v))
			if inner := unpacked([]byte(v)); inner != nil {
				visit(key, inner)
			}
		}
	}
	fail("scan", keys.Err())
}
