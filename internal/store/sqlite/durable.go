package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"gorm.io/gorm"
)

// How commits reach the disk on SQLite. With synchronous=FULL a commit returns when the write-ahead log is on the disk, with
// all that was committed before it; with NORMAL the log is flushed only before a checkpoint, so that a power cut takes the last
// commits (https://sqlite.org/pragma.html#pragma_synchronous). The writing connection is FULL: what is kept is on the disk before
// anybody can read it. What can be computed again (claims, leases, rechecks, windows) commits as NORMAL, and shares the flush of the
// next commit that needs one. So does a job that is being accepted: a worker may begin it at once, and the answer waits for a
// flush of its own (see wal).
const (
	setFull   = "PRAGMA synchronous = FULL"
	setNormal = "PRAGMA synchronous = NORMAL"
)

// relaxed has what fn commits on the connection not wait for the disk.
func relaxed(conn *sql.Conn, fn func() error) error {
	ctx := context.Background()
	if _, err := conn.ExecContext(ctx, setNormal); err != nil {
		return err
	}
	err := fn()
	if _, back := conn.ExecContext(ctx, setFull); back != nil {
		// Whatever the next commit on it is, it must not pass for durable.
		bad := conn.Raw(func(any) error { return driver.ErrBadConn })
		return errors.Join(err, fmt.Errorf("store: %w", back), bad)
	}
	return err
}

// relaxedTx runs fn in a transaction for what can be computed again.
func relaxedTx(db *gorm.DB, fn func(tx *gorm.DB) error) error {
	return db.Connection(func(db *gorm.DB) error {
		conn, ok := db.Statement.ConnPool.(*sql.Conn)
		if !ok {
			return db.Transaction(fn)
		}
		return relaxed(conn, func() error { return db.Transaction(fn) })
	})
}
