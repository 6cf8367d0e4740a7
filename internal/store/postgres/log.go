package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/store/coalesce"
	"github.com/neurod/neurod/internal/store/dialect"
)

// The write-ahead log belongs to all. A commit that waits for the disk has it write whatever others have put into the log before, and
// while that goes on no other commit can: beside a transaction of many megabytes, one of a row takes as long as all of them. So what is
// much is written in parts. Each is on the disk before the next is written, and only a few of them are on their way at once, so that a
// commit never finds more before it than they hold. The price is paid by who writes much, and waits for the disk once a part.

const (
	// partBytes is about how much one part puts into the log. Beside such parts, up to some mebibytes a second, a row is committed about as
	// fast as alone (make bench ONLY=flush, docs/07-measurements.md).
	partBytes = 256 << 10
	// partsAtOnce is how many parts are on their way at once, of all that a process writes.
	partsAtOnce = 2
	// giveWay is the pause after a part of what gives way: bulk jobs put at most 5 MiB/s into the log while someone waits for decodes. A disk that is
	// written to without pause also delays, by tens of milliseconds, the commits that come between two parts (make bench ONLY=reserved, docs/22-scale.md).
	giveWay = 100 * time.Millisecond
)

// flush waits until all is on the disk that was written before it: its commit takes along what is in the log, also of transactions that
// have not ended. It needs something to commit.
const flush = `SELECT pg_logical_emit_message(true, 'neurod', '')`

// paced has the parts of what is much follow one another. Its flushes have a connection of their own: whoever waits for one is in
// the middle of a transaction, and holds one of those of a pool.
type paced struct {
	config  *pgx.ConnConfig
	turns   chan struct{}
	gentle  chan struct{} // places of what gives way, which keeps them while it pauses
	conn    *pgx.Conn     // nil until the first flush, and after one that failed
	flushes *coalesce.Coalescer[struct{}, struct{}]
}

func newPaced(config *pgx.ConnConfig) *paced {
	p := &paced{config: config, turns: make(chan struct{}, partsAtOnce), gentle: make(chan struct{}, partsAtOnce)}
	p.flushes = coalesce.New(coalesce.Config[struct{}, struct{}]{Lanes: 1, MaxCalls: maxCalls, Timeout: timeout,
		Isolate: func(error) bool { return false }, Run: p.flush})
	return p
}

// part writes a part of a transaction that goes on after it.
func (p *paced) part(ctx context.Context, write func() error) error {
	return p.turn(ctx, func() error {
		err := write()
		if err == nil {
			err = p.flushed(ctx)
		}
		return err
	})
}

// flushed returns when all is on the disk that was written before.
func (p *paced) flushed(ctx context.Context) error {
	_, err := p.flushes.Do(ctx, struct{}{})
	return err
}

// turn writes when fewer than so many others do, and what it writes is on the disk when it returns: it ends with a commit that waits.
func (p *paced) turn(ctx context.Context, write func() error) error {
	if dialect.Gives(ctx) {
		select {
		case p.gentle <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { // after its turn, which is another's meanwhile
			dialect.GiveWay(ctx, giveWay)
			<-p.gentle
		}()
	}
	select {
	case p.turns <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.turns }()
	return write()
}

func (p *paced) flush(ctx context.Context, calls []struct{}) (_ []struct{}, err error) {
	if p.conn == nil {
		if p.conn, err = pgx.ConnectConfig(ctx, p.config.Copy()); err != nil {
			p.conn = nil
			return nil, err
		}
	}
	if _, err = p.conn.Exec(ctx, flush); err != nil {
		err = errors.Join(err, p.hangUp())
	}
	return calls, err
}

func (p *paced) hangUp() error {
	if p.conn == nil {
		return nil
	}
	conn := p.conn
	p.conn = nil
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return conn.Close(ctx)
}

func (p *paced) close() error {
	p.flushes.Close()
	return p.hangUp()
}

// parts are the statements of a transaction, those of each part of it in one round trip.
type parts struct {
	trips []*pgx.Batch
	bytes int // of the last
}

// more tells that so many bytes come with the next statement, which begins a part where they do not fit into the last.
func (p *parts) more(bytes int) *pgx.Batch {
	if len(p.trips) == 0 || p.bytes > 0 && p.bytes+bytes > partBytes {
		p.trips, p.bytes = append(p.trips, &pgx.Batch{}), 0
	}
	p.bytes += bytes
	return p.trips[len(p.trips)-1]
}

// commit sends the statements, and a COMMIT behind them.
func (p *parts) commit(ctx context.Context, conn *pgx.Conn, pace *paced) error {
	p.more(0).Queue("COMMIT")
	send := func(b *pgx.Batch) func() error {
		return func() error { return conn.SendBatch(ctx, b).Close() }
	}
	last := len(p.trips) - 1
	for _, b := range p.trips[:last] {
		if err := pace.part(ctx, send(b)); err != nil {
			return err
		}
	}
	if last == 0 {
		return send(p.trips[0])()
	}
	return pace.turn(ctx, send(p.trips[last]))
}

// inParts calls each with the rows of a table, so many at a time as fit into a part.
func inParts[T any](p *parts, rows []T, size func(*T) int, each func(b *pgx.Batch, rows []T)) {
	for len(rows) > 0 {
		n, bytes := 1, size(&rows[0])
		for n < len(rows) && bytes+size(&rows[n]) <= partBytes {
			bytes += size(&rows[n])
			n++
		}
		each(p.more(bytes), rows[:n])
		rows = rows[n:]
	}
}
