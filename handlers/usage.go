package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/models"
)

// usedDocument is how much of a quota a project uses.
type usedDocument struct {
	Limit *int64 `json:"limit"` // null for none
	Used  int64  `json:"used"`
}

// projectUsage is GET /v1/projects/:id/usage: what the project may use and uses, by quota.
func (a *API) projectUsage(c *gin.Context) {
	p, err := a.cfg.Accounts.GetProject(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	list, err := a.cfg.Quotas.Usage(c.Request.Context(), p.ID)
	if err != nil {
		fail(c, err)
		return
	}
	quotas := make(map[models.QuotaName]usedDocument, len(list))
	for _, u := range list {
		d := usedDocument{Used: u.Used}
		if u.Limit > 0 {
			d.Limit = &u.Limit
		}
		quotas[u.Name] = d
	}
	c.PureJSON(http.StatusOK, gin.H{"project_id": p.ID, "quotas": quotas})
}
