package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/models"
)

// changePassword is POST /v1/account/password: another password, and a new login in place of every other.
func (a *API) changePassword(c *gin.Context) {
	var body struct {
		Current string `json:"current_password"`
		New     string `json:"new_password" validate:"required"`
	}
	if !bindJSON(c, &body) {
		return
	}
	s, err := a.cfg.Accounts.ChangePassword(c.Request.Context(), principal(c), body.Current, body.New)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, loginOf(s))
}

// deletedProject is a project that is out of reach, with what was deleted of it where that is done.
type deletedProject struct {
	ProjectID string          `json:"deleted_project_id"`
	Status    models.JobState `json:"status"`
	JobID     string          `json:"job_id"`
	Sessions  *int64          `json:"sessions_deleted,omitempty"`
	Samples   *int64          `json:"samples_deleted,omitempty"`
	Features  *int64          `json:"features_deleted,omitempty"`
	AuditID   string          `json:"audit_id,omitempty"`
}

func deletedOf(d accounts.DeletedProject) deletedProject {
	out := deletedProject{ProjectID: d.ProjectID, Status: d.Job.State, JobID: d.Job.ID}
	if r := d.Audit; r != nil {
		out.Sessions, out.Samples, out.Features, out.AuditID = &r.SessionsDeleted, &r.SamplesDeleted, &r.FeaturesDeleted, r.PublicID()
	}
	return out
}

// deleteProject is DELETE /v1/projects/:id: 200 when everything is deleted, 202 while a job is at it.
func (a *API) deleteProject(c *gin.Context) {
	d, err := a.cfg.Accounts.DeleteProject(c.Request.Context(), principal(c), c.Param("id"))
	switch {
	case err != nil && c.Request.Context().Err() != nil: // the client has gone: nobody reads an answer
		c.AbortWithStatus(statusClientGone)
	case err != nil:
		fail(c, err)
	case d.Audit == nil:
		c.PureJSON(http.StatusAccepted, deletedOf(d))
	default:
		c.PureJSON(http.StatusOK, deletedOf(d))
	}
}

// deleteAccount is POST /v1/account/delete, which takes the password again.
func (a *API) deleteAccount(c *gin.Context) {
	var body struct {
		Password string `json:"password"`
	}
	if !bindJSON(c, &body) {
		return
	}
	p := principal(c)
	gone, err := a.cfg.Accounts.DeleteAccount(c.Request.Context(), p, body.Password)
	if err != nil {
		fail(c, err)
		return
	}
	projects := make([]deletedProject, len(gone))
	for i, d := range gone {
		projects[i] = deletedOf(d)
	}
	c.PureJSON(http.StatusAccepted, struct {
		UserID   string           `json:"deleted_user_id"`
		Projects []deletedProject `json:"projects"`
	}{p.UserID, projects})
}
