//go:build unix

package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// mib is bytes in MiB.
func mib(n int64) float64 { return float64(n) / (1 << 20) }

// percentile returns the q-quantile of the durations; it sorts them.
func percentile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(int(q*float64(len(d))), len(d)-1)]
}

func median(x []float64) float64 {
	slices.Sort(x)
	n := len(x)
	if n == 0 {
		return 0
	}
	if n%2 == 1 {
		return x[n/2]
	}
	return (x[n/2-1] + x[n/2]) / 2
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

// verdict marks a measured value against its limit.
func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "MISSED"
}

// processorTime returns the processor time this process has used, with its threads.
func processorTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
