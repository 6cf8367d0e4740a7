package middleware_test

import (
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/models"
)

// counted is a middleware.Count that notes for whom it was asked.
type counted struct{ who []string }

func (n *counted) count(_ *gin.Context, p models.Principal) (models.Quota, error) {
	n.who = append(n.who, p.KeyID)
	return models.Quota{}, nil
}

// TestKeysInOtherPlaces: where the registry's document puts a key into the query or the body, it counts as in the header; what
// carries none or a bad one counts for nobody, once; and the log never has it.
func TestKeysInOtherPlaces(t *testing.T) {
	t.Parallel()
	project := models.NewID()
	who := fixed{key: models.Principal{ProjectID: project, KeyID: "k", Scopes: []models.Scope{models.ScopeCatalogRead}}}
	allow := func(models.Principal, models.Right) error { return nil }
	for _, tt := range []struct {
		name    string
		query   string
		body    string // key that the handler found in the body
		broken  bool   // the handler could not read the body
		headers []string
		want    string // code of the query route, "" where it is let in
		inBody  string // of the body route
	}{
		{name: "header", headers: []string{"Authorization", "Bearer the-key"}},
		{name: "elsewhere", query: "?api_key=the-key", body: "the-key"},
		{name: "elsewhere and empty", query: "?api_key=", want: "missing_key", inBody: "missing_key"},
		{name: "nowhere", want: "missing_key", inBody: "missing_key"},
		{name: "bad", query: "?api_key=x", body: "x", want: "invalid_api_key", inBody: "invalid_api_key"},
		{name: "bad header", headers: []string{"Authorization", "Basic x"}, want: "missing_key", inBody: "missing_key"},
		{name: "bad header, good elsewhere", query: "?api_key=the-key", body: "the-key", headers: []string{"Authorization", "Basic x"}, want: "missing_key"},
		{name: "other project", query: "?api_key=the-key", body: "the-key", headers: []string{"X-Project-Id", models.NewID()}, want: "project_mismatch", inBody: "project_mismatch"},
		{name: "broken body of a good key", query: "?api_key=the-key", headers: []string{"Authorization", "Bearer the-key"}, broken: true, inBody: "invalid_request_body"},
		{name: "broken body of nobody", query: "?api_key=the-key", broken: true, inBody: "invalid_request_body"},
		{name: "link", query: "?token=the-link+of+@", body: "the-key"},
		{name: "link of another", query: "?token=the-link+of+m@1", body: "the-key", want: "invalid_token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var inQuery, inBody counted
			reached := func(c *gin.Context) { c.Status(204) }
			query := serve(t, middleware.Authenticate(who, middleware.AuthQueryKey, models.RightCatalogRead, allow, inQuery.count, nil), reached)
			body := serve(t, func(c *gin.Context) {
				var broken error
				if tt.broken {
					broken = models.NewError(models.InvalidRequestBody)
				}
				if middleware.AuthenticateBody(c, who, tt.body, broken, inBody.count, nil) {
					reached(c)
				}
			})
			for _, route := range []struct {
				at    *bundle
				query string
				want  string
				n     *counted
			}{{query, tt.query, tt.want, &inQuery}, {body, "", tt.inBody, &inBody}} {
				res, text := do(t, newRequest(t, "GET", route.at.url+"/api/v1/x"+route.query, nil, tt.headers...))
				if got := strings.TrimSpace(text); route.want == "" && res.StatusCode != 204 || route.want != "" && code(t, text) != route.want {
					t.Errorf("%d %s, want %q", res.StatusCode, got, route.want)
				}
				for _, who := range route.n.who {
					good := route.want == "" || route.want == "project_mismatch" || tt.broken && len(tt.headers) > 0
					if (who == "k") != good {
						t.Errorf("counted for %q", who)
					}
				}
				if len(route.n.who) != 1 {
					t.Errorf("counted %d times", len(route.n.who))
				}
				if log := route.at.log.String(); strings.Contains(log, "the-key") || strings.Contains(log, "the-link") {
					t.Errorf("the log holds the key: %s", log)
				}
			}
		})
	}
}
