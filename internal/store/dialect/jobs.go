package dialect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/neurod/neurod/models"
)

// Never is the next_check of a job that the reconciler has no business with: a batch, which only its items finish.
var Never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Limits of Due's pause between two looks at a job that stays queued: it doubles with the job's age.
const (
	MinRecheck = 5 * time.Second
	MaxRecheck = 10 * time.Minute
)

// MaxAhead is further ahead than any pause before a job is looked at.
const MaxAhead = MaxRecheck + time.Minute

// Jobs keeps jobs, their payloads and idempotency records. Every method is one transaction.
//
// Invariants, the same on both databases:
//
//   - A row in a final state never changes again, except that its batch's count is settled with it.
//   - A claim, and only a claim, raises attempts. Owner and attempt together fence a running attempt: Extend, Finish
//     and Release touch a row only while it is running under exactly that owner and attempt.
//   - When an item of a batch becomes final, its batch's items_pending goes down in the same transaction, and the
//     batch becomes completed with the last one. Rows are locked in the order of their ids, items before batches.
//   - What is lost with a crash of the database are at most claims, leases and rechecks, which heal by themselves:
//     they do not wait for the disk. Accepting, finishing, releasing and canceling do.
//
// On PostgreSQL the database's clock rules; the store's own on SQLite, where there is one process, which is never set (Steady).
type Jobs interface {
	// Now returns the time by the clock that leases and pauses go by.
	Now(ctx context.Context) (time.Time, error)
	// Accept stores a job with everything that belongs to it. It returns nil, or the live record that already has
	// the acceptance's idempotency key, in which case nothing was stored. ErrKeyInFlight when it cannot say yet.
	Accept(ctx context.Context, a *Acceptance) (*models.IdempotencyRecord, error)
	// Claim takes a queued job for owner until the lease ends. It returns nil when the job is not queued.
	Claim(ctx context.Context, id, owner string, lease time.Duration) (*Claimed, error)
	// Waiting returns the projects whose jobs of a class wait for a worker, each with its oldest jobs, at most so many, as far
	// as they are not paused. It goes on behind the project given, "" for the first, and returns where the next look is to.
	Waiting(ctx context.Context, class Class, after string, each int) (projects []Waiting, next string, err error)
	// Extend renews leases from now on and returns the ids of those that owner still holds, in order.
	Extend(ctx context.Context, owner string, held []Attempt, lease time.Duration) ([]string, error)
	// Finish moves a running attempt to its final state. It reports which jobs became final: the job itself and
	// perhaps its batch; none when the fence held.
	Finish(ctx context.Context, f *Finish) ([]Change, error)
	// Release puts a running attempt back to the queue, to be looked at after the pause, and notes why. It returns the new seq, and
	// false when the fence held.
	Release(ctx context.Context, owner string, a Attempt, pause time.Duration, why string) (seq int, ok bool, err error)
	// Cancel cancels a job, with its items when it is a batch, and returns it as it is then and what became final.
	// A job in a final state is returned unchanged. ErrNotFound when the project has no such job.
	Cancel(ctx context.Context, projectID, id string) (models.Job, []Change, error)

	// ExpireLeases takes jobs from workers whose lease ended before a time of Now: back to the queue, due now, or failed with worker_lost
	// when that was the job's maxLost-th lost worker. It reports the ids requeued and the jobs that became final.
	ExpireLeases(ctx context.Context, before time.Time, maxLost, limit int) (requeued []string, final []Change, err error)
	// Rewind brings what lies further ahead than it can be back to where it may lie: leases longer than one from now on, and pauses
	// longer than any. A clock that was set back has left them. It returns how many jobs that was.
	Rewind(ctx context.Context, lease time.Duration) (int, error)
	// Due returns queued jobs whose next_check has passed, oldest id first, and puts their next_check ahead: each is
	// returned to one caller.
	Due(ctx context.Context, class Class, limit int) ([]Due, error)
	// Bump raises the seq of jobs that are still queued with the seq given, and returns those with their new seq.
	Bump(ctx context.Context, jobs []Due) ([]Due, error)
	// MakeDue makes queued jobs due now: those with the ids given, or all when ids is nil.
	MakeDue(ctx context.Context, ids []string) (int, error)
	// Orphan ends the leases of all running jobs at once: for the start of the only process of a database.
	Orphan(ctx context.Context) (int, error)

	// Get returns a job of the project. ErrNotFound when there is none.
	Get(ctx context.Context, projectID, id string) (models.Job, error)
	// List returns jobs, newest first; the items of a batch in their order.
	List(ctx context.Context, l Listing) ([]models.Job, error)
	// Counts returns how many items of a batch are in each state.
	Counts(ctx context.Context, projectID, parentID string) (map[models.JobState]int, error)
	// Depth counts unfinished jobs by class and state, without batches themselves.
	Depth(ctx context.Context, bulkKinds []string) ([]Depth, error)

	// PruneRecords deletes idempotency records that expired, at most limit. It returns how many.
	PruneRecords(ctx context.Context, limit int) (int, error)
	// PrunePayloads deletes payloads of jobs that finished before the time given, at most limit. Only payloads stored
	// before then are looked at.
	PrunePayloads(ctx context.Context, before time.Time, limit int) (int, error)
	// PruneJobs deletes jobs that finished before the times given, with their payloads, at most limit. Batches go with
	// their items.
	PruneJobs(ctx context.Context, before, deadLetterBefore time.Time, limit int) (int, error)

	// Close ends the connections that are the repository's own; calls that run end first.
	Close()
}

// Acceptance is what is stored when a job is accepted.
type Acceptance struct {
	Jobs     []models.Job     // the job, then the items if it is a batch
	Payloads []models.Payload // of some of the jobs
	Record   *models.IdempotencyRecord
	Sessions []models.SessionJob // sessions that the job works for; ErrNotFound where one is gone
	// Stored, if set, is called once the jobs can be claimed, which may be before the disk has them and Accept returns. It is not
	// called where Record is known.
	Stored func()
}

// RowSize is what a row costs beside its texts and data, its indexes among it, in bytes that cost as much.
const RowSize = 2 << 10

// Size returns about how many bytes the acceptance takes on the wire, or as much work as so many bytes.
func (a *Acceptance) Size() int {
	n := 0
	for i := range a.Jobs {
		n += RowSize + len(a.Jobs[i].Request)
	}
	for i := range a.Payloads {
		n += RowSize + len(a.Payloads[i].Data)
	}
	return n
}

// Attempt names one run of a job: its id and the number of its claim.
type Attempt struct {
	ID      string
	Attempt int
}

// Claimed is a job that its owner now runs.
type Claimed struct {
	Job     models.Job
	Payload []byte // as it was submitted; nil when the job has none
	// Load gives a payload that lies outside the database, as it was submitted; nil where Payload is all there is.
	Load    func(ctx context.Context) ([]byte, error)
	Outside *models.Payload // what names that object: Codec, Size and Data
	Others  bool            // jobs of other projects wait as well; items of batches do not count
}

// Take takes the payload as it is stored.
func (c *Claimed) Take(codec string, size int, data []byte) (err error) {
	if codec == CodecOutside {
		c.Outside = &models.Payload{Codec: codec, Size: size, Data: data}
		return nil
	}
	c.Payload, err = Unpack(codec, size, data)
	return err
}

// Finish is the end of an attempt.
type Finish struct {
	Attempt
	Owner        string
	State        models.JobState // completed or failed
	Item         bool            // the job is an item of a batch
	Output       json.RawMessage
	Diagnostics  json.RawMessage
	ErrorCode    *string
	ErrorMessage *string
	ErrorDetails json.RawMessage
	DeadLetter   bool
}

// Change says that a job became final.
type Change struct {
	ID    string
	Kind  models.JobKind
	State models.JobState
}

// Class selects jobs for one kind of queue: bulk are the items of batches and the bulk kinds, the rest are not.
type Class struct {
	Bulk      bool
	BulkKinds []string
}

// Due is a queued job that is to be handed to the queue.
type Due struct {
	ID      string
	Kind    models.JobKind
	Item    bool
	Seq     int
	Project string // "" where it is not known
}

// Depth is a number of unfinished jobs.
type Depth struct {
	Bulk  bool
	State models.JobState
	Jobs  int
}

// JobColumns are the columns of jobs in the order of JobTargets.
const JobColumns = `id, project_id, kind, state, parent_id, item_index, request, output, diagnostics, error_code, error_message,
	error_details, seq, next_check, attempts, lost_workers, owner, lease_until, dead_letter, items_total, items_pending,
	created_at, started_at, finished_at, trace`

// JobTargets returns where to scan JobColumns to. The wrappers say how the dialect reads times.
func JobTargets(j *models.Job, at func(*time.Time) any, optional func(**time.Time) any) []any {
	return []any{&j.ID, &j.ProjectID, (*string)(&j.Kind), (*string)(&j.State), &j.ParentID, &j.ItemIndex,
		(*[]byte)(&j.Request), (*[]byte)(&j.Output), (*[]byte)(&j.Diagnostics), &j.ErrorCode, &j.ErrorMessage,
		(*[]byte)(&j.ErrorDetails), &j.Seq, at(&j.NextCheck), &j.Attempts, &j.LostWorkers, &j.Owner, optional(&j.LeaseUntil),
		&j.DeadLetter, &j.ItemsTotal, &j.ItemsPending, at(&j.CreatedAt), optional(&j.StartedAt), optional(&j.FinishedAt), &j.Trace}
}

// BatchOutput is the output of a finished batch.
func BatchOutput(total int, counts map[models.JobState]int) []byte {
	b, _ := json.Marshal(struct { // cannot fail: ints only
		Total     int `json:"total"`
		Completed int `json:"completed"`
		Failed    int `json:"failed"`
		Canceled  int `json:"canceled"`
	}{total, counts[models.JobCompleted], counts[models.JobFailed], counts[models.JobCanceled]})
	return b
}

// SortDue puts jobs into the order of their ids.
func SortDue(d []Due) {
	slices.SortFunc(d, func(a, b Due) int { return strings.Compare(a.ID, b.ID) })
}

// Settled is a job that became final, with the batch it belongs to.
type Settled struct {
	Change
	Parent *string
}

// FirstID returns the lowest UUID version 7 of a time (RFC 9562, section 5.7: 48 bits of Unix milliseconds first).
func FirstID(t time.Time) string {
	h := fmt.Sprintf("%012x", max(t.UnixMilli(), 0))
	return h[:8] + "-" + h[8:] + "-7000-8000-000000000000"
}
