package jobs

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neurod/neurod/internal/store"
)

// Turns: which job a worker runs when a task wakes it.
//
// A task of the queue is a turn to run one job. As long as one project alone has jobs in a queue it runs the job that the task
// names, which costs nothing more. A claim also reports whether others wait; then turns go to projects, not to tasks: to the
// project that runs the fewest jobs for its share, of those that run as many to the one that was longest without a turn, and
// within it to the oldest job (start-time fair queueing: Goyal, Vin, Cheng, SIGCOMM 1996, with the projects as flows and jobs as
// packets of the same length). A project's 1,000 jobs then cost another project the wait for one free place, not for 1,000.
//
// Every queued job still has its task, so there are at least as many turns as jobs. A task whose job was run in another's turn
// gives its own turn on. What runs beside it, a second process with a view of its own, can only make a claim find nothing.
type turns struct {
	class     store.Class
	contended atomic.Bool // others wait as well

	mu       sync.Mutex
	waiting  []store.Waiting
	seen     time.Time          // when waiting was read
	after    string             // where the next look goes on
	reserved map[string]string  // job → project: chosen, and perhaps not yet seen as running
	served   map[string]float64 // virtual time at which a project's last turn ends
	now      float64            // virtual time
	look     func(context.Context) ([]store.Waiting, error)
}

// turnsAge is how old what is known of the waiting projects may be. It bounds how much longer than for a free place the first
// job of a project waits.
const turnsAge = 10 * time.Millisecond

// turnsEach is how many jobs of a project one look brings.
const turnsEach = 16

// maxServed bounds the memory of who was served. What is forgotten counts as served just now.
const maxServed = 10_000

func newTurns(s store.Jobs, class store.Class) *turns {
	t := &turns{class: class, reserved: map[string]string{}, served: map[string]float64{}}
	t.look = func(ctx context.Context) ([]store.Waiting, error) {
		found, next, err := s.Waiting(ctx, class, t.after, turnsEach)
		if err == nil && len(found) == 0 && t.after != "" {
			found, next, err = s.Waiting(ctx, class, "", turnsEach)
		}
		t.after = next
		return found, err
	}
	return t
}

// next chooses a job of a project that may run one more, and keeps it from being chosen again until done. It returns "" when none waits, and [ErrKept]
// when jobs wait of projects that may not.
func (t *turns) next(ctx context.Context, may func(projectID string) bool) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := false
	if time.Since(t.seen) > turnsAge {
		if err := t.refresh(ctx); err != nil {
			return "", err
		}
		fresh = true
	}
	id, kept := t.choose(may)
	if id == "" && !fresh {
		if err := t.refresh(ctx); err != nil {
			return "", err
		}
		id, kept = t.choose(may)
	}
	if id == "" && kept {
		return "", ErrKept
	}
	return id, nil
}

// done lets go of a job that was chosen, claimed or not.
func (t *turns) done(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.reserved, id)
}

// over lets go of the place of a project's job that has ended: what was read or chosen counts it as running.
func (t *turns) over(projectID string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.waiting {
		if w := &t.waiting[i]; w.ProjectID == projectID && w.Running > 0 {
			w.Running--
		}
	}
}

func (t *turns) refresh(ctx context.Context) error {
	waiting, err := t.look(ctx)
	if err != nil {
		return err
	}
	running := map[string]int{}
	for _, project := range t.reserved {
		running[project]++ // or seen as running already: at most one too many for a moment
	}
	for i := range waiting {
		w := &waiting[i]
		w.Running += running[w.ProjectID]
		ids := w.IDs[:0:0]
		for _, id := range w.IDs {
			if _, taken := t.reserved[id]; !taken {
				ids = append(ids, id)
			}
		}
		w.IDs = ids
	}
	t.waiting, t.seen = waiting, time.Now()
	t.contended.Store(len(waiting) > 1 || t.after != "")
	if len(t.served) > maxServed {
		clear(t.served)
	}
	return nil
}

// choose takes the job whose turn it is from what is known, "" for none, of the projects that may. It also reports whether others have some.
func (t *turns) choose(may func(projectID string) bool) (id string, kept bool) {
	var best *store.Waiting
	var load, start float64
	for i := range t.waiting {
		w := &t.waiting[i]
		if len(w.IDs) == 0 {
			continue
		}
		if may != nil && !may(w.ProjectID) {
			kept = true
			continue
		}
		l, s := float64(w.Running)/float64(w.Share), max(t.served[w.ProjectID], t.now)
		if best == nil || l < load || l == load && (s < start || s == start && w.IDs[0] < best.IDs[0]) {
			best, load, start = w, l, s
		}
	}
	if best == nil {
		return "", kept
	}
	id = best.IDs[0]
	best.IDs = best.IDs[1:]
	best.Running++
	t.reserved[id] = best.ProjectID
	t.now = start
	t.served[best.ProjectID] = start + 1/float64(best.Share)
	return id, kept
}

// TurnOver tells that a job of a project that ClaimTurn took from a queue no longer runs, so that the next turn need not wait for
// a look at the database to count its place as free.
func (e *Engine) TurnOver(queue, projectID string) {
	if t := e.turns[queue]; t != nil {
		t.over(projectID)
	}
}

// turnTries is how often a turn looks again when another process has claimed what it had chosen.
const turnTries = 8

// Turn is what a task gives the right to.
type Turn struct {
	First string                      // the job that is tried before all, "" for none
	Only  bool                        // no other is tried
	Named string                      // the job that the task names
	May   func(projectID string) bool // reports whether one more job of a project may run; nil where each may
}

// ErrKept says that jobs wait, and all are of projects that may run no more.
var ErrKept = errors.New("jobs: only jobs wait whose projects may run no more")

// ClaimTurn takes a job of a queue for owner in a turn: the job that it names or, where several projects wait, another. It returns nil when there is
// none, and [ErrKept] when there is none that may run.
func (e *Engine) ClaimTurn(ctx context.Context, queue, owner string, turn Turn) (*store.Claimed, error) {
	if e.paused(queue) {
		return nil, nil // its row stays queued; when the queue goes on, all are looked at
	}
	if turn.First != "" {
		if c, err := e.Claim(ctx, turn.First, owner); err != nil || c != nil {
			return c, err
		}
		if turn.Only {
			return nil, ErrKept
		}
	}
	t := e.turns[queue]
	if t == nil {
		return e.Claim(ctx, turn.Named, owner)
	}
	// Jobs of the bulk queue run for long, and the claim of an item does not tell of others: a look is cheap beside them.
	if !t.class.Bulk && turn.May == nil && !t.contended.Load() {
		c, err := e.Claim(ctx, turn.Named, owner)
		if err != nil {
			return nil, err
		}
		if c != nil {
			if c.Others {
				t.contended.Store(true)
			}
			return c, nil
		}
	}
	for range turnTries {
		id, err := t.next(ctx, turn.May)
		if err != nil || id == "" {
			return nil, err
		}
		c, err := e.Claim(ctx, id, owner)
		t.done(id)
		if err != nil || c != nil {
			return c, err
		}
	}
	return nil, nil
}
