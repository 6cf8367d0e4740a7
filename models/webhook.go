package models

import (
	"math"
	"slices"
	"time"
)

// WebhookEventType names something that a project can be told of.
type WebhookEventType string

// The types of events.
const (
	EventJobCompleted     WebhookEventType = "job.completed"
	EventJobFailed        WebhookEventType = "job.failed"
	EventJobCanceled      WebhookEventType = "job.canceled"
	EventSessionCompleted WebhookEventType = "session.completed" // ended, and every window is written
	EventDecodeIntent     WebhookEventType = "decode.intent"     // a live decode that found an intent
	EventModelTrained     WebhookEventType = "model.trained"     // or calibrated
	// EventPing is sent when somebody asks for a test. It is subscribed to by nobody.
	EventPing WebhookEventType = "ping"
)

// WebhookEventTypes lists the types that a webhook can subscribe to. The database's triggers make the events.
func WebhookEventTypes() []WebhookEventType {
	return []WebhookEventType{EventJobCompleted, EventJobFailed, EventJobCanceled, EventSessionCompleted, EventDecodeIntent, EventModelTrained}
}

// Valid reports whether a webhook can subscribe to the type.
func (t WebhookEventType) Valid() bool { return slices.Contains(WebhookEventTypes(), t) }

// Webhook is an address that a project wants to be told at.
type Webhook struct {
	ID            string
	ProjectID     string
	URL           string
	Host          string // of URL, with its port
	Description   string
	Events        []WebhookEventType // stored as JSON text
	Enabled       bool
	Reason        string // why the server has disabled it, "" otherwise
	Secret        string // sealed; the receiver has it in clear
	OldSecret     string // that before the last rotation, sealed; "" for none
	OldSecretEnds *time.Time
	FailingSince  *time.Time // the first failure since the last success
	DeliveredAt   *time.Time // about when the last event was delivered
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// WebhookEvent is something that happened. It is written in the transaction of what it tells of, once.
type WebhookEvent struct {
	ID        string // what receivers get as webhook-id, the same with every attempt
	ProjectID string
	Type      WebhookEventType
	Subject   string  // what it is about: a job, a session, a decode of one
	SessionID *string // the session that it is erased with
	Facts     string  // JSON object
	CreatedAt time.Time
}

// DeliveryState is where a delivery stands.
//
//	           ┌──── failed, more attempts are left ────┐
//	           ▼                                        │
//	event → pending ──────────── attempt ───────────────┼──► delivered
//	           ▲                                        └──► failed
//	           └──────────── redeliver ─────────────────────────┘
type DeliveryState string

// The states of a delivery.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed"
)

// DeliveryStates lists every state.
func DeliveryStates() []DeliveryState {
	return []DeliveryState{DeliveryPending, DeliveryDelivered, DeliveryFailed}
}

// WebhookDelivery is an event on its way to a webhook.
type WebhookDelivery struct {
	ID            string
	WebhookID     string
	EventID       string
	ProjectID     string
	State         DeliveryState
	Attempts      int       // claims so far: the fence of the running attempt
	NextAttemptAt time.Time // an attempt that runs has put it ahead: that is its lease
	ExpiresAt     time.Time // no attempt begins later
	CreatedAt     time.Time
	FinishedAt    *time.Time
}

// WebhookAttempt is one attempt of a delivery.
type WebhookAttempt struct {
	DeliveryID string
	Attempt    int
	StartedAt  time.Time
	DurationMS *int   // nil while it runs, and where its process was lost
	Status     *int   // of the answer, nil where there was none
	Error      string // "" for none
	Answer     string // the beginning of the answer
}

// How long a delivery is tried, and how long a webhook may fail before it is disabled.
const (
	DeliveryLifetime = 24 * time.Hour
	// DeliveryLease is how long an attempt may take at most; a process that was lost gives its delivery back after that.
	DeliveryLease = time.Minute
	// SecretOverlap is how long events are also signed with the secret before the last one.
	SecretOverlap = 24 * time.Hour
	// WebhookFailing is how long nothing may have been delivered before a webhook is disabled.
	WebhookFailing = 3 * 24 * time.Hour

	firstPause   = 5 * time.Second
	longestPause = 8 * time.Hour
	pauseFactor  = 3
	longestAsked = time.Hour // of what a receiver may ask for by Retry-After
)

// RetryPause is the pause after the failed attempt of a number, from 1: 5 s, then three times as long with each, up to 8 h, spread by a
// fifth so that what failed together does not come back together. spread is a random number in [0, 1). A receiver that asked for
// a longer pause gets it, up to an hour.
func RetryPause(attempt int, spread float64, asked time.Duration) time.Duration {
	pause := min(float64(firstPause)*math.Pow(pauseFactor, float64(max(attempt, 1)-1)), float64(longestPause))
	pause *= 0.8 + 0.4*spread
	return max(time.Duration(pause), min(asked, longestAsked))
}

// DeliveryOutcome is how an attempt ended.
type DeliveryOutcome struct {
	Delivered bool
	Aborted   bool          // the process stopped: it says nothing of the receiver
	Gone      bool          // the receiver says that it will never take an event again (410)
	Status    int           // 0 for no answer
	Error     string        // "" where there was an answer
	Answer    string        // the beginning of it
	Duration  time.Duration // of the attempt
	Asked     time.Duration // pause that the receiver asked for, 0 for none
}

// After returns the delivery as it stands when its attempt has ended at a time, and false where the attempt is not the one that the
// delivery waits for: another has taken over, or somebody has ended it. spread is as for RetryPause.
func (d WebhookDelivery) After(attempt int, o DeliveryOutcome, at time.Time, spread float64) (WebhookDelivery, bool) {
	if d.State != DeliveryPending || d.Attempts != attempt {
		return d, false
	}
	next := at.Add(RetryPause(attempt, spread, o.Asked))
	switch {
	case o.Delivered:
		d.State, d.FinishedAt = DeliveryDelivered, &at
	case o.Aborted:
		d.NextAttemptAt = at
	case o.Gone, !at.Before(d.ExpiresAt):
		d.State, d.FinishedAt = DeliveryFailed, &at
	case next.After(d.ExpiresAt):
		d.NextAttemptAt = d.ExpiresAt // the last one
	default:
		d.NextAttemptAt = next
	}
	return d, true
}

// After returns the webhook as it is after an attempt that has ended at a time, and whether it changes.
func (w Webhook) After(o DeliveryOutcome, at time.Time) (Webhook, bool) {
	if o.Delivered {
		if w.FailingSince == nil && w.DeliveredAt != nil && at.Sub(*w.DeliveredAt) < time.Minute {
			return w, false // the row of a busy webhook is not written for each event
		}
		w.FailingSince, w.DeliveredAt = nil, &at
		return w, true
	}
	if o.Aborted {
		return w, false
	}
	changed := w.FailingSince == nil
	if changed {
		w.FailingSince = &at
	}
	switch {
	case !w.Enabled:
	case o.Gone:
		w.Enabled, w.Reason, changed = false, "The receiver answered 410 Gone.", true
	case at.Sub(*w.FailingSince) >= WebhookFailing:
		w.Enabled, changed = false, true
		w.Reason = "Nothing could be delivered since " + w.FailingSince.UTC().Format(time.RFC3339) + "."
	}
	return w, changed
}

// Ping returns an event that tests a webhook, and its delivery.
func (w Webhook) Ping(at time.Time) (WebhookEvent, WebhookDelivery) {
	id := NewID()
	e := WebhookEvent{ID: "evt_pi_" + id, ProjectID: w.ProjectID, Type: EventPing, Subject: w.ID, Facts: `{"webhook":"` + w.ID + `"}`, CreatedAt: at}
	return e, WebhookDelivery{ID: id, WebhookID: w.ID, EventID: e.ID, ProjectID: w.ProjectID, State: DeliveryPending, NextAttemptAt: at,
		ExpiresAt: at.Add(DeliveryLifetime), CreatedAt: at}
}

// Secrets returns the sealed secrets that an event is signed with at a time, the newest first.
func (w Webhook) Secrets(at time.Time) []string {
	out := []string{w.Secret}
	if w.OldSecret != "" && w.OldSecretEnds != nil && at.Before(*w.OldSecretEnds) {
		out = append(out, w.OldSecret)
	}
	return out
}
