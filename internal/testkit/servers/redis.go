//go:build unix

package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Redis is a Redis server of our own. It keeps nothing: what it held is gone when it stops.
type Redis struct{ p *process }

// StartRedis starts an empty server, with settings such as "replicaof 127.0.0.1 6379".
func StartRedis(ctx context.Context, settings ...string) (*Redis, error) {
	server, err := findRedis()
	if err != nil {
		return nil, err
	}
	p, err := newProcess("redis", "TERM", nil)
	if err != nil {
		return nil, err
	}
	p.command = func(port int) []string {
		args := []string{server, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", p.dir,
			"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--daemonize", "no"}
		for _, s := range settings {
			args = append(args, strings.Fields("--"+s)...)
		}
		return args
	}
	p.probe = p.redisAnswers
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.close(syscall.SIGKILL))
	}
	return &Redis{p: p}, nil
}

// findRedis finds the server's program.
func findRedis() (string, error) {
	server, err := exec.LookPath("redis-server")
	if err != nil {
		return "", errors.New("redis-server is not installed: apt-get install redis-server")
	}
	return server, nil
}

// redisAnswers is the probe of a process that speaks Redis's protocol.
func (p *process) redisAnswers(ctx context.Context, pid, _ int) error {
	info, err := redisInfo(ctx, p.addr())
	if err != nil {
		return err
	}
	if !strings.Contains(info, "process_id:"+strconv.Itoa(pid)+"\r\n") {
		return fmt.Errorf("another server answers on %s", p.addr())
	}
	return nil
}

// Addr returns host and port.
func (r *Redis) Addr() string { return r.p.addr() }

// URL returns the redis:// URL.
func (r *Redis) URL() string { return "redis://" + r.p.addr() }

// PID returns the server's process id, 0 when it is stopped.
func (r *Redis) PID() int { return r.p.pid() }

// Start runs a stopped or killed server again on the same port, empty.
func (r *Redis) Start(ctx context.Context) error { return r.p.start(ctx) }

// Stop ends the server in order.
func (r *Redis) Stop() error { return r.p.end(syscall.SIGTERM) }

// Kill ends the server at once.
func (r *Redis) Kill() error { return r.p.end(syscall.SIGKILL) }

// Signal sends a signal that the server survives: SIGSTOP makes it hang, SIGCONT wakes it.
func (r *Redis) Signal(sig syscall.Signal) error { return r.p.signal(sig) }

// Close ends the server and removes its folder. A second call does nothing.
func (r *Redis) Close() error { return r.p.close(syscall.SIGTERM) }

// redisInfo asks for the section "server" by an inline command
// (https://redis.io/docs/latest/develop/reference/protocol-spec/#inline-commands).
func redisInfo(ctx context.Context, addr string) (string, error) {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if _, err := conn.Write([]byte("INFO server\r\n")); err != nil {
		return "", err
	}
	r := bufio.NewReader(conn)
	var size int
	if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
		return "", fmt.Errorf("no bulk string: %w", err)
	}
	if size < 0 || size > 1<<16 {
		return "", fmt.Errorf("INFO of %d bytes", size)
	}
	b := make([]byte, size)
	_, err = io.ReadFull(r, b)
	return string(b), err
}
