// Command neurod is the whole service: HTTP API, workers, embedded stores and tools.
//
// This package holds flags, environment and wiring; nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line. Server settings come from the environment: see docs/reference/configuration.md.
type cli struct {
	Serve    serveCmd    `cmd:"" help:"Run API and workers in one process. Without configuration everything is embedded."`
	API      apiCmd      `cmd:"" name:"api" help:"Run the HTTP API alone."`
	Worker   workerCmd   `cmd:"" help:"Run workers alone."`
	Migrate  migrateCmd  `cmd:"" help:"Move the database schema: up, down or status."`
	Audit    auditCmd    `cmd:"" help:"Print the audit log, newest first."`
	Decode   decodeCmd   `cmd:"" help:"Decode a file without a server."`
	Evaluate evaluateCmd `cmd:"" help:"Measure the decoders on a folder of recordings."`
	Train    trainCmd    `cmd:"" help:"Train a model from recordings with events."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("neurod"), kong.Description("Decodes EEG as durable asynchronous jobs."), kong.UsageOnError())
	kctx, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	kctx.BindTo(ctx, (*context.Context)(nil))
	if err := kctx.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "neurod:", err)
		os.Exit(1)
	}
}

type versionCmd struct{}

// Run prints the version that the build recorded.
func (versionCmd) Run() error {
	fmt.Println("neurod", version())
	return nil
}

// version is the module version, or the commit where the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}
