// Package failpoint kills the process at named points, for the fault tests: what a power cut or the kernel's OOM
// killer does at the worst moment.
//
// It is compiled into every build and does nothing unless NEUROD_FAILPOINT is set when the process starts, to
// "name:n": the n-th passage of the point ends the process with SIGKILL.
package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// The points.
const (
	AfterCommit  = "after_commit"  // a job is stored, not yet in the queue
	AfterClaim   = "after_claim"   // a worker owns a job, its handler has not begun
	AfterCompute = "after_compute" // the handler is done, nothing is stored
	AfterRound   = "after_round"   // an import has written a part of its session
	AfterFinish  = "after_finish"  // the result is stored, the queue does not know

	AfterEraseChunk = "after_erase_chunk" // a part of an erasure is stored, not the last
	AfterErase      = "after_erase"       // the audit record is stored, the job does not know
)

var (
	armed string
	left  atomic.Int64
)

func init() {
	name, count, ok := strings.Cut(os.Getenv("NEUROD_FAILPOINT"), ":")
	if n, err := strconv.ParseInt(count, 10, 64); ok && err == nil && n > 0 {
		armed = name
		left.Store(n)
	}
}

// Hit passes a point.
func Hit(name string) {
	if name == armed && left.Add(-1) == 0 {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // the signal is on its way
	}
}
