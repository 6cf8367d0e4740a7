package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/neurod/neurod/internal/store/postgres"
	"github.com/neurod/neurod/internal/store/sqlite"
)

// IsFull reports whether an error says that the disk of the database is full, or that of the objects outside it.
func IsFull(err error) bool {
	return postgres.IsFull(err) || sqlite.IsFull(err) || errors.Is(err, syscall.ENOSPC)
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
