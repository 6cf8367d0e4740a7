//go:build unix

// Command chaos holds neurod to its promise about jobs while everything around it fails.
//
// It starts a real PostgreSQL and Redis and two API and two worker processes on loopback, keeps a steady load of
// decodes on them (with and without Idempotency-Key, some canceled), and kills, freezes, flushes and restarts one part
// after the other. At the end it counts, from what clients were told and from what triggers in the database saw:
//
//   - lost: accepted jobs that reached no final state,
//   - doubled effects: jobs that became final twice, or requests with one Idempotency-Key that made two jobs,
//   - changed finished states: rows that changed after they were final, and clients that saw it.
//
// Beside the decodes, clients send sessions in batches, live and recorded, some out of order, some twice, and follow the
// live ones over WebSocket. At the end every accepted sample must be exported once and as it was sent, every due window
// and live decode exist once and be the same as in a run that nothing disturbed, and every follower have got all of them once. Files are
// imported, too, and users erased, of whom nothing may be left.
//
// Boards stream all the while: some are read by the API processes, some by agents, whose network is cut for a minute and of which one is killed. Every
// sample that was read must be in its session once, where it belongs, and gaps only where nobody read the board.
//
// Two webhooks tell of every job that ends, one to a receiver that fails, hangs up, redirects and is slow: each must be told at least
// once to both, under one webhook-id.
//
// At the end an operator has ten thousand dead letters made again while APIs and workers are killed: each once, and none passed over.
//
// The database's disk is slow for a while, a worker's clock is set by an hour both ways, a supervisor of workers is killed, a pooler of connections is restarted, and a backup
// is made, restored and compared. (Full disks and the clocks of the other processes are in the tests of faults, which `make chaos` runs for longer, too.)
//
// All must be 0, every answer must be the one its recording calls for, and after a kill all jobs of that moment must be
// final within 15 s. Otherwise it exits with 1.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	var opt options
	flag.StringVar(&opt.program, "neurod", "bin/neurod", "program to test")
	flag.BoolVar(&opt.short, "short", false, "a minute instead of all faults")
	flag.Func("only", "names of faults, such as pooler,backup; all by default", func(names string) error {
		opt.only = strings.Split(names, ",")
		return nil
	})
	flag.IntVar(&opt.rate, "rate", 40, "decodes a second")
	flag.Uint64Var(&opt.seed, "seed", uint64(time.Now().UnixNano()), "seed of what is left to chance")
	flag.StringVar(&opt.log, "log", "", "file for the output of the processes; none by default")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := run(ctx, opt)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

type options struct {
	program string
	short   bool
	only    []string // names of faults; all where there is none
	rate    int
	seed    uint64
	log     string
}

// drainTimeout is how long the last jobs may take once the load has ended.
const drainTimeout = 60 * time.Second

func run(ctx context.Context, opt options) (ok bool, err error) {
	fmt.Printf("chaos: seed %d\n", opt.seed)
	c, err := startCluster(ctx, opt)
	if err != nil {
		return false, err
	}
	defer c.close()
	a, err := newAudit(ctx, c.pg.URL("postgres"))
	if err != nil {
		return false, err
	}
	defer a.close()
	l, err := newLoad(ctx, c, opt)
	if err != nil {
		return false, err
	}
	hooks, err := startHooks(ctx, l)
	if err != nil {
		return false, err
	}
	start := time.Now()
	l.start(ctx)
	sessions := &sessionLoad{load: l}
	sessions.start(ctx)
	s := &scenario{cluster: c, audit: a, load: l, start: start}
	boards, err := startDevices(ctx, sessions, opt.short, s.say)
	if err != nil {
		return false, err
	}
	defer boards.close()
	faultErr := s.run(ctx, opt.short, opt.only)
	l.stop()
	sessions.stop()
	boards.stop(ctx)
	if faultErr != nil {
		return false, faultErr
	}
	s.say("load ended; waiting for the last jobs")
	if err := a.drain(ctx, drainTimeout); err != nil {
		return false, err
	}
	if ok, err = report(ctx, s, time.Since(start)); err != nil {
		return false, err
	}
	windows, err := sessions.check(ctx, a)
	if err != nil {
		return false, err
	}
	ok = windows.print() && ok
	given, err := boards.check(ctx, s.stops)
	if err != nil {
		return false, err
	}
	ok = given.print() && ok
	told, err := hooks.check(ctx, a)
	if err != nil {
		return false, err
	}
	ok = told.print() && ok
	s.say("an operator has dead letters made again")
	made, err := bulkRetry(ctx, c)
	if err != nil {
		return false, err
	}
	return made.print() && ok, nil
}
