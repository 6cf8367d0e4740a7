package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/neurod/neurod/internal/app"
	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/service/operations"
	"github.com/neurod/neurod/internal/store"
)

// listen says where a process listens; it goes before the environment.
type listen struct {
	Addr string `placeholder:"HOST:PORT" help:"Address to listen on. NEUROD_ADDR, or port 8000, by default."`
	Port int    `help:"Port to listen on. NEUROD_PORT, or that of the address, by default."`
}

// environ is the environment with the flags put into it.
func (l listen) environ(addr string) []string {
	env := os.Environ()
	if l.Addr != "" {
		env = append(env, addr+"="+l.Addr)
		env = append(env, "NEUROD_PORT=") // of the environment: it would replace that of the flag
	}
	if l.Port != 0 {
		env = append(env, "NEUROD_PORT="+strconv.Itoa(l.Port))
	}
	return env
}

// kept says how many worker processes are kept; it goes before the environment.
type kept struct {
	Min *int `placeholder:"N" help:"Keep at least so many processes of workers. NEUROD_WORKERS_MIN, or 1, by default."`
	Max *int `placeholder:"N" help:"Keep at most so many, as the load takes them. NEUROD_WORKERS_MAX by default."`
}

// environ is an environment with the flags put into it.
func (k kept) environ(env []string) []string {
	if k.Min != nil {
		env = append(env, "NEUROD_WORKERS_MIN="+strconv.Itoa(*k.Min))
	}
	if k.Max != nil {
		env = append(env, "NEUROD_WORKERS_MAX="+strconv.Itoa(*k.Max))
	}
	return env
}

type serveCmd struct {
	Listen listen `embed:""`
	Kept   kept   `embed:""`
}

// Run serves API and workers in one process, or with processes of workers where there is a bound for them.
func (c serveCmd) Run(ctx context.Context) error {
	return run(ctx, app.All, c.Kept.environ(c.Listen.environ("NEUROD_ADDR")), "")
}

type workersCmd struct {
	Addr string `placeholder:"HOST:PORT" help:"Address for probes and metrics of the process that keeps them. NEUROD_WORKER_ADDR, or none, by default."`
	Kept kept   `embed:""`
}

// Run keeps processes of workers.
func (c workersCmd) Run(ctx context.Context) error {
	return run(ctx, app.Supervisor, c.Kept.environ(listen{Addr: c.Addr}.environ("NEUROD_WORKER_ADDR")), "")
}

type apiCmd struct {
	Listen listen `embed:""`
}

// Run serves the HTTP API alone.
func (c apiCmd) Run(ctx context.Context) error {
	return run(ctx, app.API, c.Listen.environ("NEUROD_ADDR"), "")
}

type workerCmd struct {
	Addr   string `placeholder:"HOST:PORT" help:"Address for probes and metrics. NEUROD_WORKER_ADDR, or none, by default."`
	KeptBy string `hidden:"" help:"The process that has started this one, and holds the other end of its standard input."`
}

// Run runs workers alone. One that is kept drains when its standard input ends, as it also does when whoever keeps it dies.
func (c workerCmd) Run(ctx context.Context) error {
	if c.KeptBy != "" {
		var drain context.CancelFunc
		ctx, drain = context.WithCancel(ctx)
		defer drain()
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			drain()
		}()
	}
	return run(ctx, app.Worker, listen{Addr: c.Addr}.environ("NEUROD_WORKER_ADDR"), c.KeptBy)
}

// workerProgram is how this program is started as a worker: with the same settings, but for those that are of the process that keeps it.
func workerProgram(environ []string) (app.Program, error) {
	path, err := os.Executable()
	if err != nil {
		return app.Program{}, err
	}
	env := append(append([]string{}, environ...), "NEUROD_WORKERS_MIN=", "NEUROD_WORKERS_MAX=", "NEUROD_WORKER_ADDR=", "NEUROD_INSPECT_ADDR=", "NEUROD_PORT=")
	return app.Program{Path: path, Args: []string{"worker"}, Env: env}, nil
}

// hurryOn has a process that stops hand back what it runs at the second signal.
func hurryOn(ctx context.Context, a *app.App, over <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-over:
		return
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(again)
	select {
	case <-again:
		a.Hurry()
	case <-over:
	}
}

func run(ctx context.Context, role app.Role, environ []string, keptBy string) error {
	settings, err := config.Load(environ)
	if err != nil {
		return err
	}
	collectGarbage()
	level := new(slog.LevelVar)
	level.Set(settings.LogLevel)
	log := newLog(settings, level)
	slog.SetDefault(log)
	program, err := workerProgram(environ)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, app.Config{Settings: settings, Role: role, Workers: program, KeptBy: keptBy, Log: log, Level: level})
	if err != nil {
		return err
	}
	over := make(chan struct{})
	defer close(over)
	go hurryOn(ctx, a, over)
	return a.Run(ctx, func() error {
		if !settings.Embedded() {
			return nil
		}
		return greet(ctx, a, settings)
	})
}

func newLog(s config.Config, level slog.Leveler) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, opts))
}

type migrateCmd struct {
	Direction string `arg:"" enum:"up,down,status" help:"up, down or status."`
	Force     bool   `help:"Move the schema although processes run that it breaks."`
}

// Run moves the schema of the configured database and prints each migration's state.
func (c migrateCmd) Run(ctx context.Context) error {
	settings, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, settings.Store())
	if err != nil {
		return err
	}
	defer s.Close()
	if c.Direction == "up" && !c.Force {
		if err := s.CheckNobodyBreaks(ctx, time.Now().Add(-operations.Silent)); err != nil {
			return err
		}
	}
	done, err := s.Migrate(ctx, c.Direction)
	for _, m := range done {
		state := "missing"
		if m.Applied {
			state = "applied " + m.AppliedAt.Format(time.RFC3339)
		}
		fmt.Printf("%s  %s\n", m.Name, state)
	}
	return err
}

// greet prints where the service is and a line that decodes something when pasted: 4 s of 8 channels of noise, because
// a shell has no EEG at hand. The key in it is good for a day.
func greet(ctx context.Context, a *app.App, s config.Config) error {
	key, err := a.DemoKey(ctx)
	if err != nil {
		return err
	}
	base := "http://" + strings.NewReplacer("127.0.0.1", "localhost", "[::]", "localhost").Replace(a.Addr())
	fmt.Printf(greeting, base, s.DataDir, base, key, base, key)
	return nil
}

const greeting = `
neurod is listening on %s (everything is kept in %s; Ctrl-C stops it)

Paste this into another terminal. It decodes 4 s of 8-channel noise and waits for the answer:

  JOB=$(curl -s %s/api/v1/neuro/decode -H "Authorization: Bearer %s" -H "Content-Type: application/json" -d "{\"input\":{\"type\":\"eeg\",\"data\":\"$(head -c 16000 /dev/urandom | base64 | tr -d '\n')\",\"encoding\":\"int16le\",\"scale_uv\":0.001,\"paradigm\":\"motor_imagery\",\"device\":\"OpenBCI Cyton\",\"channels\":8,\"sample_rate\":250}}" | grep -o '[0-9a-f-]\{36\}' | head -n 1); curl -s "%s/api/v1/jobs/$JOB?wait_for_completion=true" -H "Authorization: Bearer %s"

`
