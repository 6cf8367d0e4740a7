package models

import "time"

// ProjectQuota is what a project has instead of a server's setting.
type ProjectQuota struct {
	ProjectID string
	Name      QuotaName
	Value     int64
}

// ProjectUsage is a count of what a project has used, kept by the database's triggers. The sum over the slots counts.
type ProjectUsage struct {
	ProjectID string
	Name      QuotaName // QuotaStoredBytes or QuotaWindowsPerDay
	Period    string    // the day (UTC), as in 2026-01-31; "" for what has none
	Slot      int
	Value     int64
}

// QuotaName names a quota.
type QuotaName string

// The quotas of a project.
const (
	// QuotaShare is a project's share of the workers, relative to the other projects': 1 unless the operator has said otherwise.
	QuotaShare QuotaName = "share"

	QuotaStoredBytes   QuotaName = "stored_bytes"
	QuotaWaitingJobs   QuotaName = "waiting_jobs"
	QuotaOpenSessions  QuotaName = "open_sessions"
	QuotaWindowsPerDay QuotaName = "windows_per_day"
	QuotaModels        QuotaName = "models"
	QuotaWebhooks      QuotaName = "webhooks"
	QuotaDevices       QuotaName = "devices"
)

// QuotaRule is a row of the table of quotas.
type QuotaRule struct {
	Name    QuotaName
	Setting string // the environment's variable with the server's limit, 0 for none
	Unit    int64  // what one of the setting counts: 1 MiB for NEUROD_QUOTA_STORED_MB
	// Code refuses what would pass the limit: ProjectQuotaExceeded where waiting helps, ProjectQuotaFull where the project must free something.
	Code Code
	What string // that there are too many of, for messages
	Free string // what makes room, for messages
}

// Quotas is the table of everything of which a project may use so much. The share of the workers is none: it refuses nothing.
func Quotas() []QuotaRule {
	return []QuotaRule{
		{QuotaStoredBytes, "NEUROD_QUOTA_STORED_MB", 1 << 20, ProjectQuotaFull, "bytes stored", "erase users or delete models; recordings of finished jobs are deleted by themselves"},
		{QuotaWaitingJobs, "NEUROD_QUOTA_WAITING_JOBS", 1, ProjectQuotaExceeded, "jobs waiting", "wait until some have run"},
		{QuotaOpenSessions, "NEUROD_QUOTA_OPEN_SESSIONS", 1, ProjectQuotaFull, "sessions open", "end some"},
		{QuotaWindowsPerDay, "NEUROD_QUOTA_WINDOWS_PER_DAY", 1, ProjectQuotaExceeded, "windows today", "wait for the next day, which begins at 00:00 UTC"},
		{QuotaModels, "NEUROD_QUOTA_MODELS", 1, ProjectQuotaFull, "versions of models", "delete some"},
		{QuotaWebhooks, "NEUROD_QUOTA_WEBHOOKS", 1, ProjectQuotaFull, "webhooks", "delete some"},
		{QuotaDevices, "NEUROD_QUOTA_DEVICES", 1, ProjectQuotaFull, "devices", "delete some"},
	}
}

// QuotaNames lists everything that a project may have a value of its own for.
func QuotaNames() []QuotaName {
	out := []QuotaName{QuotaShare}
	for _, q := range Quotas() {
		out = append(out, q.Name)
	}
	return out
}

// QuotaPeriod is the day of the time given, as ProjectUsage has it.
func QuotaPeriod(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// Used is how much of a quota a project uses.
type Used struct {
	Name  QuotaName
	Limit int64 // 0 for none
	Used  int64
}
