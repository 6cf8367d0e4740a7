package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/build"
)

// healthz is GET /healthz: the process answers, and says which build it is.
func (a *API) healthz(c *gin.Context) {
	of := build.Read()
	c.PureJSON(http.StatusOK, gin.H{"status": "ok", "version": of.Version, "commit": of.Commit})
}

// readyz is GET /readyz: whether this process should get traffic. Redis is reported, but a service without it still
// answers reads and, for a while, accepts decodes: only the database and stopping decide.
func (a *API) readyz(c *gin.Context) {
	report := a.cfg.Health.Check(c.Request.Context())
	status, word := http.StatusOK, "ready"
	switch {
	case a.cfg.Draining():
		status, word = http.StatusServiceUnavailable, "stopping"
	case report.Database != nil:
		status, word = http.StatusServiceUnavailable, "unavailable"
	case report.Writable != nil:
		status, word = http.StatusServiceUnavailable, "read_only"
		a.cfg.Log.WarnContext(c.Request.Context(), "the database takes no writes", "cause", report.Writable.Error())
	}
	if status != http.StatusOK {
		c.Header("Retry-After", "5")
	}
	c.PureJSON(status, gin.H{"status": word, "database": connection(report.Database), "redis": connection(report.Queue)})
}

func connection(err error) string {
	if err != nil {
		return "disconnected"
	}
	return "connected"
}

// apiHealth is GET /api/health, as the registry document has it, with the true state of the database.
func (a *API) apiHealth(c *gin.Context) {
	now := render.Timestamp(time.Now())
	if err := a.cfg.Health.Check(c.Request.Context()).Database; err != nil {
		a.cfg.Log.WarnContext(c.Request.Context(), "health check failed", "cause", err.Error())
		c.PureJSON(http.StatusServiceUnavailable, gin.H{
			"status": "unhealthy", "timestamp": now, "version": "v1", "database": "disconnected", "error": "Health check failed",
		})
		return
	}
	c.PureJSON(http.StatusOK, gin.H{"status": "healthy", "timestamp": now, "version": "v1", "database": "connected"})
}

// openAPIJSON is GET /openapi.json: the same in JSON.
func (a *API) openAPIJSON(c *gin.Context) {
	b, err := api.OpenAPIJSON()
	if err != nil {
		fail(c, err)
		return
	}
	c.Data(http.StatusOK, jsonType, b)
}

// asyncAPI is GET /asyncapi.yaml: the contract of the WebSockets.
func (a *API) asyncAPI(c *gin.Context) {
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", api.AsyncAPI)
}

// openAPI is GET /openapi.yaml: the contract that the tests hold this server to.
func (a *API) openAPI(c *gin.Context) {
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", api.OpenAPI)
}
