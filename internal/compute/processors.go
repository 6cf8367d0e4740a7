package compute

import (
	"runtime"
	"sync"
)

// given is how many goroutines Go ran at once when the process began.
var given = runtime.GOMAXPROCS(0)

// Processors returns how many processors the process has to compute on: what the machine, the container or GOMAXPROCS gave it when it
// began.
func Processors() int { return given }

// places are how many goroutines Go runs at once beyond the processors.
var places struct {
	sync.Mutex
	beyond int
}

// makeRoom has Go run n more goroutines at once, fewer where n is negative.
//
// Go runs as many goroutines as there are processors. One that computes on a thread which gives way to all others would keep one of those
// places from the goroutines that answer calls, also while the system has its thread wait: so it has a place of its own, and the system, which
// knows who gives way to whom, shares the processors.
func makeRoom(n int) {
	places.Lock()
	defer places.Unlock()
	places.beyond += n
	runtime.GOMAXPROCS(given + places.beyond)
}
