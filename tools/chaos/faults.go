//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/internal/testkit/walltime"
	"github.com/neurod/neurod/jobs/failpoint"
	"github.com/neurod/neurod/models"
)

// scenario is the faults of one run, one after the other.
type scenario struct {
	cluster *cluster
	audit   *audit
	load    *load
	start   time.Time
	kills   []kill
	stops   int // of API processes
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

// run does all faults, or those named, or a choice of them that takes a minute.
func (s *scenario) run(ctx context.Context, short bool, only []string) error {
	type fault struct {
		name  string
		short bool
		do    func(context.Context) error
	}
	for _, f := range []fault{
		{"claim", true, s.failPoint("worker", failpoint.AfterClaim, 20)},
		{"compute", false, s.failPoint("worker", failpoint.AfterCompute, 20)},
		{"finish", false, s.failPoint("worker", failpoint.AfterFinish, 20)},
		{"round", false, s.failPoint("worker", failpoint.AfterRound, 3)},
		{"erase", false, s.failPoint("worker", failpoint.AfterEraseChunk, 1)},
		{"commit", true, s.failPoint("api", failpoint.AfterCommit, 20)},
		{"worker", false, s.killWorker},
		{"api", true, s.killAPI},
		{"flush", true, s.flush},
		{"redis", true, s.redisStops(5 * time.Second)},
		{"freeze", true, s.freezeWorker},
		{"redis-hangs", false, s.redisHangs},
		{"postgres", true, s.postgresStops("stopped", (*servers.Postgres).Stop)},
		{"postgres-crash", false, s.postgresStops("crashed", (*servers.Postgres).Kill)},
		{"redis-long", false, s.redisStops(60 * time.Second)},
		{"slow-disk", false, s.slowDisk},
		{"clock", false, s.clockOfWorker},
		{"supervisor", true, s.killSupervisor},
		{"pooler", false, s.poolerRestarts},
		{"backup", false, s.backup},
		{"restart", true, s.rollingRestart},
	} {
		if short && !f.short || len(only) > 0 && !slices.Contains(only, f.name) {
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
		if role == "api" {
			s.stops++
		}
		if err := s.cluster.runToFailPoint(ctx, role, point, passages, 2*time.Minute); err != nil {
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
	s.stops++
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

// slowDisk has every flush of the database's log take 0.1 s for a while.
func (s *scenario) slowDisk(ctx context.Context) error {
	if err := s.cluster.pg.Slow(ctx, 100*time.Millisecond); err != nil {
		return err
	}
	s.say("the database's disk takes 0.1 s a flush, for 10 s")
	if !sleep(ctx, 10*time.Second) {
		return ctx.Err()
	}
	if err := s.cluster.pg.Slow(ctx, 0); err != nil {
		return err
	}
	return s.killed(ctx, "the database's disk is fast again")
}

// clockOfWorker sets the clock of a worker an hour ahead, an hour back and right again. Those of the database, of Redis and of an API, by which this
// load counts, are set in the tests of faults.
func (s *scenario) clockOfWorker(ctx context.Context) error {
	for _, by := range []time.Duration{time.Hour, -time.Hour, 0} {
		err := walltime.Set(by, s.cluster.worker(0).PID())
		if errors.Is(err, walltime.ErrUnsupported) {
			s.say("the clock of a worker is not set: %v", err)
			return nil
		}
		if err != nil {
			return err
		}
		s.say("the clock of worker 0 is set by %v", by)
		if !sleep(ctx, 5*time.Second) {
			return ctx.Err()
		}
	}
	return s.killed(ctx, "the clock of worker 0 is right again")
}

// killSupervisor starts a supervisor with two workers and kills it under load: they must end by themselves.
func (s *scenario) killSupervisor(ctx context.Context) error {
	p, err := neurod.Start(ctx, neurod.Config{Program: s.cluster.program, Args: []string{"workers"}, Worker: true, Log: s.cluster.log,
		Env: s.cluster.env("NEUROD_WORKERS_MIN=2", "NEUROD_WORKERS_MAX=2")})
	if err != nil {
		return err
	}
	defer p.Kill()
	var kept []int
	for end := time.Now().Add(30 * time.Second); len(kept) < 2; {
		if kept, err = s.audit.keptBy(ctx, p.PID()); err != nil {
			return err
		}
		if time.Now().After(end) {
			return errors.New("the supervisor started no two workers in 30 s")
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
	if !sleep(ctx, time.Second) { // they take jobs
		return ctx.Err()
	}
	p.Kill()
	if err := s.killed(ctx, "supervisor killed (kill -9), which kept %d workers", len(kept)); err != nil {
		return err
	}
	for end := time.Now().Add(30 * time.Second); ; {
		left := slices.DeleteFunc(slices.Clone(kept), func(pid int) bool { return syscall.Kill(pid, 0) != nil })
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("workers %v outlive the supervisor that kept them", left)
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// poolerRestarts adds a worker whose connections a pooler shares, kills the pooler, and then restarts it in order.
func (s *scenario) poolerRestarts(ctx context.Context) error {
	pooler, err := servers.StartPgBouncer(ctx, s.cluster.pg, "pool_mode=transaction")
	if err != nil {
		return err
	}
	defer func() { _ = pooler.Close() }()
	w, err := neurod.Start(ctx, neurod.Config{Program: s.cluster.program, Args: []string{"worker"}, Worker: true, Log: s.cluster.log,
		Env: s.cluster.env("DATABASE_URL=" + pooler.URL("postgres"))})
	if err != nil {
		return err
	}
	defer w.Kill()
	for how, end := range map[string]func() error{"killed": pooler.Kill, "stopped in order": pooler.Stop} {
		if !sleep(ctx, 3*time.Second) {
			return ctx.Err()
		}
		if err := end(); err != nil {
			return err
		}
		if err := pooler.Start(ctx); err != nil {
			return err
		}
		if err := s.killed(ctx, "the pooler of a worker %s and started again", how); err != nil {
			return err
		}
	}
	return w.Stop(40 * time.Second)
}

// backup copies the database by its own tools under load, into another one, and compares the two.
func (s *scenario) backup(ctx context.Context) error {
	const name = "restored"
	s.load.mu.Lock()
	told := len(s.load.accepted)
	s.load.mu.Unlock()
	if err := s.cluster.pg.Copy(ctx, "postgres", name); err != nil {
		return err
	}
	s.load.mu.Lock()
	before := slices.Clone(s.load.accepted[:told])
	s.load.mu.Unlock()
	restored, err := pgxpool.New(ctx, s.cluster.pg.URL(name))
	if err != nil {
		return err
	}
	defer restored.Close()
	there, _, err := (&audit{restored}).rows(ctx)
	if err != nil {
		return err
	}
	is, _, err := s.audit.rows(ctx)
	if err != nil {
		return err
	}
	lost, changed, unfinished, erased := 0, 0, 0, 0
	for _, t := range before {
		id, _ := models.ParseJobID(t.id)
		if _, ok := there[id]; !ok {
			lost++
		}
	}
	for id, r := range there {
		now, ok := is[id]
		switch {
		case !ok: // an erasure took it along while the copy was made; what else is lost the audit at the end tells
			erased++
		case r.state == "queued" || r.state == "running":
			unfinished++
		case r.state != now.state || !same(r.output, now.output) || !same(r.code, now.code):
			changed++
		}
	}
	s.say("backed up under load and restored: %d jobs, %d of them unfinished and %d erased since; of %d accepted before %d lost, %d changed", len(there), unfinished, erased, len(before), lost, changed)
	if lost > 0 || changed > 0 {
		return fmt.Errorf("the restored database lacks %d accepted jobs, and %d are not as they were", lost, changed)
	}
	return nil
}

// same compares what may not be there.
func same(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

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
		s.stops++
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
