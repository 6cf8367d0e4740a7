package compute

import (
	"runtime"
	"sync"

	"github.com/neurod/neurod/internal/guarded"
)

// threads are operating system threads that give way to all others, on which what takes long or nobody waits for is computed: the
// system's scheduler then prefers whatever answers calls, in this process and in the database, to what computes. A thread that has
// given way once may not be allowed to stop it, so these do nothing else, and are kept for the next: there are as many as were
// in use at once.
type threads struct {
	most int // that compute at once

	mu     sync.Mutex
	idle   []chan<- func()
	begun  bool // there has been one, and they have room
	closed bool
}

// run runs f on one of the threads. A panic of f is a *guarded.Panic.
func (t *threads) run(f func() error) (err error) {
	thread := t.take()
	done := make(chan struct{})
	thread <- func() {
		defer close(done)
		err = guarded.Do(f)
	}
	<-done
	t.give(thread)
	return err
}

func (t *threads) take() chan<- func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.idle); n > 0 {
		thread := t.idle[n-1]
		t.idle = t.idle[:n-1]
		return thread
	}
	if !t.begun && !t.closed {
		t.begun = true
		makeRoom(t.most)
	}
	work := make(chan func())
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		giveWay()
		for f := range work {
			f()
		}
	}()
	return work
}

func (t *threads) give(thread chan<- func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		close(thread)
		return
	}
	t.idle = append(t.idle, thread)
}

// close ends the threads, each when what it computes has ended.
func (t *threads) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.begun && !t.closed {
		makeRoom(-t.most)
	}
	t.closed = true
	for _, thread := range t.idle {
		close(thread)
	}
	t.idle = nil
}
