package entity

import (
	"encoding/json"
	"time"

	"github.com/neurod/neurod/models"
)

// Job is a job.
type Job struct{ j models.Job }

// JobOf wraps a job.
func JobOf(j models.Job) *Job { return &Job{j} }

// ID and what follows are the fields of the type.
func (j *Job) ID() string             { return j.j.ID }
func (j *Job) Kind() string           { return string(j.j.Kind) }
func (j *Job) State() models.JobState { return j.j.State }
func (j *Job) Attempts() int          { return j.j.Attempts }
func (j *Job) CreatedAt() time.Time   { return j.j.CreatedAt }
func (j *Job) StartedAt() *time.Time  { return j.j.StartedAt }
func (j *Job) FinishedAt() *time.Time { return j.j.FinishedAt }

// Output is what it found, nil for nothing.
func (j *Job) Output() json.RawMessage {
	return j.j.Output
}

// Error is why it failed.
func (j *Job) Error() *Fault {
	if j.j.ErrorCode == nil {
		return nil
	}
	f := &Fault{Code: *j.j.ErrorCode}
	if j.j.ErrorMessage != nil {
		f.Message = *j.j.ErrorMessage
	}
	return f
}

// PageInfo tells of the ends of a part of a list.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// JobEdge is a job in a list.
type JobEdge struct {
	Cursor string
	Node   *Job
}

// JobConnection is a part of the list of jobs.
type JobConnection struct {
	Edges    []*JobEdge
	Nodes    []*Job
	PageInfo *PageInfo
}
