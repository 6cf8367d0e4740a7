package accounts

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// MaxAuditPage is the most events of the audit log that one page holds.
const MaxAuditPage = 200

// AuditFilter selects events of the audit log.
type AuditFilter struct {
	ProjectID string             // "" for all
	Action    models.AuditAction // "" for all
	Cursor    string             // of the page before
	Limit     int
}

// AuditPage is a part of the audit log.
type AuditPage struct {
	Events []models.AuditEvent
	Next   string // cursor of the next page, "" for none
}

// Audit returns the audit log of the user's account and projects, newest first. A project that is not the user's has no
// events. Error: InvalidParameter.
func (a *Service) Audit(ctx context.Context, p models.Principal, f AuditFilter) (AuditPage, error) {
	owner, err := user(p)
	if err != nil {
		return AuditPage{}, err
	}
	q := models.AuditQuery{AccountID: owner, Action: f.Action, Limit: f.Limit + 1}
	if f.Action != "" && !slices.Contains(models.AuditActions(), f.Action) {
		return AuditPage{}, models.Errorf(models.InvalidParameter, "action must be one of %v.", models.AuditActions())
	}
	if f.ProjectID != "" {
		id, ok := models.ParseID(f.ProjectID)
		if !ok {
			return AuditPage{}, models.Errorf(models.InvalidParameter, "project_id must be a UUID.")
		}
		q.ProjectID = id
	}
	if f.Cursor != "" {
		b, err := base64.RawURLEncoding.DecodeString(f.Cursor)
		id, ok := models.ParseID(string(b))
		if err != nil || !ok {
			return AuditPage{}, models.Errorf(models.InvalidParameter, "cursor is not one that this list returned.")
		}
		q.BeforeID = id
	}
	found, err := a.cfg.Store.AuditEvents(ctx, q)
	if err != nil {
		return AuditPage{}, service.Unavailable(err)
	}
	page := AuditPage{Events: found}
	if len(found) > f.Limit {
		page.Events = found[:f.Limit]
		page.Next = base64.RawURLEncoding.EncodeToString([]byte(page.Events[f.Limit-1].ID))
	}
	return page, nil
}
