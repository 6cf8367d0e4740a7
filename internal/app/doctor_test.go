package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/internal/doctor"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// patient is a production server that the doctor looks at: real stores, which a test makes ill.
type patient struct {
	database string
	redis    string
	env      []string
	ahead    time.Duration // of the doctor's clock
}

func (p patient) examine(t *testing.T) doctor.Report {
	t.Helper()
	env := append([]string{"DATABASE_URL=" + p.database, "REDIS_URL=" + p.redis, "NEUROD_JWT_SECRET=0123456789abcdef0123456789abcdef-test"}, p.env...)
	cfg := examination(env)
	cfg.Now = func() time.Time { return time.Now().Add(p.ahead) }
	cfg.Timeout = time.Minute // the machine may be busy
	return doctor.Examine(t.Context(), cfg)
}

// found returns the findings of a check.
func found(r doctor.Report, check string) (out []doctor.Finding) {
	for _, f := range r.Findings {
		if f.Check == check {
			out = append(out, f)
		}
	}
	return out
}

// wantFinding fails unless a check came to a level and says something; what is not well has a mend.
func wantFinding(t *testing.T, r doctor.Report, check string, level doctor.Level, says string) {
	t.Helper()
	list := found(r, check)
	if !slices.ContainsFunc(list, func(f doctor.Finding) bool { return f.Level == level && strings.Contains(f.Says, says) }) {
		t.Errorf("%s is %+v; want %s with %q in %+v", check, list, level, says, r)
	}
	for _, f := range r.Findings {
		if (f.Level == doctor.Warning || f.Level == doctor.Error) != (f.Mend != "") {
			t.Errorf("%+v: what is not well has a mend, and nothing else", f)
		}
	}
}

func sqlOn(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func redisOn(t *testing.T, url string) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// alive notes a process that is there.
func alive(t *testing.T, s *store.Store, role string, slots int, seen time.Time) {
	t.Helper()
	p := models.Process{ID: models.NewID(), Role: role, Host: "host-of-" + role, Pid: 7, Version: "1", Slots: slots, StartedAt: seen.Add(-time.Hour), SeenAt: seen}
	if err := s.SaveProcess(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func storeOf(t *testing.T, url string) *store.Store {
	t.Helper()
	return testkit.Backend{Store: store.Config{DatabaseURL: url}}.Open(t)
}

// killed starts a Redis that is killed at the end: one that cannot write its snapshot does not end when it is asked to.
func killed(t *testing.T) string {
	t.Helper()
	r := testkit.RedisServer(t)
	t.Cleanup(func() {
		if err := r.Kill(); err != nil {
			t.Error(err)
		}
	})
	return r.URL()
}

// waitingSince stores a job of the decode queue that was made a while ago.
func waitingSince(t *testing.T, s *store.Store, ago time.Duration) {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	ms := time.Now().Add(-ago).UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	j, err := s.OpenJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	now := time.Now().UTC()
	job := models.Job{ID: id.String(), ProjectID: models.NewID(), Kind: models.KindDecode, State: models.JobQueued, Request: json.RawMessage(`{}`), CreatedAt: now.Add(-ago), NextCheck: now}
	if _, err := j.Accept(t.Context(), &store.Acceptance{Jobs: []models.Job{job}}); err != nil {
		t.Fatal(err)
	}
}

// TestDoctorFinds: each thing that can be wrong with a server is found on real servers that have it, with its level and its mend.
func TestDoctorFinds(t *testing.T) {
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "models")
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(elsewhere, "broken"+catalog.Extension), []byte(`{"name":`), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := testkit.Certificate(t, dir)
	tests := []struct {
		name, check string
		level       doctor.Level
		says        string
		ill         func(t *testing.T, p *patient)
	}{
		{"a database that is away", "database", doctor.Error, "does not answer", func(_ *testing.T, p *patient) { p.database = "postgres://nobody:hunter2@127.0.0.1:1/x" }},
		{"no schema", "database.schema", doctor.Error, "migrations are missing, from 00001_accounts.sql on", func(t *testing.T, p *patient) { p.database = testkit.EmptyPostgres(t) }},
		{"a newer schema", "database.schema", doctor.Note, "is newer than this program", func(t *testing.T, p *patient) {
			sqlOn(t, p.database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
		}},
		{"a schema that has left the program behind", "database.schema", doctor.Error, "has left this program", func(t *testing.T, p *patient) {
			sqlOn(t, p.database, "UPDATE schema_floor SET version = 99999")
		}},
		{"a server without fsync", "database.durability", doctor.Error, "fsync=off", func(*testing.T, *patient) {}}, // as the tests' own is
		{"too few connections", "database.connections", doctor.Error, "opens up to 5000", func(_ *testing.T, p *patient) { p.env = append(p.env, "NEUROD_DATABASE_CONNS=5000") }},
		{"a database that takes no writes", "database.writable", doctor.Error, "takes no writes", func(t *testing.T, p *patient) {
			sqlOn(t, p.database, fmt.Sprintf("ALTER DATABASE %s SET default_transaction_read_only = on", p.database[strings.LastIndex(p.database, "/")+1:strings.Index(p.database, "?")]))
		}},
		{"a database whose clock is behind", "database.clock", doctor.Error, "is 1h0m0s behind", func(t *testing.T, p *patient) {
			name := p.database[strings.LastIndex(p.database, "/")+1 : strings.Index(p.database, "?")]
			sqlOn(t, p.database, "CREATE SCHEMA late",
				"CREATE FUNCTION late.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT pg_catalog.clock_timestamp() - interval ''1 hour'''",
				"ALTER DATABASE "+name+" SET search_path = public, late, pg_catalog")
		}},
		{"the demo account", "accounts.demo", doctor.Error, "whose password everybody knows", func(t *testing.T, p *patient) {
			if err := storeOf(t, p.database).CreateUser(t.Context(), models.User{ID: models.NewID(), Email: accounts.DemoEmail, PasswordHash: "x", CreatedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}},
		{"no worker", "workers", doctor.Error, "no worker is alive", func(*testing.T, *patient) {}},
		{"no API", "api", doctor.Warning, "no API process is alive", func(*testing.T, *patient) {}},
		{"a worker", "workers", doctor.OK, "1 processes of workers are alive, with room for 24 jobs", func(t *testing.T, p *patient) {
			alive(t, storeOf(t, p.database), "worker", 24, time.Now())
		}},
		{"a worker that vanished", "processes.lost", doctor.Warning, "host-of-worker (pid 7", func(t *testing.T, p *patient) {
			alive(t, storeOf(t, p.database), "worker", 24, time.Now().Add(-time.Hour))
		}},
		{"a worker whose clock is ahead", "processes.clock", doctor.Error, "the worker process on host-of-worker is", func(t *testing.T, p *patient) {
			alive(t, storeOf(t, p.database), "worker", 24, time.Now().Add(10*time.Minute))
		}},
		{"a job that waits", "queue." + jobs.InteractiveQueue, doctor.Warning, "the oldest for 2m", func(t *testing.T, p *patient) {
			waitingSince(t, storeOf(t, p.database), 2*time.Minute)
		}},
		{"a job that waits for long", "queue." + jobs.InteractiveQueue, doctor.Error, "1 jobs wait", func(t *testing.T, p *patient) {
			waitingSince(t, storeOf(t, p.database), time.Hour)
		}},
		{"a paused queue", "queue." + jobs.BulkQueue, doctor.Warning, "has been paused since", func(t *testing.T, p *patient) {
			if _, err := storeOf(t, p.database).PauseQueue(t.Context(), jobs.BulkQueue, models.NewID(), true, time.Now()); err != nil {
				t.Fatal(err)
			}
		}},
		{"a Redis that is away", "redis", doctor.Error, "does not answer", func(_ *testing.T, p *patient) { p.redis = "redis://:hunter2@127.0.0.1:1" }},
		{"a Redis that evicts", "redis.policy", doctor.Error, "maxmemory-policy is allkeys-lru", func(t *testing.T, p *patient) {
			c := redisOn(t, p.redis)
			if err := c.ConfigSet(t.Context(), "maxmemory", "100mb").Err(); err != nil {
				t.Fatal(err)
			}
			if err := c.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
				t.Fatal(err)
			}
		}},
		{"a Redis that would evict", "redis.policy", doctor.Warning, "should a maxmemory be set", func(t *testing.T, p *patient) {
			if err := redisOn(t, p.redis).ConfigSet(t.Context(), "maxmemory-policy", "volatile-ttl").Err(); err != nil {
				t.Fatal(err)
			}
		}},
		{"a Redis that is full", "redis.memory", doctor.Warning, "Redis uses", func(t *testing.T, p *patient) {
			if err := redisOn(t, p.redis).ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
				t.Fatal(err)
			}
		}},
		{"a Redis that cannot write its snapshot", "redis.persistence", doctor.Error, "refuses writes", func(t *testing.T, p *patient) {
			c := redisOn(t, p.redis)
			at, err := c.ConfigGet(t.Context(), "dir").Result()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(at["dir"], "dump.rdb", "in the way"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := c.Save(t.Context()).Err(); err == nil {
				t.Fatal("the snapshot was written")
			}
			for _, do := range []*redis.StatusCmd{c.ConfigSet(t.Context(), "save", "60 1"), c.BgSave(t.Context())} {
				if do.Err() != nil {
					t.Fatal(do.Err())
				}
			}
			for start := time.Now(); !strings.Contains(c.Info(t.Context(), "persistence").Val(), "rdb_last_bgsave_status:err"); time.Sleep(20 * time.Millisecond) {
				if time.Since(start) > time.Minute {
					t.Fatal("the snapshot did not fail")
				}
			}
		}},
		{"a Redis with an append-only file", "redis.persistence", doctor.Note, "append-only", func(t *testing.T, p *patient) {
			if err := redisOn(t, p.redis).ConfigSet(t.Context(), "appendonly", "yes").Err(); err != nil {
				t.Fatal(err)
			}
		}},
		{"a replica of Redis", "redis.primary", doctor.Error, "names a replica", func(t *testing.T, p *patient) {
			host, port, _ := strings.Cut(strings.TrimPrefix(killed(t), "redis://"), ":")
			if err := redisOn(t, p.redis).Do(t.Context(), "REPLICAOF", host, port).Err(); err != nil {
				t.Fatal(err)
			}
		}},
		{"a Redis whose clock agrees", "redis.clock", doctor.OK, "agrees", func(*testing.T, *patient) {}},
		{"a model that cannot be read", "models", doctor.Error, "broken" + catalog.Extension, func(_ *testing.T, p *patient) { p.env = append(p.env, "NEUROD_MODELS_DIR="+elsewhere) }},
		{"a folder of models that is not there", "models", doctor.Error, "no such file", func(_ *testing.T, p *patient) { p.env = append(p.env, "NEUROD_MODELS_DIR="+elsewhere+"/x") }},
		{"a certificate that ends soon", "tls", doctor.Warning, "the certificate ends on", func(_ *testing.T, p *patient) {
			p.env = append(p.env, "NEUROD_TLS_CERT="+cert, "NEUROD_TLS_KEY="+key)
		}},
		{"a certificate that has ended", "tls", doctor.Error, "the certificate ended on", func(_ *testing.T, p *patient) {
			p.env, p.ahead = append(p.env, "NEUROD_TLS_CERT="+cert, "NEUROD_TLS_KEY="+key), 48*time.Hour
		}},
		{"a certificate of another key", "tls", doctor.Error, "cannot be used", func(t *testing.T, p *patient) {
			_, other := testkit.Certificate(t, t.TempDir())
			p.env = append(p.env, "NEUROD_TLS_CERT="+cert, "NEUROD_TLS_KEY="+other)
		}},
		{"a key that others can read", "tls.key", doctor.Warning, "can be read by other users", func(t *testing.T, p *patient) {
			cert, key := testkit.Certificate(t, t.TempDir())
			if err := os.Chmod(key, 0o644); err != nil { //nolint:gosec // what is to be found
				t.Fatal(err)
			}
			p.env = append(p.env, "NEUROD_TLS_CERT="+cert, "NEUROD_TLS_KEY="+key)
		}},
		{"no secret", "settings.secret", doctor.Error, "is not set", func(_ *testing.T, p *patient) { p.env = append(p.env, "NEUROD_JWT_SECRET=") }},
		{"a misspelled setting", "settings.unknown", doctor.Warning, "NEUROD_REDIS_URL is set", func(_ *testing.T, p *patient) { p.env = append(p.env, "NEUROD_REDIS_URL=x") }},
		{"a setting that is wrong", "settings", doctor.Error, "NEUROD_LOG_FORMAT must be", func(_ *testing.T, p *patient) { p.env = append(p.env, "NEUROD_LOG_FORMAT=xml") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := patient{database: testkit.Postgres(t), redis: killed(t)}
			tt.ill(t, &p)
			report := p.examine(t)
			wantFinding(t, report, tt.check, tt.level, tt.says)
			if all := fmt.Sprint(report); strings.Contains(all, "hunter2") || strings.Contains(all, "0123456789abcdef") {
				t.Errorf("the report shows a secret: %s", all)
			}
		})
	}
}

// TestDoctorOfAHealthyServer: with its processes alive, a server whose database keeps what it commits has nothing to mend.
func TestDoctorOfAHealthyServer(t *testing.T) {
	t.Parallel()
	p := patient{database: testkit.Postgres(t), redis: "redis://" + testkit.Redis(t)}
	s := storeOf(t, p.database)
	alive(t, s, "api", 0, time.Now())
	alive(t, s, "worker", 24, time.Now())
	for _, f := range p.examine(t).Findings {
		// The tests' PostgreSQL never syncs, and how many files a process may open is the machine's.
		if f.Level != doctor.OK && f.Level != doctor.Note && f.Check != "database.durability" && f.Check != "files" {
			t.Errorf("%+v", f)
		}
	}
}

// TestDoctorOfTheEmbeddedMode: the files of the data folder.
func TestDoctorOfTheEmbeddedMode(t *testing.T) {
	t.Parallel()
	look := func(dir string) doctor.Report {
		return Doctor(t.Context(), []string{"NEUROD_DATA_DIR=" + dir})
	}
	t.Run("while the server runs", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		boot(t, testkit.Backend{DataDir: dir})
		r := look(dir)
		wantFinding(t, r, "database", doctor.OK, "SQLite")
		wantFinding(t, r, "database.schema", doctor.OK, "up to date")
		wantFinding(t, r, "database.writable", doctor.OK, "takes writes")
	})
	t.Run("a key that others can read", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "signing.key"), []byte("x"), 0o644); err != nil { //nolint:gosec // what is to be found
			t.Fatal(err)
		}
		wantFinding(t, look(dir), "settings.secret", doctor.Warning, "can be read by other users")
		if _, err := os.Stat(filepath.Join(dir, "neurod.db")); err == nil {
			t.Error("the doctor made a database")
		}
	})
	t.Run("no folder", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		wantFinding(t, look(file), "disk", doctor.Error, "is not a folder")
	})
	t.Run("a small disk", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
			t.Skipf("NOT TESTED: a small disk cannot be mounted here: %v", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
		wantFinding(t, look(dir), "disk", doctor.Error, "has 1 MiB left")
	})
}
