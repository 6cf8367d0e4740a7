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

// Kind is all that is known of the jobs of one kind, beside what the work itself is: workers have a handler for each.
type Kind struct {
	Name models.JobKind
	// Operation is the scope, beside the project, of the Idempotency-Key of calls that submit such a job. Defaults to none: the job
	// follows from other calls.
	Operation string
	// Rights are what it takes to submit one. Defaults to none: nobody does.
	Rights []models.Right
	// Batch tells that the job is the parent of items, which are jobs of other kinds: no worker runs it itself.
	Batch bool
	// Listed jobs are shown among those of their project.
	Listed bool
	// Cancelable jobs end when a caller wants them to. Others go on once they were accepted.
	Cancelable bool
	// Queue is where single jobs of the kind go; items of batches always go to BulkQueue. Defaults to InteractiveQueue.
	Queue string
	// Deadline is how long one attempt may run before the job fails with deadline_exceeded. Defaults to 2 min.
	Deadline time.Duration
	// MaxAttempts is how many attempts may end in a temporary fault before the job fails with retries_exhausted.
	// Defaults to 5.
	MaxAttempts int
	// Backoff is the pause after the first temporary fault; it doubles with each, up to a minute, and is spread by
	// half. Defaults to 1 s.
	Backoff time.Duration
}

// kinds is the registry: the one list of the kinds of jobs, in the order in which callers see them.
var kinds = []Kind{
	{Name: models.KindDecode, Operation: "neuro_decode", Rights: []models.Right{models.RightDecode}, Listed: true, Cancelable: true},
	{Name: models.KindDecodeBatch, Operation: "neuro_decode_batch", Rights: []models.Right{models.RightDecode}, Batch: true, Listed: true, Cancelable: true},
	// Someone may follow the session live. A long upload is written round by round; what one attempt has written stays.
	{Name: models.KindSessionWindows, Rights: []models.Right{models.RightSessionsWrite}, Listed: true, Cancelable: true, Deadline: time.Hour},
	// A file is written round by round; what one attempt has written stays.
	{Name: models.KindSessionImport, Operation: "session_import", Rights: []models.Right{models.RightSessionsWrite}, Listed: true, Cancelable: true,
		Queue: BulkQueue, Deadline: 6 * time.Hour},
	// Someone waits for it, and it has been promised: it is not given up because the database is away for a while.
	{Name: models.KindUserErase, Rights: []models.Right{models.RightErase}, Listed: true, Deadline: 12 * time.Hour, MaxAttempts: 100},
	// A user asks for it, and nobody can reach the project any more.
	{Name: models.KindProjectDelete, Listed: true, Queue: BulkQueue, Deadline: 12 * time.Hour, MaxAttempts: 100},
	// Trainings read what the scope of sessions protects.
	{Name: models.KindModelTrain, Operation: "model_train", Rights: []models.Right{models.RightCatalogWrite, models.RightSessionsRead}, Listed: true, Cancelable: true,
		Queue: BulkQueue, Deadline: time.Hour},
	{Name: models.KindModelCalibrate, Operation: "model_calibrate", Rights: []models.Right{models.RightCatalogWrite, models.RightSessionsRead}, Listed: true, Cancelable: true,
		Queue: BulkQueue, Deadline: time.Hour},
}

// Kinds returns the registry, all defaults filled in.
func Kinds() []Kind {
	out := make([]Kind, len(kinds))
	for i, k := range kinds {
		out[i] = k.withDefaults()
	}
	return out
}

// KindOf returns what is known of a kind, all defaults filled in. A kind that a newer version of the program has made is listed and
// can be canceled.
func KindOf(name models.JobKind) Kind {
	for _, k := range kinds {
		if k.Name == name {
			return k.withDefaults()
		}
	}
	return Kind{Name: name, Listed: true, Cancelable: true}.withDefaults()
}

// ListedKinds returns the names of the kinds that a project's list of jobs may be asked for.
func ListedKinds() []models.JobKind {
	var names []models.JobKind
	for _, k := range kinds {
		if k.Listed {
			names = append(names, k.Name)
		}
	}
	return names
}

// BulkKinds returns the names of the kinds of the registry whose single jobs go to BulkQueue.
func BulkKinds() []string {
	var names []string
	for _, k := range kinds {
		if k.withDefaults().Queue == BulkQueue {
			names = append(names, string(k.Name))
		}
	}
	slices.Sort(names)
	return names
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

// KindOf returns how this engine runs jobs of a kind, all defaults filled in.
func (e *Engine) KindOf(kind models.JobKind) Kind {
	if k, ok := e.cfg.Kinds[kind]; ok {
		return k.withDefaults()
	}
	return KindOf(kind)
}

// queueOf returns the queue of a job.
func (e *Engine) queueOf(kind models.JobKind, item bool) string {
	if item {
		return BulkQueue
	}
	return e.KindOf(kind).Queue
}

// Bulk reports whether a job is one of BulkQueue, for which nobody waits.
func (e *Engine) Bulk(job models.Job) bool {
	return e.queueOf(job.Kind, job.ParentID != nil) == BulkQueue
}

// BulkKinds are the kinds whose single jobs go to BulkQueue.
func (e *Engine) BulkKinds() []string { return e.bulkKinds() }

// bulkKinds are the kinds whose single jobs go to BulkQueue.
func (e *Engine) bulkKinds() []string {
	var names []string
	note := func(k Kind) {
		if e.KindOf(k.Name).Queue == BulkQueue && !slices.Contains(names, string(k.Name)) {
			names = append(names, string(k.Name))
		}
	}
	for _, k := range kinds {
		note(k)
	}
	for name := range e.cfg.Kinds {
		note(Kind{Name: name})
	}
	slices.Sort(names)
	return names
}
