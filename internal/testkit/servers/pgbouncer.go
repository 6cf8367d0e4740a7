//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// PgBouncer is a pooler of our own in front of a PostgreSQL server.
type PgBouncer struct{ p *process }

// StartPgBouncer starts a pooler with ten connections a database, with settings such as "pool_mode=transaction".
func StartPgBouncer(ctx context.Context, pg *Postgres, settings ...string) (*PgBouncer, error) {
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return nil, errors.New("pgbouncer is not installed: apt-get install pgbouncer")
		}
	}
	cred, err := unprivileged() // it refuses to run as root, too
	if err != nil {
		return nil, err
	}
	p, err := newProcess("pgbouncer", "QUIT", cred)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(p.dir, "pgbouncer.ini")
	p.command = func(port int) []string {
		text := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d user=%s\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=%d\nunix_socket_dir=\nauth_type=any\ndefault_pool_size=10\nmax_client_conn=500\n%s\n",
			pg.p.port, postgresUser, port, strings.Join(settings, "\n"))
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			return []string{"false"} // it does not start, and says so
		}
		return []string{program, config}
	}
	p.probe = func(ctx context.Context, _, _ int) error {
		b := &PgBouncer{p: p}
		pc, err := pgx.ParseConfig(b.URL("pgbouncer"))
		if err != nil {
			return err
		}
		pc.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // its console knows no other
		conn, err := pgx.ConnectConfig(ctx, pc)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		rows, err := conn.Query(ctx, "SHOW CONFIG")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				return err
			}
			if values[0] == "conffile" && values[1] == config {
				return nil
			}
		}
		return errors.Join(rows.Err(), fmt.Errorf("another pooler answers on %s", p.addr()))
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.close(syscall.SIGKILL))
	}
	return &PgBouncer{p: p}, nil
}

// URL returns the postgres:// URL of a database behind the pooler.
func (b *PgBouncer) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(postgresUser), Host: b.p.addr(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Start runs a killed pooler again, on the same port.
func (b *PgBouncer) Start(ctx context.Context) error { return b.p.start(ctx) }

// Stop has the pooler take no more and ends it when what runs has ended.
func (b *PgBouncer) Stop() error { return b.p.end(syscall.SIGINT) }

// Kill ends the pooler at once, with all its connections.
func (b *PgBouncer) Kill() error { return b.p.end(syscall.SIGKILL) }

// Close ends the pooler and removes its folder. A second call does nothing.
func (b *PgBouncer) Close() error { return b.p.close(syscall.SIGKILL) }
