//go:build unix

// Command autoscale puts a bounded load on a neurod whose workers come and go, with real PostgreSQL and Redis, and prints how many there were beside how many
// the load took; then it prints the simulator's table of the law beside the rule that users of KEDA write.
//
// Everything stays on loopback. The database of the workers is behind a delay, as one in another rack is, so that jobs keep their slots for
// long without keeping the processors: what is measured is the law and the supervisor, and not how fast this machine decodes.
//
// With -soak it keeps 70 % of the load that the service takes at most for so many minutes instead, and prints what grows.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

type options struct {
	neurod string
	base   float64
	most   int
	delay  time.Duration
	scale  float64
	only   string
	seed   uint64
}

func main() {
	var opt options
	flag.StringVar(&opt.neurod, "neurod", "bin/neurod", "the program to measure")
	flag.Float64Var(&opt.base, "base", 1.5, "decodes a second of the steady load; a burst is 20 times as many")
	flag.IntVar(&opt.most, "max", 6, "workers at most")
	flag.DurationVar(&opt.delay, "delay", 20*time.Millisecond, "delay of each way between the workers and their database")
	flag.Float64Var(&opt.scale, "scale", 1, "how long phases take, of their usual length")
	flag.StringVar(&opt.only, "only", "", "load or table (default both)")
	minutes := flag.Float64("soak", 0, "minutes of a soak, instead of all else")
	flag.Uint64Var(&opt.seed, "seed", 1, "of the load and of the simulations")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *minutes > 0 {
		if err := soak(ctx, opt, time.Duration(*minutes*float64(time.Minute))); err != nil {
			fmt.Fprintln(os.Stderr, "soak:", err)
			os.Exit(1)
		}
		return
	}
	ok := true
	if opt.only != "table" {
		var err error
		if ok, err = load(ctx, opt); err != nil {
			fmt.Fprintln(os.Stderr, "autoscale:", err)
			os.Exit(1)
		}
	}
	if opt.only != "load" {
		table(opt)
	}
	if !ok {
		os.Exit(1)
	}
}
