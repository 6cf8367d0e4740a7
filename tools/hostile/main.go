//go:build unix

// Command hostile attacks a running neurod with the worst bodies of at most a megabyte that are known for each of its
// routes, and with recordings that were broken on purpose, and measures what that costs the process and its other clients.
//
// It holds the server to: no 500, no exit, at most 64 MiB above what it takes idle, a second of processor time a call with
// the jobs that the call leaves, and three times the usual p99 for other clients. The memory and the processor time are the kernel's
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
	"slices"
)

func main() {
	var cfg config
	flag.StringVar(&cfg.program, "neurod", "bin/neurod", "the program to attack")
	flag.BoolVar(&cfg.short, "short", false, "leave out attacks that are like others")
	flag.IntVar(&cfg.mutations, "mutations", 10_000, "broken recordings to send")
	flag.Uint64Var(&cfg.seed, "seed", 1, "of the broken recordings")
	only := flag.String("only", "", "a regular expression that route and name of an attack match")
	pair := flag.String("pair", "", "the stores: embedded or postgres. Defaults to one after the other")
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
	pairs := []string{embedded, postgres}
	if *pair != "" {
		if !slices.Contains(pairs, *pair) {
			slog.Error("hostile: -pair is embedded or postgres", "pair", *pair)
			os.Exit(2)
		}
		pairs = []string{*pair}
	}
	broken := 0
	for _, cfg.pair = range pairs {
		report, err := run(ctx, cfg, os.Stdout)
		if report != nil {
			fmt.Printf("\n## %s\n", cfg.pair)
			report.print(os.Stdout)
			broken += len(report.broken)
		}
		if err != nil {
			slog.Error("hostile", "pair", cfg.pair, "error", err)
			os.Exit(1)
		}
	}
	if broken > 0 {
		fmt.Printf("\n%d limits were broken\n", broken)
		os.Exit(1)
	}
}
