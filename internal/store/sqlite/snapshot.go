package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/neurod/neurod/internal/durable"
)

// Snapshot implements [dialect.Database].
func (d *Database) Snapshot(ctx context.Context, path string) error {
	// One reading transaction, which keeps no writer waiting (https://sqlite.org/lang_vacuum.html#vacuuminto).
	if _, err := d.writing.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		err = fmt.Errorf("store: copy the database: %w", err)
		if gone := os.Remove(path); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := errors.Join(f.Chmod(0o600), durable.Sync(f), f.Close()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Check implements [dialect.Database].
func (d *Database) Check(ctx context.Context) error {
	faults, err := texts(ctx, d, "PRAGMA integrity_check(10)")
	if err != nil {
		return fmt.Errorf("store: the database is damaged: %w", err)
	}
	if len(faults) != 1 || faults[0] != "ok" {
		return fmt.Errorf("store: the database is damaged: %s", strings.Join(faults, "; "))
	}
	orphans, err := texts(ctx, d, `SELECT 'rows of ' || "table" || ' name rows of ' || parent || ' that are not there' FROM pragma_foreign_key_check LIMIT 10`)
	if err != nil {
		return fmt.Errorf("store: the database is damaged: %w", err)
	}
	if len(orphans) > 0 {
		return fmt.Errorf("store: the database is damaged: %s", strings.Join(orphans, "; "))
	}
	return nil
}

// texts reads a column of text.
func texts(ctx context.Context, d *Database, query string) (out []string, err error) {
	rows, err := d.reading.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}
