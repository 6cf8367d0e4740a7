//go:build unix

package test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// stores are where the database and Redis of a production are reached, however many servers that is.
type stores struct{ database, redis string }

func (s stores) env(more ...string) []string {
	return append([]string{"DATABASE_URL=" + s.database, "REDIS_URL=" + s.redis, "NEUROD_JWT_SECRET=" + signingSecret}, more...)
}

// run runs a command of the program on the stores to its end.
func (s stores) run(t testing.TB, args ...string) (string, error) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(environment(testkit.Backend{DataDir: t.TempDir()}, s.env()...), "NEUROD_ADDR=127.0.0.1:0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// begin migrates the stores, twice at once as replicas of a deployment do, and starts an API with an account and a process of workers on them.
func (s stores) begin(t *testing.T, workers string, env ...string) (api, worker *server) {
	t.Helper()
	var migrating sync.WaitGroup
	for range 2 {
		migrating.Go(func() {
			if out, err := s.run(t, "migrate", "up"); err != nil {
				t.Errorf("migrate: %v\n%s", err, out)
			}
		})
	}
	migrating.Wait()
	if t.Failed() {
		t.FailNow()
	}
	b := testkit.Backend{DataDir: t.TempDir()}
	api = start(t, "api", b, s.env(env...)...)
	worker = start(t, workers, b, s.env(env...)...)
	api.signUp(t)
	return api, worker
}

// survives accepts decodes through an API and a worker on the stores while breakIt breaks something and mends it, and holds that
// every key was accepted once, and every accepted job ran to its end. It returns the API.
func (s stores) survives(t *testing.T, breakIt func(ctx context.Context)) *server {
	t.Helper()
	api, _ := s.begin(t, "worker")
	newLoad(api, s.states, 0).survives(t, breakIt)
	return api
}

// load is decodes that clients send to an API, each with a key and again until it is accepted.
type load struct {
	api    *server
	states func(testing.TB) map[string]string // of the stored decodes, by id
	bytes  int                                // of a recording
	also   atomic.Int64                       // decodes that others have sent
	pause  time.Duration                      // of a client between two
}

// newLoad makes decodes of so many bytes; 0 for 16,000.
func newLoad(api *server, states func(testing.TB) map[string]string, bytes int) *load {
	if bytes == 0 {
		bytes = 16_000
	}
	return &load{api: api, states: states, bytes: bytes}
}

// one has a decode done beside the load.
func (l *load) one(t testing.TB) {
	t.Helper()
	id, _ := l.api.json(t, 202, "POST", "/api/v1/neuro/decode", l.api.key, documentBody)["id"].(string)
	l.also.Add(1)
	l.api.await(t, id)
}

// survives has clients send while breakIt breaks something and mends it, and until some more are accepted after it. Then every key was
// accepted once, every accepted job has completed, and what clients saw of a completed one is what it still is. It returns what
// clients were told meanwhile instead of being accepted, and how often.
func (l *load) survives(t *testing.T, breakIt func(ctx context.Context)) (faults map[string]int) {
	t.Helper()
	const clients, enough, most = 4, 100, 20_000
	api, size := l.api, l.bytes
	more := max(20, min(enough, enough*16_000*4/size))
	body := neurodtest.Body(t, object{"input": object{"type": "eeg", "paradigm": "motor_imagery", "device": "OpenBCI Cyton", "channels": 8, "sample_rate": 250,
		"encoding": "int16le", "scale_uv": 0.001, "data": base64.StdEncoding.EncodeToString(noise(size))}})
	var next, done atomic.Int64
	var mu sync.Mutex
	accepted, seen := map[string]string{}, map[string]string{} // jobs by key, and what a client saw of those that had ended
	faults = map[string]int{}
	broken := make(chan struct{}) // closed when breakIt has returned
	var sending sync.WaitGroup
	for range clients {
		sending.Go(func() {
			for {
				n := next.Add(1)
				select {
				case <-broken:
					if done.Load() >= int64(more) { // jobs are accepted after it as well
						return
					}
				default:
				}
				if n > most || t.Failed() {
					return
				}
				key := fmt.Sprintf("key-%d", n)
				for began := time.Now(); ; {
					a, err := api.tryRaw("POST", "/api/v1/neuro/decode", neurodtest.Headers(api.key, body, "Idempotency-Key: "+key), body)
					fault := ""
					switch {
					case err != nil:
						fault = "no answer"
					case a.StatusCode == 202:
						id, _ := a.object(t)["id"].(string)
						mu.Lock()
						accepted[key] = id
						mu.Unlock()
						if n%8 == 0 {
							if output := l.outputOf(id); output != "" {
								mu.Lock()
								seen[id] = output
								mu.Unlock()
							}
						}
						select {
						case <-broken:
							done.Add(1)
						default:
						}
					default:
						fault = fmt.Sprint(a.StatusCode, " ", a.code())
						if a.Header.Get("Retry-After") == "" {
							fault += " without Retry-After"
						}
					}
					if fault == "" {
						time.Sleep(l.pause)
						break
					}
					mu.Lock()
					faults[fault]++
					mu.Unlock()
					if time.Since(began) > patience {
						t.Errorf("%s is not accepted: %s", key, fault)
						return
					}
					time.Sleep(50 * time.Millisecond) // as a client pauses before it tries again
				}
			}
		})
	}
	until(t, "the first jobs", func() bool { mu.Lock(); defer mu.Unlock(); return len(accepted) >= more })
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	breakIt(ctx)
	close(broken)
	sending.Wait()
	began := time.Now()
	found := map[string]string{} // states of the stored jobs
	for ended := false; !ended; time.Sleep(50 * time.Millisecond) {
		if found = l.states(t); time.Since(began) > patience {
			t.Error("not all jobs have ended")
			break
		}
		ended = !slices.ContainsFunc(slices.Collect(maps.Values(found)), func(state string) bool { return state == "queued" || state == "running" })
	}
	lost, changed := 0, 0
	for key, id := range accepted {
		if state := found[strings.TrimPrefix(id, "req_pi_")]; state != "completed" {
			lost++
			t.Errorf("%s: job %s is %q", key, id, state)
		}
	}
	for id, was := range seen {
		if is := l.outputOf(id); is != was {
			changed++
			t.Errorf("job %s was %s and is %s", id, was, is)
		}
	}
	doubled := len(found) - len(accepted) - int(l.also.Load())
	if doubled != 0 {
		t.Errorf("%d jobs are stored for %d keys, and %d without", len(found), len(accepted), l.also.Load())
	}
	t.Logf("%d accepted, all run %v after the end of the load; %d lost, %d doubled, %d of %d seen changed; refused meanwhile: %v",
		len(accepted), time.Since(began).Round(time.Millisecond), lost, max(0, doubled), changed, len(seen), faults)
	return faults
}

// outputOf waits a while for a job, so that no more are sent than are run, and returns what it found, "" while it has not ended.
func (l *load) outputOf(id string) string {
	a, err := l.api.tryRaw("GET", "/api/v1/jobs/"+id+"?wait_for_completion=true&timeout_seconds=15", neurodtest.Headers(l.api.key, nil), nil)
	if err != nil || a.StatusCode != 200 {
		return ""
	}
	var job struct {
		Status string
		Output json.RawMessage
	}
	if json.Unmarshal(a.body, &job) != nil || job.Status != "completed" {
		return ""
	}
	return string(job.Output)
}

// rounds is how often a fault is repeated: once where tests run, and as often as `make chaos` says there.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("NEUROD_CHAOS_ROUNDS")); err == nil {
		return max(1, n)
	}
	return 1
}

// states returns the states of the stored decodes by their ids.
func (s stores) states(t testing.TB) map[string]string {
	t.Helper()
	var all string
	if err := one(t, s.database, "SELECT coalesce(string_agg(id || ' ' || state, ','), '') FROM jobs WHERE kind = 'neuro_decode'", &all); err != nil {
		t.Error(err)
	}
	out := map[string]string{}
	for pair := range strings.SplitSeq(all, ",") {
		if id, state, ok := strings.Cut(pair, " "); ok {
			out[id] = state
		}
	}
	return out
}

// noise is seeded bytes.
func noise(n int) []byte {
	r, b := rand.NewChaCha8([32]byte{13}), make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// one reads a value, by a connection of its own that a pooler may share.
func one(t testing.TB, url, query string, to any) error {
	t.Helper()
	pc, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	pc.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(t.Context(), pc)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	return conn.QueryRow(t.Context(), query).Scan(to)
}

// ownPostgres starts a server of the test's own, with its defaults for durability.
func ownPostgres(t testing.TB, settings ...string) *servers.Postgres {
	t.Helper()
	pg, err := servers.StartPostgres(t.Context(), settings...)
	return closing(t, pg, err)
}

// closing ends what was started with the test.
func closing[T interface{ Close() error }](t testing.TB, s T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// must fails the test.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// TestPgBouncer has every connection shared for a transaction at a time, by a pooler that knows nothing of prepared statements and is
// killed under load, and then restarted in order. Nothing of a session may leak into those of others: no lock of migrations, no setting.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	pg := ownPostgres(t)
	b, err := servers.StartPgBouncer(t.Context(), pg, "pool_mode=transaction")
	closing(t, b, err)
	s := stores{b.URL("postgres"), testkit.RedisServer(t).URL()}
	s.survives(t, func(ctx context.Context) {
		for range rounds() {
			must(t, b.Kill())
			must(t, b.Start(ctx))
			must(t, b.Stop()) // what runs ends, what comes is refused
			must(t, b.Start(ctx))
		}
	})
	var locks int
	if err := one(t, pg.DSN(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", &locks); err != nil || locks != 0 {
		t.Errorf("%d advisory locks are left, %v", locks, err)
	}
	for range 20 { // several of the pool's connections
		var seqscan string
		if err := one(t, b.URL("postgres"), "SHOW enable_seqscan", &seqscan); err != nil || seqscan != "on" {
			t.Fatalf("another client of the pooler finds enable_seqscan=%s, %v", seqscan, err)
		}
	}
}

// TestStatementPoolingIsRefused: without transactions nothing can be accepted.
func TestStatementPoolingIsRefused(t *testing.T) {
	t.Parallel()
	b, err := servers.StartPgBouncer(t.Context(), testkit.PostgresServer(t), "pool_mode=statement")
	closing(t, b, err)
	out, err := stores{b.URL("postgres"), testkit.RedisServer(t).URL()}.run(t, "api")
	if err == nil || !strings.Contains(out, "pool_mode=transaction") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPostgresFailover kills the primary under load and promotes its synchronous replica.
func TestPostgresFailover(t *testing.T) {
	t.Parallel()
	pg := ownPostgres(t)
	replica, err := pg.Replica(t.Context())
	closing(t, replica, err)
	must(t, pg.Synchronous(t.Context()))
	both := fmt.Sprintf("postgres://postgres@%s,%s/postgres?sslmode=disable&target_session_attrs=read-write", replica.Addr(), pg.Addr())
	s := stores{both, testkit.RedisServer(t).URL()}
	s.survives(t, func(ctx context.Context) {
		must(t, pg.Kill())
		must(t, replica.Promote(ctx))
	})
}

// TestStandbysAreRefused: a server that takes no writes must not look like one that does.
func TestStandbysAreRefused(t *testing.T) {
	t.Parallel()
	pg := ownPostgres(t, "fsync=off")
	replica, err := pg.Replica(t.Context(), "fsync=off")
	closing(t, replica, err)
	redis := testkit.RedisServer(t).URL()
	for url, says := range map[string]string{
		replica.DSN(): "leads to a standby",
		fmt.Sprintf("postgres://postgres@%s,%s/postgres?sslmode=disable&target_session_attrs=standby", replica.Addr(), pg.Addr()): "target_session_attrs=standby: neurod writes",
		"postgres://postgres@" + replica.Addr() + "/postgres?sslmode=disable&target_session_attrs=read-write":                     "leads to a standby",
	} {
		if out, err := (stores{url, redis}).run(t, "api"); err == nil || !strings.Contains(out, says) {
			t.Errorf("%s: %v\n%s", url, err, out)
		}
	}
	both := fmt.Sprintf("postgres://postgres@%s,%s/postgres?sslmode=disable", replica.Addr(), pg.Addr())
	if out, err := (stores{both, redis}).run(t, "migrate", "up"); err != nil {
		t.Errorf("with the primary named second: %v\n%s", err, out)
	}
}

// TestRedisSentinel kills the master under load; its Sentinels make the replica the master.
func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	sentinels, err := servers.StartSentinels(t.Context())
	closing(t, sentinels, err)
	stores{testkit.EmptyPostgres(t), sentinels.URL()}.survives(t, func(ctx context.Context) {
		must(t, sentinels.Master.Kill())
		until(t, "another master", func() bool {
			addr, err := sentinels.Current(ctx)
			return err == nil && addr == sentinels.Replica.Addr()
		})
	})
}

// TestRedisCluster kills the node under load that has the queue of decodes; its replica takes over.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	cluster, err := servers.StartRedisCluster(t.Context())
	closing(t, cluster, err)
	stores{testkit.EmptyPostgres(t), cluster.URL()}.survives(t, func(ctx context.Context) {
		const queue = "asynq:{interactive}:pending"
		node, err := cluster.MasterOf(ctx, queue)
		if err != nil {
			t.Error(err)
			return
		}
		must(t, node.Kill())
		until(t, "another node for the queue", func() bool {
			_, err := cluster.MasterOf(ctx, queue)
			return err == nil
		})
	})
}
