package jobs

import (
	"sync"

	"github.com/neurod/neurod/models"
)

// hub tells watchers in this process that a job became final. It may miss one: a watcher also looks by itself.
type hub struct {
	mu       sync.Mutex
	watchers map[string][]chan models.JobState

	drained chan struct{} // closed when nobody may wait any more
	once    sync.Once
}

func newHub() *hub {
	return &hub{watchers: map[string][]chan models.JobState{}, drained: make(chan struct{})}
}

func (h *hub) drain() { h.once.Do(func() { close(h.drained) }) }

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
