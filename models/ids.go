package models

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// requestPrefix precedes a job's UUID in the id that the decode API returns: "req_pi_<uuid>".
const requestPrefix = "req_pi_"

// NewID returns a fresh UUID version 7.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// RequestID returns the public id of a job, "req_pi_<uuid>".
func RequestID(jobID string) string { return requestPrefix + jobID }

// ParseJobID accepts a job's UUID with or without the "req_pi_" prefix and returns the canonical UUID.
func ParseJobID(s string) (string, bool) {
	return ParseID(strings.TrimPrefix(s, requestPrefix))
}

// ParseID returns the canonical form of a UUID in its 36-character text form.
func ParseID(s string) (string, bool) {
	if len(s) != 36 {
		return "", false
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return "", false
	}
	return id.String(), true
}

// TimeOfID returns when an id of NewID was made (RFC 9562, section 5.7: 48 bits of Unix milliseconds first), nil for what is none.
func TimeOfID(id string) *time.Time {
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 {
		return nil
	}
	var ms int64
	for _, b := range u[:6] {
		ms = ms<<8 | int64(b)
	}
	t := time.UnixMilli(ms).UTC()
	return &t
}
