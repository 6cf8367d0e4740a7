package jobs

import (
	"sync"
	"time"

	"github.com/neurod/neurod/models"
)

// hub tells watchers in this process that a job became final. It may miss one: a watcher also looks by itself.
type hub struct {
	mu       sync.Mutex
	watchers map[string][]chan models.JobState
	fresh    map[string]fresh // jobs that this process has accepted lately, until they are announced
	order    []acceptedJob    // of fresh, oldest first, with some that are no longer there

	drained chan struct{} // closed when nobody may wait any more
	once    sync.Once
}

func newHub() *hub {
	return &hub{watchers: map[string][]chan models.JobState{}, fresh: map[string]fresh{}, drained: make(chan struct{})}
}

func (h *hub) drain() { h.once.Do(func() { close(h.drained) }) }

// fresh is a job that was accepted a moment ago.
type fresh struct {
	project string
	until   time.Time
}

type acceptedJob struct {
	id    string
	until time.Time
}

// maxFresh bounds the memory of what was accepted lately: more than a process accepts in a second.
const maxFresh = 10_000

// accepting notes that a job of a project is about to be accepted: for so long nobody need look whether it is final who has not heard it.
func (h *hub) accepting(id, project string, long time.Duration) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	past := 0
	for past < len(h.order) && (len(h.order)-past >= maxFresh || now.After(h.order[past].until)) {
		delete(h.fresh, h.order[past].id)
		past++
	}
	h.order = append(h.order[past:], acceptedJob{id, now.Add(long)})
	h.fresh[id] = fresh{project, now.Add(long)}
}

// refused takes accepting back.
func (h *hub) refused(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.fresh, id)
}

// unheard reports whether a job was accepted a moment ago for a project and not announced since.
func (h *hub) unheard(id, project string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.fresh[id]
	return ok && f.project == project && time.Now().Before(f.until)
}

// watch returns a channel that gets the final state of the job announced after this call, and a function that ends
// the watch.
func (h *hub) watch(id string) (<-chan models.JobState, func()) {
	c := make(chan models.JobState, 1)
	h.mu.Lock()
	h.watchers[id] = append(h.watchers[id], c)
	h.mu.Unlock()
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		list := h.watchers[id]
		for i := range list {
			if list[i] == c {
				list[i] = list[len(list)-1]
				list = list[:len(list)-1]
				break
			}
		}
		if len(list) == 0 {
			delete(h.watchers, id)
		} else {
			h.watchers[id] = list
		}
	}
}

// announce wakes the watchers of a job.
func (h *hub) announce(id string, state models.JobState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.fresh, id)
	for _, c := range h.watchers[id] {
		select {
		case c <- state:
		default: // it has one already
		}
	}
}

// size returns the number of watched jobs.
func (h *hub) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers)
}
