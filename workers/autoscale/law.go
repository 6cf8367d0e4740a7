package autoscale

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Law says how many workers a load takes. Its zero fields have the defaults of docs/22-scale.md.
type Law struct {
	// Min and Max bound what is wanted. Max defaults to no bound.
	Min, Max int
	// Slots is how many jobs one worker runs at once, BulkSlots how many of them may be bulk. Default to 1, and to all.
	Slots, BulkSlots int
	// InteractiveWait and BulkWait are how long a job of a queue may wait. Default to 1 s and 60 s.
	InteractiveWait, BulkWait time.Duration
	// Busy is the part of the slots that may be busy before there are more. Defaults to 0.7.
	Busy float64
	// Quiet is how long fewer must have been enough. Defaults to 60 s.
	Quiet time.Duration
	// Step is the pause between two steps down. Defaults to 10 s.
	Step time.Duration
	// Idle is how long nothing must have waited or run before the last worker goes, where Min is 0. Defaults to 5 min.
	Idle time.Duration
	// Elsewhere says that others start the workers, by what is wanted, and follow when they come to it: each step begins at what was last wanted, and not at
	// the workers that there are.
	Elsewhere bool
}

const (
	// assumedService is taken for how long a job runs where none has yet.
	assumedService = 50 * time.Millisecond
	// margin is how much more load there might be than was seen, where workers are to go.
	margin = 1.1
	// stepUp is how many workers may be started at once, or as many as there are.
	stepUp = 4
	// stepDown is the part of the workers that may go at once, one at least.
	stepDown = 10
	// full is the part of the slots from which on they count as all taken: a worker is between two jobs for a moment.
	full = 0.8
)

func (l Law) withDefaults() Law {
	if l.Max <= 0 {
		l.Max = math.MaxInt32
	}
	l.Min = min(max(l.Min, 0), l.Max)
	l.Slots = max(l.Slots, 1)
	if l.BulkSlots <= 0 || l.BulkSlots > l.Slots {
		l.BulkSlots = l.Slots
	}
	if l.Busy <= 0 || l.Busy > 1 {
		l.Busy = 0.7
	}
	for _, d := range []struct {
		to       *time.Duration
		fallback time.Duration
	}{{&l.InteractiveWait, time.Second}, {&l.BulkWait, time.Minute}, {&l.Quiet, time.Minute}, {&l.Step, 10 * time.Second}, {&l.Idle, 5 * time.Minute}} {
		if *d.to <= 0 {
			*d.to = d.fallback
		}
	}
	return l
}

// Load is what the law knows of a queue.
type Load struct {
	Backlog int           // jobs that wait and that a worker may take
	Oldest  time.Duration // for how long the oldest of them has waited
	Running int
	Window  time.Duration // what the averages are over
	Busy    float64       // jobs that ran at once, on average
	Rate    float64       // attempts that ended, in 1/s
}

// Input is what a step of the law starts from.
type Input struct {
	At                time.Time
	Interactive, Bulk Load
	Workers           int // that take jobs, those that are being started among them
	Slots             int // jobs that those of them that have started run at once
	// Room is how many workers more the memory has room for; below 0, as many too many are there. NoRoomLimit for no bound.
	Room int
}

// NoRoomLimit is a Room that bounds nothing.
const NoRoomLimit = math.MaxInt32

// Decision is what the law says.
type Decision struct {
	Need    int    // workers that the load takes now
	Wanted  int    // workers that there should be
	Reason  string // what decided
	Blocked string // "max" or "memory", where more are needed than may be
}

// State is what the law remembers from one step to the next. The zero State has seen nothing.
type State struct {
	service  [2]time.Duration // how long a job last kept a slot, interactive and bulk
	recent   []past           // falling needs of the last while, the first of which is the largest
	lowered  time.Time        // when the last step down was
	lastBusy time.Time        // when something last waited or ran
	began    time.Time
	wanted   past // what was last wanted
}

// past is a need that was.
type past struct {
	at   time.Time
	need int
}

// Next takes a step: it says what is needed and wanted at in.At, and what to give to the next step.
func (l Law) Next(s State, in Input) (State, Decision) {
	l = l.withDefaults()
	if s.began.IsZero() {
		s.began, s.lastBusy = in.At, in.At
	}
	idle := true
	for i, q := range []Load{in.Interactive, in.Bulk} {
		if q.Backlog > 0 || q.Running > 0 {
			idle = false
		}
		if t := q.service(); t > 0 {
			s.service[i] = t
		}
	}
	if !idle {
		s.lastBusy = in.At
	}
	d := Decision{}
	d.Need, d.Reason = l.need(s, in, 1)
	lower, _ := l.need(s, in, margin)
	s.recent = remember(s.recent, past{in.At, lower}, in.At.Add(-l.Quiet))
	d.Wanted = l.step(&s, in, d.Need, idle)
	d.Wanted = l.bound(&d, in)
	s.wanted = past{in.At, d.Wanted}
	return s, d
}

// service is how long a job keeps a slot, 0 where nothing tells. Where none has ended yet those that run will take longer than the window.
func (q Load) service() time.Duration {
	switch {
	case q.Rate > 0:
		return time.Duration(q.Busy / q.Rate * float64(time.Second))
	case q.Busy > 0:
		return time.Duration(q.Busy * float64(q.Window))
	}
	return 0
}

// slots is how many slots a queue takes where a job keeps one for so long and may wait for so long.
func (l Law) slots(q Load, service, wait time.Duration) float64 {
	if service <= 0 {
		service = assumedService
	}
	return max(q.Busy/l.Busy, q.Busy+float64(q.Backlog)*service.Seconds()/wait.Seconds())
}

// need is how many workers so many times the load takes, and why.
func (l Law) need(s State, in Input, times float64) (int, string) {
	interactive := times * l.slots(in.Interactive, s.service[0], l.InteractiveWait)
	bulk := times * l.slots(in.Bulk, s.service[1], l.BulkWait)
	workers := func(slots float64, each int) int {
		return int(min(math.Ceil(slots/float64(each)-1e-9), math.MaxInt32))
	}
	n := max(workers(interactive+bulk, l.Slots), workers(bulk, l.BulkSlots))
	why := fmt.Sprintf("load of %.1f slots, %.1f of them bulk", interactive+bulk, bulk)
	waits := in.Interactive.Backlog+in.Bulk.Backlog > 0
	if n == 0 && (waits || in.Interactive.Running+in.Bulk.Running > 0) {
		n, why = 1, "jobs wait or run"
	}
	if n <= in.Workers && l.late(in) {
		n, why = in.Workers+1, "jobs wait for too long and every slot is taken"
	}
	return n, why
}

// late reports whether a job waits for longer than it may although every slot that it might have is taken.
func (l Law) late(in Input) bool {
	taken := func(running int, slots float64) bool { return float64(running) >= full*slots }
	all, started := in.Interactive.Running+in.Bulk.Running, float64(in.Slots)
	switch {
	case in.Slots <= 0:
		return false // none has started: they are on their way, or there are none
	case in.Interactive.Backlog > 0 && in.Interactive.Oldest > l.InteractiveWait:
		return taken(all, started)
	case in.Bulk.Backlog > 0 && in.Bulk.Oldest > l.BulkWait:
		return taken(all, started) || taken(in.Bulk.Running, started*float64(l.BulkSlots)/float64(l.Slots))
	}
	return false
}

// step is what is wanted of a need, bounds aside.
func (l Law) step(s *State, in Input, need int, idle bool) int {
	n := in.Workers
	// What was wanted long ago is over, and where none is left nobody waits for the last to go.
	if since := in.At.Sub(s.wanted.at); l.Elsewhere && in.Workers > 0 && !s.wanted.at.IsZero() && since >= 0 && since <= l.Quiet {
		n = s.wanted.need
	}
	switch most := s.recent[0].need; {
	case need > n:
		return min(need, n+max(n, stepUp))
	case most >= n, in.At.Sub(s.began) < l.Quiet, in.At.Sub(s.lowered) < l.Step:
		return n
	case most == 0 && !(idle && in.At.Sub(s.lastBusy) >= l.Idle):
		most = 1
		fallthrough
	default:
		to := max(most, n-max(1, n/stepDown))
		if to < n {
			s.lowered = in.At
		}
		return min(to, n)
	}
}

// bound holds what is wanted to the bounds, and notes which of them keeps it from what is needed.
func (l Law) bound(d *Decision, in Input) int {
	n := d.Wanted
	if n >= l.Max {
		n = l.Max
		if d.Need > n {
			d.Blocked = "max"
		}
	}
	if in.Room < NoRoomLimit && n > in.Workers+in.Room {
		n = in.Workers + in.Room
		if d.Need > n {
			d.Blocked = "memory"
		}
	}
	return max(n, l.Min)
}

// remember adds a need to those of the last while: smaller ones before it can no longer be the largest.
func remember(recent []past, p past, since time.Time) []past {
	kept := make([]past, 0, len(recent)+1)
	for _, r := range recent {
		if !r.at.Before(since) && r.need > p.need {
			kept = append(kept, r)
		}
	}
	return append(slices.Clip(kept), p)
}
