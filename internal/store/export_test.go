package store

import (
	"context"
	"time"
)

// DeletedWithProjects returns the tables that a deletion of a project empties by its id, and those that it leaves, with the
// reason.
func DeletedWithProjects() (emptied map[string]bool, kept map[string]string) {
	emptied = map[string]bool{}
	for _, t := range projectTables {
		emptied[t.name] = true
	}
	return emptied, keptTables
}

// ErasedColumns returns for each table that erasure empties the column with the session and that with the job.
func ErasedColumns() map[string][2]string {
	out := map[string][2]string{}
	for _, t := range sessionTables {
		out[t.name] = [2]string{t.session, t.job}
	}
	return out
}

// SetFloor makes a migration the floor of the schema.
func (s *Store) SetFloor(ctx context.Context, version int64) error {
	return s.write(ctx).Exec("UPDATE schema_floor SET version = ?", version).Error
}

// NobodyBelow is the check of [Store.CheckNobodyBreaks] for migrations that raise the floor to one.
func (s *Store) NobodyBelow(ctx context.Context, to int64, since time.Time) error {
	return s.nobodyBelow(ctx, to, since)
}
