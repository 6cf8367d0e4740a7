package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/models"
)

// retentionDocument is how long a project keeps what has ended; null is what the server does.
type retentionDocument struct {
	PayloadHours *int    `json:"payload_hours"`
	JobHours     *int    `json:"job_hours"`
	SessionHours *int    `json:"session_hours"`
	WindowHours  *int    `json:"window_hours"`
	UpdatedAt    *string `json:"updated_at"` // null where nobody has said
}

func documentOfRetention(r models.ProjectRetention) retentionDocument {
	hours := func(n int) *int {
		if n == 0 {
			return nil
		}
		return &n
	}
	d := retentionDocument{PayloadHours: hours(r.PayloadHours), JobHours: hours(r.JobHours), SessionHours: hours(r.SessionHours), WindowHours: hours(r.WindowHours)}
	if !r.UpdatedAt.IsZero() {
		at := r.UpdatedAt.UTC().Format(time.RFC3339)
		d.UpdatedAt = &at
	}
	return d
}

// projectRetention is GET /v1/projects/:id/retention.
func (a *API) projectRetention(c *gin.Context) {
	r, err := a.cfg.Accounts.Retention(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, documentOfRetention(r))
}

// changeRetention is PATCH /v1/projects/:id/retention.
func (a *API) changeRetention(c *gin.Context) {
	var body struct {
		PayloadHours *int `json:"payload_hours"`
		JobHours     *int `json:"job_hours"`
		SessionHours *int `json:"session_hours"`
		WindowHours  *int `json:"window_hours"`
	}
	if !bindJSON(c, &body) {
		return
	}
	r, err := a.cfg.Accounts.SetRetention(c.Request.Context(), principal(c), c.Param("id"), accounts.RetentionChange(body))
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, documentOfRetention(r))
}
