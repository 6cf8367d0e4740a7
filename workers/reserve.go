package workers

import (
	"strings"
	"sync"
	"time"
)

// reserve keeps slots of a server from bulk jobs: an hour of imports, trainings and batches, each of which keeps its slot for long, never takes the
// last ones from jobs that someone waits for, and has few of them while such jobs come. The fetcher does not look into the bulk queue while bulk jobs
// have as many slots as they may.
//
// A task counts from when it was fetched.
type reserve struct {
	most    int         // bulk jobs that may run at once
	few     int         // while jobs come that someone waits for
	present func() bool // whether such come
	free    func()      // called when a slot is free again that was missed

	mu      sync.Mutex
	running map[*time.Time]struct{} // when each began
	fetched fetches
	missed  bool
}

// longJob is from when on a bulk job is not one of the few: what takes long computes where nobody waits for it (compute.Slots) and writes gently
// (store.Gently), and would keep what is brief waiting for as long as decodes come.
const longJob = time.Second

// gate says whether the fetcher may take one more task of a queue, and is told of each that it takes.
type gate interface {
	may() bool
	fetch()
}

// fetches are the tasks that were fetched and have not begun. One that never comes to the handler, which asynq may drop, counts no more after
// lostTask.
type fetches []time.Time

// lostTask is after how long a task that was fetched and has not begun never will.
const lostTask = 5 * time.Second

func (f *fetches) add() { *f = append(*f, time.Now()) }

// begun takes one away.
func (f *fetches) begun() {
	if len(*f) > 0 {
		*f = (*f)[1:]
	}
}

func (f *fetches) count() int {
	for len(*f) > 0 && time.Since((*f)[0]) > lostTask {
		*f = (*f)[1:]
	}
	return len(*f)
}

// queueOf returns the queue that a look of the fetcher is for, by the first of its keys, "asynq:{queue}:pending".
func queueOf(key string) string {
	_, rest, _ := strings.Cut(key, "{")
	queue, _, _ := strings.Cut(rest, "}")
	return queue
}

// may reports whether one more bulk job may be fetched.
func (r *reserve) may() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.fetched.count()
	brief := n
	for began := range r.running {
		if time.Since(*began) < longJob {
			brief++
		}
	}
	if n+len(r.running) < r.most && (brief < r.few || !r.present()) {
		return true
	}
	r.missed = true
	return false
}

// fetch counts a bulk job that was fetched.
func (r *reserve) fetch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fetched.add()
}

// begin counts it as running; the function it returns, as over.
func (r *reserve) begin() (over func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fetched.begun()
	began := new(time.Now())
	if r.running == nil {
		r.running = map[*time.Time]struct{}{}
	}
	r.running[began] = struct{}{}
	return func() {
		r.mu.Lock()
		delete(r.running, began)
		missed := r.missed
		r.missed = false
		r.mu.Unlock()
		if missed {
			r.free()
		}
	}
}
