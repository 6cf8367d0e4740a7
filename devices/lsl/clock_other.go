//go:build !linux

package lsl

import "time"

var started = time.Now()

// localClock is a monotonic clock of this program, s. Other programs on this machine have another, which inlets measure.
func localClock() float64 { return time.Since(started).Seconds() }
