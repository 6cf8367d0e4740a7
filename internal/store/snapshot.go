package store

import (
	"context"
	"errors"

	"github.com/neurod/neurod/internal/store/dialect"
)

// ErrNoSnapshot says that the database makes its copies by its own tools.
var ErrNoSnapshot = dialect.ErrNoSnapshot

// SnapshotTo writes the database as it is at one moment into a new file, while others read and write it, and checks the copy. It returns when
// the copy is on the disk. ErrNoSnapshot on PostgreSQL.
func (s *Store) SnapshotTo(ctx context.Context, path string) error {
	if err := s.db.Snapshot(ctx, path); err != nil {
		return err
	}
	c, err := Open(ctx, Config{DatabaseURL: path, Readers: 1})
	if err != nil {
		return err
	}
	return errors.Join(c.Check(ctx), c.Close())
}

// Check reads every page of an SQLite database and holds its indexes and foreign keys to its tables. The error says what is wrong with it.
// On PostgreSQL, where pg_amcheck does that, it does nothing.
func (s *Store) Check(ctx context.Context) error { return s.db.Check(ctx) }
