//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/testkit/servers"
)

// bulkLoad is what one connection writes beside those whose commits are timed.
type bulkLoad struct {
	name  string
	rate  int  // bytes a second, 0 for none
	part  int  // bytes of a transaction
	waits bool // its commits wait for the disk
}

// The parts of benchFlush.
const (
	flushFor   = 3 * time.Second
	flushPause = 4 * time.Millisecond // between two commits that are timed
	flushRow   = 8 << 10              // bytes of a row of the bulk
)

// benchFlush times commits of one small row on PostgreSQL alone, without anything of neurod: idle, and while another connection writes
// so many bytes a second in transactions of one length or another. It is what the disk and the write-ahead log cost whoever shares them.
func benchFlush(ctx context.Context, opt options) error {
	fmt.Println("\n## Flush: commits of one row on PostgreSQL alone, beside another connection that writes")
	pg, err := servers.StartPostgres(ctx)
	if err != nil {
		return err
	}
	defer pg.Close()
	small, err := pgx.Connect(ctx, pg.DSN())
	if err != nil {
		return err
	}
	defer small.Close(context.WithoutCancel(ctx))
	if _, err := small.Exec(ctx, `CREATE TABLE flush_small (id bigserial PRIMARY KEY, body text NOT NULL);
		CREATE TABLE flush_bulk (id bigserial PRIMARY KEY, body bytea NOT NULL);
		ALTER TABLE flush_bulk ALTER COLUMN body SET STORAGE EXTERNAL`); err != nil {
		return err
	}
	loads := []bulkLoad{{name: "nothing"}}
	for _, mib := range []int{5, 20} {
		loads = append(loads,
			bulkLoad{name: fmt.Sprintf("%2d MiB/s in transactions of 2 MiB that do not wait for the disk", mib), rate: mib << 20, part: 2 << 20},
			bulkLoad{name: fmt.Sprintf("%2d MiB/s in transactions of 256 KiB that do", mib), rate: mib << 20, part: 256 << 10, waits: true})
	}
	for _, of := range []struct {
		server string
		ready  func(context.Context) error
	}{
		{"a server that has only begun, and makes the files of its log", func(context.Context) error { return nil }},
		{"a server that has run for a while, and uses them again", pg.RunIn},
	} {
		if err := of.ready(ctx); err != nil {
			return err
		}
		fmt.Printf("%s:\n", of.server)
		took := make([][]time.Duration, len(loads))
		for range opt.rounds {
			for i, l := range loads {
				list, err := commitsBeside(ctx, pg, small, l)
				if err != nil {
					return err
				}
				took[i] = append(took[i], list...)
			}
		}
		for i, l := range loads {
			fmt.Printf("  beside %-65s p50 %s ms, p95 %s ms, p99 %s ms, n=%d\n", l.name+":", ms(percentile(took[i], .5)), ms(percentile(took[i], .95)), ms(percentile(took[i], .99)), len(took[i]))
		}
	}
	return nil
}

// commitsBeside times commits of one row for flushFor beside a load.
func commitsBeside(ctx context.Context, pg *servers.Postgres, small *pgx.Conn, l bulkLoad) (took []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, flushFor)
	defer cancel()
	var beside sync.WaitGroup
	var failed error
	if l.rate > 0 {
		conn, err := pgx.Connect(ctx, pg.DSN())
		if err != nil {
			return nil, err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		beside.Go(func() { failed = l.write(ctx, conn) })
	}
	for n := 0; ctx.Err() == nil; n++ {
		begun := time.Now()
		if _, err = small.Exec(context.WithoutCancel(ctx), "INSERT INTO flush_small (body) VALUES ($1)", "one row of a job that someone waits for"); err != nil {
			break
		}
		took = append(took, time.Since(begun))
		time.Sleep(flushPause)
	}
	cancel()
	beside.Wait()
	return took, errors.Join(err, failed)
}

// write writes the load until ctx ends.
func (l bulkLoad) write(ctx context.Context, conn *pgx.Conn) error {
	row := make([]byte, flushRow)
	rand.Read(row)
	rows := l.part / flushRow
	every := time.Duration(float64(l.part) / float64(l.rate) * float64(time.Second))
	next := time.NewTicker(every)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		b := &pgx.Batch{}
		b.Queue("BEGIN")
		if !l.waits {
			b.Queue("SET LOCAL synchronous_commit = off")
		}
		b.Queue("INSERT INTO flush_bulk (body) SELECT $1 FROM generate_series(1, $2::int)", row, rows)
		b.Queue("COMMIT")
		if err := conn.SendBatch(context.WithoutCancel(ctx), b).Close(); err != nil {
			return err
		}
	}
}
