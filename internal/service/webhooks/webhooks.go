// Package webhooks holds the use cases of webhooks: projects say where they want to be told of what, and see how that goes. The events
// themselves are made by the database and sent by package internal/webhooks.
package webhooks

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Operations of webhooks that take an Idempotency-Key.
const (
	OperationCreate    = "webhook_create"
	OperationRotate    = "webhook_rotate"
	OperationTest      = "webhook_test"
	OperationRedeliver = "webhook_redeliver"
)

// Limits of webhooks.
const (
	MaxDescription = 200 // characters
	DefaultPage    = 20  // deliveries in one answer
	MaxPage        = 100
)

// Store keeps webhooks and their deliveries.
type Store interface {
	CreateWebhook(ctx context.Context, w models.Webhook, event models.AuditEvent) error
	Webhooks(ctx context.Context, projectID string) ([]models.Webhook, error)
	Webhook(ctx context.Context, projectID, id string) (models.Webhook, error)
	ChangeWebhook(ctx context.Context, projectID, id string, event models.AuditEvent, change func(*models.Webhook)) (models.Webhook, error)
	DeleteWebhook(ctx context.Context, projectID, id string, event models.AuditEvent) error
	AddDelivery(ctx context.Context, e models.WebhookEvent, d models.WebhookDelivery) error
	Deliveries(ctx context.Context, l store.DeliveryListing) ([]store.Delivery, error)
	Delivery(ctx context.Context, projectID, webhookID, id string) (store.Delivery, error)
	Redeliver(ctx context.Context, projectID, webhookID, id string, at time.Time) error
}

var _ Store = (*store.Store)(nil)

// Secrets makes, judges and seals the secrets that events are signed with.
type Secrets interface {
	New() string
	Check(secret string) error
	Seal(w models.Webhook, secret string) (string, error)
}

// Delivery is a delivery with its event and its attempts.
type Delivery = store.Delivery

// Config is what the use cases stand on.
type Config struct {
	// Store keeps the webhooks. Required.
	Store Store
	// Secrets makes and seals secrets. Required.
	Secrets Secrets
	// CheckAddress judges where a webhook leads and returns its host with the port. The error says what is wrong, as in "must begin
	// with https://". Required.
	CheckAddress func(address string) (host string, err error)
	// Quotas holds projects to what they may have. Defaults to none.
	Quotas *service.Quotas
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Service is the use case of webhooks. It is safe for concurrent use.
type Service struct{ cfg Config }

// New returns the use case.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg}
}

// NewWebhook describes a webhook to be made.
type NewWebhook struct {
	URL         string
	URLPath     models.Path // of URL in the request
	Description string
	Events      []models.WebhookEventType // nil takes DefaultEvents
	Secret      string                    // "" has one made
	Enabled     bool
}

// DefaultEvents are those of a webhook that does not say which.
func DefaultEvents() []models.WebhookEventType {
	return []models.WebhookEventType{models.EventJobCompleted, models.EventJobFailed}
}

// Create makes a webhook and returns its secret in clear, for the only time. Errors: InvalidRequestBody naming each wrong field,
// ProjectQuotaFull.
func (s *Service) Create(ctx context.Context, p models.Principal, n NewWebhook) (w models.Webhook, secret string, err error) {
	if err := service.Authorize(p, models.RightWebhooksWrite); err != nil {
		return w, "", err
	}
	if n.Events == nil {
		n.Events = DefaultEvents()
	}
	now := s.cfg.Now()
	w = models.Webhook{ID: models.NewID(), ProjectID: p.ProjectID, URL: n.URL, Description: n.Description, Events: n.Events, Enabled: n.Enabled, CreatedAt: now, UpdatedAt: now}
	wrong := append(s.checkURL(&w, n.URLPath), checkWords(n.Description, n.Events)...)
	secret = n.Secret
	if secret == "" {
		secret = s.cfg.Secrets.New()
	} else if s.cfg.Secrets.Check(secret) != nil {
		wrong = append(wrong, models.FieldError{Path: models.At("secret"), Code: "not_a_secret", Message: `must be "whsec_" and the base64 of 24 to 64 random bytes; without it one is made`})
	}
	if len(wrong) > 0 {
		return w, "", &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	if w.Secret, err = s.cfg.Secrets.Seal(w, secret); err != nil {
		return w, "", err
	}
	done, err := s.cfg.Quotas.Take(ctx, p.ProjectID, service.Wants{models.QuotaWebhooks: 1}, nil)
	if err != nil {
		return w, "", err
	}
	defer done()
	if err := s.cfg.Store.CreateWebhook(ctx, w, by(p, models.AuditWebhookCreated, w.ID)); err != nil {
		return w, "", service.Absent(err, models.ProjectNotFound)
	}
	return w, secret, nil
}

// by is the line of the audit log of what somebody does to a webhook.
func by(p models.Principal, action models.AuditAction, id string) models.AuditEvent {
	e := models.AuditEvent{ActorKind: models.ActorUser, Actor: p.UserID, Action: action, Subject: id}
	if p.KeyID != "" {
		e.ActorKind, e.Actor = models.ActorKey, p.KeyID
	}
	return e
}

// checkURL judges where a webhook leads, and fills in its host.
func (s *Service) checkURL(w *models.Webhook, path models.Path) []models.FieldError {
	host, err := s.cfg.CheckAddress(w.URL)
	if err != nil {
		return []models.FieldError{{Path: path, Code: "not_allowed", Message: err.Error()}}
	}
	w.Host = host
	return nil
}

// checkWords judges what else a webhook says.
func checkWords(description string, events []models.WebhookEventType) (wrong []models.FieldError) {
	if utf8.RuneCountInString(description) > MaxDescription {
		wrong = append(wrong, models.FieldError{Path: models.At("description"), Code: "too_long", Message: "must have at most 200 characters"})
	}
	if len(events) == 0 {
		wrong = append(wrong, models.FieldError{Path: models.At("events"), Code: "too_few", Message: "must have at least 1 element"})
	}
	for i, e := range events {
		switch {
		case !e.Valid():
			wrong = append(wrong, models.FieldError{Path: models.At("events").Index(i), Code: "not_allowed", Message: "must be one of " + list(models.WebhookEventTypes())})
		case slices.Contains(events[:i], e):
			wrong = append(wrong, models.FieldError{Path: models.At("events").Index(i), Code: "duplicate", Message: "is there twice"})
		}
	}
	return wrong
}

func list(types []models.WebhookEventType) string {
	text := ""
	for i, t := range types {
		if i > 0 {
			text += ", "
		}
		text += string(t)
	}
	return text
}

// List returns the webhooks of the project, oldest first.
func (s *Service) List(ctx context.Context, p models.Principal) ([]models.Webhook, error) {
	if err := service.Authorize(p, models.RightWebhooksRead); err != nil {
		return nil, err
	}
	out, err := s.cfg.Store.Webhooks(ctx, p.ProjectID)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return out, nil
}

// Get returns a webhook of the project. Error: WebhookNotFound.
func (s *Service) Get(ctx context.Context, p models.Principal, id string) (models.Webhook, error) {
	return s.get(ctx, p, models.RightWebhooksRead, id)
}

func (s *Service) get(ctx context.Context, p models.Principal, right models.Right, id string) (models.Webhook, error) {
	if err := service.Authorize(p, right); err != nil {
		return models.Webhook{}, err
	}
	id, ok := models.ParseID(id)
	if !ok {
		return models.Webhook{}, models.NewError(models.WebhookNotFound)
	}
	w, err := s.cfg.Store.Webhook(ctx, p.ProjectID, id)
	if err != nil {
		return models.Webhook{}, service.Absent(err, models.WebhookNotFound)
	}
	return w, nil
}

// Change is what is to be changed of a webhook; nil stays.
type Change struct {
	URL         *string
	URLPath     models.Path
	Description *string
	Events      *[]models.WebhookEventType
	Enabled     *bool
}

// Change changes a webhook. One that is enabled again begins anew: what the server has disabled it for is forgotten. Errors:
// WebhookNotFound, InvalidRequestBody.
func (s *Service) Change(ctx context.Context, p models.Principal, id string, c Change) (models.Webhook, error) {
	was, err := s.get(ctx, p, models.RightWebhooksWrite, id)
	if err != nil {
		return was, err
	}
	to := was
	var wrong []models.FieldError
	if c.URL != nil {
		to.URL = *c.URL
		wrong = s.checkURL(&to, c.URLPath)
	}
	if c.Description != nil {
		to.Description = *c.Description
	}
	if c.Events != nil {
		to.Events = *c.Events
	}
	if wrong = append(wrong, checkWords(to.Description, to.Events)...); len(wrong) > 0 {
		return was, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	now := s.cfg.Now()
	w, err := s.cfg.Store.ChangeWebhook(ctx, p.ProjectID, was.ID, by(p, models.AuditWebhookChanged, was.ID), func(w *models.Webhook) {
		w.UpdatedAt = now
		if c.URL != nil {
			w.URL, w.Host = to.URL, to.Host
		}
		if c.Description != nil {
			w.Description = to.Description
		}
		if c.Events != nil {
			w.Events = to.Events
		}
		if c.Enabled != nil {
			if *c.Enabled && !w.Enabled {
				w.FailingSince = nil
			}
			w.Enabled, w.Reason = *c.Enabled, ""
		}
	})
	if err != nil {
		return w, service.Absent(err, models.WebhookNotFound)
	}
	return w, nil
}

// Delete deletes a webhook with its deliveries; what is on its way may still come. Error: WebhookNotFound.
func (s *Service) Delete(ctx context.Context, p models.Principal, id string) error {
	w, err := s.get(ctx, p, models.RightWebhooksWrite, id)
	if err != nil {
		return err
	}
	if err := s.cfg.Store.DeleteWebhook(ctx, p.ProjectID, w.ID, by(p, models.AuditWebhookDeleted, w.ID)); err != nil {
		return service.Absent(err, models.WebhookNotFound)
	}
	return nil
}

// Rotate gives a webhook another secret and returns it in clear, for the only time. Events are signed with both until
// models.SecretOverlap has passed, so that the receiver can follow. Error: WebhookNotFound.
func (s *Service) Rotate(ctx context.Context, p models.Principal, id string) (w models.Webhook, secret string, err error) {
	if w, err = s.get(ctx, p, models.RightWebhooksWrite, id); err != nil {
		return w, "", err
	}
	secret = s.cfg.Secrets.New()
	sealed, err := s.cfg.Secrets.Seal(w, secret)
	if err != nil {
		return w, "", err
	}
	now := s.cfg.Now()
	ends := now.Add(models.SecretOverlap)
	w, err = s.cfg.Store.ChangeWebhook(ctx, p.ProjectID, w.ID, by(p, models.AuditWebhookRotated, w.ID), func(w *models.Webhook) {
		w.OldSecret, w.OldSecretEnds, w.Secret, w.UpdatedAt = w.Secret, &ends, sealed, now
	})
	if err != nil {
		return w, "", service.Absent(err, models.WebhookNotFound)
	}
	return w, secret, nil
}

// Test sends a webhook an event that says nothing. Errors: WebhookNotFound, WebhookDisabled.
func (s *Service) Test(ctx context.Context, p models.Principal, id string) (Delivery, error) {
	w, err := s.get(ctx, p, models.RightWebhooksWrite, id)
	if err != nil {
		return Delivery{}, err
	}
	if !w.Enabled {
		return Delivery{}, models.NewError(models.WebhookDisabled)
	}
	e, d := w.Ping(s.cfg.Now())
	if err := s.cfg.Store.AddDelivery(ctx, e, d); err != nil {
		return Delivery{}, service.Unavailable(err)
	}
	return store.Delivery{WebhookDelivery: d, Event: e}, nil
}

// Filter selects deliveries of a webhook.
type Filter struct {
	State  models.DeliveryState // "" for all
	Limit  int
	Cursor string // id of the last delivery of the page before
}

// Deliveries returns a page of the deliveries of a webhook, newest first, and whether more follow. Errors: WebhookNotFound,
// InvalidParameter for a cursor that is none.
func (s *Service) Deliveries(ctx context.Context, p models.Principal, id string, f Filter) ([]Delivery, bool, error) {
	w, err := s.get(ctx, p, models.RightWebhooksRead, id)
	if err != nil {
		return nil, false, err
	}
	if f.Cursor != "" {
		before, ok := models.ParseID(f.Cursor)
		if !ok {
			return nil, false, &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At("cursor"), Code: "invalid", Message: "must be the next_cursor of a page"}}}
		}
		f.Cursor = before
	}
	found, err := s.cfg.Store.Deliveries(ctx, store.DeliveryListing{ProjectID: p.ProjectID, WebhookID: w.ID, State: f.State, BeforeID: f.Cursor, Limit: f.Limit + 1})
	if err != nil {
		return nil, false, service.Unavailable(err)
	}
	more := len(found) > f.Limit
	return found[:min(len(found), f.Limit)], more, nil
}

// Redeliver sends an event again, under the webhook-id that it had. Errors: WebhookNotFound, WebhookDisabled, DeliveryNotFound.
func (s *Service) Redeliver(ctx context.Context, p models.Principal, id, deliveryID string) (Delivery, error) {
	w, err := s.get(ctx, p, models.RightWebhooksWrite, id)
	if err != nil {
		return Delivery{}, err
	}
	if !w.Enabled {
		return Delivery{}, models.NewError(models.WebhookDisabled)
	}
	deliveryID, ok := models.ParseID(deliveryID)
	if !ok {
		return Delivery{}, models.NewError(models.DeliveryNotFound)
	}
	if err := s.cfg.Store.Redeliver(ctx, p.ProjectID, w.ID, deliveryID, s.cfg.Now()); err != nil {
		return Delivery{}, service.Absent(err, models.DeliveryNotFound)
	}
	d, err := s.cfg.Store.Delivery(ctx, p.ProjectID, w.ID, deliveryID)
	if err != nil {
		return Delivery{}, service.Absent(err, models.DeliveryNotFound)
	}
	return d, nil
}
