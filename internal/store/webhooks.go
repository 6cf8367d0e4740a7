package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file keep webhooks and send their deliveries on. Events and deliveries are made by triggers (migration 27), in
// the transaction of what they tell of. Invariants, the same on both databases:
//
//   - A claim, and only a claim, raises attempts, which fences the running attempt: only the one with the current number changes a
//     delivery, and only while it is pending.
//   - A claim puts next_attempt_at ahead by the lease. So a delivery whose process was lost is due again by itself.
//   - Only deliveries of enabled webhooks are claimed. Those of disabled ones wait.

// webhookRow is a models.Webhook with its list as JSON text.
type webhookRow struct {
	ID            string
	ProjectID     string
	URL           string
	Host          string
	Description   string
	Events        string
	Enabled       bool
	Reason        string
	Secret        string
	OldSecret     string
	OldSecretEnds *time.Time
	FailingSince  *time.Time
	DeliveredAt   *time.Time
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// TableName tells gorm the table.
func (webhookRow) TableName() string { return "webhooks" }

func (r webhookRow) entity() (models.Webhook, error) {
	out := models.Webhook{ID: r.ID, ProjectID: r.ProjectID, URL: r.URL, Host: r.Host, Description: r.Description, Enabled: r.Enabled, Reason: r.Reason,
		Secret: r.Secret, OldSecret: r.OldSecret, OldSecretEnds: r.OldSecretEnds, FailingSince: r.FailingSince, DeliveredAt: r.DeliveredAt,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	if err := json.Unmarshal([]byte(r.Events), &out.Events); err != nil {
		return models.Webhook{}, fmt.Errorf("store: events of webhook %s: %w", r.ID, err)
	}
	return out, nil
}

func rowOfWebhook(w models.Webhook) (webhookRow, error) {
	events, err := json.Marshal(w.Events)
	if err != nil {
		return webhookRow{}, fmt.Errorf("store: %w", err)
	}
	return webhookRow{ID: w.ID, ProjectID: w.ProjectID, URL: w.URL, Host: w.Host, Description: w.Description, Events: string(events), Enabled: w.Enabled,
		Reason: w.Reason, Secret: w.Secret, OldSecret: w.OldSecret, OldSecretEnds: dialect.OptionalUTC(w.OldSecretEnds), FailingSince: dialect.OptionalUTC(w.FailingSince),
		DeliveredAt: dialect.OptionalUTC(w.DeliveredAt), CreatedAt: utc(w.CreatedAt), UpdatedAt: utc(w.UpdatedAt)}, nil
}

// CreateWebhook stores a webhook. event says who makes it. Error: ErrNotFound where the project is absent.
func (s *Store) CreateWebhook(ctx context.Context, w models.Webhook, event models.AuditEvent) error {
	row, err := rowOfWebhook(w)
	if err != nil {
		return err
	}
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockProject(tx, w.ProjectID); err != nil {
			return err
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return auditProject(tx, event, w.ProjectID, map[string]any{"host": w.Host})
	})
}

// Webhooks returns the webhooks of a project, oldest first.
func (s *Store) Webhooks(ctx context.Context, projectID string) ([]models.Webhook, error) {
	var rows []webhookRow
	if err := s.read(ctx).Where("project_id = ?", projectID).Order("id").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	return webhooksOf(rows)
}

func webhooksOf(rows []webhookRow) ([]models.Webhook, error) {
	out := make([]models.Webhook, len(rows))
	for i, r := range rows {
		var err error
		if out[i], err = r.entity(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Webhook returns a webhook of a project, or ErrNotFound.
func (s *Store) Webhook(ctx context.Context, projectID, id string) (models.Webhook, error) {
	var row webhookRow
	if err := s.read(ctx).Where("id = ? AND project_id = ?", id, projectID).Take(&row).Error; err != nil {
		return models.Webhook{}, translate(err)
	}
	return row.entity()
}

// ChangeWebhook changes a webhook by change, which may run more than once, and returns it as it is then. Error: ErrNotFound.
func (s *Store) ChangeWebhook(ctx context.Context, projectID, id string, event models.AuditEvent, change func(*models.Webhook)) (out models.Webhook, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		var row webhookRow
		if err := forUpdate(tx).Where("id = ? AND project_id = ?", id, projectID).Take(&row).Error; err != nil {
			return err
		}
		if out, err = row.entity(); err != nil {
			return err
		}
		change(&out)
		if row, err = rowOfWebhook(out); err != nil {
			return err
		}
		if err := tx.Save(&row).Error; err != nil {
			return err
		}
		return auditProject(tx, event, projectID, map[string]any{"host": out.Host, "enabled": out.Enabled})
	})
	return out, err
}

// ResealWebhooks has reseal look at every webhook, and keeps those whose sealed secrets it has changed. It returns how many. reseal may see a webhook
// twice.
func (s *Store) ResealWebhooks(ctx context.Context, reseal func(*models.Webhook) (changed bool)) (n int, err error) {
	after := ""
	for {
		var rows []webhookRow
		if err := s.read(ctx).Where("id > ?", after).Order("id").Limit(500).Find(&rows).Error; err != nil || len(rows) == 0 {
			return n, translate(err)
		}
		for _, row := range rows {
			after = row.ID
			w, err := row.entity()
			if err != nil {
				return n, err
			}
			if !reseal(&w) {
				continue
			}
			// A rotation in between has sealed its own.
			res := s.write(ctx).Model(&webhookRow{}).Where("id = ? AND secret = ? AND old_secret = ?", row.ID, row.Secret, row.OldSecret).
				Updates(map[string]any{"secret": w.Secret, "old_secret": w.OldSecret})
			if res.Error != nil {
				return n, translate(res.Error)
			}
			n += int(res.RowsAffected)
		}
	}
}

// DeleteWebhook deletes a webhook with its deliveries. Error: ErrNotFound.
func (s *Store) DeleteWebhook(ctx context.Context, projectID, id string, event models.AuditEvent) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := one(tx.Where("id = ? AND project_id = ?", id, projectID).Delete(&webhookRow{})); err != nil {
			return err
		}
		if err := tx.Where("webhook_id = ?", id).Delete(&models.WebhookDelivery{}).Error; err != nil {
			return err
		}
		return auditProject(tx, event, projectID, nil)
	})
}

// AddDelivery stores an event that is meant for one webhook alone, with its delivery.
func (s *Store) AddDelivery(ctx context.Context, e models.WebhookEvent, d models.WebhookDelivery) error {
	e.CreatedAt, d.CreatedAt, d.NextAttemptAt, d.ExpiresAt = utc(e.CreatedAt), utc(d.CreatedAt), utc(d.NextAttemptAt), utc(d.ExpiresAt)
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Create(&e).Error; err != nil {
			return err
		}
		return tx.Create(&d).Error
	})
}

// Delivery is a delivery with what it carries and how it went.
type Delivery struct {
	models.WebhookDelivery
	Event   models.WebhookEvent
	Tried   []models.WebhookAttempt // in their order
	Decoded string                  // of a decode.intent event: what was decoded, JSON; "" where it is gone
}

// DeliveryListing selects deliveries of a webhook, newest first.
type DeliveryListing struct {
	ProjectID string
	WebhookID string
	State     models.DeliveryState // "" for all
	BeforeID  string               // continues a list that ended with this delivery
	Limit     int
}

// Deliveries returns deliveries of a webhook.
func (s *Store) Deliveries(ctx context.Context, l DeliveryListing) ([]Delivery, error) {
	db := s.read(ctx).Where("webhook_id = ? AND project_id = ?", l.WebhookID, l.ProjectID)
	if l.State != "" {
		db = db.Where("state = ?", l.State)
	}
	if l.BeforeID != "" {
		db = db.Where("id < ?", l.BeforeID)
	}
	var rows []models.WebhookDelivery
	if err := db.Order("id DESC").Limit(l.Limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	return s.deliveries(ctx, rows)
}

// Delivery returns a delivery of a webhook, or ErrNotFound.
func (s *Store) Delivery(ctx context.Context, projectID, webhookID, id string) (Delivery, error) {
	var row models.WebhookDelivery
	if err := s.read(ctx).Where("id = ? AND webhook_id = ? AND project_id = ?", id, webhookID, projectID).Take(&row).Error; err != nil {
		return Delivery{}, translate(err)
	}
	out, err := s.deliveries(ctx, []models.WebhookDelivery{row})
	if err == nil && len(out) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Delivery{}, err
	}
	return out[0], nil
}

// deliveries adds events and attempts to deliveries, and leaves out those whose event has just been erased.
func (s *Store) deliveries(ctx context.Context, rows []models.WebhookDelivery) ([]Delivery, error) {
	events, tried := map[string]models.WebhookEvent{}, map[string][]models.WebhookAttempt{}
	var ids, eventIDs []string
	for _, r := range rows {
		ids, eventIDs = append(ids, r.ID), append(eventIDs, r.EventID)
	}
	for start := 0; start < len(rows); start += idChunk {
		end := min(start+idChunk, len(rows))
		var e []models.WebhookEvent
		if err := s.read(ctx).Where("id IN ?", eventIDs[start:end]).Find(&e).Error; err != nil {
			return nil, translate(err)
		}
		for _, x := range e {
			events[x.ID] = x
		}
		var a []models.WebhookAttempt
		if err := s.read(ctx).Where("delivery_id IN ?", ids[start:end]).Order("attempt").Find(&a).Error; err != nil {
			return nil, translate(err)
		}
		for _, x := range a {
			tried[x.DeliveryID] = append(tried[x.DeliveryID], x)
		}
	}
	out := make([]Delivery, 0, len(rows))
	for _, r := range rows {
		if e, there := events[r.EventID]; there {
			out = append(out, Delivery{WebhookDelivery: r, Event: e, Tried: tried[r.ID]})
		}
	}
	return out, nil
}

// Redeliver makes a delivery due at once, whatever its state, and gives it another lifetime. Error: ErrNotFound.
func (s *Store) Redeliver(ctx context.Context, projectID, webhookID, id string, at time.Time) error {
	return one(s.write(ctx).Model(&models.WebhookDelivery{}).Where("id = ? AND webhook_id = ? AND project_id = ?", id, webhookID, projectID).
		Updates(map[string]any{"state": models.DeliveryPending, "next_attempt_at": utc(at), "expires_at": utc(at.Add(models.DeliveryLifetime)), "finished_at": nil}))
}

// DueWebhook is an enabled webhook with deliveries that are due.
type DueWebhook struct {
	ID        string
	ProjectID string
	Host      string
}

// DueWebhooks returns the enabled webhooks that have something due at a time, the one that waits longest first. It costs a look into
// an index for each enabled webhook, however many deliveries wait.
func (s *Store) DueWebhooks(ctx context.Context, at time.Time) ([]DueWebhook, error) {
	var rows []struct {
		DueWebhook
		Due *string // the driver does not know the type of a subquery's column
	}
	err := s.read(ctx).Raw(`SELECT id, project_id, host, due FROM (SELECT w.id, w.project_id, w.host,
			(SELECT CAST(d.next_attempt_at AS text) || d.id FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.next_attempt_at <= ?
				ORDER BY d.next_attempt_at, d.id LIMIT 1) AS due
			FROM webhooks w WHERE w.enabled) waiting WHERE due IS NOT NULL ORDER BY due`, utc(at)).Scan(&rows).Error
	out := make([]DueWebhook, len(rows))
	for i, r := range rows {
		out[i] = r.DueWebhook
	}
	return out, translate(err)
}

// ClaimedDelivery is an attempt that its owner now makes.
type ClaimedDelivery struct {
	Delivery
	Webhook models.Webhook
	Trace   string // of the job that the event is about, as a traceparent; "" for none
}

// ClaimDelivery takes the delivery of a webhook that is due for longest. It returns nil where none is, or where the webhook is
// disabled or gone.
func (s *Store) ClaimDelivery(ctx context.Context, webhookID string, at time.Time) (claimed *ClaimedDelivery, err error) {
	at = utc(at)
	err = s.tx(ctx, func(tx *gorm.DB) error {
		claimed = nil
		var hooks []webhookRow
		if err := tx.Where("id = ? AND enabled", webhookID).Limit(1).Find(&hooks).Error; err != nil || len(hooks) == 0 {
			return err
		}
		w, err := hooks[0].entity()
		if err != nil {
			return err
		}
		var due []models.WebhookDelivery
		err = tx.Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).Where("webhook_id = ? AND state = ? AND next_attempt_at <= ?", webhookID, models.DeliveryPending, at).
			Order("next_attempt_at, id").Limit(1).Find(&due).Error
		if err != nil || len(due) == 0 {
			return err
		}
		c := &ClaimedDelivery{Delivery: Delivery{WebhookDelivery: due[0]}, Webhook: w}
		var events []models.WebhookEvent
		if err := tx.Where("id = ?", c.EventID).Limit(1).Find(&events).Error; err != nil {
			return err
		}
		if len(events) == 0 {
			return nil // erased meanwhile, which takes the delivery along
		}
		c.Event = events[0]
		if c.Decoded, err = decodedOf(tx, c.Event); err != nil {
			return err
		}
		if c.Trace, err = traceOf(tx, c.Event); err != nil {
			return err
		}
		c.Attempts++
		c.NextAttemptAt = at.Add(models.DeliveryLease)
		err = one(tx.Model(&models.WebhookDelivery{}).Where("id = ?", c.ID).Updates(map[string]any{"attempts": c.Attempts, "next_attempt_at": c.NextAttemptAt}))
		if err != nil {
			return err
		}
		claimed = c
		return tx.Create(&models.WebhookAttempt{DeliveryID: c.ID, Attempt: c.Attempts, StartedAt: at}).Error
	})
	return claimed, err
}

// decodedOf returns what a decode.intent event tells of, as it was decoded.
func decodedOf(tx *gorm.DB, e models.WebhookEvent) (string, error) {
	if e.Type != models.EventDecodeIntent || e.SessionID == nil {
		return "", nil
	}
	var facts struct {
		Index int64 `json:"index"`
	}
	if err := json.Unmarshal([]byte(e.Facts), &facts); err != nil {
		return "", fmt.Errorf("store: facts of %s: %w", e.ID, err)
	}
	var found []models.SessionDecode
	err := tx.Where("session_id = ? AND decode_index = ? AND project_id = ?", *e.SessionID, facts.Index, e.ProjectID).Limit(1).Find(&found).Error
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0].Data, nil
}

// traceOf returns the trace of the job that an event is about, "" where it has none or the event is about something else.
func traceOf(tx *gorm.DB, e models.WebhookEvent) (string, error) {
	switch e.Type {
	case models.EventJobCompleted, models.EventJobFailed, models.EventJobCanceled, models.EventModelTrained:
	default:
		return "", nil
	}
	var found []string
	err := tx.Table("jobs").Where("id = ? AND project_id = ?", e.Subject, e.ProjectID).Limit(1).Pluck("coalesce(trace, '')", &found).Error
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

// SettledDelivery is what became of an attempt.
type SettledDelivery struct {
	models.WebhookDelivery
	Counted  bool // it was the attempt that the delivery waited for
	Disabled bool // the webhook has been disabled for it
}

// SettleDelivery stores how an attempt ended at a time. spread is as for models.RetryPause.
func (s *Store) SettleDelivery(ctx context.Context, id string, attempt int, o models.DeliveryOutcome, at time.Time, spread float64) (out SettledDelivery, err error) {
	at = utc(at)
	err = s.tx(ctx, func(tx *gorm.DB) error {
		out = SettledDelivery{}
		tried := map[string]any{"duration_ms": int(o.Duration.Milliseconds()), "error": dialect.CleanText(o.Error), "answer": dialect.CleanText(o.Answer)}
		if o.Status > 0 {
			tried["status"] = o.Status
		}
		if err := tx.Model(&models.WebhookAttempt{}).Where("delivery_id = ? AND attempt = ?", id, attempt).Updates(tried).Error; err != nil {
			return err
		}
		// The webhook is locked before the delivery, and by all in that order.
		var row webhookRow
		err := forUpdate(tx).Where("id = (SELECT webhook_id FROM webhook_deliveries WHERE id = ?)", id).Take(&row).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return nil // deleted or erased meanwhile
		}
		if err != nil {
			return err
		}
		var found []models.WebhookDelivery
		if err := forUpdate(tx).Where("id = ?", id).Limit(1).Find(&found).Error; err != nil || len(found) == 0 {
			return err
		}
		out.WebhookDelivery, out.Counted = found[0].After(attempt, o, at, spread)
		if !out.Counted {
			return nil
		}
		d := &out.WebhookDelivery
		d.NextAttemptAt, d.FinishedAt = utc(d.NextAttemptAt), dialect.OptionalUTC(d.FinishedAt)
		err = one(tx.Model(&models.WebhookDelivery{}).Where("id = ?", id).Updates(map[string]any{"state": d.State, "next_attempt_at": d.NextAttemptAt, "finished_at": d.FinishedAt}))
		if err != nil {
			return err
		}
		w, err := row.entity()
		if err != nil {
			return err
		}
		after, changed := w.After(o, at)
		if !changed {
			return nil
		}
		err = one(tx.Model(&webhookRow{}).Where("id = ?", w.ID).UpdateColumns(map[string]any{"enabled": after.Enabled, "reason": after.Reason,
			"failing_since": dialect.OptionalUTC(after.FailingSince), "delivered_at": dialect.OptionalUTC(after.DeliveredAt)}))
		if err != nil || after.Enabled == w.Enabled {
			return err
		}
		out.Disabled = true
		return auditProject(tx, models.AuditEvent{ActorKind: models.ActorSystem, Action: models.AuditWebhookDisabled, Subject: w.ID}, w.ProjectID,
			map[string]any{"host": w.Host, "reason": after.Reason})
	})
	return out, err
}

// PruneDeliveries deletes deliveries that have ended and were made before a time, and those of disabled webhooks that nobody has
// enabled since, with their events, at most limit at once. It returns how many.
func (s *Store) PruneDeliveries(ctx context.Context, before time.Time, limit int) (n int, err error) {
	before = utc(before)
	err = s.tx(ctx, func(tx *gorm.DB) error {
		res := tx.Exec(`DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries WHERE created_at < ? AND (finished_at IS NOT NULL OR expires_at < ?)
			ORDER BY created_at LIMIT ?)`, before, before, limit)
		if res.Error != nil {
			return res.Error
		}
		n = int(res.RowsAffected)
		return tx.Exec(`DELETE FROM webhook_events WHERE id IN (SELECT e.id FROM webhook_events e WHERE e.created_at < ?
			AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.event_id = e.id) ORDER BY e.created_at LIMIT ?)`, before, limit).Error
	})
	return n, err
}
