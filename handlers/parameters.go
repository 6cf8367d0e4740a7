package handlers

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/internal/nearest"
	"github.com/neurod/neurod/internal/service"
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

// query reads query parameters and collects what is wrong with them.
type query struct {
	c     *gin.Context
	wrong []models.FieldError
}

func (q *query) bad(name, code, message string) {
	q.wrong = append(q.wrong, models.FieldError{Path: models.At(name), Code: code, Message: message})
}

// err names every wrong parameter; nil for none.
func (q *query) err() error {
	if len(q.wrong) == 0 {
		return nil
	}
	return &models.Error{Code: models.InvalidParameter, Fields: q.wrong}
}

func (q *query) boolean(name string) bool {
	switch strings.ToLower(q.c.Query(name)) {
	case "", "false", "0":
		return false
	case "true", "1":
		return true
	}
	q.bad(name, "not_boolean", "must be true or false")
	return false
}

// timeout reads a number of seconds: DefaultWait when missing, clamped to MaxWait.
func (q *query) timeout(name string) time.Duration {
	text, given := q.c.GetQuery(name)
	if !given {
		return service.DefaultWait
	}
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(s) || math.IsInf(s, 0) || s < 0 {
		q.bad(name, "out_of_range", "must be a number of seconds, not negative")
		return 0
	}
	return time.Duration(min(s, service.MaxWait.Seconds()) * float64(time.Second))
}

func (q *query) integer(name string, fallback, least, most int) int {
	text, given := q.c.GetQuery(name)
	if !given {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		q.bad(name, "out_of_range", "must be a whole number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most))
		return fallback
	}
	return n
}

// list reads a parameter that may be repeated or hold several values with commas between.
func (q *query) list(name string, allowed ...string) []string {
	var out []string
	for _, text := range q.c.QueryArray(name) {
		for value := range strings.SplitSeq(text, ",") {
			if value = strings.TrimSpace(value); value == "" {
				continue
			}
			known := false
			for _, a := range allowed {
				known = known || a == value
			}
			if !known {
				text := "must be one of " + strings.Join(allowed, ", ")
				if near := nearest.Name(value, allowed); near != "" {
					text += `; did you mean "` + near + `"?`
				}
				q.bad(name, "not_allowed", text)
				return nil
			}
			out = append(out, value)
		}
	}
	return out
}

// afterMS reads the time after which a list begins.
func (q *query) afterMS() *int64 {
	text, given := q.c.GetQuery("after_ms")
	if !given {
		return nil
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		q.bad("after_ms", "not_integer", "must be Unix time in milliseconds")
	}
	return &after
}

// newestFirst reads the order of a list.
func (q *query) newestFirst() bool {
	order := q.c.Query("order")
	if order != "" && order != "asc" && order != "desc" {
		q.bad("order", "not_allowed", "must be asc or desc")
	}
	return order == "desc"
}
