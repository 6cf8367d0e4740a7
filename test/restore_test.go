package test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// commandsOf returns the blocks of commands of a section of docs/06-operations.md.
func commandsOf(t *testing.T, heading string) []string {
	t.Helper()
	b, err := os.ReadFile("../docs/06-operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("there is no section %q", heading)
	}
	rest, _, _ = strings.Cut(rest, "\n#")
	var out []string
	for {
		_, after, ok := strings.Cut(rest, "```bash\n")
		if !ok {
			return out
		}
		block, more, _ := strings.Cut(after, "```")
		out, rest = append(out, block), more
	}
}

// asPostgres is the user that PostgreSQL runs as, where it is not this one.
func asPostgres(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// TestRestoredFromPostgreSQLsTools runs the commands that docs/06-operations.md gives for production, on a service that works: a dump, and a base
// backup with the archive of the log up to a moment. A service on either finishes every job that was accepted before, each once; of what came after
// the moment it knows nothing.
func TestRestoredFromPostgreSQLsTools(t *testing.T) {
	t.Parallel()
	blocks := commandsOf(t, "### PostgreSQL")
	if len(blocks) != 3 {
		t.Fatalf("the section has %d blocks of commands: a dump, a base backup and a recovery were expected", len(blocks))
	}
	// A folder of its own that the server's user may write to and reach.
	cred := asPostgres(t)
	dir, err := os.MkdirTemp("", "neurod-restore-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	wal := filepath.Join(dir, "wal")
	if err := os.Mkdir(wal, 0o700); err != nil {
		t.Fatal(err)
	}
	if cred != nil {
		if err := errors.Join(os.Chown(dir, int(cred.Uid), int(cred.Gid)), os.Chown(wal, int(cred.Uid), int(cred.Gid))); err != nil {
			t.Fatal(err)
		}
	}
	pg, err := servers.StartPostgres(t.Context(), "fsync=off", "wal_level=replica", "archive_mode=on", "archive_timeout=60",
		"archive_command=test ! -f "+wal+"/%f && cp %p "+wal+"/%f")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pg.Close() })
	for _, name := range []string{"neurod", "restored"} {
		if err := pg.CreateDatabase(t.Context(), name, ""); err != nil {
			t.Fatal(err)
		}
	}
	tools, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		t.Fatal(err)
	}
	newData := filepath.Join(dir, "data")
	moment := ""
	run := func(script string) {
		t.Helper()
		cmd := exec.Command("bash", "-c", "set -euo pipefail\n"+script)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
		cmd.Env = []string{"PATH=" + strings.Join(append(tools, os.Getenv("PATH")), ":"), "DATABASE_URL=" + pg.URL("neurod"), "RESTORED_URL=" + pg.URL("restored"),
			"BACKUPS=" + dir, "NEW_DATA=" + newData, "MOMENT=" + moment, "HOME=" + dir}
		// What it starts keeps what it writes to: a pipe would never end.
		said, err := os.CreateTemp("", "neurod-said-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.Remove(said.Name())
		defer said.Close()
		cmd.Stdout, cmd.Stderr = said, said
		if err := cmd.Run(); err != nil {
			text, _ := os.ReadFile(said.Name())
			server, _ := os.ReadFile(filepath.Join(newData, "server.log"))
			t.Fatalf("%s: %v\n%s%s", script, err, text, server)
		}
	}
	ask := func(url, query string) (out string) {
		t.Helper()
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.QueryRowContext(t.Context(), query).Scan(&out); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return out
	}

	run(blocks[1]) // the base backup, before anything is there

	b := testkit.Backend{Name: "postgres+redis", Store: store.Config{DatabaseURL: pg.URL("neurod")}, DataDir: t.TempDir(), Redis: testkit.RedisServer(t)}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	migrate := exec.Command(path, "migrate", "up")
	migrate.Env = append(os.Environ(), environment(b)...)
	if out, err := migrate.CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
	service := start(t, "api", b)
	worker := start(t, "worker", b)
	account := neurodtest.SignUp(t, client(service.addr), "owner@example.com")
	send := func(key string) string {
		t.Helper()
		id, _ := client(service.addr)(t, 202, "POST", "/api/v1/neuro/decode", account.Key, eightChannels(), "Idempotency-Key: "+key)["id"].(string)
		return id
	}
	finished := send("finished")
	done := neurodtest.Await(t, client(service.addr), account.Key, finished)
	worker.stop(t)
	before := []string{finished}
	for n := range 4 { // nobody runs these
		before = append(before, send(fmt.Sprint("waiting-", n)))
	}
	run(strings.SplitN(blocks[0], "\n", 2)[0]) // the dump
	moment = ask(pg.URL("neurod"), "SELECT clock_timestamp()::text")
	late := send("late")
	segment := ask(pg.URL("neurod"), "SELECT pg_walfile_name(pg_switch_wal())")
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(wal, segment)); err == nil {
			break
		}
		if time.Since(began) > patience {
			t.Fatal("the log was not archived")
		}
	}
	service.stop(t)

	run(strings.SplitN(blocks[0], "\n", 2)[1]) // the dump comes back
	port, err := neurod.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	connections := ask(pg.URL("neurod"), "SHOW max_connections") // a server that recovers may not have fewer
	// What the first server was told on its command line a real one has in its postgresql.conf, and so in the base.
	local := fmt.Sprintf("\nport = %d\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = %s\nfsync = off\n", port, connections)
	conf, err := os.OpenFile(filepath.Join(dir, "base", "postgresql.auto.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conf.WriteString(local)
	if err := errors.Join(err, conf.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		run(`test ! -f "$NEW_DATA/postmaster.pid" || pg_ctl --pgdata "$NEW_DATA" --mode immediate --wait stop`)
	})
	run(blocks[2]) // the recovery
	recovered := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/neurod?sslmode=disable", port)
	for began := time.Now(); ask(recovered, "SELECT pg_is_in_recovery()::text") != "false"; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatal("the recovery did not end")
		}
	}

	for name, url := range map[string]string{"the dump": pg.URL("restored"), "the moment": recovered} {
		again := testkit.Backend{Name: "postgres+redis", Store: store.Config{DatabaseURL: url}, DataDir: t.TempDir(), Redis: testkit.RedisServer(t)}
		service := start(t, "api", again)
		start(t, "worker", again)
		call := client(service.addr)
		for _, id := range before {
			if got := neurodtest.Await(t, call, account.Key, id); got["status"] != "completed" || id == finished && fmt.Sprint(got["output"]) != fmt.Sprint(done["output"]) {
				t.Errorf("%s: job %s: %v", name, id, got)
			}
		}
		if n := ask(url, "SELECT count(*)::text FROM jobs"); n != strconv.Itoa(len(before)) {
			t.Errorf("%s: %s jobs, and %d were accepted", name, n, len(before))
		}
		if id := call(t, 202, "POST", "/api/v1/neuro/decode", account.Key, eightChannels(), "Idempotency-Key: waiting-0")["id"]; id != before[1] {
			t.Errorf("%s: the key of %s made %v", name, before[1], id)
		}
		if a := service.call(t, "GET", "/api/v1/jobs/"+late, account.Key, nil); a.StatusCode != 404 {
			t.Errorf("%s: a job of later is there: %d %s", name, a.StatusCode, a.body)
		}
	}
}
