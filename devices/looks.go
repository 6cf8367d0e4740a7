package devices

import "sync"

// lookHolds is how many batches wait for who looks at a source.
const lookHolds = 4096

// looks are those who look at a source while it is read.
type looks struct {
	mu   sync.Mutex
	open bool
	info Info
	subs map[chan Batch]struct{}
}

func (l *looks) begin(i Info) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open, l.info = true, i
}

func (l *looks) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = false
}

// show hands on a batch. Nobody waits for who looks.
func (l *looks) show(b Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.subs {
		select {
		case c <- b:
		default:
		}
	}
}

// join returns what is read from now on, until done is called.
func (l *looks) join() (info Info, batches <-chan Batch, done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open {
		return info, nil, nil, Errorf(CodeLost, "the device is away")
	}
	c := make(chan Batch, lookHolds)
	if l.subs == nil {
		l.subs = map[chan Batch]struct{}{}
	}
	l.subs[c] = struct{}{}
	return l.info, c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.subs, c)
	}, nil
}
