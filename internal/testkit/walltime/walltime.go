// Package walltime sets the clock of one running process, as an administrator or a faulty time server sets that of a machine, for tests
// of what must not depend on it.
//
// A Go program cannot be given another time by LD_PRELOAD, as libfaketime does with others, and a time namespace (time_namespaces(7))
// moves only the clocks that nobody sets. But Go and C both read the time by the vDSO (vdso(7)), code that the kernel maps into each
// process and that a debugger may write to. Set puts other code there: it asks the kernel, and adds seconds to CLOCK_REALTIME and nothing
// to the clocks that run steadily. The program is the one that is shipped, its processes that come of a fork keep what was set, and other
// processes are not touched: the pages are the process's own once they are written to (proc(5), /proc/pid/mem).
package walltime

import (
	"errors"
	"time"
)

// ErrUnsupported says that clocks of processes cannot be set here.
var ErrUnsupported = errors.New("walltime: the clock of a process can be set on Linux on amd64 alone, by who may trace it")

// Set has the processes see a time that is ahead of the machine's, or behind it where by is negative, in whole seconds; 0 is the machine's. Monotonic clocks go on as
// they were. Another call replaces what was set. Of a server that makes processes, set all twice: one may be made meanwhile by another that
// does not know yet. Processes that have ended are left out.
func Set(by time.Duration, pids ...int) error {
	for _, pid := range pids {
		if err := set(int32(by/time.Second), pid); err != nil {
			return err
		}
	}
	return nil
}
