package handlers

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/models"
)

// TestContractNamesEveryRoute holds the OpenAPI document and the route table to each other: paths, methods, credentials
// and the answers that every route may give.
func TestContractNamesEveryRoute(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			documented[method+" "+path] = op
		}
	}
	parameter := regexp.MustCompile(`:(\w+)`)
	var routes []string
	for _, r := range New(Config{}).Routes() {
		name := r.Method + " " + parameter.ReplaceAllString(r.Path, "{$1}")
		routes = append(routes, name)
		op := documented[name]
		if op == nil {
			t.Errorf("%s is not in openapi.yaml", name)
			continue
		}
		if op.OperationID != r.ID {
			t.Errorf("%s: the document calls it %q, the table %q", name, op.OperationID, r.ID)
		}
		want := map[middleware.Auth][]string{middleware.AuthJWT: {"UserToken"}, middleware.AuthMember: {"UserToken"}, middleware.AuthOperator: {"UserToken"},
			middleware.AuthProject:  {"ApiKey", "UserToken"},
			middleware.AuthQueryKey: {"ApiKey", "UserToken", "QueryKey"}, middleware.AuthBodyKey: {"ApiKey", "UserToken"}, middleware.AuthUpgrade: {"ApiKey", "UserToken"}}[r.Auth]
		var got []string
		if op.Security != nil {
			for _, s := range *op.Security {
				got = append(got, slices.Collect(maps.Keys(s))...)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: credentials (-table +document):\n%s", name, d)
		}
		if (op.RequestBody != nil) != (r.Body > 0) {
			t.Errorf("%s: reads a body: table %v, document %v", name, r.Body > 0, op.RequestBody != nil)
		}
		must := []string{}
		if r.Auth != middleware.AuthNone {
			must = append(must, "401")
		}
		switch r.Auth {
		case middleware.AuthProject, middleware.AuthQueryKey, middleware.AuthBodyKey:
			must = append(must, "400", "404")
		case middleware.AuthMember:
			must = append(must, "404")
		}
		if r.Right != "" {
			must = append(must, "403")
			for _, who := range []string{string(models.ScopeOf(r.Right)), string(models.LeastRole(r.Right))} {
				if who != "" && !strings.Contains(op.Description, "`"+who+"`") {
					t.Errorf("%s: the description does not name %s", name, who)
				}
			}
		}
		if r.Body > 0 {
			must = append(must, "400", "413", "415")
		}
		if r.Limit.Limits() {
			must = append(must, "429")
		}
		if r.Operation != "" {
			must = append(must, "409", "422")
			if !strings.Contains(doc.Components.Parameters["IdempotencyKey"].Value.Description, "`"+r.Operation+"`") {
				t.Errorf("%s: the description of Idempotency-Key does not name the operation %s", name, r.Operation)
			}
		}
		if takes := op.Parameters.GetByInAndName(openapi3.ParameterInHeader, "Idempotency-Key") != nil; takes != (r.Operation != "") {
			t.Errorf("%s: takes an Idempotency-Key: table %v, document %v", name, r.Operation != "", takes)
		}
		for _, status := range must {
			if op.Responses.Value(status) == nil {
				t.Errorf("%s does not document %s", name, status)
			}
		}
	}
	slices.Sort(routes)
	if d := cmp.Diff(slices.Sorted(maps.Keys(documented)), routes); d != "" {
		t.Errorf("routes (-document +table):\n%s", d)
	}
}

// TestContractNamesEveryParameter: the document and the table have the same query parameters, and where nobody looks at them
// there are none.
func TestContractNamesEveryParameter(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, r := range New(Config{}).Routes() {
		name := r.Method + " " + r.Path
		documented := []string{}
		for _, p := range doc.Paths.Value(parameter.ReplaceAllString(r.Path, "{$1}")).Operations()[r.Method].Parameters {
			if p.Value.In == "query" && p.Value.Name != "project_id" {
				several := ""
				if p.Value.Schema.Value.Type.Is("array") {
					several = "..."
				}
				documented = append(documented, p.Value.Name+several)
			}
		}
		known, checked := r.Parameters()
		if !checked {
			if len(documented) > 0 && r.Path != "/v1/sessions/import" { // whose fields may be in a form as well
				t.Errorf("%s: the document has the parameters %v, and nobody looks at them", name, documented)
			}
			continue
		}
		known = slices.Clone(known)
		slices.Sort(known)
		slices.Sort(documented)
		if d := cmp.Diff(documented, known); d != "" {
			t.Errorf("%s: parameters (-document +table):\n%s", name, d)
		}
	}
}

// TestEveryRouteIsMounted as the table has it, and nothing beside.
func TestEveryRouteIsMounted(t *testing.T) {
	t.Parallel()
	a := New(Config{})
	mounted, err := a.Engine()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, r := range mounted.Routes() {
		got = append(got, r.Method+" "+r.Path)
	}
	for _, r := range a.Routes() {
		want = append(want, r.Method+" "+r.Path)
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("routes (-table +mounted):\n%s", d)
	}
}

// TestEveryRepetitionIsSettled: a route makes one thing of a repetition, or says why it need not, and no two share an operation.
func TestEveryRepetitionIsSettled(t *testing.T) {
	t.Parallel()
	operations := map[string]string{}
	for _, r := range New(Config{}).Routes() {
		name := r.Method + " " + r.Path
		if (r.Operation == "") == (r.Harmless == "") {
			t.Errorf("%s says %q and %q about repetitions", name, r.Operation, r.Harmless)
		}
		if r.Operation == "" {
			continue
		}
		if other, twice := operations[r.Operation]; twice {
			t.Errorf("%s and %s share the operation %s", other, name, r.Operation)
		}
		operations[r.Operation] = name
	}
}

// unlimited are the routes without a limit.
var unlimited = map[string]string{
	"/healthz":       "asked by machines every few seconds",
	"/readyz":        "asked by machines every few seconds",
	"/api/health":    "unlimited by its document",
	"/metrics":       "asked by machines every few seconds",
	"/metrics/scale": "asked by machines every few seconds, and read once a second for all",
	"/openapi.yaml":  "a file",
	"/openapi.json":  "a file",
	"/asyncapi.yaml": "a file",
	"/graphql":       "each operation counts by its complexity, once that is known (LimitQueries)",
}

// TestEveryRouteHasALimit or says why it has none.
func TestEveryRouteHasALimit(t *testing.T) {
	t.Parallel()
	for _, r := range New(Config{}).Routes() {
		rule, limited := r.Limit, r.Limit.Limits()
		if why := unlimited[r.Path]; limited == (why != "") {
			t.Errorf("%s %s: limited %v, %q", r.Method, r.Path, limited, why)
		}
		byUser := r.Auth == middleware.AuthJWT || r.Auth == middleware.AuthMember || r.Auth == middleware.AuthOperator
		byKey := rule.Family == models.LimitDecode || rule.Family == models.LimitSessions || rule.Family == models.LimitRegistry || rule.Family == models.LimitDevices
		if limited && (byKey != (strings.HasSuffix(string(r.Auth), "key") || r.Auth == "project") || (rule.Family == models.LimitAccounts) != byUser) {
			t.Errorf("%s %s takes %s and counts as %q", r.Method, r.Path, r.Auth, rule.Family)
		}
	}
}
