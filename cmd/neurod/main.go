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
	Serve     serveCmd     `cmd:"" help:"Run API and workers in one process. Without configuration everything is embedded."`
	API       apiCmd       `cmd:"" name:"api" help:"Run the HTTP API alone."`
	Worker    workerCmd    `cmd:"" help:"Run workers alone."`
	Workers   workersCmd   `cmd:"" help:"Keep as many processes of workers as the load takes."`
	Migrate   migrateCmd   `cmd:"" help:"Migrate the database schema: up, down or status."`
	Backup    backupCmd    `cmd:"" help:"Copy what the embedded mode keeps into one file, also while the server runs."`
	Restore   restoreCmd   `cmd:"" help:"Bring a backup of the embedded mode back."`
	Doctor    doctorCmd    `cmd:"" help:"Look at settings, stores, queues, clocks and files of the configured server, and say what to mend."`
	Quota     quotaCmd     `cmd:"" help:"Set a quota of one project, in place of the server's setting."`
	Audit     auditCmd     `cmd:"" help:"Print the audit log, newest first."`
	Users     usersCmd     `cmd:"" help:"Make, list and remove accounts, and set their passwords."`
	Operators operatorsCmd `cmd:"" help:"Say who sees and acts on the whole server."`
	Admin     adminCmd     `cmd:"" help:"See and act on queues, jobs and workers of a running server, as an operator."`
	Decode    decodeCmd    `cmd:"" help:"Decode a file without a server."`
	Evaluate  evaluateCmd  `cmd:"" help:"Measure the decoders on a folder of recordings."`
	Train     trainCmd     `cmd:"" help:"Train a model from recordings with events."`
	Agent     agentCmd     `cmd:"" help:"Run a device beside the headset and bring what it gives to a server."`
	LSL       lslCmd       `cmd:"" name:"lsl" help:"Give the windows and decodes of a server's session as streams of the Lab Streaming Layer."`
	Probe     probeCmd     `cmd:"" help:"Ask a running process whether it is ready, as health checks do."`
	Version   versionCmd   `cmd:"" help:"Print the version."`

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
	err = kctx.Run()
	var status exitStatus
	switch {
	case errors.As(err, &status):
		os.Exit(int(status))
	case err != nil && !errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "neurod:", err)
		os.Exit(1)
	}
}

// exitStatus is the status with which the program ends when all has been said.
type exitStatus int

// Error implements error.
func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

type versionCmd struct{}

// Run prints the version that the build recorded.
func (versionCmd) Run() error {
	fmt.Println("neurod", version())
	return nil
}

// version is the release or the commit that the program was built of.
func version() string { return build.Read().String() }
