// Command bench measures what the README and docs claim of neurod's speed, on this machine, in one run:
// latency, throughput beside its floor, decode times beside their limits, memory, start-up and exports.
//
// Machines are noisy: read ratios and medians. Every load is bounded and stays on loopback.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	var opt options
	flag.StringVar(&opt.neurod, "neurod", "bin/neurod", "the program to measure")
	flag.StringVar(&opt.only, "only", "", "comma-separated parts: latency,throughput,ingest,live,age,decoders,memory,export,import (default all)")
	flag.IntVar(&opt.requests, "requests", 400, "decodes timed one after another for latency")
	flag.DurationVar(&opt.load, "load", 12*time.Second, "length of one closed-loop throughput round")
	flag.IntVar(&opt.clients, "clients", 32, "closed-loop clients")
	flag.IntVar(&opt.rounds, "rounds", 3, "throughput rounds; floor and service take turns, medians are compared")
	floor := flag.String("floor", "", "internal: serve the floor on this address")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *floor != "" {
		err = serveFloor(ctx, *floor)
	} else {
		err = run(ctx, opt)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	neurod   string
	only     string
	requests int
	load     time.Duration
	clients  int
	rounds   int
}

// wants reports whether the part was asked for.
func (o options) wants(part string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), part)
}

func run(ctx context.Context, opt options) error {
	if opt.wants("decoders") {
		if err := benchDecoders(ctx); err != nil {
			return err
		}
	}
	if opt.wants("memory") {
		if err := benchStartup(ctx, opt); err != nil {
			return err
		}
	}
	if opt.wants("export") {
		if err := benchExport(ctx, opt); err != nil {
			return err
		}
	}
	if opt.wants("import") {
		if err := benchImport(ctx, opt); err != nil {
			return err
		}
	}
	if slices.ContainsFunc([]string{"latency", "throughput", "ingest", "live", "age"}, opt.wants) {
		return benchService(ctx, opt)
	}
	return nil
}
