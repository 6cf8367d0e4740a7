//go:build unix

package test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/internal/testkit/smalldisk"
	"github.com/neurod/neurod/internal/testkit/walltime"
)

// smallDisk mounts a file system for the test, which is skipped where that cannot be.
func smallDisk(t *testing.T, size int64) *smalldisk.Disk {
	t.Helper()
	d, err := smalldisk.Mount(size)
	if errors.Is(err, smalldisk.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, d.Close()) })
	return d
}

// embeddedOn starts an embedded server in a folder.
func embeddedOn(t *testing.T, dir string, env ...string) *server {
	t.Helper()
	return boot(t, testkit.Backend{Name: "embedded", DataDir: dir, Store: store.Config{DataDir: dir}}, env...)
}

// storedStates returns the states of the decodes in an embedded server's database, by id.
func (s *server) storedStates(t *testing.T) func(testing.TB) map[string]string {
	t.Helper()
	db := s.database(t)
	return func(t testing.TB) map[string]string {
		rows, err := db.Query("SELECT id, state FROM jobs WHERE kind = 'neuro_decode'")
		if err != nil {
			t.Error(err)
			return nil
		}
		defer rows.Close()
		out := map[string]string{}
		for rows.Next() {
			var id, state string
			if err := rows.Scan(&id, &state); err != nil {
				t.Error(err)
			}
			out[id] = state
		}
		must(t, rows.Err())
		return out
	}
}

// ready waits until a server is ready, or is not.
func (s *server) ready(t *testing.T, want bool) {
	t.Helper()
	until(t, "/readyz to change", func() bool {
		a, err := s.tryRaw("GET", "/readyz", nil, nil)
		return err == nil && (a.StatusCode == 200) == want && (want || a.StatusCode == 503 && a.Header.Get("Retry-After") != "")
	})
}

// TestAFullDisk fills the file system that the database is on, under load: what needs room is refused with 503 and a time to try again, the service is not ready,
// and goes on by itself once there is room, with everything that it accepted.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	fill := func(t *testing.T, d *smalldisk.Disk, l *load, mended func()) {
		l.pause = 50 * time.Millisecond // what is accepted must not fill it, too
		faults := l.survives(t, func(context.Context) {
			for range rounds() {
				must(t, d.Fill())
				l.api.ready(t, false)
				a := l.api.call(t, "POST", "/v1/projects", l.api.token, object{"name": "x"})
				if a.StatusCode != 201 && (a.StatusCode != 503 || a.Header.Get("Retry-After") == "") { // so little may find a page with room
					t.Errorf("%d %v %s", a.StatusCode, a.Header, a.body)
				}
				must(t, d.Empty())
				mended()
				l.api.ready(t, true)
			}
		})
		full := 0
		for fault, n := range faults {
			if strings.HasSuffix(fault, " storage_full") {
				full += n
			}
			if !strings.HasPrefix(fault, "503 ") || strings.Contains(fault, "without Retry-After") {
				t.Errorf("a client was told %q", fault)
			}
		}
		if full == 0 {
			t.Errorf("no client was told that the disk is full: %v", faults)
		}
	}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		d := smallDisk(t, 128<<20)
		api := embeddedOn(t, filepath.Join(d.Dir(), "data"))
		fill(t, d, newLoad(api, api.storedStates(t), 0), func() {})
	})
	t.Run("postgres+redis", func(t *testing.T) {
		t.Parallel()
		d := smallDisk(t, 256<<20)
		pg, err := servers.StartPostgresIn(t.Context(), d.Dir(), "min_wal_size=32MB", "max_wal_size=64MB")
		closing(t, pg, err)
		s := stores{pg.DSN(), testkit.RedisServer(t).URL()}
		api, _ := s.begin(t, "worker")
		fill(t, d, newLoad(api, s.states, 0), func() {
			if pg.Ended() { // it had no room for its log; what keeps servers running starts it again
				t.Log("PostgreSQL had ended")
				must(t, pg.Kill())
				must(t, pg.Start(context.WithoutCancel(t.Context())))
			}
		})
	})
}

// settable skips the test where the clock of a process cannot be set.
func settable(t *testing.T, pid int) {
	t.Helper()
	if err := walltime.Set(0, pid); errors.Is(err, walltime.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// TestClocksAreSet sets the clock of each process an hour ahead, an hour back and right again, under load of decodes that take a moment each: no lease ends for it,
// nothing waits for an hour, an Idempotency-Key is known, a token of before is renewed, and a rate counts on.
func TestClocksAreSet(t *testing.T) {
	t.Parallel()
	const size, looks = 128 << 10, 2500 * time.Millisecond // two looks of the reconciler, which takes a lease from who seems to be lost
	jumps := []time.Duration{time.Hour, -time.Hour, 0}
	set := func(t *testing.T, l *load, rerun func() int, clocks map[string]func() []int) {
		login := l.api.json(t, 200, "POST", "/v1/auth/login", "", object{"email": l.api.mail("owner@example.com"), "password": "correct horse battery"})
		first := l.api.json(t, 202, "POST", "/api/v1/neuro/decode", l.api.key, documentBody, "Idempotency-Key: before")["id"]
		l.also.Add(1)
		faults := l.survives(t, func(ctx context.Context) {
			for range rounds() {
				for name, pids := range clocks {
					for _, by := range jumps {
						must(t, errors.Join(walltime.Set(by, pids()...), walltime.Set(by, pids()...)))
						began := time.Now()
						a := l.api.call(t, "POST", "/api/v1/neuro/decode", l.api.key, documentBody, "Idempotency-Key: before")
						if a.StatusCode != 202 || a.object(t)["id"] != first || a.Header.Get("Idempotent-Replayed") != "true" {
							t.Errorf("%s by %v: the repeated call is %d %s", name, by, a.StatusCode, a.body)
						}
						l.one(t)
						login = l.api.json(t, 200, "POST", "/v1/auth/refresh", "", object{"refresh_token": login["refresh_token"]})
						if a := l.api.call(t, "GET", "/v1/projects", login["access_token"].(string), nil); a.StatusCode != 200 {
							t.Errorf("%s by %v: a fresh token is answered %d %s", name, by, a.StatusCode, a.body)
						}
						t.Logf("%s set by %v: all held within %v", name, by, time.Since(began).Round(time.Millisecond))
						for time.Since(began) < looks && ctx.Err() == nil {
							time.Sleep(50 * time.Millisecond)
						}
					}
				}
			}
		})
		if len(faults) > 0 {
			t.Errorf("clients were refused: %v", faults)
		}
		if n := rerun(); n > 0 {
			t.Errorf("%d jobs were taken from workers that held them", n)
		}
	}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		api := embeddedOn(t, t.TempDir(), "NEUROD_RATE_LIMIT_ACCOUNTS=60")
		settable(t, api.process.PID())
		set(t, newLoad(api, api.storedStates(t), size), func() (n int) {
			must(t, api.database(t).QueryRow("SELECT count(*) FROM jobs WHERE attempts > 1").Scan(&n))
			return n
		}, map[string]func() []int{"the process": func() []int { return []int{api.process.PID()} }})

		// A rate that is used up is not used up for an hour when the clock is set back.
		projects := func(what string, want int) {
			token := api.json(t, 200, "POST", "/v1/auth/login", "", object{"email": api.mail("owner@example.com"), "password": "correct horse battery"})["access_token"].(string)
			until(t, what, func() bool { return api.call(t, "GET", "/v1/projects", token, nil).StatusCode == want })
		}
		projects("the rate to be used up", 429)
		must(t, walltime.Set(-time.Hour, api.process.PID()))
		projects("the rate to be refilled", 200)
	})
	t.Run("postgres+redis", func(t *testing.T) {
		t.Parallel()
		pg := ownPostgres(t, "fsync=off")
		settable(t, pg.PID())
		redis := testkit.RedisServer(t)
		s := stores{pg.DSN(), redis.URL()}
		api, worker := s.begin(t, "worker")
		set(t, newLoad(api, s.states, size), func() (n int) {
			must(t, one(t, s.database, "SELECT count(*) FROM jobs WHERE attempts > 1", &n))
			return n
		}, map[string]func() []int{
			"PostgreSQL": pg.PIDs,
			"Redis":      func() []int { return []int{redis.PID()} },
			"the API":    func() []int { return []int{api.process.PID()} },
			"the worker": func() []int { return []int{worker.process.PID()} },
		})
	})
}

// TestASlowDisk has every flush of PostgreSQL's log wait as long as it may, 0.1 s: nothing is refused, and no lease ends. The embedded database's is in internal/app.
func TestASlowDisk(t *testing.T) {
	t.Parallel()
	pg := ownPostgres(t)
	s := stores{pg.DSN(), testkit.RedisServer(t).URL()}
	api, _ := s.begin(t, "worker")
	l := newLoad(api, s.states, 0)
	faults := l.survives(t, func(ctx context.Context) {
		for range rounds() {
			must(t, pg.Slow(ctx, 100*time.Millisecond))
			for range 10 {
				l.one(t)
			}
			api.ready(t, true)
			must(t, pg.Slow(ctx, 0))
		}
	})
	if len(faults) > 0 {
		t.Errorf("clients were refused: %v", faults)
	}
	var rerun int
	must(t, one(t, s.database, "SELECT count(*) FROM jobs WHERE attempts > 1", &rerun))
	if rerun > 0 {
		t.Errorf("%d jobs were taken from workers that held them", rerun)
	}
}

// TestTheSupervisorIsKilledUnderLoad: its workers end by themselves, another supervisor's go on, and every job is done once.
func TestTheSupervisorIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	b := production(t)
	s := stores{b.Store.DatabaseURL, b.Redis.URL()}
	keep := []string{"NEUROD_WORKERS_MIN=2", "NEUROD_WORKERS_MAX=3", "NEUROD_WORKER_CONCURRENCY=4"}
	api, supervisor := s.begin(t, "workers", keep...)
	faults := newLoad(api, s.states, 0).survives(t, func(context.Context) {
		for range rounds() {
			pid := supervisor.process.PID()
			kept := []int{}
			until(t, "two workers", func() bool { kept = (&server{backend: b}).workersOf(t, pid); return len(kept) >= 2 })
			must(t, syscall.Kill(pid, syscall.SIGKILL))
			until(t, "its workers to end", func() bool {
				for _, pid := range kept {
					if alive(pid) {
						return false
					}
				}
				return true
			})
			supervisor = start(t, "workers", testkit.Backend{DataDir: t.TempDir()}, s.env(keep...)...)
		}
	})
	if len(faults) > 0 {
		t.Errorf("clients were refused: %v", faults)
	}
}
