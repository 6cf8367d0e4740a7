package handlers

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/models"
)

// auditDocument is what callers see of an event of the audit log.
type auditDocument struct {
	ID        string             `json:"id"`
	At        string             `json:"at"` // RFC 3339, microseconds
	Action    models.AuditAction `json:"action"`
	ActorKind models.AuditActor  `json:"actor_kind"`
	Actor     string             `json:"actor"`
	ProjectID *string            `json:"project_id"`
	Subject   string             `json:"subject"`
	Details   json.RawMessage    `json:"details"`
	Remote    string             `json:"remote"`
	RequestID string             `json:"request_id"`
}

// listAudit is GET /v1/audit: a plain array, as this family's lists are; the next page is named in headers.
func (a *API) listAudit(c *gin.Context) {
	q := query{c: c}
	f := accounts.AuditFilter{ProjectID: c.Query("project_id"), Action: models.AuditAction(c.Query("action")), Cursor: c.Query("cursor"),
		Limit: q.integer("limit", 50, 1, accounts.MaxAuditPage)}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	page, err := a.cfg.Accounts.Audit(c.Request.Context(), principal(c), f)
	if err != nil {
		fail(c, err)
		return
	}
	if page.Next != "" {
		next := c.Request.URL.Query()
		next.Set("cursor", page.Next)
		c.Header("X-Next-Cursor", page.Next)
		c.Header("Link", "<"+(&url.URL{Path: c.Request.URL.Path, RawQuery: next.Encode()}).String()+`>; rel="next"`)
	}
	out := make([]auditDocument, len(page.Events))
	for i, e := range page.Events {
		out[i] = auditDocument{e.ID, e.CreatedAt.UTC().Format(time.RFC3339Nano), e.Action, e.ActorKind, e.Actor, e.ProjectID, e.Subject,
			json.RawMessage(e.Details), e.Remote, e.RequestID}
	}
	c.PureJSON(http.StatusOK, out)
}
