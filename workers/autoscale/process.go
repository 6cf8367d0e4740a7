package autoscale

import (
	"io"
	"os"
	"os/exec"
)

// Program says how worker processes are started.
type Program struct {
	// Path and Args are the program and its arguments. Path is required.
	Path string
	Args []string
	// Env is the whole environment. Required.
	Env []string
	// Log takes what workers write. Defaults to this process's standard error.
	Log io.Writer
}

// process is a worker of a Program. What it has as its standard input is a pipe that ends when it is to drain, and also when this process dies in
// whatever way: no worker is left that nobody keeps.
type process struct {
	cmd   *exec.Cmd
	alive io.Closer // the other end of its standard input
	ended chan struct{}
	err   error
}

var _ Worker = (*process)(nil)

// Start starts a process.
func (p Program) Start() (Worker, error) {
	w := &process{cmd: exec.Command(p.Path, p.Args...), ended: make(chan struct{})}
	w.cmd.Env, w.cmd.Stdout, w.cmd.Stderr = p.Env, p.Log, p.Log
	if p.Log == nil {
		w.cmd.Stdout, w.cmd.Stderr = os.Stderr, os.Stderr
	}
	ownGroup(w.cmd)
	var err error
	if w.alive, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		w.err = w.cmd.Wait()
		close(w.ended)
	}()
	return w, nil
}

// Pid implements Worker.
func (w *process) Pid() int { return w.cmd.Process.Pid }

// Ended implements Worker.
func (w *process) Ended() <-chan struct{} { return w.ended }

// Err implements Worker.
func (w *process) Err() error { return w.err }

// Drain implements Worker.
func (w *process) Drain() { _ = w.alive.Close() }

// Hurry implements Worker.
func (w *process) Hurry() { hurry(w.cmd.Process) }

// Kill implements Worker.
func (w *process) Kill() { _ = w.cmd.Process.Kill() }
