// Package neurod runs the neurod program as a separate process and talks to it over HTTP, for the
// demo, the benchmarks and the fault tests. Servers listen on loopback only.
package neurod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// Process is a running neurod.
type Process struct {
	URL     string        // base URL; empty for a worker
	Ready   time.Duration // from start to the first answer of /readyz
	cmd     *exec.Cmd
	exited  chan struct{}
	waitErr error
}

// Config says what to start.
type Config struct {
	Program string    // path of the program
	Args    []string  // subcommand and flags, e.g. "serve"
	Env     []string  // added to a clean environment
	Log     io.Writer // takes standard error. Defaults to none
	Port    int       // port to listen on, with an HTTP role. Defaults to a free one
	Worker  bool      // a worker has no HTTP address to wait for
	// Logged has the program take a port by itself and waits for the line of its log that says that it has started, also
	// with a worker. A port that was free a moment ago may be another's by now, so tests do it like this; it needs the
	// default form and level of the log.
	Logged bool
	// Timeout is how long to wait for readiness. Defaults to 30 s.
	Timeout time.Duration
}

// NoLimits are the settings that switch rate limits off, for whatever sends more than they allow one key, and sign-up on, by
// which it gets its account.
func NoLimits() []string {
	return []string{"NEUROD_RATE_LIMIT_DECODE=0", "NEUROD_RATE_LIMIT_SESSIONS=0", "NEUROD_RATE_LIMIT_ACCOUNTS=0", "NEUROD_RATE_LIMIT_ADDRESS=0",
		"NEUROD_RATE_LIMIT_REGISTRY=0", "NEUROD_RATE_LIMIT_DEVICES=0", "NEUROD_SIGNUP_ENABLED=true"}
}

// FreePort returns a TCP port of the loopback interface that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Start starts the program and waits until it is ready.
func Start(ctx context.Context, cfg Config) (*Process, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	p := &Process{exited: make(chan struct{})}
	env := append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, cfg.Env...)
	started := make(chan string, 1)
	if cfg.Logged {
		cfg.Log = &startLog{next: cfg.Log, started: started}
		env = append(env, "NEUROD_ADDR=127.0.0.1:0")
	} else if !cfg.Worker {
		if cfg.Port == 0 {
			port, err := FreePort()
			if err != nil {
				return nil, err
			}
			cfg.Port = port
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Port))
		p.URL = "http://" + addr
		env = append(env, "NEUROD_ADDR="+addr)
	}
	p.cmd = exec.Command(cfg.Program, cfg.Args...)
	p.cmd.Env = env
	p.cmd.Stderr = cfg.Log
	// The child must not outlive the program that measures it.
	bind(p.cmd)
	start := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.waitErr = p.cmd.Wait()
		close(p.exited)
	}()
	if cfg.Logged {
		select {
		case addr := <-started:
			p.URL, p.Ready = "http://"+addr, time.Since(start)
		case <-p.exited:
			return nil, fmt.Errorf("neurod ended before it had started: %w", p.waitErr)
		case <-time.After(cfg.Timeout):
			p.Kill()
			return nil, fmt.Errorf("neurod had not started after %v", cfg.Timeout)
		}
	}
	if cfg.Worker {
		return p, nil
	}
	if err := p.waitReady(ctx, start, cfg.Timeout); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// startLog passes the log of a process on and finds in it where the process listens.
type startLog struct {
	next    io.Writer // nil for none
	started chan<- string
	line    []byte
	found   bool
}

// Write implements io.Writer.
func (l *startLog) Write(b []byte) (int, error) {
	for rest := b; !l.found && len(rest) > 0; {
		line, more, ends := bytes.Cut(rest, []byte("\n"))
		l.line, rest = append(l.line, line...), more
		if !ends {
			break
		}
		var event struct{ Msg, Addr string }
		if json.Unmarshal(l.line, &event) == nil && event.Msg == "started" {
			l.started <- event.Addr
			l.found = true
		}
		l.line = nil
	}
	if l.next == nil {
		return len(b), nil
	}
	return l.next.Write(b)
}

func (p *Process) waitReady(ctx context.Context, start time.Time, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				p.Ready = time.Since(start)
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("neurod ended before it was ready: %w", p.waitErr)
		case <-ctx.Done():
			return fmt.Errorf("neurod was not ready within %v", timeout)
		}
	}
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Err is how the process ended: nil where it ended well. It may be asked for when Exited is closed.
func (p *Process) Err() error { return p.waitErr }

// Signal sends a signal, such as SIGSTOP, to the process.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process at once, as kill -9 does, and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Stop asks the process to drain and end; after the timeout it is killed and an error returned.
func (p *Process) Stop(timeout time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
		return p.waitErr
	case <-time.After(timeout):
		p.Kill()
		return fmt.Errorf("neurod did not stop within %v", timeout)
	}
}
