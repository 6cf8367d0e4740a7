package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/models"
)

// Operators of the server read here how it does. They see counts and names, and nothing that is recorded in projects.

// adminProjects is GET /api/v1/admin/projects.
func (a *API) adminProjects(c *gin.Context) {
	q := query{c: c}
	limit := q.integer("limit", decoding.DefaultLimit, 1, decoding.MaxLimit)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	found, next, err := a.cfg.Quotas.Projects(c.Request.Context(), principal(c), c.Query("cursor"), limit)
	if err != nil {
		fail(c, err)
		return
	}
	type adminProject struct {
		ID        string                            `json:"id"`
		Name      string                            `json:"name"`
		CreatedAt string                            `json:"created_at"`
		Members   int                               `json:"members"`
		Quotas    map[models.QuotaName]usedDocument `json:"quotas"`
	}
	list := struct {
		Object     string         `json:"object"`
		Data       []adminProject `json:"data"`
		HasMore    bool           `json:"has_more"`
		NextCursor *string        `json:"next_cursor"`
	}{Object: "list", Data: make([]adminProject, len(found))}
	for i, p := range found {
		list.Data[i] = adminProject{p.ID, p.Name, rfc3339(p.CreatedAt), p.Members, quotasOf(p.Quotas)}
	}
	if next != "" {
		list.HasMore, list.NextCursor = true, &next
	}
	c.PureJSON(http.StatusOK, list)
}
