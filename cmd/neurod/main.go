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
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/neurod/neurod/internal/build"
)

// cli is the command line. Server settings come from the environment: see docs/reference/configuration.md.
type cli struct {
	Serve    serveCmd    `cmd:"" help:"Run API and workers in one process. Without configuration everything is embedded."`
	API      apiCmd      `cmd:"" name:"api" help:"Run the HTTP API alone."`
	Worker   workerCmd   `cmd:"" help:"Run workers alone."`
	Migrate  migrateCmd  `cmd:"" help:"Migrate the database schema: up, down or status."`
	Quota    quotaCmd    `cmd:"" help:"Set a quota of one project, in place of the server's setting."`
	Audit    auditCmd    `cmd:"" help:"Print the audit log, newest first."`
	Users    usersCmd    `cmd:"" help:"Make, list and remove accounts, and set their passwords."`
	Decode   decodeCmd   `cmd:"" help:"Decode a file without a server."`
	Evaluate evaluateCmd `cmd:"" help:"Measure the decoders on a folder of recordings."`
	Train    trainCmd    `cmd:"" help:"Train a model from recordings with events."`
	Agent    agentCmd    `cmd:"" help:"Run a device beside the headset and bring what it gives to a server."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print the completion script of a shell: bash, zsh or fish."`
	Complete   completeCmd   `cmd:"" hidden:"" help:"List what may come next on a command line."`
}

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("neurod"), kong.Description("Decodes EEG as durable asynchronous jobs."), kong.ShortUsageOnError())
	kctx, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	kctx.BindTo(ctx, (*context.Context)(nil))
	kctx.Bind(parser.Model)
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

// version is the release or the commit that the program was built of.
func version() string { return build.Read().String() }
