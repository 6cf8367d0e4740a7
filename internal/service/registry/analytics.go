package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// AnalyticsStore keeps events of the analytics.
type AnalyticsStore interface {
	LogEvent(ctx context.Context, e models.AnalyticsEvent, limit int64) (used int64, err error)
}

var _ AnalyticsStore = (*store.Store)(nil)

// AnalyticsConfig is what Analytics needs.
type AnalyticsConfig struct {
	// Store keeps the events. Required.
	Store AnalyticsStore
	// Quota is how many events a project may log in a calendar month (UTC). 0 takes none: NotConfigured.
	Quota int
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Analytics takes what clients report of their use of models.
type Analytics struct{ cfg AnalyticsConfig }

// NewAnalytics returns the use case.
func NewAnalytics(cfg AnalyticsConfig) *Analytics {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Analytics{cfg}
}

// Event is what a client reports.
type Event struct {
	EventType     string          `json:"event_type"`
	ModelName     *string         `json:"model_name"`
	InferenceType *string         `json:"inference_type"`
	DurationMS    *float64        `json:"duration_ms"`
	Success       *bool           `json:"success"`
	ErrorMessage  *string         `json:"error_message"`
	Metadata      json.RawMessage `json:"metadata"`
}

var (
	eventTypes     = []string{"inference", "model_load", "error"}
	inferenceTypes = []string{"batch", "streaming"}
)

// Limits of an event's fields.
const (
	maxEventModel   = 200
	maxEventMessage = 2000
	maxMetadata     = 16_000 // bytes of JSON
	maxDurationMS   = 1e12   // 30 years
)

// MonthlyQuota is what a project has used of its month, and what is left.
type MonthlyQuota struct {
	Used      int64
	Remaining int64
}

// Log stores an event of the caller's project. Any key of the project may. Errors: InsufficientRole, MissingEventType, InvalidRequestBody naming
// each wrong field, QuotaExceeded, NotConfigured.
func (a *Analytics) Log(ctx context.Context, p models.Principal, e Event) (models.AnalyticsEvent, MonthlyQuota, error) {
	if p.ProjectID == "" {
		return models.AnalyticsEvent{}, MonthlyQuota{}, models.NewError(models.MissingKey)
	}
	if err := service.Authorize(p, models.RightAnalytics); err != nil {
		return models.AnalyticsEvent{}, MonthlyQuota{}, err
	}
	if a.cfg.Quota <= 0 {
		return models.AnalyticsEvent{}, MonthlyQuota{}, models.Errorf(models.NotConfigured, "This server takes no analytics events.")
	}
	if e.EventType == "" {
		return models.AnalyticsEvent{}, MonthlyQuota{}, models.NewError(models.MissingEventType)
	}
	if wrong := e.check(); len(wrong) > 0 {
		return models.AnalyticsEvent{}, MonthlyQuota{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	now := a.cfg.Now().UTC()
	event := models.AnalyticsEvent{ID: models.NewID(), ProjectID: p.ProjectID, KeyID: p.KeyID, EventType: e.EventType, ModelName: e.ModelName,
		InferenceType: e.InferenceType, DurationMS: e.DurationMS, Success: e.Success, ErrorMessage: e.ErrorMessage, CreatedAt: now}
	if m := e.metadata(); m != nil {
		text := string(m)
		event.Metadata = &text
	}
	limit := int64(a.cfg.Quota)
	used, err := a.cfg.Store.LogEvent(ctx, event, limit)
	switch {
	case errors.Is(err, store.ErrTooMany):
		e := models.Errorf(models.QuotaExceeded, "The project has logged its %d events of this month; the next month begins at 00:00 UTC on the first.", limit)
		e.RetryAfter = time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Sub(now)
		e.Details = map[string]any{"quota": limit}
		return models.AnalyticsEvent{}, MonthlyQuota{}, e
	case err != nil:
		return models.AnalyticsEvent{}, MonthlyQuota{}, service.Unavailable(err)
	}
	return event, MonthlyQuota{used, limit - used}, nil
}

// metadata returns the metadata, nil for none.
func (e Event) metadata() json.RawMessage {
	if m := bytes.TrimSpace(e.Metadata); len(m) > 0 && !bytes.Equal(m, []byte("null")) {
		return m
	}
	return nil
}

func (e Event) check() validate.Fields {
	var f validate.Fields
	f.OneOf(models.At("event_type"), e.EventType, eventTypes)
	if e.ModelName != nil {
		f.Text(models.At("model_name"), *e.ModelName, maxEventModel)
	}
	if e.InferenceType != nil {
		if *e.InferenceType == "" {
			f.Add(models.At("inference_type"), "not_allowed", "must be one of batch, streaming")
		}
		f.OneOf(models.At("inference_type"), *e.InferenceType, inferenceTypes)
	}
	if d := e.DurationMS; d != nil && (math.IsNaN(*d) || *d < 0 || *d > maxDurationMS) {
		f.Add(models.At("duration_ms"), "out_of_range", "is %g; must be from 0 to %g", *d, float64(maxDurationMS))
	}
	if e.ErrorMessage != nil {
		f.Text(models.At("error_message"), *e.ErrorMessage, maxEventMessage)
	}
	if m := e.metadata(); m != nil {
		switch {
		case m[0] != '{':
			f.Add(models.At("metadata"), "type", "must be an object")
		case len(m) > maxMetadata:
			f.Add(models.At("metadata"), "too_long", "has %d bytes; at most %d are allowed", len(m), maxMetadata)
		}
	}
	return f
}
