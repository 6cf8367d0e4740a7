package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/internal/app"
	"github.com/neurod/neurod/internal/config"
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

type serveCmd struct {
	Listen listen `embed:""`
}

// Run serves API and workers in one process.
func (c serveCmd) Run(ctx context.Context) error {
	return run(ctx, app.All, c.Listen.environ("NEUROD_ADDR"))
}

type apiCmd struct {
	Listen listen `embed:""`
}

// Run serves the HTTP API alone.
func (c apiCmd) Run(ctx context.Context) error {
	return run(ctx, app.API, c.Listen.environ("NEUROD_ADDR"))
}

type workerCmd struct {
	Addr string `placeholder:"HOST:PORT" help:"Address for probes and metrics. NEUROD_WORKER_ADDR, or none, by default."`
}

// Run runs workers alone.
func (c workerCmd) Run(ctx context.Context) error {
	return run(ctx, app.Worker, listen{Addr: c.Addr}.environ("NEUROD_WORKER_ADDR"))
}

func run(ctx context.Context, role app.Role, environ []string) error {
	settings, err := config.Load(environ)
	if err != nil {
		return err
	}
	collectGarbage()
	log := newLog(settings)
	slog.SetDefault(log)
	a, err := app.New(ctx, app.Config{Settings: settings, Role: role, Log: log})
	if err != nil {
		return err
	}
	return a.Run(ctx, func() error {
		if !settings.Embedded() {
			return nil
		}
		return greet(ctx, a, settings)
	})
}

func newLog(s config.Config) *slog.Logger {
	opts := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, opts))
}

type migrateCmd struct {
	Direction string `arg:"" enum:"up,down,status" help:"up, down or status."`
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
