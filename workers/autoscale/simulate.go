package autoscale

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Rule decides how many workers there should be. It is asked every Every; what it says holds until it is asked again.
type Rule interface {
	// Workers returns how many workers there should be.
	Workers(Input) int
	// Every is the pause between two questions.
	Every() time.Duration
}

// ByLaw is a Law as a Rule.
type ByLaw struct {
	Law   Law
	state State
}

// Workers implements Rule.
func (l *ByLaw) Workers(in Input) int {
	var d Decision
	l.state, d = l.Law.Next(l.state, in)
	return d.Wanted
}

// Every implements Rule: as often as a supervisor asks.
func (l *ByLaw) Every() time.Duration { return 500 * time.Millisecond }

// ByPending is the rule that users of KEDA write, ⌈(pending + running) / target⌉, as the Horizontal Pod Autoscaler follows it: asked every Pause, it goes up by
// four or to twice as many in 15 s at most, and down to the most that it said in the last Stable (Kubernetes' defaults for both: 15 s and 300 s). With a Pause of
// 500 ms and a Stable of 0 it is the plain rule.
type ByPending struct {
	Target, Min, Max int
	Pause, Stable    time.Duration
	said             []past
}

// Workers implements Rule.
func (p *ByPending) Workers(in Input) int {
	waiting := in.Interactive.Backlog + in.Interactive.Running + in.Bulk.Backlog + in.Bulk.Running
	n := min(max((waiting+p.Target-1)/p.Target, p.Min), p.Max)
	if p.Stable > 0 {
		n = min(n, in.Workers+max(4, in.Workers))
	}
	p.said = remember(p.said, past{in.At, n}, in.At.Add(-p.Stable))
	if n >= in.Workers || p.Stable == 0 {
		return n
	}
	return min(p.said[0].need, in.Workers)
}

// Every implements Rule.
func (p *ByPending) Every() time.Duration { return p.Pause }

// Arrivals is a load: how many jobs come in a second at a time, and how long one runs.
type Arrivals struct {
	Name   string
	Length time.Duration
	Rate   func(at time.Duration) float64
	Bulk   float64 // the part of the jobs that is bulk
	// Service draws how long a job runs.
	Service func(*rand.Rand) time.Duration
}

// SimulationConfig is a machine on a virtual clock.
type SimulationConfig struct {
	Load Arrivals
	Rule Rule
	// Slots and BulkSlots are those of a worker. Default to 1, and to all.
	Slots, BulkSlots int
	// StartTime is how long it takes from starting a worker to its first job. Defaults to 500 ms.
	StartTime time.Duration
	// Workers there are at the beginning.
	Workers int
	// Grace is how long a worker that is let go may go on; what it runs then begins anew elsewhere. Defaults to until it is done.
	Grace time.Duration
	Seed  uint64
}

// Outcome is how a simulated load went.
type Outcome struct {
	Jobs          int
	P50, P99      time.Duration // that interactive jobs waited
	BulkP99       time.Duration
	WorkerSeconds float64
	Most          int // workers at once
	Flaps         int // times that workers were started within five minutes of some having been let go
	CutOff        int // jobs that were begun again
	Late          int // interactive jobs that waited for more than a second
}

// simulated is a job.
type simulated struct {
	came time.Duration
	runs time.Duration
	bulk bool
}

// machine is a worker.
type machine struct {
	ready, gone time.Duration // gone when it was told to go, maxDuration before
	running     []*simulated
	bulk        int
}

const never = time.Duration(math.MaxInt64)

// happening is something that happens at a time.
type happening struct {
	at    time.Duration
	order int
	do    func()
}

type agenda []happening

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push implements heap.Interface.
func (a *agenda) Push(x any) { *a = append(*a, x.(happening)) }

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// simulation is a run of Simulate.
type simulation struct {
	cfg    SimulationConfig
	rng    *rand.Rand // of the load, which is the same whatever rule it meets
	dice   *rand.Rand // of what the rule leaves to chance
	now    time.Duration
	events agenda
	order  int

	queues   [2][]*simulated // interactive and bulk
	machines []*machine
	began    map[*simulated]time.Duration
	ended    []ended // the last that did
	waited   [2][]time.Duration
	out      Outcome
	lowered  time.Duration
	fell     bool
}

// ended is an attempt that has ended.
type ended struct {
	class    int
	from, to time.Duration
}

// sample is how many attempts that ended the averages are over at most, as in the store.
const sample = 1000

// Simulate runs a load against a rule, on a virtual clock. The same seed gives the same outcome.
func Simulate(cfg SimulationConfig) Outcome {
	cfg.Slots = max(cfg.Slots, 1)
	if cfg.BulkSlots <= 0 {
		cfg.BulkSlots = cfg.Slots
	}
	if cfg.StartTime <= 0 {
		cfg.StartTime = 500 * time.Millisecond
	}
	s := &simulation{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 1)), dice: rand.New(rand.NewPCG(cfg.Seed, 2)), began: map[*simulated]time.Duration{}}
	for range cfg.Workers {
		s.machines = append(s.machines, &machine{gone: never})
	}
	s.arrive()
	s.decide()
	for len(s.events) > 0 {
		e := heap.Pop(&s.events).(happening)
		s.now = e.at
		e.do()
	}
	for _, list := range s.waited {
		slices.Sort(list)
	}
	s.out.P50, s.out.P99, s.out.BulkP99 = quantile(s.waited[0], .5), quantile(s.waited[0], .99), quantile(s.waited[1], .99)
	return s.out
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func (s *simulation) at(d time.Duration, do func()) {
	s.order++
	heap.Push(&s.events, happening{d, s.order, do})
}

// arrive lets the next job come: a Poisson process whose rate changes, by thinning.
func (s *simulation) arrive() {
	const most = 50 * time.Millisecond // within which the rate hardly changes
	rate := s.cfg.Load.Rate(s.now)
	pause := most
	if rate > 0 {
		pause = time.Duration(s.rng.ExpFloat64() / rate * float64(time.Second))
	}
	at := s.now + min(pause, most)
	if at >= s.cfg.Load.Length {
		return
	}
	comes := rate > 0 && pause <= most
	s.at(at, func() {
		if comes {
			s.out.Jobs++
			s.enqueue(&simulated{came: s.now, runs: s.cfg.Load.Service(s.rng), bulk: s.rng.Float64() < s.cfg.Load.Bulk})
			s.dispatch()
		}
		s.arrive()
	})
}

func class(j *simulated) int {
	if j.bulk {
		return 1
	}
	return 0
}

func (s *simulation) enqueue(j *simulated) { s.queues[class(j)] = append(s.queues[class(j)], j) }

// dispatch begins what may begin.
func (s *simulation) dispatch() {
	for c := range s.queues {
		for len(s.queues[c]) > 0 {
			m := s.free(c == 1)
			if m == nil {
				break
			}
			j := s.queues[c][0]
			s.queues[c] = s.queues[c][1:]
			s.waited[c] = append(s.waited[c], s.now-j.came)
			if c == 0 && s.now-j.came > time.Second {
				s.out.Late++
			}
			s.run(m, j)
		}
	}
}

// free returns the least busy worker that may take a job, nil for none.
func (s *simulation) free(bulk bool) *machine {
	var best *machine
	for _, m := range s.machines {
		if m.ready > s.now || m.gone != never || len(m.running) >= s.cfg.Slots || bulk && m.bulk >= s.cfg.BulkSlots {
			continue
		}
		if best == nil || len(m.running) < len(best.running) {
			best = m
		}
	}
	return best
}

func (s *simulation) run(m *machine, j *simulated) {
	m.running = append(m.running, j)
	m.bulk += class(j)
	s.began[j] = s.now
	began := s.now
	s.at(s.now+j.runs, func() {
		if at, there := s.began[j]; !there || at != began { // it was cut off
			return
		}
		delete(s.began, j)
		m.running = slices.DeleteFunc(m.running, func(other *simulated) bool { return other == j })
		m.bulk -= class(j)
		if s.ended = append(s.ended, ended{class(j), began, s.now}); len(s.ended) >= 2*sample {
			s.ended = append(s.ended[:0], s.ended[len(s.ended)-sample:]...)
		}
		s.dispatch()
	})
}

// look is what a rule sees.
func (s *simulation) look() Input {
	in := Input{At: time.Unix(0, 0).Add(s.now), Room: NoRoomLimit}
	for _, m := range s.machines {
		if m.gone == never {
			in.Workers++
			if m.ready <= s.now {
				in.Slots += s.cfg.Slots
			}
		}
	}
	window := 30 * time.Second
	last := s.ended[max(0, len(s.ended)-sample):]
	if len(last) == sample {
		window = min(window, max(s.now-last[0].to, 10*time.Millisecond))
	}
	loads := []*Load{&in.Interactive, &in.Bulk}
	for c, q := range loads {
		q.Window, q.Backlog = window, len(s.queues[c])
		if q.Backlog > 0 {
			q.Oldest = s.now - s.queues[c][0].came
		}
	}
	for _, e := range last {
		if e.to >= s.now-window {
			q := loads[e.class]
			q.Rate += 1 / window.Seconds()
			q.Busy += (e.to - max(e.from, s.now-window)).Seconds()
		}
	}
	for j, at := range s.began {
		q := loads[class(j)]
		q.Running++
		q.Busy += min(s.now-at, window).Seconds()
	}
	in.Interactive.Busy /= window.Seconds()
	in.Bulk.Busy /= window.Seconds()
	return in
}

// decide asks the rule, until the load is over and everything is done.
func (s *simulation) decide() {
	in := s.look()
	wanted := max(s.cfg.Rule.Workers(in), 0)
	switch {
	case wanted > in.Workers:
		if s.fell && s.now-s.lowered < 5*time.Minute {
			s.out.Flaps++
			s.fell = false
		}
		for range wanted - in.Workers {
			m := &machine{ready: s.now + s.cfg.StartTime, gone: never}
			s.machines = append(s.machines, m)
			s.at(m.ready, s.dispatch)
		}
	case wanted < in.Workers:
		s.lowered, s.fell = s.now, true
		s.letGo(in.Workers - wanted)
	}
	s.out.Most = max(s.out.Most, wanted)
	pause := s.cfg.Rule.Every()
	kept := s.machines[:0]
	for _, m := range s.machines { // those that drain are there until they are done
		s.out.WorkerSeconds += pause.Seconds()
		if m.gone == never || len(m.running) > 0 {
			kept = append(kept, m)
		}
	}
	s.machines = kept
	if s.now < s.cfg.Load.Length || len(s.queues[0])+len(s.queues[1])+len(s.began) > 0 {
		s.at(s.now+pause, s.decide)
	}
}

// letGo has workers go, the least busy first; where they have a grace, in no order that minds what they run, as pods are.
func (s *simulation) letGo(n int) {
	there := slices.DeleteFunc(slices.Clone(s.machines), func(m *machine) bool { return m.gone != never })
	if s.cfg.Grace > 0 {
		s.dice.Shuffle(len(there), func(i, j int) { there[i], there[j] = there[j], there[i] })
	} else {
		slices.SortStableFunc(there, func(a, b *machine) int { return len(a.running) - len(b.running) })
	}
	for _, m := range there[:min(n, len(there))] {
		m.gone = s.now
		if s.cfg.Grace > 0 && len(m.running) > 0 {
			s.at(s.now+s.cfg.Grace, func() { s.cutOff(m) })
		}
	}
}

// cutOff ends a worker with what it runs.
func (s *simulation) cutOff(m *machine) {
	for _, j := range m.running {
		s.out.CutOff++
		delete(s.began, j)
		s.enqueue(j)
	}
	m.running, m.bulk = nil, 0
	s.dispatch()
}
