// Command experiments prints what was tried before something was chosen: `make experiments ONLY=threshold`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/neurod/neurod/internal/lab/experiments"
)

func main() {
	data := flag.String("data", os.Getenv("NEUROD_EEG_DATA"), "folder of recordings")
	only := flag.String("only", "", "experiments to run, with commas between them: "+strings.Join(experiments.Names(), ", ")+"; all by default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	cfg := experiments.Config{Data: *data, Out: os.Stdout}
	if *only != "" {
		cfg.Only = strings.Split(*only, ",")
	}
	if err := experiments.Run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "experiments:", err)
		os.Exit(1) //nolint:gocritic // nothing is deferred that matters
	}
}
