package workers

import (
	"slices"
	"sync"
	"time"
)

// crowd shares the slots of a server among projects whose jobs someone waits for. A project that is alone has nearly all of them. While jobs of others
// come it has few at once: a decode takes a dozen steps between processes, each of which waits for every other that has work, so what bounds the
// latency of one project is how much of the others is under way and not whose turn is next. Few jobs at once keep the processors busy all the same.
//
// Whose job a task becomes is not known before it is claimed. So while a project has all that it may, tasks are fetched only for others of which jobs are
// known to wait: for one of which none runs here its first is claimed by its name, before any look at who waits, and the turns of the rest pass over the
// project that has enough (jobs.Turn.May).
type crowd struct {
	slots   int           // of the server
	few     int           // that jobs of one project have at once while others' come
	company time.Duration // for how long a project counts as one whose jobs come: whoever decodes once in a while finds the same latency each time
	free    func()        // has the fetcher look again
	now     func() time.Time

	mu      sync.Mutex
	total   int            // jobs that run
	running map[string]int // by project
	fetched fetches
	first   []hint          // jobs that go before others
	going   map[string]bool // projects whose first job is being claimed
	waits   map[string]bool // projects of which more jobs may wait, "" for one that is not known
	missed  bool            // the fetcher was kept from a look
	latest  string          // project that was heard of last
	heard   time.Time       // of it
	before  time.Time       // of any other
}

// hint names a job of a project of which none runs here; the zero value names none.
type hint struct{ project, job string }

// maxHints bounds the jobs that go before others, and the projects of which more may wait: those of more projects wait for their turn.
const maxHints = 32

func newCrowd(slots, few int, company time.Duration) *crowd {
	return &crowd{slots: slots, few: min(few, slots), company: company, now: time.Now, running: map[string]int{}, going: map[string]bool{}, waits: map[string]bool{}}
}

// alone reports whether jobs of one project come and of no other.
func (c *crowd) alone() bool { return c.now().Sub(c.before) >= c.company }

// most is how many jobs of one project may run at once. Alone it leaves an eighth of the slots, in which the first job of another begins.
func (c *crowd) most() int {
	if c.alone() {
		return max(c.slots-(c.slots+7)/8, c.few, 1)
	}
	return c.few
}

// seen notes that a job of a project has come.
func (c *crowd) seen(project string) {
	if project != c.latest {
		c.latest, c.before = project, c.heard
	}
	c.heard = c.now()
}

// present reports whether jobs come that someone waits for.
func (c *crowd) present() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total > 0 || c.now().Sub(c.heard) < c.company
}

// may reports whether one more task may be fetched. One that is on its way counts as a job of the project that has the most.
func (c *crowd) may() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, most := c.fetched.count(), c.most()
	if c.largest()+n < most || n < len(c.first) || c.waitsBelow(most-n) {
		return true
	}
	c.missed = true
	return false
}

// largest is how many jobs run of the project that has the most.
func (c *crowd) largest() (n int) {
	for _, of := range c.running {
		n = max(n, of)
	}
	return n
}

func (c *crowd) fetch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetched.add()
}

// next takes a job that goes before others, if there is one, for a task that was fetched, and tells of which projects one more may run, nil for all. Where
// none may of which jobs are known to wait, there is no more than the first. What came of it is told to claimed.
func (c *crowd) next() (h hint, may func(project string) bool, only bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.first) > 0 {
		h = c.first[0]
		c.first = slices.Delete(c.first, 0, 1)
		c.going[h.project] = true
	}
	if n, most := c.fetched.count(), c.most(); c.largest()+n > most {
		may = c.hasRoom // where each may, the task's own job is claimed without a look at who waits
		only = h.job != "" && !c.waitsBelow(most)
	}
	return h, may, only
}

// waitsBelow reports whether jobs are known to wait of a project that has fewer slots.
func (c *crowd) waitsBelow(n int) bool {
	for p := range c.waits {
		if c.running[p] < n {
			return true
		}
	}
	return false
}

// hasRoom reports whether one more job of a project may run.
func (c *crowd) hasRoom(project string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running[project] < c.most()
}

// claimed counts what a task that was fetched has become: a job of a project, beside which others' wait or not, or nothing for "". The function it returns
// counts it as over.
func (c *crowd) claimed(first hint, project string, others bool) (over func()) {
	c.mu.Lock()
	delete(c.going, first.project)
	c.fetched.begun()
	switch {
	case project == "": // none waits that may
		for p := range c.waits {
			if c.running[p] < c.most() {
				delete(c.waits, p)
			}
		}
	case project != first.project:
		c.more(project)
	}
	if project != "" {
		c.seen(project)
		c.total++
		c.running[project]++
		if others && c.running[project] >= c.most() && len(c.first)+len(c.going) == 0 {
			c.more("") // of whoever they are
		}
		c.first = slices.DeleteFunc(c.first, func(h hint) bool { return h.project == project })
	}
	c.look()
	return func() {
		if project == "" {
			return
		}
		c.mu.Lock()
		c.total--
		if c.running[project]--; c.running[project] == 0 {
			delete(c.running, project)
		}
		c.look()
	}
}

// more notes that jobs of a project may wait.
func (c *crowd) more(project string) {
	if len(c.waits) < maxHints {
		c.waits[project] = true
	}
}

// look unlocks, and has the fetcher look again where it was kept from it.
func (c *crowd) look() {
	missed := c.missed
	c.missed = false
	c.mu.Unlock()
	if missed {
		c.free()
	}
}

// hears is told that a job of a project waits; nothing follows where it may be any, "". Where jobs of others come, or no slot is left, the first of a
// project goes before them.
func (c *crowd) hears(project, job string) {
	if project == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen(project)
	n := c.fetched.count()
	others := !c.alone() || c.largest()+n >= c.most() || c.total+n >= c.slots
	known := c.going[project] || slices.ContainsFunc(c.first, func(h hint) bool { return h.project == project })
	if others && !known && c.running[project] == 0 && len(c.first) < maxHints {
		c.first = append(c.first, hint{project, job})
	} else {
		c.more(project)
	}
}
