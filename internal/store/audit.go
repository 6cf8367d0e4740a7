package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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

// auditProject is appendAudit for an event of a project, which concerns the account of its first owner.
func auditProject(tx *gorm.DB, e models.AuditEvent, projectID string, details map[string]any) error {
	var owner []string
	err := tx.Model(&models.Membership{}).Where("project_id = ? AND role = ?", projectID, models.RoleOwner).
		Order("created_at, user_id").Limit(1).Pluck("user_id", &owner).Error
	if err != nil {
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

// accountEvents are the events that an account sees by its own id: about itself, and about projects while it may read their log,
// or when they are gone. What happened to it in a project stays its own: how it joined and left.
const accountEvents = `account_id = ? AND (project_id IS NULL OR subject = ? OR actor = ?
	OR NOT EXISTS (SELECT 1 FROM projects p WHERE p.id = audit_events.project_id))`

// AuditEvents returns events of the audit log, newest first.
func (s *Store) AuditEvents(ctx context.Context, q models.AuditQuery) ([]models.AuditEvent, error) {
	filter := func(db *gorm.DB) *gorm.DB {
		for column, value := range map[string]string{"project_id": q.ProjectID, "action": string(q.Action)} {
			if value != "" {
				db = db.Where(column+" = ?", value)
			}
		}
		if len(q.Actions) > 0 {
			db = db.Where("action IN ?", q.Actions)
		}
		if q.BeforeID != "" {
			db = db.Where("id < ?", q.BeforeID)
		}
		return db.Order("id DESC").Limit(q.Limit)
	}
	db := s.read(ctx)
	var out []models.AuditEvent
	if q.AccountID == "" {
		return out, translate(filter(db).Find(&out).Error)
	}
	// One query each for what an index finds: by account, and by each project.
	var owned []models.Membership
	if err := db.Where("user_id = ?", q.AccountID).Find(&owned).Error; err != nil {
		return nil, translate(err)
	}
	if err := filter(db).Where(accountEvents, q.AccountID, q.AccountID, q.AccountID).Find(&out).Error; err != nil {
		return nil, translate(err)
	}
	for _, m := range owned {
		if !m.Role.May(models.RightAudit) || q.ProjectID != "" && q.ProjectID != m.ProjectID {
			continue
		}
		var found []models.AuditEvent
		if err := filter(db).Where("project_id = ?", m.ProjectID).Find(&found).Error; err != nil {
			return nil, translate(err)
		}
		out = append(out, found...)
	}
	slices.SortFunc(out, func(a, b models.AuditEvent) int { return strings.Compare(b.ID, a.ID) })
	out = slices.CompactFunc(out, func(a, b models.AuditEvent) bool { return a.ID == b.ID })
	return out[:min(len(out), q.Limit)], nil
}

// MinAuditRetention is the age below which the database refuses to delete a line of the audit log.
const MinAuditRetention = 90 * 24 * time.Hour

// PruneAudit deletes the events before a time, which must be MinAuditRetention ago, at most limit. It returns how many.
func (s *Store) PruneAudit(ctx context.Context, before time.Time, limit int) (int, error) {
	res := s.write(ctx).Exec("DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events WHERE created_at < ? ORDER BY created_at LIMIT ?)", utc(before), limit)
	return int(res.RowsAffected), translate(res.Error)
}
