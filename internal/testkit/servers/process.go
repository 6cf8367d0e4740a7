//go:build unix

// Package servers starts real PostgreSQL and Redis servers on free loopback ports, for tests and for the tools
// that break them on purpose.
//
// Invariants:
//
//   - A server listens on 127.0.0.1 only and keeps everything it writes in one temporary folder.
//   - No server and no folder outlives the process that started it, however that ends: a guard process holds the
//     other end of a pipe, and when the pipe breaks it ends the server and removes the folder.
//   - No goroutine stays behind a call, so that tests may look for leaks.
//   - A start counts only when the answering server is the one that was started: another process may have taken
//     the port in between, and then another port is tried.
package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// startTimeout is generous: on a busy machine with two cores initdb alone has taken many seconds.
const startTimeout = 2 * time.Minute

// errPortTaken says that another process listens on the port that looked free.
var errPortTaken = errors.New("port taken")

// guardScript waits until its standard input ends, which is when its parent closed the pipe or died, ends the
// server with the given signal, then by force, and removes the folder.
const guardScript = `cat >/dev/null
pid=$(cat "$1/pid" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -"$2" "$pid"; kill -CONT "$pid"
  i=0; while kill -0 "$pid" && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done
  kill -KILL "$pid"
fi
rm -rf "$1" || { sleep 1; rm -rf "$1"; }`

// process is one server: a folder, a port, and a child process that may come and go.
type process struct {
	name    string
	dir     string
	port    int
	cred    *syscall.Credential // the user to run as; nil for our own
	command func(port int) []string
	probe   func(ctx context.Context, pid, port int) error // nil once our own server answers

	guardEnd *os.File // closing it lets the guard clean up
	guard    *exec.Cmd

	mu  sync.Mutex
	cmd *exec.Cmd // nil when not running
}

// newProcess makes the folder and its guard. endSignal is the name of the signal that ends the server quickly
// and cleanly.
func newProcess(name, endSignal string, cred *syscall.Credential) (*process, error) {
	return newProcessIn("", name, endSignal, cred)
}

// newProcessIn is newProcess with a folder within another; "" for that of temporary files.
func newProcessIn(parent, name, endSignal string, cred *syscall.Credential) (*process, error) {
	dir, err := os.MkdirTemp(parent, "neurod-"+name+"-")
	if err != nil {
		return nil, err
	}
	p := &process{name: name, dir: dir, cred: cred}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer r.Close()
	p.guardEnd = w
	p.guard = exec.Command("/bin/sh", "-c", guardScript, "guard", dir, endSignal)
	p.guard.Stdin = r
	p.guard.Dir = "/"
	p.guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must not end the guard first
	if err := p.guard.Start(); err != nil {
		return nil, errors.Join(err, w.Close(), os.RemoveAll(dir))
	}
	return p, nil
}

// start runs the server until it answers. The first start chooses a free port; later ones keep it.
func (p *process) start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	first := p.port == 0
	for {
		if first {
			port, err := freePort()
			if err != nil {
				return err
			}
			p.port = port
		}
		err := p.startOnce(ctx)
		if !first || !errors.Is(err, errPortTaken) {
			if err != nil && first {
				p.port = 0
			}
			return err
		}
	}
}

func (p *process) startOnce(ctx context.Context) error {
	logFile, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return err
	}
	defer logFile.Close()
	args := p.command(p.port)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.cred}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "pid"), []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
		return errors.Join(err, cmd.Process.Kill(), ignoreExit(cmd.Wait()))
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		probeErr := p.probe(ctx, cmd.Process.Pid, p.port)
		if probeErr == nil {
			p.cmd = cmd
			return nil
		}
		if exited(cmd.Process.Pid) {
			_ = cmd.Wait() // only releases the handle: the status is collected, and the log says more
			out := p.logTail()
			if bytes.Contains(bytes.ToLower(out), []byte("address already in use")) {
				return errPortTaken
			}
			return fmt.Errorf("%s did not start:\n%s", p.name, out)
		}
		select {
		case <-ctx.Done():
			err := fmt.Errorf("%s did not answer: %w: %w\n%s", p.name, ctx.Err(), probeErr, p.logTail())
			return errors.Join(err, cmd.Process.Kill(), ignoreExit(cmd.Wait()))
		case <-ticker.C:
		}
	}
}

// end sends the signal and waits until the server is gone. A server that is not running is not an error.
func (p *process) end(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	// A frozen server takes no other signal than SIGKILL.
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	err := ignoreExit(p.cmd.Wait())
	p.cmd = nil
	return errors.Join(err, os.Remove(filepath.Join(p.dir, "pid")))
}

// signal sends a signal that the server survives, such as SIGSTOP and SIGCONT.
func (p *process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return fmt.Errorf("%s is not running", p.name)
	}
	return p.cmd.Process.Signal(sig)
}

// pid returns the server's process id, 0 when it is not running.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// close ends the server and removes its folder. A second call does nothing.
func (p *process) close(sig syscall.Signal) error {
	err := p.end(sig)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.guard == nil {
		return err
	}
	err = errors.Join(err, p.guardEnd.Close(), ignoreExit(p.guard.Wait()))
	p.guard = nil
	return err
}

func (p *process) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// logTail returns the last 4 kB that the server wrote.
func (p *process) logTail() []byte {
	out, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(out[max(0, len(out)-4096):])
}

// exited reports whether our child has ended, and collects its exit status if so.
func exited(pid int) bool {
	var status syscall.WaitStatus
	got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
	return err != nil || got == pid
}

// ignoreExit drops the error that only says how a child ended.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, syscall.ECHILD) {
		return nil
	}
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
