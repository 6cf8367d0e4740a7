// Package procfs reads the processor time and the memory of processes from the kernel (proc(5)), for the benchmarks and the
// attacks: what a program says of itself would not show what it holds beside its heap. Linux only.
package procfs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is what /proc counts processor time in: USER_HZ on Linux is 100.
const tick = 10 * time.Millisecond

// CPU returns the processor time that a process has used, in steps of 10 ms.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, in brackets, may hold anything.
	f := strings.Fields(string(b)[strings.LastIndex(string(b), ")")+1:])
	if len(f) < 13 {
		return 0, fmt.Errorf("procfs: /proc/%d/stat has %d fields behind the name", pid, len(f))
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * tick, nil
}

// Resident returns the resident memory of a process and its highest value since it began, or since Forget, in bytes.
func Resident(pid int) (now, peak int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch kb, _ := strconv.ParseInt(f[1], 10, 64); f[0] { // other lines hold words
		case "VmRSS:":
			now = kb << 10
		case "VmHWM:":
			peak = kb << 10
		}
	}
	return now, peak, nil
}

// Forget has the kernel begin a new highest value.
func Forget(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
