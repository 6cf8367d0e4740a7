// Package compute holds a process to so many computations at once, so that a processor is left for what takes little.
//
// The scheduler of Go gives each goroutine that computes 10 ms before another has its turn: where a hundred recordings are
// decoded at once, a call that only reads a row waits a tenth of a second for each of its steps. What computes for long asks
// for a slot here, a part at a time, and waits for its turn outside the scheduler's queue.
//
// A project that has a thousand parts to compute takes nothing from another that has one: a slot goes to the project that has
// computed least of those that wait (start-time fair queueing: Goyal, Vin, Cheng, SIGCOMM 1996, with the projects as flows and the
// time that parts took as their length). And what takes a millisecond does not wait for what takes a second, or what nobody waits
// for: the two wait in lines of their own, there is always a slot for the first of each, and the latter runs on threads that give
// way to all others, so that the processor that is left is left to the database as well.
//
// Invariants: whoever holds a slot waits for nobody who needs one; of the parts of a project and line, the one that asked first
// goes first.
package compute

import (
	"bufio"
	"context"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// Brief is how long a computation may take that others of its kind wait for.
	Brief = 2 * time.Millisecond
	// Turn is about how long many small parts are computed in one slot: moving each to a thread would cost more than it does.
	Turn = time.Millisecond
)

// Work is what a slot is asked for.
type Work struct {
	// Project is whose it is; those of none take turns with the others as one.
	Project string
	// Takes is about how long it computes, all of its parts together: beyond Brief it does not hold up what is brief. Defaults to
	// brief.
	Takes time.Duration
	// Unwatched is set where nobody waits for it: it does not hold up anything either.
	Unwatched bool
}

// RestoreTakes is about how long it takes to bring a model to life of a file of so many bytes.
func RestoreTakes(bytes int) time.Duration { return time.Duration(bytes) * 20 * time.Nanosecond }

// Slots are how many computations run at once. A nil *Slots bounds nothing.
type Slots struct {
	mu    sync.Mutex
	most  int     // brief and lengthy ones that run at once, but for the first of each
	lines [3]line // by class
	aside threads
}

// class is the line that a computation waits in.
type class int

const (
	brief class = iota
	lengthy
	long
)

// line is who waits for a kind of slot.
type line struct {
	running int
	waiting int
	flows   map[string]*flow
	virtual float64 // the start tag of the last that began
	asked   uint64
}

// flow is what a project has in a line.
type flow struct {
	waiting []*waiter
	running int
	finish  float64 // virtual time at which what it has computed ends, s
}

// waiter is a computation that waits.
type waiter struct {
	order uint64
	ready chan struct{} // nil where it did not have to wait
	start float64       // its tag, once it has begun
	begun bool
}

// New returns n slots, at least one, and half as many for what takes long, at least one. Close them when nothing more is computed.
func New(n int) *Slots {
	s := &Slots{most: max(1, n)}
	s.aside.most = min(s.most+s.mostLong(), Processors())
	for i := range s.lines {
		s.lines[i].flows = map[string]*flow{}
	}
	return s
}

// Close ends the threads that the slots have kept.
func (s *Slots) Close() {
	if s != nil {
		s.aside.close()
	}
}

// Waiting returns how many computations wait for a slot.
func (s *Slots) Waiting() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for c := range s.lines {
		n += s.lines[c].waiting
	}
	return n
}

// Do runs f, which computes for up to a second or so, when there is a slot for it, perhaps on another goroutine. It returns what f
// returns, or ctx's error where it ends before.
func (s *Slots) Do(ctx context.Context, w Work, f func() error) error {
	if s == nil {
		return f()
	}
	return s.hold(ctx, w.class(), w.Project, f)
}

// Long is Do for what computes for longer, such as a training. Its slots are others than those of Do, so that nobody who waits for a
// decode waits for the end of a training: the system's scheduler shares the processors between the two.
func (s *Slots) Long(ctx context.Context, project string, f func() error) error {
	if s == nil {
		return f()
	}
	return s.hold(ctx, long, project, f)
}

func (w Work) class() class {
	if w.Takes > Brief || w.Unwatched {
		return lengthy
	}
	return brief
}

func (s *Slots) hold(ctx context.Context, c class, project string, f func() error) error {
	w, err := s.acquire(ctx, c, project)
	if err != nil {
		return err
	}
	begun := time.Now()
	defer func() { s.release(c, project, w, time.Since(begun)) }()
	if c == brief {
		return f()
	}
	return s.aside.run(f)
}

// acquire waits for a slot.
func (s *Slots) acquire(ctx context.Context, c class, project string) (*waiter, error) {
	l, w := &s.lines[c], &waiter{}
	s.mu.Lock()
	fl := l.join(project, w)
	s.begin()
	if w.begun {
		s.mu.Unlock()
		return w, nil
	}
	w.ready = make(chan struct{})
	s.mu.Unlock()
	select {
	case <-w.ready:
		return w, nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	begun := w.begun
	if !begun {
		fl.waiting = slices.DeleteFunc(fl.waiting, func(other *waiter) bool { return other == w })
		l.waiting--
		l.forget(project)
	}
	s.mu.Unlock()
	if begun { // just then
		s.release(c, project, w, 0)
	}
	return nil, ctx.Err()
}

// release gives a slot back after so long a computation.
func (s *Slots) release(c class, project string, w *waiter, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lines[c]
	l.running--
	fl := l.flows[project]
	fl.running--
	fl.finish = max(fl.finish, w.start) + took.Seconds()
	l.forget(project)
	s.begin()
}

// begin gives the slots that are free to who is next.
func (s *Slots) begin() {
	for c := range s.lines {
		for l := &s.lines[c]; l.waiting > 0 && s.free(class(c)); {
			w := l.next()
			w.begun = true
			if w.ready != nil {
				close(w.ready)
			}
		}
	}
}

// free reports whether one more of a class may run.
func (s *Slots) free(c class) bool {
	n := s.lines[c].running
	if c == long {
		return n < s.mostLong()
	}
	return n == 0 || s.lines[brief].running+s.lines[lengthy].running < s.most
}

// mostLong is how many that are long may run at once.
func (s *Slots) mostLong() int { return max(1, s.most/2) }

// join puts a computation of a project at the end of what it has in the line.
func (l *line) join(project string, w *waiter) *flow {
	l.asked++
	w.order = l.asked
	fl := l.flows[project]
	if fl == nil {
		fl = &flow{}
		l.flows[project] = fl
	}
	fl.waiting = append(fl.waiting, w)
	l.waiting++
	return fl
}

// next takes the first of the project that has computed least out of a line in which one waits.
func (l *line) next() *waiter {
	var best *flow
	var start float64
	for _, fl := range l.flows {
		if len(fl.waiting) == 0 {
			continue
		}
		at := max(l.virtual, fl.finish)
		if best == nil || at < start || at == start && fl.waiting[0].order < best.waiting[0].order {
			best, start = fl, at
		}
	}
	w := best.waiting[0]
	best.waiting = slices.Delete(best.waiting, 0, 1)
	best.running++
	l.waiting--
	l.running++
	w.start, l.virtual = start, start
	return w
}

// manyFlows is from how many projects on a line looks which of them it need not know any more.
const manyFlows = 1000

// forget lets a project go that would be served alike if it came anew, and all where nobody is there to take turns with.
func (l *line) forget(project string) {
	switch {
	case l.running == 0 && l.waiting == 0:
		clear(l.flows)
		l.virtual = 0
	case len(l.flows) > manyFlows:
		maps.DeleteFunc(l.flows, func(_ string, fl *flow) bool { return fl.settled(l.virtual) })
	case l.flows[project].settled(l.virtual):
		delete(l.flows, project)
	}
}

// settled reports whether nothing of a flow counts any more.
func (f *flow) settled(virtual float64) bool {
	return f.running == 0 && len(f.waiting) == 0 && f.finish <= virtual
}

// readSize is how much is read at a time by what computes on it.
const readSize = 64 << 10

// Reading is Do for f that works through what it reads from r as it comes, perhaps from a slow client: while it waits for r, the slot
// is another's.
func (s *Slots) Reading(ctx context.Context, project string, r io.Reader, f func(io.Reader) error) error {
	if s == nil {
		return f(r)
	}
	a := &away{slots: s, project: project, r: r}
	if err := a.take(ctx); err != nil {
		return err
	}
	defer a.give()
	return f(bufio.NewReaderSize(a, readSize))
}

// away gives a slot back while it reads.
type away struct {
	slots   *Slots
	project string
	r       io.Reader

	held  *waiter
	begun time.Time
}

func (a *away) take(ctx context.Context) (err error) {
	a.held, err = a.slots.acquire(ctx, brief, a.project)
	a.begun = time.Now()
	return err
}

func (a *away) give() { a.slots.release(brief, a.project, a.held, time.Since(a.begun)) }

func (a *away) Read(p []byte) (int, error) {
	a.give()
	n, err := a.r.Read(p)
	// Whoever holds one gives it back soon, and f must hold its own again to give it back.
	_ = a.take(context.Background()) // cannot fail without an end
	return n, err
}
