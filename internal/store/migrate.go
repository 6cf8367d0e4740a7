package store

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/neurod/neurod/migrations"
)

// Migration is one numbered change of the schema.
type Migration struct {
	Version   int64
	Name      string // file name, e.g. "00001_accounts.sql"
	Applied   bool
	AppliedAt time.Time // zero when not applied; UTC
}

// Migrate moves the schema: "up" applies everything that is missing, "down" takes the newest migration back,
// "status" changes nothing. It returns the migrations it moved, or all of them for "status". Processes that
// migrate PostgreSQL at once take turns by a session lock; an SQLite file belongs to one process.
func (s *Store) Migrate(ctx context.Context, direction string) ([]Migration, error) {
	p, err := s.provider()
	if err != nil {
		return nil, err
	}
	var moved []*goose.MigrationResult
	switch direction {
	case "up":
		moved, err = p.Up(ctx)
	case "down":
		var one *goose.MigrationResult
		if one, err = p.Down(ctx); one != nil {
			moved = []*goose.MigrationResult{one}
		}
	case "status":
		return s.status(ctx, p)
	default:
		return nil, fmt.Errorf("store: migrate %q: want up, down or status", direction)
	}
	if err != nil {
		return nil, fmt.Errorf("store: migrate %s: %w", direction, err)
	}
	out := make([]Migration, 0, len(moved))
	for _, m := range moved {
		moved := Migration{Version: m.Source.Version, Name: m.Source.Path}
		if direction == "up" {
			moved.Applied, moved.AppliedAt = true, time.Now().UTC()
		}
		out = append(out, moved)
	}
	return out, nil
}

// CheckMigrated returns an ErrNotMigrated that names the missing migrations, an ErrTooOld where the schema has left this program behind, or nil when the
// schema has all that this program knows. It only reads. A schema that is newer than the program passes as far as its floor says, so that
// old processes keep running while a new version is rolled out.
func (s *Store) CheckMigrated(ctx context.Context) error {
	all, err := s.Migrate(ctx, "status")
	if err != nil {
		return err
	}
	var missing []string
	for _, m := range all {
		if !m.Applied {
			missing = append(missing, m.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: missing %v; run neurod migrate up", ErrNotMigrated, missing)
	}
	return s.checkFloor(ctx)
}

// status reads which migrations are applied. goose's own Status would create its table, which a process that
// only checks must not do and may not be allowed to.
func (s *Store) status(ctx context.Context, p *goose.Provider) ([]Migration, error) {
	applied, err := s.applied(ctx)
	if err != nil {
		return nil, err
	}
	var out []Migration
	for _, src := range p.ListSources() {
		at, ok := applied[src.Version]
		out = append(out, Migration{Version: src.Version, Name: src.Path, Applied: ok, AppliedAt: at})
	}
	slices.SortFunc(out, func(a, b Migration) int { return int(a.Version - b.Version) })
	return out, nil
}

// provider binds the embedded migrations to the writing pool. It must not be closed: that would close the pool.
func (s *Store) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations.FS, string(s.dialect))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	p, err := s.db.Migrations(files)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return p, nil
}
