package models

import (
	"encoding/json"
	"strings"
	"time"
)

// JobState is the state of a job.
//
//	            ┌──────── lease expired, temporary fault ─────────┐
//	            ▼                                                 │
//	accept → queued ── claim ──► running ──► completed | failed | canceled
//	            └──── cancel ───────────────────────────────────► canceled
//
// The three states on the right are final: nothing changes a job that has reached one.
type JobState string

// The states of a job.
const (
	JobQueued    JobState = "queued"
	JobRunning   JobState = "running"
	JobCompleted JobState = "completed"
	JobFailed    JobState = "failed"
	JobCanceled  JobState = "canceled"
)

// JobStates lists every state.
func JobStates() []JobState {
	return []JobState{JobQueued, JobRunning, JobCompleted, JobFailed, JobCanceled}
}

// Final reports whether the state can never change again.
func (s JobState) Final() bool { return s == JobCompleted || s == JobFailed || s == JobCanceled }

// Valid reports whether s is one of the states.
func (s JobState) Valid() bool { return s == JobQueued || s == JobRunning || s.Final() }

// JobKind names the work a job does.
type JobKind string

// The kinds of jobs. What else is known of them is in the registry of package jobs.
const (
	KindDecode      JobKind = "neuro_decode"
	KindDecodeBatch JobKind = "neuro_decode_batch"
	// KindSessionWindows writes the feature windows that are due in a session.
	KindSessionWindows JobKind = "session_windows"
	// KindSessionImport makes the samples, windows and events of a session out of an uploaded file.
	KindSessionImport JobKind = "session_import"
	// KindUserErase deletes everything of an external user.
	KindUserErase JobKind = "user_erase"
	// KindProjectDelete deletes everything of a project.
	KindProjectDelete JobKind = "project_delete"
	// KindModelTrain trains a model on labelled sessions.
	KindModelTrain JobKind = "model_train"
	// KindModelCalibrate makes a new version of a model that keeps learning.
	KindModelCalibrate JobKind = "model_calibrate"
)

// Job is one accepted piece of work. Its row is the truth about it, and its own outbox: Seq and NextCheck
// say when the reconciler must hand it to the queue again.
type Job struct {
	ID        string
	ProjectID string
	Kind      JobKind
	State     JobState
	ParentID  *string // the batch this job is an item of
	ItemIndex *int    // position in the batch, from 0

	Request      json.RawMessage // the accepted request without its payload
	Output       json.RawMessage // set when completed; a batch's counts
	Diagnostics  json.RawMessage // routing and milliseconds a step
	ErrorCode    *string         // set when failed
	ErrorMessage *string
	ErrorDetails json.RawMessage

	Seq         int        // enqueues so far; the queue's task id is "<id>:<seq>"
	NextCheck   time.Time  // when the reconciler looks at an unfinished job again
	NotBefore   *time.Time // a worker that chooses among waiting jobs passes it over until then; not read back
	ClaimedAt   *time.Time // when the last attempt began; read by operators alone, as the two below
	History     *string    // how the attempts before it ended, a line each
	RetriedAs   *string    // the job that an operator has made of this one
	Attempts    int        // claims so far: the fence of the running attempt
	LostWorkers int        // attempts that ended with an expired lease
	Owner       *string    // worker that holds the lease
	LeaseUntil  *time.Time // end of the lease while running
	DeadLetter  bool       // failed for good through lost workers or exhausted retries: kept for the operator
	Trace       *string    // the trace and span that accepted it, as a traceparent (W3C Trace Context); nil without one

	ItemsTotal   int // batch: number of items
	ItemsPending int // batch: items not yet in a final state

	CreatedAt  time.Time
	StartedAt  *time.Time // first claim
	FinishedAt *time.Time
}

// Payload is the recording that a job works on, as it came in, compressed.
type Payload struct {
	JobID     string
	ProjectID string
	Codec     string // how Data is compressed: "none", "zstd", ...
	Size      int    // bytes before compression
	Data      []byte
	CreatedAt time.Time
}

// Answer is what a way in answers a call with. Whatever keeps it for a repetition of the call does not look into it.
type Answer struct {
	// Protocol names the way in, and behind a slash what it needs to read the bytes again, as in "http/202".
	Protocol string
	Bytes    []byte
}

// Idempotency identifies a call that the caller may repeat.
type Idempotency struct {
	Key         string // "" for none
	Fingerprint string // SHA-256 of the request as the way in got it, hex; needed with a key
	Protocol    string // the way in, as in Answer.Protocol before the slash; needed with a key
}

// IdempotencyRecord is the kept answer to a call that carried an idempotency key. Its scope is project + operation + key.
type IdempotencyRecord struct {
	ProjectID   string
	Operation   string
	Key         string
	Fingerprint string // SHA-256 of the request, hex
	JobID       string
	Answer      Answer
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// Replay returns the kept answer to a call that repeats the one that it was made for. A call that came in another way does not,
// whatever it says: which requests are the same is known by their bytes, and those of two protocols never are. Error:
// IdempotencyKeyReused.
func (r *IdempotencyRecord) Replay(idem Idempotency) (Answer, error) {
	protocol, _, _ := strings.Cut(r.Answer.Protocol, "/")
	switch {
	case protocol != idem.Protocol:
		return Answer{}, Errorf(IdempotencyKeyReused, "This idempotency key was used with another request, through another protocol (%s).", protocol)
	case r.Fingerprint != idem.Fingerprint:
		return Answer{}, NewError(IdempotencyKeyReused)
	}
	return r.Answer, nil
}

// WriteProbe is the row that is written to see whether the database can be written to.
type WriteProbe struct {
	ID   int
	Data []byte
}
