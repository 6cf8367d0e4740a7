package compute

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// asideNice leaves a thread a third of what another of the process gets where both want a processor: enough for the collector, which
	// waits for every thread, not to wait for long.
	asideNice = 5
	mostNice  = 19
	// asideSlice is how long the thread may go on when another becomes ready to run. Kernels before 6.12 have one slice for all.
	asideSlice = 100 * time.Microsecond
)

// giveWay has the thread that calls it give way to the others of its process, whatever the system was told of that. Where the system
// refuses, it stays as it is.
func giveWay() {
	attr := &unix.SchedAttr{Policy: unix.SCHED_NORMAL}
	if now, err := unix.SchedGetAttr(0, 0); err == nil && now.Policy == unix.SCHED_NORMAL {
		attr.Nice = now.Nice
	}
	attr.Size, attr.Nice, attr.Runtime = unix.SizeofSchedAttr, min(attr.Nice+asideNice, mostNice), uint64(asideSlice)
	_ = unix.SchedSetAttr(0, attr, 0)
}
