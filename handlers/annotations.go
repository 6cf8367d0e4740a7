package handlers

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// eventSeq is the number of the event that a path names, 0 for none that can be.
func eventSeq(c *gin.Context) int {
	n, err := strconv.ParseInt(c.Param("seq"), 10, 32)
	if err != nil || n < 1 {
		return 0
	}
	return int(n)
}

// changeEvent is PATCH /v1/sessions/:id/events/:seq.
func (a *API) changeEvent(c *gin.Context) {
	var patch sessions.EventPatch
	if !bindJSON(c, &patch) {
		return
	}
	ses, m, err := a.cfg.Sessions.ChangeEvent(c.Request.Context(), principal(c), c.Param("id"), eventSeq(c), patch)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, eventsOfModel(ses, []models.SessionMark{m})[0])
}

// deleteEvent is DELETE /v1/sessions/:id/events/:seq.
func (a *API) deleteEvent(c *gin.Context) {
	if err := a.cfg.Sessions.DeleteEvent(c.Request.Context(), principal(c), c.Param("id"), eventSeq(c)); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// eventChanges is GET /v1/sessions/:id/event-changes.
func (a *API) eventChanges(c *gin.Context) {
	q := query{c: c}
	limit := q.integer("limit", sessions.MaxEventPage, 1, sessions.MaxEventPage)
	after := q.integer("after", 0, 0, 1<<31-1)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ses, found, err := a.cfg.Sessions.ChangedEvents(c.Request.Context(), principal(c), c.Param("id"), after, limit)
	if err != nil {
		fail(c, err)
		return
	}
	out := struct {
		Revision int           `json:"revision"` // where to go on
		Changed  []eventFields `json:"changed"`
		Deleted  []int         `json:"deleted"`
	}{Revision: after, Changed: []eventFields{}, Deleted: []int{}}
	for _, m := range found {
		out.Revision = m.Revision
		if m.Deleted {
			out.Deleted = append(out.Deleted, m.Seq)
		} else {
			out.Changed = append(out.Changed, eventsOfModel(ses, []models.SessionMark{m})...)
		}
	}
	c.PureJSON(http.StatusOK, out)
}
