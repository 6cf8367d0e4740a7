package handlers

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/internal/nearest"
	"github.com/neurod/neurod/models"
)

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
		slices.SortFunc(q.wrong, func(a, b models.FieldError) int { return strings.Compare(a.Path[0].String(), b.Path[0].String()) })
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
