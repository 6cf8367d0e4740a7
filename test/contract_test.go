package test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
)

// TestContractJudgesRequestsAsTheServerDoes sends requests that the document's schema takes or refuses: the server must
// agree.
func TestContractJudgesRequestsAsTheServerDoes(t *testing.T) {
	t.Parallel()
	s := embedded(t)
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
