package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/neurod/neurod/internal/durable"
	"github.com/neurod/neurod/internal/store/coalesce"
)

// wal brings commits to the disk that SQLite has not waited for: one flush of the write-ahead log for all that were made before
// it, while the next ones are made. It makes what is to be kept (an accepted job) visible first and durable then, so that the work
// begins while the disk writes. What must not be seen before it is durable (a result) commits as FULL instead: see relaxed.
type wal struct {
	path   string
	writer *sql.DB
	file   *os.File
	broken bool // a flush has failed: nobody knows what the disk has of the log
	calls  *coalesce.Coalescer[struct{}, struct{}]
}

// walFlushes is how many callers a flush takes along at most, more than wait for one.
const (
	walFlushes = 4096
	walTimeout = 30 * time.Second
)

// openWAL opens the log of a database that has a connection.
func openWAL(database string, writer *sql.DB) (*wal, error) {
	w := &wal{path: database + "-wal", writer: writer}
	if err := w.open(); err != nil {
		return nil, err
	}
	w.calls = coalesce.New(coalesce.Config[struct{}, struct{}]{
		Lanes: 1, MaxCalls: walFlushes, Timeout: walTimeout,
		Isolate: func(error) bool { return false },
		Run: func(ctx context.Context, calls []struct{}) ([]struct{}, error) {
			return calls, w.sync(ctx)
		},
	})
	return w, nil
}

// flush waits until what was committed before the call is on the disk.
func (w *wal) flush(ctx context.Context) error {
	_, err := w.calls.Do(context.WithoutCancel(ctx), struct{}{})
	return err
}

func (w *wal) close() error {
	w.calls.Close()
	return w.file.Close()
}

func (w *wal) open() error {
	f, err := os.OpenFile(w.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(w.path)); err != nil {
		return errors.Join(fmt.Errorf("store: %w", err), f.Close())
	}
	w.file = f
	return nil
}

// sync flushes the log. The kernel forgets what it could not write, so that the flush after one that failed says nothing: then
// all goes into the database, which is flushed by itself, and the log is emptied on the disk too, where old pages of it would else
// come back over newer ones, before anything counts as kept again.
func (w *wal) sync(ctx context.Context) error {
	if !w.broken {
		err := w.current()
		if err == nil {
			err = durable.Sync(w.file)
		}
		if err == nil {
			return nil
		}
		w.broken = true
	}
	var busy, pages, moved int
	if err := w.writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("store: the log could not be flushed: %w", err)
	}
	if busy != 0 {
		return errors.New("store: the log could not be flushed, and readers keep it")
	}
	if err := errors.Join(w.current(), durable.Sync(w.file)); err != nil {
		return fmt.Errorf("store: the log could not be flushed: %w", err)
	}
	w.broken = false
	return nil
}

// current opens the log again where SQLite has begun another: when the last connection to a database ends, all of the log goes into
// the database and the file away.
func (w *wal) current() error {
	ours, err := w.file.Stat()
	if err != nil {
		return err
	}
	theirs, err := os.Stat(w.path)
	if err == nil && os.SameFile(ours, theirs) {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	old := w.file
	if err := w.open(); err != nil {
		return err
	}
	return old.Close()
}
