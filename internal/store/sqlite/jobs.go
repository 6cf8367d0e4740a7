package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neurod/neurod/internal/store/coalesce"
	"github.com/neurod/neurod/internal/store/dialect"
)

// jobStore keeps jobs in SQLite. Whatever writes at the same time shares one transaction on the only writing
// connection; the driver compiles each statement anew, so there is nothing to prepare.
type jobStore struct {
	reader *sql.DB
	writes *coalesce.Coalescer[write, bool]
	wal    *wal
	early  early

	dirty      atomic.Bool // something was written since the last checkpoint
	stop       chan struct{}
	once       sync.Once
	checkpoint sync.WaitGroup
}

var _ dialect.Jobs = (*jobStore)(nil)

// write is a piece of a transaction. It may run twice, in another transaction, so it starts with empty hands.
type write struct {
	fn      func(tx writeTx) error
	size    int
	relaxed bool // it need not survive a power cut: see relaxed
}

// Limits of one transaction. Those of heavy calls are short, because everybody waits for the only writer.
const (
	maxCalls = 128
	maxBytes = 8 << 20
	maxHeavy = 512 << 10
	maxPiece = 256 << 10
	timeout  = 30 * time.Second
)

// Moving the write-ahead log into the database takes some 10 ms, during which SQLite would let the commit wait that
// crossed its limit of 1000 pages. It is done beside the commits instead, every checkpointEvery, and by a commit only
// when so many pages have come together that the other way cannot keep up.
const (
	checkpointEvery = time.Second
	checkpointPages = 8000
)

// writeTx runs statements in a transaction.
type writeTx struct{ tx *sql.Tx }

// OpenJobs implements [dialect.Database].
func (d *Database) OpenJobs(ctx context.Context) (dialect.Jobs, error) {
	writer := d.writing
	if _, err := writer.ExecContext(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", checkpointPages)); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	log, err := openWAL(d.path, writer)
	if err != nil {
		return nil, err
	}
	j := &jobStore{reader: d.reading, wal: log, stop: make(chan struct{})}
	j.writes = coalesce.New(coalesce.Config[write, bool]{
		Lanes: 1, MaxCalls: maxCalls, Weigh: func(w write) int { return w.size }, MaxWeight: maxBytes, MaxHeavy: maxHeavy,
		Timeout: timeout,
		Isolate: func(err error) bool { return !errors.Is(err, context.DeadlineExceeded) },
		Run: func(ctx context.Context, writes []write) ([]bool, error) {
			// A context that can end costs the driver a goroutine a statement; only taking the connection may wait.
			conn, err := writer.Conn(ctx)
			if err != nil {
				return nil, err
			}
			defer conn.Close() // gives it back to the pool
			transact := func() error {
				tx, err := conn.BeginTx(context.Background(), nil)
				if err != nil {
					return err
				}
				for _, w := range writes {
					if err := w.fn(writeTx{tx}); err != nil {
						return errors.Join(err, tx.Rollback())
					}
				}
				j.dirty.Store(true)
				return tx.Commit()
			}
			// One that must be on the disk takes the others along.
			full := slices.ContainsFunc(writes, func(w write) bool { return !w.relaxed })
			if full {
				err = transact()
			} else {
				err = relaxed(conn, transact)
			}
			return slices.Repeat([]bool{full}, len(writes)), err
		},
	})
	j.checkpoint.Go(j.checkpointLoop)
	return j, nil
}

func (j *jobStore) Close() {
	j.writes.Close()
	j.once.Do(func() {
		close(j.stop)
		j.checkpoint.Wait()
		_ = j.wal.close() // which only read
	})
}

// checkpointLoop moves the write-ahead log into the database while others write. An error leaves it to the next
// time, or to a commit.
func (j *jobStore) checkpointLoop() {
	t := time.NewTicker(checkpointEvery)
	defer t.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-t.C:
		}
		if j.dirty.Swap(false) {
			if _, err := j.reader.ExecContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
				j.dirty.Store(true)
			}
		}
	}
}

// write runs fn in a transaction that it may share with others, and returns once it is on the disk. It waits for fn's end also
// when ctx ends: fn leaves its results in variables of the caller, who must not read them while it runs.
func (j *jobStore) write(ctx context.Context, size int, fn func(tx writeTx) error) error {
	_, err := j.commit(ctx, write{fn: fn, size: size})
	return err
}

// writeRelaxed is write for what heals by itself after a power cut, as package invariants of Jobs say.
func (j *jobStore) writeRelaxed(ctx context.Context, fn func(tx writeTx) error) error {
	_, err := j.commit(ctx, write{fn: fn, relaxed: true})
	return err
}

// commit does a write and reports whether it is on the disk.
func (j *jobStore) commit(ctx context.Context, w write) (durable bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return j.writes.Do(context.WithoutCancel(ctx), w)
}

func (t writeTx) exec(query string, args ...any) (int, error) {
	res, err := t.tx.ExecContext(context.Background(), query, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}
