// Command hostile attacks a running neurod with the worst bodies of at most a megabyte that are known for each of its
// routes, and with recordings that were broken on purpose, and measures what that costs the process and its other clients.
//
// It holds the server to: no 500, no exit, at most 64 MiB above what it takes idle, a second of processor time a call with
// the jobs that the call leaves, and answers to other clients in time. The memory and the processor time are the kernel's
// numbers for the process, so what the workers do counts.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
)

func main() {
	var cfg config
	flag.StringVar(&cfg.program, "neurod", "bin/neurod", "the program to attack")
	flag.BoolVar(&cfg.short, "short", false, "leave out attacks that are like others")
	flag.IntVar(&cfg.mutations, "mutations", 10_000, "broken recordings to send")
	flag.Uint64Var(&cfg.seed, "seed", 1, "of the broken recordings")
	only := flag.String("only", "", "a regular expression that route and name of an attack match")
	flag.BoolVar(&cfg.verbose, "v", false, "a line for every attack")
	flag.Parse()
	if *only != "" {
		var err error
		if cfg.only, err = regexp.Compile(*only); err != nil {
			slog.Error("hostile", "error", err)
			os.Exit(2)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := run(ctx, cfg, os.Stdout)
	if err != nil {
		slog.Error("hostile", "error", err)
		os.Exit(1)
	}
	report.print(os.Stdout)
	if n := len(report.broken); n > 0 {
		fmt.Printf("\n%d limits were broken\n", n)
		os.Exit(1)
	}
}
