package workers

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestCrowd: whatever order jobs of some projects come, are fetched, claimed, taken by other workers and end in,
//   - a project is given no more slots than it may have: few while others' jobs come, nearly all when it has been alone for a while;
//   - when the fetcher has nothing more that it may fetch, no project waits that may have one more and for which a slot is free;
//   - a fetcher that was kept from a look is told when it may look again.
func TestCrowd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 24).Draw(t, "slots")
		few := rapid.IntRange(1, slots).Draw(t, "few")
		m := &crowdModel{crowd: newCrowd(slots, few, 5*time.Second), clock: time.Unix(1e9, 0), came: map[string]time.Time{},
			waiting: map[string]int{}, running: map[string]int{}}
		m.crowd.now = func() time.Time { return m.clock }
		m.crowd.free = func() { m.kept = false }
		t.Repeat(map[string]func(*rapid.T){
			"sent":      m.sent,
			"fetch":     m.fetch,
			"claim":     m.claim,
			"elsewhere": m.elsewhere,
			"end":       m.end,
			"wait": func(t *rapid.T) {
				m.clock = m.clock.Add(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond)
				m.kept = false // the fetcher looks once in a while
			},
			"settle": func(t *rapid.T) {
				for m.fetched > 0 || m.fetched+m.total < slots && m.tokens > 0 && m.crowd.may() {
					if m.fetched == 0 {
						m.fetch(t)
					}
					m.claim(t)
				}
				for p, n := range m.waiting {
					if n > 0 && m.running[p] < m.most() && m.total < slots {
						t.Fatalf("%d jobs of %s wait while it runs %d of %d and %d slots of %d are taken", n, p, m.running[p], m.most(), m.total, slots)
					}
				}
			},
			"": func(t *rapid.T) {
				if m.kept && m.total+m.fetched == 0 {
					t.Fatal("the fetcher waits, and nothing runs")
				}
			},
		})
	})
}

// crowdModel is a queue, and a server with a crowd that works it off.
type crowdModel struct {
	crowd            *crowd
	clock            time.Time
	came             map[string]time.Time // the latest job of each project
	waiting, running map[string]int
	tokens           int // tasks in the queue, as many as jobs that wait or more
	fetched, total   int
	kept             bool // the fetcher waits
	over             []func()
}

var crowdProjects = []string{"a", "b", "c", "d"}

// most is what a project may run now.
func (m *crowdModel) most() int {
	n := 0
	for _, at := range m.came {
		if m.clock.Sub(at) < m.crowd.company {
			n++
		}
	}
	if n > 1 {
		return m.crowd.few
	}
	return max(m.crowd.slots-(m.crowd.slots+7)/8, m.crowd.few, 1)
}

func (m *crowdModel) sent(t *rapid.T) {
	p := rapid.SampledFrom(crowdProjects).Draw(t, "project")
	m.waiting[p]++
	m.tokens++
	m.came[p] = m.clock
	m.crowd.hears(p, "job of "+p)
	m.kept = false // whoever is told is woken
}

func (m *crowdModel) fetch(t *rapid.T) {
	if m.kept || m.tokens == 0 || m.fetched+m.total >= m.crowd.slots {
		t.Skip()
	}
	if !m.crowd.may() {
		m.kept = true
		return
	}
	m.crowd.fetch()
	m.fetched++
	m.tokens--
}

// claim does as jobs.Engine.ClaimTurn.
func (m *crowdModel) claim(t *rapid.T) {
	if m.fetched == 0 {
		t.Skip()
	}
	h, may, only := m.crowd.next()
	m.fetched--
	project := h.project
	if m.waiting[project] == 0 {
		project = ""
		for _, p := range crowdProjects {
			if !only && m.waiting[p] > 0 && (may == nil || may(p)) && (project == "" || m.running[p] < m.running[project]) {
				project = p
			}
		}
	} else if h.job != "job of "+project || m.running[project] > 0 {
		t.Fatalf("%+v goes first; %d of its project run", h, m.running[project])
	}
	if project == "" {
		m.crowd.claimed(h, "", false)()
		for _, n := range m.waiting {
			if n > 0 { // jobs.ErrKept: it comes back
				m.tokens++
				break
			}
		}
		return
	}
	if m.running[project] >= m.most() && may != nil {
		t.Fatalf("%s, which runs %d, is given one more; %d are for one", project, m.running[project], m.most())
	}
	m.waiting[project]--
	others := false
	for p, n := range m.waiting {
		others = others || p != project && n > 0
	}
	m.came[project] = m.clock
	end := m.crowd.claimed(h, project, others)
	m.running[project]++
	m.total++
	m.over = append(m.over, func() {
		m.running[project]--
		m.total--
		end()
	})
}

// elsewhere has another worker take a job.
func (m *crowdModel) elsewhere(t *rapid.T) {
	p := rapid.SampledFrom(crowdProjects).Draw(t, "project")
	if m.waiting[p] == 0 {
		t.Skip()
	}
	m.waiting[p]--
}

func (m *crowdModel) end(t *rapid.T) {
	if len(m.over) == 0 {
		t.Skip()
	}
	i := rapid.IntRange(0, len(m.over)-1).Draw(t, "which")
	end := m.over[i]
	m.over = append(m.over[:i], m.over[i+1:]...)
	end()
}
