package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/service/operations"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Clocks that differ by more than this are worth a word. Leases and turns are counted by the database's clock or within one process; what differs
// is what users see (times of jobs, tokens that are not good yet), and tokens and signatures allow for less than a minute.
const (
	clockOff    = 2 * time.Second
	clockFarOff = 30 * time.Second
)

// How old the oldest waiting job may get before it is said.
const (
	longWait     = time.Minute
	tooLongWait  = 10 * time.Minute
	longBulk     = time.Hour
	shownOfStale = 5 // processes that vanished
)

// Sizes of the oldest servers that neurod is tested with.
const (
	minPostgres = 13
	minRedis    = "6.2"
)

func (e *examination) database(ctx context.Context) {
	s := e.openStore(ctx)
	if s == nil {
		return
	}
	defer s.Close()
	c, err := s.Condition(ctx)
	if err != nil {
		e.say("database", Error, "See that DATABASE_URL names the right server and that its user may log in.", "the database does not answer: %s", said(err))
		return
	}
	if s.Dialect() == store.SQLite {
		e.ok("database", "SQLite %s answers", c.Version)
	} else {
		e.postgres(c)
	}
	if !e.schema(ctx, s) {
		return
	}
	switch err := s.Writable(ctx); {
	case store.IsFull(err):
		e.say("database.writable", Error, "Make room on the disk of the database; everything goes on by itself then.", "the disk of the database is full: nothing is accepted (503 storage_full)")
	case err != nil:
		e.say("database.writable", Error, "See that DATABASE_URL names the primary, and that its user may write.", "the database takes no writes: %s", said(err))
	default:
		e.ok("database.writable", "the database takes writes")
	}
	e.objects(ctx, s)
	if e.settings.Embedded() {
		return // the embedded mode has the demo account, and its own workers
	}
	switch _, err := s.UserByEmail(ctx, accounts.DemoEmail); {
	case err == nil:
		e.say("accounts.demo", Error, "neurod users remove "+accounts.DemoEmail+" --yes", "the demo account exists, whose password everybody knows: no process starts")
	case errors.Is(err, store.ErrNotFound):
		e.ok("accounts.demo", "there is no demo account")
	}
	e.queues(ctx, s)
	e.processes(ctx, s, c)
}

func (e *examination) postgres(c store.Condition) {
	major, _, _ := strings.Cut(c.Version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < minPostgres {
		e.say("database", Warning, "Use PostgreSQL "+strconv.Itoa(minPostgres)+" or newer.", "PostgreSQL %s answers, which neurod is not tested with", c.Version)
	} else {
		e.ok("database", "PostgreSQL %s answers", c.Version)
	}
	if c.Standby {
		e.say("database.primary", Error, "Name the primary in DATABASE_URL; with several hosts add target_session_attrs=read-write.", "the database is a standby, which takes no writes")
	}
	if c.Encoding != "UTF8" {
		e.say("database.encoding", Error, "Make the database with ENCODING 'UTF8'.", "the database keeps text as %s: not every name can be stored", c.Encoding)
	}
	if len(c.Unsafe) > 0 {
		e.say("database.durability", Error, "Switch them on in postgresql.conf.", "PostgreSQL runs with %s: a power cut takes jobs that were accepted", strings.Join(c.Unsafe, ", "))
	} else {
		e.ok("database.durability", "what PostgreSQL has committed survives a power cut")
	}
	if most := e.settings.DatabaseConns; most > c.Connections {
		e.say("database.connections", Error, "Raise max_connections of PostgreSQL, or lower NEUROD_DATABASE_CONNS.",
			"one process opens up to %d connections (NEUROD_DATABASE_CONNS), and the database takes %d in all", most, c.Connections)
	} else {
		e.ok("database.connections", "the database takes %d connections, of which a process opens up to %d: enough for %d processes", c.Connections, most, c.Connections/most)
	}
	e.clock("database.clock", "the database", c.Ahead, c.Blur)
}

// objects looks at what lies outside the database.
func (e *examination) objects(ctx context.Context, s *store.Store) {
	n, bytes, err := s.ObjectsKept(ctx)
	if err != nil {
		e.say("objects", Error, "See the database's log.", "what lies outside the database cannot be read: %s", said(err))
		return
	}
	switch {
	case e.settings.BlobURL == "" && n > 0:
		e.say("objects", Error, "Set NEUROD_BLOB_URL to where they are. NEUROD_BLOB_MIN_BYTES=0 puts no more there.",
			"%d recordings, %d MiB, lie outside the database, and NEUROD_BLOB_URL is not set: nobody can read them", n, bytes>>20)
		return
	case e.settings.BlobURL == "":
		return
	}
	const mend = "See that NEUROD_BLOB_URL is right, and that the program may read, write, list and delete there."
	at, err := e.OpenObjects(ctx, e.settings.BlobURL)
	if err != nil {
		e.say("objects", Error, mend, "the store of objects cannot be opened: %s", said(err))
		return
	}
	defer at.Close()
	switch err := s.ProbeObjects(ctx, at); {
	case store.IsFull(err):
		e.say("objects", Error, "Make room there; everything goes on by itself then.", "the disk of the objects is full: long recordings are not accepted (503 storage_full)")
	case err != nil:
		e.say("objects", Error, mend, "the store of objects does not take, give and delete one: %s", said(err))
	default:
		e.ok("objects", "the store of objects takes, gives and deletes; %d recordings, %d MiB, lie there", n, bytes>>20)
	}
}

// clock judges how far a clock is from that of this machine, as far as that is known.
func (e *examination) clock(check, whose string, ahead, blur time.Duration) {
	off, level, told := max(0, ahead.Abs()-blur), OK, time.Millisecond
	switch {
	case off > clockFarOff:
		level, told = Error, time.Second // nobody mends milliseconds of hours, and the blur may hold some
	case off > clockOff:
		level = Warning
	}
	if level == OK {
		e.ok(check, "the clock of %s agrees with that of this machine", whose)
		return
	}
	side := "behind"
	if ahead > 0 {
		side = "ahead of"
	}
	e.say(check, level, "Have both machines keep time (chrony, systemd-timesyncd).", "the clock of %s is %v %s that of this machine", whose, ahead.Abs().Round(told), side)
}

// schema says whether the schema is this program's, and whether more of the database can be looked at.
func (e *examination) schema(ctx context.Context, s *store.Store) bool {
	schema, err := s.Schema(ctx)
	switch {
	case err != nil:
		e.say("database.schema", Error, "See that the user of DATABASE_URL may read the tables.", "the schema cannot be read: %s", said(err))
	case len(schema.Missing) > 0 && e.settings.Embedded():
		e.say("database.schema", Note, "", "%d migrations are missing, from %s on: neurod serve applies them at its start", len(schema.Missing), schema.Missing[0])
	case len(schema.Missing) > 0:
		e.say("database.schema", Error, "neurod migrate up", "%d migrations are missing, from %s on: no process starts", len(schema.Missing), schema.Missing[0])
	case errors.Is(s.CheckMigrated(ctx), store.ErrTooOld):
		e.say("database.schema", Error, "Start a newer version of the program.", "the schema (%d) has left this program (%d) behind: no process of it starts", schema.Newest, schema.Known)
	case len(schema.Unknown) > 0:
		e.say("database.schema", Note, "", "the schema (%d) is newer than this program: a newer version is being rolled out, or was here", schema.Newest)
		return true
	default:
		e.ok("database.schema", "the schema is up to date (%d)", schema.Newest)
		return true
	}
	return false
}

func (e *examination) queues(ctx context.Context, s *store.Store) {
	now := e.Now()
	interactive, bulk, err := s.QueueStates(ctx, jobs.BulkKinds(), now)
	if err != nil {
		e.say("queue", Error, "See the database's log.", "the queues cannot be read: %s", said(err))
		return
	}
	pauses, err := s.QueuePauses(ctx)
	if err != nil {
		e.say("queue", Error, "See the database's log.", "the queues cannot be read: %s", said(err))
		return
	}
	interactive.Queue, bulk.Queue = jobs.InteractiveQueue, jobs.BulkQueue
	for _, q := range []models.QueueState{interactive, bulk} {
		check, paused := "queue."+q.Queue, false
		for _, p := range pauses {
			if p.Queue == q.Queue {
				paused = true
				e.say(check, Warning, "neurod admin resume "+q.Queue, "the queue %s has been paused since %s, with %d jobs waiting", q.Queue, p.CreatedAt.UTC().Format(time.RFC3339), q.Pending)
			}
		}
		if paused {
			continue
		}
		var waited time.Duration
		if q.Oldest != nil {
			waited = now.Sub(*q.Oldest)
		}
		warn, bad := longWait, tooLongWait
		if q.Queue == jobs.BulkQueue {
			warn, bad = longBulk, 24*longBulk
		}
		level := OK
		switch {
		case waited > bad:
			level = Error
		case waited > warn:
			level = Warning
		}
		says := fmt.Sprintf("%d jobs wait in the queue %s, the oldest for %v; %d run, %d were given up", q.Pending, q.Queue, waited.Round(time.Second), q.Running, q.Dead)
		if level == OK {
			e.ok(check, "%s", says)
			continue
		}
		e.say(check, level, "Start more workers, or see in their logs why they do not come along.", "%s", says)
	}
}

// processes looks at what processes have said of themselves.
func (e *examination) processes(ctx context.Context, s *store.Store, c store.Condition) {
	now := e.Now().Add(c.Ahead) // the database's: what all of them are held to
	list, err := s.Processes(ctx, now.Add(-24*time.Hour), 500)
	if err != nil {
		e.say("workers", Error, "See the database's log.", "the processes cannot be read: %s", said(err))
		return
	}
	workers, apis, slots := 0, 0, 0
	var lost []string
	for _, p := range list {
		switch {
		case p.EndedAt != nil:
			continue
		case now.Sub(p.SeenAt) > operations.Silent:
			lost = append(lost, fmt.Sprintf("%s (pid %d, last heard of %s)", p.Host, p.Pid, p.SeenAt.UTC().Format(time.RFC3339)))
			continue
		case p.SeenAt.Sub(now) > clockOff+c.Blur:
			e.clock("processes.clock", "the "+p.Role+" process on "+p.Host, p.SeenAt.Sub(now), c.Blur)
		}
		if p.Slots > 0 {
			workers, slots = workers+1, slots+p.Slots
		}
		if p.Role != "worker" {
			apis++
		}
	}
	if workers == 0 {
		e.say("workers", Error, "neurod worker", "no worker is alive: jobs are accepted and wait")
	} else {
		e.ok("workers", "%d processes of workers are alive, with room for %d jobs at once", workers, slots)
	}
	if apis == 0 {
		e.say("api", Warning, "neurod api", "no API process is alive: nothing is accepted, and what workers lose is not taken up again")
	} else {
		e.ok("api", "%d API processes are alive", apis)
	}
	if len(lost) > 0 {
		more := ""
		if n := len(lost) - shownOfStale; n > 0 {
			lost, more = lost[:shownOfStale], fmt.Sprintf(" and %d more", n)
		}
		e.say("processes.lost", Warning, "See why they ended: out of memory, a crash or a machine that is gone. Their jobs were given to others.",
			"processes vanished in the last 24 hours: %s%s", strings.Join(lost, ", "), more)
	}
}

func (e *examination) redis(ctx context.Context) {
	client, err := e.OpenRedis(e.settings.RedisURL.Reveal())
	if err != nil {
		e.say("redis", Error, "Set REDIS_URL right.", "%s", said(err))
		return
	}
	defer client.Close()
	before := time.Now()
	theirs, err := client.Time(ctx).Result()
	if err != nil {
		e.say("redis", Error, "See that it runs, that REDIS_URL is right, and that this machine may reach it. Jobs are accepted for NEUROD_REDIS_OUTAGE_LIMIT without it.",
			"Redis does not answer: %s", said(err))
		return
	}
	blur := time.Since(before) / 2
	info, err := information(ctx, client)
	if err != nil {
		e.say("redis", Warning, "Let the user of REDIS_URL use INFO.", "Redis answers, and does not say how it is set up: %s", said(err))
		return
	}
	if older(info["redis_version"], minRedis) {
		e.say("redis", Error, "Use Redis "+minRedis+" or newer.", "Redis %s answers, which lacks commands that neurod uses", info["redis_version"])
	} else {
		e.ok("redis", "Redis %s answers", info["redis_version"])
	}
	if info["role"] == "slave" {
		e.say("redis.primary", Error, "Name the primary in REDIS_URL, or Sentinel by redis-sentinel://.", "REDIS_URL names a replica, which takes no writes")
	}
	e.redisMemory(info)
	e.redisPersistence(ctx, client, info)
	e.clock("redis.clock", "Redis", theirs.Sub(before.Add(blur)), blur)
}

func (e *examination) redisMemory(info map[string]string) {
	most, _ := strconv.ParseInt(info["maxmemory"], 10, 64)
	used, _ := strconv.ParseInt(info["used_memory"], 10, 64)
	const mend = "CONFIG SET maxmemory-policy noeviction, and in redis.conf; of a managed Redis in its parameters."
	switch policy := info["maxmemory_policy"]; {
	case policy == "noeviction" || policy == "":
		e.ok("redis.policy", "maxmemory-policy is noeviction")
	case most > 0:
		e.say("redis.policy", Error, mend, "maxmemory-policy is %s: Redis throws wake-ups of jobs and counts of limits away when its memory is full", policy)
	default:
		e.say("redis.policy", Warning, mend, "maxmemory-policy is %s: should a maxmemory be set, Redis throws wake-ups of jobs away", policy)
	}
	switch {
	case most > 0 && used > most/10*9:
		e.say("redis.memory", Warning, "Raise maxmemory, or start more workers: what fills Redis are jobs that wait.", "Redis uses %d of %d MiB", used>>20, most>>20)
	default:
		e.ok("redis.memory", "Redis uses %d MiB", used>>20)
	}
}

// redisPersistence: neurod needs none, since the database is the truth. What hurts is a snapshot that fails, after which Redis refuses writes.
func (e *examination) redisPersistence(ctx context.Context, client redis.UniversalClient, info map[string]string) {
	if info["rdb_last_bgsave_status"] == "err" || info["aof_last_write_status"] == "err" {
		stops := true
		if got, err := client.ConfigGet(ctx, "stop-writes-on-bgsave-error").Result(); err == nil && info["aof_last_write_status"] != "err" {
			stops = got["stop-writes-on-bgsave-error"] == "yes"
		}
		if stops {
			e.say("redis.persistence", Error, `Make room on its disk, or switch its snapshots off (CONFIG SET save ""): neurod needs none.`, "Redis could not write its snapshot, and refuses writes")
			return
		}
	}
	if info["aof_enabled"] == "1" {
		e.say("redis.persistence", Note, "", "Redis writes an append-only file, which costs time and which neurod does not need: the database is the truth")
		return
	}
	e.ok("redis.persistence", "Redis takes writes; that it keeps nothing over a restart loses no job")
}

// information reads INFO as one table.
func information(ctx context.Context, client redis.UniversalClient) (map[string]string, error) {
	text, err := client.Info(ctx).Result()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[name] = value
		}
	}
	return out, nil
}

// older compares versions by their numbers.
func older(version, than string) bool {
	a, b := strings.Split(version, "."), strings.Split(than, ".")
	for i := range b {
		if i >= len(a) {
			return true
		}
		x, errX := strconv.Atoi(a[i])
		y, errY := strconv.Atoi(b[i])
		if errX != nil || errY != nil || x > y {
			return false
		}
		if x < y {
			return true
		}
	}
	return false
}
