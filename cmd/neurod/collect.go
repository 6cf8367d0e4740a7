package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// How much garbage may gather before it is collected.
const (
	// gcPercent lets the heap grow to five times what lives before it is collected, while little lives: every request brings a
	// short-lived 100 kB, and at Go's own 100 the collector runs all the time for memory that nobody misses.
	gcPercent = 400
	// gcGarbage bounds the garbage of a heap in which more lives. Otherwise a few megabytes of recordings that are decoded at
	// once would cost five times as much.
	gcGarbage = 40 << 20
	// gcLeast keeps the collector from running all the time when much lives.
	gcLeast = 50
)

// garbagePercent returns by how many percent a heap of which so many bytes live may grow.
func garbagePercent(live uint64) int {
	return int(min(gcPercent, max(gcLeast, gcGarbage*100/max(live, 1))))
}

// collectGarbage has the collector follow garbagePercent from one collection to the next, unless GOGC sets another rule.
func collectGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(gcPercent)
	follow(gcPercent)
}

// follow sets the rule anew when the next collection has ended: that is when what nothing refers to is let go.
func follow(percent int) {
	type sentinel struct{ _ [16]byte }
	runtime.SetFinalizer(&sentinel{}, func(*sentinel) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		next := garbagePercent(live[0].Value.Uint64())
		// Setting it stops the process for a moment: not for a little.
		if d := next - percent; d < -percent/8 || d > percent/8 {
			debug.SetGCPercent(next)
			percent = next
		}
		follow(percent)
	})
}
