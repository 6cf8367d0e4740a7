package app

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/internal/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m,
		// The servers that testkit started live as long as the test process.
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"),
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).Start.func2"),
	)
}

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
	for _, r := range handlers.New(handlers.Config{}).Routes() {
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
		want := map[middleware.Auth][]string{middleware.AuthKey: {"ApiKey"}, middleware.AuthJWT: {"UserToken"},
			middleware.AuthProject:  {"ApiKey", "UserToken"},
			middleware.AuthQueryKey: {"ApiKey", "QueryKey"}, middleware.AuthBodyKey: {"ApiKey"}}[r.Auth]
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
		if r.Auth == middleware.AuthProject {
			must = append(must, "400", "404")
		}
		if r.Scope != "" {
			must = append(must, "403")
			if !strings.Contains(op.Description, "`"+string(r.Scope)+"`") {
				t.Errorf("%s: the description does not name the scope %s", name, r.Scope)
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

// TestContractJudgesRequestsAsTheServerDoes sends requests that the document's schema takes or refuses: the server must
// agree.
func TestContractJudgesRequestsAsTheServerDoes(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	router, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	change := func(section, key string, v any) object {
		body := ssvep()
		if body[section] == nil {
			body[section] = object{}
		}
		if v == nil {
			delete(body[section].(object), key)
		} else {
			body[section].(object)[key] = v
		}
		return body
	}
	for name, tt := range map[string]struct {
		body object
		ok   bool
	}{
		"ssvep":                   {ssvep(), true},
		"motor imagery":           {motorImagery(), true},
		"no input":                {object{}, false},
		"type":                    {change("input", "type", "ecg"), false},
		"no type":                 {change("input", "type", nil), false},
		"encoding":                {change("input", "encoding", "mp3"), false},
		"gdf":                     {change("input", "encoding", "gdf"), true},
		"layout":                  {change("input", "layout", "rows"), false},
		"paradigm":                {change("input", "paradigm", "sleep"), false},
		"channels":                {change("input", "channels", 4), true},
		"no channels at all":      {change("input", "channels", 0), false},
		"513 channels":            {change("input", "channels", 513), false},
		"channels twice":          {change("input", "channels", []string{"O1", "O1"}), false},
		"channels of wrong type":  {change("input", "channels", "four"), false},
		"rate":                    {change("input", "sample_rate", 20001), false},
		"events":                  {change("input", "events", []object{{"onset_s": 1.5, "code": 3}}), true},
		"every trial":             {change("input", "trials", "all"), true},
		"some trials":             {change("input", "trials", "some"), false},
		"classes of events":       {change("input", "event_classes", object{"7": "left_hand"}), true},
		"an empty class":          {change("input", "event_classes", object{"7": ""}), false},
		"some word for events":    {change("input", "events", "some"), false},
		"event before the start":  {change("input", "events", []object{{"onset_s": -1, "code": 3}}), false},
		"event of a wrong type":   {change("input", "events", []object{{"onset_s": "1", "code": 3}}), false},
		"model":                   {change("input", "model", "ssvep-fbcca@1"), true},
		"model of another shape":  {change("input", "model", "a b"), false},
		"no targets":              {change("input", "stimulus", object{"targets": []object{}}), false},
		"empty symbol":            {change("input", "stimulus", object{"matrix": [][]string{{""}}}), false},
		"matrix":                  {change("input", "stimulus", object{"matrix": [][]string{{"A", "B"}}, "flashes": object{"1": []string{"A"}}}), true},
		"format":                  {change("output", "format", "xml"), false},
		"diagnostics":             {change("output", "include_diagnostics", true), true},
		"diagnostics of a string": {change("output", "include_diagnostics", "yes"), false},
		"ui_mode":                 {change("context", "ui_mode", "my_app"), true},
		"ui_mode of words":        {change("context", "ui_mode", "my app"), false},
		"history":                 {change("context", "session_history", []string{"a"}), true},
		"history of numbers":      {change("context", "session_history", []int{1}), false},
		"free key":                {change("context", "anything", object{"x": 1}), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := json.Marshal(tt.body)
			if err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), "POST", "/api/v1/neuro/decode", bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			route, params, err := router.FindRoute(req)
			if err != nil {
				t.Fatal(err)
			}
			bySchema := openapi3filter.ValidateRequest(context.Background(), &openapi3filter.RequestValidationInput{
				Request: req, PathParams: params, Route: route,
				Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
			})
			if (bySchema == nil) != tt.ok {
				t.Errorf("the document's schema takes it: %v (%v)", bySchema == nil, bySchema)
			}
			if a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, b); (a.StatusCode == 202) != tt.ok {
				t.Errorf("the server: %d %s", a.StatusCode, a.body)
			}
		})
	}
}

// TestContractCheckBites shows that the check on every answer of these tests refuses wrong ones.
func TestContractCheckBites(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]answer{
		"status that is not documented": {&http.Response{StatusCode: 418, Header: http.Header{}}, []byte(`{}`)},
		"field that is not documented":  accepted(`{"id":"req_pi_0190a4a6-0000-7000-8000-000000000000","object":"job","status":"queued","created_at":1,"data":{"job_id":"0190a4a6-0000-7000-8000-000000000000"},"x":1}`),
		"missing field":                 accepted(`{"id":"req_pi_0190a4a6-0000-7000-8000-000000000000","object":"job","status":"queued","created_at":1}`),
		"wrong id":                      accepted(`{"id":"req_0190a4a6-0000-7000-8000-000000000000","object":"job","status":"queued","created_at":1,"data":{"job_id":"0190a4a6-0000-7000-8000-000000000000"}}`),
	} {
		rec := &recorder{TB: t}
		new(server).checkContract(rec, "POST", "/api/v1/neuro/decode", a)
		if !rec.failed {
			t.Errorf("%s passed", name)
		}
	}
	rec := &recorder{TB: t}
	good := accepted(`{"id":"req_pi_0190a4a6-0000-7000-8000-000000000000","object":"job","status":"queued","created_at":1,"data":{"job_id":"0190a4a6-0000-7000-8000-000000000000"}}`)
	if new(server).checkContract(rec, "POST", "/api/v1/neuro/decode", good); rec.failed {
		t.Error("a right answer was refused")
	}
}

func accepted(body string) answer {
	return answer{&http.Response{StatusCode: 202, Header: http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"r"}}}, []byte(body)}
}

// recorder notes that a check failed instead of failing the test.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Helper()               {}
