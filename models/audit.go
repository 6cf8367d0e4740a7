package models

import "time"

// AuditRecord says that a user's data were erased. It is only ever added; the subject is hashed, so that the record does
// not keep what the erasure removed.
type AuditRecord struct {
	ID              string
	ProjectID       string
	Action          string // "user_erased"
	SubjectHash     string // SHA-256 of project and external user id, hex
	Actor           string // id of the API key that asked for it
	SessionsDeleted int64
	SamplesDeleted  int64 // a channel
	FeaturesDeleted int64
	CreatedAt       time.Time
}

// auditPrefix precedes the UUID of an audit record in answers.
const auditPrefix = "aud_"

// PublicID returns the id that callers see.
func (a AuditRecord) PublicID() string { return auditPrefix + a.ID }
