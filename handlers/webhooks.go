package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/webhooks"
	"github.com/neurod/neurod/models"
)

// webhookDocument is what callers see of a webhook. endpoint_url and is_active repeat url and enabled, by the names that clients of
// the decode document's service know.
type webhookDocument struct {
	ID              string                    `json:"id"`
	Object          string                    `json:"object"`
	URL             string                    `json:"url"`
	EndpointURL     string                    `json:"endpoint_url"`
	Description     string                    `json:"description"`
	Events          []models.WebhookEventType `json:"events"`
	Enabled         bool                      `json:"enabled"`
	IsActive        bool                      `json:"is_active"`
	DisabledReason  *string                   `json:"disabled_reason"`
	FailingSince    *string                   `json:"failing_since"`
	LastDeliveredAt *string                   `json:"last_delivered_at"`
	CreatedAt       string                    `json:"created_at"`
	UpdatedAt       string                    `json:"updated_at"`
	// Secret stands in the answers that make one and nowhere else.
	Secret string `json:"secret,omitempty"`
	// PreviousSecretEnds is until when events are signed with the secret before as well.
	PreviousSecretEnds *string `json:"previous_secret_ends_at,omitempty"`
}

func webhookOf(w models.Webhook, secret string) webhookDocument {
	d := webhookDocument{ID: w.ID, Object: "webhook", URL: w.URL, EndpointURL: w.URL, Description: w.Description, Events: w.Events, Enabled: w.Enabled,
		IsActive: w.Enabled, FailingSince: rfc3339p(w.FailingSince), LastDeliveredAt: rfc3339p(w.DeliveredAt), CreatedAt: rfc3339(w.CreatedAt), UpdatedAt: rfc3339(w.UpdatedAt),
		Secret: secret}
	if w.Reason != "" {
		d.DisabledReason = &w.Reason
	}
	if secret != "" && w.OldSecret != "" {
		d.PreviousSecretEnds = rfc3339p(w.OldSecretEnds)
	}
	return d
}

// webhookBody is the body of a webhook that is made or changed. Of two names of one thing only one may be given.
type webhookBody struct {
	URL         *string                    `json:"url"`
	EndpointURL *string                    `json:"endpoint_url"`
	Description *string                    `json:"description"`
	Events      *[]models.WebhookEventType `json:"events"`
	Enabled     *bool                      `json:"enabled"`
	IsActive    *bool                      `json:"is_active"`
}

// read returns what the body says, whichever names it uses.
func (b webhookBody) read() (webhooks.Change, error) {
	c := webhooks.Change{URL: b.URL, URLPath: models.At("url"), Description: b.Description, Events: b.Events, Enabled: b.Enabled}
	if b.EndpointURL != nil {
		if b.URL != nil {
			return c, models.InvalidField(models.At("endpoint_url"), "conflict", "must not stand beside url, which is the same")
		}
		c.URL, c.URLPath = b.EndpointURL, models.At("endpoint_url")
	}
	if b.IsActive != nil {
		if b.Enabled != nil {
			return c, models.InvalidField(models.At("is_active"), "conflict", "must not stand beside enabled, which is the same")
		}
		c.Enabled = b.IsActive
	}
	return c, nil
}

// createWebhook is POST /api/v1/webhooks.
func (a *API) createWebhook(c *gin.Context) {
	var body struct {
		webhookBody
		Secret string `json:"secret"`
	}
	idem, ok := bindKeyed(c, &body)
	if !ok {
		return
	}
	said, err := body.read()
	if err == nil && said.URL == nil {
		err = models.InvalidField(models.At("url"), "required", "is required")
	}
	if err != nil {
		fail(c, err)
		return
	}
	n := webhooks.NewWebhook{URL: *said.URL, URLPath: said.URLPath, Secret: body.Secret, Enabled: said.Enabled == nil || *said.Enabled}
	if said.Description != nil {
		n.Description = *said.Description
	}
	if said.Events != nil {
		n.Events = append([]models.WebhookEventType{}, *said.Events...)
	}
	who := principal(c)
	location := func(id string) string { return "/api/v1/webhooks/" + id }
	a.once(c, who.ProjectID, idem, nil, location, nil, func(ctx context.Context) (int, any, string, error) {
		w, secret, err := a.cfg.Webhooks.Create(ctx, who, n)
		return http.StatusCreated, webhookOf(w, secret), w.ID, err
	})
}

// listWebhooks is GET /api/v1/webhooks: all of the project's, which are few.
func (a *API) listWebhooks(c *gin.Context) {
	found, err := a.cfg.Webhooks.List(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]webhookDocument, len(found))
	for i, w := range found {
		out[i] = webhookOf(w, "")
	}
	c.PureJSON(http.StatusOK, struct {
		Object string            `json:"object"`
		Data   []webhookDocument `json:"data"`
	}{"list", out})
}

// getWebhook is GET /api/v1/webhooks/:id.
func (a *API) getWebhook(c *gin.Context) {
	w, err := a.cfg.Webhooks.Get(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, webhookOf(w, ""))
}

// changeWebhook is PATCH /api/v1/webhooks/:id.
func (a *API) changeWebhook(c *gin.Context) {
	var body webhookBody
	if !bindJSON(c, &body) {
		return
	}
	change, err := body.read()
	if err != nil {
		fail(c, err)
		return
	}
	w, err := a.cfg.Webhooks.Change(c.Request.Context(), principal(c), c.Param("id"), change)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, webhookOf(w, ""))
}

// deleteWebhook is DELETE /api/v1/webhooks/:id.
func (a *API) deleteWebhook(c *gin.Context) {
	if err := a.cfg.Webhooks.Delete(c.Request.Context(), principal(c), c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// keyedWithoutBody reads the Idempotency-Key of a call that has nothing to say: its body is empty or an empty object.
func keyedWithoutBody(c *gin.Context) (service.Idempotency, bool) {
	return keyed(c, func(b []byte) error {
		if len(b) == 0 {
			return nil
		}
		return decodeJSON(b, &struct{}{})
	})
}

// rotateWebhook is POST /api/v1/webhooks/:id/rotate.
func (a *API) rotateWebhook(c *gin.Context) {
	idem, ok := keyedWithoutBody(c)
	if !ok {
		return
	}
	who, id := principal(c), c.Param("id")
	a.once(c, who.ProjectID, idem, []string{id}, nil, nil, func(ctx context.Context) (int, any, string, error) {
		w, secret, err := a.cfg.Webhooks.Rotate(ctx, who, id)
		return http.StatusOK, webhookOf(w, secret), w.ID, err
	})
}

// testWebhook is POST /api/v1/webhooks/:id/test.
func (a *API) testWebhook(c *gin.Context) {
	idem, ok := keyedWithoutBody(c)
	if !ok {
		return
	}
	who, id := principal(c), c.Param("id")
	a.once(c, who.ProjectID, idem, []string{id}, nil, nil, func(ctx context.Context) (int, any, string, error) {
		d, err := a.cfg.Webhooks.Test(ctx, who, id)
		return http.StatusAccepted, deliveryOf(d), d.ID, err
	})
}

// redeliver is POST /api/v1/webhooks/:id/deliveries/:delivery_id/redeliver.
func (a *API) redeliver(c *gin.Context) {
	idem, ok := keyedWithoutBody(c)
	if !ok {
		return
	}
	who, id, delivery := principal(c), c.Param("id"), c.Param("delivery_id")
	a.once(c, who.ProjectID, idem, []string{id, delivery}, nil, nil, func(ctx context.Context) (int, any, string, error) {
		d, err := a.cfg.Webhooks.Redeliver(ctx, who, id, delivery)
		return http.StatusAccepted, deliveryOf(d), d.ID, err
	})
}

// deliveryDocument is what callers see of a delivery.
type deliveryDocument struct {
	ID            string                  `json:"id"`
	Object        string                  `json:"object"`
	WebhookID     string                  `json:"webhook_id"`
	EventID       string                  `json:"event_id"` // as webhook-id
	Event         models.WebhookEventType `json:"event"`
	State         models.DeliveryState    `json:"state"`
	Attempts      []attemptDocument       `json:"attempts"`
	CreatedAt     string                  `json:"created_at"`
	NextAttemptAt *string                 `json:"next_attempt_at"`
	FinishedAt    *string                 `json:"finished_at"`
}

type attemptDocument struct {
	Attempt    int     `json:"attempt"`
	Outcome    string  `json:"outcome"`
	StartedAt  string  `json:"started_at"`
	DurationMS *int    `json:"duration_ms"`
	Status     *int    `json:"status"`
	Error      *string `json:"error"`
	Answer     string  `json:"answer"`
}

func deliveryOf(d webhooks.Delivery) deliveryDocument {
	out := deliveryDocument{ID: d.ID, Object: "webhook_delivery", WebhookID: d.WebhookID, EventID: d.EventID, Event: d.Event.Type, State: d.State,
		Attempts: make([]attemptDocument, len(d.Tried)), CreatedAt: rfc3339(d.CreatedAt), FinishedAt: rfc3339p(d.FinishedAt)}
	if d.State == models.DeliveryPending {
		next := d.NextAttemptAt
		if next.Before(d.CreatedAt) { // due since it is there
			next = d.CreatedAt
		}
		out.NextAttemptAt = rfc3339p(&next)
	}
	for i, t := range d.Tried {
		a := attemptDocument{Attempt: t.Attempt, Outcome: outcomeOf(d, t), StartedAt: rfc3339(t.StartedAt), DurationMS: t.DurationMS, Status: t.Status, Answer: t.Answer}
		if t.Error != "" {
			a.Error = &t.Error
		}
		out.Attempts[i] = a
	}
	return out
}

// outcomeOf names how an attempt went.
func outcomeOf(d webhooks.Delivery, t models.WebhookAttempt) string {
	switch {
	case t.DurationMS == nil && t.Attempt == d.Attempts && d.State == models.DeliveryPending:
		return "running"
	case t.DurationMS == nil:
		return "lost" // with its process: the receiver may have got the event
	case t.Error == "" && t.Status != nil && *t.Status >= 200 && *t.Status < 300:
		return "delivered"
	}
	return "failed"
}

// listDeliveries is GET /api/v1/webhooks/:id/deliveries.
func (a *API) listDeliveries(c *gin.Context) {
	q := query{c: c}
	f := webhooks.Filter{Limit: q.integer("limit", webhooks.DefaultPage, 1, webhooks.MaxPage), Cursor: c.Query("cursor")}
	if state := c.Query("state"); state != "" {
		for _, one := range q.list("state", names(models.DeliveryStates())...) {
			f.State = models.DeliveryState(one)
		}
		if f.State != "" && string(f.State) != state {
			q.bad("state", "too_many", "must be one state")
		}
	}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	found, more, err := a.cfg.Webhooks.Deliveries(c.Request.Context(), principal(c), c.Param("id"), f)
	if err != nil {
		fail(c, err)
		return
	}
	out := struct {
		Object     string             `json:"object"`
		Data       []deliveryDocument `json:"data"`
		HasMore    bool               `json:"has_more"`
		NextCursor *string            `json:"next_cursor"`
	}{Object: "list", Data: make([]deliveryDocument, len(found)), HasMore: more}
	for i, d := range found {
		out.Data[i] = deliveryOf(d)
	}
	if more {
		out.NextCursor = &found[len(found)-1].ID
	}
	c.PureJSON(http.StatusOK, out)
}
