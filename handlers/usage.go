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

// projectUsage is GET /v1/projects/:id/usage: what the project may use and uses, by quota, and what it did, by day.
func (a *API) projectUsage(c *gin.Context) {
	p := principal(c)
	list, err := a.cfg.Quotas.Usage(c.Request.Context(), p)
	if err != nil {
		fail(c, err)
		return
	}
	days, err := a.cfg.Tally.Days(c.Request.Context(), p)
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]gin.H, len(days))
	for i, d := range days {
		out[i] = gin.H{"date": d.Day}
		for _, what := range models.Activities() {
			out[i][string(what)] = d.Counts[what]
		}
	}
	c.PureJSON(http.StatusOK, gin.H{"project_id": p.ProjectID, "quotas": quotasOf(list), "days": out})
}

func quotasOf(list []models.Used) map[models.QuotaName]usedDocument {
	quotas := make(map[models.QuotaName]usedDocument, len(list))
	for _, u := range list {
		d := usedDocument{Used: u.Used}
		if u.Limit > 0 {
			d.Limit = &u.Limit
		}
		quotas[u.Name] = d
	}
	return quotas
}
