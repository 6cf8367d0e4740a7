package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service/decoding"
)

// eraseUser is DELETE /v1/users/:external_user_id: the document's answer, or the job when it takes longer than a client
// can be expected to wait.
func (a *API) eraseUser(c *gin.Context) {
	user := c.Param("external_user_id")
	erased, err := a.cfg.Sessions.EraseUser(c.Request.Context(), principal(c), user)
	switch {
	case err != nil && c.Request.Context().Err() != nil: // the client has gone: nobody reads an answer
		c.AbortWithStatus(statusClientGone)
	case err != nil:
		fail(c, err)
	case erased.Audit == nil:
		c.Header("Location", "/api/v1/jobs/"+erased.Job.ID)
		c.PureJSON(http.StatusAccepted, documentOf(decoding.JobView{Job: erased.Job}, false))
	default:
		c.PureJSON(http.StatusOK, struct {
			User     string `json:"deleted_external_user_id"`
			Sessions int64  `json:"sessions_deleted"`
			Samples  int64  `json:"samples_deleted"`
			Features int64  `json:"features_deleted"`
			AuditID  string `json:"audit_id"`
		}{user, erased.Audit.SessionsDeleted, erased.Audit.SamplesDeleted, erased.Audit.FeaturesDeleted, erased.Audit.PublicID()})
	}
}
