package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service/operations"
	"github.com/neurod/neurod/models"
)

// measured lets only those read who have Config.MetricsToken, where there is one: whatever reads metrics sends it as a bearer token.
func (a *API) measured(next gin.HandlerFunc) gin.HandlerFunc {
	if a.cfg.MetricsToken == "" {
		return next
	}
	want := sha256.Sum256([]byte(a.cfg.MetricsToken))
	return func(c *gin.Context) {
		scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(token)))
		switch {
		case token == "":
			fail(c, models.NewError(models.MissingCredentials))
		case !strings.EqualFold(scheme, "bearer") || subtle.ConstantTimeCompare(got[:], want[:]) == 0:
			fail(c, models.NewError(models.InvalidToken))
		default:
			next(c)
		}
	}
}

type queueLoadDocument struct {
	Backlog   int     `json:"backlog"`
	Oldest    float64 `json:"oldest_age_seconds"`
	Running   int     `json:"running"`
	Busy      float64 `json:"busy_slots"`
	Rate      float64 `json:"ended_per_second"`
	ServiceMS float64 `json:"service_p50_ms"`
	Paused    bool    `json:"paused"`
}

type scaleDocument struct {
	AsOf     string                       `json:"as_of"`
	Need     int                          `json:"need"`
	Wanted   int                          `json:"wanted"`
	Reason   string                       `json:"reason"`
	Workers  int                          `json:"workers"`
	Draining int                          `json:"draining"`
	Slots    int                          `json:"slots_per_worker"`
	Backlog  int                          `json:"backlog"`
	Oldest   float64                      `json:"oldest_age_seconds"`
	Queues   map[string]queueLoadDocument `json:"queues"`
}

func scaleOf(s models.Scale) scaleDocument {
	d := scaleDocument{AsOf: s.At.UTC().Format(time.RFC3339Nano), Need: s.Need, Wanted: s.Wanted, Reason: s.Reason, Workers: s.Fleet.Workers, Draining: s.Fleet.Draining, Slots: s.Slots,
		Queues: make(map[string]queueLoadDocument, len(s.Queues))}
	for _, q := range s.Queues {
		d.Queues[q.Queue] = queueLoadDocument{q.Backlog, seconds(q.Oldest), q.Running, q.Busy, q.Rate, float64(q.P50) / float64(time.Millisecond), q.Paused}
		if !q.Paused {
			d.Backlog += q.Backlog
			d.Oldest = max(d.Oldest, seconds(q.Oldest))
		}
	}
	return d
}

// metricsScale is GET /metrics/scale: how many workers there should be, for whatever starts them.
func (a *API) metricsScale(c *gin.Context) {
	s, err := a.cfg.Scale(c.Request.Context())
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, scaleOf(s))
}

// adminScale is GET /api/v1/admin/scale: the same, and what supervisors of workers did.
func (a *API) adminScale(c *gin.Context) {
	q := query{c: c}
	limit := q.integer("limit", operations.DefaultLimit, 1, operations.MaxLimit)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	found, next, err := a.cfg.Operations.ScaleEvents(c.Request.Context(), principal(c), c.Query("cursor"), limit)
	if err != nil {
		fail(c, err)
		return
	}
	now, err := a.cfg.Scale(c.Request.Context())
	if err != nil {
		fail(c, err)
		return
	}
	type row struct {
		ID         string                `json:"id"`
		At         string                `json:"at"`
		Kind       models.ScaleEventKind `json:"kind"`
		Host       string                `json:"host"`
		Supervisor string                `json:"supervisor"`
		From       int                   `json:"workers_from"`
		To         int                   `json:"workers_to"`
		Need       int                   `json:"need"`
		Reason     string                `json:"reason"`
	}
	out := struct {
		Object     string        `json:"object"`
		Scale      scaleDocument `json:"scale"`
		Data       []row         `json:"data"`
		HasMore    bool          `json:"has_more"`
		NextCursor *string       `json:"next_cursor"`
	}{Object: "list", Scale: scaleOf(now), Data: make([]row, len(found)), HasMore: next != ""}
	for i, e := range found {
		out.Data[i] = row{e.ID, rfc3339(e.CreatedAt), e.Kind, e.Host, e.Supervisor, e.WorkersFrom, e.WorkersTo, e.Need, e.Reason}
	}
	if next != "" {
		out.NextCursor = &next
	}
	c.PureJSON(http.StatusOK, out)
}
