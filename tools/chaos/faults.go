//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/jobs/failpoint"
)

// scenario is the faults of one run, one after the other.
type scenario struct {
	cluster *cluster
	audit   *audit
	load    *load
	start   time.Time
	kills   []kill
}

// kill is a moment from which recovery is measured.
type kill struct {
	what string
	at   time.Time // the database's clock
}

// limit is the promise: a job is back in the queue within 15 s of a crash.
const limit = 15 * time.Second

// lease is the engine's default; a worker frozen for longer has lost its jobs.
const lease = 10 * time.Second

func (s *scenario) say(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

// settle waits until every job of the moment is final, or recovery has failed.
func (s *scenario) settle(ctx context.Context, at time.Time) error {
	for end := time.Now().Add(limit + 5*time.Second); time.Now().Before(end); {
		n, err := s.audit.unfinished(ctx, at)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

// killed notes a kill that has just happened and waits for the recovery.
func (s *scenario) killed(ctx context.Context, format string, args ...any) error {
	at, err := s.audit.now(ctx)
	if err != nil {
		return err
	}
	what := fmt.Sprintf(format, args...)
	s.kills = append(s.kills, kill{what, at})
	if err := s.settle(ctx, at); err != nil {
		return err
	}
	d, err := s.audit.recovery(ctx, at)
	if err != nil {
		return err
	}
	s.say("%s: all jobs of that moment final after %.1fs", what, d.Seconds())
	return nil
}

// run does all faults, or a choice of them that takes a minute.
func (s *scenario) run(ctx context.Context, short bool) error {
	type fault struct {
		short bool
		do    func(context.Context) error
	}
	for _, f := range []fault{
		{true, s.failPoint("worker", failpoint.AfterClaim, 20)},
		{false, s.failPoint("worker", failpoint.AfterCompute, 20)},
		{false, s.failPoint("worker", failpoint.AfterFinish, 20)},
		{false, s.failPoint("worker", failpoint.AfterRound, 3)},
		{false, s.failPoint("worker", failpoint.AfterEraseChunk, 1)},
		{true, s.failPoint("api", failpoint.AfterCommit, 20)},
		{false, s.killWorker},
		{true, s.killAPI},
		{true, s.flush},
		{true, s.redisStops(5 * time.Second)},
		{true, s.freezeWorker},
		{false, s.redisHangs},
		{true, s.postgresStops("stopped", (*servers.Postgres).Stop)},
		{false, s.postgresStops("crashed", (*servers.Postgres).Kill)},
		{false, s.redisStops(60 * time.Second)},
		{true, s.rollingRestart},
	} {
		if short && !f.short {
			continue
		}
		quiet := 2 * time.Second
		if short {
			quiet = 500 * time.Millisecond
		}
		if !sleep(ctx, quiet) {
			return ctx.Err()
		}
		if err := f.do(ctx); err != nil {
			return err
		}
	}
	sleep(ctx, time.Second)
	return ctx.Err()
}

// failPoint lets one more process die at a named point under load.
func (s *scenario) failPoint(role, point string, passages int) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := s.cluster.runToFailPoint(ctx, role, point, passages, 30*time.Second); err != nil {
			return err
		}
		return s.killed(ctx, "%s died at %s", role, point)
	}
}

// catch freezes a worker at a moment when it holds jobs, and returns how many.
func (s *scenario) catch(ctx context.Context, w *neurod.Process) (int, error) {
	for range 500 {
		if err := w.Signal(syscall.SIGSTOP); err != nil {
			return 0, err
		}
		if !sleep(ctx, 30*time.Millisecond) { // what it has sent already takes effect
			return 0, ctx.Err()
		}
		n, err := s.audit.held(ctx, w.PID())
		if err != nil || n > 0 {
			return n, err
		}
		if err := w.Signal(syscall.SIGCONT); err != nil {
			return 0, err
		}
		if !sleep(ctx, time.Duration(rand.IntN(20))*time.Millisecond) {
			return 0, ctx.Err()
		}
	}
	return 0, errors.New("the worker never holds a job")
}

func (s *scenario) killWorker(ctx context.Context) error {
	w := s.cluster.worker(0)
	n, err := s.catch(ctx, w)
	if err != nil {
		return err
	}
	w.Kill()
	if err := s.killed(ctx, "worker 0 killed (kill -9) with %d jobs", n); err != nil {
		return err
	}
	return s.cluster.startWorker(ctx, 0)
}

func (s *scenario) killAPI(ctx context.Context) error {
	s.cluster.api(0).Kill()
	if err := s.killed(ctx, "api 0 killed (kill -9)"); err != nil {
		return err
	}
	return s.cluster.startAPI(ctx, 0)
}

func (s *scenario) flush(ctx context.Context) error {
	rc := redis.NewClient(&redis.Options{Addr: s.cluster.redis.Addr()})
	defer rc.Close()
	if err := rc.FlushAll(ctx).Err(); err != nil {
		return err
	}
	return s.killed(ctx, "redis flushed (FLUSHALL)")
}

// redisStops ends Redis, with all it holds, for a while.
func (s *scenario) redisStops(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		before := s.load.status(502)
		if err := s.cluster.redis.Stop(); err != nil {
			return err
		}
		s.say("redis stopped for %v", d)
		if !sleep(ctx, d) {
			return ctx.Err()
		}
		if err := s.cluster.redis.Start(ctx); err != nil {
			return err
		}
		refused := s.load.status(502) - before
		if err := s.killed(ctx, "redis back, empty, after %v (%d requests refused with 502)", d, refused); err != nil {
			return err
		}
		if d < 30*time.Second && refused > 0 {
			return fmt.Errorf("a Redis outage of %v was visible to %d clients", d, refused)
		}
		if d > 45*time.Second && refused == 0 {
			return fmt.Errorf("a Redis outage of %v refused nothing", d)
		}
		return nil
	}
}

// redisHangs freezes Redis: connections stay open and nothing answers.
func (s *scenario) redisHangs(ctx context.Context) error {
	if err := s.cluster.redis.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	s.say("redis frozen for 5s")
	if !sleep(ctx, 5*time.Second) {
		return ctx.Err()
	}
	if err := s.cluster.redis.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	return s.killed(ctx, "redis woken")
}

// postgresStops ends PostgreSQL, in order or with all that had not reached the disk, and starts it again.
func (s *scenario) postgresStops(how string, end func(*servers.Postgres) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := end(s.cluster.pg); err != nil {
			return err
		}
		s.say("postgresql %s", how)
		if !sleep(ctx, 2*time.Second) {
			return ctx.Err()
		}
		if err := s.cluster.pg.Start(ctx); err != nil {
			return err
		}
		// The audit's own connections are gone, too.
		s.audit.pool.Reset()
		return s.killed(ctx, "postgresql back after 2s (%s)", how)
	}
}

// freezeWorker stops a worker in the middle of its work until its leases are gone, and lets it go on.
func (s *scenario) freezeWorker(ctx context.Context) error {
	w := s.cluster.worker(1)
	n, err := s.catch(ctx, w)
	if err != nil {
		return err
	}
	frozen := time.Now()
	if err := s.killed(ctx, "worker 1 frozen (SIGSTOP) with %d jobs", n); err != nil {
		return err
	}
	sleep(ctx, time.Until(frozen.Add(lease+2*time.Second)))
	if err := w.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	s.say("worker 1 woken after %.1fs", time.Since(frozen).Seconds())
	return ctx.Err()
}

// rollingRestart replaces every process in order, each asked to end. No job may be interrupted for long.
func (s *scenario) rollingRestart(ctx context.Context) error {
	s.say("rolling restart")
	const patience = 40 * time.Second
	for i := range replicas {
		if err := s.cluster.worker(i).Stop(patience); err != nil {
			return fmt.Errorf("worker %d: %w", i, err)
		}
		if err := s.cluster.startWorker(ctx, i); err != nil {
			return err
		}
		if err := s.cluster.api(i).Stop(patience); err != nil {
			return fmt.Errorf("api %d: %w", i, err)
		}
		if err := s.cluster.startAPI(ctx, i); err != nil {
			return err
		}
	}
	return s.killed(ctx, "rolling restart done")
}

// status returns how many answers had the status so far.
func (l *load) status(code int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.statuses[code]
}
