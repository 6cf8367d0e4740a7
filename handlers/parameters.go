package handlers

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/internal/nearest"
	"github.com/neurod/neurod/models"
)

// severalValues marks, behind its name, a parameter that may stand in a query more than once.
const severalValues = "..."

// parameters lists the query parameters that routes take. One of another name is refused, because the answer without it
// would be another one than was asked for. What an import takes stands in its form; routes that are not listed are called by
// machines that may add what they like.
var parameters = map[string][]string{
	"GET /api/v1/jobs":             {"state...", "kind...", "limit", "cursor", "parent_id"},
	"GET /api/v1/jobs/:id":         {"wait_for_completion", "timeout_seconds", "include..."},
	"POST /api/v1/jobs/:id/cancel": {},
	"POST /api/v1/neuro/decode":    {}, "POST /api/v1/neuro/decode/batch": {},
	"GET /api/v1/models": {}, "GET /api/v1/models/:name": {}, "DELETE /api/v1/models/:name": {},

	"GET /v1/audit":    {"action", "limit", "cursor"},
	"GET /v1/projects": {}, "GET /v1/projects/:id": {}, "DELETE /v1/projects/:id": {}, "GET /v1/projects/:id/keys": {}, "GET /v1/projects/:id/usage": {}, "DELETE /v1/projects/:id/keys/:key_id": {},

	"GET /v1/sessions":                     {"ingestion_mode", "external_user_id", "limit", "cursor"},
	"POST /v1/sessions":                    {},
	"GET /v1/sessions/:id":                 {},
	"POST /v1/sessions/:id/ingest":         {"batch_id", "t0_unix_ms", "unit", "encoding"},
	"POST /v1/sessions/:id/end":            {},
	"GET /v1/sessions/:id/status":          {},
	"GET /v1/sessions/:id/events":          {"limit", "after"},
	"POST /v1/sessions/:id/events":         {},
	"GET /v1/sessions/:id/features":        {"limit", "after_ms", "only_passed", "order"},
	"GET /v1/sessions/:id/features/stream": {"after_seq"},
	"GET /v1/sessions/:id/decodes":         {"limit", "after_ms", "order"},
	"POST /v1/sessions/:id/ws-token":       {},
	"GET /v1/ws":                           {"session_id", "ws_token", "after_seq"},
	"GET /v1/sessions/:id/export":          {"format", "limit", "offset", "include_raw", "only_passed"},
	"DELETE /v1/users/:external_user_id":   {},

	"GET /v1/models/list":                             {"api_key", "paradigm", "type"},
	"GET /v1/models/:name/versions/:version/download": {"api_key", "token"},
}

// Parameters returns the query parameters that a route takes, and false where it does not look at them.
func (r Route) Parameters() ([]string, bool) {
	list, checked := parameters[r.Method+" "+r.Path]
	return list, checked
}

// checkParameters refuses parameters that a route does not take, and values that contradict each other.
func checkParameters(known []string) gin.HandlerFunc {
	names := make([]string, len(known))
	several := map[string]bool{}
	for i, name := range known {
		names[i], several[strings.TrimSuffix(name, severalValues)] = strings.TrimSuffix(name, severalValues), strings.HasSuffix(name, severalValues)
	}
	return func(c *gin.Context) {
		if c.Request.URL.RawQuery == "" {
			return
		}
		q := query{c: c}
		for name, values := range c.Request.URL.Query() {
			switch {
			case name == middleware.ProjectParameter:
				oneValue(&q, name, values)
			case !slices.Contains(names, name):
				q.bad(name, "unknown_parameter", unknownName("parameter", name, names))
			case !several[name]:
				oneValue(&q, name, values)
			}
		}
		slices.SortFunc(q.wrong, func(a, b models.FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
		q.wrong = q.wrong[:min(len(q.wrong), maxFaults)]
		if err := q.err(); err != nil {
			fail(c, err)
		}
	}
}

// maxFaults is how many wrong parameters one answer names.
const maxFaults = 20

// oneValue refuses a parameter that is given twice and differently.
func oneValue(q *query, name string, values []string) {
	if slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
		q.bad(name, "duplicate", "is given more than once, with different values")
	}
}

// unknownName words that a name is none of those known.
func unknownName(what, name string, known []string) string {
	text := "is not a " + what + " of this call"
	switch near := nearest.Name(name, known); {
	case near != "":
		text += `; did you mean "` + near + `"?`
	case len(known) == 0:
		text += ", which takes none"
	default:
		text += ", which takes " + strings.Join(known, ", ")
	}
	return text
}
