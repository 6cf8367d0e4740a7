package lsl

import "golang.org/x/sys/unix"

// localClock is LSL's clock of this machine, s: the monotonic one, as in the library, so that programs on one machine agree.
func localClock() float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0 // every Linux has it
	}
	return float64(t.Sec) + float64(t.Nsec)/1e9
}
