package autoscale

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/models"
)

// Worker is a worker process that a supervisor has started.
type Worker interface {
	// Pid names the process.
	Pid() int
	// Ended is closed when the process has; Err then says how, nil for well.
	Ended() <-chan struct{}
	Err() error
	// Drain has it take no more jobs and end when those that it runs have.
	Drain()
	// Hurry has it hand back what it runs, and end.
	Hurry()
	// Kill ends it.
	Kill()
}

// Sight is what a supervisor sees in the database.
type Sight struct {
	Interactive, Bulk Load
	// Others are the workers that take jobs and that are not its own, and Slots how many jobs all that have started run at once, its own
	// among them. Free are those of the others that no supervisor keeps.
	Others, Free, Slots int
	// Keepers are the supervisors, this one among them.
	Keepers []Keeper
	// Running is how many jobs each process of this machine runs.
	Running map[int]int
}

// SupervisorConfig says what a supervisor keeps.
type SupervisorConfig struct {
	// ID names the supervisor among others, and Host is where it is. Required.
	ID, Host string
	// Min and Max bound its workers. Max is required.
	Min, Max int
	// Law is what is needed and wanted by; of its bounds the supervisor sees itself.
	Law Law
	// Start starts a worker. Required.
	Start func() (Worker, error)
	// Look reads the database. Required.
	Look func(ctx context.Context) (Sight, error)
	// Room is for how many more workers beside those there is memory, and what that follows from. Defaults to no bound.
	Room func(pids []int) (int, string)
	// Note keeps what happened. Defaults to the log alone.
	Note func(models.ScaleEvent)
	// Tick is the pause between two looks. Defaults to 500 ms.
	Tick time.Duration
	// Grace is how long workers may go on with what they run when the supervisor stops; then they hand it back. Defaults to 20 s.
	Grace time.Duration
	// Log takes what an operator should know. Defaults to slog.Default().
	Log *slog.Logger
}

const (
	// settled is how long a worker must have lived for its end to be no sign that others will end like it.
	settled = 10 * time.Second
	// firstPause is the pause after a worker that ended soon after its start; it doubles with each, up to lastPause.
	firstPause, lastPause = 500 * time.Millisecond, 30 * time.Second
	// loop is from how many such ends in a row on it is called a crash loop.
	loop = 4
	// hurried is how long a worker that was told to hurry may take, before it is killed.
	hurried = 10 * time.Second
	// repeat is after how long it is said again that more are wanted than may be.
	repeat = time.Minute
)

// child is a worker of the supervisor.
type child struct {
	Worker
	started  time.Time
	draining bool
}

// Supervisor keeps worker processes. Run it once.
type Supervisor struct {
	cfg     SupervisorConfig
	log     *slog.Logger
	metrics *supervisorMetrics

	// Only Run touches what follows.
	state    State
	seen     Sight
	children []*child
	ends     chan *child
	hurry    chan struct{}
	hurried  sync.Once
	watchers sync.WaitGroup
	quick    int       // times that workers ended soon after their start, in a row
	failedAt time.Time // the last of them
	notUntil time.Time // no worker is started before
	blocked  string
	saidAt   time.Time // that it is blocked
}

// NewSupervisor returns a supervisor that has started nothing.
func NewSupervisor(cfg SupervisorConfig) (*Supervisor, error) {
	switch {
	case cfg.Start == nil || cfg.Look == nil:
		return nil, errors.New("autoscale: SupervisorConfig.Start and Look are required")
	case cfg.Max < 1 || cfg.Min < 0 || cfg.Min > cfg.Max:
		return nil, errors.New("autoscale: workers must be bounded by 0 ≤ Min ≤ Max, and Max must be at least 1")
	}
	if cfg.Room == nil {
		cfg.Room = func([]int) (int, string) { return NoRoomLimit, "" }
	}
	if cfg.Note == nil {
		cfg.Note = func(models.ScaleEvent) {}
	}
	if cfg.Tick <= 0 {
		cfg.Tick = 500 * time.Millisecond
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 20 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Supervisor{cfg: cfg, log: cfg.Log.With("component", "supervisor"), metrics: newSupervisorMetrics(), ends: make(chan *child), hurry: make(chan struct{})}, nil
}

// Collector returns the supervisor's metrics for Prometheus.
func (s *Supervisor) Collector() prometheus.Collector { return s.metrics }

// Hurry has a supervisor that stops tell its workers at once to hand back what they run.
func (s *Supervisor) Hurry() { s.hurried.Do(func() { close(s.hurry) }) }

// Run keeps workers until ctx ends; then it has them drain, and returns when all have ended.
func (s *Supervisor) Run(ctx context.Context) error {
	s.log.Info("keeping workers", "min", s.cfg.Min, "max", s.cfg.Max)
	tick := time.NewTicker(s.cfg.Tick)
	defer tick.Stop()
	for ctx.Err() == nil {
		s.decide(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case c := <-s.ends:
			s.ended(c)
		}
	}
	s.stop()
	return nil
}

// active are the workers that take jobs.
func (s *Supervisor) active() []*child {
	return slices.DeleteFunc(slices.Clone(s.children), func(c *child) bool { return c.draining })
}

// decide takes a step: it looks, asks the law, and starts workers or lets them go.
func (s *Supervisor) decide(ctx context.Context) {
	s.lives(time.Now())
	sight, err := s.cfg.Look(ctx)
	if ctx.Err() != nil {
		return
	}
	now, active := time.Now(), s.active()
	if err != nil { // it is known how many there should be at least, and those that are there stay
		s.log.Warn("cannot see what waits; the workers stay as they are", "error", err)
		s.adjust(now, max(s.cfg.Min, len(active)), 0, "the database does not answer")
		return
	}
	s.seen = sight
	pids := make([]int, len(s.children))
	for i, c := range s.children {
		pids[i] = c.Pid()
	}
	room, memory := s.cfg.Room(pids)

	// The law is about all workers that there are. What it wants is shared among those who keep some; memory is each machine's own.
	law := s.cfg.Law
	law.Min, law.Max = sight.Free, sight.Free
	for _, k := range sight.Keepers {
		law.Min += k.Min
		law.Max += k.Max
	}
	var d Decision
	s.state, d = law.Next(s.state, Input{At: now, Interactive: sight.Interactive, Bulk: sight.Bulk, Workers: sight.Others + len(active), Slots: sight.Slots, Room: NoRoomLimit})
	mine := min(max(Share(d.Wanted-sight.Free, sight.Keepers, s.cfg.ID), s.cfg.Min), s.cfg.Max)
	reason := d.Reason
	if room < NoRoomLimit && mine > len(active)+room {
		if mine = max(len(active)+room, s.cfg.Min); d.Need > sight.Others+mine {
			d.Blocked = "memory"
		}
		reason += "; " + memory
	}
	s.metrics.see(d, s.children)
	s.sayBlocked(now, d, len(active), memory)
	s.adjust(now, mine, d.Need, reason)
}

// sayBlocked tells that more workers are needed than may be, once and then every minute.
func (s *Supervisor) sayBlocked(now time.Time, d Decision, n int, memory string) {
	if d.Blocked == "" {
		s.blocked = ""
		return
	}
	if d.Blocked == s.blocked && now.Sub(s.saidAt) < repeat {
		return
	}
	first := d.Blocked != s.blocked
	s.blocked, s.saidAt = d.Blocked, now
	why := "as many as there may be are there"
	if d.Blocked == "memory" {
		why = memory
	}
	s.log.Warn("more workers are needed than may be started", "need", d.Need, "bound", d.Blocked, "why", why)
	if first {
		s.note(now, models.ScaleBlocked, n, n, d.Need, why)
	}
}

// adjust starts workers or lets some go, so that so many take jobs.
func (s *Supervisor) adjust(now time.Time, wanted, need int, reason string) {
	active := s.active()
	n := len(active)
	switch {
	case wanted > n:
		if s.quick > 0 { // one is tried, the others follow when it lives
			if now.Before(s.notUntil) || slices.ContainsFunc(s.children, func(c *child) bool { return !c.started.Before(s.failedAt) }) {
				return
			}
			wanted = n + 1
		}
		started := 0
		for range wanted - n {
			if !s.start(now) {
				break
			}
			started++
		}
		if started > 0 {
			s.log.Info("started workers", "workers", n+started, "were", n, "need", need, "reason", reason)
			s.note(now, models.ScaleUp, n, n+started, need, reason)
		}
	case wanted < n:
		// Those that run the fewest jobs, the youngest of them first.
		slices.SortStableFunc(active, func(a, b *child) int {
			if d := s.seen.Running[a.Pid()] - s.seen.Running[b.Pid()]; d != 0 {
				return d
			}
			return b.started.Compare(a.started)
		})
		for _, c := range active[:n-wanted] {
			c.draining = true
			c.Drain()
		}
		s.log.Info("let workers go", "workers", wanted, "were", n, "need", need, "reason", reason)
		s.note(now, models.ScaleDown, n, wanted, need, reason)
	}
}

// start starts a worker and watches for its end.
func (s *Supervisor) start(now time.Time) bool {
	w, err := s.cfg.Start()
	if err != nil {
		s.failed(now, "a worker could not be started: "+err.Error())
		return false
	}
	c := &child{Worker: w, started: now}
	s.children = append(s.children, c)
	s.watchers.Go(func() {
		<-w.Ended()
		s.ends <- c
	})
	return true
}

// ended takes note of a worker's end.
func (s *Supervisor) ended(c *child) {
	before := len(s.active())
	s.children = slices.DeleteFunc(s.children, func(other *child) bool { return other == c })
	now := time.Now()
	if c.draining && c.Err() == nil {
		s.log.Info("a worker has ended", "pid", c.Pid())
		return
	}
	why := "ended by itself"
	if err := c.Err(); err != nil {
		why = err.Error()
	}
	s.metrics.deaths.Inc()
	s.log.Error("a worker died; its jobs come back when their leases end", "pid", c.Pid(), "lived", now.Sub(c.started).Round(time.Millisecond).String(), "cause", why)
	s.note(now, models.ScaleDeath, before, len(s.active()), 0, why)
	if !c.draining && now.Sub(c.started) < settled { // otherwise the next is started at once
		s.failed(now, why)
	}
}

// failed puts the next start off, longer each time.
func (s *Supervisor) failed(now time.Time, why string) {
	if now.Before(s.notUntil) { // one of several that were started together
		return
	}
	s.quick++
	s.failedAt = now
	pause := lastPause
	if s.quick < 10 {
		pause = min(firstPause<<(s.quick-1), lastPause)
	}
	s.notUntil = now.Add(pause)
	s.log.Warn("no worker is started for a while", "pause", pause.String(), "in_a_row", s.quick, "cause", why)
	if s.quick == loop {
		s.metrics.loop.Set(1)
		s.log.Error("workers end soon after their start, again and again", "cause", why)
		n := len(s.active())
		s.note(now, models.ScaleCrashLoop, n, n, 0, why)
	}
}

// note keeps an event.
func (s *Supervisor) note(at time.Time, kind models.ScaleEventKind, from, to, need int, reason string) {
	s.cfg.Note(models.ScaleEvent{ID: models.NewID(), Supervisor: s.cfg.ID, Host: s.cfg.Host, Kind: kind, WorkersFrom: from, WorkersTo: to, Need: need, Reason: reason, CreatedAt: at})
}

// stop has all workers end.
func (s *Supervisor) stop() {
	for _, c := range s.children {
		c.draining = true
		c.Drain()
	}
	hurry := s.hurry
	for _, step := range []struct {
		after time.Duration
		then  func(*child)
	}{{s.cfg.Grace, func(c *child) { c.Hurry() }}, {hurried, func(c *child) {
		s.log.Error("a worker does not end, and is killed", "pid", c.Pid())
		c.Kill()
	}}} {
		if s.await(step.after, hurry) {
			break
		}
		hurry = nil
		for _, c := range s.children {
			step.then(c)
		}
	}
	for len(s.children) > 0 {
		s.ended(<-s.ends)
	}
	s.watchers.Wait()
}

// await waits for all workers to end, and reports whether they did within a time and before there was hurry.
func (s *Supervisor) await(d time.Duration, hurry <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for len(s.children) > 0 {
		select {
		case c := <-s.ends:
			s.ended(c)
		case <-t.C:
			return false
		case <-hurry:
			return false
		}
	}
	return true
}

// lives ends the pauses when a worker that was started since the last of those ends has lived long enough.
func (s *Supervisor) lives(now time.Time) {
	if s.quick == 0 || !slices.ContainsFunc(s.children, func(c *child) bool { return !c.started.Before(s.failedAt) && now.Sub(c.started) >= settled }) {
		return
	}
	if s.quick >= loop {
		s.metrics.loop.Set(0)
		n := len(s.active())
		s.log.Info("workers live again")
		s.note(now, models.ScaleRecovered, n, n, 0, "a worker has lived for "+settled.String())
	}
	s.quick = 0
}
