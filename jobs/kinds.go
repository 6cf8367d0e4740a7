package jobs

import (
	"slices"
	"time"

	"github.com/neurod/neurod/models"
)

// The queues. Someone waits for what is in the first; items of batches and long work go to the second.
const (
	InteractiveQueue = "interactive"
	BulkQueue        = "bulk"
)

// Queues returns the queues with their weights: how often a worker looks into one first, relative to the others.
func Queues() map[string]int { return map[string]int{InteractiveQueue: 4, BulkQueue: 1} }

// Kind says how jobs of a kind are run.
type Kind struct {
	// Queue is where single jobs of the kind go; items of batches always go to BulkQueue. Defaults to InteractiveQueue.
	Queue string
	// Deadline is how long one attempt may run before the job fails with deadline_exceeded. Defaults to 2 min.
	Deadline time.Duration
	// MaxAttempts is how many attempts may end in a passing fault before the job fails with retries_exhausted.
	// Defaults to 5.
	MaxAttempts int
	// Backoff is the pause after the first passing fault; it doubles with each, up to a minute, and is spread by
	// half. Defaults to 1 s.
	Backoff time.Duration
}

func (k Kind) withDefaults() Kind {
	if k.Queue == "" {
		k.Queue = InteractiveQueue
	}
	if k.Deadline <= 0 {
		k.Deadline = 2 * time.Minute
	}
	if k.MaxAttempts <= 0 {
		k.MaxAttempts = 5
	}
	if k.Backoff <= 0 {
		k.Backoff = time.Second
	}
	return k
}

// KindOf returns how jobs of a kind are run, all defaults filled in.
func (e *Engine) KindOf(kind models.JobKind) Kind { return e.cfg.Kinds[kind].withDefaults() }

// queueOf returns the queue of a job.
func (e *Engine) queueOf(kind models.JobKind, item bool) string {
	if item {
		return BulkQueue
	}
	return e.KindOf(kind).Queue
}

// bulkKinds are the kinds whose single jobs go to BulkQueue.
func (e *Engine) bulkKinds() []string {
	var kinds []string
	for kind, k := range e.cfg.Kinds {
		if k.Queue == BulkQueue {
			kinds = append(kinds, string(kind))
		}
	}
	slices.Sort(kinds)
	return kinds
}
