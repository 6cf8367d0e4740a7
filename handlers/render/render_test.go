package render_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

func TestFamilyOf(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]render.Family{
		"/api/v1/neuro/decode":             render.Envelope,
		"/api/v1/jobs/x":                   render.Envelope,
		"/v2/devices":                      render.Devices,
		"/v20":                             render.Envelope,
		"/nowhere":                         render.Envelope,
		"/":                                render.Envelope,
		"/v1":                              render.Problem,
		"/v1/auth/login":                   render.Problem,
		"/v1/projects/x/keys":              render.Problem,
		"/v1/models/list":                  render.Registry,
		"/v1/models/list/":                 render.Registry,
		"/v1/models":                       render.Problem,
		"/v1/models/x/versions/1/download": render.Registry,
		"/v1/models/lists":                 render.Registry,
		"/v10/x":                           render.Envelope,
		"/api/v1/../../v1/projects":        render.Envelope,
	} {
		if got := render.FamilyOf(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 1, 15, 10, 30, 45, 123e6, time.UTC)
	field := models.InvalidField(models.At("input", "type"), "not_allowed", "must be eeg")
	detailed := &models.Error{Code: models.PayloadTooLarge, Details: map[string]any{"limit_bytes": 5}}
	tests := []struct {
		name   string
		family render.Family
		err    *models.Error
		status int
		media  string
		want   string
	}{
		{"envelope", render.Envelope, models.NewError(models.JobNotFound), 404, "application/json; charset=utf-8",
			`{"error":{"code":"job_not_found","message":"There is no such job.","details":{},"request_id":"r1","timestamp":"2024-01-15T10:30:45.123Z"}}`},
		{"envelope with a field", render.Envelope, field, 400, "application/json; charset=utf-8",
			`{"error":{"code":"invalid_request_body","message":"The request body is not valid. /input/type: must be eeg.","details":{"fields":[{"pointer":"/input/type","code":"not_allowed","message":"must be eeg"}]},"request_id":"r1","timestamp":"2024-01-15T10:30:45.123Z"}}`},
		{"envelope with numbers", render.Envelope, detailed, 413, "application/json; charset=utf-8",
			`{"error":{"code":"payload_too_large","message":"The request body is too large.","details":{"limit_bytes":5},"request_id":"r1","timestamp":"2024-01-15T10:30:45.123Z"}}`},
		{"problem", render.Problem, models.NewError(models.EmailTaken), 409, "application/problem+json",
			`{"type":"about:blank","title":"Conflict","status":409,"detail":"An account with this e-mail already exists.","code":"email_taken","request_id":"r1"}`},
		{"problem with a field", render.Problem, field, 400, "application/problem+json",
			`{"type":"about:blank","title":"Bad Request","status":400,"detail":"The request body is not valid. /input/type: must be eeg.","code":"invalid_request_body","errors":[{"pointer":"/input/type","code":"not_allowed","message":"must be eeg"}],"request_id":"r1"}`},
		{"registry", render.Registry, models.NewError(render.MethodNotAllowed), 405, "application/json; charset=utf-8",
			`{"error":"This path does not allow this method.","code":"METHOD_NOT_ALLOWED"}`},
		{"registry with a name of its own", render.Registry, models.NewError(models.Internal), 500, "application/json; charset=utf-8",
			`{"error":"Something went wrong on our side.","code":"SERVER_ERROR"}`},
		{"devices", render.Devices, models.Errorf(models.RateLimited, "Rate limit exceeded. Retry after 42 seconds."), 429, "application/json; charset=utf-8",
			`{"error":{"code":"RATE_LIMIT_EXCEEDED","message":"Rate limit exceeded. Retry after 42 seconds.","details":{},"request_id":"r1","timestamp":"2024-01-15T10:30:45.123Z"}}`},
		{"a detail that JSON cannot hold", render.Envelope, &models.Error{Code: models.NotFound, Details: map[string]any{"x": math.NaN()}}, 404, "application/json; charset=utf-8",
			`{"error":{"code":"not_found","message":"There is nothing at this path.","details":{},"request_id":"r1","timestamp":"2024-01-15T10:30:45.123Z"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, media, body := render.Body(tt.family, tt.err, "r1", now)
			if status != tt.status || media != tt.media {
				t.Errorf("status %d, media type %s", status, media)
			}
			if d := cmp.Diff(tt.want+"\n", string(body)); d != "" {
				t.Errorf("body (-want +got):\n%s", d)
			}
		})
	}
}

// TestEveryCodeRenders walks the error table through every family.
func TestEveryCodeRenders(t *testing.T) {
	t.Parallel()
	for _, code := range render.Codes() {
		for _, f := range []render.Family{render.Envelope, render.Devices, render.Problem, render.Registry} {
			status, _, body := render.Body(f, models.NewError(code), "r", time.Now())
			if want := render.Status(models.NewError(code)); status != want || want < 400 || want > 599 {
				t.Errorf("%s: status %d, want %d", code, status, want)
			}
			if message := render.Message(code); message == "" || !json.Valid(body) || !strings.Contains(string(body), message) {
				t.Errorf("%s in %s: %s", code, f, body)
			}
		}
	}
}

func TestErrorHidesCauses(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/api/v1/jobs", "/v1/projects", "/v1/models/list"} {
		w := httptest.NewRecorder()
		e := render.Error(render.FamilyOf(path), w, "r1", errors.New("pq: password of admin is hunter2"))
		if e.Code != models.Internal || w.Code != 500 || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestErrorHeaders(t *testing.T) {
	t.Parallel()
	scoped := &models.Error{Code: models.InsufficientScope, Details: map[string]any{"scope": "decode"}}
	tests := []struct {
		err          *models.Error
		header, want string
	}{
		{models.NewError(models.MissingCredentials), "WWW-Authenticate", `Bearer realm="neurod"`},
		{models.NewError(models.InvalidAPIKey), "WWW-Authenticate", `Bearer realm="neurod", error="invalid_token"`},
		{models.NewError(models.ExpiredToken), "WWW-Authenticate", `Bearer realm="neurod", error="invalid_token"`},
		{scoped, "WWW-Authenticate", `Bearer realm="neurod", error="insufficient_scope", scope="decode"`},
		{models.NewError(models.ProjectMismatch), "WWW-Authenticate", ""},
		{&models.Error{Code: models.RateLimited, RetryAfter: 1500 * time.Millisecond}, "Retry-After", "2"},
		{models.NewError(models.RateLimited), "Retry-After", ""},
	}
	w := httptest.NewRecorder()
	w.Header()["X-RateLimit-Remaining"] = []string{"7"} // of another limit, that did not refuse
	refused := models.Quota{Limit: 120, Reset: time.Unix(1_700_000_000, 0)}
	render.Error(render.Problem, w, "r1", &models.Error{Code: models.RateLimited, Quota: refused})
	for name, want := range map[string]string{"X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000000"} {
		if got := w.Header()[name]; len(got) != 1 || got[0] != want { // spelled as in the documents
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		render.Error(render.Envelope, w, "r1", tt.err)
		if got := w.Header().Get(tt.header); got != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.err.Code, tt.header, got, tt.want)
		}
	}
}

// Messages are read by people: a sentence ends once, and what is left out is counted within it.
func TestMessagesEndOnce(t *testing.T) {
	t.Parallel()
	asked := models.FieldError{Path: models.At("input", "stimulis"), Code: "unknown_field", Message: `is not a field of this object; did you mean "stimulus"?`}
	told := models.FieldError{Path: models.At("input", "type"), Code: "not_allowed", Message: "must be eeg"}
	for want, fields := range map[string][]models.FieldError{
		`/input/stimulis: is not a field of this object; did you mean "stimulus"?`: {asked},
		"/input/type: must be eeg.":              {told},
		"/input/type: must be eeg (and 1 more).": {told, asked},
	} {
		_, _, body := render.Body(render.Problem, &models.Error{Code: models.InvalidRequestBody, Fields: fields}, "r", time.Now())
		var got struct{ Detail string }
		if err := json.Unmarshal(body, &got); err != nil || !strings.HasSuffix(got.Detail, " "+want) {
			t.Errorf("%q, want it to end with %q (%v)", got.Detail, want, err)
		}
	}
}

// TestEveryClassHasAStatus: a class without one would be answered as a fault of ours.
func TestEveryClassHasAStatus(t *testing.T) {
	t.Parallel()
	seen := map[int]models.Class{}
	for _, entry := range models.ErrorTable {
		if entry.Class == "" {
			continue
		}
		status := render.StatusOf(entry.Class)
		if before, there := seen[status]; status == 0 || there && before != entry.Class {
			t.Errorf("%s: status %d, as %s", entry.Class, status, before)
		}
		if entry.Class.Ours() != (status >= 500) {
			t.Errorf("%s: status %d, and ours is %v", entry.Class, status, entry.Class.Ours())
		}
		seen[status] = entry.Class
	}
	for _, code := range render.Codes() {
		if e := models.NewError(code); models.ErrorTable[code].Class != "" && e.Class().Ours() != (render.Status(e) >= 500) {
			t.Errorf("%s: status %d of class %s", code, render.Status(e), e.Class())
		}
	}
}

// TestStoredDetails: wrong fields of failed jobs are kept by their paths, and shown by pointer; those of earlier versions were
// kept by pointer.
func TestStoredDetails(t *testing.T) {
	t.Parallel()
	details, err := json.Marshal(map[string]any{"limit": 4, "fields": []models.FieldError{
		{Path: models.At("input", "channels").Index(3), Code: "duplicate", Message: "is <3>"}, {Code: "type", Message: "must be an object"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ stored, want string }{
		"paths":          {string(details), `{"fields":[{"pointer":"/input/channels/3","code":"duplicate","message":"is \u003c3\u003e"},{"pointer":"","code":"type","message":"must be an object"}],"limit":4}`},
		"pointers":       {`{"fields":[{"pointer":"/input/a~1b","code":"type","message":"m"}],"limit":4}`, `{"fields":[{"pointer":"/input/a~1b","code":"type","message":"m"}],"limit":4}`},
		"others' fields": {`{"fields":["a"]}`, `{"fields":["a"]}`},
		"none":           {`{"attempts": 3}`, `{"attempts": 3}`},
		"nothing":        {``, ``},
	} {
		if got := string(render.StoredDetails(models.InvalidRequestBody, json.RawMessage(tt.stored))); got != tt.want {
			t.Errorf("%s: %s became %s, want %s", name, tt.stored, got, tt.want)
		}
	}
}

// TestLongPointers: what a caller's names make long is cut where people stop reading, at once and from a failed job alike.
func TestLongPointers(t *testing.T) {
	t.Parallel()
	for _, path := range []models.Path{
		models.At("data").Name(strings.Repeat("é/", 200)).Index(7), models.At(strings.Repeat("a", 199), "b"), models.At(strings.Repeat("a", 256), "b"), models.At("é", strings.Repeat("b", 255)),
	} {
		whole := strictjson.Pointer(path)
		want := models.Cut(whole, 200)
		field := models.FieldError{Path: path, Code: "c", Message: "m"}
		_, _, body := render.Body(render.Problem, &models.Error{Code: models.InvalidRequestBody, Fields: []models.FieldError{field}}, "r", time.Now())
		kept, err := json.Marshal(map[string]any{"fields": models.Bounded([]models.FieldError{field})})
		if err != nil {
			t.Fatal(err)
		}
		stored := render.StoredDetails(models.InvalidRequestBody, kept)
		for _, b := range [][]byte{body, stored} {
			if !strings.Contains(string(b), `"pointer":"`+want+`"`) {
				t.Errorf("%s: %s, want %s", whole, b, want)
			}
		}
	}
}

// TestStoredMessages: what failed jobs keep says nothing of HTTP, and HTTP clients get its words.
func TestStoredMessages(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]string{
		models.NewError(models.InvalidRequestBody).Text(): "The request body is not valid.",
		"The request body is not valid.":                  "The request body is not valid.", // as earlier versions stored it
		"None of the 3 items is valid.":                   "None of the 3 items is valid.",
	} {
		if got := render.Stored(models.InvalidRequestBody, stored); got != want {
			t.Errorf("%q became %q, want %q", stored, got, want)
		}
	}
}
