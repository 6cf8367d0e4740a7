package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// What SQLite says when there is no room (https://sqlite.org/rescode.html), and PostgreSQL (class 53 of its codes).
const (
	sqliteFull    = 13
	sqliteShmSize = 4874 // the shared memory beside the write-ahead log could not grow
	pgDiskFull    = "53100"
)

// IsFull reports whether an error says that the disk of the database is full.
func IsFull(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == pgDiskFull
	}
	var lite interface{ Code() int }
	if errors.As(err, &lite) {
		return lite.Code()&0xff == sqliteFull || lite.Code() == sqliteShmSize
	}
	return false
}

// probe remembers whether the database could be written to.
type probe struct {
	mu   sync.Mutex
	at   time.Time
	last error
}

// What a probe writes, and how long its answer holds. A single row may fit where no payload does.
const (
	probeSize = 64 << 10
	probeAge  = 2 * time.Second
)

// Writable reports whether the database takes writes: it answers, and its disk has room for a small payload.
func (s *Store) Writable(ctx context.Context) error {
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	if time.Since(s.probe.at) < probeAge {
		return s.probe.last
	}
	data := make([]byte, probeSize)
	rand.Read(data) // zeros would be compressed
	err := s.write(ctx).Exec("INSERT INTO write_probes (id, data) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data", data).Error
	if ctx.Err() != nil { // says nothing about the database
		return fmt.Errorf("store: %w", ctx.Err())
	}
	if err != nil {
		err = fmt.Errorf("store: %w", err)
	}
	s.probe.at, s.probe.last = time.Now(), err
	return err
}
