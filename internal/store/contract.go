package store

import "github.com/neurod/neurod/internal/store/dialect"

// Jobs keeps jobs, their payloads and idempotency records. The databases each do it in their own way; what they promise is said there.
type Jobs = dialect.Jobs

// What jobs are kept, found and moved by.
type (
	Acceptance = dialect.Acceptance
	Attempt    = dialect.Attempt
	Claimed    = dialect.Claimed
	Finish     = dialect.Finish
	Change     = dialect.Change
	Class      = dialect.Class
	Due        = dialect.Due
	Depth      = dialect.Depth
	Listing    = dialect.Listing
	Waiting    = dialect.Waiting
)

var (
	// ErrKeyInFlight says that another process is just accepting a request with the same Idempotency-Key.
	ErrKeyInFlight = dialect.ErrKeyInFlight
	// ErrFenced says that the attempt no longer holds its job.
	ErrFenced = dialect.ErrFenced
)

// Never is the next_check of a job that the reconciler has no business with: a batch, which only its items finish.
var Never = dialect.Never

// MaxRecheck is the longest pause before a job that waits is looked at.
const MaxRecheck = dialect.MaxRecheck

// Gently marks what is written with a context as work that gives way; see [dialect.Gently].
var Gently = dialect.Gently
