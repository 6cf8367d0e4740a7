package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/store"
)

// epochKey holds a random value that Redis loses with all the rest: who finds another value than before knows.
const epochKey = "neurod:epoch"

// Limits of one round.
const (
	expireBatch = 500  // leases looked at in one transaction
	dueBatch    = 1000 // queued rows of one queue
)

// Keys of asynq v0.26 (internal/base), pinned by a test.
const allQueues = "asynq:queues"

func queueKey(queue, part string) string { return "asynq:{" + queue + "}:" + part }

// asynqLease is asynq's lease of a task, renewed by its servers every asynqBeat (asynq v0.26, rdb.LeaseDuration).
const (
	asynqLease = 30 * time.Second
	asynqBeat  = 5 * time.Second
)

// sweepAfter is how long a server may miss its beat before its tasks count as left behind: two beats and some.
const sweepAfter = 2*asynqBeat + 2*time.Second

// sweep removes tasks of dead servers from asynq's lists.
//
// KEYS[1] active list, KEYS[2] leases; ARGV[1] newest lease that counts as dead, ARGV[2] prefix of task keys, then ids.
var sweep = redis.NewScript(`
for i = 3, #ARGV do
	local lease = redis.call("ZSCORE", KEYS[2], ARGV[i])
	if lease and tonumber(lease) <= tonumber(ARGV[1]) then
		redis.call("LREM", KEYS[1], 0, ARGV[i])
		redis.call("ZREM", KEYS[2], ARGV[i])
		redis.call("DEL", ARGV[2] .. ARGV[i])
	end
end
return 0`)

// reconciler is the state of one process's reconcile loop.
type reconciler struct {
	*Engine
	epoch string
	clock clockWatch
}

// clockWatch notices when the clock that leases go by is set ahead, by comparing it with this process's own, which never is. To a
// reconciler all leases would seem to have ended at once. Their holders renew them by the new time soon, and those of lost workers
// still end: a lease later.
type clockWatch struct {
	leases time.Time // the leases' clock when it was last looked at
	own    time.Time // before that look
	until  time.Time // no lease is ended before, by this process's clock
}

// jumpFrom is how far apart two clocks must go between two looks for one of them to have been set.
const jumpFrom = time.Second

// see takes a look at the leases' clock that was begun and ended at times of this process's. It returns by how much it was set ahead, 0
// where it was not, and from then on for a grace no lease is to be ended.
func (c *clockWatch) see(leases, begun, ended time.Time, grace time.Duration) (ahead time.Duration) {
	if !c.leases.IsZero() {
		// Certainly more than passed meanwhile, however long the looks took.
		if d := leases.Sub(c.leases) - ended.Sub(c.own); d > jumpFrom {
			ahead, c.until = d, ended.Add(grace)
		}
	}
	c.leases, c.own = leases, begun
	return ahead
}

func (e *Engine) reconcileLoop(ctx context.Context) {
	r := &reconciler{Engine: e}
	// Processes that start together spread their rounds.
	if !pause(ctx, spread(e.cfg.Tick)) {
		return
	}
	ticker := time.NewTicker(e.cfg.Tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		if e.embedded != nil {
			e.embedded.tick(time.Since(last))
			last = time.Now()
		}
		if err := r.round(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("reconcile", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// round looks once at everything.
func (r *reconciler) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return errors.Join(r.readPauses(ctx), r.expire(ctx), r.refill(ctx))
}

// expire takes jobs from lost workers, however the clock that their leases go by was set.
func (r *reconciler) expire(ctx context.Context) error {
	begun := time.Now()
	now, err := r.store.Now(ctx)
	if err != nil {
		return fmt.Errorf("ask the time: %w", err)
	}
	ended := time.Now()
	if ahead := r.clock.see(now, begun, ended, r.cfg.Lease); ahead > 0 {
		r.log.Warn("the database's clock was set ahead; leases are left for as long as one lasts", "by", ahead.Round(time.Millisecond).String())
	}
	n, err := r.store.Rewind(ctx, r.cfg.Lease)
	if err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	if n > 0 {
		r.log.Warn("a clock was set back; what it had put off is looked at now", "jobs", n)
	}
	if ended.Before(r.clock.until) {
		return nil
	}
	for {
		requeued, final, err := r.store.ExpireLeases(ctx, now, r.cfg.MaxLostWorkers, expireBatch)
		if err != nil {
			return fmt.Errorf("expire leases: %w", err)
		}
		r.Announce(final)
		if n := len(requeued) + len(final); n > 0 {
			r.metrics.lostWorkers.Add(float64(n))
			r.log.Warn("workers were lost", "requeued", len(requeued), "failed", len(final))
		}
		if len(requeued)+len(final) < expireBatch {
			return nil
		}
	}
}

// lists is what the queues in Redis look like.
type lists struct {
	pending map[string]int64
	stuck   map[string][]string // task ids whose server is dead
}

// refill makes sure that each queued row has a task in Redis.
func (r *reconciler) refill(ctx context.Context) error {
	before := r.epoch
	l, lost, err := r.look(ctx)
	r.redisAnswered(err)
	if err != nil {
		return nil //nolint:nilerr // logged once, when Redis went away
	}
	if lost {
		n, err := r.store.MakeDue(ctx, nil)
		if err != nil {
			r.epoch = "" // look again
			return fmt.Errorf("make jobs due: %w", err)
		}
		switch {
		case before != "" && r.embedded == nil:
			r.log.Warn("redis has lost its memory; queued jobs are enqueued again", "jobs", n)
		case n > 0: // the one in the process is new at every start
			r.log.Info("redis is new; queued jobs are enqueued", "jobs", n)
		default:
			r.log.Debug("redis is new")
		}
	}
	if err := r.sweep(ctx, l); err != nil {
		return err
	}
	var errs []error
	idle := true
	for q := range Queues() {
		r.pending[q].Store(l.pending[q])
		if r.paused(q) {
			idle = false
			continue
		}
		full, err := r.feed(ctx, q, l.pending[q])
		errs = append(errs, err)
		if err == nil {
			r.overflow[q].Store(full)
		}
		idle = idle && !full && l.pending[q] == 0
	}
	if r.embedded != nil && idle {
		done, err := r.embedded.recycle()
		errs = append(errs, err)
		if done {
			r.log.Debug("replaced the in-process redis")
		}
	}
	return errors.Join(errs...)
}

// look asks Redis, in one exchange, for its epoch and the state of the queues, and makes sure that asynq knows them:
// a client adds a queue only once, so that it would stay unknown after a flush.
func (r *reconciler) look(ctx context.Context) (l lists, lost bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, max(redisTimeout, r.cfg.Tick))
	defer cancel()
	var made *redis.BoolCmd
	var epoch *redis.StringCmd
	pending, stuck := map[string]*redis.IntCmd{}, map[string]*redis.StringSliceCmd{}
	newest := strconv.FormatInt(time.Now().Add(asynqLease-sweepAfter).Unix(), 10)
	_, err = r.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		made = p.SetNX(ctx, epochKey, rand.Text(), 0)
		epoch = p.Get(ctx, epochKey)
		for q := range Queues() {
			p.SAdd(ctx, allQueues, q)
			pending[q] = p.LLen(ctx, queueKey(q, "pending"))
			stuck[q] = p.ZRangeByScore(ctx, queueKey(q, "lease"), &redis.ZRangeBy{Min: "-inf", Max: newest, Count: dueBatch})
		}
		return nil
	})
	if err != nil {
		return lists{}, false, err
	}
	lost = made.Val() || (r.epoch != "" && r.epoch != epoch.Val())
	r.epoch = epoch.Val()
	l = lists{pending: map[string]int64{}, stuck: map[string][]string{}}
	for q := range Queues() {
		l.pending[q], l.stuck[q] = pending[q].Val(), stuck[q].Val()
	}
	return l, lost, nil
}

// sweep removes what dead workers left in asynq's lists, and has the jobs that they had not claimed looked at now. (Those
// they had claimed come back with their lease.)
func (r *reconciler) sweep(ctx context.Context, l lists) error {
	for q, tasks := range l.stuck {
		if len(tasks) == 0 {
			continue
		}
		args := []any{time.Now().Add(asynqLease - sweepAfter).Unix(), queueKey(q, "t:")}
		var ids []string
		for _, t := range tasks {
			args = append(args, t)
			if id, ok := ParseTask([]byte(t)); ok {
				ids = append(ids, id)
			}
		}
		if err := sweep.Run(ctx, r.redis, []string{queueKey(q, "active"), queueKey(q, "lease")}, args...).Err(); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		if _, err := r.store.MakeDue(ctx, ids); err != nil {
			return fmt.Errorf("make jobs due: %w", err)
		}
		r.log.Info("removed tasks of dead workers", "queue", q, "tasks", len(tasks))
	}
	return nil
}

// feed enqueues the rows of a queue that are due and have no task waiting in Redis, as far as there is room. It
// reports whether rows are left for the next round.
func (r *reconciler) feed(ctx context.Context, queue string, pending int64) (full bool, err error) {
	for {
		room := min(r.cfg.QueueCap-int(pending), dueBatch)
		if room <= 0 {
			return true, nil
		}
		due, err := r.store.Due(ctx, store.Class{Bulk: queue == BulkQueue, BulkKinds: r.bulkKinds()}, room)
		if err != nil {
			return false, fmt.Errorf("due jobs: %w", err)
		}
		if len(due) == 0 {
			return false, nil
		}
		n, err := r.hand(ctx, queue, due, pending)
		if err != nil {
			return false, err
		}
		pending += int64(n)
		if len(due) < room {
			return false, nil
		}
	}
}

// hand enqueues those of the rows that have no task waiting in Redis. It returns how many.
func (r *reconciler) hand(ctx context.Context, queue string, due []store.Due, pending int64) (int, error) {
	states := make([]*redis.StringCmd, len(due))
	var waiting *redis.IntCmd
	_, err := r.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, d := range due {
			states[i] = p.HGet(ctx, queueKey(queue, "t:")+taskID(d), "state")
		}
		waiting = p.LLen(ctx, queueKey(queue, "pending")) // after the states: a task may have come since the round began
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		r.redisAnswered(err)
		return 0, errors.Join(err, r.again(ctx, due))
	}
	var fresh, stuck []store.Due
	for i, d := range due {
		switch state := states[i].Val(); {
		case state == "":
			fresh = append(fresh, d)
		case state == "pending" && (pending > 0 || waiting.Val() > 0):
			// It waits for its turn.
		default:
			stuck = append(stuck, d) // with a dead worker: the id is taken, the next seq is not
		}
	}
	if len(stuck) > 0 {
		bumped, err := r.store.Bump(ctx, stuck)
		if err != nil {
			return 0, errors.Join(err, r.again(ctx, due))
		}
		fresh = append(fresh, bumped...)
		slices.SortFunc(fresh, func(a, b store.Due) int {
			if a.ID < b.ID {
				return -1
			}
			return 1
		})
	}
	for i, d := range fresh {
		if !r.enqueue(ctx, d) {
			return i, r.again(ctx, fresh[i:])
		}
		r.metrics.reconciled.Inc()
	}
	return len(fresh), nil
}

// again makes rows due once more that could not be enqueued.
func (r *reconciler) again(ctx context.Context, due []store.Due) error {
	ids := make([]string, len(due))
	for i, d := range due {
		ids[i] = d.ID
	}
	_, err := r.store.MakeDue(ctx, ids)
	return err
}

// pause waits for d; it returns false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// spread returns a random part of d.
func spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d)))
	if err != nil {
		return d / 2
	}
	return time.Duration(n.Int64())
}
