//go:build unix

package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a PostgreSQL server of our own, with its defaults for durability (fsync on) unless settings say otherwise.
type Postgres struct{ p *process }

// postgresUser is the superuser; connections from loopback need no password.
const postgresUser = "postgres"

// StartPostgres makes a new cluster and starts it, with settings such as "fsync=off". As root it runs as the user postgres, or else nobody, because
// PostgreSQL refuses to run as root.
func StartPostgres(ctx context.Context, settings ...string) (*Postgres, error) {
	return StartPostgresIn(ctx, "", settings...)
}

// StartPostgresIn is StartPostgres with its data in a folder, "" for that of temporary files.
func StartPostgresIn(ctx context.Context, dir string, settings ...string) (*Postgres, error) {
	return startPostgres(ctx, dir, settings, func(data string) (string, []string) {
		return "initdb", []string{"-D", data, "-U", postgresUser, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"}
	})
}

// Replica starts a streaming replica of a running server, which takes no writes until it is promoted.
func (pg *Postgres) Replica(ctx context.Context, settings ...string) (*Postgres, error) {
	return startPostgres(ctx, "", settings, func(data string) (string, []string) {
		return "pg_basebackup", []string{"-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(pg.p.port), "-U", postgresUser, "-R", "-X", "stream", "-c", "fast", "--no-sync"}
	})
}

// Promote makes a replica a primary, and returns when it is one.
func (pg *Postgres) Promote(ctx context.Context) error {
	return pg.exec(ctx, "SELECT pg_promote(true, 60)")
}

// Synchronous has every commit wait until a replica has it on its disk; there must be one by then.
func (pg *Postgres) Synchronous(ctx context.Context) error {
	return errors.Join(pg.exec(ctx, "ALTER SYSTEM SET synchronous_standby_names = '*'"), pg.exec(ctx, "SELECT pg_reload_conf()"))
}

// Copy brings a database as it is at one moment into a new one, by pg_dump and pg_restore, while others read and write it.
func (pg *Postgres) Copy(ctx context.Context, from, to string) error {
	dump, err := findPostgres("pg_dump")
	if err != nil {
		return err
	}
	restore, err := findPostgres("pg_restore")
	if err != nil {
		return err
	}
	if err := pg.CreateDatabase(ctx, to, ""); err != nil {
		return err
	}
	file := filepath.Join(pg.p.dir, to+".dump")
	for _, args := range [][]string{
		{dump, "--format=custom", "--compress=0", "--file=" + file, "--dbname=" + pg.URL(from)},
		{restore, "--no-owner", "--exit-on-error", "--dbname=" + pg.URL(to), file},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", filepath.Base(args[0]), err, out)
		}
	}
	return os.Remove(file)
}

// Slow has every flush of the log wait so long, as on a slow disk; 0 for no longer than it takes.
func (pg *Postgres) Slow(ctx context.Context, by time.Duration) error {
	return errors.Join(pg.exec(ctx, fmt.Sprintf("ALTER SYSTEM SET commit_delay = %d", by.Microseconds())),
		pg.exec(ctx, "ALTER SYSTEM SET commit_siblings = 0"), pg.exec(ctx, "SELECT pg_reload_conf()"))
}

// RunIn has a server as many files of its log as one that has run for a while: it writes as much as there may be between two checkpoints.
// A server that has only begun makes each new file of 16 MiB when the one before is full, and no commit goes on meanwhile; later it
// uses its old ones again. Measurements of latency want the latter.
func (pg *Postgres) RunIn(ctx context.Context) error {
	return errors.Join(
		pg.exec(ctx, `SELECT pg_logical_emit_message(false, 'run in', repeat('x', 1048576))
			FROM generate_series(1, (SELECT setting::int FROM pg_settings WHERE name = 'max_wal_size'))`), // in MiB
		pg.exec(ctx, "CHECKPOINT"))
}

// Ended reports whether a server that was started has ended by itself.
func (pg *Postgres) Ended() bool {
	pid := pg.PID()
	return pid != 0 && exited(pid)
}

// exec runs a statement outside of any transaction.
func (pg *Postgres) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, pg.DSN())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, statement)
	return err
}

// startPostgres starts a server in a folder of data that a program makes.
func startPostgres(ctx context.Context, dir string, settings []string, fill func(data string) (program string, args []string)) (_ *Postgres, err error) {
	postgres, err := findPostgres("postgres")
	if err != nil {
		return nil, err
	}
	cred, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// SIGQUIT is the immediate shutdown: the folder goes anyway.
	p, err := newProcessIn(dir, "postgres", "QUIT", cred)
	if err != nil {
		return nil, err
	}
	pg := &Postgres{p: p}
	defer func() {
		if err != nil {
			_ = pg.Close() // the first error tells more
		}
	}()
	data := filepath.Join(p.dir, "data")
	p.command = func(port int) []string {
		args := []string{postgres, "-D", data, "-p", strconv.Itoa(port),
			"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
			"-c", "max_connections=400", // many packages' pools share it
			"-c", "timezone=UTC", "-c", "log_timezone=UTC",
		}
		for _, s := range settings {
			args = append(args, "-c", s)
		}
		return args
	}
	p.probe = func(ctx context.Context, _, _ int) error {
		conn, err := pgx.Connect(ctx, pg.URL(postgresUser))
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		var dir string
		if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil {
			return err
		}
		if dir != data {
			return fmt.Errorf("another server, of %s, answers", dir)
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	name, args := fill(data)
	program, err := findPostgres(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	return pg, nil
}

// URL returns the postgres:// URL of a database.
func (pg *Postgres) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(postgresUser), Host: pg.p.addr(), Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

// DSN returns the URL of the database that every cluster has from the start.
func (pg *Postgres) DSN() string { return pg.URL(postgresUser) }

// Addr returns host and port.
func (pg *Postgres) Addr() string { return pg.p.addr() }

// PID returns the process id of the postmaster, 0 when the server is stopped.
func (pg *Postgres) PID() int { return pg.p.pid() }

// PIDs returns the process ids of the postmaster and, where there is a /proc, of its children now, one of them for
// every connection. It is empty when the server is stopped.
func (pg *Postgres) PIDs() []int {
	postmaster := pg.PID()
	if postmaster == 0 {
		return nil
	}
	pids := []int{postmaster}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return pids
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil { // ended in the meantime
			continue
		}
		// proc(5): "pid (name) state ppid …", and the name may hold anything.
		_, rest, _ := strings.Cut(string(b[bytes.LastIndexByte(b, ')')+1:]), " ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(postmaster) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// CreateDatabase makes a database; a template, when not empty, is copied.
func (pg *Postgres) CreateDatabase(ctx context.Context, name, template string) error {
	conn, err := pgx.Connect(ctx, pg.URL(postgresUser))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	stmt := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		stmt += " TEMPLATE " + pgx.Identifier{template}.Sanitize()
	}
	_, err = conn.Exec(ctx, stmt)
	return err
}

// DropDatabase removes a database and ends the connections to it.
func (pg *Postgres) DropDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, pg.URL(postgresUser))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
	return err
}

// Start runs a stopped or killed server again, on the same port with the same data.
func (pg *Postgres) Start(ctx context.Context) error { return pg.p.start(ctx) }

// Stop ends the server in order and disconnects its clients ("fast shutdown"). The data stays.
func (pg *Postgres) Stop() error { return pg.p.end(syscall.SIGINT) }

// Kill ends the server as a crash does: all its processes at once, nothing written back.
func (pg *Postgres) Kill() error { return pg.p.end(syscall.SIGQUIT) }

// Signal sends a signal to the postmaster, which must survive it.
func (pg *Postgres) Signal(sig syscall.Signal) error { return pg.p.signal(sig) }

// Close ends the server and removes its data. A second call does nothing.
func (pg *Postgres) Close() error { return pg.p.close(syscall.SIGQUIT) }

// findPostgres finds a program of PostgreSQL in PATH or where Debian keeps it, newest version first.
func findPostgres(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/usr/local/pgsql/bin/", "/usr/pgsql-*/bin/", "/opt/homebrew/opt/postgresql*/bin/"} {
		paths, err := filepath.Glob(pattern + name)
		if err != nil {
			return "", err
		}
		found = append(found, paths...)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%s is not installed: apt-get install postgresql", name)
	}
	slices.SortFunc(found, func(a, b string) int { // .../9/bin before .../15/bin
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return slices.Compare([]byte(a), []byte(b))
	})
	return found[len(found)-1], nil
}

// unprivileged returns the user to run PostgreSQL as when we are root, nil otherwise.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var u *user.User
	var err error
	for _, name := range []string{"postgres", "nobody"} {
		if u, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres or nobody: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
