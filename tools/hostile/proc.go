package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// The processor time and the memory of the server are read from the kernel (proc(5)): what it says of itself would not show
// what it holds beside its heap.

// cpuTime returns the processor time a process has used.
func cpuTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b)[strings.LastIndex(string(b), ")")+2:])
	user, err := strconv.Atoi(f[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(f[12])
	if err != nil {
		return 0, err
	}
	const tick = 10 * time.Millisecond // USER_HZ on Linux is 100
	return time.Duration(user+system) * tick, nil
}

// resident returns the resident memory of a process and its highest value since forget, in bytes.
func resident(pid int) (now, peak int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			now = kb << 10
		case "VmHWM:":
			peak = kb << 10
		}
	}
	return now, peak, nil
}

// forget has the kernel begin a new highest value.
func forget(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
