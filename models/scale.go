package models

import "time"

// QueueLoad is what waits and runs in a queue, and how it went of late.
type QueueLoad struct {
	Queue   string
	Backlog int           // jobs that are due
	Oldest  time.Duration // for how long the oldest of them has been
	Running int
	Paused  bool // no worker takes jobs of it

	// Window is the time that the rest is about: the last seconds, fewer where many jobs ended.
	Window time.Duration
	Busy   float64       // jobs that ran at once, on average
	Rate   float64       // attempts that ended, in 1/s
	P50    time.Duration // median of how long they ran, 0 where none ended
}

// Fleet is the workers that were heard of lately.
type Fleet struct {
	Workers  int // that take jobs
	Draining int // that run what they have begun and take no more
	Slots    int // jobs that those that take jobs run at once, together
}

// Scale is how many workers the jobs take, and what that follows from.
type Scale struct {
	At     time.Time
	Need   int // workers that what waits and runs takes now
	Wanted int // workers that there should be: more at once, fewer later
	Reason string
	Fleet  Fleet
	Slots  int // jobs that one worker runs at once
	Queues []QueueLoad
}

// ScaleEvent is something that a supervisor of workers did or saw.
type ScaleEvent struct {
	ID          string
	Supervisor  string
	Host        string
	Kind        ScaleEventKind
	WorkersFrom int
	WorkersTo   int
	Need        int
	Reason      string
	CreatedAt   time.Time
}

// ScaleEventKind says what happened.
type ScaleEventKind string

// The kinds.
const (
	ScaleUp        ScaleEventKind = "up"         // workers were started
	ScaleDown      ScaleEventKind = "down"       // workers were told to end when their jobs have
	ScaleDeath     ScaleEventKind = "death"      // a worker ended that was not told to
	ScaleCrashLoop ScaleEventKind = "crash_loop" // workers end again and again soon after their start
	ScaleRecovered ScaleEventKind = "recovered"  // they do no more
	ScaleBlocked   ScaleEventKind = "blocked"    // more are wanted than may be started
)

// ScaleEventKinds lists every kind.
func ScaleEventKinds() []ScaleEventKind {
	return []ScaleEventKind{ScaleUp, ScaleDown, ScaleDeath, ScaleCrashLoop, ScaleRecovered, ScaleBlocked}
}
