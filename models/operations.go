package models

import "time"

// Process is a process of the service, as it said last.
type Process struct {
	ID        string // of a worker, the owner of its leases
	Role      string
	Host      string
	Pid       int
	Version   string
	Slots     int // jobs that it runs at once; 0 where it runs none
	Running   int
	Memory    int64 // bytes
	StartedAt time.Time
	SeenAt    time.Time
	EndedAt   *time.Time // nil while it runs, and for one that was lost

	Supervisor string // the process that started it, "" where none did
	Draining   bool   // it takes no more jobs
	WorkersMin int
	WorkersMax int // workers that it may keep; 0 where it keeps none

	KnownSchema int64 // the newest migration that its program knows; 0 of programs that do not say
}

// TableName tells the store the table.
func (Process) TableName() string { return "processes" }

// SchemaFloor says which programs may run on the schema. There is one row.
type SchemaFloor struct {
	ID      int
	Version int64 // the newest migration that a program must know
}

// TableName tells the store the table.
func (SchemaFloor) TableName() string { return "schema_floor" }

// QueuePause says that no worker takes jobs of a queue.
type QueuePause struct {
	Queue     string
	PausedBy  string // id of the operator
	CreatedAt time.Time
}

// JobStat is how jobs of a kind that ended in a minute or an hour did.
type JobStat struct {
	Step      int       // s
	At        time.Time // when it begins
	Queue     string
	Kind      JobKind // "" in the row that says that the step was counted
	Completed int
	Failed    int
	Canceled  int
	Waited    string // JSON: counts by bucket
	Ran       string
}

// OperatorVerb is what an operator does to jobs.
type OperatorVerb string

// The verbs.
const (
	VerbRetry   OperatorVerb = "retry"   // a job like it is made anew; it itself stays as it ended
	VerbCancel  OperatorVerb = "cancel"  // it is canceled
	VerbDiscard OperatorVerb = "discard" // it is no dead letter any more
)

// OperatorVerbs lists every verb.
func OperatorVerbs() []OperatorVerb { return []OperatorVerb{VerbRetry, VerbCancel, VerbDiscard} }

// ActionState is the state of an OperatorAction.
type ActionState string

// The states.
const (
	ActionRunning   ActionState = "running"
	ActionCompleted ActionState = "completed"
	ActionCanceled  ActionState = "canceled"
)

// OperatorAction is a verb for all jobs that meet a filter.
type OperatorAction struct {
	ID          string
	Action      OperatorVerb
	Filter      string // JSON of a JobFilter
	State       ActionState
	RequestedBy string // id of the operator
	Most        int    // jobs that are looked at, at most
	Total       int    // that met the filter when it was asked for, as far as Most
	Done        int
	Skipped     int
	Reasons     string // JSON: how many were skipped, by why
	Position    string // id of the last job that was looked at
	Owner       string // the process that works on it
	LeaseUntil  *time.Time
	CreatedAt   time.Time
	FinishedAt  *time.Time
}

// JobFilter selects jobs of all projects. What is empty selects all.
type JobFilter struct {
	States    []JobState `json:"state,omitempty"`
	Kinds     []JobKind  `json:"kind,omitempty"`
	Queue     string     `json:"queue,omitempty"`
	ProjectID string     `json:"project_id,omitempty"`
	ErrorCode string     `json:"error_code,omitempty"`
	Owner     string     `json:"worker,omitempty"`
	Dead      *bool      `json:"dead,omitempty"`
	Attempts  int        `json:"attempts,omitempty"`       // at least so many
	Before    *time.Time `json:"created_before,omitempty"` // made before
	After     *time.Time `json:"created_after,omitempty"`  // made at or after
}

// AdminJob is a job as operators see it: nothing of what it was given and found, but how much that is.
type AdminJob struct {
	Job
	ProjectName  string
	RequestBytes int
	OutputBytes  int
}

// Past is an attempt that did not end its job.
type Past struct {
	Attempt   int
	Owner     string
	StartedAt *time.Time
	EndedAt   time.Time
	Outcome   string // retried, handed_back or lost
	Error     string // what went wrong, for operators; "" for nothing
}

// DeadLetters counts jobs that were given up for the same reason.
type DeadLetters struct {
	Kind      JobKind
	ErrorCode string
	Jobs      int
	Oldest    time.Time
	Newest    time.Time
}

// ProjectLoad is what a project has the workers do.
type ProjectLoad struct {
	ProjectID string
	Name      string
	Queued    int
	Running   int
	Oldest    *time.Time // of those that wait
}

// QueueState is how many jobs of a queue wait and why.
type QueueState struct {
	Queue     string
	Pending   int // due
	Scheduled int // wait for a time that is yet to come
	Retrying  int // of both, those that were tried before
	Running   int
	Dead      int
	Oldest    *time.Time // when the oldest that is due was made
	Paused    *QueuePause
}
