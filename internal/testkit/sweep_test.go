//go:build unix

package testkit

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/store"
)

// TestSweepsLookInside hides a text in every form that a value can have, and finds it.
func TestSweepsLookInside(t *testing.T) {
	t.Parallel()
	// Letters that no compressor leaves as they are.
	text := strings.Repeat("eegEEGeeEGgE", 2000) + "needle-needle-needle" + strings.Repeat("gGeEgegGEEgg", 2000)
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	forms := map[string][]byte{"plain": []byte(text), "zstd": enc.EncodeAll([]byte(text), nil), "gzip": gz.Bytes(),
		"damaged": {0x28, 0xb5, 0x2f, 0xfd, 0xff}}
	check := func(t *testing.T, place string, found map[string]bool) {
		t.Helper()
		for _, form := range []string{"plain", "zstd", "gzip"} {
			if !found[form] {
				t.Errorf("%s: the sweep does not find what is %s", place, form)
			}
		}
		if found["damaged"] {
			t.Errorf("%s: found in nothing", place)
		}
	}
	Backends(t, func(t *testing.T, b Backend) {
		db, d := Raw(t, b.Store), store.DialectOf(b.Store.DatabaseURL)
		blob, literal := "bytea", "'\\x%'"
		if d == store.SQLite {
			blob, literal = "blob", "x'%'"
		}
		found := map[string]bool{}
		for form, v := range forms {
			for _, q := range []string{"CREATE TABLE hay_" + form + " (n integer, straw " + blob + ")",
				"INSERT INTO hay_" + form + " VALUES (1, NULL), (2, " + strings.Replace(literal, "%", hex.EncodeToString(v), 1) + ")"} {
				if _, err := db.Exec(q); err != nil {
					t.Fatal(err)
				}
			}
		}
		Sweep(t, db, d, func(table, column string, value []byte) {
			if bytes.Contains(value, []byte("needle-needle")) {
				if column != "straw" {
					t.Errorf("found in %s.%s", table, column)
				}
				found[strings.TrimPrefix(table, "hay_")] = true
			}
		})
		check(t, "database", found)
		if b.Embedded() {
			return
		}
		c := redis.NewClient(&redis.Options{Addr: b.RedisAddr()})
		defer c.Close()
		ctx := t.Context()
		kinds := map[string]bool{}
		for form, v := range forms {
			for kind, put := range map[string]func(key string) error{
				"string": func(key string) error { return c.Set(ctx, key, v, 0).Err() },
				"hash":   func(key string) error { return c.HSet(ctx, key, "field", v).Err() },
				"list":   func(key string) error { return c.RPush(ctx, key, v).Err() },
				"set":    func(key string) error { return c.SAdd(ctx, key, v).Err() },
				"zset":   func(key string) error { return c.ZAdd(ctx, key, redis.Z{Member: v}).Err() },
			} {
				if err := put(kind + ":" + form); err != nil {
					t.Fatal(err)
				}
				kinds[kind] = true
			}
		}
		byKind := map[string]map[string]bool{}
		for k := range kinds {
			byKind[k] = map[string]bool{}
		}
		SweepRedis(t, c, func(key string, value []byte) {
			if kind, form, _ := strings.Cut(key, ":"); bytes.Contains(value, []byte("needle-needle")) {
				byKind[kind][form] = true
			}
		})
		for kind, found := range byKind {
			check(t, "redis "+kind, found)
		}
	})
}
