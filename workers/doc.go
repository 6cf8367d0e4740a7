// Package workers runs jobs: it takes tasks from the queue, claims their rows, calls the handler of their kind and
// stores what came out.
//
//	task ─► claim the row ─► handler ─► finish the row ─► task is acknowledged
//	            │               │             │
//	  not queued: done     ctx ends when   fenced by owner and attempt:
//	                       canceled, lost, a worker that lost its lease
//	                       late, stopping  changes nothing
//
// Invariants:
//
//   - A task is a hint. The row decides whether there is anything to do, so tasks may come twice, late, or for nothing.
//   - A worker's owner name is unique to its process and start. Its lease is renewed for all its jobs in one
//     statement, three times a lease; a worker that cannot renew stops its handlers before the lease ends.
//   - Every attempt ends in exactly one of: finished, back in the queue, or taken away (canceled, lease lost).
//   - A handler that panics fails its job and nothing else. One that ignores its context keeps its slot until it
//     returns, so that a worker never runs more than Concurrency handlers.
//   - Run returns when all handlers have ended and their jobs are finished or handed back.
//
// Workers are woken, not polled: asynq's fetcher sleeps between two looks at its queues; a hook on its Redis client
// (see wake) turns that sleep into waiting for the next enqueue.
package workers
