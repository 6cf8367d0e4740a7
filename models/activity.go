package models

// Activity names something that projects do and that is counted by the day. The counts are rows of the table of ProjectUsage, whose periods
// are days.
type Activity string

// What is counted. The counts are for reading: nothing is refused because of them.
const (
	ActivityRequests    Activity = "requests"     // calls that were let in, by keys and by members
	ActivityRateLimited Activity = "rate_limited" // calls that had to wait: 429 rate_limited
	ActivityDecodes     Activity = "decodes"      // jobs that decode, items of batches one by one
	ActivitySamples     Activity = "samples"      // values kept of sessions: samples × channels
)

// Activities lists what is counted.
func Activities() []Activity {
	return []Activity{ActivityRequests, ActivityRateLimited, ActivityDecodes, ActivitySamples}
}

// ActiveDay is what a project did on a day.
type ActiveDay struct {
	Day    string // UTC, as in 2026-01-31
	Counts map[Activity]int64
}
