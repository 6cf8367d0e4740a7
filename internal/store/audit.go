package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/models"
)

// appendAudit writes a line of the audit log in the transaction of what it tells, so that neither is there without the other.
// Its id and time are filled in where they are empty, and its origin from the context.
func appendAudit(tx *gorm.DB, e models.AuditEvent, details map[string]any) error {
	if e.ID == "" {
		e.ID = models.NewID()
	}
	if e.CreatedAt.IsZero() {
		e.CreatedAt = time.Now()
	}
	e.CreatedAt = utc(e.CreatedAt)
	e.Details = "{}"
	if len(details) > 0 {
		b, err := json.Marshal(details)
		if err != nil {
			return fmt.Errorf("store: details of %s: %w", e.Action, err)
		}
		e.Details = string(b)
	}
	o := models.OriginOf(tx.Statement.Context)
	e.Remote, e.RequestID = o.Remote, o.RequestID
	if o.Actor != "" {
		e.ActorKind, e.Actor = o.Actor, ""
	}
	return tx.Create(&e).Error
}

// auditProject is appendAudit for an event of a project, whose owner's account it concerns.
func auditProject(tx *gorm.DB, e models.AuditEvent, projectID string, details map[string]any) error {
	var owner []string
	if err := tx.Model(&models.Project{}).Where("id = ?", projectID).Pluck("owner_id", &owner).Error; err != nil {
		return err
	}
	e.ProjectID = &projectID
	if len(owner) > 0 {
		e.AccountID = &owner[0]
	}
	return appendAudit(tx, e, details)
}

// AppendAudit writes a line of the audit log by itself, for what changes nothing else, such as a login that failed.
func (s *Store) AppendAudit(ctx context.Context, e models.AuditEvent, details map[string]any) error {
	return translate(appendAudit(s.write(ctx), e, details))
}

// AuditEvents returns events of the audit log, newest first.
func (s *Store) AuditEvents(ctx context.Context, q models.AuditQuery) ([]models.AuditEvent, error) {
	db := s.read(ctx).Order("id DESC").Limit(q.Limit)
	for column, value := range map[string]string{"account_id": q.AccountID, "project_id": q.ProjectID, "action": string(q.Action)} {
		if value != "" {
			db = db.Where(column+" = ?", value)
		}
	}
	if q.BeforeID != "" {
		db = db.Where("id < ?", q.BeforeID)
	}
	var out []models.AuditEvent
	return out, translate(db.Find(&out).Error)
}

// MinAuditRetention is the age below which the database refuses to delete a line of the audit log.
const MinAuditRetention = 90 * 24 * time.Hour

// PruneAudit deletes the events before a time, which must be MinAuditRetention ago, at most limit. It returns how many.
func (s *Store) PruneAudit(ctx context.Context, before time.Time, limit int) (int, error) {
	res := s.write(ctx).Exec("DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE created_at < ? ORDER BY created_at LIMIT ?)", utc(before), limit)
	return int(res.RowsAffected), translate(res.Error)
}
