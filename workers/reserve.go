package workers

import (
	"strings"
	"sync"
	"time"

	"github.com/neurod/neurod/jobs"
)

// reserve keeps slots of a server from bulk jobs: an hour of imports, trainings and batches, each of which keeps its slot for long, never takes the
// last ones from jobs that someone waits for. The fetcher does not look into the bulk queue while bulk jobs have as many slots as they may.
//
// A task counts from when it was fetched. One that never comes to the handler, which asynq may drop, counts no more after lostTask.
type reserve struct {
	most int    // bulk jobs that may run at once
	free func() // called when a slot is free again that was missed

	mu      sync.Mutex
	running int
	fetched []time.Time // that have not begun
	missed  bool
}

// lostTask is after how long a task that was fetched and has not begun never will.
const lostTask = 5 * time.Second

// bulkPending ends the key from which the fetcher takes bulk jobs.
const bulkPending = "{" + jobs.BulkQueue + "}:pending"

// isBulk reports whether a look of the fetcher is for bulk jobs, by the first of its keys.
func isBulk(key string) bool { return strings.HasSuffix(key, bulkPending) }

// may reports whether one more bulk job may be fetched.
func (r *reserve) may() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.fetched) > 0 && time.Since(r.fetched[0]) > lostTask {
		r.fetched = r.fetched[1:]
	}
	if r.running+len(r.fetched) < r.most {
		return true
	}
	r.missed = true
	return false
}

// fetch counts a bulk job that was fetched.
func (r *reserve) fetch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fetched = append(r.fetched, time.Now())
}

// begin counts it as running; the function it returns, as over.
func (r *reserve) begin() (over func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.fetched) > 0 {
		r.fetched = r.fetched[1:]
	}
	r.running++
	return func() {
		r.mu.Lock()
		r.running--
		missed := r.missed
		r.missed = false
		r.mu.Unlock()
		if missed {
			r.free()
		}
	}
}
