// Package autoscale decides how many workers there are and keeps them.
//
//	Law         load of the queues → workers that are needed, and workers that there should be; a pure function
//	Gauge       the law over the database, for /metrics/scale and for whoever asks how much is needed
//	Supervisor  starts worker processes, lets them go, and starts again those that die
//	Simulate    the law, and the rules that it is compared with, against a load on a virtual clock
//
// The law, in slots (jobs that run at once). By Little's law (Operations Research 9(3), 1961) the jobs of a queue that run at once, on
// average, are the rate at which they end times how long they run:
//
//	busy  = jobs that ran at once, averaged over the last seconds
//	s     = busy / rate                 time that one job keeps a slot
//	load  = max(busy / ρ, busy + backlog · s / T)
//	need  = max(⌈Σ load / c⌉, ⌈load of bulk / c bulk⌉), at least 1 where anything waits or runs
//
// with c slots a worker, of which bulk jobs take at most c bulk; ρ the part of the slots that may be busy before there are more; T how long
// a job may wait. The first term keeps room, the second works the backlog off within T beside what goes on coming. Where a job has waited
// longer than T although every slot is taken, one worker more is needed than there is, whatever the averages say.
//
// What is wanted follows need at once upwards, at most doubling (and by four at least). Downwards it goes only to the most that was needed in
// the last minute, each time counted with a tenth more load than there was, by one worker or a tenth of them every ten seconds; and to none
// only when nothing waited or ran for five minutes. It is within the bounds, and what memory has room for, always.
//
// The aims, and why they differ from a rule over the length of the queue, pending / target: a backlog of 1,000 jobs is nothing where a job
// takes a millisecond and an hour where it takes a minute; a queue is empty just when there are workers enough, so that the rule lets them go;
// and who is cut off must begin again. docs/22-scale.md has the figures.
//
// Invariants: the law takes no clock and no randomness; it never wants fewer than Min, more than Max, or more than there is room for beyond
// Min; a supervisor never ends a worker that runs a job, until the grace that it was given is over.
package autoscale
