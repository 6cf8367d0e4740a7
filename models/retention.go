package models

import "time"

// ProjectRetention is how long a project keeps what has ended, in hours, where it has said so. 0 is what the server does: jobs and their recordings go by its
// settings, sessions and windows stay until they are deleted.
type ProjectRetention struct {
	ProjectID string
	// PayloadHours is how long recordings of jobs are kept after the job has ended, JobHours how long jobs are; neither is longer than the server's.
	PayloadHours, JobHours int
	// SessionHours is how long sessions are kept after their end, with their samples, windows and everything else; WindowHours how long their
	// feature windows are.
	SessionHours, WindowHours int
	UpdatedAt                 time.Time
}

// TableName tells the store the table.
func (ProjectRetention) TableName() string { return "project_retention" }

// MaxRetentionHours is the longest that a project may ask for: ten years.
const MaxRetentionHours = 10 * 365 * 24
