package models

import "time"

// AuditRecord says that a user's data were erased. It is only ever added, which the database itself holds; the subject is
// hashed, so that the record does not keep what the erasure removed.
type AuditRecord struct {
	ID              string
	ProjectID       string
	Action          string // ActionUserErased
	SubjectHash     string // SHA-256 of project and external user id, hex
	Actor           string // id of the API key that asked for it
	SessionsDeleted int64
	SamplesDeleted  int64 // a channel
	FeaturesDeleted int64
	CreatedAt       time.Time
}

// ActionUserErased is what an audit record of an erasure says was done.
const ActionUserErased = "user_erased"

// auditPrefix precedes the UUID of an audit record in answers.
const auditPrefix = "aud_"

// PublicID returns the id that callers see.
func (a AuditRecord) PublicID() string { return auditPrefix + a.ID }

// Erasure is an erasure under way. It never names the user: the sessions it is about are listed as ErasedSession. It
// goes when the last of them is gone, and leaves an AuditRecord with its id and counts.
type Erasure struct {
	ID              string
	ProjectID       string
	SubjectHash     string // as in the audit record
	Actor           string // id of the API key that asked first
	JobID           string // the latest job that works on it
	SessionsDeleted int64  // so far, as the others
	SamplesDeleted  int64
	FeaturesDeleted int64
	CreatedAt       time.Time
}

// ErasedSession is a session that nobody reaches any more and of which rows are left.
type ErasedSession struct {
	SessionID string
	ErasureID string
	ProjectID string
	JobID     *string // the session's latest job
}

// SessionJob names a job that worked for a session and that none of its batches names, such as the last look at a session
// that has ended. Erasure finds it by this.
type SessionJob struct {
	SessionID string
	JobID     string
}
