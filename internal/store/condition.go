package store

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Schema says how the schema of a database stands to this program.
type Schema struct {
	Newest  int64    // migration that the database has, 0 for none
	Known   int64    // newest migration of this program
	Missing []string // file names of migrations that this program has and the database lacks
	Unknown []int64  // migrations that the database has and this program does not know: a newer one was here
}

// Schema compares the schema with the migrations of this program. It only reads.
func (s *Store) Schema(ctx context.Context) (Schema, error) {
	all, err := s.Migrate(ctx, "status")
	if err != nil {
		return Schema{}, err
	}
	var out Schema
	known := make([]int64, len(all))
	for i, m := range all {
		known[i] = m.Version
		out.Known = max(out.Known, m.Version)
		if !m.Applied {
			out.Missing = append(out.Missing, m.Name)
		}
	}
	applied, err := s.applied(ctx)
	if err != nil {
		return Schema{}, err
	}
	for v := range applied {
		out.Newest = max(out.Newest, v)
		if v > 0 && !slices.Contains(known, v) { // goose begins with a row of its own, 0
			out.Unknown = append(out.Unknown, v)
		}
	}
	slices.Sort(out.Unknown)
	return out, nil
}

// Condition is how a database server is set up, as far as it matters to what neurod promises.
type Condition struct {
	Version     string        // as in 15.8
	Ahead       time.Duration // of its clock before this machine's
	Blur        time.Duration // half of what asking for the time took: Ahead is not known better
	Standby     bool          // it follows another server and takes no writes
	Unsafe      []string      // settings with which a power cut takes what was answered, as in fsync=off
	Connections int           // that may be open at once to the server, those kept for superusers not counted
	Encoding    string
}

// Condition asks PostgreSQL how it is set up. SQLite has the clock and the settings of this program: there only the version is said.
func (s *Store) Condition(ctx context.Context) (Condition, error) {
	var c Condition
	if s.dialect == SQLite {
		err := s.read(ctx).Raw("SELECT sqlite_version()").Scan(&c.Version).Error
		return c, translate(err)
	}
	var row struct {
		Version, Encoding                  string
		Standby                            bool
		Fsync, FullPageWrites, Synchronous string
		Most, Reserved                     int
	}
	err := s.read(ctx).Raw(`SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby,
		current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes, current_setting('synchronous_commit') AS synchronous,
		current_setting('max_connections')::int AS most, current_setting('superuser_reserved_connections')::int AS reserved`).Scan(&row).Error
	if err != nil {
		return c, translate(err)
	}
	c = Condition{Version: row.Version, Encoding: row.Encoding, Standby: row.Standby, Connections: row.Most - row.Reserved}
	for name, value := range map[string]string{"fsync": row.Fsync, "full_page_writes": row.FullPageWrites, "synchronous_commit": row.Synchronous} {
		if value == "off" {
			c.Unsafe = append(c.Unsafe, name+"="+value)
		}
	}
	slices.Sort(c.Unsafe)
	var theirs time.Time
	before := time.Now()
	if err := s.read(ctx).Raw("SELECT clock_timestamp()").Scan(&theirs).Error; err != nil {
		return c, translate(err)
	}
	c.Blur = time.Since(before) / 2
	c.Ahead = theirs.Sub(before.Add(c.Blur))
	return c, nil
}

// applied returns the migrations of the database, and when each was applied.
func (s *Store) applied(ctx context.Context) (map[int64]time.Time, error) {
	const table = "goose_db_version"
	applied := map[int64]time.Time{}
	there, err := s.db.HasTable(ctx, table)
	if err != nil {
		return nil, fmt.Errorf("store: migration status: %w", err)
	}
	if !there {
		return applied, nil
	}
	var rows []struct {
		VersionID int64
		Tstamp    time.Time
	}
	if err := s.write(ctx).Table(table).Where("is_applied").Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("store: migration status: %w", err)
	}
	for _, r := range rows {
		applied[r.VersionID] = r.Tstamp.UTC()
	}
	return applied, nil
}
