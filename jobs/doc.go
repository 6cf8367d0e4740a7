// Package jobs is the engine behind every piece of work that takes time: it accepts jobs, hands them to workers,
// watches over them and lets clients wait for them.
//
//	            ┌─ lease expired (a lost worker), temporary fault, worker stops ───┐
//	            ▼                                                                  │
//	Submit → queued ──── claim (attempt + 1, lease) ────► running ────────────────┤
//	            │                                            │                     │
//	            │ Cancel                              Cancel │                     ├─ result ───────────────► completed
//	            ▼                                            ▼                     └─ bad data, deadline,
//	        canceled ◄───────────────────────────────────────┘                        retries exhausted,
//	                                                                                  3 lost workers, panic ► failed
//
// Invariants:
//
//   - The row in the database is the truth, and its own outbox. A queue task (asynq, in Redis) carries a job's id and
//     seq and only wakes a worker: losing all of Redis loses no job, and a task that comes twice or late does nothing.
//   - Accepted means kept: Submit answers after the commit of job, payload and idempotency record.
//   - A job runs at least once and takes effect once: only the attempt that holds the lease can write (owner and
//     attempt are the fence), and a final state never changes.
//   - Every state change is announced on one pub/sub channel after its commit. An announcement may be lost: whoever
//     waits also reads the database once a second, and a worker hears from its next heartbeat.
//
// How a job gets to a worker. Submit enqueues the task "<id>:<seq>" after the commit, with a short deadline and
// without telling the client of a failure. The reconciler, in every process once a second and without a leader,
// looks at queued rows whose next_check has passed: a task that still waits in Redis is left alone, one that is
// missing is enqueued again, one that is stuck with a dead worker gets a new seq. It also takes jobs from workers
// whose lease ended, removes what dead workers left in asynq's lists, and notices by an epoch key when Redis lost
// its memory or was away: then every queued row is looked at again at once.
//
// Which job a woken worker runs: the one that the task names, or, where several projects have jobs waiting, the one whose turn
// it is (ClaimTurn). A task is a right to run one job, and there are at least as many as queued jobs.
//
// The source of the pattern is the transactional outbox (Garcia-Molina and Salem, "Sagas", SIGMOD 1987, for the
// idea of steps that are redone; Kleppmann, "Designing Data-Intensive Applications", chapter 8, for fencing tokens).
package jobs
