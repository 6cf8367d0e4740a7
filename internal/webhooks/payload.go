package webhooks

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// payload is the body of an event: small, with ids by which the receiver asks for the rest.
type payload struct {
	Type      models.WebhookEventType `json:"type"`
	Timestamp string                  `json:"timestamp"` // when it happened, RFC 3339
	ID        string                  `json:"id"`        // as webhook-id
	Object    string                  `json:"object"`
	Created   int64                   `json:"created"` // as Timestamp, Unix seconds
	Data      any                     `json:"data"`
}

// facts are those of every type of event together.
type facts struct {
	Kind       models.JobKind `json:"kind"`
	CreatedAt  int64          `json:"created_at"`
	FinishedAt int64          `json:"finished_at"`
	Code       *string        `json:"code"`
	Model      *string        `json:"model"`
	Mode       string         `json:"mode"`
	Windows    int            `json:"windows"`
	Index      int64          `json:"index"`
	Webhook    string         `json:"webhook"`
}

type jobData struct {
	ID         string          `json:"id"`
	JobID      string          `json:"job_id"`
	Kind       models.JobKind  `json:"kind"`
	Status     models.JobState `json:"status"`
	CreatedAt  int64           `json:"created_at"`
	FinishedAt int64           `json:"finished_at"`
	Error      *jobError       `json:"error,omitempty"`
}

type jobError struct {
	Code string `json:"code"`
}

type sessionData struct {
	SessionID     string `json:"session_id"`
	IngestionMode string `json:"ingestion_mode"`
	WindowCount   int    `json:"window_count"`
}

type intentData struct {
	ID            string          `json:"id"`
	SessionID     string          `json:"session_id"`
	Index         int64           `json:"index"`
	DecodedIntent string          `json:"decoded_intent"`
	Confidence    json.RawMessage `json:"confidence"`
	Paradigm      string          `json:"paradigm_detected,omitempty"`
}

type modelData struct {
	JobID string         `json:"job_id"`
	Kind  models.JobKind `json:"kind"`
	Model string         `json:"model"` // name@version
}

type pingData struct {
	WebhookID string `json:"webhook_id"`
}

// ErrGone says that what an event tells of is not there any more.
var ErrGone = errors.New("webhooks: what the event tells of is gone")

// Payload returns the body of an event, the same for every attempt. Error: ErrGone where a decode has been erased.
func Payload(d store.Delivery) ([]byte, error) {
	e := d.Event
	var f facts
	if err := json.Unmarshal([]byte(e.Facts), &f); err != nil {
		return nil, fmt.Errorf("webhooks: facts of %s: %w", e.ID, err)
	}
	p := payload{Type: e.Type, Timestamp: e.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z"), ID: e.ID, Object: "event", Created: e.CreatedAt.Unix()}
	switch e.Type {
	case models.EventJobCompleted, models.EventJobFailed, models.EventJobCanceled:
		status := map[models.WebhookEventType]models.JobState{models.EventJobCompleted: models.JobCompleted, models.EventJobFailed: models.JobFailed,
			models.EventJobCanceled: models.JobCanceled}[e.Type]
		j := jobData{ID: models.RequestID(e.Subject), JobID: e.Subject, Kind: f.Kind, Status: status, CreatedAt: f.CreatedAt, FinishedAt: f.FinishedAt}
		if f.Code != nil {
			j.Error = &jobError{*f.Code}
		}
		p.Data = j
	case models.EventSessionCompleted:
		p.Data = sessionData{e.Subject, f.Mode, f.Windows}
	case models.EventDecodeIntent:
		if d.Decoded == "" || e.SessionID == nil {
			return nil, ErrGone
		}
		i := intentData{SessionID: *e.SessionID, Index: f.Index, ID: models.SessionDecode{SessionID: *e.SessionID, DecodeIndex: f.Index}.ID()}
		var out struct {
			DecodedIntent string          `json:"decoded_intent"`
			Confidence    json.RawMessage `json:"confidence"`
			Paradigm      string          `json:"paradigm_detected"`
		}
		if err := json.Unmarshal([]byte(d.Decoded), &out); err != nil {
			return nil, fmt.Errorf("webhooks: decode of %s: %w", e.ID, err)
		}
		i.DecodedIntent, i.Confidence, i.Paradigm = out.DecodedIntent, out.Confidence, out.Paradigm
		p.Data = i
	case models.EventModelTrained:
		m := modelData{JobID: e.Subject, Kind: f.Kind}
		if f.Model != nil {
			m.Model = *f.Model
		}
		p.Data = m
	case models.EventPing:
		p.Data = pingData{f.Webhook}
	default:
		return nil, fmt.Errorf("webhooks: %s is an event of the type %q, which this version does not know", e.ID, e.Type)
	}
	return json.Marshal(p)
}
