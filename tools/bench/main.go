//go:build unix

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
	flag.StringVar(&opt.beside, "beside", "", "another program, which the parts where and turns measure in turns with it")
	flag.StringVar(&opt.only, "only", "", "comma-separated parts: "+partNames()+" (default all)")
	flag.IntVar(&opt.requests, "requests", 400, "decodes timed one after another for latency")
	flag.DurationVar(&opt.load, "load", 12*time.Second, "length of one closed-loop throughput round")
	flag.IntVar(&opt.clients, "clients", 32, "closed-loop clients")
	flag.IntVar(&opt.rounds, "rounds", 3, "throughput rounds; floor and service take turns, medians are compared")
	flag.StringVar(&opt.pair, "pair", "", "measure latency and throughput on one pair alone: production or embedded (default both)")
	flag.StringVar(&opt.peer, "peer", "", "the folder of the service that the part peer compares with (default "+defaultPeer+", where it is there)")
	floor := flag.String("floor", "", "internal: serve the floor on this address")
	flag.Parse()
	if opt.peerGiven = opt.peer != ""; !opt.peerGiven {
		opt.peer = defaultPeer
	}

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
	beside   string
	only     string
	pair     string
	requests int
	load     time.Duration
	clients  int
	rounds   int

	peer      string // folder
	peerGiven bool   // it is asked for, so it must be there
}

// defaultPeer is where the service that the part peer compares with lies.
const defaultPeer = "../shared/peer"

// parts are what can be measured, in order.
var parts = []struct {
	name string
	run  func(ctx context.Context, opt options) error
}{
	{"decoders", func(ctx context.Context, _ options) error { return benchDecoders(ctx) }},
	{"memory", benchStartup},
	{"latency", benchLatency},
	{"throughput", benchThroughput},
	{"where", benchWhere},
	{"turns", benchTurns},
	{"peer", benchPeer},
	{"batches", staged(benchBatches)},
	{"flush", benchFlush},
	{"reserved", staged(benchReserved)},
	{"fair", staged(benchFair)},
	{"ingest", staged(ingestThroughput)},
	{"live", staged(liveLatency)},
	{"age", staged(batchCost)},
	{"stream", staged(benchStream)},
	{"import", staged(benchImport)},
	{"export", staged(benchExport)},
	{"sdk", staged(benchSDK)},
	{"admin", benchAdmin},
}

// staged is a part that is measured on a deployment of its own.
func staged(part func(context.Context, options, *stage) error) func(context.Context, options) error {
	return func(ctx context.Context, opt options) error { return onStage(ctx, opt, part) }
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ",")
}

func run(ctx context.Context, opt options) error {
	wanted := strings.Split(opt.only, ",")
	for _, p := range parts {
		if opt.only != "" && !slices.Contains(wanted, p.name) {
			continue
		}
		if err := p.run(ctx, opt); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}
