//go:build unix

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/neurod/neurod/internal/testkit/procfs"
)

// benchStartup times fresh embedded starts (empty data folder, migrations included) and reads the memory.
func benchStartup(ctx context.Context, opt options) error {
	fmt.Println("\n## Start-up and idle memory, embedded, fresh data folder")
	var times []time.Duration
	var resident []float64
	for range 5 {
		d, cleanup, err := embedded(ctx, opt)
		if err != nil {
			return err
		}
		times = append(times, d.procs[0].Ready)
		now, _, err := procfs.Resident(d.pids[0])
		d.stop()
		cleanup()
		if err != nil {
			return err
		}
		resident = append(resident, mib(now))
	}
	worst := percentile(times, 1)
	fmt.Printf("ready after: median %s ms, worst %s ms of %d (limit 1000: %s)\n", ms(percentile(times, .5)), ms(worst), len(times), verdict(percentile(times, .5) <= time.Second))
	fmt.Printf("resident when ready: median %.0f MiB\n", median(resident))
	return nil
}
