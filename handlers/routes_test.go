package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/models"
)

// TestRoutesAreWhole: a row leaves nothing open that something else would have to know, and says nothing that cannot be.
func TestRoutesAreWhole(t *testing.T) {
	t.Parallel()
	families := map[render.Family]bool{render.Envelope: true, render.Devices: true, render.Problem: true, render.Registry: true,
		render.GraphQL: true}
	ids, paths := map[string]string{}, map[string]bool{}
	rates := map[string]limit.Rate{}
	for _, r := range New(Config{}).Routes() {
		name := r.Method + " " + r.Path
		if paths[name] {
			t.Errorf("%s is given twice", name)
		}
		paths[name] = true
		if r.ID == "" || ids[r.ID] != "" {
			t.Errorf("%s is called %q, as %q", name, r.ID, ids[r.ID])
		}
		ids[r.ID] = name
		switch {
		case !strings.HasPrefix(r.Path, "/"), r.Handle == nil, r.Auth == "", !r.complete():
			t.Errorf("%s is not complete: %+v", name, r)
		case !families[r.Family]:
			t.Errorf("%s: errors of the family %q", name, r.Family)
		case len(r.Media) > 0 && r.Body == 0:
			t.Errorf("%s takes %v and reads no body", name, r.Media)
		case r.Compressed && r.Method != http.MethodGet && r.Family != render.GraphQL, r.Quiet && r.Method != http.MethodGet: // GraphQL reads by POST
			t.Errorf("%s: only lists and documents are compressed, only probes are quiet", name)
		// The fields of GraphQL each ask for their own right.
		case (r.Right == "") != (r.Auth == middleware.AuthNone || r.Auth == middleware.AuthJWT || r.Family == render.GraphQL):
			t.Errorf("%s takes %s with the right %q", name, r.Auth, r.Right)
		}
		if l := r.Limit; l.Name != "" {
			if l.Rate.Unlimited() || models.LimitFamily(l.Name) == l.Family || rates[l.Name] != (limit.Rate{}) && rates[l.Name] != l.Rate {
				t.Errorf("%s: limit %+v", name, l)
			}
			rates[l.Name] = l.Rate
		}
	}
}

// TestErrorsOfEveryPath: an error is rendered in the family of the path's route, with another method and with a slash too many
// as well, and elsewhere in the family of the paths around it.
func TestErrorsOfEveryPath(t *testing.T) {
	t.Parallel()
	h, err := NewRouter(Config{})
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[render.Family]string{render.Envelope: `{"error":{`, render.Devices: `{"error":{`, render.Problem: `{"type":"about:blank"`, render.Registry: `{"error":"`}
	for path, want := range map[string]render.Family{
		"/api/v1/neuro/decode":       render.Envelope,
		"/nowhere":                   render.Envelope,
		"/v2/devices":                render.Devices,
		"/v1":                        render.Problem,
		"/v1/auth/login":             render.Problem,
		"/v1/nowhere":                render.Problem,
		"/v1/models/list":            render.Registry,
		"/v1/models/list/":           render.Registry,
		"/v1/models/nowhere":         render.Registry,
		"/v1/analytics/log":          render.Registry,
		"/v1/analytics/log/":         render.Registry,
		"/v1/analytics/logs":         render.Problem,
		"/v1/auth/refresh":           render.Registry,
		"/v1/auth/validate":          render.Registry,
		"/v1/auth/revoke":            render.Registry,
		"/v1/installer/github-token": render.Registry,
		"/auth/validate":             render.Registry,
		"/installer/github-token/":   render.Registry,
		"/api/health":                render.Registry,
		"/api/health/":               render.Registry,
		"/api/healthy":               render.Envelope,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPatch, path, nil))
		if w.Code != 404 && w.Code != 405 || !strings.HasPrefix(w.Body.String(), shapes[want]) {
			t.Errorf("%s: %d %s, want the family %s", path, w.Code, w.Body, want)
		}
	}
}
